//! The servers that the themes are played on.

use crate::client::Client;
use crate::cluster::Cluster;
use noex_server::access;
use noex_server::base::limits::Limits;
use noex_server::node::Settings;
use sha2::{Digest, Sha256};

/// The buckets of 02 §18 as far as this version has them, and some with odd names and types.
const BUCKETS: &[(&str, &str)] = &[
    (
        "u",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"name":{"type":"string","required":true},"role":{"type":"string","default":"user"},"age":{"type":"number"},"email":{"type":"string"}}}"#,
    ),
    ("k", r#"{"key":"k","schema":{"k":{"type":"string","required":true},"v":{"type":"number"}}}"#),
    ("n", r#"{"key":"n","schema":{"n":{"type":"number"}}}"#),
    ("b", r#"{"key":"b","schema":{"b":{"type":"boolean"}}}"#),
    (
        "t",
        r#"{"key":"d","schema":{"s":{"type":"string"},"x":{"type":"number","required":true},"f":{"type":"boolean"},"o":{"type":"object","default":{"deep":[1]}},"a":{"type":"array"},"d":{"type":"date"}}}"#,
    ),
    ("arrays", r#"{"key":"k","schema":{"k":{"type":"array"},"v":{"type":"string","default":null}}}"#),
    ("a.b", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
    ("košík č. 1", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
    ("__proto__", r#"{"key":"constructor","schema":{"constructor":{"type":"string"}}}"#),
];

const QUERIES: &[(&str, &str)] = &[
    ("all-u", r#"{"bucket":"u"}"#),
    ("count-u", r#"{"bucket":"u","aggregate":{"function":"count"}}"#),
    ("users", r#"{"bucket":"u","filter":{"role":"user"}}"#),
    ("by-role", r#"{"bucket":"u","filter":{"role":"{{ params.role }}"}}"#),
    ("count-by-age", r#"{"bucket":"u","filter":{"age":"{{params.age}}"},"aggregate":{"function":"count"}}"#),
    ("literal", r#"{"bucket":"u","filter":{"role":"is {{params.role}}"}}"#),
    ("all-k", r#"{"bucket":"k"}"#),
    ("count-k", r#"{"bucket":"k","aggregate":{"function":"count"}}"#),
    ("first-k", r#"{"bucket":"k","first":2}"#),
    ("last-k", r#"{"bucket":"k","last":2}"#),
    ("dotted", r#"{"bucket":"a.b"}"#),
    ("lost", r#"{"bucket":"nowhere"}"#),
];

/// Everybody may do everything.
pub(crate) fn open(cores: u16) -> Settings {
    crate::shop::settings(BUCKETS, QUERIES, cores)
}

/// Without a rule engine.
pub(crate) fn without_rules(cores: u16) -> Settings {
    Settings { rules: false, ..open(cores) }
}

/// Errors without `details`.
pub(crate) fn discreet(cores: u16) -> Settings {
    Settings { expose_error_details: false, ..open(cores) }
}

/// With other limits.
pub(crate) fn limited(cores: u16, change: impl FnOnce(&mut Limits)) -> Settings {
    let mut settings = open(cores);
    change(&mut settings.limits);
    settings
}

/// When the token of `guest` ends: five seconds after every run begins.
pub(crate) const GUEST_ENDS_AT: u64 = crate::cluster::START_UNIX_MS + 5_000;

/// Login is required. The tokens are `<user>-token`, and `ann-token-2` for a second one of Ann.
pub(crate) fn guarded(cores: u16) -> Settings {
    let token = |token: &str, user: &str, roles: &[&str], expires_at| access::StaticToken {
        sha256: Sha256::digest(token.as_bytes()).into(),
        user_id: user.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        expires_at,
    };
    let tokens = vec![
        token("ann-token", "ann", &["customer"], None),
        token("ann-token-2", "ann", &[], Some(GUEST_ENDS_AT + 60_000)),
        token("bob-token", "bob", &["customer", "vip"], None),
        token("guest-token", "guest", &["customer"], Some(GUEST_ENDS_AT)),
        token("old-token", "old", &[], Some(crate::cluster::START_UNIX_MS - 1)),
        token("last-token", "last", &[], Some(crate::cluster::START_UNIX_MS)),
        token("reader-token", "rita", &["customer", "reader"], None),
        token("writer-token", "wim", &["reader", "writer"], None),
        token("admin-token", "adam", &["admin"], None),
        token("super-token", "sue", &["superadmin", "Reader"], None),
    ];
    Settings { auth: Some(access::Settings { required: true, tokens }), ..open(cores) }
}

/// The same tokens, but nobody has to log in.
pub(crate) fn optional(cores: u16) -> Settings {
    let mut settings = guarded(cores);
    settings.auth.as_mut().expect("guarded").required = false;
    settings
}

/// A bucket `k` with one record of that size, and a client that reads nothing from now on.
pub(crate) fn one_that_stops_reading(
    settings: &Settings,
    cores: u16,
    record_bytes: usize,
) -> (Cluster, Client) {
    let mut cluster = crate::prompt(settings, cores);
    let mut client = Client::welcomed(&mut cluster, 0);
    let key = "x".repeat(record_bytes);
    client.send(
        &mut cluster,
        &format!(r#"{{"id":0,"type":"store.insert","bucket":"k","data":{{"k":"{key}"}}}}"#),
    );
    cluster.settle();
    client.json(&cluster);
    cluster.links[client.link].drains = false;
    (cluster, client)
}
