//! Schemas: what is filled in, what is checked, and in which words (02 §2.1–2.6, §10.1, A.2).

use crate::play;
use noex_server::node::Settings;

const BUCKETS: &[(&str, &str)] = &[
    (
        "u",
        r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"name":{"type":"string","required":true},"role":{"type":"string","default":"user"},"age":{"type":"number","min":0,"max":150},"email":{"type":"string","format":"email"}}}"#,
    ),
    (
        "rules",
        r#"{"key":"k","schema":{"k":{"type":"string"},"one":{"type":"string","enum":["a","b",1,null,[2]]},"len":{"type":"string","minLength":2,"maxLength":3},"pat":{"type":"string","pattern":"^[a-z]+$","maxLength":5},"url":{"type":"string","format":"url"},"day":{"type":"date","format":"iso-date","min":10},"num":{"type":"number","min":-1.5,"max":9007199254740992}}}"#,
    ),
    (
        "nested",
        r#"{"key":"k","schema":{"k":{"type":"string"},"o":{"type":"object","properties":{"n":{"type":"number","required":true,"max":5},"d":{"type":"string","default":"x"}}},"a":{"type":"array","items":{"type":"object","properties":{"t":{"type":"string","required":true}}}}}}"#,
    ),
    (
        "made",
        r#"{"key":"n","schema":{"n":{"type":"number","generated":"autoincrement"},"c":{"type":"string","generated":"cuid"},"t":{"type":"number","generated":"timestamp"},"o":{"type":"object","default":{"a":[1]}},"z":{"type":"string","default":null},"v":{"type":"number"}}}"#,
    ),
    ("mortal", r#"{"key":"k","schema":{"k":{"type":"string"}},"ttl":"1.5h"}"#),
];

fn settings(cores: u16) -> Settings {
    crate::shop::settings(BUCKETS, &[], cores)
}

