//! A bucket as a transaction sees it: the committed records under its own writes.

use super::bucket::Bucket;
use super::definition::Definition;
use super::filter::Filter;
use super::record::{Key, Record};
use super::unique::{scalar, unique_fields};
use crate::base::json::Raw;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// The net effect of a transaction's writes on one bucket so far (S-169).
#[derive(Debug, Default)]
pub struct Delta {
    /// In the order in which the keys were first written.
    writes: SmallVec<[(Key, Pending); 1]>,
    /// Where a key is among the writes, if they are too many to search.
    places: BTreeMap<Key, usize>,
    /// Numbers the inserts, which follow the committed records in this order.
    inserts: u64,
    /// Who has which unique value among the written records.
    claims: BTreeMap<(usize, Box<[u8]>), Key>,
}

#[derive(Debug)]
struct Pending {
    /// Whether a committed record of that key goes (deleted, or replaced by an insert).
    removes: bool,
    /// Whether a committed record of that key gets a new version in its place.
    updated: Option<Record>,
    /// A new record and its place among the inserts.
    inserted: Option<(u64, Record)>,
}

impl Pending {
    /// The record as it is now; `None` = deleted, or inserted and deleted again, over nothing.
    fn record(&self) -> Option<&Record> {
        self.inserted.as_ref().map(|(_, record)| record).or(self.updated.as_ref())
    }
}

/// The changes of one commit to one bucket, in the order in which they apply.
pub type Writes = SmallVec<[Write; 1]>;

/// One change to a bucket, net of everything that happened before the commit.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new record at the end.
    Insert(Record),
    /// A new version in the old one's place.
    Update(Record),
    /// The record of that key goes. Boxed, because every change is moved about as the largest of them.
    Delete(Box<Key>),
}

impl Write {
    /// The record of that key goes.
    pub fn delete(key: Key) -> Self {
        Self::Delete(Box::new(key))
    }
}

impl Delta {
    /// Notes an insert; the key is free in the view.
    pub fn insert(&mut self, definition: &Definition, key: Key, record: Record) {
        self.claim(definition, &key, &record);
        self.inserts += 1;
        let place = self.inserts;
        let pending = self.pending(key);
        pending.updated = None;
        pending.inserted = Some((place, record));
    }

    /// Notes a new version; the key exists in the view. Returns the one of the same transaction that it
    /// replaces.
    pub fn update(&mut self, definition: &Definition, key: Key, record: Record) -> Option<Record> {
        self.release(definition, &key);
        self.claim(definition, &key, &record);
        let pending = self.pending(key);
        match &mut pending.inserted {
            Some((_, inserted)) => Some(std::mem::replace(inserted, record)),
            None => pending.updated.replace(record),
        }
    }

    /// Notes a delete; the key exists in the view.
    pub fn delete(&mut self, definition: &Definition, key: Key, is_committed: bool) {
        self.release(definition, &key);
        let pending = self.pending(key);
        *pending = Pending { removes: is_committed, updated: None, inserted: None };
    }

    /// Whether it has a record for the end of the bucket.
    pub fn inserts(&self) -> bool {
        self.inserts > 0 && self.pendings().any(|pending| pending.inserted.is_some())
    }

