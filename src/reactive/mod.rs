//! Live queries: who asks the same question shares one answer, brought up to date once.
//!
//! A change is looked up by its values in an index of what the live queries ask for
//! (`index.rs`), so that its cost does not depend on those that it cannot touch. Those that it
//! touches follow it change by change where the read allows it (`upkeep`), and a result that
//! differs is serialised once for all subscribers on all cores. Knows no connections: subscribers
//! are counted per core.

mod index;
mod live;
mod upkeep;

use crate::base::bytes::Body;
use crate::base::ids::{BucketId, CoreId, LiveId};
use crate::query::Bound;
use crate::store::{Change, View};
use hashbrown::HashTable;
use index::Index;
use live::Live;
use std::collections::{BTreeMap, HashMap};

/// All live queries over the buckets of one core.
pub struct LiveQueries {
    last_id: u64,
    live: HashMap<LiveId, Box<Live>, ahash::RandomState>,
    /// A question stands once, in its live query.
    by_question: HashTable<LiveId>,
    by_bucket: BTreeMap<BucketId, Watched>,
    hasher: ahash::RandomState,
    /// Where results are written before it is known whether they differ.
    scratch: Vec<u8>,
}

/// The live queries of one bucket.
struct Watched {
    index: Index,
    count: usize,
    statistics: Statistics,
}

/// What the live queries of a bucket have cost so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Live queries that were looked at because a change might touch them, once per change.
    pub examined: u64,
    /// Live queries whose answers have become others.
    pub updated: u64,
}

/// A live query whose answer is new, and the cores that have to know.
pub struct Update<'a> {
    /// Which one.
    pub live: LiveId,
    /// Its answer now.
    pub answer: &'a Body,
    /// Where its subscribers are.
    pub cores: &'a [(CoreId, u32)],
}

/// How a live query is found and kept up to date, for operators.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation<'a> {
    /// What is asked.
    pub bound: &'a Bound,
    /// The properties (names with quotes; empty = the key field) by whose values changes find it;
    /// none = every change does. `None` = it can match no record.
    pub index: Option<Vec<&'a [u8]>>,
    /// What is kept: `count`, `sum`, `extremes`, `rows`, or nothing (`evaluated`).
    pub upkeep: &'static str,
    /// On all cores.
    pub subscribers: u64,
    /// How often its answer was put together.
    pub evaluations: u64,
    /// How often it was another one.
    pub updates: u64,
}

/// A result buffer larger than this is given back after use, bytes.
const SCRATCH_BYTES_KEPT: usize = 1024 * 1024;

