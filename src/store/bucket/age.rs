//! Which records a bucket with `maxSize` loses first (02 §10.2).

use super::Bucket;
use super::slots::{SlotNumber, Slots};
use crate::store::{Key, Write, Writes};
use std::collections::{BTreeMap, BTreeSet};

/// The records of a bucket with `maxSize`, oldest first; of the same age, in bucket order.
#[derive(Default)]
pub(super) struct Ages {
    slots: BTreeMap<(u64, u64), SlotNumber>,
}

impl Ages {
    /// Enters the record of a slot. O(log n).
    pub(super) fn insert(&mut self, slots: &Slots, slot: SlotNumber) {
        self.slots.insert(age(slots, slot), slot);
    }

    /// Takes the record of a slot out. O(log n).
    pub(super) fn remove(&mut self, slots: &Slots, slot: SlotNumber) {
        self.slots.remove(&age(slots, slot));
    }

    /// Frees at most so many entries of what nobody will use again; how many.
    pub(super) fn shed(&mut self, count: usize) -> usize {
        std::iter::from_fn(|| self.slots.pop_first()).take(count).count()
    }
}

fn age(slots: &Slots, slot: SlotNumber) -> (u64, u64) {
    (slots.record(slot).created_at(), slots.sequence(slot))
}

impl Bucket {
    /// Adds the evictions to a change set that is complete and checked: just so many records that
    /// the bucket does not exceed its `maxSize`, those with the lowest `_createdAt` first (S-193).
    /// Each key is still written at most once. Without inserts nothing is evicted (S-196).
    /// O(change set + log n) if that is needed.
    pub fn evict(&self, writes: &mut Writes) {
        let (Some(max), Some(ages)) = (self.definition().max_size(), &self.ages) else { return };
        let deletes = writes.iter().filter_map(deleted).count();
        let inserts = writes.iter().filter(|write| matches!(write, Write::Insert(_))).count();
        let len = (self.len() - deletes + inserts) as u64;
        if inserts == 0 || len <= max {
            return;
        }
        let excess = usize::try_from(len - max).expect("no more than there are");
        let leaving: BTreeSet<Key> = writes.iter().filter_map(deleted).cloned().collect();
        let evicted = self.oldest(ages, writes, &leaving, excess);
        writes.retain(|write| match write {
            Write::Insert(record) | Write::Update(record) => !evicted.contains(&self.key_of(record)),
            Write::Delete(_) => true,
        });
        // What was only in the change set is gone with its insert.
        let committed = evicted.into_iter().filter(|key| !leaving.contains(key) && self.get(key).is_some());
        // Deletes are published before inserts (S-193).
        let deletes: Vec<Write> = committed.map(Write::delete).collect();
        writes.insert_many(0, deletes);
    }

    /// The keys of the oldest records, as they will be when the writes are done. The last insert
    /// is for whom there must be room.
    fn oldest(&self, ages: &Ages, writes: &[Write], leaving: &BTreeSet<Key>, count: usize) -> BTreeSet<Key> {
        let inserted = |write: &Write| match write {
            Write::Insert(record) => Some((record.created_at(), self.key_of(record))),
            Write::Update(_) | Write::Delete(_) => None,
        };
        let mut entering: Vec<(u64, Key)> = writes.iter().filter_map(inserted).collect();
        entering.pop();
        let staying = ages.slots.iter().filter_map(|((created_at, _), slot)| {
            let key = self.key_of(self.slots.record(*slot));
            (!leaving.contains(&key)).then_some((*created_at, key))
        });
        let mut candidates: Vec<(u64, Key)> = staying.take(count).collect();
        candidates.extend(entering);
        // Stable: of the same age, records stay in bucket order.
        candidates.sort_by_key(|(created_at, _)| *created_at);
        candidates.into_iter().take(count).map(|(_, key)| key).collect()
    }
}

fn deleted(write: &Write) -> Option<&Key> {
    match write {
        Write::Delete(key) => Some(key),
        Write::Insert(_) | Write::Update(_) => None,
    }
}
