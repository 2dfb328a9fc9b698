//! The tables `[server]` and `[limits]`.

use super::super::layer::{Backpressure, Layer};
use super::super::resolve::{self, PORT_RANGE};
use super::super::tuning::knobs;
use super::table::Table;
use crate::base::limits::{CORES_MAX, Limits};
use crate::node::TrustedProxies;
use crate::shell::Tuning;

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
    layer.grace_period_ms = grace_period(&mut table);
    layer.rules = table.boolean("rules");
    layer.expose_error_details = table.boolean("expose_error_details");
    layer.allowed_origins = table.strings("allowed_origins");
    layer.trusted_proxies = trusted_proxies(&mut table);
    table.finish();
}

/// Addresses and networks.
fn trusted_proxies(table: &mut Table<'_>) -> Option<TrustedProxies> {
    const KEY: &str = "trusted_proxies";
    let entries = table.strings(KEY)?;
    TrustedProxies::parse(entries.iter().map(String::as_str))
        .map_err(|entry| table.complain(KEY, resolve::not_a_network(&entry)))
        .ok()
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
fn grace_period(table: &mut Table<'_>) -> Option<u64> {
    const KEY: &str = "grace_period";
    if table.get(KEY)?.get_ref().is_integer() {
        return table.integer(KEY, 0..=u64::MAX);
    }
    let text = table.string(KEY)?;
    resolve::duration_ms(text)
        .map_err(|message| table.complain(KEY, format!("Invalid {KEY}: {message}")))
        .ok()
}

/// Reads `[tuning]`; what is not said keeps its default.
pub(super) fn tuning(mut table: Table<'_>, tuning: &mut Tuning) {
    for knob in knobs() {
        let number = table.integer(knob.key, knob.range.clone());
        if let Some(number) = number {
            *(knob.field)(tuning) = u32::try_from(number).expect("in range");
        }
    }
    table.finish();
}

/// Reads `[limits]`; what is not said keeps its default.
pub(super) fn limits(mut table: Table<'_>, limits: &mut Limits) {
    const ANY: std::ops::RangeInclusive<u64> = 0..=u64::MAX;
    if let Some(bytes) = table.integer("max_payload_bytes", ANY) {
        limits.payload_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(max) = table.integer("max_subscriptions_per_connection", ANY) {
        limits.subscriptions_per_connection_max = max;
    }
    if let Some(max) = table.integer("max_total_subscriptions", ANY) {
        limits.subscriptions_total_max = max;
    }
    let default = Backpressure::default();
    let max = table.integer("max_buffered_bytes", 1..=u64::MAX);
    let mark = table.number("high_water_mark", "above 0 and at most 1", |mark| mark > 0.0 && mark <= 1.0);
    let backpressure = Backpressure {
        max_buffered_bytes: max.unwrap_or(default.max_buffered_bytes),
        high_water_mark: mark.unwrap_or(default.high_water_mark),
    };
    limits.unsent_bytes_mark = backpressure.unsent_bytes_mark();
    table.finish();
}
