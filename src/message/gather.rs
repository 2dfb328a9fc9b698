//! Questions that every core answers a share of; the asking core joins the shares in core order.

use super::explain::{Found, PlanShare};
use super::metrics::CoreFigures;
use super::registry::{ConnectionFigures, ServerShare};
use crate::base::ids::{BucketId, QueryId, SubscriptionId};

/// What is asked of every core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Survey {
    /// `store.stats` (S-119).
    StoreStats,
    /// `store.listQueries` (S-231).
    Queries,
    /// `server.stats` (P-154).
    ServerStats,
    /// `server.connections` (P-153).
    Connections,
    /// `server.topLag`: the clients that lag most.
    TopLag,
    /// `/metrics` (K-13).
    Metrics,
    /// Whether everything committed so far has been told to all who watch it (S-207).
    Settle,
    /// To remove what has expired (S-191).
    Expire,
    /// Nothing: what was sent before the question has arrived when it is answered.
    Flush,
    /// `server.explainSubscription`, first: whose that subscription is, and what it watches.
    Locate(SubscriptionId),
    /// Second: what is known of that.
    Explain {
        /// Which one.
        id: SubscriptionId,
        /// What its own core has told.
        found: Box<Found>,
    },
}

/// One core's part of the answer.
#[derive(Debug)]
pub enum Share {
    /// Of [`Survey::StoreStats`].
    Store(StoreShare),
    /// Of [`Survey::Queries`]: active subscriptions of its connections, by query.
    Queries(Vec<(QueryId, u64)>),
    /// Of [`Survey::ServerStats`].
    Server(Box<ServerShare>),
    /// Of [`Survey::Connections`] and [`Survey::TopLag`].
    Connections(Vec<ConnectionFigures>),
    /// Of [`Survey::Metrics`].
    Metrics(Box<CoreFigures>),
    /// Of [`Survey::Settle`]: whether it has.
    Settled(bool),
    /// Of [`Survey::Expire`]: how many records.
    Expired(u64),
    /// Of [`Survey::Flush`].
    Flushed,
    /// Of [`Survey::Locate`]: if it is there.
    Located(Option<Box<Found>>),
    /// Of [`Survey::Explain`].
    Explained(PlanShare),
}

/// What one core knows of the store.
#[derive(Clone, Debug, Default)]
pub struct StoreShare {
    /// The buckets that live there.
    pub buckets: Vec<(BucketId, BucketFigures)>,
    /// Active subscriptions of its connections to queries.
    pub subscriptions: u64,
}

/// What is counted of one bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BucketFigures {
    /// Records, expired ones that have not been removed yet included (S-120).
    pub records: u64,
    /// Indexes as S-80 counts them.
    pub indexes: u64,
    /// Live queries that were looked at because a change might touch them, once per change.
    pub live_examined: u64,
    /// Live queries whose answers have become others.
    pub live_updated: u64,
}
