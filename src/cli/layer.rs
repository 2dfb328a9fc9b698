//! What a configuration file says, whichever language it is written in.

use super::Typed;
use crate::base::limits::Limits;
use crate::node::{
    AuthSettings, BucketDefinition, Heartbeat, Placement, QueryDefinition, RateLimit, TrustedProxies,
};
use crate::shell::Tuning;

/// One file, read. `None` = not said there.
#[derive(Default)]
pub(super) struct Layer {
    /// Checked after merging, because the command line may override it (P-189).
    pub(super) port: Option<Typed<u16>>,
    pub(super) host: Option<String>,
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
    pub(super) shards: Option<usize>,
    pub(super) pin_cores: Option<bool>,
    pub(super) tuning: Tuning,
    pub(super) grace_period_ms: Option<u64>,
    pub(super) log: Option<String>,
    pub(super) rules: Option<bool>,
    pub(super) expose_error_details: Option<bool>,
    pub(super) allowed_origins: Option<Vec<String>>,
    pub(super) trusted_proxies: Option<TrustedProxies>,
    /// What the file leaves out has its default.
    pub(super) limits: Limits,
    pub(super) persistence: Option<String>,
    pub(super) built_in_auth: bool,
    /// Only whether there is a non-empty one: nothing uses the secret yet (K-14).
    pub(super) has_admin_secret: bool,
    pub(super) audit: bool,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) heartbeat: Option<Heartbeat>,
    /// Where neither file nor flags say otherwise, it has its defaults.
    pub(super) backpressure: Backpressure,
    pub(super) auth: Option<AuthSettings>,
    pub(super) buckets: Vec<BucketDefinition>,
    pub(super) queries: Vec<(String, QueryDefinition)>,
    pub(super) placement: Placement,
}

/// `[limits] max_buffered_bytes` and `high_water_mark`, `backpressure` in JSON.
pub(super) struct Backpressure {
    pub(super) max_buffered_bytes: u64,
    pub(super) high_water_mark: f64,
}

impl Default for Backpressure {
    fn default() -> Self {
        Self { max_buffered_bytes: 1_048_576, high_water_mark: 0.8 }
    }
}

impl Backpressure {
    /// The smallest number of unsent bytes that reaches the threshold (P-110). The product is
    /// a double, as in the reference, so that both have the same threshold.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "positive and rounded up; casts saturate"
    )]
    pub(super) fn unsent_bytes_mark(&self) -> u64 {
        (self.max_buffered_bytes as f64 * self.high_water_mark).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Backpressure;
    use crate::base::limits::Limits;

    #[test]
    fn the_mark_is_the_first_integer_at_the_threshold() {
        // P-110
        assert_eq!(Backpressure::default().unsent_bytes_mark(), Limits::default().unsent_bytes_mark);
        for (max_buffered_bytes, high_water_mark, mark) in
            [(500, 1.0, 500), (10, 0.25, 3), (1, 1e-9, 1), (u64::MAX, 1.0, u64::MAX)]
        {
            assert_eq!(Backpressure { max_buffered_bytes, high_water_mark }.unsent_bytes_mark(), mark);
        }
    }
}
