//! Unique values, limits, bulk writes and conditions on versions.

use crate::play;
use noex_server::node::Settings;

const BUCKETS: &[(&str, &str)] = &[
    (
        "u",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"email":{"type":"string","unique":true},"nick":{"type":"string","unique":true},"role":{"type":"string"}},"indexes":["nick","role"]}"#,
    ),
    (
        "a",
        r#"{"key":"n","schema":{"n":{"type":"number","generated":"autoincrement"},"v":{"type":"number"}}}"#,
    ),
    ("o", r#"{"key":"k","etsType":"ordered_set","schema":{"k":{"type":"number"}}}"#),
    ("m", r#"{"key":"k","maxSize":2,"schema":{"k":{"type":"string"},"x":{"type":"number","unique":true}}}"#),
];

const QUERIES: &[(&str, &str)] = &[
    ("all-u", r#"{"bucket":"u"}"#),
    ("all-m", r#"{"bucket":"m"}"#),
    ("count-m", r#"{"bucket":"m","aggregate":{"function":"count"}}"#),
    ("count-a", r#"{"bucket":"a","aggregate":{"function":"count"}}"#),
];

fn settings(cores: u16) -> Settings {
    crate::shop::settings(BUCKETS, QUERIES, cores)
}

// S-73…S-79, V-6, V-7
#[test]
fn unique_values() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"id":"1","email":"e","nick":"n"}}
        c ← {"id":1,"type":"result","data":{"id":"1","…":0}}
        c → {"id":2,"type":"store.insert","bucket":"u","data":{"id":"2","email":"e"}}
        c ← {"id":2,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"u\": field \"email\" already has value \"e\"","details":{"bucket":"u","field":"email","value":"e"}}
        # Those in `indexes` first, and the key before all.
        c → {"id":3,"type":"store.insert","bucket":"u","data":{"id":"2","email":"e","nick":"n"}}
        c ← {"id":3,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"u\": field \"nick\" already has value \"n\"","…":0}
        c → {"id":4,"type":"store.insert","bucket":"u","data":{"id":"1","email":"e","nick":"n"}}
        c ← {"id":4,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"u\": field \"id\" already has value \"1\"","…":0}
        # A schema error comes first.
        c → {"id":5,"type":"store.insert","bucket":"u","data":{"id":"2","email":"e","nick":1}}
        c ← {"id":5,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": nick: Expected type \"string\", got number","…":0}
        c → {"id":6,"type":"store.insert","bucket":"u","data":{"id":"2","email":null}}
        c ← {"id":6,"type":"result","data":{"id":"2","…":0}}
        c → {"id":7,"type":"store.insert","bucket":"u","data":{"id":"3","email":null}}
        c ← {"id":7,"type":"result","data":{"id":"3","…":0}}
        c → {"id":8,"type":"store.update","bucket":"u","key":"2","data":{"email":"e"}}
        c ← {"id":8,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"u\": field \"email\" already has value \"e\"","…":0}
        c → {"id":9,"type":"store.update","bucket":"u","key":"1","data":{"email":"e","nick":"m"}}
        c ← {"id":9,"type":"result","data":{"id":"1","nick":"m","_version":2,"…":0}}
        c → {"id":10,"type":"store.update","bucket":"u","key":"2","data":{"nick":"n"}}
        c ← {"id":10,"type":"result","data":{"id":"2","nick":"n","…":0}}
        c → {"id":11,"type":"store.delete","bucket":"u","key":"1"}
        c ← {"id":11,"type":"result","data":{"deleted":true}}
        c → {"id":12,"type":"store.update","bucket":"u","key":"3","data":{"email":"e"}}
        c ← {"id":12,"type":"result","data":{"id":"3","email":"e","…":0}}
        # S-103: null and missing, in an indexed field too
        c → {"id":13,"type":"store.where","bucket":"u","filter":{"email":null}}
        c ← {"id":13,"type":"result","data":[{"id":"2","…":0}]}
        "#,
    );
}

// S-178, V-33, V-34: values that the transaction itself has freed
#[test]
fn unique_values_in_transactions() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insertMany","bucket":"u","data":[{"id":"1","email":"a"},{"id":"2","email":"b"}]}
        c ← {"id":1,"type":"result","data":[{"id":"1","…":0},{"id":"2","…":0}]}
        c → {"id":2,"type":"store.transaction","operations":[{"op":"delete","bucket":"u","key":"1"},{"op":"insert","bucket":"u","data":{"id":"3","email":"a"}}]}
        c ← {"id":2,"type":"result","data":{"results":[{"index":0,"data":{"deleted":true}},{"index":1,"data":{"id":"3","…":0}}]}}
        # Swapped by way of a third value.
        c → {"id":3,"type":"store.transaction","operations":[{"op":"update","bucket":"u","key":"2","data":{"email":"c"}},{"op":"update","bucket":"u","key":"3","data":{"email":"b"}},{"op":"update","bucket":"u","key":"2","data":{"email":"a"}},{"op":"insert","bucket":"a","data":{}}]}
        c ← {"id":3,"type":"result","data":{"results":[{"index":0,"data":{"…":0}},{"index":1,"data":{"…":0}},{"index":2,"data":{"…":0}},{"index":3,"data":{"n":1,"…":0}}]}}
        c → {"id":4,"type":"store.where","bucket":"u","filter":{"email":{"$in":["b","a"]}}}
        c ← {"id":4,"type":"result","data":[{"id":"2","email":"a","…":0},{"id":"3","email":"b","…":0}]}
        c → {"id":5,"type":"store.subscribe","query":"count-a"}
        c ← {"id":5,"type":"result","data":{"…":0}}
        c → {"id":6,"type":"store.transaction","operations":[{"op":"insert","bucket":"a","data":{}},{"op":"insert","bucket":"u","data":{"email":"a"}}]}
        c ← {"id":6,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"u\": field \"email\" already has value \"a\"","…":0}
        c → {"id":7,"type":"store.count","bucket":"a"}
        c ← {"id":7,"type":"result","data":1}
        c → {"id":8,"type":"store.transaction","operations":[{"op":"insert","bucket":"u","data":{"email":"z"}},{"op":"insert","bucket":"u","data":{"email":"z"}}]}
        c ← {"id":8,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"u\": field \"email\" already has value \"z\"","…":0}
        "#,
    );
}