    /// The keys written, in the order in which they first were.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.writes.iter().map(|(key, _)| key)
    }

    /// The net changes: deletes, then updates, then inserts in their order. A delete goes
    /// first so that an insert of the same key finds it free (S-178).
    pub fn into_writes(mut self) -> Writes {
        let mut writes = Writes::new();
        if self.writes.len() == 1
            && let Some((key, pending)) = self.writes.pop()
        {
            if pending.removes {
                writes.push(Write::delete(key));
            }
            if let Some(record) = pending.updated {
                writes.push(Write::Update(record));
            }
            if let Some((_, record)) = pending.inserted {
                writes.push(Write::Insert(record));
            }
            return writes;
        }
        let removed = self.writes.iter().filter(|(_, pending)| pending.removes);
        writes.extend(removed.map(|(key, _)| Write::delete(key.clone())));
        writes.extend(
            self.writes.iter_mut().filter_map(|(_, pending)| pending.updated.take().map(Write::Update)),
        );
        let mut inserts: SmallVec<[(u64, Record); 4]> =
            self.writes.into_iter().filter_map(|(_, pending)| pending.inserted).collect();
        inserts.sort_by_key(|(place, _)| *place);
        writes.extend(inserts.into_iter().map(|(_, record)| Write::Insert(record)));
        writes
    }

    fn claim(&mut self, definition: &Definition, key: &Key, record: &Record) {
        for field in unique_fields(definition) {
            if let Some(value) = scalar(definition, record, field) {
                self.claims.insert((field, value.as_bytes().into()), key.clone());
            }
        }
    }

    /// Gives the unique values of a written record back (S-178).
    fn release(&mut self, definition: &Definition, key: &Key) {
        if self.claims.is_empty() {
            return;
        }
        let Some(record) = self.written(key).and_then(Pending::record).cloned() else { return };
        for field in unique_fields(definition) {
            if let Some(value) = scalar(definition, &record, field) {
                self.claims.remove(&(field, value.as_bytes().into()));
            }
        }
    }

    fn pendings(&self) -> impl Iterator<Item = &Pending> {
        self.writes.iter().map(|(_, pending)| pending)
    }

    /// What was written under a key. O(log writes).
    fn written(&self, key: &[u8]) -> Option<&Pending> {
        self.place(key).map(|at| &self.writes[at].1)
    }

    fn pending(&mut self, key: Key) -> &mut Pending {
        let at = self.place(&key).unwrap_or_else(|| self.enter(key));
        &mut self.writes[at].1
    }

    fn place(&self, key: &[u8]) -> Option<usize> {
        if self.writes.len() <= Self::SEARCHED_MAX {
            return self.writes.iter().position(|(written, _)| written[..] == *key);
        }
        self.places.get(key).copied()
    }

    fn enter(&mut self, key: Key) -> usize {
        let at = self.writes.len();
        self.writes.push((key, Pending { removes: false, updated: None, inserted: None }));
        if self.writes.len() > Self::SEARCHED_MAX {
            // All of them at the first time, then the last one.
            let from = self.places.len();
            self.places.extend((from..=at).map(|at| (self.writes[at].0.clone(), at)));
        }
        at
    }

    /// Writes that are searched one after the other; that is cheaper than a tree.
    const SEARCHED_MAX: usize = 16;
}

/// A bucket to read from, with or without a transaction's writes on top.
#[derive(Clone, Copy)]
pub struct View<'a> {
    bucket: &'a Bucket,
    delta: Option<&'a Delta>,
}

impl<'a> View<'a> {
    /// The committed state.
    pub fn committed(bucket: &'a Bucket) -> Self {
        Self { bucket, delta: None }
    }

    /// The state inside a transaction.
    pub fn with(bucket: &'a Bucket, delta: &'a Delta) -> Self {
        // Who only reads sees the committed state, with all that it can be asked.
        Self { bucket, delta: Some(delta).filter(|delta| !delta.writes.is_empty()) }
    }

