//! What operations touch, and what prepared transactions keep from others until their decision.

use super::sabotage::{self, Sabotage};
use crate::base::ids::{BucketId, TxnId};
use crate::store::Key;
use std::collections::BTreeMap;

/// What an operation touches, known before it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Reads the record of that key.
    ReadKey(BucketId, Key),
    /// Changes or removes the record of that key.
    WriteKey(BucketId, Key),
    /// Puts a record at the end of the bucket. Two of them exclude each other even if their keys
    /// differ: the order in which they come to stand is there for all to see (S-70).
    Append(BucketId),
    /// Reads the bucket by a predicate or as a whole.
    ReadBucket(BucketId),
    /// Changes what the bucket is: excludes everything else.
    Whole(BucketId),
}

impl Intent {
    fn bucket(&self) -> BucketId {
        match self {
            Self::ReadKey(bucket, _) | Self::WriteKey(bucket, _) => *bucket,
            Self::Append(bucket) | Self::ReadBucket(bucket) | Self::Whole(bucket) => *bucket,
        }
    }

    /// Whether it is not to be locked, against all reason.
    fn is_forgotten(&self) -> bool {
        sabotage::is(Sabotage::ReleaseBeforeDecision)
            || match self {
                Self::ReadKey(..) => sabotage::is(Sabotage::ReadsUnlocked),
                Self::WriteKey(..) | Self::Whole(_) => false,
                Self::Append(_) => sabotage::is(Sabotage::AppendsUnlocked),
                Self::ReadBucket(_) => sabotage::is(Sabotage::PredicatesUnlocked),
            }
    }
}

/// A multiset of intents that says quickly whether another one conflicts with any of them.
#[derive(Default, Debug)]
pub struct Intents {
    buckets: BTreeMap<BucketId, BucketIntents>,
}

#[derive(Default, Debug)]
struct BucketIntents {
    /// Of the bucket as a whole.
    readers: u32,
    /// Of any key, appends included.
    writers: u32,
    appends: u32,
    /// Who excludes everybody.
    owners: u32,
    keys: BTreeMap<Key, KeyIntents>,
}

#[derive(Default, Debug)]
struct KeyIntents {
    readers: u32,
    writers: u32,
}

impl Intents {
    /// Whether one of them may not run while the other is undecided. O(log intents).
    pub fn exclude(&self, intent: &Intent) -> bool {
        let Some(held) = self.buckets.get(&intent.bucket()) else { return false };
        held.owners > 0
            || match intent {
                Intent::ReadBucket(_) => held.writers > 0,
                Intent::Append(_) => held.readers > 0 || held.appends > 0,
                Intent::ReadKey(_, key) => held.keys.get(key).is_some_and(|key| key.writers > 0),
                Intent::WriteKey(_, key) => held.readers > 0 || held.keys.contains_key(key),
                Intent::Whole(_) => true,
            }
    }

    /// Whether one of them writes to the bucket.
    pub fn write_to(&self, bucket: BucketId) -> bool {
        self.exclude(&Intent::ReadBucket(bucket))
    }

    /// Puts some in.
    pub fn add(&mut self, intents: &[Intent]) {
        intents.iter().for_each(|intent| self.count(intent, 1));
    }

    /// Takes some out that were put in.
    pub fn remove(&mut self, intents: &[Intent]) {
        intents.iter().for_each(|intent| self.count(intent, -1));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn count(&mut self, intent: &Intent, by: i32) {
        let id = intent.bucket();
        let bucket = self.buckets.entry(id).or_default();
        let add = |counter: &mut u32| *counter = counter.checked_add_signed(by).expect("what goes was there");
        match intent {
            Intent::ReadBucket(_) => add(&mut bucket.readers),
            Intent::Whole(_) => add(&mut bucket.owners),
            Intent::Append(_) => {
                add(&mut bucket.writers);
                add(&mut bucket.appends);
            }
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
        if bucket.readers == 0 && bucket.writers == 0 && bucket.owners == 0 && bucket.keys.is_empty() {
            self.buckets.remove(&id);
        }
    }
}

/// The locks of one core: intents that are held from vote to decision.
#[derive(Default)]
pub struct Locks {
    all: Intents,
    held: BTreeMap<TxnId, Vec<Intent>>,
}

impl Locks {
    /// Whether nothing is locked: the common case, and the only one without transactions
    /// over several cores.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Everything that is held.
    pub fn all(&self) -> &Intents {
        &self.all
    }

    /// Takes locks until [`Self::release`]. The caller has found none excluded.
    pub fn take(&mut self, txn: TxnId, mut intents: Vec<Intent>) {
        intents.retain(|intent| !intent.is_forgotten());
        self.all.add(&intents);
        let earlier = self.held.insert(txn, intents);
        debug_assert!(earlier.is_none(), "a transaction prepares once on a core");
    }

    /// Gives all locks of a transaction back.
    ///
    /// # Panics
    /// If it holds none: decisions answer prepares one to one.
    pub fn release(&mut self, txn: TxnId) {
        let intents = self.held.remove(&txn).expect("a prepared transaction holds locks");
        self.all.remove(&intents);
    }
}

#[cfg(test)]
mod tests {
    use super::{Intent, Intents, Key, Locks};
    use crate::base::ids::{BucketId, CoreId, TxnId};

    fn key(text: &str) -> Key {
        Key::from_slice(text.as_bytes())
    }

    fn every_kind() -> [Intent; 7] {
        let bucket = BucketId(1);
        [
            Intent::ReadKey(bucket, key("a")),
            Intent::WriteKey(bucket, key("a")),
            Intent::WriteKey(bucket, key("b")),
            Intent::Append(bucket),
            Intent::ReadBucket(bucket),
            Intent::WriteKey(BucketId(2), key("a")),
            Intent::Whole(bucket),
        ]
    }

    #[test]
    fn what_excludes_what() {
        // Rows: held; columns: wanted; in the order of `every_kind`.
        let expected = [
            [false, true, false, false, false, false, true],
            [true, true, false, false, true, false, true],
            [false, false, true, false, true, false, true],
            [false, false, false, true, true, false, true],
            [false, true, true, true, false, false, true],
            [false, false, false, false, false, true, false],
            [true, true, true, true, true, false, true],
        ];
        for (held, row) in every_kind().into_iter().zip(expected) {
            let mut intents = Intents::default();
            intents.add(std::slice::from_ref(&held));
            for (wanted, excluded) in every_kind().into_iter().zip(row) {
                assert_eq!(intents.exclude(&wanted), excluded, "{held:?} against {wanted:?}");
            }
            intents.remove(&[held]);
            assert!(intents.is_empty());
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
        assert!(locks.all().exclude(&write));
        locks.release(txn(2));
        assert!(!locks.all().exclude(&write) && locks.is_empty());
    }
}