// S-31, S-42, S-43, S-49, S-50, S-51, S-62, S-66, V-1…V-5
#[test]
fn issues_are_listed_in_schema_order() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"u","data":{}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Field is required","details":[{"field":"name","message":"Field is required","code":"required"}]}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"name":"x","role":null}}
        c ← {"id":1,"type":"result","data":{"name":"x","role":null,"…":0}}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"name":"x","_version":99,"_createdAt":1,"_foo":3}}
        c ← {"id":1,"type":"result","data":{"name":"x","_version":1,"_foo":3,"…":0}}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"name":5,"age":"x"}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Expected type \"string\", got number; age: Expected type \"number\", got string","details":[{"field":"name","message":"Expected type \"string\", got number","code":"type"},{"field":"age","message":"Expected type \"number\", got string","code":"type"}]}
        c → {"id":1,"type":"store.insert","bucket":"zzz","data":null}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"data\": expected object"}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"name":"x","age":-1,"email":"a@b"}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": age: Minimum value is 0; email: Invalid email format","details":[{"field":"age","message":"Minimum value is 0","code":"min"},{"field":"email","message":"Invalid email format","code":"format"}]}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"name":"x","age":150.5}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": age: Maximum value is 150","details":[{"field":"age","message":"Maximum value is 150","code":"max"}]}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"id":null,"name":"x"}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": id: Field is required","details":[{"field":"id","message":"Field is required","code":"required"}]}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"id":"a","name":"x","age":0,"email":null}}
        c ← {"id":1,"type":"result","data":{"id":"a","name":"x","role":"user","age":0,"email":null,"_version":1,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"u","key":"a","data":{"id":"other","_version":50}}
        c ← {"id":1,"type":"result","data":{"id":"a","_version":2,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"u","key":"a","data":{}}
        c ← {"id":1,"type":"result","data":{"id":"a","name":"x","_version":3,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"u","key":"a","data":{"age":151}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": age: Maximum value is 150","…":0}
        "#,
    );
}

/// Inserts one value into a field of `rules`; `issues` are what follows the bucket's name.
fn check(field: &str, value: &str, issues: &str) {
    let answer = if issues.is_empty() {
        format!(r#"c ← {{"id":1,"type":"result","data":{{"k":"k","{field}":{value},"…":0}}}}"#)
    } else {
        let issues = issues.replace('"', "\\\"");
        format!(
            r#"c ← {{"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"rules\": {issues}","…":0}}"#
        )
    };
    let request = format!(
        r#"c → {{"id":1,"type":"store.insert","bucket":"rules","data":{{"k":"k","{field}":{value}}}}}"#
    );
    play(settings, &["c"], &format!("{request}\n{answer}\n"));
}

// S-39…S-41, S-44…S-50, S-53…S-60, K-10, V-43
#[test]
fn every_rule_has_its_words() {
    for (field, value, issues) in [
        ("one", r#""a""#, ""),
        ("one", r#""c""#, "one: Value must be one of: a, b, 1, null, 2"),
        ("len", r#""ab""#, ""),
        ("len", r#""😀""#, ""),
        ("len", r#""a😀""#, ""),
        ("len", r#""a""#, "len: Minimum length is 2"),
        ("len", r#""""#, "len: Minimum length is 2"),
        ("len", r#""ab😀""#, "len: Maximum length is 3"),
        ("pat", r#""abc""#, ""),
        ("pat", r#""a1""#, r#"pat: Value must match pattern "^[a-z]+$""#),
        ("pat", r#""ABCDEF""#, r#"pat: Maximum length is 5; pat: Value must match pattern "^[a-z]+$""#),
        ("url", r#""mailto:x""#, ""),
        ("url", r#""::""#, "url: Invalid url format"),
        ("day", r#""2024-02-29""#, ""),
        ("day", r#""2024-01-01T00:30:00+02:00""#, ""),
        ("day", r#""2024-02-30""#, "day: Invalid iso-date format"),
        ("day", "10", ""),
        ("day", "9", "day: Minimum value is 10"),
        ("day", "true", r#"day: Expected type "date", got boolean"#),
        ("num", "-1.5", ""),
        ("num", "-1.6", "num: Minimum value is -1.5"),
        ("num", "9007199254740992", ""),
        ("num", "9007199254740993", "num: Maximum value is 9007199254740992"),
        ("num", "null", ""),
    ] {
        check(field, value, issues);
    }
}

// A.2
#[test]
fn nested_schemas() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"nested","data":{"k":"a","o":{"n":1,"x":[1]},"a":[null,{"t":"x","y":2}]}}
        c ← {"id":1,"type":"result","data":{"k":"a","o":{"n":1,"x":[1]},"a":[null,{"t":"x","y":2}],"…":0}}
        c → {"id":1,"type":"store.insert","bucket":"nested","data":{"k":"b","o":{"n":6,"d":1},"a":[{},7,{"t":null}]}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"nested\": o.n: Maximum value is 5; o.d: Expected type \"string\", got number; a[0].t: Field is required; a[1]: Expected type \"object\", got number; a[2].t: Field is required","…":0}
        c → {"id":1,"type":"store.insert","bucket":"nested","data":{"k":"b","o":{}}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"nested\": o.n: Field is required","details":[{"field":"o.n","message":"Field is required","code":"required"}]}
        "#,
    );
}

// S-32, S-34…S-36, S-38, V-8
#[test]
fn what_an_insert_leaves_out_is_made() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"made","data":{}}
        c ← {"id":1,"type":"result","data":{"n":1,"o":{"a":[1]},"z":null,"…":0}}
        c → {"id":1,"type":"store.insert","bucket":"made","data":{"v":"x"}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"made\": v: Expected type \"number\", got string","…":0}
        c → {"id":1,"type":"store.insert","bucket":"made","data":{"c":"mine","t":5,"o":null}}
        c ← {"id":1,"type":"result","data":{"n":3,"c":"mine","t":5,"o":null,"z":null,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"made","key":3,"data":{"n":9,"c":"other","t":6,"o":{}}}
        c ← {"id":1,"type":"result","data":{"n":3,"c":"mine","t":5,"o":{},"_version":2,"…":0}}
        "#,
    );
}

// S-87, S-186…S-188
#[test]
fn when_records_expire() {
    play(
        settings,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"mortal","data":{"k":"a","_expiresAt":null}}
        c ← {"id":1,"type":"result","data":{"k":"a","_expiresAt":null,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"mortal","key":"a","data":{"_expiresAt":9999999999999.5}}
        c ← {"id":1,"type":"result","data":{"k":"a","_version":2,"_expiresAt":9999999999999.5,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"mortal","key":"a","data":{"x":1}}
        c ← {"id":1,"type":"result","data":{"k":"a","x":1,"_version":3,"_expiresAt":9999999999999.5,"…":0}}
        c → {"id":1,"type":"store.update","bucket":"mortal","key":"a","data":{"_expiresAt":"soon"}}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"mortal\": _expiresAt: Expected type \"number\", got string","details":[{"field":"_expiresAt","message":"Expected type \"number\", got string","code":"type"}]}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"name":"x","_expiresAt":1}}
        c ← {"id":1,"type":"result","data":{"name":"x","_expiresAt":1,"…":0}}
        "#,
    );
}

// S-38, S-223: a default may be a function of the embedding program; it is asked once per insert that
// needs it, its value is checked, and if it fails, the insert does
#[test]
fn defaults_that_are_made() {
    use crate::play_with;
    use noex_server::base::json::Raw;
    use noex_server::node::BucketDefinition;
    use std::sync::atomic::{AtomicU64, Ordering};
    const CONFIG: &str = r#"{"key":"k","schema":{"k":{"type":"number"},"count":{"type":"number","max":3},"maybe":{"type":"object","default":5}}}"#;
    let settings = |cores| {
        let calls = AtomicU64::new(0);
        let parsed = || BucketDefinition::parse("computed", Raw::trusted(CONFIG.as_bytes())).expect("S-24");
        let error = parsed().with_default("k", || None).expect_err("the key");
        assert_eq!(error.message, "Field \"k\" of bucket \"computed\" cannot have a default");
        let definition =
            parsed().with_default("count", move || match calls.fetch_add(1, Ordering::Relaxed) {
                1 => None,
                3 => panic!("a default that fails"),
                4 => Some("{".into()),
                call => Some(format!(" {call}.0 ")),
            });
        let definition = definition.and_then(|it| it.with_default("maybe", || Some(r#"{"a":[]}"#.into())));
        let mut settings = settings(cores);
        settings.buckets.push(definition.expect("S-38"));
        settings
    };
    let failed = r#"{"id":1,"type":"error","code":"INTERNAL_ERROR","message":"Internal server error"}"#;
    let script = format!(
        r#"
        c → {{"id":1,"type":"store.insert","bucket":"computed","data":{{"k":1}}}}
        c ← {{"id":1,"type":"result","data":{{"k":1,"count":0,"maybe":{{"a":[]}},"_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}}}}
        c → {{"id":1,"type":"store.insert","bucket":"computed","data":{{"k":2,"maybe":null}}}}
        c ← {{"id":1,"type":"result","data":{{"k":2,"maybe":null,"_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}}}}
        c → {{"id":1,"type":"store.insert","bucket":"computed","data":{{"k":3,"count":1}}}}
        c ← {{"id":1,"type":"result","data":{{"count":1,"…":0}}}}
        c → {{"id":1,"type":"store.updateBucket","name":"computed","updates":{{"addFields":{{"more":{{"type":"string"}}}}}}}}
        c ← {{"id":1,"type":"result","…":0}}
        c → {{"id":1,"type":"store.transaction","operations":[{{"op":"insert","bucket":"computed","data":{{"k":4}}}}]}}
        c ← {{"id":1,"type":"result","data":{{"results":[{{"index":0,"data":{{"count":2,"…":0}}}}]}}}}
        c → {{"id":1,"type":"store.insert","bucket":"computed","data":{{"k":5}}}}
        c ← {failed}
        c → {{"id":1,"type":"store.insert","bucket":"computed","data":{{"k":5}}}}
        c ← {failed}
        c → {{"id":1,"type":"store.insert","bucket":"computed","data":{{"k":5}}}}
        c ← {{"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"computed\": count: Maximum value is 3","…":0}}
        c → {{"id":1,"type":"store.getBucketSchema","name":"computed"}}
        c ← {{"id":1,"type":"result","data":{{"name":"computed","config":{{"schema":{{"k":{{"type":"number"}},"count":{{"type":"number","max":3}},"maybe":{{"type":"object","default":5}},"more":"<any>"}},"…":0}}}}}}
        "#
    );
    play_with(settings, &["c"], |stage| stage.play(&script));
}
