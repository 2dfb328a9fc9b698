//! What every layer shares and nothing else knows about: ids, time and
//! randomness as values, bounds, JSON as bytes.
//!
//! Uses std without clocks, threads, environment or network.

pub mod bytes;
pub mod chunks;
pub mod counters;
pub mod fault;
pub mod hash;
pub mod ids;
pub mod json;
pub mod limits;
pub mod moment;
pub mod prefetch;
pub mod random;
pub mod slots;
pub mod time;
