//! What requests to the store may contain, on real frames: each gets a clear error or the right
//! answer, and nobody else notices.

use crate::client::Client;
use crate::raw::{Raw, text};
use crate::{Running, shop};
use noex_server::base::limits::JSON_DEPTH_MAX;
use noex_server::node::Settings;
use serde_json::{Value, json};

/// Buckets with names and keys from JavaScript's cellar.
const BUCKETS: &[(&str, &str)] = &[
    ("k", r#"{"key":"k","schema":{"k":{"type":"string"},"v":{"type":"number"},"o":{"type":"object"}}}"#),
    ("__proto__", r#"{"key":"__proto__","schema":{"__proto__":{"type":"string"}}}"#),
    // Witnesses count these.
    ("products", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
];

fn settings(shards: u16) -> Settings {
    shop::settings(BUCKETS, &[], shards)
}

/// Sends each request on one connection, and shows its answer to `check`.
fn on_all(requests: &[String], check: impl Fn(usize, Value)) {
    texts_on_all(requests, |at, answer| check(at, serde_json::from_str(answer).expect("JSON")));
}

fn texts_on_all(requests: &[String], check: impl Fn(usize, &str)) {
    for shards in [1, 2, 5] {
        let server = Running::start(&settings(shards), shards);
        let mut witness = Client::connect(server.address());
        let mut raw = Raw::upgraded(server.address());
        for (at, request) in requests.iter().enumerate() {
            raw.send(text(request));
            let (opcode, answer) = raw.frame();
            assert_eq!(opcode, 1, "{shards} shards: {}", &request[..request.len().min(200)]);
            check(at, std::str::from_utf8(&answer).expect("UTF-8"));
            witness.is_served();
        }
    }
}

fn request(id: usize, rest: &str) -> String {
    format!(r#"{{"id":{id},"type":"store.{rest}}}"#)
}

// S-29, S-65: `__proto__` as bucket, key, field and term is a name like others
#[test]
fn names_of_prototypes() {
    let requests = [
        request(
            0,
            r#"insert","bucket":"__proto__","data":{"__proto__":"__proto__","constructor":{"__proto__":1}}"#,
        ),
        request(1, r#"get","bucket":"__proto__","key":"__proto__""#),
        request(2, r#"get","bucket":"__proto__","key":"constructor""#),
        request(3, r#"where","bucket":"__proto__","filter":{"__proto__":"__proto__"}"#),
        request(4, r#"where","bucket":"__proto__","filter":{"toString":"__proto__"}"#),
        request(5, r#"update","bucket":"__proto__","key":"__proto__","data":{"hasOwnProperty":true}"#),
        request(6, r#"insert","bucket":"constructor","data":{}"#),
    ];
    on_all(&requests, |at, answer| match at {
        0 | 1 => assert_eq!(answer["data"]["constructor"], json!({"__proto__": 1})),
        2 => assert_eq!(answer["data"], Value::Null),
        3 => assert_eq!(answer["data"][0]["__proto__"], "__proto__"),
        4 => assert_eq!(answer["data"], json!([])),
        5 => assert_eq!(
            (&answer["data"]["hasOwnProperty"], &answer["data"]["_version"]),
            (&json!(true), &json!(2))
        ),
        _ => assert_eq!(answer["code"], "BUCKET_NOT_DEFINED"),
    });
}

// S-16, S-65, S-12: the empty key, keys of 10 KB, and an empty bucket name
#[test]
fn empty_and_long_keys() {
    let long = "k".repeat(10 * 1024);
    let requests = [
        request(0, r#"insert","bucket":"k","data":{"k":""}"#),
        request(1, r#"get","bucket":"k","key":"""#),
        request(2, &format!(r#"insert","bucket":"k","data":{{"k":"{long}"}}"#)),
        request(3, &format!(r#"get","bucket":"k","key":"{long}""#)),
        request(4, &format!(r#"insert","bucket":"k","data":{{"k":"{long}"}}"#)),
        request(5, &format!(r#"get","bucket":"k","key":"{long}k""#)),
        request(6, r#"get","bucket":"","key":"""#),
    ];
    on_all(&requests, |at, answer| match at {
        0 | 1 => assert_eq!(answer["data"]["k"], ""),
        2 | 3 => assert_eq!(answer["data"]["k"], long.as_str()),
        4 => assert_eq!(answer["details"]["value"], long.as_str()),
        5 => assert_eq!(answer["data"], Value::Null),
        _ => assert_eq!(answer["message"], "Missing or invalid \"bucket\": expected non-empty string"),
    });
}

// S-3: a number beyond every double is no number, wherever it stands
#[test]
fn numbers_beyond_all_doubles() {
    let requests = [
        request(0, r#"insert","bucket":"k","data":{"k":"a","v":1e400}"#),
        request(1, r#"insert","bucket":"k","data":{"k":"a","o":{"deep":[-1e999]}}"#),
        request(2, r#"count","bucket":"k","filter":{"v":{"$lt":1e400}}"#),
        request(3, r#"insert","bucket":"k","data":{"k":"a","v":1e308}"#),
        request(4, r#"sum","bucket":"k","field":"v""#),
    ];
    on_all(&requests, |at, answer| match at {
        0..=2 => assert_eq!(answer["code"], "PARSE_ERROR", "{answer}"),
        3 => assert_eq!(answer["data"]["v"], json!(1e308)),
        _ => assert_eq!(answer["data"], json!(1e308)),
    });
}

// P-37: no string can hold half a character
#[test]
fn lone_surrogates() {
    let requests = [
        request(0, r#"insert","bucket":"k","data":{"k":"\ud800"}"#),
        request(1, r#"insert","bucket":"k","data":{"k":"\udc00\ud800"}"#),
        request(2, r#"insert","bucket":"k","data":{"\ud83d":1,"k":"x"}"#),
        request(3, r#"insert","bucket":"k","data":{"k":"\ud83d\ude00"}"#),
        request(4, r#"get","bucket":"k","key":"😀""#),
    ];
    on_all(&requests, |at, answer| match at {
        0..=2 => {
            assert_eq!((&answer["code"], &answer["message"]), (&json!("PARSE_ERROR"), &json!("Invalid JSON")))
        }
        _ => assert_eq!(answer["data"]["k"], "😀"),
    });
}

// S-17, FILTER_TERMS_MAX: ten thousand terms are a filter like any other
#[test]
fn ten_thousand_terms() {
    let terms: Vec<String> = (0..10_000).map(|n| format!(r#""f{n}":{n}"#)).collect();
    let members: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let record = format!(r#"insert","bucket":"k","data":{{"k":"a","v":9999,{}}}"#, terms.join(","));
    let requests = [
        request(0, &record),
        request(1, &format!(r#"count","bucket":"k","filter":{{{}}}"#, terms.join(","))),
        request(2, &format!(r#"count","bucket":"k","filter":{{{},"no":1}}"#, terms.join(","))),
        request(3, &format!(r#"count","bucket":"k","filter":{{"v":{{"$in":[{}]}}}}"#, members.join(","))),
    ];
    on_all(&requests, |at, answer| match at {
        0 => assert_eq!(answer["data"]["f9999"], 9_999),
        2 => assert_eq!(answer["data"], 0),
        _ => assert_eq!(answer["data"], 1),
    });
}

// P-38, JSON_DEPTH_MAX: JSON that nests ten thousand levels is refused, as deep as it may go it is stored
#[test]
fn ten_thousand_levels() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    // The request and its `data` are levels too.
    let most = JSON_DEPTH_MAX - 2;
    let requests = [
        request(0, &format!(r#"insert","bucket":"k","data":{{"k":"a","x":{}}}"#, nested(10_000))),
        request(1, &format!(r#"insert","bucket":"k","data":{{"k":"a","o":{}}}"#, objects(10_000))),
        request(2, &format!(r#"where","bucket":"k","filter":{}"#, objects(10_000))),
        nested(10_000),
        "[".repeat(10_000),
        request(5, &format!(r#"insert","bucket":"k","data":{{"k":"a","o":{}}}"#, objects(most))),
        request(6, &format!(r#"insert","bucket":"k","data":{{"k":"b","o":{}}}"#, objects(most + 1))),
        request(7, r#"all","bucket":"k""#),
    ];
    texts_on_all(&requests, |at, answer| match at {
        5 | 7 => {
            assert!(answer.contains(&format!(r#""k":"a","o":{},"_version":1"#, objects(most))), "{answer}")
        }
        _ => assert_eq!(answer, r#"{"id":0,"type":"error","code":"PARSE_ERROR","message":"Invalid JSON"}"#),
    });
}