// S-36, S-37, S-180, V-8, V-9
#[test]
fn autoincrement() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"a","data":{}}
        c ← {"id":1,"type":"result","data":{"n":1,"…":0}}
        c → {"id":2,"type":"store.insert","bucket":"a","data":{"v":"x"}}
        c ← {"id":2,"type":"error","code":"VALIDATION_ERROR","…":0}
        c → {"id":3,"type":"store.insert","bucket":"a","data":{}}
        c ← {"id":3,"type":"result","data":{"n":3,"…":0}}
        c → {"id":4,"type":"store.get","bucket":"a","key":"1"}
        c ← {"id":4,"type":"result","data":null}
        c → {"id":5,"type":"store.insert","bucket":"a","data":{"n":10}}
        c ← {"id":5,"type":"result","data":{"n":10,"…":0}}
        c → {"id":6,"type":"store.transaction","operations":[{"op":"insert","bucket":"a","data":{}},{"op":"insert","bucket":"a","data":{"n":20}},{"op":"insert","bucket":"a","data":{}}]}
        c ← {"id":6,"type":"result","data":{"results":[{"index":0,"data":{"n":11,"…":0}},{"index":1,"data":{"n":20,"…":0}},{"index":2,"data":{"n":21,"…":0}}]}}
        c → {"id":7,"type":"store.clear","bucket":"a"}
        c ← {"id":7,"type":"result","data":{"cleared":true}}
        c → {"id":8,"type":"store.insert","bucket":"a","data":{}}
        c ← {"id":8,"type":"result","data":{"n":22,"…":0}}
        "#,
    );
}

