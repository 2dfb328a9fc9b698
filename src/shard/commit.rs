//! The one path by which data changes.
//!
//! A change set arrives complete and checked; applying it cannot fail. A journal will
//! stand here.

use super::{Posts, Shard};
use crate::base::bytes::Body;
use crate::base::ids::{BucketId, CoreId, LiveId};
use crate::message::{Mail, PushSet};
use crate::reactive::Change;
use crate::store::{Bucket, View, Write};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// The changes of one commit to one bucket, in the order in which they apply.
pub(super) type Writes = SmallVec<[Write; 1]>;

/// What is to be told, by core.
type Told = BTreeMap<CoreId, SmallVec<[(LiveId, Body); 1]>>;

impl Shard {
    /// Makes the changes visible, all at one instant, and tells those who watch: at most one
    /// push per live query, one mail per core that has subscribers (S-145).
    ///
    /// The answer to the request has been posted before, so that it precedes the pushes (P-125).
    pub(super) fn commit(&mut self, changes: impl IntoIterator<Item = (BucketId, Writes)>, out: &mut Posts) {
        let mut told = Told::new();
        for (id, writes) in changes {
            if writes.is_empty() {
                continue; // a transaction only looked at this bucket (S-182)
            }
            let bucket = self.buckets.get_mut(&id).expect("a change names a bucket that lives here");
            let changes: SmallVec<[Change; 1]> =
                writes.into_iter().map(|write| apply(bucket, write)).collect();
            if !self.live.watches(id) {
                continue;
            }
            let untold = self.untold.entry(id).or_default();
            let is_first = untold.is_empty();
            untold.extend(changes);
            if !self.locks.all().write_to(id) {
                self.update_live(id, &mut told);
            } else if is_first {
                // A transaction that is undecided here may be visible on another core already: a
                // result without it would contradict what its subscriber has seen there.
                self.refresh_later(id);
            }
        }
        post(told, out);
    }

    /// Tells what could not be told while writers of the bucket were undecided.
    pub(super) fn refresh(&mut self, id: BucketId, out: &mut Posts) {
        let mut told = Told::new();
        self.update_live(id, &mut told);
        post(told, out);
    }

    fn update_live(&mut self, id: BucketId, told: &mut Told) {
        let Some(changes) = self.untold.remove(&id) else { return };
        self.live.committed(id, &changes, View::committed(&self.buckets[&id]), |update| {
            for (core, _) in update.cores {
                told.entry(*core).or_default().push((update.live, update.answer.clone()));
            }
        });
    }
}

fn post(told: Told, out: &mut Posts) {
    out.extend(told.into_iter().map(|(core, updates)| (core, Mail::Push(PushSet { updates }))));
}

fn apply(bucket: &mut Bucket, write: Write) -> Change {
    match write {
        Write::Insert(record) => {
            bucket.append(record.clone());
            Change { before: None, after: Some(record) }
        }
        Write::Update(record) => {
            let before = bucket.replace(record.clone());
            Change { before: Some(before), after: Some(record) }
        }
        Write::Delete(key) => {
            let before = bucket.remove(&key).expect("deleting what was there when it was checked");
            Change { before: Some(before), after: None }
        }
    }
}
