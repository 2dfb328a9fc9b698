//! The flags that bound what clients can use up: as typed, and as meant.

use super::layer::{Backpressure, Layer};
use super::resolve::{Errors, duration_ms};
use crate::base::limits::{ACCEPT_RATE_MAX, HEARTBEAT_MS_MAX, Limits, RATE_REQUESTS_MAX};
use crate::node::{Heartbeat, RateLimit};
use std::ops::RangeInclusive;

const ANY: RangeInclusive<u64> = 0..=u64::MAX;

/// Of `accept_rate`, connections per second.
pub(super) const ACCEPT_RANGE: RangeInclusive<u64> = 1..=ACCEPT_RATE_MAX;

/// Of `max_buffered_bytes` (P-181).
pub(super) const BUFFERED_RANGE: RangeInclusive<u64> = 1..=u64::MAX;

/// Of `high_water_mark` in words (P-181).
pub(super) const MARK_RANGE: &str = "above 0 and at most 1";

/// Of the requests of a rate limit (P-181).
pub(super) const REQUESTS_RANGE: RangeInclusive<u64> = 1..=RATE_REQUESTS_MAX as u64;

/// Of the heartbeat's times, milliseconds (P-181).
pub(super) const HEARTBEAT_RANGE: RangeInclusive<u64> = 1..=HEARTBEAT_MS_MAX;

/// Of the window of a rate limit, milliseconds (P-181): up to a year.
pub(super) const WINDOW_RANGE: RangeInclusive<u64> = 1..=31_536_000_000;

/// As typed.
#[derive(clap::Args, Default)]
pub(super) struct LimitFlags {
    /// Largest incoming message, bytes; 0 = unlimited [default: 1048576]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    max_payload_bytes: Option<String>,
    /// Connections of all clients [default: unlimited]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_connections: Option<String>,
    /// Connections that one address may hold [default: unlimited]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_connections_per_ip: Option<String>,
    /// Connections that may begin per second; the others are told when to come back
    /// [default: unlimited]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    accept_rate: Option<String>,
    /// Subscriptions of one connection [default: 100]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_subscriptions_per_connection: Option<String>,
    /// Subscriptions of all connections [default: 1000000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    max_total_subscriptions: Option<String>,
    /// Requests of a user, or of an address, per window, such as 100/60s [default: unlimited]
    #[arg(long, value_name = "N/DURATION", allow_hyphen_values = true)]
    rate_limit: Option<String>,
    /// From one ping to the next, milliseconds [default: 30000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    heartbeat_interval: Option<String>,
    /// Time for the answer to a ping, milliseconds [default: 10000]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    heartbeat_timeout: Option<String>,
    /// Unsent bytes of one connection: pushes are withheld from high-water-mark times as many
    /// [default: 1048576]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    max_buffered_bytes: Option<String>,
    /// The part of max-buffered-bytes from which pushes are withheld [default: 0.8]
    #[arg(long, value_name = "FRACTION", allow_negative_numbers = true)]
    high_water_mark: Option<String>,
    /// Unsent bytes of all connections of one shard; above, the slowest are closed
    /// [default: 268435456]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    max_shard_buffered_bytes: Option<String>,
}

/// As meant.
pub(super) struct Bounds {
    pub(super) limits: Limits,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) heartbeat: Heartbeat,
}

impl LimitFlags {
    /// Flags over file over default.
    pub(super) fn resolve(&self, file: &Layer, errors: &mut Errors) -> Bounds {
        let mut limits = file.limits.clone();
        let mut number = |option, typed: &Option<String>| errors.number(option, typed.as_deref(), ANY);
        if let Some(max) = number("--max-payload-bytes", &self.max_payload_bytes) {
            limits.payload_bytes_max = usize::try_from(max).unwrap_or(usize::MAX);
        }
        let max = number("--max-connections", &self.max_connections);
        limits.connections_max = max.or(limits.connections_max);
        let max = number("--max-connections-per-ip", &self.max_connections_per_ip); // P-196
        limits.connections_per_address_max = max.or(limits.connections_per_address_max);
        let max = number("--max-subscriptions-per-connection", &self.max_subscriptions_per_connection);
        limits.subscriptions_per_connection_max = max.unwrap_or(limits.subscriptions_per_connection_max);
        let max = number("--max-total-subscriptions", &self.max_total_subscriptions);
        limits.subscriptions_total_max = max.unwrap_or(limits.subscriptions_total_max);
        let max = number("--max-shard-buffered-bytes", &self.max_shard_buffered_bytes);
        limits.unsent_bytes_per_core_max = max.unwrap_or(limits.unsent_bytes_per_core_max);
        let rate = errors.number("--accept-rate", self.accept_rate.as_deref(), ACCEPT_RANGE);
        limits.connections_per_second_max = rate.or(limits.connections_per_second_max);
        limits.unsent_bytes_mark = self.backpressure(file, errors).unsent_bytes_mark();
        Bounds {
            limits,
            rate_limit: self.rate_limit(errors).or(file.rate_limit),
            heartbeat: self.heartbeat(file, errors),
        }
    }

    fn backpressure(&self, file: &Layer, errors: &mut Errors) -> Backpressure {
        let max = errors.number("--max-buffered-bytes", self.max_buffered_bytes.as_deref(), BUFFERED_RANGE);
        let mark = self.high_water_mark.as_deref().map(|typed| {
            let mark = typed.parse().ok().filter(|mark| is_mark(*mark));
            mark.ok_or_else(|| format!("Invalid --high-water-mark: {typed} (must be {MARK_RANGE})"))
        });
        let mark = mark.and_then(|mark| errors.take(mark));
        Backpressure {
            max_buffered_bytes: max.unwrap_or(file.backpressure.max_buffered_bytes),
            high_water_mark: mark.unwrap_or(file.backpressure.high_water_mark),
        }
    }

    fn rate_limit(&self, errors: &mut Errors) -> Option<RateLimit> {
        let typed = self.rate_limit.as_deref()?;
        let limit = typed.split_once('/').and_then(|(requests, window)| {
            let requests = requests.parse().ok().filter(|requests| REQUESTS_RANGE.contains(requests))?;
            let window_ms = duration_ms(window).ok().filter(|window| WINDOW_RANGE.contains(window))?;
            Some(rate_limit(requests, window_ms))
        });
        errors.take(limit.ok_or_else(|| {
            format!("Invalid --rate-limit: {typed} (must be requests/duration, such as 100/60s)")
        }))
    }

    fn heartbeat(&self, file: &Layer, errors: &mut Errors) -> Heartbeat {
        let mut number =
            |option, typed: &Option<String>| errors.number(option, typed.as_deref(), HEARTBEAT_RANGE);
        let interval = number("--heartbeat-interval", &self.heartbeat_interval);
        let timeout = number("--heartbeat-timeout", &self.heartbeat_timeout);
        let said = file.heartbeat.unwrap_or_default();
        Heartbeat {
            interval_ms: interval.unwrap_or(said.interval_ms),
            timeout_ms: timeout.unwrap_or(said.timeout_ms),
        }
    }
}

/// A limit whose numbers are in range.
pub(super) fn rate_limit(requests: u64, window_ms: u64) -> RateLimit {
    RateLimit { max_requests: usize::try_from(requests).expect("at most a million"), window_ms }
}

/// Whether a high-water mark can be used (P-181).
pub(super) fn is_mark(mark: f64) -> bool {
    mark > 0.0 && mark <= 1.0
}
