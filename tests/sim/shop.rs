//! The shop of the seed documents: four buckets, five queries, three tokens.

use noex_server::base::json::Raw;
use noex_server::node::{Placement, Settings};
use noex_server::{access, query, store};
use sha2::{Digest, Sha256};

const BUCKETS: [(&str, &str); 4] = [
    (
        "products",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"title":{"type":"string","required":true},"price":{"type":"number","required":true},"stock":{"type":"number","default":0},"active":{"type":"boolean","default":true}}}"#,
    ),
    (
        "orders",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"userId":{"type":"string","required":true},"items":{"type":"string","required":true},"total":{"type":"number","required":true},"status":{"type":"string","default":"pending"},"createdAt":{"type":"number","required":true}}}"#,
    ),
    (
        "users",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"name":{"type":"string","required":true},"email":{"type":"string","required":true},"role":{"type":"string","default":"customer"},"credits":{"type":"number","default":0}}}"#,
    ),
    (
        "audit-logs",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"action":{"type":"string","required":true},"userId":{"type":"string","required":true},"details":{"type":"string","default":""},"timestamp":{"type":"number","required":true}}}"#,
    ),
];

const QUERIES: [(&str, &str); 5] = [
    ("product-catalog", r#"{"bucket":"products","filter":{"active":true}}"#),
    ("user-orders", r#"{"bucket":"orders","filter":{"userId":"{{params.userId}}"}}"#),
    (
        "order-count",
        r#"{"bucket":"orders","filter":{"userId":"{{params.userId}}"},"aggregate":{"function":"count"}}"#,
    ),
    ("low-stock-products", r#"{"bucket":"products"}"#),
    ("recent-orders", r#"{"bucket":"orders","last":20}"#),
];

/// The shop without authentication. With more than one core, products and orders are kept apart.
pub(crate) fn open(cores: u16) -> Settings {
    let mut settings = settings(&BUCKETS, &QUERIES, cores);
    let pairs = query::Definition::program(|q, _| {
        let products = q.bucket("products").filter(r#"{"active":true}"#).all();
        q.object([("products", products), ("orders", q.bucket("orders").last(20))])
    });
    settings.queries.push(("pairs".to_owned(), pairs));
    settings
}

/// A server with these definitions. Neighbours in the list of buckets live on different cores,
/// if there are several; facts and events live on the last one.
pub(crate) fn settings(buckets: &[(&str, &str)], queries: &[(&str, &str)], cores: u16) -> Settings {
    let bucket = |(name, json): &(&str, &str)| {
        store::Definition::parse(name, Raw::trusted(json.as_bytes())).expect("a good definition")
    };
    let query = |(name, json): &(&str, &str)| {
        let definition = query::Definition::parse(name, Raw::trusted(json.as_bytes()));
        ((*name).to_owned(), definition.expect("a good definition"))
    };
    let pin = |(at, (name, _)): (usize, &(&str, &str))| {
        ((*name).to_owned(), u16::try_from(at).expect("few buckets") % cores)
    };
    Settings {
        buckets: buckets.iter().map(bucket).collect(),
        queries: queries.iter().map(query).collect(),
        placement: Placement { buckets: buckets.iter().enumerate().map(pin).collect(), rules: cores - 1 },
        ..Settings::default()
    }
}

/// The shop as in the seed, with its tokens.
pub(crate) fn guarded(cores: u16) -> Settings {
    let token = |token: &str, user: &str, role: &str| access::StaticToken {
        sha256: Sha256::digest(token.as_bytes()).into(),
        user_id: user.to_owned(),
        roles: vec![role.to_owned()],
        expires_at: None,
    };
    let tokens = vec![
        token("customer-token-alice", "user-alice", "customer"),
        token("customer-token-bob", "user-bob", "customer"),
        token("admin-token", "admin-1", "admin"),
    ];
    Settings { auth: Some(access::Settings { required: true, tokens }), ..open(cores) }
}
