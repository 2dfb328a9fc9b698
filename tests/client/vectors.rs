//! The conformance vectors of 02 §18, each by its number.

use crate::cluster::Cluster;
use crate::script::Stage;
use crate::{play, play_with};
use noex_server::node::{Call, QueryDefinition, Settings};

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

// V-1…V-7, V-43: what an insert fills in and refuses
#[test]
fn inserts_are_filled_in_and_checked() {
    vector(
        r#"
        # V-1
        c → {"id":1,"type":"store.insert","bucket":"u","data":{}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Field is required","details":[{"field":"name","message":"Field is required","code":"required"}]}
        # V-2
        c → {"id":2,"type":"store.insert","bucket":"u","data":{"name":"x","role":null}}
        c ← {"id":2,"type":"result","data":{"name":"x","role":null,"id":"<uuid>","_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}}
        # V-3
        c → {"id":3,"type":"store.insert","bucket":"u","data":{"name":"x","_version":99,"_createdAt":1,"_foo":3}}
        c ← {"id":3,"type":"result","data":{"name":"x","role":"user","_foo":3,"id":"<uuid>","_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}}
        # V-4
        c → {"id":4,"type":"store.insert","bucket":"u","data":{"name":5,"age":"x"}}
        c ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Expected type \"string\", got number; age: Expected type \"number\", got string","details":[{"field":"name","message":"Expected type \"string\", got number","code":"type"},{"field":"age","message":"Expected type \"number\", got string","code":"type"}]}
        # V-5
        c → {"id":5,"type":"store.insert","bucket":"zzz","data":null}
        c ← {"id":5,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"data\": expected object"}
        # V-6
        c → {"id":6,"type":"store.insert","bucket":"u","data":{"name":"x","email":"a@b.c"}}
        c ← {"id":6,"type":"result","…":0}
        c → {"id":7,"type":"store.insert","bucket":"u","data":{"name":"y","email":"a@b.c"}}
        c ← {"id":7,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"u\": field \"email\" already has value \"a@b.c\"","details":{"bucket":"u","field":"email","value":"a@b.c"}}
        # V-7
        c → {"id":8,"type":"store.insertMany","bucket":"u","data":[{"name":"x","email":null},{"name":"x","email":null},{"name":"x","email":null}]}
        c ← {"id":8,"type":"result","data":[{"email":null,"…":0},{"email":null,"…":0},{"email":null,"…":0}]}
        # V-43
        c → {"id":9,"type":"store.insert","bucket":"len","data":{"k":"1","s":"😀"}}
        c ← {"id":9,"type":"result","data":{"s":"😀","…":0}}
        c → {"id":10,"type":"store.insert","bucket":"len","data":{"k":"2","s":"😀a"}}
        c ← {"id":10,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"len\": s: Maximum length is 2","details":[{"field":"s","message":"Maximum length is 2","code":"maxLength"}]}
        "#,
    );
}

// V-8…V-13: generated keys, updates, deletes
#[test]
fn keys_and_updates() {
    vector(
        r#"
        # V-8
        c → {"id":1,"type":"store.insert","bucket":"a","data":{}}
        c ← {"id":1,"type":"result","data":{"n":1,"…":0}}
        c → {"id":2,"type":"store.insert","bucket":"a","data":{"v":"x"}}
        c ← {"id":2,"type":"error","code":"VALIDATION_ERROR","…":0}
        c → {"id":3,"type":"store.insert","bucket":"a","data":{}}
        c ← {"id":3,"type":"result","data":{"n":3,"…":0}}
        # V-9
        c → {"id":4,"type":"store.get","bucket":"a","key":"1"}
        c ← {"id":4,"type":"result","data":null}
        # V-10
        c → {"id":5,"type":"store.insert","bucket":"u","data":{"id":"me","name":"x"}}
        c ← {"id":5,"type":"result","…":0}
        c → {"id":6,"type":"store.update","bucket":"u","key":"me","data":{"id":"other","_version":50}}
        c ← {"id":6,"type":"result","data":{"id":"me","name":"x","role":"user","_version":2,"_createdAt":1706745600000,"_updatedAt":1706745600000}}
        # V-11
        c → {"id":7,"type":"store.update","bucket":"u","key":"me","data":{}}
        c ← {"id":7,"type":"result","data":{"id":"me","name":"x","role":"user","_version":3,"_createdAt":1706745600000,"_updatedAt":1706745600000}}
        # V-12
        c → {"id":8,"type":"store.update","bucket":"u","key":"missing","data":{}}
        c ← {"id":8,"type":"error","code":"NOT_FOUND","message":"Record with key \"missing\" not found in bucket \"u\"","details":{"bucket":"u","key":"missing"}}
        # V-13
        c → {"id":9,"type":"store.subscribe","query":"count-k"}
        c ← {"id":9,"type":"result","data":{"subscriptionId":"sub-1","data":0}}
        c → {"id":10,"type":"store.delete","bucket":"k","key":"nobody"}
        c ← {"id":10,"type":"result","data":{"deleted":true}}
        "#,
    );
}

// V-14…V-17, V-20: filters, counts, aggregates, positional reads
#[test]
fn filters_and_reads() {
    vector(
        r#"
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"id":"1","name":"x","age":30,"tags":["x"]}}
        c ← {"id":1,"type":"result","…":0}
        # V-14
        c → {"id":2,"type":"store.count","bucket":"u","filter":null}
        c ← {"id":2,"type":"result","data":1}
        c → {"id":3,"type":"store.count","bucket":"u","filter":[]}
        c ← {"id":3,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"filter\": expected object"}
        # V-15
        c → {"id":4,"type":"store.where","bucket":"u","filter":{"age":"30"}}
        c ← {"id":4,"type":"result","data":[]}
        # V-16
        c → {"id":5,"type":"store.where","bucket":"u","filter":{"tags":["x"]}}
        c ← {"id":5,"type":"result","data":[]}
        # V-20
        c → {"id":6,"type":"store.sum","bucket":"u","field":"name"}
        c ← {"id":6,"type":"result","data":0}
        c → {"id":7,"type":"store.avg","bucket":"u","field":"name"}
        c ← {"id":7,"type":"result","data":0}
        c → {"id":8,"type":"store.min","bucket":"u","field":"name"}
        c ← {"id":8,"type":"result","data":null}
        "#,
    );
    // V-17
    for n in ["", r#","n":0"#, r#","n":-1"#, r#","n":1.5"#, r#","n":"2""#, r#","n":null"#] {
        vector(&format!(
            r#"
            c → {{"id":1,"type":"store.first","bucket":"u"{n}}}
            c ← {{"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"n\": expected positive integer"}}
            "#
        ));
    }
}

// V-18, V-19: the order of an `ordered_set`
#[test]
fn key_order() {
    let full = inserts("o", &[r#"{"k":10}"#, r#"{"k":9}"#, r#"{"k":2}"#, r#"{"k":1}"#]);
    let keys = |keys: &[u32]| {
        let records: Vec<String> = keys.iter().map(|k| format!(r#"{{"k":{k},"…":0}}"#)).collect();
        format!("[{}]", records.join(","))
    };
    for (request, expected) in [
        // V-18
        (r#""type":"store.all""#, keys(&[10, 9, 2, 1])),
        (r#""type":"store.first","n":2"#, keys(&[1, 2])),
        (r#""type":"store.last","n":2"#, keys(&[9, 10])),
        // V-19
        (
            r#""type":"store.paginate","limit":3"#,
            format!(r#"{{"records":{},"hasMore":true,"nextCursor":9}}"#, keys(&[1, 2, 9])),
        ),
        (
            r#""type":"store.paginate","limit":3,"after":9"#,
            format!(r#"{{"records":{},"hasMore":false,"nextCursor":10}}"#, keys(&[10])),
        ),
        (r#""type":"store.paginate","limit":3,"after":5"#, r#"{"records":[],"hasMore":false}"#.into()),
        (r#""type":"store.paginate","limit":3,"after":"9""#, r#"{"records":[],"hasMore":false}"#.into()),
        (r#""type":"store.paginate","limit":3,"after":null"#, r#"{"records":[],"hasMore":false}"#.into()),
    ] {
        vector(&format!(
            r#"{full}
            c → {{"id":1,"bucket":"o",{request}}}
            c ← {{"id":1,"type":"result","data":{expected}}}
            "#
        ));
    }
}

// V-21…V-24, V-26: what is pushed, and what is not
#[test]
fn pushes() {
    vector(
        r#"
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"old"}}
        c ← {"id":1,"type":"result","…":0}
        c → {"id":2,"type":"store.subscribe","query":"count-k"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":1}}
        # V-21
        c → {"id":3,"type":"store.transaction","operations":[{"op":"delete","bucket":"k","key":"old"},{"op":"insert","bucket":"k","data":{"k":"new"}}]}
        c ← {"id":3,"type":"result","…":0}
        # V-23
        c → {"id":4,"type":"store.subscribe","query":"all-k"}
        c ← {"id":4,"type":"result","data":{"subscriptionId":"sub-2","data":[{"k":"new","_version":1,"…":0}]}}
        c → {"id":5,"type":"store.update","bucket":"k","key":"new","data":{}}
        c ← {"id":5,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"k":"new","_version":2,"…":0}]}
        # V-22
        c → {"id":6,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"1"}},{"op":"insert","bucket":"k","data":{"k":"2"}},{"op":"insert","bucket":"k","data":{"k":"3"}}]}
        c ← {"id":6,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":4}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"k":"new","…":0},{"k":"1","…":0},{"k":"2","…":0},{"k":"3","…":0}]}
        # V-26
        c → {"id":7,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        c ← {"id":7,"type":"result","data":{"unsubscribed":true}}
        c → {"id":8,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        c ← {"id":8,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        c → {"id":9,"type":"store.unsubscribe","subscriptionId":"sub-2"}
        c ← {"id":9,"type":"result","data":{"unsubscribed":true}}
        # V-24
        c → {"id":10,"type":"store.subscribe","query":"get-a"}
        c ← {"id":10,"type":"result","data":{"subscriptionId":"sub-3","data":null}}
        c → {"id":11,"type":"store.insert","bucket":"k","data":{"k":"b"}}
        c ← {"id":11,"type":"result","…":0}
        c → {"id":12,"type":"store.insert","bucket":"k","data":{"k":"a"}}
        c ← {"id":12,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":{"k":"a","…":0}}
        c → {"id":13,"type":"store.update","bucket":"k","key":"b","data":{"v":1}}
        c ← {"id":13,"type":"result","…":0}
        "#,
    );
}

/// A query whose evaluation fails while the bucket holds a large record: so many copies of it
/// exceed what the results of one evaluation may take together.
fn copies() -> QueryDefinition {
    QueryDefinition::program(|q, _| {
        let all = |_| q.bucket("k").filter(r#"{"large":{"$exists":true}}"#).all();
        q.object([("copies", q.array((0..255).map(all))), ("count", q.bucket("k").count())])
    })
}

/// What the embedding program was shown last: the count at the end of each result.
fn shown(cluster: &mut Cluster) -> Vec<String> {
    let results = std::mem::take(&mut cluster.results).into_iter();
    let count = |result: String| result.rsplit(':').next().expect("a count").trim_end_matches('}').to_owned();
    results.map(|(_, result)| count(result.expect("it goes on"))).collect()
}

// V-25, S-148: an evaluation that fails says nothing, keeps the subscription and its baseline, and
// harms no other; the next change evaluates again. The plan of a query cannot fail by itself (K-3), its
// evaluation can.
#[test]
fn a_failing_evaluation() {
    play_with(settings, &["c"], |stage: &mut Stage| {
        let cluster = &mut stage.cluster;
        cluster.call_as(0, 1, Call::DefineQuery("copies", copies()));
        cluster.settle();
        let subscribe = |cluster: &mut Cluster, number| {
            let mut request = br#"{"id":1,"type":"store.subscribe","query":"copies"}"#.to_vec();
            cluster.call_as(0, number, Call::Subscribe(&mut request));
            cluster.settle();
            cluster.replies.pop().expect("a reply")
        };
        assert!(subscribe(cluster, 2).is_ok());
        assert_eq!(shown(cluster), ["0"]);
        stage.play(
            r#"
            c → {"id":1,"type":"store.subscribe","query":"count-k"}
            c ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2","data":0}}
            c → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"1"}}
            c ← {"id":2,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":1}
            "#,
        );
        assert_eq!(shown(&mut stage.cluster), ["1"]);
        let large = "x".repeat(300_000);
        stage.play(&format!(
            r#"
            c → {{"id":3,"type":"store.insert","bucket":"k","data":{{"k":"2","large":"{large}"}}}}
            c ← {{"id":3,"type":"result","…":0}}
            c ← {{"type":"push","channel":"subscription","subscriptionId":"sub-2","data":2}}
            "#
        ));
        assert_eq!(shown(&mut stage.cluster), [""; 0]);
        // S-139: who subscribes meanwhile is told why not.
        let fault = subscribe(&mut stage.cluster, 3).expect_err("too large");
        assert!(fault.message.contains("the results together exceed"), "{}", fault.message);
        stage.play(
            r#"
            c → {"id":4,"type":"store.transaction","operations":[{"op":"delete","bucket":"k","key":"2"},{"op":"insert","bucket":"k","data":{"k":"2"}},{"op":"insert","bucket":"k","data":{"k":"3"}}]}
            c ← {"id":4,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":3}
            "#,
        );
        assert_eq!(shown(&mut stage.cluster), ["3"]);
        stage.cluster.call_as(0, 2, Call::Unsubscribe);
        stage.cluster.settle();
    });
}

// V-27…V-34: transactions
#[test]
fn transactions() {
    vector(
        r#"
        # V-27
        c → {"id":1,"type":"store.transaction","operations":[]}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"\"operations\" must contain at least one operation"}
        # V-28
        c → {"id":2,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"v"}},{"op":"get","bucket":"u"}]}
        c ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"operations[1]: \"get\" requires \"key\""}
        c → {"id":3,"type":"store.count","bucket":"k"}
        c ← {"id":3,"type":"result","data":0}
        # V-29
        c → {"id":4,"type":"store.insert","bucket":"k","data":{"k":"x"}}
        c ← {"id":4,"type":"result","…":0}
        c → {"id":5,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"x"}}]}
        c ← {"id":5,"type":"error","code":"CONFLICT","message":"Transaction conflict in bucket \"k\" for key \"x\": Record with key \"x\" already exists","details":{"bucket":"k","key":"x"}}
        # V-30
        c → {"id":6,"type":"store.transaction","operations":[{"op":"get","bucket":"zz","key":"x"}]}
        c ← {"id":6,"type":"error","code":"INTERNAL_ERROR","message":"Bucket \"zz\" is not defined"}
        # V-31
        c → {"id":7,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"y"}},{"op":"update","bucket":"k","key":"y","data":{"v":1}},{"op":"update","bucket":"k","key":"y","data":{"v":2}},{"op":"get","bucket":"k","key":"y"}]}
        c ← {"id":7,"type":"result","data":{"results":[{"index":0,"data":{"_version":1,"…":0}},{"index":1,"data":{"_version":2,"…":0}},{"index":2,"data":{"_version":3,"…":0}},{"index":3,"data":{"_version":3,"v":2,"…":0}}]}}
        # V-32
        c → {"id":8,"type":"store.transaction","operations":[{"op":"update","bucket":"k","key":"y","data":{"v":3}},{"op":"delete","bucket":"k","key":"y"}]}
        c ← {"id":8,"type":"result","…":0}
        c → {"id":9,"type":"store.get","bucket":"k","key":"y"}
        c ← {"id":9,"type":"result","data":null}
        # V-33
        c → {"id":10,"type":"store.insert","bucket":"u","data":{"id":"q3","name":"x","email":"e@e.e"}}
        c ← {"id":10,"type":"result","…":0}
        c → {"id":11,"type":"store.transaction","operations":[{"op":"delete","bucket":"u","key":"q3"},{"op":"insert","bucket":"u","data":{"id":"q5","name":"y","email":"e@e.e"}}]}
        c ← {"id":11,"type":"result","…":0}
        # V-34
        c → {"id":12,"type":"store.subscribe","query":"all-k"}
        c ← {"id":12,"type":"result","data":{"subscriptionId":"sub-1","data":[{"k":"x","…":0}]}}
        c → {"id":13,"type":"store.transaction","operations":[{"op":"insert","bucket":"a","data":{}},{"op":"insert","bucket":"k","data":{"k":"z"}},{"op":"insert","bucket":"u","data":{"name":"z","email":"e@e.e"}}]}
        c ← {"id":13,"type":"error","code":"ALREADY_EXISTS","…":0}
        c → {"id":14,"type":"store.count","bucket":"a"}
        c ← {"id":14,"type":"result","data":0}
        "#,
    );
}

// V-35, V-36, V-41, V-42: records that go, buckets with dots, a clear
#[test]
fn records_that_go() {
    play_with(settings, &["c"], |stage| {
        stage.play(
            r#"
            # V-35
            c → {"id":1,"type":"store.insertMany","bucket":"small","data":[{"k":"1"},{"k":"2"}]}
            c ← {"id":1,"type":"result","…":0}
            c → {"id":2,"type":"store.subscribe","query":"all-small"}
            c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":[{"k":"1","…":0},{"k":"2","…":0}]}}
            c → {"id":3,"type":"store.subscribe","query":"count-small"}
            c ← {"id":3,"type":"result","data":{"subscriptionId":"sub-2","data":2}}
            c → {"id":4,"type":"store.insert","bucket":"small","data":{"k":"3"}}
            c ← {"id":4,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"2","…":0},{"k":"3","…":0}]}
            # V-41
            c → {"id":5,"type":"store.subscribe","query":"dotted"}
            c ← {"id":5,"type":"result","data":{"subscriptionId":"sub-3","data":[]}}
            c → {"id":6,"type":"store.insert","bucket":"a.b","data":{"k":"x"}}
            c ← {"id":6,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":[{"k":"x","…":0}]}
            # V-42
            c → {"id":7,"type":"store.insert","bucket":"k","data":{"k":"x"}}
            c ← {"id":7,"type":"result","…":0}
            c → {"id":8,"type":"store.subscribe","query":"count-k"}
            c ← {"id":8,"type":"result","data":{"subscriptionId":"sub-4","data":1}}
            c → {"id":9,"type":"store.clear","bucket":"k"}
            c ← {"id":9,"type":"result","data":{"cleared":true}}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":0}
            c → {"id":10,"type":"store.insert","bucket":"k","data":{"k":"x"}}
            c ← {"id":10,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":1}
            # V-36
            c → {"id":11,"type":"store.insert","bucket":"short","data":{"k":"x"}}
            c ← {"id":11,"type":"result","data":{"k":"x","_expiresAt":1706745600300,"…":0}}
            c → {"id":12,"type":"store.subscribe","query":"all-short"}
            c ← {"id":12,"type":"result","data":{"subscriptionId":"sub-5","data":[{"k":"x","…":0}]}}
            "#,
        );
        stage.cluster.advance(350);
        stage.play(r#"c ← {"type":"push","channel":"subscription","subscriptionId":"sub-5","data":[]}"#);
    });
}

// V-37…V-39: administration; V-39 with the second that it waits for
#[test]
fn administration() {
    play_with(settings, &["c"], |stage| {
        stage.play(
            r#"
            # V-37
            c → {"id":1,"type":"store.dropBucket","name":"x"}
            c ← {"id":1,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" does not exist"}
            c → {"id":2,"type":"store.getBucketSchema","name":"x"}
            c ← {"id":2,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" does not exist"}
            c → {"id":3,"type":"store.updateBucket","name":"x","updates":{}}
            c ← {"id":3,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" is not defined"}
            # V-38
            c → {"id":4,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}},"ttl":"bad"}}
            c ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Invalid TTL format \"bad\". Expected a number (ms) or string like \"30s\", \"5m\", \"1h\", \"7d\"."}
            c → {"id":5,"type":"store.stats"}
            c ← {"id":5,"type":"result","data":{"buckets":{"count":8,"…":0},"…":0}}
            c → {"id":6,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}},"ttl":"1h"}}
            c ← {"id":6,"type":"result","data":{"name":"x","created":true}}
            # V-39
            c → {"id":7,"type":"store.dropBucket","name":"x"}
            c ← {"id":7,"type":"result","data":{"name":"x","dropped":true}}
            c → {"id":8,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}}}}
            c ← {"id":8,"type":"result","data":{"name":"x","created":true}}
            c → {"id":9,"type":"store.insert","bucket":"x","data":{"k":"1"}}
            c ← {"id":9,"type":"result","data":{"k":"1","…":0}}
            "#,
        );
        stage.cluster.advance(1_000);
        stage.play(
            r#"
            c → {"id":10,"type":"store.updateBucket","name":"x","updates":{"addFields":{"v":{"type":"number"}},"addIndexes":["v"]}}
            c ← {"id":10,"type":"result","data":{"name":"x","updated":true}}
            "#,
        );
        stage.cluster.advance(1_000);
        stage.play(
            r#"
            c → {"id":11,"type":"store.insert","bucket":"x","data":{"k":"2","v":7}}
            c ← {"id":11,"type":"result","data":{"k":"2","v":7,"…":0}}
            c → {"id":12,"type":"store.where","bucket":"x","filter":{"v":7}}
            c ← {"id":12,"type":"result","data":[{"k":"2","…":0}]}
            c → {"id":13,"type":"store.count","bucket":"x"}
            c ← {"id":13,"type":"result","data":2}
            "#,
        );
    });
}

