//! The tables `[server]`, `[limits]`, `[rate_limit]` and `[heartbeat]`.

use super::super::layer::{Backpressure, Layer};
use super::super::limit_flags::{
    self, ACCEPT_RANGE, BUFFERED_RANGE, HEARTBEAT_RANGE, MARK_RANGE, REQUESTS_RANGE, WINDOW_RANGE, is_mark,
};
use super::super::resolve::{self, PORT_RANGE, must_be};
use super::super::tuning::knobs;
use super::table::Table;
use crate::base::limits::CORES_MAX;
use crate::node::{Heartbeat, RateLimit, TrustedProxies};
use crate::shell::Tuning;
use std::ops::RangeInclusive;

const ANY: RangeInclusive<u64> = 0..=u64::MAX;

/// Reads `[server]`.
pub(super) fn read(mut table: Table<'_>, layer: &mut Layer) {
    layer.name = table.string("name").map(str::to_owned);
    layer.host = checked(&mut table, "host", resolve::host);
    layer.path = checked(&mut table, "path", resolve::path);
    layer.log = checked(&mut table, "log", resolve::log);
    let port = table.integer("port", PORT_RANGE);
    layer.port = port.map(|port| Ok(u16::try_from(port).expect("in range")));
    let shards = table.integer("shards", 1..=CORES_MAX as u64);
    layer.shards = shards.map(|shards| usize::try_from(shards).expect("in range"));
    layer.pin_cores = table.boolean("pin_cores");
    layer.grace_period_ms = duration(&mut table, "grace_period", ANY);
    layer.limits.connections_per_address_max = table.integer("max_connections_per_ip", ANY);
    layer.rules = table.boolean("rules");
    layer.expose_error_details = table.boolean("expose_error_details");
    layer.allowed_origins = table.strings("allowed_origins");
    trusted_proxies(&mut table, &mut layer.trusted_proxies);
    table.finish();
}

/// Addresses and networks: of `[server]`, or of `[auth]`, where 03 §14.1 has them; they concern both.
pub(super) fn trusted_proxies(table: &mut Table<'_>, proxies: &mut Option<TrustedProxies>) {
    const KEY: &str = "trusted_proxies";
    let Some(entries) = table.strings(KEY) else { return };
    if proxies.is_some() {
        return table.complain(KEY, "trusted_proxies are already given in [server]");
    }
    match TrustedProxies::parse(entries.iter().map(String::as_str)) {
        Ok(parsed) => *proxies = Some(parsed),
        Err(entry) => table.complain(KEY, resolve::not_a_network(&entry)),
    }
}

/// A string that satisfies a check shared with the command line.
fn checked(
    table: &mut Table<'_>,
    key: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> Option<String> {
    let text = table.string(key)?;
    if let Err(message) = check(text) {
        table.complain(key, message);
    }
    Some(text.to_owned())
}

/// A text with unit, or an integer: milliseconds.
fn duration(table: &mut Table<'_>, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
    if table.get(key)?.get_ref().is_integer() {
        return table.integer(key, range);
    }
    let text = table.string(key)?;
    let duration = resolve::duration_ms(text).and_then(|ms| {
        if range.contains(&ms) { Ok(ms) } else { Err(format!("{text} ({} milliseconds)", must_be(&range))) }
    });
    duration.map_err(|message| table.complain(key, format!("Invalid {key}: {message}"))).ok()
}

/// Reads `[rate_limit]`; both keys are required.
pub(super) fn rate_limit(mut table: Table<'_>) -> Option<RateLimit> {
    let requests = table.integer("max_requests", REQUESTS_RANGE);
    let window_ms = duration(&mut table, "window", WINDOW_RANGE);
    for key in ["max_requests", "window"] {
        if table.get(key).is_none() {
            table.missing(key);
        }
    }
    table.finish();
    requests.zip(window_ms).map(|(requests, window_ms)| limit_flags::rate_limit(requests, window_ms))
}

/// Reads `[heartbeat]`; what is not said keeps its default.
pub(super) fn heartbeat(mut table: Table<'_>) -> Heartbeat {
    let default = Heartbeat::default();
    let interval_ms = duration(&mut table, "interval", HEARTBEAT_RANGE).unwrap_or(default.interval_ms);
    let timeout_ms = duration(&mut table, "timeout", HEARTBEAT_RANGE).unwrap_or(default.timeout_ms);
    table.finish();
    Heartbeat { interval_ms, timeout_ms }
}

/// Reads `[tuning]`; what is not said keeps its default.
pub(super) fn tuning(mut table: Table<'_>, tuning: &mut Tuning) {
    for knob in knobs() {
        if let Some(number) = table.integer(knob.key, knob.range.clone()) {
            knob.set(tuning, number);
        }
    }
    table.finish();
}

/// Reads `[limits]`; what is not said keeps its default.
pub(super) fn limits(mut table: Table<'_>, layer: &mut Layer) {
    let limits = &mut layer.limits;
    if let Some(bytes) = table.integer("max_payload_bytes", ANY) {
        limits.payload_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(max) = table.integer("max_subscriptions_per_connection", ANY) {
        limits.subscriptions_per_connection_max = max;
    }
    if let Some(max) = table.integer("max_total_subscriptions", ANY) {
        limits.subscriptions_total_max = max;
    }
    limits.connections_max = table.integer("max_connections", ANY);
    limits.connections_per_second_max = table.integer("accept_rate", ACCEPT_RANGE);
    if let Some(max) = table.integer("max_shard_buffered_bytes", ANY) {
        limits.unsent_bytes_per_core_max = max;
    }
    let default = Backpressure::default();
    let max = table.integer("max_buffered_bytes", BUFFERED_RANGE);
    let mark = table.number("high_water_mark", MARK_RANGE, is_mark);
    layer.backpressure = Backpressure {
        max_buffered_bytes: max.unwrap_or(default.max_buffered_bytes),
        high_water_mark: mark.unwrap_or(default.high_water_mark),
    };
    table.finish();
}
