//! V-1 … V-20, V-43: records, filters, order.

use super::{inserts, vector};

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
