//! What exists and where it lives, the same on every core.

use crate::base::hash;
use crate::base::ids::{BucketId, CoreId, QueryId};
use crate::message::{BucketDefinition, Change};
use crate::query;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Buckets and queries by name.
pub struct Catalog {
    cores: u16,
    buckets: Table<BucketId, Entry>,
    queries: Table<QueryId, query::Definition>,
    /// The numbers of the bucket and the query that are defined next.
    next: (BucketId, QueryId),
    pins: HashMap<Box<str>, CoreId, ahash::RandomState>,
    rules: Option<CoreId>,
}

/// Things with a name and a number. Numbers grow and are never reused, so that their order is
/// that of definition.
struct Table<Id, Entry> {
    ids: HashMap<Box<str>, Id, ahash::RandomState>,
    entries: BTreeMap<Id, (Box<str>, Entry)>,
}

struct Entry {
    core: CoreId,
    definition: Arc<BucketDefinition>,
}

/// A bucket and its core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The bucket.
    pub bucket: BucketId,
    /// Where it lives, whole.
    pub core: CoreId,
}

impl Catalog {
    /// An empty catalog for that many cores. `pins` are the buckets that the operator has placed,
    /// by name; `rules` is the core of facts and events, if there is a rule engine; the seed keys
    /// the tables.
    pub fn new(cores: u16, pins: &[(String, u16)], rules: Option<CoreId>, seed: u64) -> Self {
        assert!(cores > 0, "a server has a core");
        let hasher = ahash::RandomState::with_seeds(seed, seed ^ 0x51, !seed, seed.rotate_left(7));
        let mut pinned = HashMap::with_hasher(hasher.clone());
        pinned.extend(pins.iter().map(|(name, core)| (name.as_str().into(), CoreId(core % cores))));
        Self {
            cores,
            buckets: Table::new(hasher.clone()),
            queries: Table::new(hasher),
            next: (BucketId(0), QueryId(0)),
            pins: pinned,
            rules,
        }
    }

    /// Takes over a change.
    ///
    /// # Panics
    /// If it does not fit what exists: a name that is taken, a number that nothing has. Whoever
    /// makes a change has checked it.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Bucket(bucket, core, definition) => {
                self.next.0 = BucketId(bucket.0 + 1);
                let name = definition.name().into();
                self.buckets.add(bucket, name, Entry { core, definition });
            }
            Change::Definition(bucket, definition) => self.buckets.get_mut(bucket).definition = definition,
            Change::NoBucket(bucket, _) => self.buckets.remove(bucket),
            Change::Query(query, name, definition) => {
                self.next.1 = QueryId(query.0 + 1);
                self.queries.add(query, name, definition);
            }
            Change::NoQuery(query) => self.queries.remove(query),
        }
    }

    /// What a bucket of that name will be if it is the next one: its number, and the core where
    /// the operator, or the hash of its name, puts it.
    pub fn next_bucket(&self, name: &str) -> Placed {
        let by_hash = hash::stable(name.as_bytes()) % u64::from(self.cores);
        let by_hash = CoreId(u16::try_from(by_hash).expect("below the number of cores"));
        Placed { bucket: self.next.0, core: self.pins.get(name).copied().unwrap_or(by_hash) }
    }

    /// The number of the next query.
    pub fn next_query(&self) -> QueryId {
        self.next.1
    }

    /// The bucket of that name.
    pub fn bucket(&self, name: &str) -> Option<Placed> {
        self.definition(name).map(|(placed, _)| placed)
    }

    /// The bucket of that name with its definition.
    pub fn definition(&self, name: &str) -> Option<(Placed, &BucketDefinition)> {
        let (bucket, entry) = self.buckets.find(name)?;
        Some((Placed { bucket, core: entry.core }, &entry.definition))
    }

    /// The buckets with their names, in the order in which they were defined (S-118).
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (&str, Placed)> {
        let entries = self.buckets.entries.iter();
        entries.map(|(bucket, (name, entry))| (&**name, Placed { bucket: *bucket, core: entry.core }))
    }

    /// The query of that name.
    pub fn query(&self, name: &str) -> Option<(QueryId, &query::Definition)> {
        self.queries.find(name)
    }

    /// Whether there still is such a query.
    pub fn has_query(&self, query: QueryId) -> bool {
        self.queries.entries.contains_key(&query)
    }

    /// The queries with their names, in the order in which they were defined (S-231).
    pub fn queries(&self) -> impl ExactSizeIterator<Item = (QueryId, &str, &query::Definition)> {
        self.queries.entries.iter().map(|(query, (name, definition))| (*query, &**name, definition))
    }

    /// The core of facts and events.
    pub fn rules(&self) -> Option<CoreId> {
        self.rules
    }

    /// How many cores there are.
    pub fn cores(&self) -> u16 {
        self.cores
    }
}

impl<Id: Copy + Ord, Entry> Table<Id, Entry> {
    fn new(hasher: ahash::RandomState) -> Self {
        Self { ids: HashMap::with_hasher(hasher), entries: BTreeMap::new() }
    }

    fn add(&mut self, id: Id, name: Box<str>, entry: Entry) {
        let earlier = self.ids.insert(name.clone(), id);
        assert!(earlier.is_none(), "\"{name}\" is defined twice");
        self.entries.insert(id, (name, entry));
    }

    fn remove(&mut self, id: Id) {
        let (name, _) = self.entries.remove(&id).expect("what goes was there");
        self.ids.remove(&name);
    }

    fn get_mut(&mut self, id: Id) -> &mut Entry {
        &mut self.entries.get_mut(&id).expect("what changes is there").1
    }

    fn find(&self, name: &str) -> Option<(Id, &Entry)> {
        let id = *self.ids.get(name)?;
        Some((id, &self.entries[&id].1))
    }
}
