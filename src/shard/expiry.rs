//! Records that go by themselves (02 §10.1).

use super::Shard;
use crate::base::ids::BucketId;
use crate::base::limits::EXPIRED_RECORDS_MAX;
use crate::base::time::Now;
use crate::store::{Bucket, Key, Write, Writes};
use crate::txn::Intent;

impl Shard {
    /// When [`Self::expire`] may have something to do at the earliest, milliseconds since the Unix
    /// epoch; in the past while it has not done all. O(1).
    pub fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    /// Takes note that records of a bucket may expire sooner than before.
    pub(super) fn note_expiry(&mut self, bucket: BucketId) {
        let next = self.buckets.get(&bucket).and_then(Bucket::next_expiry_ms);
        self.expires_at = [self.expires_at, next].into_iter().flatten().min();
    }

    /// Removes the records that have expired, with pushes like a client's delete, and returns how
    /// many (S-189, S-191). Records that an undecided transaction relies on stay for now, and so
    /// does what exceeds [`EXPIRED_RECORDS_MAX`]. O(buckets + removed).
    pub fn expire(&mut self, now: Now) -> usize {
        let mut changes = Vec::new();
        let mut left = EXPIRED_RECORDS_MAX;
        for (id, bucket) in &self.buckets {
            let due = bucket.expired(now.unix_ms).take(left).map(|record| bucket.key_of(record));
            let is_held = |key: &Key| {
                let intents = [Intent::WriteKey(*id, key.clone()), Intent::Free(*id)];
                !self.locks.is_free() && !self.locks.admit(&self.locks.footprint(&intents, None))
            };
            let writes: Writes = due.filter(|key| !is_held(key)).map(Write::delete).collect();
            left -= writes.len();
            changes.push((*id, writes));
        }
        self.commit(changes);
        self.expires_at = self.buckets.values().filter_map(Bucket::next_expiry_ms).min();
        EXPIRED_RECORDS_MAX - left
    }
}
