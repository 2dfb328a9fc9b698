//! Records and reads of one bucket at a time.

use crate::{play, play_with, setups};

// V-1…V-5, S-9, S-12, S-13, S-30, S-31, S-42, S-43, S-51, S-62, S-81…S-83
#[test]
fn inserts() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"u","data":{}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Field is required","details":[{"field":"name","message":"Field is required","code":"required"}]}
        c → {"id":2,"type":"store.insert","bucket":"u","data":{"name":"x","role":null}}
        c ← {"id":2,"type":"result","data":{"name":"x","role":null,"id":"<uuid>","_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}}
        c → {"id":3,"type":"store.insert","bucket":"u","data":{"name":"x","_version":99,"_createdAt":1,"_foo":3}}
        c ← {"id":3,"type":"result","data":{"name":"x","_foo":3,"id":"<uuid>","role":"user","_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}}
        c → {"id":4,"type":"store.insert","bucket":"u","data":{"name":5,"age":"x"}}
        c ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Expected type \"string\", got number; age: Expected type \"number\", got string","details":[{"field":"name","message":"Expected type \"string\", got number","code":"type"},{"field":"age","message":"Expected type \"number\", got string","code":"type"}]}
        c → {"id":5,"type":"store.insert","bucket":"zzz","data":null}
        c ← {"id":5,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"data\": expected object"}
        c → {"id":6,"type":"store.insert","bucket":"","data":{}}
        c ← {"id":6,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"bucket\": expected non-empty string"}
        c → {"id":7,"type":"store.insert","bucket":"zzz","data":{}}
        c ← {"id":7,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"zzz\" is not defined"}
        c → {"id":8,"type":"store.insert","bucket":"t","data":{"d":5,"x":1,"s":[],"f":1,"o":null,"a":{}}}
        c ← {"id":8,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"t\": s: Expected type \"string\", got array; f: Expected type \"boolean\", got number; a: Expected type \"array\", got object","details":[{"field":"s","…":0},{"field":"f","…":0},{"field":"a","…":0}]}
        c → {"id":9,"type":"store.insert","bucket":"t","data":{"d":5,"x":1.5,"a":[{"b":1}]}}
        c ← {"id":9,"type":"result","data":{"d":5,"x":1.5,"a":[{"b":1}],"o":{"deep":[1]},"…":0}}
        "#,
    );
}

// S-65…S-70, S-84, S-94, V-13: keys are compared strictly, order is that of insertion.
#[test]
fn keys_and_order() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"n","data":{"n":1}}
        c ← {"id":1,"type":"result","data":{"n":1,"…":0}}
        c → {"id":1,"type":"store.insert","bucket":"n","data":{"n":1.0}}
        c ← {"id":1,"type":"error","code":"ALREADY_EXISTS","message":"Unique constraint violation in bucket \"n\": field \"n\" already has value \"1\"","details":{"bucket":"n","field":"n","value":1}}
        c → {"id":1,"type":"store.insert","bucket":"n","data":{"n":-0.0}}
        c ← {"id":1,"type":"result","data":{"n":0,"…":0}}
        c → {"id":1,"type":"store.get","bucket":"n","key":"1"}
        c ← {"id":1,"type":"result","data":null}
        c → {"id":1,"type":"store.get","bucket":"n","key":1e0}
        c ← {"id":1,"type":"result","data":{"n":1,"…":0}}
        c → {"id":1,"type":"store.get","bucket":"n","key":0}
        c ← {"id":1,"type":"result","data":{"n":0,"…":0}}
        c → {"id":1,"type":"store.get","bucket":"n","key":{"n":1}}
        c ← {"id":1,"type":"result","data":null}
        c → {"id":1,"type":"store.get","bucket":"n","key":null}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing \"key\": expected non-null value"}
        c → {"id":1,"type":"store.insert","bucket":"n","data":{}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"n\": n: Field is required","details":[{"field":"n","message":"Field is required","code":"required"}]}
        c → {"id":1,"type":"store.insert","bucket":"arrays","data":{"k":[1]}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"arrays\": k: Expected type \"array\", got array","…":0}
        c → {"id":1,"type":"store.insert","bucket":"b","data":{"b":false}}
        c ← {"id":1,"type":"result","data":{"b":false,"…":0}}
        c → {"id":1,"type":"store.get","bucket":"b","key":false}
        c ← {"id":1,"type":"result","data":{"b":false,"…":0}}
        c → {"id":1,"type":"store.insert","bucket":"n","data":{"n":2}}
        c ← {"id":1,"type":"result","data":{"n":2,"…":0}}
        c → {"id":1,"type":"store.delete","bucket":"n","key":1}
        c ← {"id":1,"type":"result","data":{"deleted":true}}
        c → {"id":1,"type":"store.delete","bucket":"n","key":1}
        c ← {"id":1,"type":"result","data":{"deleted":true}}
        c → {"id":1,"type":"store.insert","bucket":"n","data":{"n":1}}
        c ← {"id":1,"type":"result","data":{"n":1,"_version":1,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"n","key":0,"data":{"x":1}}
        c ← {"id":1,"type":"result","data":{"n":0,"x":1,"_version":2,"…":0}}
        c → {"id":1,"type":"store.all","bucket":"n"}
        c ← {"id":1,"type":"result","data":[{"n":0,"…":0},{"n":2,"…":0},{"n":1,"…":0}]}
        "#,
    );
}

