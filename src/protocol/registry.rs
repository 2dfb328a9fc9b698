//! What the server tells of itself and its connections (01 §15), as JSON text.
//!
//! Beside the members of the specification stands one, `x`, with what the reference does not
//! have: where the load is, and who lags behind.

use crate::base::json;
use crate::message::{ConnectionFigures, ConnectionTotals, Load, RulesFigures, ServerShare};

/// The figures of `server.stats`, added up over all cores.
pub struct ServerStats<'a> {
    /// The server's name.
    pub name: &'a str,
    /// Whether clients can log in.
    pub auth_enabled: bool,
    /// Whether there is a rate limit.
    pub rate_limit_enabled: bool,
    /// The text of `store.stats`.
    pub store: &'a [u8],
    /// The rule engine, if there is one.
    pub rules: Option<RulesFigures>,
    /// All connections.
    pub connections: ConnectionTotals,
    /// What each core has told, in core order.
    pub shards: &'a [ServerShare],
}

/// `data` of `server.stats` (P-154, P-155, P-156).
pub fn server_stats(out: &mut Vec<u8>, stats: &ServerStats<'_>) {
    out.push(b'{');
    json::string_member(out, "name", stats.name);
    let ConnectionTotals { active, authenticated, store_subscriptions, rules_subscriptions } =
        stats.connections;
    number(out, "connectionCount", active);
    flag(out, "authEnabled", stats.auth_enabled);
    flag(out, "rateLimitEnabled", stats.rate_limit_enabled);
    flag(out, "rulesEnabled", stats.rules.is_some());
    out.extend_from_slice(br#","connections":{"active":"#);
    json::digits(out, active);
    number(out, "authenticated", authenticated);
    number(out, "totalStoreSubscriptions", store_subscriptions);
    number(out, "totalRulesSubscriptions", rules_subscriptions);
    out.extend_from_slice(br#"},"store":"#);
    out.extend_from_slice(stats.store);
    out.extend_from_slice(br#","rules":"#);
    match stats.rules {
        Some(figures) => rules(out, figures),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(br#","x":{"shards":"#);
    list(out, stats.shards.iter().enumerate(), |out, (core, share)| shard(out, core as u64, share));
    out.extend_from_slice(b"}}");
}

/// `data` of `server.connections` (P-153), in order of admission (P-152). Each comes with the
/// number of its core.
pub fn connections(out: &mut Vec<u8>, connections: &[(u64, ConnectionFigures)]) {
    list(out, connections.iter(), |out, (core, connection)| {
        out.push(b'{');
        who(out, connection);
        out.extend_from_slice(br#","x":{"shard":"#);
        json::digits(out, *core);
        lag(out, connection);
        out.extend_from_slice(b"}}");
    });
}

/// `data` of `server.topLag`: who it is, and how far behind.
pub fn top_lag(out: &mut Vec<u8>, connections: &[(u64, ConnectionFigures)]) {
    list(out, connections.iter(), |out, (core, connection)| {
        out.push(b'{');
        who(out, connection);
        number(out, "shard", *core);
        lag(out, connection);
        out.push(b'}');
    });
}

/// A connection's members by P-147.
fn who(out: &mut Vec<u8>, connection: &ConnectionFigures) {
    json::string_member(out, "connectionId", &format!("conn-{}", connection.number));
    out.push(b',');
    json::string_member(out, "remoteAddress", &connection.peer.to_string());
    number(out, "connectedAt", connection.connected_at);
    flag(out, "authenticated", connection.identity.is_some());
    let roles = match &connection.identity {
        Some(identity) => {
            out.push(b',');
            json::string_member(out, "userId", &identity.user_id);
            &identity.roles[..]
        }
        None => {
            out.extend_from_slice(br#","userId":null"#);
            &[]
        }
    };
    out.extend_from_slice(br#","roles":"#);
    list(out, roles.iter(), |out, role| json::string(out, role));
    number(out, "storeSubscriptionCount", connection.store_subscriptions);
    number(out, "rulesSubscriptionCount", connection.rules_subscriptions);
}

fn lag(out: &mut Vec<u8>, connection: &ConnectionFigures) {
    number(out, "unsentBytes", connection.unsent_bytes);
    number(out, "conflations", connection.conflations);
    number(out, "eventsDropped", connection.events_dropped);
}

fn shard(out: &mut Vec<u8>, core: u64, share: &ServerShare) {
    out.extend_from_slice(br#"{"shard":"#);
    json::digits(out, core);
    number(out, "connections", share.connections.active);
    number(out, "buckets", share.store.buckets.len() as u64);
    number(out, "records", share.store.buckets.iter().map(|(_, figures)| figures.records).sum());
    let Load { turns, unsent_bytes, vitals } = share.load;
    number(out, "turns", turns);
    number(out, "cpuMs", vitals.cpu_us / 1_000);
    number(out, "inboxPeak", vitals.inbox_batches_peak);
    number(out, "unsentBytes", unsent_bytes);
    out.push(b'}');
}

/// P-156. What this version's engine has none of is zero.
fn rules(out: &mut Vec<u8>, RulesFigures { facts, events }: RulesFigures) {
    out.extend_from_slice(br#"{"rulesCount":0"#);
    number(out, "factsCount", facts);
    number(out, "timersCount", 0);
    number(out, "eventsProcessed", events);
    number(out, "rulesExecuted", 0);
    number(out, "avgProcessingTimeMs", 0);
    out.extend_from_slice(br#","tracing":{"enabled":false,"entriesCount":0,"maxEntries":10000}}"#);
}

fn list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// `,"name":n`
pub(super) fn number(out: &mut Vec<u8>, name: &str, n: u64) {
    member(out, name);
    json::digits(out, n);
}

/// `,"name":true`
fn flag(out: &mut Vec<u8>, name: &str, is_set: bool) {
    member(out, name);
    out.extend_from_slice(if is_set { b"true" } else { b"false" });
}

fn member(out: &mut Vec<u8>, name: &str) {
    out.push(b',');
    json::string(out, name);
    out.push(b':');
}
