//! What prepared transactions keep from others until their decision.

use crate::base::ids::{BucketId, TxnId};
use crate::store::Key;
use std::collections::BTreeMap;

/// What an operation touches, known before it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Reads the record of that key.
    ReadKey(BucketId, Key),
    /// Inserts, changes or removes the record of that key.
    WriteKey(BucketId, Key),
    /// Inserts a record whose key is made on the way, so that nobody can name it yet.
    WriteNew(BucketId),
    /// Reads the bucket by a predicate or as a whole.
    ReadBucket(BucketId),
}

impl Intent {
    fn bucket(&self) -> BucketId {
        match self {
            Self::ReadKey(bucket, _) | Self::WriteKey(bucket, _) | Self::WriteNew(bucket) => *bucket,
            Self::ReadBucket(bucket) => *bucket,
        }
    }
}

/// Whether two operations may not run while one of them is undecided.
pub fn conflict(a: &Intent, b: &Intent) -> bool {
    use Intent::{ReadBucket, ReadKey, WriteKey, WriteNew};
    if a.bucket() != b.bucket() {
        return false;
    }
    match (a, b) {
        (ReadBucket(_), WriteKey(..) | WriteNew(_)) | (WriteKey(..) | WriteNew(_), ReadBucket(_)) => true,
        (WriteKey(_, a), WriteKey(_, b) | ReadKey(_, b)) | (ReadKey(_, a), WriteKey(_, b)) => a == b,
        _ => false,
    }
}

/// The locks of one core.
#[derive(Default)]
pub struct Locks {
    buckets: BTreeMap<BucketId, BucketLocks>,
    held: BTreeMap<TxnId, Vec<Intent>>,
}

#[derive(Default)]
struct BucketLocks {
    readers: u32,
    writers: u32,
    keys: BTreeMap<Key, KeyLocks>,
}

#[derive(Default)]
struct KeyLocks {
    readers: u32,
    writers: u32,
}

impl Locks {
    /// Whether nothing is locked: the common case, and the only one without transactions
    /// over several cores.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether a held lock excludes the operation. O(log locks).
    pub fn excludes(&self, intent: &Intent) -> bool {
        let Some(bucket) = self.buckets.get(&intent.bucket()) else { return false };
        match intent {
            Intent::ReadBucket(_) => bucket.writers > 0,
            Intent::WriteNew(_) => bucket.readers > 0,
            Intent::ReadKey(_, key) => bucket.keys.get(key).is_some_and(|key| key.writers > 0),
            Intent::WriteKey(_, key) => bucket.readers > 0 || bucket.keys.contains_key(key),
        }
    }

    /// Takes locks until [`Self::release`]. The caller has found none excluded.
    pub fn take(&mut self, txn: TxnId, intents: Vec<Intent>) {
        for intent in &intents {
            self.count(intent, 1);
        }
        let earlier = self.held.insert(txn, intents);
        debug_assert!(earlier.is_none(), "a transaction prepares once on a core");
    }

    /// Gives all locks of a transaction back.
    ///
    /// # Panics
    /// If it holds none: decisions answer votes one to one.
    pub fn release(&mut self, txn: TxnId) {
        for intent in self.held.remove(&txn).expect("a prepared transaction holds locks") {
            self.count(&intent, -1);
        }
    }

    fn count(&mut self, intent: &Intent, by: i32) {
        let bucket = self.buckets.entry(intent.bucket()).or_default();
        let add = |counter: &mut u32| *counter = counter.checked_add_signed(by).expect("locks balance");
        match intent {
            Intent::ReadBucket(_) => add(&mut bucket.readers),
            Intent::WriteNew(_) => add(&mut bucket.writers),
            Intent::ReadKey(_, key) => add(&mut bucket.keys.entry(key.clone()).or_default().readers),
            Intent::WriteKey(_, key) => {
                add(&mut bucket.writers);
                add(&mut bucket.keys.entry(key.clone()).or_default().writers);
            }
        }
        if let Intent::ReadKey(_, key) | Intent::WriteKey(_, key) = intent
            && bucket.keys.get(key).is_some_and(|key| key.readers == 0 && key.writers == 0)
        {
            bucket.keys.remove(key);
        }
        if bucket.readers == 0 && bucket.writers == 0 && bucket.keys.is_empty() {
            self.buckets.remove(&intent.bucket());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Intent, Key, Locks, conflict};
    use crate::base::ids::{BucketId, CoreId, TxnId};

    fn key(text: &str) -> Key {
        Key::from_slice(text.as_bytes())
    }

    fn all() -> Vec<Intent> {
        let bucket = BucketId(1);
        vec![
            Intent::ReadKey(bucket, key("a")),
            Intent::ReadKey(bucket, key("b")),
            Intent::WriteKey(bucket, key("a")),
            Intent::WriteKey(bucket, key("b")),
            Intent::WriteNew(bucket),
            Intent::ReadBucket(bucket),
            Intent::ReadBucket(BucketId(2)),
            Intent::WriteKey(BucketId(2), key("a")),
        ]
    }

    #[test]
    fn held_locks_exclude_exactly_what_conflicts() {
        let txn = TxnId { coordinator: CoreId(0), number: 1 };
        for held in all() {
            let mut locks = Locks::default();
            locks.take(txn, vec![held.clone()]);
            for wanted in all() {
                assert_eq!(locks.excludes(&wanted), conflict(&held, &wanted), "{held:?} against {wanted:?}");
            }
            locks.release(txn);
            assert!(locks.is_empty() && locks.buckets.is_empty());
        }
    }

    #[test]
    fn a_lock_held_twice_is_released_twice() {
        let mut locks = Locks::default();
        let txn = |number| TxnId { coordinator: CoreId(0), number };
        let read = Intent::ReadKey(BucketId(1), key("a"));
        locks.take(txn(1), vec![read.clone(), read.clone()]);
        locks.take(txn(2), vec![read]);
        let write = Intent::WriteKey(BucketId(1), key("a"));
        locks.release(txn(1));
        assert!(locks.excludes(&write));
        locks.release(txn(2));
        assert!(!locks.excludes(&write));
    }
}
