//! The envelope of a message: what is told about it before anybody looks at what it asks.

use crate::client::Client;
use crate::{ask, play, prompt, setups};

// P-42, P-43, P-44, P-47: rows in order, id 0, and the connection goes on.
#[test]
fn broken_envelopes() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {
        c ← {"id":0,"type":"error","code":"PARSE_ERROR","message":"Invalid JSON"}
        c → {"id":7,"type":"store.count","bucket":"u",}
        c ← {"id":0,"type":"error","code":"PARSE_ERROR","message":"Invalid JSON"}
        c → "text"
        c ← {"id":0,"type":"error","code":"PARSE_ERROR","message":"Message must be a JSON object"}
        c → [{"id":7,"type":"store.count","bucket":"u"}]
        c ← {"id":0,"type":"error","code":"PARSE_ERROR","message":"Message must be a JSON object"}
        c → {}
        c ← {"id":0,"type":"error","code":"INVALID_REQUEST","message":"Message must include non-empty string \"type\""}
        c → {"id":7,"type":""}
        c ← {"id":0,"type":"error","code":"INVALID_REQUEST","message":"Message must include non-empty string \"type\""}
        c → {"type":"pong","timestamp":null}
        c ← {"id":0,"type":"error","code":"INVALID_REQUEST","message":"Pong must include finite numeric \"timestamp\""}
        c → {"type":"pong","timestamp":1}
        c → {"type":"store.count","bucket":"u","id":"1"}
        c ← {"id":0,"type":"error","code":"INVALID_REQUEST","message":"Request must include finite numeric \"id\""}
        c → {"type":"store.count","bucket":"u","id":1}
        c ← {"id":1,"type":"result","data":0}
        "#,
    );
}

// P-34, P-41, P-45, P-46, P-33
#[test]
fn unusual_but_legal() {
    play(
        setups::open,
        &["c"],
        r#"
        c →   { "id" : -1.50 , "type" : "store.count" , "bucket" : "u" }
        c ← {"id":-1.5,"type":"result","data":0}
        c → {"id":1,"type":"no","bucket":"u","type":"store.count","id":2,"unknown":{"a":[1]}}
        c ← {"id":2,"type":"result","data":0}
        c → {"id":2,"type":"store.count","bucket":"u"}
        c ← {"id":2,"type":"result","data":0}
        c → {"id":1,"typ\u0065":"store.count","bucket":"\u0075"}
        c ← {"id":1,"type":"result","data":0}
        "#,
    );
}

/// A request that stores a value, and the value as it comes back.
fn echo(value: &str) -> String {
    let mut cluster = prompt(&setups::open(1), 1);
    let client = Client::welcomed(&mut cluster, 0);
    let request = format!(r#"{{"id":1,"type":"store.insert","bucket":"k","data":{{"k":"a","x":{value}}}}}"#);
    let answer = ask(&mut cluster, &client, &request);
    let stored = answer.strip_prefix(r#"{"id":1,"type":"result","data":{"k":"a","x":"#);
    let stored = stored.and_then(|rest| rest.split_once(r#","_version":1"#));
    stored.map_or(answer.clone(), |(value, _)| value.to_owned())
}

// P-35, P-36, K-10, S-3, P-37: byte for byte
#[test]
fn values_come_back_canonical() {
    for (sent, stored) in [
        ("1.0", "1"),
        ("1e2", "100"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.1", "0.1"),
        ("1e21", "1e+21"),
        ("123456789012345680000", "123456789012345680000"),
        ("1e-7", "1e-7"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        (r#""\u0041\/\u00e9\t""#, "\"A/é\\t\""),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""\u0000\u001f\u007f\u2028""#, "\"\\u0000\\u001f\u{7f}\u{2028}\""),
        (r#"{ "b" : [ ] , "a" : { } , "b" : null }"#, r#"{"b":null,"a":{}}"#),
    ] {
        assert_eq!(echo(sent), stored, "{sent}");
    }
    for refused in ["1e400", "-1e999", r#""\ud800""#, "NaN", "01", "'a'"] {
        assert!(echo(refused).contains("PARSE_ERROR"), "{refused}");
    }
}

// P-38: at least 128 levels; far too many are an error and harm nobody.
#[test]
fn depth() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(echo(&nested(120)), nested(120));
    assert_eq!(echo(&nested(400)), nested(400));
    let mut cluster = prompt(&setups::open(1), 1);
    let client = Client::welcomed(&mut cluster, 0);
    for deep in [nested(600), nested(100_000), "[".repeat(100_000), r#"{"a":"#.repeat(50_000)] {
        let answer = ask(&mut cluster, &client, &format!(r#"{{"id":1,"type":"x","x":{deep}}}"#));
        assert_eq!(answer, r#"{"id":0,"type":"error","code":"PARSE_ERROR","message":"Invalid JSON"}"#);
    }
    assert!(
        ask(&mut cluster, &client, r#"{"id":2,"type":"store.count","bucket":"u"}"#).contains("\"data\":0")
    );
}

// P-71, P-72, P-40: members in the order of the reference
#[test]
fn answers_byte_for_byte() {
    let mut cluster = prompt(&setups::discreet(1), 1);
    let client = Client::welcomed(&mut cluster, 0);
    for (request, answer) in [
        (r#"{"id":1,"type":"store.get","bucket":"u","key":1}"#, r#"{"id":1,"type":"result","data":null}"#),
        (
            r#"{"id":2,"type":"store.insert","bucket":"u","data":{}}"#,
            // P-74: without details
            r#"{"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Field is required"}"#,
        ),
        (
            r#"{"id":3,"type":"store.subscribe","query":"count-u"}"#,
            r#"{"id":3,"type":"result","data":{"subscriptionId":"sub-1","data":0}}"#,
        ),
        (
            r#"{"id":4,"type":"store.unsubscribe","subscriptionId":"sub-1"}"#,
            r#"{"id":4,"type":"result","data":{"unsubscribed":true}}"#,
        ),
    ] {
        assert_eq!(ask(&mut cluster, &client, request), answer);
    }
}
