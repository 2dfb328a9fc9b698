//! The declarative query language, and query functions of an embedding program.

use crate::{play, shop};
use noex_server::node::{QueryDefinition, Settings};

const BUCKETS: &[(&str, &str)] = &[(
    "r",
    r#"{"key":"k","schema":{"k":{"type":"string"},"n":{"type":"number"},"role":{"type":"string"},"on":{"type":"boolean"}}}"#,
)];

const QUERIES: &[(&str, &str)] = &[
    ("sorted", r#"{"bucket":"r","sort":{"n":"desc"},"offset":1,"limit":2,"fields":["k","n","zz"]}"#),
    ("missing-last", r#"{"bucket":"r","sort":{"n":"asc"},"fields":["k"]}"#),
    ("missing-last-desc", r#"{"bucket":"r","sort":{"n":"desc"},"fields":["k"]}"#),
    ("two-keys", r#"{"bucket":"r","sort":{"role":"desc","k":"desc"},"fields":["k"]}"#),
    ("booleans", r#"{"bucket":"r","sort":{"on":"asc"},"fields":["k"]}"#),
    ("reordered", r#"{"bucket":"r","limit":1,"fields":["n","k","n"]}"#),
    ("whole", r#"{"bucket":"r","limit":1,"offset":1,"fields":[]}"#),
    ("nothing", r#"{"bucket":"r","limit":0}"#),
    ("beyond", r#"{"bucket":"r","offset":99}"#),
    (
        "sum",
        r#"{"bucket":"r","aggregate":{"function":"sum","field":"n"},"limit":1,"sort":{"n":"asc"},"offset":1}"#,
    ),
    ("avg", r#"{"bucket":"r","filter":{"n":{"$exists":true}},"aggregate":{"function":"avg","field":"n"}}"#),
    ("min", r#"{"bucket":"r","aggregate":{"function":"min","field":"zz"}}"#),
    ("by-role", r#"{"bucket":"r","aggregate":{"function":"count","groupBy":"role"},"limit":1}"#),
    ("role", r#"{"bucket":"r","filter":{"role":"{{ params.role }}"},"fields":["k"]}"#),
    ("tight", r#"{"bucket":"r","filter":{"role":"{{params.role}}"},"fields":["k"]}"#),
    ("text", r#"{"bucket":"r","filter":{"role":"x {{params.role}}"},"fields":["k"]}"#),
    ("above", r#"{"bucket":"r","filter":{"n":{"$gt":"{{params.min}}"}},"fields":["k"]}"#),
    ("among", r#"{"bucket":"r","filter":{"role":{"$in":["{{params.role}}","y"]}},"fields":["k"]}"#),
    ("list", r#"{"bucket":"r","filter":{"role":{"$in":"{{params.roles}}"}},"fields":["k"]}"#),
    (
        "either",
        r#"{"bucket":"r","filter":{"$or":[{"role":"{{params.role}}"},{"n":"{{params.n}}"}]},"fields":["k"]}"#,
    ),
];

fn settings(cores: u16) -> Settings {
    shop::settings(BUCKETS, QUERIES, cores)
}

const RECORDS: &str = r#"
    c → {"id":1,"type":"store.transaction","operations":[{"op":"insert","bucket":"r","data":{"k":"a","n":2,"role":"x","on":true}},{"op":"insert","bucket":"r","data":{"k":"b","n":null,"role":"y"}},{"op":"insert","bucket":"r","data":{"k":"c","n":10,"role":"x","on":false}},{"op":"insert","bucket":"r","data":{"k":"d","role":null}},{"op":"insert","bucket":"r","data":{"k":"e","n":2.5}}]}
    c ← {"id":1,"type":"result","data":"<any>"}
"#;

/// Subscribes and expects the data that comes first.
fn check(rows: &[(&str, &str, &str)]) {
    let mut script = RECORDS.to_owned();
    for (number, (query, params, data)) in rows.iter().enumerate() {
        script += &format!(
            "c → {{\"id\":2,\"type\":\"store.subscribe\",\"query\":\"{query}\",\"params\":{params}}}\n"
        );
        let answer = match data.strip_prefix('!') {
            Some(message) => {
                let message = serde_json::Value::from(message);
                format!(r#""error","code":"VALIDATION_ERROR","message":{message}"#)
            }
            None => {
                assert!(rows[..number].iter().all(|(_, _, data)| !data.starts_with('!')), "errors come last");
                format!(r#""result","data":{{"subscriptionId":"sub-{}","data":{data}}}"#, number + 1)
            }
        };
        script += &format!("c ← {{\"id\":2,\"type\":{answer}}}\n");
    }
    play(settings, &["c"], &script);
}

// S-232, S-237…S-239: V-44, V-45
#[test]
fn sorted_cut_and_projected() {
    check(&[
        ("sorted", "null", r#"[{"k":"e","n":2.5},{"k":"a","n":2}]"#),
        ("missing-last", "null", r#"[{"k":"a"},{"k":"e"},{"k":"c"},{"k":"b"},{"k":"d"}]"#),
        ("missing-last-desc", "null", r#"[{"k":"c"},{"k":"e"},{"k":"a"},{"k":"b"},{"k":"d"}]"#),
        ("two-keys", "null", r#"[{"k":"b"},{"k":"c"},{"k":"a"},{"k":"e"},{"k":"d"}]"#),
        ("booleans", "null", r#"[{"k":"c"},{"k":"a"},{"k":"b"},{"k":"d"},{"k":"e"}]"#),
        ("reordered", "null", r#"[{"n":2,"k":"a"}]"#),
        ("whole", "null", r#"[{"k":"b","n":null,"role":"y","_version":1,"…":0}]"#),
        ("nothing", "null", "[]"),
        ("beyond", "null", "[]"),
        ("sum", "null", "14.5"),
        ("avg", "null", "4.833333333333333"),
        ("min", "null", "null"),
        (
            "by-role",
            "null",
            r#"[{"key":{"role":"x"},"value":2},{"key":{"role":"y"},"value":1},{"key":{"role":null},"value":2}]"#,
        ),
    ]);
}

// S-234…S-236, S-254
#[test]
fn parameters() {
    check(&[
        ("role", r#"{"role":"x"}"#, r#"[{"k":"a"},{"k":"c"}]"#),
        ("tight", r#"{"role":"y"}"#, r#"[{"k":"b"}]"#),
        ("role", r#"{"role":null}"#, r#"[{"k":"d"}]"#),
        ("role", "{}", r#"[{"k":"e"}]"#),
        ("role", "null", r#"[{"k":"e"}]"#),
        ("role", "17", r#"[{"k":"e"}]"#),
        ("role", r#"{"role":{"$exists":false}}"#, "[]"),
        ("role", r#"{"role":["x"]}"#, "[]"),
        ("text", r#"{"role":"x"}"#, "[]"),
        ("above", r#"{"min":2}"#, r#"[{"k":"c"},{"k":"e"}]"#),
        ("among", r#"{"role":"x"}"#, r#"[{"k":"a"},{"k":"b"},{"k":"c"}]"#),
        ("list", r#"{"roles":["y",1]}"#, r#"[{"k":"b"}]"#),
        ("either", r#"{"role":"y","n":10}"#, r#"[{"k":"b"},{"k":"c"}]"#),
        ("either", r#"{"role":"y"}"#, r#"[{"k":"b"},{"k":"d"}]"#),
        ("above", "{}", "!Invalid \"filter\": n.$gt: parameter \"min\" is missing"),
        ("above", r#"{"min":{"$gt":0}}"#, "!Invalid \"filter\": n.$gt: expected number or string"),
        ("among", "null", "!Invalid \"filter\": role.$in: parameter \"role\" is missing"),
        ("list", r#"{"roles":"x"}"#, "!Invalid \"filter\": role.$in: expected array"),
    ]);
}

fn programs(cores: u16) -> Settings {
    let mut settings = settings(cores);
    let mut add = |name: &str, query| settings.queries.push((name.to_owned(), query));
    add("of", QueryDefinition::program(|q, params| q.bucket("r").equals("role", params.get("role")).last(1)));
    add("one", QueryDefinition::program(|q, params| q.bucket("r").get(params)));
    add("nowhere", QueryDefinition::program(|q, _| q.bucket("nowhere").count()));
    add("page", QueryDefinition::program(|q, params| q.bucket("r").paginate(1, Some(&params))));
    add("max", QueryDefinition::program(|q, _| q.bucket("r").filter(r#"{"role":"x"}"#).max("n")));
    add("broken", QueryDefinition::program(|q, _| q.bucket("r").filter("{").all()));
    settings
}

// K-3, S-123, S-126…S-128, S-139
#[test]
fn query_functions() {
    let script = r#"
        c → {"id":2,"type":"store.subscribe","query":"of","params":{"role":"x"}}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":[{"k":"c","…":0}]}}
        c → {"id":2,"type":"store.subscribe","query":"of","params":{"role":{"$neq":"x"}}}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":[]}}
        c → {"id":2,"type":"store.subscribe","query":"one","params":"f"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-3","data":null}}
        c → {"id":2,"type":"store.subscribe","query":"page","params":"d"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-4","data":{"records":[{"k":"e","…":0}],"hasMore":false,"nextCursor":"e"}}}
        c → {"id":2,"type":"store.subscribe","query":"max"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-5","data":10}}
        c → {"id":2,"type":"store.subscribe","query":"nowhere"}
        c ← {"id":2,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"nowhere\" is not defined"}
        c → {"id":2,"type":"store.subscribe","query":"broken"}
        c ← {"id":2,"type":"error","code":"INTERNAL_ERROR","message":"A query's filter is not JSON of the expected kind"}
        c → {"id":3,"type":"store.insert","bucket":"r","data":{"k":"f","n":11,"role":"x"}}
        c ← {"id":3,"type":"result","data":"<any>"}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"f","…":0}]}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":{"k":"f","…":0}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":{"records":[{"k":"e","…":0}],"hasMore":true,"nextCursor":"e"}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-5","data":11}
        "#;
    play(programs, &["c"], &(RECORDS.to_owned() + script));
}
