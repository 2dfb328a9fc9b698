//! What exists and where it lives, the same on every core.

use crate::base::hash;
use crate::base::ids::{BucketId, CoreId, QueryId};
use crate::query;
use std::collections::{BTreeMap, HashMap};

/// Buckets and queries by name.
pub struct Catalog {
    cores: u16,
    buckets: Table<BucketId, CoreId>,
    queries: Table<QueryId, query::Definition>,
    rules: Option<CoreId>,
}

/// Things with a name and a number. Numbers grow and are never reused, so that their order is
/// that of definition.
struct Table<Id, Entry> {
    ids: HashMap<Box<str>, Id, ahash::RandomState>,
    entries: BTreeMap<Id, (Box<str>, Entry)>,
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
    /// An empty catalog for that many cores. `rules` is the core of facts and events, if there
    /// is a rule engine; the seed keys the tables.
    pub fn new(cores: u16, rules: Option<CoreId>, seed: u64) -> Self {
        assert!(cores > 0, "a server has a core");
        let hasher = ahash::RandomState::with_seeds(seed, seed ^ 0x51, !seed, seed.rotate_left(7));
        Self { cores, buckets: Table::new(hasher.clone()), queries: Table::new(hasher), rules }
    }

    /// Enters a bucket: on the pinned core, or where the hash of its name puts it.
    ///
    /// # Panics
    /// If the name is taken: the configuration has been checked.
    pub fn add_bucket(&mut self, name: &str, pin: Option<CoreId>) -> Placed {
        let bucket = BucketId(u32::try_from(self.buckets.entries.len()).expect("fewer than 2^32 buckets"));
        let by_hash = hash::stable(name.as_bytes()) % u64::from(self.cores);
        let core = pin.unwrap_or(CoreId(u16::try_from(by_hash).expect("below the number of cores")));
        self.buckets.add(bucket, name, core);
        Placed { bucket, core }
    }

    /// Enters a named query.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn add_query(&mut self, name: &str, definition: query::Definition) {
        let query = QueryId(u32::try_from(self.queries.entries.len()).expect("fewer than 2^32 queries"));
        self.queries.add(query, name, definition);
    }

    /// The bucket of that name.
    pub fn bucket(&self, name: &str) -> Option<Placed> {
        self.buckets.find(name).map(|(bucket, core)| Placed { bucket, core: *core })
    }

    /// The buckets with their names, in the order in which they were defined (S-118).
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (&str, Placed)> {
        let entries = self.buckets.entries.iter();
        entries.map(|(bucket, (name, core))| (&**name, Placed { bucket: *bucket, core: *core }))
    }

    /// The query of that name.
    pub fn query(&self, name: &str) -> Option<(QueryId, &query::Definition)> {
        self.queries.find(name)
    }

    /// How many queries there are.
    pub fn queries_len(&self) -> usize {
        self.queries.entries.len()
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

    fn add(&mut self, id: Id, name: &str, entry: Entry) {
        let earlier = self.ids.insert(name.into(), id);
        assert!(earlier.is_none(), "\"{name}\" is defined twice");
        self.entries.insert(id, (name.into(), entry));
    }

    fn find(&self, name: &str) -> Option<(Id, &Entry)> {
        let id = *self.ids.get(name)?;
        Some((id, &self.entries[&id].1))
    }
}
