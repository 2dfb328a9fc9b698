//! Records in insertion order with constant-time access by key.

use super::definition::Definition;
use super::record::{Key, Record};
use crate::base::fault::Fault;
use hashbrown::HashTable;
use slab::Slab;

/// One bucket: its definition and its records.
///
/// The order is a list threaded through the slots, so that a delete costs O(1) and
/// the first or last n records O(n). The key table holds slot numbers only: a key's
/// bytes stand once, in the record.
pub struct Bucket {
    definition: Definition,
    slots: Slab<Slot>,
    by_key: HashTable<u32>,
    hasher: ahash::RandomState,
    first: u32,
    last: u32,
    /// The last value given to autoincrement fields (S-36).
    autoincrement: u64,
    appended: u64,
}

struct Slot {
    record: Record,
    sequence: u64,
    previous: u32,
    next: u32,
}

/// The end of the list.
const NONE: u32 = u32::MAX;

impl Bucket {
    /// An empty bucket. The seed keeps clients from choosing colliding keys.
    pub fn new(definition: Definition, seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(32), 0x9e37_79b9_7f4a_7c15);
        Self {
            definition,
            slots: Slab::new(),
            by_key: HashTable::new(),
            hasher,
            first: NONE,
            last: NONE,
            autoincrement: 0,
            appended: 0,
        }
    }

    /// What the bucket is.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Puts an extended definition in the place of the present one; records and their order stay
    /// (S-217). O(1).
    ///
    /// # Errors
    /// None yet: unique fields are not enforced.
    pub fn redefine(&mut self, definition: Definition) -> Result<(), Fault> {
        self.definition = definition;
        Ok(())
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The record of that key (canonical JSON). O(1).
    pub fn get(&self, key: &[u8]) -> Option<&Record> {
        self.slot_of(key).map(|slot| &self.slots[slot as usize].record)
    }

    /// The place in bucket order of the record of that key: larger than that of every record
    /// inserted before it. O(1).
    pub fn sequence(&self, key: &[u8]) -> Option<u64> {
        self.slot_of(key).map(|slot| self.slots[slot as usize].sequence)
    }

    /// Advances the autoincrement counter, as every attempt to insert does (S-36), and returns it.
    pub fn advance(&mut self) -> u64 {
        self.autoincrement = self.autoincrement.saturating_add(1);
        self.autoincrement
    }

    /// Puts a record at the end of the order. O(1).
    /// Its key is not there yet: the caller has checked (S-68).
    pub fn append(&mut self, record: Record) {
        self.appended += 1;
        let hash = self.hasher.hash_one(record.key(&self.definition).as_bytes());
        debug_assert!(self.get(record.key(&self.definition).as_bytes()).is_none(), "appending a key twice");
        let slot = u32::try_from(self.slots.insert(Slot {
            record,
            sequence: self.appended,
            previous: self.last,
            next: NONE,
        }))
        .expect("fewer than 2^32 records");
        match self.last {
            NONE => self.first = slot,
            last => self.slots[last as usize].next = slot,
        }
        self.last = slot;
        let (slots, hasher, definition) = (&self.slots, &self.hasher, &self.definition);
        self.by_key.insert_unique(hash, slot, |slot| {
            hasher.hash_one(slots[*slot as usize].record.key(definition).as_bytes())
        });
    }

    /// Puts a new version in the place of the old one, which it returns. O(1).
    ///
    /// # Panics
    /// If there is no record of that key: the caller has checked.
    pub fn replace(&mut self, record: Record) -> Record {
        let slot = self.slot_of(record.key(&self.definition).as_bytes()).expect("replacing what exists");
        std::mem::replace(&mut self.slots[slot as usize].record, record)
    }

    /// Takes a record out. O(1).
    pub fn remove(&mut self, key: &[u8]) -> Option<Record> {
        let hash = self.hasher.hash_one(key);
        let (slots, definition) = (&self.slots, &self.definition);
        let found = self
            .by_key
            .find_entry(hash, |slot| slots[*slot as usize].record.key(definition).as_bytes() == key)
            .ok()?;
        let (slot, _) = found.remove();
        let Slot { record, previous, next, .. } = self.slots.remove(slot as usize);
        match previous {
            NONE => self.first = next,
            previous => self.slots[previous as usize].next = next,
        }
        match next {
            NONE => self.last = previous,
            next => self.slots[next as usize].previous = previous,
        }
        Some(record)
    }

    /// The records in bucket order (S-70).
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.walk(self.first, |slot| slot.next)
    }

    /// The records from the newest to the oldest.
    pub fn iter_back(&self) -> impl Iterator<Item = &Record> {
        self.walk(self.last, |slot| slot.previous)
    }

    /// The records behind the one of that key, in bucket order. O(1) to begin.
    pub fn iter_after<'a>(&'a self, key: &[u8]) -> Option<impl Iterator<Item = &'a Record> + use<'a>> {
        let slot = self.slot_of(key)?;
        Some(self.walk(self.slots[slot as usize].next, |slot| slot.next))
    }

    /// A copy of a record's key.
    pub fn key_of(&self, record: &Record) -> Key {
        Key::from_slice(record.key(&self.definition).as_bytes())
    }

    fn walk(&self, from: u32, step: fn(&Slot) -> u32) -> impl Iterator<Item = &Record> {
        let mut at = from;
        std::iter::from_fn(move || {
            let slot = (at != NONE).then(|| &self.slots[at as usize])?;
            at = step(slot);
            Some(&slot.record)
        })
    }

    fn slot_of(&self, key: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.by_key
            .find(hash, |slot| self.slots[*slot as usize].record.key(&self.definition).as_bytes() == key)
            .copied()
    }
}
