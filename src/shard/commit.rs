//! The one path by which data changes.
//!
//! A change set arrives complete and checked; applying it cannot fail. A journal will
//! stand here.

use super::{Posts, Shard};
use crate::base::ids::{BucketId, CoreId};
use crate::base::limits::{FREED_RECORDS_MAX, FREED_RECORDS_PER_WRITE};
use crate::message::{Mail, PushSet};
use crate::reactive::Update;
use crate::store::{Change, View, Writes};
use smallvec::{SmallVec, smallvec};

/// What is to be told, one set per core. Cores are few, so that a search beats a tree.
type Told = SmallVec<[(CoreId, PushSet); 1]>;

/// What the live queries of a bucket have not seen yet.
pub(super) enum Untold {
    Changes(SmallVec<[Change; 1]>),
    /// All records have gone, and whatever has come since: to be looked at anew.
    Cleared,
}

impl Default for Untold {
    fn default() -> Self {
        Self::Changes(SmallVec::new())
    }
}

impl Shard {
    /// Makes the changes visible, all at one instant (S-145). Those who watch are told when the
    /// input has been handled completely ([`Shard::publish`]).
    pub(super) fn commit(&mut self, changes: impl IntoIterator<Item = (BucketId, Writes)>) {
        for (id, mut writes) in changes {
            let bucket = self.buckets.get_mut(&id).expect("a change names a bucket that lives here");
            bucket.evict(&mut writes); // S-193: after every check, in the same change set
            let (written, before) = (writes.len(), bucket.text_bytes());
            let hears = self.listeners.hear(id);
            let mut untold = self.live.watches(id).then(|| self.untold.entry(id).or_default());
            for write in writes {
                if !hears && untold.is_none() {
                    if let (_, Some(replaced)) = bucket.apply(write) {
                        self.lent.free(replaced);
                    }
                    continue;
                }
                let change = bucket.apply_watched(write);
                if hears {
                    self.listeners.changed(id, bucket.definition(), &change);
                }
                if let Some(Untold::Changes(untold)) = &mut untold {
                    untold.push(change);
                }
            }
            self.grown_bytes += bucket.text_bytes().saturating_sub(before) as u64;
            if !self.remains.is_empty() {
                self.remains.free(written * FREED_RECORDS_PER_WRITE);
            }
            self.note_expiry(id);
        }
    }

    /// Removes all records of a bucket at one instant (S-95, S-96). O(1), but for those who listen;
    /// what the records take is freed later.
    pub(super) fn clear(&mut self, id: BucketId) {
        let bucket = self.buckets.get_mut(&id).expect("a change names a bucket that lives here");
        if self.live.watches(id) && !bucket.is_empty() {
            self.untold.insert(id, Untold::Cleared);
        }
        self.listeners.clear(id, bucket);
        bucket.clear(&mut self.remains);
        self.free_remains();
    }

    /// Frees some of what is left of cleared and dropped buckets.
    pub fn free_remains(&mut self) {
        self.remains.free(FREED_RECORDS_MAX);
    }

    /// Text by which commits have made buckets longer, ever, in bytes.
    pub fn grown_bytes(&self) -> u64 {
        self.grown_bytes
    }

    /// Whether there is more to free.
    pub fn has_remains(&self) -> bool {
        !self.remains.is_empty()
    }

    /// Brings the live queries up to date with everything that has been committed, and tells those
    /// who watch: at most one push per live query, one mail per core that has subscribers.
    ///
    /// Called once at the end of every input: changes that came in together are evaluated together
    /// (S-144), and every answer has been posted before the pushes that its request causes (P-125).
    pub fn publish(&mut self, out: &mut Posts) {
        if self.untold.is_empty() {
            return;
        }
        let mut told = Told::new();
        let buckets: SmallVec<[BucketId; 4]> = self.untold.keys().copied().collect();
        for id in buckets {
            if !self.locks.write_to(id) {
                self.refresh_bucket(id, &mut told);
            } else if self.refreshing.insert(id) {
                // A transaction that is undecided here may be visible on another core already: a
                // result without it would contradict what its subscriber has seen there.
                self.refresh_later(id);
            }
        }
        post(told, out);
    }

    /// Tells what could not be told while writers of the bucket were undecided.
    pub(super) fn refresh(&mut self, id: BucketId, out: &mut Posts) {
        self.refreshing.remove(&id);
        self.publish_bucket(id, out);
    }

    /// Tells of one bucket now. No writer of it is undecided.
    pub(super) fn publish_bucket(&mut self, id: BucketId, out: &mut Posts) {
        let mut told = Told::new();
        self.refresh_bucket(id, &mut told);
        post(told, out);
    }

    fn refresh_bucket(&mut self, id: BucketId, told: &mut Told) {
        let Some(untold) = self.untold.remove(&id) else { return };
        let view = View::committed(&self.buckets[&id]);
        let tell = |update: Update<'_>| {
            for (core, _) in update.cores {
                let news = (update.live, update.answer.clone());
                match told.iter_mut().find(|(other, _)| other == core) {
                    Some((_, set)) => set.updates.push(news),
                    None => told.push((*core, PushSet { updates: smallvec![news] })),
                }
            }
        };
        match untold {
            Untold::Changes(changes) => self.live.committed(id, &changes, view, tell),
            Untold::Cleared => self.live.cleared(id, view, tell),
        }
    }
}

fn post(told: Told, out: &mut Posts) {
    out.extend(told.into_iter().map(|(core, set)| (core, Mail::Push(set))));
}
