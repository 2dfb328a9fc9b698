//! Live queries whose clients stall and drain, and whose buckets are dropped, made again and redefined
//! under them, on several cores at once.
//!
//! * Every push brings something new, and none shows an older state than the one before (S-141, S-143).
//! * A result of several reads shows no half of a transaction (S-145).
//! * Only what reads a bucket that was dropped ends with it (S-157); everybody else has exactly the result
//!   of a fresh subscription when all has come to rest, however far behind it was (K-4, S-150).

use crate::client::{Client, Received};
use crate::cluster::{Cluster, Schedule};
use crate::scenarios::{ask, assert_nothing_left};
use crate::{seeds, shop};
use noex_server::node::Settings;
use noex_server::query;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

const DEFINITION: &str =
    r#"{"key":"k","schema":{"k":{"type":"string"},"n":{"type":"number"},"x":{"type":"string"}}}"#;

/// `left` and `right` are only written together, and live on different cores, as does what goes.
const BUCKETS: [(&str, &str); 3] = [("left", DEFINITION), ("right", DEFINITION), ("goes", DEFINITION)];

const QUERIES: [(&str, &str); 7] = [
    ("left", r#"{"bucket":"left"}"#),
    ("low", r#"{"bucket":"left","filter":{"k":{"$in":["k0","k1"]}},"sort":{"n":"desc"},"limit":1}"#),
    ("sum", r#"{"bucket":"right","aggregate":{"function":"sum","field":"n"}}"#),
    ("goes", r#"{"bucket":"goes"}"#),
    ("last", r#"{"bucket":"goes","last":2}"#),
    ("pair", ""),
    ("mixed", ""),
];

/// Keys that are written; few, so that writers meet.
const KEYS: usize = 4;

fn settings(cores: u16) -> Settings {
    let mut settings = shop::settings(&BUCKETS, &QUERIES[..5], cores);
    let mut add = |name: &str, query| settings.queries.push((name.to_owned(), query));
    add(
        "pair",
        query::Definition::program(|q, _| q.array([q.bucket("left").all(), q.bucket("right").all()])),
    );
    add(
        "mixed",
        query::Definition::program(|q, _| {
            q.object([("goes", q.bucket("goes").count()), ("left", q.bucket("left").all())])
        }),
    );
    // A few results are enough to fall behind.
    settings.limits.unsent_bytes_mark = 3_000;
    settings
}

/// A subscription as its client knows it.
struct Mirror {
    query: &'static str,
    state: Value,
}

struct Watcher {
    client: Client,
    /// Queries asked for and not answered yet; `None` = a subscription is being given up.
    pending: VecDeque<Option<&'static str>>,
    mirrors: BTreeMap<String, Mirror>,
}

impl Watcher {
    fn enter(cluster: &mut Cluster, core: usize) -> Self {
        Self { client: Client::connect(cluster, core), pending: VecDeque::new(), mirrors: BTreeMap::new() }
    }

    fn act(&mut self, cluster: &mut Cluster) {
        match cluster.random.below(10) {
            0..2 => {
                let link = &mut cluster.links[self.client.link];
                link.drains = !link.drains;
            }
            2 if self.pending.is_empty() && self.mirrors.len() > 4 => {
                let (id, _) = self.mirrors.pop_first().expect("there are some");
                self.pending.push_back(None);
                let text = format!(r#"{{"id":1,"type":"store.unsubscribe","subscriptionId":"{id}"}}"#);
                self.client.send(cluster, &text);
            }
            3..5 if self.pending.len() < 3 && self.mirrors.len() < 8 => {
                let (query, _) = QUERIES[cluster.random.below(QUERIES.len())];
                self.pending.push_back(Some(query));
                self.client
                    .send(cluster, &format!(r#"{{"id":1,"type":"store.subscribe","query":"{query}"}}"#));
            }
            _ => {}
        }
    }

    fn listen(&mut self, cluster: &Cluster) {
        for received in self.client.receive(cluster) {
            let Received::Json(mut message) = received else { panic!("closed: {received:?}") };
            match message["type"].as_str() {
                Some("welcome") => {}
                Some("push") => self.push(&mut message),
                _ => self.answer(&mut message),
            }
        }
    }

    fn push(&mut self, message: &mut Value) {
        let id = message["subscriptionId"].as_str().expect("S-140");
        // P-143: one for which the client has asked to end may come before the answer.
        let Some(mirror) = self.mirrors.get_mut(id) else {
            return assert!(self.pending.contains(&None), "S-137, S-151: {message}");
        };
        let state = message["data"].take();
        assert_ne!(mirror.state, state, "S-141: {} brings something new", mirror.query);
        for (key, n) in numbers(mirror.query, &mirror.state) {
            let now = numbers(mirror.query, &state).get(&key).copied();
            assert!(now >= Some(n), "S-143: {} went back from {key}: {n} to {now:?}", mirror.query);
        }
        check_whole(mirror.query, &state);
        mirror.state = state;
    }

    fn answer(&mut self, message: &mut Value) {
        let Some(query) = self.pending.pop_front().expect("an answer to a request") else {
            return assert_eq!(message["data"]["unsubscribed"], true, "S-151, S-157");
        };
        if message["type"] == "error" {
            let reads = reads_what_goes(query) && message["code"] == "BUCKET_NOT_DEFINED";
            return assert!(reads, "{query}: {message}");
        }
        let id = message["data"]["subscriptionId"].as_str().expect("P-140").to_owned();
        let state = message["data"]["data"].take();
        check_whole(query, &state);
        self.mirrors.insert(id, Mirror { query, state });
    }
}

fn reads_what_goes(query: &str) -> bool {
    matches!(query, "goes" | "last" | "mixed")
}

/// What only grows in a result, by name: the numbers of the keys that are never removed, or a sum of them.
fn numbers(query: &str, state: &Value) -> BTreeMap<String, u64> {
    let records = match query {
        "left" => state,
        "pair" => &state[0],
        "mixed" => &state["left"],
        "low" => return state[0]["n"].as_u64().map(|n| ("highest".to_owned(), n)).into_iter().collect(),
        "sum" => return BTreeMap::from([("sum".to_owned(), state.as_u64().expect("S-114"))]),
        _ => return BTreeMap::new(),
    };
    let entry = |record: &Value| (record["k"].to_string(), record["n"].as_u64().expect("a number"));
    records.as_array().expect("a list").iter().map(entry).collect()
}

fn check_whole(query: &str, state: &Value) {
    if query == "pair" {
        let of = |side: usize| -> Vec<(&Value, &Value)> {
            let records = state[side].as_array().expect("a list");
            records.iter().map(|record| (&record["k"], &record["n"])).collect()
        };
        assert_eq!(of(0), of(1), "S-145: half a transaction was shown");
    }
}

/// One change, of data or of what exists. The numbers only grow.
fn change(cluster: &mut Cluster, client: &Client, n: u64) {
    let key = cluster.random.below(KEYS);
    let text = "x".repeat(cluster.random.below(300));
    let body = match cluster.random.below(12) {
        0 => r#""type":"store.dropBucket","name":"goes""#.to_owned(),
        1 | 2 => format!(r#""type":"store.defineBucket","name":"goes","config":{DEFINITION}"#),
        3 => format!(
            r#""type":"store.updateBucket","name":"goes","updates":{{"addFields":{{"f{n}":{{"type":"string"}}}}}}"#
        ),
        4 | 5 => {
            format!(r#""type":"store.upsert","bucket":"goes","data":{{"k":"k{key}","n":{n},"x":"{text}"}}"#)
        }
        6 => format!(r#""type":"store.delete","bucket":"goes","key":"k{key}""#),
        _ => {
            let update = |bucket: &str| {
                format!(
                    r#"{{"op":"update","bucket":"{bucket}","key":"k{key}","data":{{"n":{n},"x":"{text}"}}}}"#
                )
            };
            format!(r#""type":"store.transaction","operations":[{},{}]"#, update("left"), update("right"))
        }
    };
    client.send(cluster, &format!(r#"{{"id":{n},{body}}}"#));
}

/// Returns the trace, how many pushes were withheld, and how many subscriptions have ended with a bucket.
fn run(cores: u16, seed: u64) -> (u64, u64, usize) {
    let mut cluster = Cluster::new(&settings(cores), cores, Schedule::Hostile, seed);
    let mut writer = Client::welcomed(&mut cluster, 0);
    for key in 0..KEYS {
        let insert =
            |bucket| format!(r#"{{"op":"insert","bucket":"{bucket}","data":{{"k":"k{key}","n":0}}}}"#);
        let operations = [insert("left"), insert("right")].join(",");
        let text = format!(r#"{{"id":1,"type":"store.transaction","operations":[{operations}]}}"#);
        assert_eq!(ask(&mut cluster, &mut writer, &text)["type"], "result");
    }
    let mut watchers: Vec<Watcher> =
        (0..5).map(|at| Watcher::enter(&mut cluster, at % usize::from(cores))).collect();
    let mut n = 0;
    for _ in 0..1_500 {
        let at = cluster.random.below(watchers.len());
        match cluster.random.below(12) {
            0..7 => drop(cluster.step()),
            7 | 8 => {
                n += 1;
                change(&mut cluster, &writer, n);
            }
            9 | 10 => watchers[at].act(&mut cluster),
            _ => watchers[at].listen(&cluster),
        }
    }
    watchers.iter().for_each(|watcher| cluster.links[watcher.client.link].drains = true);
    cluster.settle();
    let (conflated, ended) = check_end(&mut cluster, &mut watchers);
    for link in 0..cluster.links.len() {
        cluster.end(link);
    }
    cluster.settle();
    assert_nothing_left(&cluster);
    (cluster.trace(), conflated, ended)
}

fn check_end(cluster: &mut Cluster, watchers: &mut [Watcher]) -> (u64, usize) {
    let mut reader = Client::welcomed(cluster, 0);
    let (mut conflated, mut ended) = (0, 0);
    for watcher in watchers {
        watcher.listen(cluster);
        assert!(watcher.pending.is_empty(), "everything is answered");
        for (id, Mirror { query, state }) in &watcher.mirrors {
            let text = format!(r#"{{"id":1,"type":"server.explainSubscription","subscriptionId":"{id}"}}"#);
            let explained = ask(cluster, &mut reader, &text);
            if explained["code"] == "NOT_FOUND" {
                assert!(reads_what_goes(query), "S-157: {query} has ended");
                ended += 1;
                continue;
            }
            conflated += explained["data"]["conflated"].as_u64().expect("a number");
            let text = format!(r#"{{"id":1,"type":"store.subscribe","query":"{query}"}}"#);
            let fresh = ask(cluster, &mut reader, &text);
            assert_eq!(*state, fresh["data"]["data"], "S-143, S-150: {query} is not in its last state");
        }
    }
    (conflated, ended)
}

// K-3, K-4, S-131, S-136, S-137, S-141, S-143, S-145, S-150, S-151, S-157, P-130, P-131, P-132, P-141, P-143
#[test]
fn watchers_stall_and_buckets_come_and_go() {
    let (mut conflated, mut ended) = (0, 0);
    for seed in seeds(25) {
        for cores in [1, 2, 3, 5] {
            println!("seed {seed}, {cores} cores");
            let (_, withheld, gone) = run(cores, seed);
            conflated += withheld;
            ended += gone;
        }
    }
    println!("{conflated} pushes were withheld, {ended} subscriptions ended with a bucket");
    assert!(conflated > 200 && ended > 50, "the schedule let it happen: {conflated}, {ended}");
}

#[test]
fn a_seed_of_watchers_replays() {
    let traces: Vec<u64> = (1..=3).map(|seed| run(3, seed).0).collect();
    assert_eq!(traces, (1..=3).map(|seed| run(3, seed).0).collect::<Vec<_>>());
}
