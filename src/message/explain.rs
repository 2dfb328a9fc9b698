//! What is told of one subscription and of the live queries behind it.

use crate::base::ids::{CoreId, LiveId, QueryId};
use crate::query::Plan;
use std::sync::Arc;

/// The live queries of a subscription, each with the core that keeps it, in their places: one, or
/// several of which a result is put together.
pub type LivePlan = Plan<(CoreId, LiveId)>;

/// A subscription to a query, as the core of its connection knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The named query that it was asked for by.
    pub query: QueryId,
    /// What it watches.
    pub plan: Arc<LivePlan>,
    /// How often its own core has put the result together, if that is done there.
    pub evaluations: Option<u64>,
    /// Bytes of all its pushes so far, framing included.
    pub pushed_bytes: u64,
    /// How often a push was withheld because its client lagged (K-4).
    pub conflations: u32,
}

/// What one core knows of a [`LivePlan`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlanShare {
    /// Its live queries that are kept there.
    pub reads: Vec<((CoreId, LiveId), ReadFigures)>,
    /// Subscriptions of its connections to the whole, if that is put together from several reads.
    pub subscribers: u64,
}

/// What is told of one live query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadFigures {
    /// What is read, as a JSON object in the words of `store.defineQuery`.
    pub plan: Box<[u8]>,
    /// The properties (names with quotes) by whose values changes find it; none = every change does.
    /// `None` = no record can match.
    pub index: Option<Vec<Box<[u8]>>>,
    /// What is kept so that a change need not read the bucket again; `evaluated` = nothing.
    pub upkeep: &'static str,
    /// Who is told, on all cores; a result of several reads counts once per core.
    pub subscribers: u64,
    /// How often its answer was put together.
    pub evaluations: u64,
    /// How often that was another one.
    pub updates: u64,
}
