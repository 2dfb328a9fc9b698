//! noex-server: a sharded, thread-per-core JSON-over-WebSocket data server.

pub mod access;
pub mod base;
pub mod cli;
pub mod node;
pub mod query;
pub mod store;
pub mod wire;