// S-85…S-93, V-10…V-12
#[test]
fn updates() {
    play_with(setups::open, &["c"], |stage| {
        stage.play(
            r#"
            c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"a","v":1,"o":{"x":1,"y":2},"z":true}}
            c ← {"id":1,"type":"result","data":{"k":"a","…":0}}
            "#,
        );
        stage.cluster.advance(7);
        stage.play(
            r#"
            c → {"id":1,"type":"store.update","bucket":"k","key":"a","data":{"k":"b","_version":50,"_createdAt":0,"_updatedAt":0,"o":{"x":3},"z":null,"new":[]}}
            c ← {"id":1,"type":"result","data":{"k":"a","v":1,"o":{"x":3},"z":null,"new":[],"_version":2,"_createdAt":1706745600000,"_updatedAt":1706745600007}}
            c → {"id":1,"type":"store.update","bucket":"k","key":"a","data":{}}
            c ← {"id":1,"type":"result","data":{"k":"a","v":1,"o":{"x":3},"z":null,"new":[],"_version":3,"…":0}}
            c → {"id":1,"type":"store.update","bucket":"k","key":"missing","data":{}}
            c ← {"id":1,"type":"error","code":"NOT_FOUND","message":"Record with key \"missing\" not found in bucket \"k\"","details":{"bucket":"k","key":"missing"}}
            c → {"id":1,"type":"store.update","bucket":"n","key":[1,null,"x"],"data":{}}
            c ← {"id":1,"type":"error","code":"NOT_FOUND","message":"Record with key \"1,,x\" not found in bucket \"n\"","…":0}
            c → {"id":1,"type":"store.update","bucket":"k","key":"a","data":{"v":"one"}}
            c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"k\": v: Expected type \"number\", got string","…":0}
            c → {"id":1,"type":"store.update","bucket":"nowhere","data":{}}
            c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing \"key\": expected non-null value"}
            c → {"id":1,"type":"store.update","bucket":"nowhere","key":1,"data":[]}
            c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"data\": expected object"}
            c → {"id":1,"type":"store.insert","bucket":"u","data":{"id":"x","name":"x"}}
            c ← {"id":1,"type":"result","data":{"id":"x","…":0}}
            c → {"id":1,"type":"store.update","bucket":"u","key":"x","data":{"id":"y","name":null}}
            c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Field is required","…":0}
            c → {"id":1,"type":"store.get","bucket":"u","key":"x"}
            c ← {"id":1,"type":"result","data":{"id":"x","name":"x","_version":1,"…":0}}
            "#,
        );
    });
}

// S-97…S-104, S-63, V-14…V-17, S-106
#[test]
fn reads() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"a","v":1,"tags":["x"],"a.b":1}}
        c ← {"id":1,"type":"result","data":{"k":"a","…":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"b","v":null,"x":"1"}}
        c ← {"id":1,"type":"result","data":{"k":"b","…":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"c","v":1,"x":1}}
        c ← {"id":1,"type":"result","data":{"k":"c","…":0}}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"v":1.0}}
        c ← {"id":1,"type":"result","data":[{"k":"a","…":0},{"k":"c","…":0}]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"v":1,"x":1}}
        c ← {"id":1,"type":"result","data":[{"k":"c","…":0}]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"x":"1"}}
        c ← {"id":1,"type":"result","data":[{"k":"b","…":0}]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"v":null}}
        c ← {"id":1,"type":"result","data":[{"k":"b","…":0}]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"x":null}}
        c ← {"id":1,"type":"result","data":[]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"tags":["x"]}}
        c ← {"id":1,"type":"result","data":[]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"v":{}}}
        c ← {"id":1,"type":"result","data":[]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"a.b":1}}
        c ← {"id":1,"type":"result","data":[{"k":"a","…":0}]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{"_version":1,"k":"c"}}
        c ← {"id":1,"type":"result","data":[{"k":"c","…":0}]}
        c → {"id":1,"type":"store.where","bucket":"k","filter":{}}
        c ← {"id":1,"type":"result","data":[{"k":"a","…":0},{"k":"b","…":0},{"k":"c","…":0}]}
        c → {"id":1,"type":"store.where","bucket":"nowhere"}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"filter\": expected object"}
        "#,
    );
}

