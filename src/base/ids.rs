//! Names of things, each its own type: one kind of id cannot be passed for another.
//!
//! Ids that are reused carry a generation, so that a stale id is detected and
//! never reaches the thing that now lives in its place.

use std::fmt;

/// One core of the server: a thread with its own runtime, connections and share of the data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CoreId(pub u16);

impl CoreId {
    /// The position of this core in a table with one entry per core.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for CoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "core {}", self.0)
    }
}

/// A connection of one core: a slot and the generation of its tenant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId {
    /// Position in the core's table of sessions.
    pub slot: u32,
    /// Counts the tenants of the slot.
    pub generation: u32,
}

/// A bucket, numbered once by the catalog that every core shares; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BucketId(pub u32);

/// A named query, numbered once by the catalog that every core shares; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueryId(pub u32);

/// A subscription of a client; on the wire `sub-<n>` (P-135, K-8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubscriptionId(pub u64);

impl SubscriptionId {
    /// Reads `sub-<n>` as the server writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix("sub-").filter(|digits| !digits.starts_with(['+', '0']))?;
        number.parse().ok().map(Self)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sub-{}", self.0)
    }
}

/// A live query or a live topic pattern of one core, shared by all its subscribers; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LiveId(pub u64);

/// Somebody in the embedding program who listens to store events; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId(pub u64);

/// A transaction over several cores, named by its coordinator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TxnId {
    /// The core that coordinates.
    pub coordinator: CoreId,
    /// Its place among those that the coordinator runs; taken again when it is decided.
    pub place: u32,
}
