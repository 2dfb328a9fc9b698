//! The program that embeds the server asks too (02 §10.5, §10.6).

use crate::cluster::{Cluster, Schedule};
use crate::{CORES, assert_nothing_left, play_with, setups};
use noex_server::node::{Call, QueryDefinition};

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

// S-207, P-145: when the program is told that all has settled, every push is with its connection.
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

/// Subscribes under a number; the reply, if it is an error.
fn subscribe(cluster: &mut Cluster, number: u32, query: &str) -> Option<String> {
    let request = format!(r#"{{"id":1,"type":"store.subscribe","query":"{query}"}}"#);
    cluster.call_as(0, number, Call::Subscribe(&request));
    cluster.settle();
    cluster.replies.pop().expect("a reply").err().map(|fault| fault.message)
}

fn results(cluster: &mut Cluster) -> Vec<(u32, Option<String>)> {
    std::mem::take(&mut cluster.results)
}

// S-208, S-125, S-124, S-120: it subscribes, to queries of its own too, and counts as a subscriber
#[test]
fn the_program_subscribes() {
    play_with(setups::guarded, &["a"], |stage| {
        let cluster = &mut stage.cluster;
        let both = QueryDefinition::program(|q, _| {
            q.array([q.bucket("k").count(), q.bucket("n").count(), q.bucket("b").count()])
        });
        for expected in [None, Some("Query \"both\" is already defined")] {
            cluster.call_as(0, 0, Call::DefineQuery("both", both.clone()));
            cluster.settle();
            let reply = cluster.replies.pop().expect("a reply");
            assert_eq!(reply.err().map(|fault| fault.message).as_deref(), expected);
        }
        assert_eq!(subscribe(cluster, 1, "count-k"), None);
        assert_eq!(subscribe(cluster, 2, "both"), None);
        assert_eq!(subscribe(cluster, 3, "both"), None);
        assert_eq!(subscribe(cluster, 4, "nothing").as_deref(), Some("Query \"nothing\" is not defined"));
        assert_eq!(subscribe(cluster, 4, "lost").as_deref(), Some("Bucket \"nowhere\" is not defined"));
        let text = |text: &str| Some(text.to_owned());
        let first = [(1, text("0")), (2, text("[0,0,0]")), (3, text("[0,0,0]"))];
        assert_eq!(results(cluster), first);
        let stats = call(cluster, Some(r#"{"id":1,"type":"store.stats"}"#));
        assert!(stats.contains(r#""activeSubscriptions":3"#), "{stats}");
        assert!(cluster.census().iter().all(|census| census.active_subscriptions == 3));

        cluster.call_as(0, 3, Call::Unsubscribe);
        call(cluster, Some(r#"{"id":1,"type":"store.insert","bucket":"k","data":{"k":"x"}}"#));
        let mut later = results(cluster);
        later.sort();
        assert_eq!(later, [(1, text("1")), (2, text("[1,0,0]"))]);

        // S-157: with the bucket all end that read it, with the query all of the query
        assert_eq!(subscribe(cluster, 5, "all-u"), None);
        assert_eq!(subscribe(cluster, 6, "both"), None);
        results(cluster);
        call(cluster, Some(r#"{"id":1,"type":"store.undefineQuery","name":"both"}"#));
        assert_eq!(results(cluster), [(2, None), (6, None)]);
        call(cluster, Some(r#"{"id":1,"type":"store.dropBucket","name":"k"}"#));
        assert_eq!(results(cluster), [(1, None)]);
        for number in [1, 2, 5, 6] {
            cluster.call_as(0, number, Call::Unsubscribe);
        }
        cluster.settle();
        assert_nothing_left_of_program(cluster);
    });
}

fn assert_nothing_left_of_program(cluster: &Cluster) {
    for census in cluster.census() {
        assert_eq!((census.has_subscribers, census.active_subscriptions), (false, 0));
    }
}

// S-120, S-154: the program's subscriptions take places like all others, and only queries have some
#[test]
fn the_program_is_limited_too() {
    let settings = |cores| setups::limited(cores, |limits| limits.subscriptions_total_max = 1);
    play_with(settings, &[], |stage| {
        let cluster = &mut stage.cluster;
        assert_eq!(subscribe(cluster, 1, "count-k"), None);
        let full = "Global subscription limit reached (max 1)";
        assert_eq!(subscribe(cluster, 2, "count-k").as_deref(), Some(full));
        cluster.call_as(0, 1, Call::Unsubscribe);
        assert_eq!(subscribe(cluster, 2, "lost").as_deref(), Some("Bucket \"nowhere\" is not defined"));
        assert_eq!(subscribe(cluster, 2, "count-k"), None);
        cluster.call_as(0, 2, Call::Unsubscribe);
        for request in
            [r#"{"id":1,"type":"rules.subscribe","pattern":"*"}"#, r#"{"id":1,"type":"store.stats"}"#]
        {
            cluster.call_as(0, 3, Call::Subscribe(request));
            cluster.settle();
            let reply = cluster.replies.pop().expect("a reply");
            assert_eq!(reply.unwrap_err().message, "Only queries can be subscribed to");
        }
    });
}