    /// What the bucket is.
    pub fn definition(self) -> &'a Definition {
        self.bucket.definition()
    }

    /// The place in bucket order of a committed record.
    pub fn sequence(self, key: &[u8]) -> Option<u64> {
        self.bucket.sequence(key)
    }

    /// The record of that key.
    pub fn get(self, key: &[u8]) -> Option<&'a Record> {
        match self.delta.and_then(|delta| delta.written(key)) {
            None => self.bucket.get(key),
            Some(pending) => pending.record(),
        }
    }

    /// Whether another record than this one, by its key, has that value in a unique field or, if
    /// the field is the key, whether there is a record of that key. O(log writes).
    pub fn has_other(self, field: usize, value: Raw<'_>, record: &Record) -> bool {
        let definition = self.definition();
        if field == definition.key_field() {
            return self.get(value.as_bytes()).is_some();
        }
        let own = record.key(definition);
        let committed = self.bucket.holder(field, value.as_bytes()).and_then(|other| self.current(other));
        // Its current version may have another value by now.
        let is_held = committed.is_some_and(|other| {
            other.field(field, &definition.fields()[field].quoted) == Some(value)
                && other.key(definition) != own
        });
        is_held || self.claimant(field, value).is_some_and(|other| other[..] != *own.as_bytes())
    }

    /// How many records there are. O(1), in a transaction O(its writes).
    pub fn len(self) -> usize {
        let pending = || self.delta.into_iter().flat_map(Delta::pendings);
        let removed = pending().filter(|pending| pending.removes).count();
        let inserted = pending().filter(|pending| pending.inserted.is_some()).count();
        self.bucket.len() - removed + inserted
    }

    /// About how many bytes all records are as an array of JSON. O(1).
    pub fn size_hint_bytes(self) -> usize {
        const COMMA_BYTES: usize = 1;
        self.bucket.text_bytes() + self.bucket.len() * COMMA_BYTES + 2
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The records in bucket order (S-70): committed ones in their places, then the
    /// transaction's inserts (S-169).
    pub fn records(self) -> impl Iterator<Item = &'a Record> {
        self.bucket.iter().filter_map(move |record| self.current(record)).chain(self.inserted())
    }

    /// The records in bucket order from the last to the first.
    pub fn records_back(self) -> impl Iterator<Item = &'a Record> {
        self.inserted().rev().chain(self.bucket.iter_back().filter_map(move |record| self.current(record)))
    }

    /// The records in the order of positional reads (S-72, S-106): key order in an `ordered_set`,
    /// otherwise bucket order.
    ///
    /// # Panics
    /// Inside a transaction, which has no positional reads (02 §9.1).
    pub fn ordered(self) -> impl Iterator<Item = &'a Record> {
        self.assert_committed();
        self.bucket.ordered()
    }

    /// The same from the last to the first.
    ///
    /// # Panics
    /// As [`Self::ordered`].
    pub fn ordered_back(self) -> impl Iterator<Item = &'a Record> {
        self.assert_committed();
        self.bucket.ordered_back()
    }

    /// The records behind the one of that key in the order of positional reads; `None` if there is
    /// no record of that key (S-109). Beginning costs O(1), in an `ordered_set` O(log n).
    ///
    /// # Panics
    /// As [`Self::ordered`].
    pub fn after(self, key: &[u8]) -> Option<impl Iterator<Item = &'a Record> + use<'a>> {
        self.assert_committed();
        self.bucket.ordered_after(key)
    }

    /// Records in bucket order among which are all that match. An index narrows them down if a
    /// term demands equality of an indexed field; that changes cost, never results (S-79).
    pub fn candidates(self, filter: &Filter) -> impl Iterator<Item = &'a Record> + use<'a> {
        match (self.bucket.found(filter), self.delta) {
            (None, _) => Candidates::All(self.records()),
            (Some(found), None) => Candidates::Found(found.map(|(_, record)| record)),
            (Some(found), Some(delta)) => Candidates::Merged(self.merged(found, delta).into_iter()),
        }
    }

    /// What an index found, and whatever the transaction has written, in bucket order.
    fn merged(self, found: impl Iterator<Item = (u64, &'a Record)>, delta: &'a Delta) -> Vec<&'a Record> {
        let unwritten = |record: &Record| delta.written(record.key(self.definition()).as_bytes()).is_none();
        let mut placed: Vec<(u64, &Record)> = found.filter(|(_, record)| unwritten(record)).collect();
        placed.extend(
            delta
                .writes
                .iter()
                .filter_map(|(key, pending)| Some((self.bucket.sequence(key)?, pending.updated.as_ref()?))),
        );
        placed.sort_by_key(|(sequence, _)| *sequence);
        placed.into_iter().map(|(_, record)| record).chain(self.inserted()).collect()
    }

    fn claimant(self, field: usize, value: Raw<'_>) -> Option<&'a Key> {
        let claims = &self.delta.filter(|delta| !delta.claims.is_empty())?.claims;
        claims.get(&(field, value.as_bytes().into()))
    }

    /// A committed record as the transaction sees it.
    fn current(self, record: &'a Record) -> Option<&'a Record> {
        let Some(delta) = self.delta else { return Some(record) };
        match delta.written(record.key(self.definition()).as_bytes()) {
            None => Some(record),
            // A record that goes has no new version in its place.
            Some(pending) => pending.updated.as_ref(),
        }
    }

    fn assert_committed(self) {
        assert!(self.delta.is_none(), "a transaction has no positional reads");
    }

    fn inserted(self) -> impl DoubleEndedIterator<Item = &'a Record> {
        let mut inserted: Vec<&'a (u64, Record)> = self
            .delta
            .into_iter()
            .flat_map(Delta::pendings)
            .filter_map(|pending| pending.inserted.as_ref())
            .collect();
        inserted.sort_by_key(|(place, _)| *place);
        inserted.into_iter().map(|(_, record)| record)
    }
}

