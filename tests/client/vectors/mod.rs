//! The conformance vectors of 02 §18, each by its number.

mod existence;
mod pushes;
mod records;
mod transactions;

use crate::play;
use noex_server::node::{QueryDefinition, Settings};

/// The buckets of §18, and what its vectors subscribe to.
const BUCKETS: &[(&str, &str)] = &[
    (
        "u",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"name":{"type":"string","required":true},"role":{"type":"string","default":"user"},"age":{"type":"number","min":0,"max":150},"email":{"type":"string","format":"email","unique":true},"tags":{"type":"array"}}}"#,
    ),
    ("k", r#"{"key":"k","schema":{"k":{"type":"string","required":true},"v":{"type":"number"}}}"#),
    (
        "a",
        r#"{"key":"n","schema":{"n":{"type":"number","generated":"autoincrement"},"v":{"type":"number"}}}"#,
    ),
    ("o", r#"{"key":"k","etsType":"ordered_set","schema":{"k":{"type":"number"}}}"#),
    ("a.b", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
    ("small", r#"{"key":"k","maxSize":2,"schema":{"k":{"type":"string"}}}"#),
    ("short", r#"{"key":"k","ttl":300,"schema":{"k":{"type":"string"}}}"#),
    ("len", r#"{"key":"k","schema":{"k":{"type":"string"},"s":{"type":"string","maxLength":2}}}"#),
];

const QUERIES: &[(&str, &str)] = &[
    ("all-k", r#"{"bucket":"k"}"#),
    ("count-k", r#"{"bucket":"k","aggregate":{"function":"count"}}"#),
    ("all-small", r#"{"bucket":"small"}"#),
    ("count-small", r#"{"bucket":"small","aggregate":{"function":"count"}}"#),
    ("all-short", r#"{"bucket":"short"}"#),
    ("dotted", r#"{"bucket":"a.b"}"#),
    ("sorted", r#"{"bucket":"k","sort":{"n":"desc"},"offset":1,"limit":2,"fields":["k","n","zz"]}"#),
    ("counted", r#"{"bucket":"k","aggregate":{"function":"count"},"limit":1}"#),
    ("summed", r#"{"bucket":"k","aggregate":{"function":"sum","field":"v"},"limit":1,"offset":1}"#),
];

fn settings(cores: u16) -> Settings {
    let mut settings = crate::shop::settings(BUCKETS, QUERIES, cores);
    let get_a = QueryDefinition::program(|q, _| q.bucket("k").get(r#""a""#));
    settings.queries.push(("get-a".into(), get_a));
    settings
}

/// Inserts records with the text of each as data.
fn inserts(bucket: &str, data: &[&str]) -> String {
    let lines = data.iter().map(|data| {
        format!(
            r#"
            c → {{"id":0,"type":"store.insert","bucket":"{bucket}","data":{data}}}
            c ← {{"id":0,"type":"result","…":0}}"#
        )
    });
    lines.collect()
}

fn vector(script: &str) {
    play(settings, &["c"], script);
}