// S-72, V-18, V-19
#[test]
fn ordered_sets() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insertMany","bucket":"o","data":[{"k":10},{"k":9},{"k":2},{"k":1}]}
        c ← {"id":1,"type":"result","data":[{"k":10,"…":0},{"k":9,"…":0},{"k":2,"…":0},{"k":1,"…":0}]}
        c → {"id":2,"type":"store.all","bucket":"o"}
        c ← {"id":2,"type":"result","data":[{"k":10,"…":0},{"k":9,"…":0},{"k":2,"…":0},{"k":1,"…":0}]}
        c → {"id":3,"type":"store.first","bucket":"o","n":2}
        c ← {"id":3,"type":"result","data":[{"k":1,"…":0},{"k":2,"…":0}]}
        c → {"id":4,"type":"store.last","bucket":"o","n":2}
        c ← {"id":4,"type":"result","data":[{"k":9,"…":0},{"k":10,"…":0}]}
        c → {"id":5,"type":"store.paginate","bucket":"o","limit":3}
        c ← {"id":5,"type":"result","data":{"records":[{"k":1,"…":0},{"k":2,"…":0},{"k":9,"…":0}],"hasMore":true,"nextCursor":9}}
        c → {"id":6,"type":"store.paginate","bucket":"o","limit":3,"after":9}
        c ← {"id":6,"type":"result","data":{"records":[{"k":10,"…":0}],"hasMore":false,"nextCursor":10}}
        c → {"id":7,"type":"store.paginate","bucket":"o","limit":3,"after":"9"}
        c ← {"id":7,"type":"result","data":{"records":[],"hasMore":false}}
        "#,
    );
}

// S-193, S-194, S-179, V-35
#[test]
fn eviction() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insertMany","bucket":"m","data":[{"k":"a","x":1},{"k":"b","x":2}]}
        c ← {"id":1,"type":"result","data":[{"k":"a","…":0},{"k":"b","…":0}]}
        c → {"id":2,"type":"store.subscribe","query":"all-m"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","…":0}}
        c → {"id":3,"type":"store.subscribe","query":"count-m"}
        c ← {"id":3,"type":"result","data":{"subscriptionId":"sub-2","…":0}}
        c → {"id":4,"type":"store.insert","bucket":"m","data":{"k":"c","x":2}}
        c ← {"id":4,"type":"error","code":"ALREADY_EXISTS","…":0}
        c → {"id":5,"type":"store.insert","bucket":"m","data":{"k":"c","x":3}}
        c ← {"id":5,"type":"result","data":{"k":"c","…":0}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"b","…":0},{"k":"c","…":0}]}
        c → {"id":6,"type":"store.transaction","operations":[{"op":"update","bucket":"m","key":"b","data":{"x":9}},{"op":"insert","bucket":"m","data":{"k":"d"}},{"op":"count","bucket":"m"},{"op":"insert","bucket":"a","data":{}}]}
        c ← {"id":6,"type":"result","data":{"results":[{"index":0,"data":{"x":9,"…":0}},{"index":1,"data":{"k":"d","…":0}},{"index":2,"data":3},{"index":3,"data":{"…":0}}]}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"c","…":0},{"k":"d","…":0}]}
        "#,
    );
}

// S-95, S-96, V-42: one push, then the next change counts from zero
#[test]
fn clear() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.clear","bucket":"a"}
        c ← {"id":1,"type":"result","data":{"cleared":true}}
        c → {"id":2,"type":"store.insert","bucket":"a","data":{}}
        c ← {"id":2,"type":"result","data":{"…":0}}
        c → {"id":3,"type":"store.subscribe","query":"count-a"}
        c ← {"id":3,"type":"result","data":{"subscriptionId":"sub-1","data":1}}
        c → {"id":4,"type":"store.clear","bucket":"a"}
        c ← {"id":4,"type":"result","data":{"cleared":true}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":0}
        c → {"id":5,"type":"store.insert","bucket":"a","data":{}}
        c ← {"id":5,"type":"result","data":{"…":0}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":1}
        "#,
    );
}

