//! What all cores of a server share: counters, and tables that only the beginning and the end of
//! a connection touch.

use super::Settings;
use crate::base::counters::Counters;
use crate::base::moment::Sequencer;
use crate::resilience::{Addresses, Ramp, RateLimiter};
use std::sync::Arc;

/// Made once per server, from the same settings as its nodes.
#[derive(Debug)]
pub struct Shared {
    /// The numbers.
    pub(super) counters: Counters,
    /// When transactions over several cores take effect.
    pub(super) sequencer: Arc<Sequencer>,
    /// Requests by user and address; `None` = unlimited (P-91).
    pub(super) limiter: Option<RateLimiter>,
    /// Connections by address.
    pub(super) addresses: Addresses,
    /// Connections by second; `None` = unlimited.
    pub(super) ramp: Option<Ramp>,
}

impl Shared {
    /// For a server with these settings; the seed keys the tables.
    pub fn new(settings: &Settings, seed: u64) -> Self {
        Self {
            counters: Counters::default(),
            sequencer: Arc::default(),
            limiter: settings.rate_limit.map(|limit| RateLimiter::new(limit, seed)),
            addresses: Addresses::new(seed),
            ramp: settings.limits.connections_per_second_max.map(Ramp::new),
        }
    }
}
