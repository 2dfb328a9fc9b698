//! How much there may be, and how much one request may touch: the bounds of `base/limits.rs` that no
//! specification names.

use crate::client::Client;
use crate::cluster::Cluster;
use crate::{ask, play, prompt, setups};
use noex_server::base::limits::{
    BUCKETS_MAX, BULK_RECORDS_MAX, FILTER_TERMS_MAX, QUERIES_MAX, TRANSACTION_OPERATIONS_MAX,
};
use noex_server::node::{BucketDefinition, QueryDefinition, Settings};
use serde_json::{Value, json};

/// The error of a request, as `CODE message`.
fn refusal(cluster: &mut Cluster, client: &Client, request: &str) -> String {
    let answer: Value = serde_json::from_str(&ask(cluster, client, request)).expect("JSON");
    assert_eq!(answer["type"], "error", "{answer}");
    format!("{} {}", answer["code"].as_str().expect("a code"), answer["message"].as_str().expect("a text"))
}

#[test]
fn as_many_buckets_and_queries_as_there_may_be() {
    let definition = |n: usize| {
        let config =
            noex_server::base::json::Raw::trusted(br#"{"key":"k","schema":{"k":{"type":"string"}}}"#);
        BucketDefinition::parse(&n.to_string(), config).expect("a good definition")
    };
    let query = QueryDefinition::program(|q, _| q.bucket("0").all());
    let settings = Settings {
        buckets: (0..BUCKETS_MAX).map(definition).collect(),
        queries: (0..QUERIES_MAX).map(|n| (n.to_string(), query.clone())).collect(),
        ..Settings::default()
    };
    let mut cluster = prompt(&settings, 1);
    let client = Client::welcomed(&mut cluster, 0);
    let define_bucket = r#"{"id":1,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}}}}"#;
    let define_query = r#"{"id":1,"type":"store.defineQuery","name":"x","config":{"bucket":"0"}}"#;
    assert_eq!(
        refusal(&mut cluster, &client, define_bucket),
        "RATE_LIMITED Bucket limit reached (max 65536)"
    );
    assert_eq!(refusal(&mut cluster, &client, define_query), "RATE_LIMITED Query limit reached (max 65536)");
    // Nothing has been left of them (S-25), and there is room again when one has gone.
    for (request, done) in [
        (r#"{"id":1,"type":"store.dropBucket","name":"7"}"#, json!({"name": "7", "dropped": true})),
        (define_bucket, json!({"name": "x", "created": true})),
        (r#"{"id":1,"type":"store.undefineQuery","name":"7"}"#, json!({"name": "7", "undefined": true})),
        (define_query, json!({"name": "x", "defined": true})),
    ] {
        let answer: Value = serde_json::from_str(&ask(&mut cluster, &client, request)).expect("JSON");
        assert_eq!(answer["data"], done, "{request}");
    }
}

// A.5: all or nothing, up to so many; what looks at no record has no bound
#[test]
fn as_many_records_as_one_request_may_touch() {
    let settings = setups::limited(1, |limits| limits.payload_bytes_max = 0);
    let mut cluster = prompt(&settings, 1);
    let client = Client::welcomed(&mut cluster, 0);
    let data: Vec<String> = (0..=BULK_RECORDS_MAX).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let insert = |data: &[String]| {
        format!(r#"{{"id":1,"type":"store.insertMany","bucket":"n","data":[{}]}}"#, data.join(","))
    };
    assert_eq!(
        refusal(&mut cluster, &client, &insert(&data)),
        "VALIDATION_ERROR \"data\" must contain at most 100000 elements"
    );
    let count = r#"{"id":2,"type":"store.count","bucket":"n"}"#;
    assert_eq!(ask(&mut cluster, &client, count), r#"{"id":2,"type":"result","data":0}"#);
    ask(&mut cluster, &client, &insert(&data[..BULK_RECORDS_MAX]));
    ask(&mut cluster, &client, &insert(&data[BULK_RECORDS_MAX..]));
    assert_eq!(ask(&mut cluster, &client, count), r#"{"id":2,"type":"result","data":100001}"#);
    for request in [
        r#"{"id":1,"type":"store.updateMany","bucket":"n","filter":{},"data":{"x":1}}"#,
        r#"{"id":1,"type":"store.deleteMany","bucket":"n","filter":{"n":{"$gte":0}}}"#,
    ] {
        let expected = "VALIDATION_ERROR \"filter\" matches more than 100000 records";
        assert_eq!(refusal(&mut cluster, &client, request), expected, "{request}");
    }
    let one_less = r#"{"id":3,"type":"store.deleteMany","bucket":"n","filter":{"n":{"$gt":0}}}"#;
    assert_eq!(ask(&mut cluster, &client, one_less), r#"{"id":3,"type":"result","data":100000}"#);
    let clear = r#"{"id":4,"type":"store.clear","bucket":"n"}"#;
    assert_eq!(ask(&mut cluster, &client, clear), r#"{"id":4,"type":"result","data":{"cleared":true}}"#);
}

#[test]
fn as_many_operations_and_terms_as_there_may_be() {
    let settings = setups::limited(1, |limits| limits.payload_bytes_max = 0);
    let mut cluster = prompt(&settings, 1);
    let client = Client::welcomed(&mut cluster, 0);
    let operations = |count: usize| {
        let one = r#"{"op":"count","bucket":"k"}"#;
        format!(r#"{{"id":1,"type":"store.transaction","operations":[{}]}}"#, vec![one; count].join(","))
    };
    assert_eq!(
        refusal(&mut cluster, &client, &operations(TRANSACTION_OPERATIONS_MAX + 1)),
        "VALIDATION_ERROR \"operations\" must contain at most 10000 operations"
    );
    assert!(
        ask(&mut cluster, &client, &operations(TRANSACTION_OPERATIONS_MAX))
            .ends_with(r#"{"index":9999,"data":0}]}}"#)
    );
    let terms = |count: usize| {
        let terms: Vec<String> = (0..count).map(|n| format!(r#""{n}":1"#)).collect();
        format!(r#"{{"id":1,"type":"store.count","bucket":"k","filter":{{{}}}}}"#, terms.join(","))
    };
    let refused = refusal(&mut cluster, &client, &terms(FILTER_TERMS_MAX + 1));
    assert!(refused.starts_with("VALIDATION_ERROR Invalid \"filter\": "), "{refused}");
    // S-17: ten thousand are nothing special.
    assert_eq!(ask(&mut cluster, &client, &terms(10_000)), r#"{"id":1,"type":"result","data":0}"#);
}

// S-193: several that enter at once, of which the bucket holds fewer
#[test]
fn more_than_a_bucket_holds() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"number"}},"maxSize":2}}
        c ← {"id":1,"type":"result","…":0}
        c → {"id":2,"type":"store.insertMany","bucket":"x","data":[{"k":1},{"k":2},{"k":3},{"k":4}]}
        c ← {"id":2,"type":"result","data":[{"k":1,"…":0},{"k":2,"…":0},{"k":3,"…":0},{"k":4,"…":0}]}
        c → {"id":3,"type":"store.all","bucket":"x"}
        c ← {"id":3,"type":"result","data":[{"k":3,"…":0},{"k":4,"…":0}]}
        "#,
    );
}