// Conditions on versions, worded as in S-177
#[test]
fn expected_versions() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"o","data":{"k":1}}
        c ← {"id":1,"type":"result","data":{"k":1,"…":0}}
        c → {"id":2,"type":"store.update","bucket":"o","key":1,"data":{},"ifVersion":2}
        c ← {"id":2,"type":"error","code":"CONFLICT","message":"Transaction conflict in bucket \"o\" for key \"1\": Version mismatch: expected 2, got 1","details":{"bucket":"o","key":1,"expected":2,"actual":1}}
        c → {"id":3,"type":"store.update","bucket":"o","key":1,"data":{},"ifVersion":1.0}
        c ← {"id":3,"type":"result","data":{"k":1,"_version":2,"…":0}}
        c → {"id":4,"type":"store.transaction","operations":[{"op":"update","bucket":"o","key":1,"data":{},"ifVersion":2},{"op":"delete","bucket":"o","key":1,"ifVersion":2}]}
        c ← {"id":4,"type":"error","code":"CONFLICT","message":"Transaction conflict in bucket \"o\" for key \"1\": Version mismatch: expected 2, got 3","…":0}
        c → {"id":5,"type":"store.delete","bucket":"o","key":7,"ifVersion":1}
        c ← {"id":5,"type":"error","code":"CONFLICT","message":"Transaction conflict in bucket \"o\" for key \"7\": Version mismatch: expected 1, got null","details":{"bucket":"o","key":7,"expected":1,"actual":null}}
        c → {"id":6,"type":"store.delete","bucket":"o","key":1,"ifVersion":"2"}
        c ← {"id":6,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"ifVersion\": expected number"}
        c → {"id":7,"type":"store.delete","bucket":"o","key":1,"ifVersion":2}
        c ← {"id":7,"type":"result","data":{"deleted":true}}
        "#,
    );
}

// A.5: all or none
#[test]
fn bulk_writes() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insertMany","bucket":"u","data":{}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"data\": expected array"}
        c → {"id":2,"type":"store.insertMany","bucket":"u","data":[{},1]}
        c ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"data[1]\": expected object"}
        c → {"id":3,"type":"store.insertMany","bucket":"u","data":[]}
        c ← {"id":3,"type":"result","data":[]}
        c → {"id":4,"type":"store.insertMany","bucket":"u","data":[{"email":"a"},{"email":"a"}]}
        c ← {"id":4,"type":"error","code":"ALREADY_EXISTS","…":0}
        c → {"id":5,"type":"store.insertMany","bucket":"u","data":[{"id":"1","email":"a","role":"r"},{"id":"2","role":"r"},{"id":"3"}]}
        c ← {"id":5,"type":"result","data":[{"id":"1","…":0},{"id":"2","…":0},{"id":"3","…":0}]}
        c → {"id":6,"type":"store.updateMany","bucket":"u","filter":{"role":"r"},"data":{"email":"b"}}
        c ← {"id":6,"type":"error","code":"ALREADY_EXISTS","…":0}
        c → {"id":7,"type":"store.updateMany","bucket":"u","filter":{"role":"r"},"data":{"role":"s"}}
        c ← {"id":7,"type":"result","data":2}
        c → {"id":8,"type":"store.upsert","bucket":"u","data":{"id":"3","role":"s"}}
        c ← {"id":8,"type":"result","data":{"id":"3","role":"s","_version":2,"…":0}}
        c → {"id":9,"type":"store.upsert","bucket":"u","data":{"id":"4"}}
        c ← {"id":9,"type":"result","data":{"id":"4","_version":1,"…":0}}
        c → {"id":10,"type":"store.subscribe","query":"all-u"}
        c ← {"id":10,"type":"result","data":{"…":0}}
        c → {"id":11,"type":"store.deleteMany","bucket":"u","filter":{"role":"s"}}
        c ← {"id":11,"type":"result","data":3}
        c ← {"type":"push","channel":"subscription","data":[{"id":"4","…":0}],"…":0}
        "#,
    );
}
