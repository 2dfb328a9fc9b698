//! Reads of one bucket: filters, positions, aggregates, groups.

use crate::{play, shop};
use noex_server::node::Settings;
use std::fmt::Write;

const BUCKETS: &[(&str, &str)] = &[
    (
        "r",
        r#"{"key":"k","schema":{"k":{"type":"string"},"v":{"type":"number"},"s":{"type":"string"},"b":{"type":"boolean"}}}"#,
    ),
    ("empty", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
];

/// Of the bucket `r`.
const RECORDS: [&str; 5] = [
    r#"{"k":"a","v":1,"s":"Anna","b":true,"tags":["x"],"x":null}"#,
    r#"{"k":"b","v":2.5,"s":"bob","b":false,"x":1}"#,
    r#"{"k":"c","v":9007199254740993,"s":"😀","x":"1","a.b":7}"#,
    r#"{"k":"d","s":"\uffff","b":true,"x":true,"$odd":1}"#,
    r#"{"k":"e","v":null,"s":"line\nbreak","x":{"a":1}}"#,
];

fn settings(cores: u16) -> Settings {
    shop::settings(BUCKETS, &[], cores)
}

/// Operation, fields, answer. An answer `@a b` is the records of these keys, `!text` is the error
/// `VALIDATION_ERROR` with that message.
type Row<'a> = (&'a str, &'a str, &'a str);

