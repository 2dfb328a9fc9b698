//! noex-server: a sharded, thread-per-core JSON-over-WebSocket data server.
//!
//! # Two halves
//!
//! Everything that decides anything is a pure state machine, [`node::Node`]: one core with its
//! sessions and its share of the data. It has one entry, takes one input at a time with the time
//! as a value, and puts what it wants into an outbox. The [`shell`] moves bytes, mail and time
//! between nodes and the world and does nothing else; the simulator in `tests/sim` does the same
//! with a seed in place of the world.
//!
//! # The map
//!
//! | module | what it is |
//! |---|---|
//! | [`base`] | ids, time and randomness as values, bounds, JSON as bytes |
//! | [`wire`] | bytes and WebSocket messages |
//! | [`protocol`] | messages and requests, answers, pushes |
//! | [`access`] | identities, the gate, proof that a request has passed it |
//! | [`router`] | names to buckets, buckets to cores |
//! | [`message`] | the vocabulary of sessions and shards |
//! | [`resilience`] | rate limits, heartbeat, counts per address |
//! | [`session`] | one connection's life, order of answers, subscribers |
//! | [`shard`] | one core's share of the data; one file per family of verbs |
//! | [`store`] | buckets, records, filters |
//! | [`query`] | plans and parameters |
//! | [`reactive`] | live queries |
//! | [`txn`] | two-phase commit: coordinator, locks |
//! | [`rules`] | facts, events, patterns |
//! | [`node`] | one core put together |
//! | [`shell`] | threads, sockets, clocks, the mesh |
//! | [`embed`] | the store as a Rust program around the server uses it |
//! | [`cli`] | what the operator types |
//!
//! Imports run one way; `tests/tidy.rs` has the table. [`session`] and [`shard`] never name each
//! other: they exchange [`message`] values. [`store`] knows nothing of transactions, [`reactive`]
//! nothing of connections, nothing pure names monoio, crossbeam, a clock or a thread.
//!
//! # The three ways through
//!
//! **A request** is executed by the core that owns its bucket. If that is the connection's own and no
//! transaction is undecided, it is executed where it is read and its answer written into the frame that leaves.
//! Otherwise it goes there and back. Requests of one connection are observably processed one after the other;
//! consecutive ones for the same core are on their way together all the same ([`session::Flight`]): as one list in
//! memory of the connection's core, which comes home with the answers as finished frames (`message/run.rs`).
//! What has to wait for a transaction travels by itself.
//!
//! **A push** starts at the one path by which data changes (`shard/commit.rs`): each distinct live
//! query that a change touches is answered once and serialised once ([`reactive::LiveQueries`]),
//! one mail goes to each core with subscribers, and that core sends a private head and the shared
//! result to each ([`session::Hub`]). The answer to a mutation precedes the pushes that it causes.
//!
//! **A transaction** over several cores is prepared on them in ascending order and decided by the
//! connection's core ([`txn`]); on one core it is one request. Those of a connection that wait for one of
//! theirs then run together as one, and one by one if that fails.
//!
//! # Representation
//!
//! A record is its canonical JSON text and the places of its schema's fields ([`store::Record`]).
//! Canonical text is unique per scalar value, so that filters, keys and sharing of queries compare
//! bytes. A result is a concatenation of stored bytes.
//!
//! # Deliberately absent
//!
//! Durability (its seam is `shard/commit.rs`), TLS (its seam is between `shell/conn.rs` and
//! [`wire`]), compression, locks between threads, timers per connection, a DOM.

pub mod access;
pub mod base;
pub mod cli;
pub mod embed;
pub mod message;
pub mod node;
pub mod protocol;
pub mod query;
pub mod reactive;
pub mod resilience;
pub mod router;
pub mod rules;
pub mod session;
pub mod shard;
pub mod shell;
pub mod store;
pub mod txn;
pub mod wire;

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
