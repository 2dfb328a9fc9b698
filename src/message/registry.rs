//! What cores tell of their connections and their load (01 §15).

use super::gather::StoreShare;
use super::metrics::Load;
use crate::access::Identity;
use std::net::IpAddr;
use std::sync::Arc;

/// One core's part of `server.stats`.
#[derive(Debug)]
pub struct ServerShare {
    /// Its buckets and subscriptions.
    pub store: StoreShare,
    /// The rule engine, if it lives there.
    pub rules: Option<RulesFigures>,
    /// Its connections, added up.
    pub connections: ConnectionTotals,
    /// How busy it is.
    pub load: Load,
}

/// Connections of one core, or of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectionTotals {
    /// Admitted and not yet terminated (P-147).
    pub active: u64,
    /// Those that are logged in.
    pub authenticated: u64,
    /// Active subscriptions to queries.
    pub store_subscriptions: u64,
    /// Active subscriptions to events.
    pub rules_subscriptions: u64,
}

/// What is counted in a rule engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RulesFigures {
    /// Facts at present.
    pub facts: u64,
    /// Events since start.
    pub events: u64,
}

/// One connection as the registry shows it (P-147), and how far its client lags behind.
#[derive(Debug)]
pub struct ConnectionFigures {
    /// The n of `conn-<n>`; ascends in the order of admission.
    pub number: u64,
    /// Where it comes from.
    pub peer: IpAddr,
    /// When it was admitted, milliseconds since the Unix epoch.
    pub connected_at: u64,
    /// Who is logged in; an identity that has ended is none (P-149).
    pub identity: Option<Arc<Identity>>,
    /// Active subscriptions to queries.
    pub store_subscriptions: u64,
    /// Active subscriptions to events.
    pub rules_subscriptions: u64,
    /// Bytes that the operating system has not taken.
    pub unsent_bytes: u64,
    /// Query pushes that were withheld, to be made good by the latest state (K-4).
    pub conflations: u64,
    /// Event pushes that were dropped (K-5).
    pub events_dropped: u64,
}