// S-99, S-100, S-106, V-14, V-17
#[test]
fn one_some_and_how_many() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"a","v":1}}
        c ← {"id":1,"type":"result","data":{"k":"a","…":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"b"}}
        c ← {"id":1,"type":"result","data":{"k":"b","…":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"c","v":1}}
        c ← {"id":1,"type":"result","data":{"k":"c","…":0}}
        c → {"id":1,"type":"store.findOne","bucket":"k","filter":{"v":1}}
        c ← {"id":1,"type":"result","data":{"k":"a","…":0}}
        c → {"id":1,"type":"store.findOne","bucket":"k","filter":{"v":2}}
        c ← {"id":1,"type":"result","data":null}
        c → {"id":1,"type":"store.count","bucket":"k","filter":null}
        c ← {"id":1,"type":"result","data":3}
        c → {"id":1,"type":"store.count","bucket":"k","filter":{"v":1}}
        c ← {"id":1,"type":"result","data":2}
        c → {"id":1,"type":"store.count","bucket":"k","filter":[]}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"filter\": expected object"}
        c → {"id":1,"type":"store.first","bucket":"k","n":2}
        c ← {"id":1,"type":"result","data":[{"k":"a","…":0},{"k":"b","…":0}]}
        c → {"id":1,"type":"store.last","bucket":"k","n":2.0}
        c ← {"id":1,"type":"result","data":[{"k":"b","…":0},{"k":"c","…":0}]}
        c → {"id":1,"type":"store.last","bucket":"k","n":1e300}
        c ← {"id":1,"type":"result","data":[{"k":"a","…":0},{"k":"b","…":0},{"k":"c","…":0}]}
        "#,
    );
    for n in ["0", "-1", "1.5", "\"2\"", "null", "[]"] {
        play(
            setups::open,
            &["c"],
            &format!(
                r#"
                c → {{"id":1,"type":"store.first","bucket":"nowhere","n":{n}}}
                c ← {{"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"n\": expected positive integer"}}
                "#
            ),
        );
    }
}

// S-20, S-1, S-29, S-36: names are only names
#[test]
fn odd_names() {
    let long = "k".repeat(10_000);
    for (bucket, field, key) in [
        ("k", "k", ""),
        ("k", "k", "__proto__"),
        ("k", "k", "a\\\"b\\n\\u0000"),
        ("k", "k", &long),
        ("košík č. 1", "k", "č"),
        ("__proto__", "constructor", "toString"),
        ("a.b", "k", "a.b"),
    ] {
        play(
            setups::open,
            &["c"],
            &format!(
                r#"
                c → {{"id":1,"type":"store.insert","bucket":"{bucket}","data":{{"{field}":"{key}","__proto__":{{"x":1}}}}}}
                c ← {{"id":1,"type":"result","data":{{"{field}":"{key}","__proto__":{{"x":1}},"…":0}}}}
                c → {{"id":2,"type":"store.get","bucket":"{bucket}","key":"{key}"}}
                c ← {{"id":2,"type":"result","data":{{"{field}":"{key}","…":0}}}}
                c → {{"id":3,"type":"store.update","bucket":"{bucket}","key":"{key}","data":{{"a\u000a":1}}}}
                c ← {{"id":3,"type":"result","data":{{"{field}":"{key}","a\n":1,"_version":2,"…":0}}}}
                c → {{"id":4,"type":"store.where","bucket":"{bucket}","filter":{{"{field}":"{key}","a\n":1}}}}
                c ← {{"id":4,"type":"result","data":[{{"{field}":"{key}","…":0}}]}}
                c → {{"id":5,"type":"store.delete","bucket":"{bucket}","key":"{key}"}}
                c ← {{"id":5,"type":"result","data":{{"deleted":true}}}}
                c → {{"id":6,"type":"store.count","bucket":"{bucket}"}}
                c ← {{"id":6,"type":"result","data":0}}
                "#
            ),
        );
    }
}