// V-40: the limit comes before every field
#[test]
fn limits() {
    let two = |cores| {
        let mut settings = settings(cores);
        settings.limits.subscriptions_per_connection_max = 2;
        settings
    };
    play(
        two,
        &["c"],
        r#"
        c → {"id":1,"type":"store.subscribe","query":"all-k"}
        c ← {"id":1,"type":"result","…":0}
        c → {"id":2,"type":"store.subscribe","query":"all-k"}
        c ← {"id":2,"type":"result","…":0}
        c → {"id":3,"type":"store.subscribe","query":"all-k"}
        c ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 2 per connection)"}
        c → {"id":4,"type":"store.subscribe"}
        c ← {"id":4,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 2 per connection)"}
        "#,
    );
}

// V-44, V-45: declarative queries
#[test]
fn declarative_queries() {
    let records = [r#"{"k":"a","n":1}"#, r#"{"k":"b"}"#, r#"{"k":"c","n":3}"#, r#"{"k":"d","n":2,"v":4}"#];
    vector(&format!(
        r#"{}
        c → {{"id":1,"type":"store.subscribe","query":"sorted"}}
        c ← {{"id":1,"type":"result","data":{{"subscriptionId":"sub-1","data":[{{"k":"d","n":2}},{{"k":"a","n":1}}]}}}}
        c → {{"id":2,"type":"store.delete","bucket":"k","key":"c"}}
        c ← {{"id":2,"type":"result","…":0}}
        c ← {{"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{{"k":"a","n":1}},{{"k":"b"}}]}}
        c → {{"id":3,"type":"store.subscribe","query":"counted"}}
        c ← {{"id":3,"type":"result","data":{{"subscriptionId":"sub-2","data":3}}}}
        c → {{"id":4,"type":"store.subscribe","query":"summed"}}
        c ← {{"id":4,"type":"result","data":{{"subscriptionId":"sub-3","data":4}}}}
        "#,
        inserts("k", &records)
    ));
}
