//! One connection from its beginning to its end, and what it is told in between (01 §2, §5, §7, §9, §14).

use crate::client::{Client, Received};
use crate::cluster::{Cluster, Schedule};
use crate::{CORES, assert_nothing_left, play, play_with, prompt, setups};
use noex_server::node::{RateLimit, Settings};

// P-29, P-30, P-31: numbers ascend and are not used again; the first request finds its connection
// in the registry, with nothing to its name
#[test]
fn a_connection_begins() {
    let first = r#"[{"connectionId":"conn-1","authenticated":false,"userId":null,"roles":[],"storeSubscriptionCount":0,"rulesSubscriptionCount":0,"…":0}"#;
    play_with(
        |cores| setups::limited(cores, |limits| limits.connections_per_address_max = Some(2)),
        &["a"],
        |stage| {
            stage.play(&format!(
            "a → {{\"id\":1,\"type\":\"server.connections\"}}\na ← {{\"id\":1,\"type\":\"result\",\"data\":{first}]}}"
        ));
            stage.enter("b", 0);
            let b = stage.named("b").link;
            let mut rejected = Client::connect(&mut stage.cluster, 0);
            stage.cluster.settle();
            assert_eq!(rejected.receive(&stage.cluster).len(), 1, "a Close");
            [b, rejected.link].into_iter().for_each(|link| stage.cluster.end(link));
            stage.cluster.settle();
            stage.enter("c", 0);
            stage.play(&format!(
            "c → {{\"id\":1,\"type\":\"server.connections\"}}\nc ← {{\"id\":1,\"type\":\"result\",\"data\":{first},{{\"connectionId\":\"conn-3\",\"…\":0}}]}}"
        ));
        },
    );
}

/// With so many requests per minute.
fn limited_to(max_requests: usize, settings: Settings) -> Settings {
    Settings { rate_limit: Some(RateLimit { max_requests, window_ms: 60_000 }), ..settings }
}

// P-48, P-52: envelope, access, rate limit, operation and fields, in this order
#[test]
fn the_order_of_stages() {
    play(
        |cores| limited_to(1, setups::guarded(cores)),
        &["a"],
        r#"
        a → {"id":1,"type":"store.get"}
        a ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        a → {"id":2,"type":"auth.login","token":"reader-token"}
        a ← {"id":2,"type":"result","data":"<any>"}
        a → {"id":3,"type":"store.get"}
        a ← {"id":3,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"bucket\": expected non-empty string"}
        a → {"id":4,"type":"store.get"}
        a ← {"id":4,"type":"error","code":"RATE_LIMITED","message":"<any>","details":"<any>"}
        a → {"id":5,"type":"store.insert"}
        a ← {"id":5,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.insert (requires write)"}
        a → {"id":"6","type":"store.insert"}
        a ← {"id":0,"type":"error","code":"INVALID_REQUEST","message":"Request must include finite numeric \"id\""}
        "#,
    );
}

// P-90: what needs no access does not find out that a session has ended, and is charged to its user
#[test]
fn an_ended_session_is_still_charged() {
    play_with(
        |cores| limited_to(2, setups::guarded(cores)),
        &["a"],
        |stage| {
            stage.play(
                r#"
            a → {"id":1,"type":"auth.login","token":"guest-token"}
            a ← {"id":1,"type":"result","data":"<any>"}
            a → {"id":2,"type":"store.count","bucket":"u"}
            a ← {"id":2,"type":"result","data":0}
            a → {"id":3,"type":"store.count","bucket":"u"}
            a ← {"id":3,"type":"result","data":0}
            "#,
            );
            stage.cluster.advance(6_000);
            stage.play(
            r#"
            a → {"id":4,"type":"auth.whoami"}
            a ← {"id":4,"type":"error","code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 54000ms","details":{"retryAfterMs":54000}}
            "#,
        );
        },
    );
}

// P-91: there is none unless it is asked for
#[test]
fn no_rate_limit_by_default() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let mut client = Client::welcomed(&mut cluster, 0);
        for id in 0..3_000 {
            client.send(&mut cluster, &format!(r#"{{"id":{id},"type":"store.count","bucket":"k"}}"#));
        }
        cluster.settle();
        let answers = client.json(&cluster);
        assert!(answers.len() == 3_000 && answers.iter().all(|answer| answer["type"] == "result"));
        cluster.end(client.link);
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// P-86: a session belongs to its connection, whoever else is the same user
#[test]
fn sessions_are_their_connections_own() {
    play(
        setups::guarded,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"auth.login","token":"ann-token"}
        a ← {"id":1,"type":"result","data":{"userId":"ann","roles":["customer"],"expiresAt":null}}
        b → {"id":1,"type":"auth.whoami"}
        b ← {"id":1,"type":"result","data":{"authenticated":false}}
        b → {"id":2,"type":"auth.login","token":"ann-token"}
        b ← {"id":2,"type":"result","data":{"userId":"ann","…":0}}
        a → {"id":2,"type":"auth.logout"}
        a ← {"id":2,"type":"result","data":{"loggedOut":true}}
        b → {"id":3,"type":"store.count","bucket":"k"}
        b ← {"id":3,"type":"result","data":0}
        a → {"id":3,"type":"store.count","bucket":"k"}
        a ← {"id":3,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        "#,
    );
}

// P-73, P-75, P-85: errors echo the id, have no details unless they do, and end nothing
#[test]
fn errors_of_fields() {
    play(
        setups::open,
        &["a"],
        r#"
        a → {"id":-1.5,"type":"store.get","bucket":""}
        a ← {"id":-1.5,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"bucket\": expected non-empty string"}
        a → {"id":2,"type":"store.insert","bucket":"k","data":null}
        a ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"data\": expected object"}
        a → {"id":3,"type":"store.insert","bucket":"k","data":[]}
        a ← {"id":3,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"data\": expected object"}
        a → {"id":4,"type":"store.first","bucket":"k","n":0}
        a ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"n\": expected positive integer"}
        a → {"id":5,"type":"store.count","bucket":"k","filter":"x"}
        a ← {"id":5,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"filter\": expected object"}
        a → {"id":6,"type":"store.get","bucket":"k"}
        a ← {"id":6,"type":"error","code":"VALIDATION_ERROR","message":"Missing \"key\": expected non-null value"}
        a → {"id":7,"type":"store.count","bucket":"k","filter":null}
        a ← {"id":7,"type":"result","data":0}
        "#,
    );
}

// P-76, P-77, P-78, P-135, P-136, P-139: subscriptions of all kinds and connections share one
// counter, without gaps; the same query twice is two subscriptions
#[test]
fn subscriptions_are_numbered() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"count-k"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":0}}
        b → {"id":1,"type":"rules.subscribe","pattern":"t"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2"}}
        a → {"id":2,"type":"store.subscribe","query":"nothing"}
        a ← {"id":2,"type":"error","code":"QUERY_NOT_DEFINED","message":"Query \"nothing\" is not defined"}
        a → {"id":3,"type":"store.subscribe","query":"count-k"}
        a ← {"id":3,"type":"result","data":{"subscriptionId":"sub-3","data":0}}
        b → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"x"}}
        b ← {"id":2,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":1}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":1}
        a → {"id":4,"type":"rules.emit","topic":"t","data":{"n":1}}
        a ← {"id":4,"type":"result","data":"<any>"}
        b ← {"type":"push","channel":"event","subscriptionId":"sub-2","data":{"topic":"t","event":{"id":"<any>","topic":"t","data":{"n":1},"timestamp":1706745600000,"source":"<any>"}}}
        a → {"id":5,"type":"store.unsubscribe","subscriptionId":"sub-3"}
        a ← {"id":5,"type":"result","data":{"unsubscribed":true}}
        b → {"id":3,"type":"store.subscribe","query":"count-k"}
        b ← {"id":3,"type":"result","data":{"subscriptionId":"sub-4","data":1}}
        "#,
    );
}

