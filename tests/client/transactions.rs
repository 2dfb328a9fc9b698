//! Several operations, all or nothing, on one core or over several.

use crate::client::Client;
use crate::cluster::Cluster;
use crate::{CORES, assert_nothing_left, play, prompt, setups};
use serde_json::{Value, json};

/// `operations` and what is wrong with them.
const REJECTED: &[(&str, &str)] = &[
    // S-160
    ("null", "Missing or invalid \\\"operations\\\": expected array"),
    ("{}", "Missing or invalid \\\"operations\\\": expected array"),
    // S-161
    ("[]", "\\\"operations\\\" must contain at least one operation"),
    // S-162
    ("[null]", "operations[0]: expected object"),
    ("[[]]", "operations[0]: expected object"),
    (r#"[{"op":"get","bucket":"u","key":1},7]"#, "operations[1]: expected object"),
    // S-163
    (
        r#"[{"op":"clear","bucket":"u"}]"#,
        "operations[0]: invalid \\\"op\\\" — expected one of: get, insert, update, delete, where, findOne, count",
    ),
    (
        r#"[{"bucket":"u","key":1}]"#,
        "operations[0]: invalid \\\"op\\\" — expected one of: get, insert, update, delete, where, findOne, count",
    ),
    // S-164
    (r#"[{"op":"get"}]"#, "operations[0]: missing or invalid \\\"bucket\\\""),
    (r#"[{"op":"get","bucket":""}]"#, "operations[0]: missing or invalid \\\"bucket\\\""),
    (r#"[{"op":"count","bucket":5}]"#, "operations[0]: missing or invalid \\\"bucket\\\""),
    // S-165
    (r#"[{"op":"get","bucket":"u","key":null}]"#, "operations[0]: \\\"get\\\" requires \\\"key\\\""),
    (r#"[{"op":"delete","bucket":"u"}]"#, "operations[0]: \\\"delete\\\" requires \\\"key\\\""),
    (r#"[{"op":"update","bucket":"u"}]"#, "operations[0]: \\\"update\\\" requires \\\"key\\\""),
    // S-166
    (
        r#"[{"op":"update","bucket":"u","key":1}]"#,
        "operations[0]: \\\"update\\\" requires \\\"data\\\" object",
    ),
    (
        r#"[{"op":"insert","bucket":"u","data":[]}]"#,
        "operations[0]: \\\"insert\\\" requires \\\"data\\\" object",
    ),
    // S-167
    (r#"[{"op":"where","bucket":"u"}]"#, "operations[0]: \\\"where\\\" requires \\\"filter\\\" object"),
    (
        r#"[{"op":"findOne","bucket":"u","filter":1}]"#,
        "operations[0]: \\\"findOne\\\" requires \\\"filter\\\" object",
    ),
    // S-168
    (
        r#"[{"op":"count","bucket":"u","filter":"x"}]"#,
        "operations[0]: invalid \\\"filter\\\" — expected object",
    ),
    // the lowest index counts, not the rule that is first
    (
        r#"[{"op":"insert","bucket":"k","data":{"k":"a"}},{"op":"get","bucket":"u"}]"#,
        "operations[1]: \\\"get\\\" requires \\\"key\\\"",
    ),
];

// V-27, V-28: the whole list is checked first
#[test]
fn prevalidation() {
    for (operations, reason) in REJECTED {
        play(
            setups::open,
            &["c"],
            &format!(
                r#"
                c → {{"id":1,"type":"store.transaction","operations":{operations}}}
                c ← {{"id":1,"type":"error","code":"VALIDATION_ERROR","message":"{reason}"}}
                c → {{"id":2,"type":"store.count","bucket":"k"}}
                c ← {{"id":2,"type":"result","data":0}}
                "#
            ),
        );
    }
}

// S-159, S-169, S-170, S-175, S-176, S-178, V-29…V-33, over buckets of different cores
#[test]
fn read_your_writes() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.transaction","operations":[{"op":"insert","bucket":"u","data":{"id":"y","name":"n"}},{"op":"insert","bucket":"k","data":{"k":"1","v":1}},{"op":"update","bucket":"u","key":"y","data":{"age":1}},{"op":"update","bucket":"u","key":"y","data":{"age":2}},{"op":"get","bucket":"u","key":"y"},{"op":"count","bucket":"k"},{"op":"where","bucket":"k","filter":{"v":1}},{"op":"findOne","bucket":"u","filter":{"age":2}},{"op":"get","bucket":"k","key":"none"}]}
        c ← {"id":1,"type":"result","data":{"results":[{"index":0,"data":{"id":"y","_version":1,"…":0}},{"index":1,"data":{"k":"1","_version":1,"…":0}},{"index":2,"data":{"age":1,"_version":2,"…":0}},{"index":3,"data":{"age":2,"_version":3,"…":0}},{"index":4,"data":{"age":2,"_version":3,"…":0}},{"index":5,"data":1},{"index":6,"data":[{"k":"1","…":0}]},{"index":7,"data":{"id":"y","…":0}},{"index":8,"data":null}]}}
        c → {"id":2,"type":"store.transaction","operations":[{"op":"update","bucket":"u","key":"y","data":{"age":9}},{"op":"delete","bucket":"u","key":"y"},{"op":"get","bucket":"u","key":"y"},{"op":"count","bucket":"u"},{"op":"insert","bucket":"u","data":{"id":"y","name":"again"}},{"op":"where","bucket":"u","filter":{}},{"op":"delete","bucket":"k","key":"none"}]}
        c ← {"id":2,"type":"result","data":{"results":[{"index":0,"data":{"age":9,"_version":4,"…":0}},{"index":1,"data":{"deleted":true}},{"index":2,"data":null},{"index":3,"data":0},{"index":4,"data":{"id":"y","name":"again","_version":1,"…":0}},{"index":5,"data":[{"id":"y","name":"again","…":0}]},{"index":6,"data":{"deleted":true}}]}}
        c → {"id":3,"type":"store.all","bucket":"u"}
        c ← {"id":3,"type":"result","data":[{"id":"y","name":"again","role":"user","_version":1,"…":0}]}
        c → {"id":4,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"2"}},{"op":"delete","bucket":"k","key":"2"},{"op":"insert","bucket":"u","data":{"id":"z","name":"z"}},{"op":"delete","bucket":"u","key":"z"},{"op":"insert","bucket":"u","data":{"id":"z","name":"zz"}},{"op":"update","bucket":"u","key":"z","data":{"age":1}}]}
        c ← {"id":4,"type":"result","data":{"results":[{"index":0,"data":{"k":"2","…":0}},{"index":1,"data":{"deleted":true}},{"index":2,"data":{"id":"z","…":0}},{"index":3,"data":{"deleted":true}},{"index":4,"data":{"name":"zz","_version":1,"…":0}},{"index":5,"data":{"age":1,"_version":2,"…":0}}]}}
        c → {"id":5,"type":"store.all","bucket":"k"}
        c ← {"id":5,"type":"result","data":[{"k":"1","…":0}]}
        c → {"id":6,"type":"store.all","bucket":"u"}
        c ← {"id":6,"type":"result","data":[{"id":"y","…":0},{"id":"z","name":"zz","_version":2,"…":0}]}
        "#,
    );
}

// S-171, S-173, S-174, S-175, S-176: the first failing operation is reported, wherever it lives, and nothing is
// left
#[test]
fn failures() {
    let setup = r#"
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"x"}}
        c ← {"id":1,"type":"result","data":{"k":"x","…":0}}
        c → {"id":1,"type":"store.subscribe","query":"all-k"}
        c ← {"id":1,"type":"result","data":{"…":0}}
        c → {"id":1,"type":"store.subscribe","query":"all-u"}
        c ← {"id":1,"type":"result","data":{"…":0}}
        "#;
    for (operations, error) in [
        (
            r#"{"op":"insert","bucket":"u","data":{"name":"n"}},{"op":"insert","bucket":"k","data":{"k":"x"}}"#,
            r#""code":"CONFLICT","message":"Transaction conflict in bucket \"k\" for key \"x\": Record with key \"x\" already exists","details":{"bucket":"k","key":"x"}"#,
        ),
        (
            r#"{"op":"insert","bucket":"k","data":{"k":"y"}},{"op":"insert","bucket":"u","data":{"name":"n"}},{"op":"insert","bucket":"k","data":{"k":"y"}}"#,
            r#""code":"CONFLICT","message":"Transaction conflict in bucket \"k\" for key \"y\": Record with key \"y\" already exists","details":{"bucket":"k","key":"y"}"#,
        ),
        (
            r#"{"op":"delete","bucket":"k","key":"x"},{"op":"update","bucket":"k","key":"x","data":{}},{"op":"insert","bucket":"u","data":{}}"#,
            r#""code":"NOT_FOUND","message":"Record with key \"x\" not found in bucket \"k\"","details":{"bucket":"k","key":"x"}"#,
        ),
        // the same two failures in both orders: the first one counts, on whichever core it is
        (
            r#"{"op":"insert","bucket":"u","data":{}},{"op":"update","bucket":"k","key":"none","data":{}}"#,
            r#""code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Field is required","…":0"#,
        ),
        (
            r#"{"op":"update","bucket":"k","key":"none","data":{}},{"op":"insert","bucket":"u","data":{}}"#,
            r#""code":"NOT_FOUND","message":"Record with key \"none\" not found in bucket \"k\"","…":0"#,
        ),
        // S-174 [PIN]: raised when it is reached
        (
            r#"{"op":"insert","bucket":"u","data":{"name":"n"}},{"op":"get","bucket":"zz","key":1},{"op":"update","bucket":"k","key":"none","data":{}}"#,
            r#""code":"INTERNAL_ERROR","message":"Bucket \"zz\" is not defined""#,
        ),
        (
            r#"{"op":"insert","bucket":"u","data":{"name":"n"}},{"op":"update","bucket":"k","key":"none","data":{}},{"op":"get","bucket":"zz","key":1}"#,
            r#""code":"NOT_FOUND","message":"Record with key \"none\" not found in bucket \"k\"","…":0"#,
        ),
        (
            r#"{"op":"count","bucket":"zz"}"#,
            r#""code":"INTERNAL_ERROR","message":"Bucket \"zz\" is not defined""#,
        ),
    ] {
        let script = format!(
            r#"{setup}
            c → {{"id":2,"type":"store.transaction","operations":[{operations}]}}
            c ← {{"id":2,"type":"error",{error}}}
            c → {{"id":3,"type":"store.all","bucket":"k"}}
            c ← {{"id":3,"type":"result","data":[{{"k":"x","_version":1,"…":0}}]}}
            c → {{"id":4,"type":"store.count","bucket":"u"}}
            c ← {{"id":4,"type":"result","data":0}}
            "#
        );
        play(setups::open, &["c"], &script);
    }
}

// S-145, S-182, S-183, P-132, V-22: one push per subscription with the net effect, after the answer
#[test]
fn pushes() {
    play(
        setups::open,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"all-k"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        c → {"id":1,"type":"store.subscribe","query":"count-u"}
        c ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2","data":0}}
        c → {"id":2,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"1"}},{"op":"insert","bucket":"u","data":{"id":"1","name":"n"}},{"op":"insert","bucket":"k","data":{"k":"2"}},{"op":"insert","bucket":"u","data":{"id":"2","name":"n"}},{"op":"update","bucket":"k","key":"1","data":{"v":1}}]}
        c ← {"id":2,"type":"result","data":{"results":[{"index":0,"…":0},{"index":1,"…":0},{"index":2,"…":0},{"index":3,"…":0},{"index":4,"…":0}]}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":2}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"1","v":1,"_version":2,"…":0},{"k":"2","_version":1,"…":0}]}
        c → {"id":3,"type":"store.transaction","operations":[{"op":"get","bucket":"k","key":"1"},{"op":"count","bucket":"u"}]}
        c ← {"id":3,"type":"result","data":{"results":[{"index":0,"data":{"k":"1","…":0}},{"index":1,"data":2}]}}
        c → {"id":4,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"9"}},{"op":"delete","bucket":"k","key":"9"},{"op":"delete","bucket":"u","key":"1"},{"op":"insert","bucket":"u","data":{"id":"3","name":"n"}}]}
        c ← {"id":4,"type":"result","data":{"…":0}}
        "#,
    );
}

