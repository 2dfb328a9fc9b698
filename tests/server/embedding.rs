//! The program around the server: what it watches and runs beside the clients (02 §10.4–§10.6).

use crate::client::Client;
use crate::{DEADLINE, Running, shop};
use noex_server::base::fault::Code;
use noex_server::base::limits::{EVENT_LISTENERS_MAX, EVENTS_WAITING_MAX};
use noex_server::node::{EventKind, QueryDefinition, Settings};
use serde_json::json;
use std::thread;

/// One bucket.
const BUCKETS: &[(&str, &str)] = &[(
    "x",
    r#"{"key":"k","schema":{"k":{"type":"number"},"email":{"type":"string","unique":true}},"ttl":1}"#,
)];

fn settings(shards: u16) -> Settings {
    Settings { expires: false, ..shop::settings(BUCKETS, &[], shards) }
}

/// `store.count` of the bucket, as the program sees it.
const COUNT: &str = r#"{"id":1,"type":"store.count","bucket":"x"}"#;

fn insert(k: usize) -> String {
    format!(r#"{{"id":1,"type":"store.insert","bucket":"x","data":{{"k":{k}}}}}"#)
}

#[test]
fn results_of_a_live_query() {
    // S-208, K-4: first the present result, then later ones; the latest is never missed
    let running = Running::start(&settings(2), 2);
    let server = running.server();
    let count = QueryDefinition::program(|q, _| q.bucket("x").count());
    assert_eq!(server.define_query("count", count), Ok(()));
    let mut results =
        server.subscribe(r#"{"id":1,"type":"store.subscribe","query":"count"}"#).expect("S-134");
    assert_eq!(results.next().as_deref(), Some("0"));
    assert_eq!(results.try_next(), None);
    let mut client = Client::connect(running.address());
    for k in 1..=50 {
        client.ask(json!({"type": "store.insert", "bucket": "x", "data": {"k": k}}));
    }
    let last = results.by_ref().find(|result| result == "50");
    assert_eq!(last.as_deref(), Some("50"));
    server.request(r#"{"id":1,"type":"store.undefineQuery","name":"count"}"#).expect("S-229");
    assert_eq!(results.next(), None);
    let gone = server.subscribe(r#"{"id":1,"type":"store.subscribe","query":"count"}"#).expect_err("gone");
    assert_eq!((gone.code, gone.message.as_str()), (Code::QueryNotDefined, "Query \"count\" is not defined"));
    client.leave();
}

#[test]
fn what_is_dropped_does_not_count() {
    // S-155, S-120
    let running = Running::start(&settings(2), 2);
    let server = running.server();
    server.define_query("all", QueryDefinition::program(|q, _| q.bucket("x").all())).expect("S-125");
    let subscribe = || server.subscribe(r#"{"id":1,"type":"store.subscribe","query":"all"}"#).expect("S-134");
    let kept = subscribe();
    drop(subscribe());
    let stats = server.request(r#"{"id":1,"type":"store.stats"}"#).expect("S-119");
    assert!(stats.contains(r#""activeSubscriptions":1"#), "{stats}");
    running.stop(0);
    assert_eq!(kept.last().as_deref(), Some("[]"), "it ends with the server");
}

#[test]
fn events_are_not_waited_for() {
    // S-205: a listener that takes nothing costs no write anything; a handler that fails harms nobody
    let running = Running::start(&settings(1), 1);
    let server = running.server();
    let mut slow = server.events("*").expect("a listener");
    let mut inserted = server.events("bucket.x.inserted").expect("a listener");
    let surplus = 10;
    let data: Vec<String> = (0..EVENTS_WAITING_MAX + surplus).map(|k| format!(r#"{{"k":{k}}}"#)).collect();
    let bulk = format!(r#"{{"id":1,"type":"store.insertMany","bucket":"x","data":[{}]}}"#, data.join(","));
    server.request(&bulk).expect("A.5");
    thread::scope(|scope| {
        let failing = scope.spawn(|| {
            let event = inserted.next().expect("an event");
            assert_eq!(event.kind(), EventKind::Deleted, "a handler that fails");
        });
        assert!(failing.join().is_err());
    });
    assert_eq!(inserted.next_within(DEADLINE).expect("the next one").key(), "1");
    assert_eq!(slow.missed(), surplus as u64);
    assert_eq!(slow.missed(), 0);
    let first = slow.next_within(DEADLINE).expect("an event");
    assert_eq!((first.topic().as_str(), first.key()), ("bucket.x.inserted", "0"));
    // There is room again.
    assert_eq!(server.request(&insert(1_000_000)).map(drop), Ok(()));
    let taken = std::iter::from_fn(|| slow.try_next()).last().expect("events");
    assert_eq!(taken.key(), "1000000");
}

#[test]
fn there_may_be_so_many_listeners() {
    let running = Running::start(&settings(2), 2);
    let server = running.server();
    let mut all: Vec<_> =
        (0..EVENT_LISTENERS_MAX).map(|_| server.events("bucket.x.updated").expect("room")).collect();
    let full = server.events("*").expect_err("no room");
    assert_eq!((full.code, full.message.as_str()), (Code::RateLimited, "Listener limit reached (max 1024)"));
    all.pop();
    assert_eq!(server.events("*").map(drop), Ok(()));
}

#[test]
fn events_of_all_cores() {
    // S-204: in commit order, of buckets on any core, by whomever
    let running = Running::start(&shop::open(4), 4);
    let mut events = running.server().events("bucket.*.*").expect("a listener");
    let mut client = Client::connect(running.address());
    let user = json!({"id": "u", "name": "n", "email": "e"});
    client.ask(json!({"type": "store.insert", "bucket": "users", "data": user}));
    client.ask(json!({"type": "store.update", "bucket": "users", "key": "u", "data": {"name": "m"}}));
    client.ask(json!({"type": "store.delete", "bucket": "users", "key": "u"}));
    let kinds: Vec<EventKind> = events.by_ref().take(3).map(|event| event.kind()).collect();
    assert_eq!(kinds, EventKind::ALL);
    let log = json!({"action": "a", "userId": "u", "timestamp": 1});
    client.ask(json!({"type": "store.insert", "bucket": "audit-logs", "data": log}));
    assert_eq!(events.next().expect("an event").bucket(), "audit-logs");
    client.leave();
    running.stop(0);
    assert!(events.next().is_none(), "it ends with the server");
}

#[test]
fn records_expire_when_the_program_says_so() {
    // S-191: more than go in one turn
    let running = Running::start(&settings(2), 2);
    let server = running.server();
    let data: Vec<String> = (0..2_500).map(|k| format!(r#"{{"k":{k},"_expiresAt":1}}"#)).collect();
    let bulk = format!(
        r#"{{"id":1,"type":"store.insertMany","bucket":"x","data":[{{"k":-1,"_expiresAt":null}},{}]}}"#,
        data.join(",")
    );
    server.request(&bulk).expect("A.5");
    assert_eq!(server.request(COUNT).as_deref(), Ok("2501"));
    assert_eq!(server.expire(), Ok(2_500));
    assert_eq!(server.request(COUNT).as_deref(), Ok("1"));
    assert_eq!(server.expire(), Ok(0));
}
