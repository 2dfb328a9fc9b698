//! What exists and where it lives, the same on every core.

use crate::base::hash;
use crate::base::ids::{BucketId, CoreId};
use crate::query;
use std::collections::HashMap;

/// Buckets and queries by name.
pub struct Catalog {
    cores: u16,
    buckets: HashMap<Box<str>, Placed, ahash::RandomState>,
    queries: HashMap<Box<str>, query::Definition, ahash::RandomState>,
    rules: Option<CoreId>,
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
        Self {
            cores,
            buckets: HashMap::with_hasher(hasher.clone()),
            queries: HashMap::with_hasher(hasher),
            rules,
        }
    }

    /// Enters a bucket: on the pinned core, or where the hash of its name puts it.
    ///
    /// # Panics
    /// If the name is taken: the configuration has been checked.
    pub fn add_bucket(&mut self, name: &str, pin: Option<CoreId>) -> Placed {
        let bucket = BucketId(u32::try_from(self.buckets.len()).expect("fewer than 2^32 buckets"));
        let by_hash = hash::stable(name.as_bytes()) % u64::from(self.cores);
        let core = pin.unwrap_or(CoreId(u16::try_from(by_hash).expect("below the number of cores")));
        let placed = Placed { bucket, core };
        let earlier = self.buckets.insert(name.into(), placed);
        assert!(earlier.is_none(), "bucket \"{name}\" is defined twice");
        placed
    }

    /// Enters a named query.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn add_query(&mut self, name: &str, definition: query::Definition) {
        let earlier = self.queries.insert(name.into(), definition);
        assert!(earlier.is_none(), "query \"{name}\" is defined twice");
    }

    /// The bucket of that name.
    pub fn bucket(&self, name: &str) -> Option<Placed> {
        self.buckets.get(name).copied()
    }

    /// The query of that name.
    pub fn query(&self, name: &str) -> Option<&query::Definition> {
        self.queries.get(name)
    }

    /// The core of facts and events.
    pub fn rules(&self) -> Option<CoreId> {
        self.rules
    }
}
