//! Live queries: who asks the same question shares one answer, brought up to date once.
//!
//! A change is tested against the question's predicate; only questions that it can
//! touch are evaluated again, each once, and a result is serialised once for all
//! subscribers on all cores. Knows no connections: subscribers are counted per core.

use crate::base::bytes::Body;
use crate::base::ids::{BucketId, CoreId, LiveId};
use crate::query::Bound;
use crate::store::{Question, Read, Record, View};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// All live queries over the buckets of one core.
pub struct LiveQueries {
    last_id: u64,
    live: BTreeMap<LiveId, Live>,
    by_question: HashMap<Bound, LiveId, ahash::RandomState>,
    by_bucket: BTreeMap<BucketId, BTreeSet<LiveId>>,
    hasher: ahash::RandomState,
}

struct Live {
    bound: Bound,
    /// The answer as of the last commit.
    answer: Body,
    /// Subscribers per core.
    subscribers: SmallVec<[(CoreId, u32); 2]>,
}

/// One record before and after a commit; both absent is impossible.
pub struct Change {
    /// The committed record, if there was one.
    pub before: Option<Record>,
    /// The record now, if there is one.
    pub after: Option<Record>,
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

impl LiveQueries {
    /// None yet. The seed keys the hashes.
    pub fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, seed.rotate_left(16), !seed, 0x5851_f42d_4c95_7f2d);
        Self {
            last_id: 0,
            live: BTreeMap::new(),
            by_question: HashMap::with_hasher(hasher.clone()),
            by_bucket: BTreeMap::new(),
            hasher,
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
        self.by_bucket.contains_key(&bucket)
    }

    /// One more subscriber on `core`. The answer is the state of `view`, and every later
    /// change of it yields an [`Update`] (S-136).
    pub fn subscribe(&mut self, bound: Bound, view: View<'_>, core: CoreId) -> (LiveId, Body) {
        let id = self.by_question.get(&bound).copied().unwrap_or_else(|| self.start(bound, view));
        let live = self.live.get_mut(&id).expect("a known question is live");
        match live.subscribers.iter_mut().find(|(at, _)| *at == core) {
            Some((_, count)) => *count += 1,
            None => live.subscribers.push((core, 1)),
        }
        (id, live.answer.clone())
    }

    /// Ends the live queries of a bucket that goes, in order of creation (S-157). Returns them
    /// with the cores where their subscribers are.
    pub fn end_bucket(&mut self, bucket: BucketId) -> Vec<(LiveId, CoreId)> {
        let mut ended = Vec::new();
        for id in self.by_bucket.remove(&bucket).unwrap_or_default() {
            let live = self.live.remove(&id).expect("listed is live");
            self.by_question.remove(&live.bound);
            ended.extend(live.subscribers.iter().map(|(core, _)| (id, *core)));
        }
        ended
    }

    /// One subscriber on `core` has left; the last one ends the live query. Who leaves a query
    /// that has ended with its bucket meanwhile is late, and that is all.
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
            let live = self.live.remove(&id).expect("just seen");
            self.by_question.remove(&live.bound);
            let bucket = self.by_bucket.get_mut(&live.bound.bucket).expect("listed under its bucket");
            bucket.remove(&id);
            if bucket.is_empty() {
                self.by_bucket.remove(&live.bound.bucket);
            }
        }
    }

    /// Brings the live queries of a bucket up to date after a commit, in order of creation,
    /// and tells of those whose answer differs from the last one (S-141, S-145).
    pub fn committed(
        &mut self,
        bucket: BucketId,
        changes: &[Change],
        view: View<'_>,
        mut tell: impl FnMut(Update<'_>),
    ) {
        let Some(ids) = self.by_bucket.get(&bucket) else { return };
        for id in ids {
            let live = self.live.get_mut(id).expect("listed is live");
            if !touches(&live.bound, changes, view) {
                continue;
            }
            let mut json = Vec::with_capacity(live.answer.json().len() + 256);
            live.bound.question.evaluate(view, &mut json);
            if json != live.answer.json() {
                let digest = self.hasher.hash_one(&json);
                live.answer = Body::new(json, digest);
                tell(Update { live: *id, answer: &live.answer, cores: &live.subscribers });
            }
        }
    }

    fn start(&mut self, bound: Bound, view: View<'_>) -> LiveId {
        self.last_id += 1;
        let id = LiveId(self.last_id);
        let mut json = Vec::new();
        bound.question.evaluate(view, &mut json);
        let digest = self.hasher.hash_one(&json);
        self.by_question.insert(bound.clone(), id);
        self.by_bucket.entry(bound.bucket).or_default().insert(id);
        self.live.insert(id, Live { bound, answer: Body::new(json, digest), subscribers: SmallVec::new() });
        id
    }
}

/// Whether the changes can alter the answer: some record is among the matching ones before
/// or after. A count changes only if a record comes to match or ceases to.
fn touches(bound: &Bound, changes: &[Change], view: View<'_>) -> bool {
    let Question { filter, read } = &bound.question;
    let matcher = filter.matcher(view.definition());
    changes.iter().any(|change| {
        let matches = |record: &Option<Record>| record.as_ref().is_some_and(|record| matcher.matches(record));
        let (before, after) = (matches(&change.before), matches(&change.after));
        match read {
            Read::Count => before != after,
            // Its cursor may be a record that does not match.
            Read::Page { after: Some(_), .. } => true,
            Read::Get(key) => {
                let record = change.after.as_ref().or(change.before.as_ref());
                record.is_some_and(|record| record.key(view.definition()).as_bytes() == &key[..])
            }
            _ => before || after,
        }
    })
}