// P-131, S-141: a change that leaves the result as it is, is not pushed; the first baseline is the
// result at the time of subscribing
#[test]
fn only_what_is_different_is_pushed() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        b → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"x","v":1}}
        b ← {"id":1,"type":"result","data":"<any>"}
        a → {"id":1,"type":"store.subscribe","query":"count-k"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":1}}
        b → {"id":2,"type":"store.update","bucket":"k","key":"x","data":{"v":2}}
        b ← {"id":2,"type":"result","data":"<any>"}
        b → {"id":3,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"y"}},{"op":"delete","bucket":"k","key":"x"}]}
        b ← {"id":3,"type":"result","data":"<any>"}
        b → {"id":4,"type":"store.delete","bucket":"k","key":"y"}
        b ← {"id":4,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":0}
        "#,
    );
}

/// Sends messages without waiting in between, and takes everything that comes.
fn pipeline(cluster: &mut Cluster, client: &mut Client, texts: &[&str]) -> Vec<serde_json::Value> {
    texts.iter().for_each(|text| client.send(cluster, text));
    cluster.settle();
    client.json(cluster)
}

// P-141, P-143: no push before the answer to the subscribe, none after the answer to the unsubscribe
#[test]
fn pushes_stay_within_their_subscription() {
    for cores in CORES {
        for seed in 1..=20 {
            let mut cluster = Cluster::new(&setups::open(cores), cores, Schedule::Hostile, seed);
            let mut a = Client::welcomed(&mut cluster, 0);
            let b = Client::welcomed(&mut cluster, usize::from(cores) - 1);
            for n in 0..6 {
                b.send(
                    &mut cluster,
                    &format!(r#"{{"id":{n},"type":"store.insert","bucket":"k","data":{{"k":"{n}"}}}}"#),
                );
            }
            let received = pipeline(
                &mut cluster,
                &mut a,
                &[
                    r#"{"id":1,"type":"store.subscribe","query":"count-k"}"#,
                    r#"{"id":2,"type":"store.insert","bucket":"k","data":{"k":"a"}}"#,
                    r#"{"id":3,"type":"store.unsubscribe","subscriptionId":"sub-1"}"#,
                    r#"{"id":4,"type":"store.insert","bucket":"k","data":{"k":"b"}}"#,
                ],
            );
            let at = |id: u64| received.iter().position(|message| message["id"] == id).expect("an answer");
            let is_push = |message: &&serde_json::Value| message["type"] == "push";
            let pushes: Vec<u64> = received[at(1)..at(3)]
                .iter()
                .filter(is_push)
                .filter_map(|push| push["data"].as_u64())
                .collect();
            assert_eq!(received.iter().filter(is_push).count(), pushes.len(), "seed {seed}: {received:?}");
            let initial = received[at(1)]["data"]["data"].as_u64().expect("a count");
            assert!([vec![initial], pushes].concat().is_sorted_by(|a, b| a < b), "{received:?}");
            [a.link, b.link].into_iter().for_each(|link| cluster.end(link));
            cluster.settle();
            assert_nothing_left(&cluster);
        }
    }
}

// P-116, P-120: the limit of all subscriptions holds for any number who ask at once
#[test]
fn subscriptions_in_all() {
    let five = |cores| setups::limited(cores, |limits| limits.subscriptions_total_max = 5);
    for cores in CORES {
        for seed in 1..=20 {
            let mut cluster = Cluster::new(&five(cores), cores, Schedule::Hostile, seed);
            let mut clients: Vec<Client> =
                (0..8).map(|at| Client::welcomed(&mut cluster, at % usize::from(cores))).collect();
            for client in &clients {
                client.send(&mut cluster, r#"{"id":1,"type":"store.subscribe","query":"count-k"}"#);
                client.send(&mut cluster, r#"{"id":2,"type":"rules.subscribe","pattern":"t"}"#);
            }
            cluster.settle();
            let answers: Vec<_> = clients.iter_mut().flat_map(|client| client.json(&cluster)).collect();
            let refused = "Global subscription limit reached (max 5)";
            let count =
                |member: &str, value: &str| answers.iter().filter(|answer| answer[member] == value).count();
            assert_eq!((count("type", "result"), count("message", refused)), (5, 11), "seed {seed}");
            clients.iter().for_each(|client| cluster.end(client.link));
            cluster.settle();
            assert_nothing_left(&cluster);
        }
    }
}

// P-112: events that were dropped do not come back, the latest result does; then all goes on
#[test]
fn after_a_stall() {
    for cores in CORES {
        let settings = setups::limited(cores, |limits| limits.unsent_bytes_mark = 1_000);
        let (mut cluster, mut client) = setups::one_that_stops_reading(&settings, cores, 2_000);
        let say = |cluster: &mut Cluster, text: &str| {
            client.send(cluster, text);
            cluster.settle();
        };
        say(&mut cluster, r#"{"id":1,"type":"store.subscribe","query":"all-k"}"#);
        say(&mut cluster, r#"{"id":2,"type":"rules.subscribe","pattern":"*"}"#);
        for n in 0..3 {
            say(
                &mut cluster,
                &format!(r#"{{"id":3,"type":"store.insert","bucket":"k","data":{{"k":"{n}"}}}}"#),
            );
            say(&mut cluster, r#"{"id":4,"type":"rules.emit","topic":"lost","data":{}}"#);
        }
        cluster.links[client.link].drains = true;
        cluster.settle();
        let pushes: Vec<_> =
            client.json(&cluster).into_iter().filter(|message| message["type"] == "push").collect();
        assert_eq!(pushes.len(), 1, "{pushes:?}");
        assert_eq!(pushes[0]["data"].as_array().map(Vec::len), Some(4), "the latest result");
        client.send(&mut cluster, r#"{"id":5,"type":"rules.emit","topic":"heard","data":{}}"#);
        cluster.settle();
        assert_eq!(client.json(&cluster)[0]["data"]["topic"], "heard");
        cluster.end(client.link);
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// P-124: whatever a request waits for, there is no time-out
#[test]
fn a_request_may_take_its_time() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let mut client = Client::welcomed(&mut cluster, 0);
        for bucket in ["u", "k", "n", "b", "t"] {
            client.send(&mut cluster, &format!(r#"{{"id":1,"type":"store.count","bucket":"{bucket}"}}"#));
        }
        cluster.settle_links();
        cluster.now.mono_ms += 3_600_000;
        cluster.now.unix_ms += 3_600_000;
        cluster.settle();
        assert_eq!(client.json(&cluster).len(), 5);
        cluster.end(client.link);
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// P-175: everybody is told at once, also if nobody answers
#[test]
fn all_are_closed_together() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let mut clients: Vec<Client> =
            (0..20).map(|at| Client::welcomed(&mut cluster, at % usize::from(cores))).collect();
        cluster.shutdown(0);
        cluster.settle();
        for client in &mut clients {
            assert_eq!(client.receive(&cluster), [Received::Close(Some(1000), "server_shutdown".into())]);
        }
        assert!(!cluster.all_stopped(), "they are waited for");
        clients.iter().for_each(|client| cluster.end(client.link));
        cluster.settle();
        assert!(cluster.all_stopped());
    }
}
