//! What a core counts of itself, for those who watch the server.

use crate::base::fault::Code;

/// What only the shell can measure of a core; read when somebody asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Vitals {
    /// CPU time of the core's thread since its start, microseconds.
    pub cpu_us: u64,
    /// The most batches of messages that it has found waiting in its inbox.
    pub inbox_batches_peak: u64,
    /// Memory of the whole process that is resident, bytes; 0 = the system does not say.
    pub resident_bytes: u64,
}

/// How busy a core is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Inputs handled since its start: reads, writes, mail, timers.
    pub turns: u64,
    /// Bytes of all its connections that the operating system has not taken.
    pub unsent_bytes: u64,
    /// What the shell measures.
    pub vitals: Vitals,
}

/// What a core has counted since its start. Plain numbers: each core counts for itself, and only
/// who asks adds up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Connections accepted, whatever became of them.
    pub accepted: u64,
    /// Connections that have been welcomed.
    pub admitted: u64,
    /// Connections that have not, by [`Refusal`].
    pub refused: [u64; Refusal::ALL.len()],
    /// Complete WebSocket messages from clients, control frames among them.
    pub messages_received: u64,
    /// WebSocket messages to clients, control frames among them.
    pub messages_sent: u64,
    /// Bytes read from clients.
    pub bytes_received: u64,
    /// Bytes that the operating system has taken for clients.
    pub bytes_sent: u64,
    /// Requests answered by a result.
    pub results: u64,
    /// Requests answered by an error, by [`Code`].
    pub errors: [u64; Code::ALL.len()],
    /// Requests over the rate limit (P-95); among the errors, too.
    pub rate_limited: u64,
    /// Pushes to clients.
    pub pushes: u64,
    /// Query pushes that were withheld (K-4).
    pub conflations: u64,
    /// Event pushes that were dropped (K-5).
    pub events_dropped: u64,
    /// Transactions of clients that have happened.
    pub transactions_committed: u64,
    /// Transactions of clients that have not.
    pub transactions_aborted: u64,
    /// Connections closed for not answering a ping.
    pub heartbeat_timeouts: u64,
    /// Connections closed because the queues of all clients had grown too long.
    pub slow_consumers: u64,
}

/// Why a connection is not welcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There are as many connections as there may be.
    Limit,
    /// More came in this moment than may.
    Rate,
    /// Its address has as many as it may have (P-15).
    Address,
    /// The server is stopping (P-15).
    Stopping,
    /// It was no acceptable upgrade request (P-4).
    Handshake,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Limit, Self::Rate, Self::Address, Self::Stopping, Self::Handshake];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Rate => "rate",
            Self::Address => "address",
            Self::Stopping => "stopping",
            Self::Handshake => "handshake",
        }
    }
}

/// One core's part of `/metrics`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CoreFigures {
    /// Connections past their upgrade.
    pub connections: u64,
    /// Active subscriptions of its connections to queries.
    pub subscriptions: u64,
    /// Buckets that live there.
    pub buckets: u64,
    /// Their records.
    pub records: u64,
    /// Live queries that were looked at because a change might touch them, once per change.
    pub live_examined: u64,
    /// Live queries whose answers have become others.
    pub live_updated: u64,
    /// How busy it is.
    pub load: Load,
    /// What it has counted.
    pub traffic: Traffic,
}
