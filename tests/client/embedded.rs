//! The program that embeds the server asks too (02 §10.5, §10.6).

use crate::cluster::{Cluster, Schedule};
use crate::{CORES, assert_nothing_left, play_with, setups};

/// What the program is answered: `data`, or the error as `CODE message`.
fn call(cluster: &mut Cluster, request: Option<&str>) -> String {
    cluster.call(0, request);
    cluster.settle();
    match cluster.replies.pop().expect("an answer") {
        Ok(data) => String::from_utf8(data).expect("JSON"),
        Err(fault) => format!("{} {}", fault.code.as_str(), fault.message),
    }
}

// S-208, S-209: it administers, reads and writes, without logging in.
#[test]
fn the_program_does_what_clients_can() {
    play_with(setups::guarded, &["a"], |stage| {
        for (request, expected) in [
            (
                r#"{"id":1,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}}}}"#,
                r#"{"name":"x","created":true}"#,
            ),
            (
                r#"{"id":1,"type":"store.transaction","operations":[{"op":"get","bucket":"x","key":"1"},{"op":"count","bucket":"u"}]}"#,
                r#"{"results":[{"index":0,"data":null},{"index":1,"data":0}]}"#,
            ),
            (r#"{"id":1,"type":"store.count","bucket":"x"}"#, "0"),
            (
                r#"{"id":1,"type":"store.count","bucket":"y"}"#,
                "BUCKET_NOT_DEFINED Bucket \"y\" is not defined",
            ),
            (
                r#"{"id":1,"type":"store.getBucketSchema","name":"x"}"#,
                r#"{"name":"x","config":{"key":"k","schema":{"k":{"type":"string"}}}}"#,
            ),
            (r#"{"id":1,"type":"store.dropBucket","name":"x"}"#, r#"{"name":"x","dropped":true}"#),
            (
                r#"{"id":1,"type":"store.getBucketSchema","name":"x"}"#,
                "BUCKET_NOT_DEFINED Bucket \"x\" does not exist",
            ),
            (
                r#"{"id":1,"type":"store.subscribe","query":"all-u"}"#,
                "UNKNOWN_OPERATION Operation \"store.subscribe\" needs a connection",
            ),
            (
                r#"{"id":1,"type":"auth.whoami"}"#,
                "UNKNOWN_OPERATION Operation \"auth.whoami\" needs a connection",
            ),
            (r#"{"id":1"#, "PARSE_ERROR Invalid JSON"),
            (r#"{"type":"pong","timestamp":1}"#, "UNKNOWN_OPERATION Operation \"pong\" needs a connection"),
        ] {
            assert_eq!(call(&mut stage.cluster, Some(request)), expected, "{request}");
        }
        stage.play(
            r#"
            a → {"id":1,"type":"store.stats"}
            a ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
            "#,
        );
    });
}

// S-207: when the program is told that all has settled, every push is with its connection.
#[test]
fn settling_waits_for_pushes() {
    for cores in CORES {
        for seed in 1..=20 {
            println!("seed {seed}, {cores} cores");
            let mut cluster = Cluster::new(&setups::open(cores), cores, Schedule::Hostile, seed);
            let last = usize::from(cores) - 1;
            let mut client = crate::Client::welcomed(&mut cluster, last);
            client.send(&mut cluster, r#"{"id":1,"type":"store.subscribe","query":"all-u"}"#);
            cluster.settle();
            client.json(&cluster);
            cluster.call(0, Some(r#"{"id":1,"type":"store.insert","bucket":"u","data":{"name":"n"}}"#));
            while cluster.replies.is_empty() {
                assert!(cluster.step(), "the insert is answered");
            }
            cluster.replies.clear();
            let sent = |cluster: &Cluster| {
                cluster.backpressure(client.link).0 + cluster.links[client.link].to_client.len()
            };
            cluster.links[client.link].drains = false;
            cluster.call(0, None);
            while cluster.replies.is_empty() {
                assert!(cluster.step(), "settling ends");
            }
            assert_eq!(cluster.replies.pop().map(Result::ok), Some(Some(b"true".to_vec())));
            let settled = sent(&cluster);
            cluster.settle();
            assert_eq!(sent(&cluster), settled, "nothing comes after it");
            cluster.links[client.link].drains = true;
            cluster.settle();
            assert_eq!(client.json(&cluster).len(), 1, "the push is there");
            cluster.end(client.link);
            cluster.settle();
            assert_nothing_left(&cluster);
        }
    }
}
