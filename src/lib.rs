//! noex-server: a sharded, thread-per-core JSON-over-WebSocket data server.

pub mod base;
pub mod wire;