// S-173: one error, as that of a stand-alone operation (S-51, S-74), without results and index
#[test]
fn a_failure_is_told_as_outside_of_transactions() {
    let first = r#"{"op":"insert","bucket":"k","data":{"k":"1"}}"#;
    let data = r#"{"id":"b","name":7,"age":"old"}"#;
    play(
        setups::open,
        &["c"],
        &format!(
            r#"
            c → {{"id":1,"type":"store.insert","bucket":"u","data":{data}}}
            c ← {{"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Expected type \"string\", got number; age: Expected type \"number\", got string","details":[{{"field":"name","message":"Expected type \"string\", got number","code":"type"}},{{"field":"age","message":"Expected type \"number\", got string","code":"type"}}]}}
            c → {{"id":2,"type":"store.transaction","operations":[{first},{{"op":"insert","bucket":"u","data":{data}}}]}}
            c ← {{"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Expected type \"string\", got number; age: Expected type \"number\", got string","details":[{{"field":"name","message":"Expected type \"string\", got number","code":"type"}},{{"field":"age","message":"Expected type \"number\", got string","code":"type"}}]}}
            c → {{"id":3,"type":"store.count","bucket":"k"}}
            c ← {{"id":3,"type":"result","data":0}}
            "#
        ),
    );
}

// S-159, S-173, S-179, S-183, P-121: transactions that a client sends ahead have the results and the events
// that they have one by one, whether or not they are carried out together
#[test]
fn sent_ahead() {
    let in_both = |id: usize, k: &str, u: &str| {
        format!(
            r#"{{"id":{id},"type":"store.transaction","operations":[{{{k},"bucket":"k"}},{{{u},"bucket":"u"}}]}}"#
        )
    };
    let updated = |id: usize, key: &str| {
        let update = format!(r#""op":"update","key":"{key}","data":{{"v":{id}}}"#);
        in_both(id, &update, r#""op":"get","key":"a""#)
    };
    let limited = r#"{"key":"k","schema":{"k":{"type":"string"}},"maxSize":2}"#;
    let in_limited = |id: usize, operation: String| {
        let get = |bucket| format!(r#"{{"op":"get","bucket":"{bucket}","key":"a"}}"#);
        let others = ["k", "u"].map(get).join(",");
        format!(
            r#"{{"id":{id},"type":"store.transaction","operations":[{{{operation},"bucket":"limited"}},{others}]}}"#
        )
    };
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let mut client = Client::welcomed(&mut cluster, 0);
        client.send(
            &mut cluster,
            &format!(r#"{{"id":0,"type":"store.defineBucket","name":"limited","config":{limited}}}"#),
        );
        cluster.settle();
        client.json(&cluster);
        let mut results = |cluster: &mut Cluster, requests: &[String]| -> Vec<Value> {
            requests.iter().for_each(|request| client.send(cluster, request));
            cluster.settle();
            let result = |answer: Value| match &answer["data"]["results"][0]["data"] {
                Value::Null => answer["code"].clone(),
                record => record.get("_version").or(record.get("k")).cloned().unwrap_or_default(),
            };
            client.json(cluster).into_iter().map(result).collect()
        };
        let insert =
            in_both(1, r#""op":"insert","data":{"k":"a"}"#, r#""op":"insert","data":{"id":"a","name":"n"}"#);
        let requests =
            [insert, updated(2, "a"), updated(3, "a"), updated(4, "z"), updated(5, "a"), updated(6, "a")];
        let expected = json!([1, 2, 3, "NOT_FOUND", 4, 5]);
        assert_eq!(Value::from(results(&mut cluster, &requests)), expected, "{cores} cores");

        cluster.listen(1, Some("bucket.k.*"));
        let requests = [7, 8, 9].map(|id| updated(id, "a"));
        assert_eq!(Value::from(results(&mut cluster, &requests)), json!([6, 7, 8]));
        assert_eq!(cluster.events.drain(..).count(), 3, "an event of each");

        let insert = |id: usize| in_limited(id, format!(r#""op":"insert","data":{{"k":"{id}"}}"#));
        let get = |id: usize, key: usize| in_limited(id, format!(r#""op":"get","key":"{key}""#));
        let requests = [insert(10), insert(11), insert(12), get(13, 10), get(14, 11)];
        assert_eq!(Value::from(results(&mut cluster, &requests)), json!([1, 1, 1, null, 1]), "10 has gone");
        cluster.end(client.link);
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}
