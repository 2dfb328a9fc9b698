//! What the server tells of its store (02 §7, §11), as JSON text.

use crate::base::ids::CoreId;
use crate::base::json;
use crate::message::BucketFigures;

/// The figures of `store.stats`, added up over all cores.
pub struct StoreStats<'a> {
    /// The store's name.
    pub name: &'a str,
    /// Name, core and figures of every bucket, in order of definition.
    pub buckets: Vec<(&'a str, CoreId, BucketFigures)>,
    /// Named queries.
    pub queries: u64,
    /// Active subscriptions to them.
    pub subscriptions: u64,
    /// Milliseconds between two expiry checks; 0 = there are none.
    pub ttl_check_interval_ms: u64,
}

/// `data` of `store.buckets` (S-118).
pub fn buckets<'a>(out: &mut Vec<u8>, names: impl ExactSizeIterator<Item = &'a str>) {
    out.extend_from_slice(br#"{"count":"#);
    json::digits(out, names.len() as u64);
    out.extend_from_slice(br#","names":["#);
    for (at, name) in names.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::string(out, name);
    }
    out.extend_from_slice(b"]}");
}

/// `data` of a change of what exists: `{"name":…,"<done>":true}` (02 §11).
pub fn administered(out: &mut Vec<u8>, name: &str, done: &str) {
    out.push(b'{');
    json::string_member(out, "name", name);
    out.push(b',');
    json::string(out, done);
    out.extend_from_slice(b":true}");
}

/// `data` of `store.getBucketSchema` (S-223).
pub fn bucket_schema(out: &mut Vec<u8>, name: &str, config: &[u8]) {
    out.push(b'{');
    json::string_member(out, "name", name);
    out.extend_from_slice(br#","config":"#);
    out.extend_from_slice(config);
    out.push(b'}');
}

/// One query in the answer of `store.listQueries`.
pub struct QueryEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Active subscriptions of all connections.
    pub subscriptions: u64,
    /// The configuration as supplied; `None` for programmatic queries.
    pub config: Option<&'a [u8]>,
}

/// `data` of `store.listQueries` (S-231).
pub fn queries<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = QueryEntry<'a>>) {
    out.extend_from_slice(br#"{"queries":["#);
    for (at, entry) in entries.enumerate() {
        out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
        json::string_member(out, "name", entry.name);
        let kind = if entry.config.is_some() { "declarative" } else { "programmatic" };
        out.push(b',');
        json::string_member(out, "type", kind);
        out.extend_from_slice(br#","activeSubscriptions":"#);
        json::digits(out, entry.subscriptions);
        if let Some(config) = entry.config {
            out.extend_from_slice(br#","config":"#);
            out.extend_from_slice(config);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// `data` of `store.stats` (S-119).
pub fn store_stats(out: &mut Vec<u8>, stats: &StoreStats<'_>) {
    out.push(b'{');
    json::string_member(out, "name", stats.name);
    out.extend_from_slice(br#","buckets":"#);
    buckets(out, stats.buckets.iter().map(|(name, ..)| *name));
    out.push(b',');
    per_bucket(out, "records", stats, |figures| figures.records);
    out.push(b',');
    per_bucket(out, "indexes", stats, |figures| figures.indexes);
    out.extend_from_slice(br#","queries":{"defined":"#);
    json::digits(out, stats.queries);
    out.extend_from_slice(br#","activeSubscriptions":"#);
    json::digits(out, stats.subscriptions);
    out.extend_from_slice(br#"},"persistence":{"enabled":false},"ttl":{"enabled":"#);
    out.extend_from_slice(if stats.ttl_check_interval_ms > 0 { b"true" } else { b"false" });
    out.extend_from_slice(br#","checkIntervalMs":"#);
    json::digits(out, stats.ttl_check_interval_ms);
    // What the reference does not tell.
    out.extend_from_slice(br#"},"x":{"#);
    per_bucket(out, "liveQueriesExamined", stats, |figures| figures.live_examined);
    out.push(b',');
    per_bucket(out, "liveQueriesUpdated", stats, |figures| figures.live_updated);
    out.extend_from_slice(br#","shard":{"#);
    let shards = stats.buckets.iter().map(|(name, core, _)| (*name, core.index() as u64));
    numbers(out, shards);
    out.extend_from_slice(b"}}}");
}

/// `"<what>":{"total":…,"perBucket":{…}}`
fn per_bucket(out: &mut Vec<u8>, what: &str, stats: &StoreStats<'_>, figure: fn(&BucketFigures) -> u64) {
    json::string(out, what);
    out.extend_from_slice(br#":{"total":"#);
    json::digits(out, stats.buckets.iter().map(|(.., figures)| figure(figures)).sum());
    out.extend_from_slice(br#","perBucket":{"#);
    numbers(out, stats.buckets.iter().map(|(name, _, figures)| (*name, figure(figures))));
    out.extend_from_slice(b"}}");
}

/// Members with numbers, without braces.
fn numbers<'a>(out: &mut Vec<u8>, members: impl Iterator<Item = (&'a str, u64)>) {
    for (at, (name, n)) in members.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::string(out, name);
        out.push(b':');
        json::digits(out, n);
    }
}