fn check(rows: &[Row<'_>]) {
    let mut script = String::new();
    for record in RECORDS {
        writeln!(script, r#"c → {{"id":1,"type":"store.insert","bucket":"r","data":{record}}}"#).unwrap();
        writeln!(script, r#"c ← {{"id":1,"type":"result","data":"<any>"}}"#).unwrap();
    }
    for (operation, fields, answer) in rows {
        writeln!(script, r#"c → {{"id":2,"type":"store.{operation}",{fields}}}"#).unwrap();
        let answer = match (answer.strip_prefix('@'), answer.strip_prefix('!')) {
            (Some(keys), _) => {
                let records: Vec<_> =
                    keys.split_whitespace().map(|key| format!(r#"{{"k":"{key}","…":0}}"#)).collect();
                format!(r#""result","data":[{}]"#, records.join(","))
            }
            (_, Some(message)) => {
                let message = serde_json::Value::from(message);
                format!(r#""error","code":"VALIDATION_ERROR","message":{message}"#)
            }
            _ => format!(r#""result","data":{answer}"#),
        };
        writeln!(script, r#"c ← {{"id":2,"type":{answer}}}"#).unwrap();
    }
    play(settings, &["c"], &script);
}

/// Filters by `store.where` on the bucket `r`.
fn check_filters(rows: &[(&str, &str)]) {
    let fields: Vec<_> =
        rows.iter().map(|(filter, _)| format!(r#""bucket":"r","filter":{filter}"#)).collect();
    let rows: Vec<Row<'_>> =
        fields.iter().zip(rows).map(|(fields, (_, answer))| ("where", fields.as_str(), *answer)).collect();
    check(&rows);
}

// S-4, S-101…S-104: V-15, V-16
#[test]
fn terms_are_strict_equality() {
    check_filters(&[
        ("{}", "@a b c d e"),
        (r#"{"v":1}"#, "@a"),
        (r#"{"v":1.0}"#, "@a"),
        (r#"{"v":10e-1}"#, "@a"),
        (r#"{"v":"1"}"#, "@"),
        (r#"{"v":true}"#, "@"),
        (r#"{"v":9007199254740993}"#, "@c"),
        (r#"{"v":9007199254740992}"#, "@"),
        (r#"{"v":null}"#, "@e"),
        (r#"{"x":null}"#, "@a"),
        (r#"{"zz":null}"#, "@"),
        (r#"{"tags":["x"]}"#, "@"),
        (r#"{"x":{"a":1}}"#, "@"),
        (r#"{"x":{}}"#, "@"),
        (r#"{"a.b":7}"#, "@c"),
        (r#"{"$odd":1}"#, "@d"),
        (r#"{"s":"\ud83d\ude00"}"#, "@c"),
        (r#"{"s":"line\u000abreak"}"#, "@e"),
        (r#"{"b":true,"_version":1}"#, "@a d"),
        (r#"{"b":true,"b":false}"#, "@b"),
        (r#"{"__proto__":null,"constructor":1}"#, "@"),
    ]);
}

// S-250…S-252
#[test]
fn operators() {
    check_filters(&[
        (r#"{"v":{"$eq":1}}"#, "@a"),
        (r#"{"v":{"$eq":null}}"#, "@e"),
        (r#"{"v":{"$neq":1}}"#, "@b c d e"),
        (r#"{"v":{"$neq":null}}"#, "@a b c d"),
        (r#"{"v":{"$gt":1}}"#, "@b c"),
        (r#"{"v":{"$gte":1}}"#, "@a b c"),
        (r#"{"v":{"$lt":2.5}}"#, "@a"),
        (r#"{"v":{"$lte":2.5}}"#, "@a b"),
        (r#"{"v":{"$gt":9007199254740992}}"#, "@c"),
        (r#"{"v":{"$gt":"0"}}"#, "@"),
        (r#"{"v":{"$gt":1,"$lt":3}}"#, "@b"),
        (r#"{"v":{"$between":[1,2.5]}}"#, "@a b"),
        (r#"{"v":{"$between":[3,1]}}"#, "@"),
        (r#"{"v":{"$between":[1,"z"]}}"#, "@"),
        // by UTF-16 code units: the emoji's surrogates stand before U+FFFF
        (r#"{"s":{"$gt":"😀"}}"#, "@d"),
        (r#"{"s":{"$lt":"a"}}"#, "@a"),
        (r#"{"v":{"$in":[1,"x",null,[1]]}}"#, "@a e"),
        (r#"{"v":{"$in":[]}}"#, "@"),
        (r#"{"v":{"$nin":[]}}"#, "@a b c d e"),
        (r#"{"v":{"$nin":[1,null]}}"#, "@b c d"),
        (r#"{"s":{"$contains":"AN"}}"#, "@a"),
        (r#"{"s":{"$contains":""}}"#, "@a b c d e"),
        (r#"{"v":{"$contains":"1"}}"#, "@"),
        (r#"{"s":{"$startsWith":"An"}}"#, "@a"),
        (r#"{"s":{"$startsWith":"an"}}"#, "@"),
        (r#"{"s":{"$startsWith":"line\n"}}"#, "@e"),
        (r#"{"s":{"$startsWith":"line\\"}}"#, "@"),
        (r#"{"s":{"$endsWith":"b"}}"#, "@b"),
        (r#"{"s":{"$endsWith":"nbreak"}}"#, "@"),
        (r#"{"s":{"$endsWith":"\nbreak"}}"#, "@e"),
        (r#"{"v":{"$exists":true}}"#, "@a b c"),
        (r#"{"v":{"$exists":false}}"#, "@d e"),
        (r#"{"x":{"$eq":1,"other":2}}"#, "@"),
        (r#"{"tags":{"$neq":1}}"#, "@a b c d e"),
        // S-251
        (r#"{"$or":[{"k":"a"},{"k":"c"}]}"#, "@a c"),
        (r#"{"$or":[{"v":{"$gt":2}},{"b":true,"x":true}]}"#, "@b c d"),
        (r#"{"$or":[]}"#, "@"),
        (r#"{"$and":[]}"#, "@a b c d e"),
        (r#"{"$and":[{"b":true},{"v":1}],"k":"a"}"#, "@a"),
        (r#"{"$and":[{"$or":[{"k":"a"},{"k":"b"}]},{"$or":[{"b":false},{"zz":1}]}]}"#, "@b"),
        (r#"{"$or":[{},{"zz":1}],"b":true}"#, "@a d"),
    ]);
}

// S-253
#[test]
fn malformed_filters() {
    check_filters(&[
        (r#"{"v":{"$foo":1}}"#, "!Invalid \"filter\": v.$foo: unknown operator"),
        (r#"{"v":{"$gt":null}}"#, "!Invalid \"filter\": v.$gt: expected number or string"),
        (r#"{"v":{"$eq":[1]}}"#, "!Invalid \"filter\": v.$eq: expected string, number, boolean or null"),
        (r#"{"v":{"$between":[1]}}"#, "!Invalid \"filter\": v.$between: expected [low, high]"),
        (r#"{"v":{"$between":[1,{}]}}"#, "!Invalid \"filter\": v.$between: expected number or string"),
        (r#"{"v":{"$in":1}}"#, "!Invalid \"filter\": v.$in: expected array"),
        (r#"{"v":{"$contains":1}}"#, "!Invalid \"filter\": v.$contains: expected string"),
        (r#"{"v":{"$exists":1}}"#, "!Invalid \"filter\": v.$exists: expected boolean"),
        (r#"{"$or":{"v":1}}"#, "!Invalid \"filter\": $or: expected array of filters"),
        (r#"{"$or":[{"v":1},7]}"#, "!Invalid \"filter\": $or[1]: expected object"),
        (r#"{"$and":[{"v":{"$x":1}}]}"#, "!Invalid \"filter\": $and[0].v.$x: unknown operator"),
        (r#"{"$not":{"v":1}}"#, "!Invalid \"filter\": $not: unknown operator"),
    ]);
    let deep = format!("{}{}{}", r#"{"$or":["#.repeat(65), r#"{"v":1}"#, "]}".repeat(65));
    let path = ["$or"; 65].join("[0].");
    check_filters(&[(&deep, &format!("!Invalid \"filter\": {path}: nested more than 64 levels deep"))]);
}

// S-17, S-38: what is long is answered all the same; what nests beyond any JSON is no message.
#[test]
fn long_filters() {
    let terms: Vec<_> = (0..10_000).map(|n| format!(r#""f{n}":{{"$exists":false}}"#)).collect();
    let members: Vec<_> = (0..10_000).map(|n| n.to_string()).collect();
    let alternatives: Vec<_> = (1..10_000).map(|n| format!(r#"{{"v":{n},"b":true}}"#)).collect();
    check_filters(&[
        (&format!("{{{}}}", terms.join(",")), "@a b c d e"),
        (&format!(r#"{{"v":{{"$in":[{}]}}}}"#, members.join(",")), "@a"),
        (&format!(r#"{{"$or":[{}]}}"#, alternatives.join(",")), "@a"),
    ]);
}

// S-97…S-100, S-12, S-13, S-15, S-9: V-5, V-14
#[test]
fn lists_and_counts() {
    check(&[
        ("all", r#""bucket":"r""#, "@a b c d e"),
        ("all", r#""bucket":"empty""#, "[]"),
        ("findOne", r#""bucket":"r","filter":{"b":true}"#, r#"{"k":"a","…":0}"#),
        ("findOne", r#""bucket":"r","filter":{"b":7}"#, "null"),
        ("count", r#""bucket":"r""#, "5"),
        ("count", r#""bucket":"r","filter":null"#, "5"),
        ("count", r#""bucket":"r","filter":{"b":true}"#, "2"),
        ("count", r#""bucket":"empty","filter":{}"#, "0"),
        ("count", r#""bucket":"r","filter":[]"#, "!Invalid \"filter\": expected object"),
        ("count", r#""bucket":"nowhere","filter":7"#, "!Invalid \"filter\": expected object"),
        ("where", r#""bucket":"r""#, "!Missing or invalid \"filter\": expected object"),
        ("where", r#""bucket":"r","filter":null"#, "!Missing or invalid \"filter\": expected object"),
        ("findOne", r#""bucket":7,"filter":7"#, "!Missing or invalid \"bucket\": expected non-empty string"),
    ]);
}

// S-14, S-106: V-17
#[test]
fn first_and_last() {
    let message = "!Missing or invalid \"n\": expected positive integer";
    let mut rows = vec![
        ("first", r#""bucket":"r","n":2"#.to_owned(), "@a b"),
        ("last", r#""bucket":"r","n":2.0"#.to_owned(), "@d e"),
        ("first", r#""bucket":"r","n":1e300"#.to_owned(), "@a b c d e"),
        ("last", r#""bucket":"r","n":18446744073709551615"#.to_owned(), "@a b c d e"),
        ("last", r#""bucket":"empty","n":1"#.to_owned(), "[]"),
        ("last", r#""bucket":"r""#.to_owned(), message),
    ];
    for n in ["0", "-1", "1.5", "\"2\"", "null", "[]"] {
        rows.push(("first", format!(r#""bucket":"r","n":{n}"#), message));
    }
    let rows: Vec<Row<'_>> = rows.iter().map(|(name, fields, answer)| (*name, &**fields, *answer)).collect();
    check(&rows);
}

// S-107…S-111: V-19
#[test]
fn pages() {
    let none = r#"{"records":[],"hasMore":false}"#;
    check(&[
        (
            "paginate",
            r#""bucket":"r","limit":2"#,
            r#"{"records":[{"k":"a","…":0},{"k":"b","…":0}],"hasMore":true,"nextCursor":"b"}"#,
        ),
        (
            "paginate",
            r#""bucket":"r","limit":2,"after":"b""#,
            r#"{"records":[{"k":"c","…":0},{"k":"d","…":0}],"hasMore":true,"nextCursor":"d"}"#,
        ),
        (
            "paginate",
            r#""bucket":"r","limit":1,"after":"d""#,
            r#"{"records":[{"k":"e","…":0}],"hasMore":false,"nextCursor":"e"}"#,
        ),
        ("paginate", r#""bucket":"r","limit":1,"after":"e""#, none),
        ("paginate", r#""bucket":"r","limit":1,"after":null"#, none),
        ("paginate", r#""bucket":"r","limit":1,"after":7"#, none),
        ("paginate", r#""bucket":"r","limit":1,"after":{"k":"a"}"#, none),
        ("paginate", r#""bucket":"empty","limit":1"#, none),
        ("paginate", r#""bucket":"r","limit":0"#, "!Missing or invalid \"limit\": expected positive integer"),
        ("paginate", r#""bucket":"r""#, "!Missing or invalid \"limit\": expected positive integer"),
    ]);
}

// S-112…S-117: V-20
#[test]
fn aggregates() {
    check(&[
        ("sum", r#""bucket":"r","field":"v","filter":{"b":{"$exists":true}}"#, "3.5"),
        ("sum", r#""bucket":"r","field":"v","filter":{"k":"a"}"#, "1"),
        ("sum", r#""bucket":"r","field":"_version","filter":null"#, "5"),
        ("avg", r#""bucket":"r","field":"v","filter":{"v":{"$lt":3}}"#, "1.75"),
        ("min", r#""bucket":"r","field":"v""#, "1"),
        ("max", r#""bucket":"r","field":"v""#, "9007199254740993"),
        ("sum", r#""bucket":"r","field":"x""#, "1"),
        ("sum", r#""bucket":"r","field":"s""#, "0"),
        ("avg", r#""bucket":"r","field":"zz""#, "0"),
        ("min", r#""bucket":"empty","field":"v""#, "null"),
        ("max", r#""bucket":"r","field":"s""#, "null"),
        ("sum", r#""bucket":"r""#, "!Missing or invalid \"field\": expected non-empty string"),
        ("sum", r#""bucket":"r","field":"""#, "!Missing or invalid \"field\": expected non-empty string"),
        (
            "avg",
            r#""bucket":"nowhere","field":7,"filter":7"#,
            "!Missing or invalid \"field\": expected non-empty string",
        ),
        ("max", r#""bucket":"r","field":"v","filter":"x""#, "!Invalid \"filter\": expected object"),
        (
            "max",
            r#""bucket":"r","field":"v","filter":{"v":{"$x":1}}"#,
            "!Invalid \"filter\": v.$x: unknown operator",
        ),
    ]);
}

// A.3, A.5
#[test]
fn groups() {
    check(&[
        (
            "groupBy",
            r#""bucket":"r","field":"b","aggregate":{"function":"count"}"#,
            r#"[{"key":{"b":true},"value":2},{"key":{"b":false},"value":1},{"key":{},"value":2}]"#,
        ),
        // string forms: the number 1 and the string "1" are one group
        (
            "groupBy",
            r#""bucket":"r","field":["x"],"aggregate":{"function":"sum","field":"v"},"filter":{"k":{"$in":["b","c"]}}"#,
            r#"[{"key":{"x":1},"value":9007199254740994}]"#,
        ),
        (
            "groupBy",
            r#""bucket":"r","field":["b","zz"],"aggregate":{"function":"min","field":"x"}"#,
            r#"[{"key":{"b":true},"value":0},{"key":{"b":false},"value":1},{"key":{},"value":0}]"#,
        ),
        ("groupBy", r#""bucket":"empty","field":"b","aggregate":{"function":"count"}"#, "[]"),
        ("groupBy", r#""bucket":"r""#, "!Missing or invalid \"field\": expected non-empty string"),
        ("groupBy", r#""bucket":"r","field":[]"#, "!Missing or invalid \"field\": expected non-empty string"),
        ("groupBy", r#""bucket":"r","field":"b""#, "!Missing or invalid \"aggregate\": expected object"),
        (
            "groupBy",
            r#""bucket":"r","field":"b","aggregate":{"function":"median"}"#,
            "!Invalid \"aggregate\": function: expected one of count, sum, avg, min, max",
        ),
        (
            "groupBy",
            r#""bucket":"r","field":"b","aggregate":{"function":"sum"}"#,
            "!Invalid \"aggregate\": field: expected non-empty string",
        ),
    ]);
}

// S-160…S-168, S-253: filters inside transactions are checked before anything runs.
#[test]
fn transactions_check_filters_first() {
    let invalid = "!operations[1]: invalid \"filter\" — expected object";
    let insert = r#"{"op":"insert","bucket":"r","data":{"k":"z"}}"#;
    let second = |operation: &str| format!(r#""operations":[{insert},{operation}]"#);
    let rows = [
        (r#"{"op":"count","bucket":"r","filter":"x"}"#, invalid),
        (r#"{"op":"count","bucket":"r","filter":[]}"#, invalid),
        (r#"{"op":"where","bucket":"r"}"#, "!operations[1]: \"where\" requires \"filter\" object"),
        (
            r#"{"op":"findOne","bucket":"r","filter":null}"#,
            "!operations[1]: \"findOne\" requires \"filter\" object",
        ),
        (
            r#"{"op":"where","bucket":"r","filter":{"v":{"$x":1}}}"#,
            "!Invalid \"filter\": operations[1].v.$x: unknown operator",
        ),
    ];
    let fields: Vec<_> = rows.iter().map(|(operation, _)| second(operation)).collect();
    let mut rows: Vec<Row<'_>> =
        fields.iter().zip(rows).map(|(fields, (_, answer))| ("transaction", &**fields, answer)).collect();
    rows.push(("count", r#""bucket":"r""#, "5"));
    let good = second(
        r#"{"op":"where","bucket":"r","filter":{"k":{"$gte":"e"}}},{"op":"count","bucket":"r","filter":null},{"op":"findOne","bucket":"r","filter":{"$or":[{"k":"z"},{"v":7}]}}"#,
    );
    rows.push((
        "transaction",
        &good,
        r#"{"results":[{"index":0,"data":{"k":"z","…":0}},{"index":1,"data":[{"k":"e","…":0},{"k":"z","…":0}]},{"index":2,"data":6},{"index":3,"data":{"k":"z","…":0}}]}"#,
    ));
    check(&rows);
}