impl LiveQueries {
    /// None yet. The seed keys the hashes.
    pub fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, seed.rotate_left(16), !seed, 0x5851_f42d_4c95_7f2d);
        Self {
            last_id: 0,
            live: HashMap::with_hasher(hasher.clone()),
            by_question: HashTable::new(),
            by_bucket: BTreeMap::new(),
            hasher,
            scratch: Vec::new(),
        }
    }

    /// How many distinct questions are live.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether nobody subscribes to anything.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Whether anybody subscribes to something of the bucket.
    pub fn watches(&self, bucket: BucketId) -> bool {
        self.by_bucket.get(&bucket).is_some_and(|watched| watched.count > 0)
    }

    /// What those of a bucket have cost.
    pub fn statistics(&self, bucket: BucketId) -> Statistics {
        self.by_bucket.get(&bucket).map(|watched| watched.statistics).unwrap_or_default()
    }

    /// How a live query works; `None` if it has ended.
    pub fn explain(&self, id: LiveId) -> Option<Explanation<'_>> {
        Some(self.live.get(&id)?.explain())
    }

    /// One more subscriber on `core`. The answer is the state of `view`, and every later
    /// change of it yields an [`Update`] (S-136). Every change until now has been passed to
    /// [`Self::committed`].
    pub fn subscribe(&mut self, bound: Bound, view: View<'_>, core: CoreId) -> (LiveId, Body) {
        let hash = self.hasher.hash_one(&bound);
        let known = self.by_question.find(hash, |id| self.live[id].bound == bound).copied();
        let id = known.unwrap_or_else(|| self.start(bound, hash, view));
        let live = self.live.get_mut(&id).expect("a known question is live");
        match live.subscribers.iter_mut().find(|(at, _)| *at == core) {
            Some((_, count)) => *count += 1,
            None => live.subscribers.push((core, 1)),
        }
        (id, live.answer.clone())
    }

    /// One subscriber on `core` has left; the last one ends the live query. Nothing happens if it
    /// has ended already, with its bucket.
    ///
    /// # Panics
    /// If a live query has none on that core: every leave answers a subscribe.
    pub fn leave(&mut self, id: LiveId, core: CoreId) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let at = live.subscribers.iter().position(|(at, _)| *at == core).expect("leaving from where one is");
        live.subscribers[at].1 -= 1;
        if live.subscribers[at].1 == 0 {
            live.subscribers.remove(at);
        }
        if live.subscribers.is_empty() {
            self.end(id);
        }
    }

    /// Ends all live queries of a bucket that is dropped (S-157). Returns them with the cores of
    /// their subscribers, in order of creation.
    pub fn end_bucket(&mut self, bucket: BucketId) -> Vec<(LiveId, CoreId)> {
        let of_bucket = self.live.iter().filter(|(_, live)| live.bound.bucket == bucket);
        let mut ids: Vec<LiveId> = of_bucket.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        let mut ended = Vec::new();
        for id in ids {
            ended.extend(self.live[&id].subscribers.iter().map(|(core, _)| (id, *core)));
            self.end(id);
        }
        self.by_bucket.remove(&bucket);
        ended
    }

    /// A bucket has another definition. Nobody is told (S-131). O(live queries × records).
    pub fn redefined(&mut self, bucket: BucketId, view: View<'_>) {
        if let Some(watched) = self.by_bucket.get_mut(&bucket) {
            watched.index.redefine(view.definition());
            let of_bucket = self.live.values_mut().filter(|live| live.bound.bucket == bucket);
            of_bucket.for_each(|live| live.restart(view));
        }
    }

    /// Brings the live queries of a bucket up to date after a commit, in order of creation,
    /// and tells of those whose answer differs from the last one (S-141, S-145).
    ///
    /// O(changes × live queries found by the index), and putting together the answers of those
    /// that are touched.
    pub fn committed(
        &mut self,
        bucket: BucketId,
        changes: &[Change],
        view: View<'_>,
        tell: impl FnMut(Update<'_>),
    ) {
        let Some(watched) = self.by_bucket.get_mut(&bucket) else { return };
        let mut due = Vec::new();
        for change in changes {
            let touched = watched.index.touched(change.before.as_ref(), change.after.as_ref());
            watched.statistics.examined += touched.len() as u64;
            for touched in touched {
                let live = self.live.get_mut(&touched.live).expect("indexed is live");
                if live.apply(change, touched, view) && !std::mem::replace(&mut live.is_due, true) {
                    due.push(touched.live);
                }
            }
        }
        self.refresh(bucket, due, view, tell);
    }

    /// The same after a bucket has been cleared, whatever has been written since: nothing of what
    /// was there is looked at (S-96). O(live queries of the core + records there are).
    pub fn cleared(&mut self, bucket: BucketId, view: View<'_>, tell: impl FnMut(Update<'_>)) {
        let Some(watched) = self.by_bucket.get_mut(&bucket) else { return };
        let of_bucket = self.live.iter_mut().filter(|(_, live)| live.bound.bucket == bucket);
        let restarted = of_bucket.map(|(id, live)| {
            live.restart(view);
            *id
        });
        let due: Vec<LiveId> = restarted.collect();
        watched.statistics.examined += due.len() as u64;
        self.refresh(bucket, due, view, tell);
    }

    fn refresh(
        &mut self,
        bucket: BucketId,
        mut due: Vec<LiveId>,
        view: View<'_>,
        mut tell: impl FnMut(Update<'_>),
    ) {
        let watched = self.by_bucket.get_mut(&bucket).expect("the caller has seen it");
        due.sort_unstable();
        for id in due {
            let live = self.live.get_mut(&id).expect("just seen");
            live.is_due = false;
            if live.refresh(view, &mut self.scratch) {
                watched.statistics.updated += 1;
                tell(Update { live: id, answer: &live.answer, cores: &live.subscribers });
            }
        }
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
    }

    fn start(&mut self, bound: Bound, hash: u64, view: View<'_>) -> LiveId {
        self.last_id += 1;
        let id = LiveId(self.last_id);
        let bucket = bound.bucket;
        let live = Box::new(Live::new(bound, view, &mut self.scratch));
        let hasher = &self.hasher;
        let watched = self.by_bucket.entry(bucket).or_insert_with(|| Watched {
            index: Index::new(hasher.clone()),
            count: 0,
            statistics: Statistics::default(),
        });
        watched.count += 1;
        if let Some(equalities) = live.equalities() {
            watched.index.insert(id, equalities, view.definition());
        }
        self.live.insert(id, live);
        let all = &self.live;
        self.by_question.insert_unique(hash, id, |id| hasher.hash_one(&all[id].bound));
        id
    }

    fn end(&mut self, id: LiveId) {
        let live = self.live.get(&id).expect("ending what is live");
        let watched = self.by_bucket.get_mut(&live.bound.bucket).expect("counted under its bucket");
        if let Some(equalities) = live.equalities() {
            watched.index.remove(id, equalities);
        }
        watched.count -= 1;
        let hash = self.hasher.hash_one(&live.bound);
        self.by_question.find_entry(hash, |other| *other == id).expect("found by its question").remove();
        self.live.remove(&id);
    }
}

#[cfg(test)]
mod tests;
