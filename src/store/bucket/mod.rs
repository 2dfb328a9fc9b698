//! Records in insertion order with constant-time access by key, and what finds them otherwise.

mod age;
mod expiry;
mod index;
mod lines;
mod order;
mod remains;
mod slots;
mod table;

use super::change::Change;
use super::definition::Definition;
use super::filter::{Filter, Test};
use super::record::{Key, Record};
use super::unique::{is_indexed, scalar, unique_violation};
use crate::base::fault::Fault;
use crate::base::json::{Number, Raw};
use age::Ages;
use expiry::Expiry;
use index::{Index, Rows};
use order::KeyOrder;
pub use remains::Remains;
pub use slots::SlotNumber;
use slots::Slots;
use smallvec::SmallVec;

/// One bucket: its definition and its records.
///
/// A record stands in a slot; everything else holds slot numbers, so that a key's or a value's
/// bytes stand once, in the record.
pub struct Bucket {
    definition: Definition,
    slots: Slots,
    by_key: Index,
    /// Of the other indexed fields, in the order of S-74.
    indexes: Vec<Index>,
    /// Only of an `ordered_set`.
    order: Option<KeyOrder>,
    /// Only with `ttl` (S-188).
    expiry: Option<Expiry>,
    /// Only with `maxSize`.
    ages: Option<Ages>,
    /// The last value given to autoincrement fields (S-36).
    autoincrement: u64,
    hasher: ahash::RandomState,
}

