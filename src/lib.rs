//! noex-server: a sharded, thread-per-core JSON-over-WebSocket data server.

pub mod access;
pub mod base;
pub mod cli;
pub mod message;
pub mod node;
pub mod protocol;
pub mod query;
pub mod reactive;
pub mod router;
pub mod rules;
pub mod session;
pub mod shard;
pub mod shell;
pub mod store;
pub mod txn;
pub mod wire;
