//! What a server is configured to be, as far as the pure half cares.

use crate::access;
use crate::base::limits::Limits;
use crate::resilience::{Heartbeat, RateLimit};
use crate::wire::TrustedProxies;
use crate::{query, store};

/// The same for every core of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shown in statistics.
    pub name: String,
    /// The WebSocket path (P-6).
    pub path: String,
    /// Origins that browsers may come from; `None` = any (P-7).
    pub allowed_origins: Option<Vec<String>>,
    /// Who may say that a client comes from somewhere else (P-3).
    pub trusted_proxies: TrustedProxies,
    /// How often a user, or an address without one, may ask; `None` = any number (P-91).
    pub rate_limit: Option<RateLimit>,
    /// Pings (P-101).
    pub heartbeat: Heartbeat,
    /// What clients may use.
    pub limits: Limits,
    /// Whether errors carry `details` (P-74).
    pub expose_error_details: bool,
    /// Whether there is a rule engine.
    pub rules: bool,
    /// Token authentication; `None` = everybody may do everything.
    pub auth: Option<access::Settings>,
    /// Whether records of buckets with a `ttl` go by themselves (S-189); otherwise they go when the
    /// embedding program says so (S-191).
    pub expires: bool,
    /// Buckets that exist from the start, in order.
    pub buckets: Vec<store::Definition>,
    /// Queries that exist from the start, in order.
    pub queries: Vec<(String, query::Definition)>,
    /// Where things live.
    pub placement: Placement,
    /// Called with the `type` of each request that passes the envelope: the simulator makes it
    /// panic, to see what a fault of ours costs (P-169).
    pub probe: Option<fn(&str)>,
}

/// Pins things to cores; what is not pinned is placed by a hash of its name.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// Bucket name → core number.
    pub buckets: Vec<(String, u16)>,
    /// The core of facts, events and rules.
    pub rules: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "noex-server".into(),
            path: "/".into(),
            allowed_origins: None,
            trusted_proxies: TrustedProxies::default(),
            rate_limit: None,
            heartbeat: Heartbeat::default(),
            limits: Limits::default(),
            expose_error_details: true,
            rules: true,
            auth: None,
            expires: true,
            buckets: Vec::new(),
            queries: Vec::new(),
            placement: Placement::default(),
            probe: None,
        }
    }
}