impl Bucket {
    /// An empty bucket. The seed keeps clients from choosing colliding keys.
    pub fn new(definition: Definition, seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(32), 0x9e37_79b9_7f4a_7c15);
        let mut bucket = Self {
            by_key: Index::new(definition.key_field(), true, hasher.clone()),
            definition,
            slots: Slots::default(),
            indexes: Vec::new(),
            order: None,
            expiry: None,
            ages: None,
            autoincrement: 0,
            hasher,
        };
        bucket.set_up();
        bucket
    }

    /// What the bucket is.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Puts an extended definition in the place of the present one; records, their order and the
    /// counter stay (S-217). O(records) if that adds an index or the first `ttl`, otherwise O(1).
    ///
    /// # Errors
    /// `ALREADY_EXISTS` if a unique index is added over values that are not (S-222); nothing has
    /// changed then.
    pub fn redefine(&mut self, definition: Definition) -> Result<(), Fault> {
        let mut indexes = self.missing_indexes(&definition);
        let rows = Rows { slots: &self.slots, definition: &definition };
        for index in &mut indexes {
            for slot in self.slots.iter() {
                let value = scalar(&definition, self.slots.record(slot), index.field());
                if let Some(value) = value.filter(|value| index.holder(rows, value.as_bytes()).is_some()) {
                    return Err(unique_violation(&definition, index.field(), value));
                }
                index.insert(rows, slot);
            }
        }
        self.indexes.extend(indexes);
        self.definition = definition;
        let place = |field: usize| self.definition.indexes().iter().position(|other| *other == field);
        self.indexes.sort_by_key(|index| place(index.field()));
        let had_expiry = self.expiry.is_some();
        self.set_up();
        if let (false, Some(expiry)) = (had_expiry, &mut self.expiry) {
            // S-189 speaks of all records, also of those that brought their own `_expiresAt`.
            self.slots.iter().for_each(|slot| expiry.insert(self.slots.record(slot), slot));
        }
        Ok(())
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of all records as JSON. O(1).
    pub fn text_bytes(&self) -> usize {
        self.slots.text_bytes()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of that key (canonical JSON). O(1).
    pub fn get(&self, key: &[u8]) -> Option<&Record> {
        self.find(key).map(|slot| self.at(slot))
    }

    /// Where the record of that key is until the next change. O(1).
    pub fn find(&self, key: &[u8]) -> Option<SlotNumber> {
        self.by_key.holder(self.rows(), key)
    }

    /// The record there. O(1).
    ///
    /// # Panics
    /// If it has been removed since it was found.
    pub fn at(&self, slot: SlotNumber) -> &Record {
        self.slots.record(slot)
    }

    /// The record with that value in a unique field other than the key. O(1).
    pub fn holder(&self, field: usize, value: &[u8]) -> Option<&Record> {
        let index = self.indexes.iter().find(|index| index.field() == field)?;
        index.holder(self.rows(), value).map(|slot| self.slots.record(slot))
    }

    /// Advances the autoincrement counter, as every attempt to insert does (S-36), and returns it.
    pub fn advance(&mut self) -> u64 {
        self.autoincrement = self.autoincrement.saturating_add(1);
        self.autoincrement
    }

    /// Sees to it that the counter is not behind what the record has in autoincrement fields (S-37).
    pub fn catch_up(&mut self, record: &Record) {
        for number in self.definition.autoincrement() {
            let value = record.field(*number, &self.definition.fields()[*number].quoted);
            let integer = value.and_then(Raw::as_number).and_then(Number::as_positive_integer);
            // Nothing could be counted behind the largest one.
            let integer = integer.filter(|integer| *integer < u64::MAX);
            self.autoincrement = self.autoincrement.max(integer.unwrap_or(0));
        }
    }

    /// Asks for the memory in which a new record will be looked for and entered, by the values that
    /// its fields will have. In a large bucket each index is a cache miss; so they are waited for all
    /// together, while the record is being written.
    pub(super) fn prefetch<'v>(&self, value: impl Fn(usize) -> Option<Raw<'v>>) {
        for index in std::iter::once(&self.by_key).chain(&self.indexes) {
            if let Some(value) = value(index.field()).filter(|value| is_indexed(*value)) {
                index.prefetch(value);
            }
        }
        self.slots.prefetch_free();
    }

    /// Puts a record at the end of the order. O(1), with `ordered_set`, `ttl` or `maxSize`
    /// O(log n). Its key is not there yet: the caller has checked (S-68). Returns its place in bucket
    /// order.
    pub fn append(&mut self, record: Record) -> u64 {
        debug_assert!(self.get(record.key(&self.definition).as_bytes()).is_none(), "appending a key twice");
        self.catch_up(&record);
        let slot = self.slots.append(record);
        let rows = Rows { slots: &self.slots, definition: &self.definition };
        self.by_key.insert(rows, slot);
        self.indexes.iter_mut().for_each(|index| index.insert(rows, slot));
        let record = self.slots.record(slot);
        if let Some(order) = &mut self.order {
            order.insert(record.key(&self.definition), self.slots.sequence(slot), slot);
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.insert(record, slot);
        }
        if let Some(ages) = &mut self.ages {
            ages.insert(&self.slots, slot);
        }
        self.slots.sequence(slot)
    }

    /// Puts a new version in the place of the old one, which it returns with its place in bucket
    /// order. O(1), in an index with
    /// many records of the same value O(log n).
    ///
    /// # Panics
    /// If there is no record of that key: the caller has checked.
    pub fn replace(&mut self, record: Record) -> (u64, Record) {
        let key = record.key(&self.definition);
        let slot = self.by_key.holder(self.rows(), key.as_bytes()).expect("replacing what exists");
        let old = self.slots.record(slot);
        let value = |record, index: &Index| scalar(&self.definition, record, index.field());
        let changes = |index: &Index| value(old, index) != value(&record, index);
        let changed: SmallVec<[bool; 8]> = self.indexes.iter().map(changes).collect();
        for (index, _) in self.indexes.iter_mut().zip(&changed).filter(|(_, changed)| **changed) {
            if let Some(value) = value(old, index) {
                index.remove(&self.slots, slot, index.prefetch(value));
            }
        }
        let old = self.slots.replace(slot, record);
        let rows = Rows { slots: &self.slots, definition: &self.definition };
        for (index, _) in self.indexes.iter_mut().zip(&changed).filter(|(_, changed)| **changed) {
            index.insert(rows, slot);
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.remove(&old, slot);
            expiry.insert(self.slots.record(slot), slot);
        }
        (self.slots.sequence(slot), old)
    }

    /// Takes a record out and returns it with its place in bucket order. As [`Self::append`].
    pub fn remove(&mut self, key: &[u8]) -> Option<(u64, Record)> {
        let rows = Rows { slots: &self.slots, definition: &self.definition };
        let slot = self.by_key.take(rows, key)?;
        // All that will be changed is waited for together.
        self.slots.prefetch_neighbours(slot);
        let value = |index: &Index| scalar(&self.definition, self.slots.record(slot), index.field());
        let hashes: SmallVec<[Option<u32>; 8]> =
            self.indexes.iter().map(|index| value(index).map(|value| index.prefetch(value))).collect();
        for (index, hash) in self.indexes.iter_mut().zip(hashes) {
            hash.into_iter().for_each(|hash| index.remove(&self.slots, slot, hash));
        }
        let record = self.slots.record(slot);
        if let Some(order) = &mut self.order {
            order.remove(record.key(&self.definition), self.slots.sequence(slot));
        }
        if let Some(expiry) = &mut self.expiry {
            expiry.remove(record, slot);
        }
        if let Some(ages) = &mut self.ages {
            ages.remove(&self.slots, slot);
        }
        Some((self.slots.sequence(slot), self.slots.remove(slot)))
    }

    /// Takes all records out; the definition and the counter stay (S-95). O(indexes); the records
    /// are freed with the remains.
    pub fn clear(&mut self, remains: &mut Remains) {
        let by_key = Index::new(self.definition.key_field(), true, self.hasher.clone());
        remains.add(
            self.slots.take(),
            std::iter::once(std::mem::replace(&mut self.by_key, by_key)).chain(self.indexes.drain(..)),
            (self.order.take(), self.expiry.take(), self.ages.take()),
        );
        self.set_up();
    }

    /// What [`Self::clear`] is for those who watch.
    pub fn removals(&self) -> impl Iterator<Item = Change> {
        self.slots.iter().map(|slot| {
            let before = Some(self.slots.record(slot).clone());
            Change { place: self.slots.sequence(slot), before, after: None }
        })
    }

    /// The records in bucket order (S-70).
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.slots.iter().map(|slot| self.slots.record(slot))
    }

    /// The records from the last to the first.
    pub fn iter_back(&self) -> impl Iterator<Item = &Record> {
        self.slots.iter_back().map(|slot| self.slots.record(slot))
    }

    /// The records in the order of positional reads (S-72).
    pub fn ordered(&self) -> impl Iterator<Item = &Record> {
        let slots = match &self.order {
            Some(order) => Either::Left(order.iter()),
            None => Either::Right(self.slots.iter()),
        };
        slots.map(|slot| self.slots.record(slot))
    }

    /// The same from the last to the first.
    pub fn ordered_back(&self) -> impl Iterator<Item = &Record> {
        let slots = match &self.order {
            Some(order) => Either::Left(order.iter().rev()),
            None => Either::Right(self.slots.iter_back()),
        };
        slots.map(|slot| self.slots.record(slot))
    }

    /// The records behind the one of that key in the order of positional reads, if there is one.
    /// O(1) to begin, in an `ordered_set` O(log n).
    pub fn ordered_after<'a>(&'a self, key: &[u8]) -> Option<impl Iterator<Item = &'a Record> + use<'a>> {
        let slot = self.by_key.holder(self.rows(), key)?;
        let slots = match &self.order {
            Some(order) => {
                let key = self.slots.record(slot).key(&self.definition);
                Either::Left(order.iter_after(key, self.slots.sequence(slot)))
            }
            None => Either::Right(self.slots.iter_after(slot)),
        };
        Some(slots.map(|slot| self.slots.record(slot)))
    }

    /// The records that an index finds for one of the filter's terms, in bucket order, with their
    /// places in it; `None` if no index can help. O(terms) to begin, and O(matches) for a term with several
    /// values.
    pub fn found<'a>(&'a self, filter: &Filter) -> Option<impl Iterator<Item = (u64, &'a Record)> + use<'a>> {
        let lookups = filter.terms().iter().filter_map(|term| {
            let field = self.definition.field_number(&term.field)?;
            let mut indexes = std::iter::once(&self.by_key).chain(&self.indexes);
            let index = indexes.find(|index| index.field() == field)?;
            let values = wanted(&term.test)?;
            let count: usize = values.iter().map(|value| index.hits(self.rows(), value).len()).sum();
            Some((count, index, values))
        });
        let (_, index, values) = lookups.min_by_key(|(count, ..)| *count)?;
        let slots = match values {
            [value] => Either::Left(index.hits(self.rows(), value).slots()),
            values => {
                let hits = values.iter().flat_map(|value| index.hits(self.rows(), value).slots());
                let mut slots: Vec<SlotNumber> = hits.collect();
                slots.sort_unstable_by_key(|slot| self.slots.sequence(*slot));
                slots.dedup();
                Either::Right(slots.into_iter())
            }
        };
        Some(slots.map(|slot| (self.slots.sequence(slot), self.slots.record(slot))))
    }

    /// The place in bucket order of the record of that key: larger than that of every record
    /// inserted before it. O(1).
    pub fn sequence(&self, key: &[u8]) -> Option<u64> {
        self.by_key.holder(self.rows(), key).map(|slot| self.slots.sequence(slot))
    }

    /// When the next record expires, milliseconds since the Unix epoch. O(1).
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.expiry.as_ref()?.next_ms()
    }

    /// The records that have expired by then (S-189), soonest first.
    pub fn expired(&self, unix_ms: u64) -> impl Iterator<Item = &Record> {
        let due = self.expiry.iter().flat_map(move |expiry| expiry.due(unix_ms));
        due.map(|slot| self.slots.record(slot))
    }

    /// A copy of a record's key.
    pub fn key_of(&self, record: &Record) -> Key {
        Key::from_slice(record.key(&self.definition).as_bytes())
    }

    fn rows(&self) -> Rows<'_> {
        Rows { slots: &self.slots, definition: &self.definition }
    }

    /// Makes what the definition asks for and is not there, and drops what it does not.
    fn set_up(&mut self) {
        self.indexes.extend(self.missing_indexes(&self.definition));
        let definition = &self.definition;
        self.order = definition.is_ordered().then(|| self.order.take().unwrap_or_else(KeyOrder::new));
        self.expiry = definition.ttl_ms().map(|_| self.expiry.take().unwrap_or_default());
        self.ages = definition.max_size().map(|_| self.ages.take().unwrap_or_default());
    }

    /// Empty indexes for those fields that the definition wants indexed and that are not.
    fn missing_indexes(&self, definition: &Definition) -> Vec<Index> {
        let has =
            |field: usize| std::iter::once(&self.by_key).chain(&self.indexes).any(|i| i.field() == field);
        let missing = definition.indexes().iter().filter(|field| !has(**field));
        let unique = |field: usize| definition.fields()[field].unique;
        missing.map(|field| Index::new(*field, unique(*field), self.hasher.clone())).collect()
    }
}

/// The values of which one must be there, if the test demands that and an index has them all.
fn wanted(test: &Test) -> Option<&[Box<[u8]>]> {
    let values = match test {
        Test::Equals(value) => std::slice::from_ref(value),
        Test::In(values) => values.as_slice(),
        _ => return None,
    };
    // S-103: an index does not know who stores null.
    values.iter().all(|value| **value != *b"null").then_some(values)
}

/// One of two iterators.
enum Either<L, R> {
    Left(L),
    Right(R),
}

impl<T, L: Iterator<Item = T>, R: Iterator<Item = T>> Iterator for Either<L, R> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::Left(left) => left.next(),
            Self::Right(right) => right.next(),
        }
    }
}