/// Where candidates come from.
enum Candidates<'a, A, F> {
    All(A),
    Found(F),
    Merged(std::vec::IntoIter<&'a Record>),
}

impl<'a, A, F> Iterator for Candidates<'a, A, F>
where
    A: Iterator<Item = &'a Record>,
    F: Iterator<Item = &'a Record>,
{
    type Item = &'a Record;

    fn next(&mut self) -> Option<&'a Record> {
        match self {
            Self::All(all) => all.next(),
            Self::Found(found) => found.next(),
            Self::Merged(merged) => merged.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Delta, View};
    use crate::base::json::{Object, Parser, Raw};
    use crate::base::random::Random;
    use crate::store::{Bucket, Definition, Filter, Key, Record, Scratch, Stamp, insert};

    const DEFINITION: &str = r#"{"key":"k","schema":{"k":{"type":"string"}}}"#;

    fn record(bucket: &Bucket, key: &str) -> Record {
        let text = format!(r#"{{"k":"{key}"}}"#);
        let mut parser = Parser::default();
        let data = Object::from_value(parser.parse(&text).unwrap().root()).unwrap();
        let mut random = Random::from_seed([1; 32]);
        insert(
            bucket,
            &data,
            &mut Stamp { unix_ms: 7, random: &mut random, autoincrement: 1, scratch: &Scratch::default() },
        )
        .unwrap()
    }

    fn key(key: &str) -> Key {
        Key::from_slice(format!("\"{key}\"").as_bytes())
    }

    fn keys<'a>(records: impl Iterator<Item = &'a Record>) -> String {
        records.map(|record| record.field(0, b"\"k\"").unwrap().as_str().unwrap().into_owned()).collect()
    }

    fn bucket() -> Bucket {
        let definition = Definition::parse("b", Raw::trusted(DEFINITION.as_bytes())).unwrap();
        let mut bucket = Bucket::new(definition, 1);
        for key in ["a", "b", "c", "d"] {
            bucket.append(record(&bucket, key));
        }
        bucket
    }

    #[test]
    fn a_transaction_sees_its_writes_in_their_places() {
        // S-169, S-178
        let bucket = bucket();
        let mut delta = Delta::default();
        delta.delete(bucket.definition(), key("b"), true);
        delta.insert(bucket.definition(), key("b"), record(&bucket, "b"));
        delta.update(bucket.definition(), key("c"), record(&bucket, "c"));
        delta.delete(bucket.definition(), key("d"), true);
        delta.insert(bucket.definition(), key("e"), record(&bucket, "e"));
        delta.insert(bucket.definition(), key("f"), record(&bucket, "f"));
        delta.delete(bucket.definition(), key("f"), false);
        let view = View::with(&bucket, &delta);
        assert_eq!(keys(view.records()), "acbe");
        assert_eq!(keys(view.records_back()), "ebca");
        assert_eq!(keys(view.candidates(&Filter::default())), "acbe");
        assert_eq!((view.len(), view.is_empty()), (4, false));
    }

    #[test]
    fn pages_begin_anywhere() {
        // S-106, S-109
        let bucket = bucket();
        let view = View::committed(&bucket);
        assert_eq!((keys(view.ordered()), keys(view.ordered_back())), ("abcd".into(), "dcba".into()));
        assert_eq!(keys(view.after(&key("b")).unwrap()), "cd");
        assert_eq!(keys(view.after(&key("d")).unwrap()), "");
        assert!(view.after(b"7").is_none());
    }
}
