//! Our own configuration file (K-15): server, limits, logins, buckets, queries, placement.
//!
//! Everything that is wrong with it is reported at once, as `<file>:<line>: <message>`,
//! also keys that mean nothing. The text of a secret is never part of it (K-14).

mod auth;
mod data;
mod json;
mod server;
mod table;

use super::layer::Layer;
use table::{Report, Table};
use toml::de::DeTable;

/// What is known about the number of shards besides the file.
#[derive(Clone, Copy)]
pub(super) struct Shards {
    /// Given on the command line, which overrides the file (P-189).
    pub(super) typed: Option<usize>,
    /// If nobody says anything.
    pub(super) default: usize,
}

/// Reads the file's text; `file` is its name in errors.
///
/// # Errors
/// All of them, in the order of their lines.
pub(super) fn read(file: &str, text: &str, shards: Shards) -> Result<Layer, Vec<String>> {
    let report = Report::new(file, text);
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        for error in syntax {
            // The message alone: the display form quotes the file, secrets included.
            report.at(error.span().unwrap_or(0..0), error.message());
        }
        return Err(report.into_lines());
    }
    let mut root = Table::root(&report, document.get_ref());
    let mut layer = Layer::default();
    if let Some(table) = root.table("server") {
        server::read(table, &mut layer);
    }
    if let Some(table) = root.table("limits") {
        server::limits(table, &mut layer);
    }
    if let Some(table) = root.table("tuning") {
        server::tuning(table, &mut layer.tuning);
    }
    layer.rate_limit = root.table("rate_limit").and_then(server::rate_limit);
    layer.heartbeat = root.table("heartbeat").map(server::heartbeat);
    if let Some(table) = root.table("auth") {
        auth::read(table, &mut layer);
    }
    let buckets = root.table("buckets");
    layer.buckets = buckets.map(data::buckets).unwrap_or_default();
    let queries = root.table("queries");
    layer.queries = queries.map(|table| data::queries(table, document.get_ref())).unwrap_or_default();
    if let Some(table) = root.table("placement") {
        let count = shards.typed.or(layer.shards).unwrap_or(shards.default);
        layer.placement = data::placement(table, count, document.get_ref());
    }
    root.finish();
    let lines = report.into_lines();
    if lines.is_empty() { Ok(layer) } else { Err(lines) }
}

#[cfg(test)]
mod tests;
