//! Buckets and queries that come, change and go while everybody uses them.
//!
//! * Every request is answered, in order, with what the specification allows and nothing else.
//! * A transaction over a bucket that goes happens as a whole or not at all.
//! * Who has the answer to a change finds it made, on every core, at once.
//! * In the end nothing is left: no tombstone, lock, live query, place for a subscription.

use crate::client::{Client, Received};
use crate::cluster::{Cluster, Schedule};
use crate::scenarios::{ask, assert_nothing_left};
use crate::{seeds, shop};
use noex_server::node::Settings;
use noex_server::query;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Buckets that come and go; few, so that everybody meets.
const NAMES: [&str; 3] = ["x0", "x1", "x2"];

const DEFINITION: &str = r#"{"key":"k","schema":{"k":{"type":"string"}}}"#;

fn settings(cores: u16) -> Settings {
    let buckets = [("stays", DEFINITION), ("x0", DEFINITION)];
    let queries =
        [("q0", r#"{"bucket":"x0"}"#), ("q1", r#"{"bucket":"x1"}"#), ("s", r#"{"bucket":"stays"}"#)];
    let mut settings = shop::settings(&buckets, &queries, cores);
    // One that reads a bucket that goes together with one that stays, on two cores.
    let both = query::Definition::program(|q, _| q.array([q.bucket("x0").all(), q.bucket("stays").count()]));
    settings.queries.push(("both".to_owned(), both));
    settings
}

/// One client that does all kinds of things at random.
struct Agent {
    client: Client,
    /// Ids and keys of what is not answered yet; a key if it is a transaction.
    pending: VecDeque<(u64, Option<String>)>,
    next_id: u64,
    subscriptions: Vec<String>,
    /// Transactions by key: whether they happened.
    happened: BTreeMap<String, bool>,
    has_vanished: bool,
}

impl Agent {
    fn enter(cluster: &mut Cluster, core: usize) -> Self {
        Self {
            client: Client::connect(cluster, core),
            pending: VecDeque::new(),
            next_id: 0,
            subscriptions: Vec::new(),
            happened: BTreeMap::new(),
            has_vanished: false,
        }
    }

    /// Asks for something, if not too much is under way.
    fn act(&mut self, cluster: &mut Cluster) {
        if self.has_vanished || self.pending.len() >= 6 {
            return;
        }
        self.next_id += 1;
        let (id, name) = (self.next_id, NAMES[cluster.random.below(NAMES.len())]);
        let key = format!("{}-{id}", self.client.link);
        let value = cluster.random.below(40);
        let mut transaction = None;
        let body = match cluster.random.below(20) {
            0 | 1 => format!(r#""type":"store.defineBucket","name":"{name}","config":{DEFINITION}"#),
            2 | 3 => format!(r#""type":"store.dropBucket","name":"{name}""#),
            4 => format!(
                r#""type":"store.updateBucket","name":"{name}","updates":{{"addFields":{{"v":{{"type":"number","unique":true}}}}}}"#
            ),
            5 => format!(r#""type":"store.defineQuery","name":"q","config":{{"bucket":"{name}"}}"#),
            6 => r#""type":"store.undefineQuery","name":"q""#.to_owned(),
            7 => r#""type":"store.stats""#.to_owned(),
            8 => r#""type":"store.listQueries""#.to_owned(),
            9 => format!(r#""type":"store.all","bucket":"{name}""#),
            10 => match self.subscriptions.pop() {
                Some(id) => format!(r#""type":"store.unsubscribe","subscriptionId":"{id}""#),
                None => format!(r#""type":"store.count","bucket":"{name}""#),
            },
            11 | 12 => {
                let query = ["q", "q0", "q1", "s", "both"][cluster.random.below(5)];
                format!(r#""type":"store.subscribe","query":"{query}""#)
            }
            13 | 14 => {
                format!(r#""type":"store.insert","bucket":"{name}","data":{{"k":"{key}","v":{value}}}"#)
            }
            _ => {
                let mut operations = ["stays", name].map(|bucket| {
                    format!(r#"{{"op":"insert","bucket":"{bucket}","data":{{"k":"{key}","v":{value}}}}}"#)
                });
                if cluster.random.below(2) == 0 {
                    operations.reverse();
                }
                transaction = Some(key);
                format!(r#""type":"store.transaction","operations":[{}]"#, operations.join(","))
            }
        };
        self.pending.push_back((id, transaction));
        self.client.send(cluster, &format!(r#"{{"id":{id},{body}}}"#));
    }

    /// Checks what has arrived.
    fn listen(&mut self, cluster: &Cluster) {
        for received in self.client.receive(cluster) {
            let Received::Json(message) = received else { panic!("closed: {received:?}") };
            if matches!(message["type"].as_str(), Some("welcome" | "push")) {
                continue;
            }
            let (id, transaction) = self.pending.pop_front().expect("an answer to a request");
            assert_eq!(message["id"].as_u64(), Some(id), "P-121: answers in the order of the requests");
            let is_result = message["type"] == "result";
            assert!(is_result || is_allowed(&message), "{message}");
            if let Some(subscription) = message["data"]["subscriptionId"].as_str() {
                self.subscriptions.push(subscription.to_owned());
            }
            if let Some(key) = transaction {
                assert_ne!(message["code"], "BUCKET_NOT_DEFINED", "S-174");
                self.happened.insert(key, is_result);
            }
        }
    }
}

/// S-23, S-74, S-83, S-124, S-138, S-174, S-215, S-218, S-219, S-222, S-226, S-230: what may come of meeting
/// others.
fn is_allowed(message: &Value) -> bool {
    let text = message["message"].as_str().unwrap_or_default();
    let named =
        |before: &str, after: &str| NAMES.iter().any(|name| text == format!("{before} \"{name}\" {after}"));
    match message["code"].as_str() {
        Some("BUCKET_NOT_DEFINED") => named("Bucket", "is not defined") || named("Bucket", "does not exist"),
        Some("INTERNAL_ERROR") => named("Bucket", "is not defined"),
        Some("ALREADY_EXISTS") => {
            named("Bucket", "already exists")
                || text == "Query \"q\" is already defined"
                || text.starts_with("Unique constraint violation in bucket \"x")
        }
        Some("QUERY_NOT_DEFINED") => text == "Query \"q\" is not defined",
        Some("VALIDATION_ERROR") => text.starts_with("Field \"v\" already exists in bucket \"x"),
        _ => false,
    }
}

/// Everybody against everybody. Returns the trace and how much happened.
fn run(cores: u16, seed: u64) -> (u64, usize) {
    let mut cluster = Cluster::new(&settings(cores), cores, Schedule::Hostile, seed);
    let mut agents: Vec<Agent> =
        (0..8).map(|at| Agent::enter(&mut cluster, at % usize::from(cores))).collect();
    for _ in 0..1_500 {
        let at = cluster.random.below(agents.len());
        match cluster.random.below(8) {
            0..4 => drop(cluster.step()),
            4..6 => agents[at].act(&mut cluster),
            _ if cluster.random.below(120) == 0 => {
                agents[at].has_vanished = true;
                cluster.vanish(agents[at].client.link);
            }
            _ => agents[at].listen(&cluster),
        }
    }
    cluster.settle();
    let mut reader = Client::welcomed(&mut cluster, 0);
    let all = ask(&mut cluster, &mut reader, r#"{"id":1,"type":"store.all","bucket":"stays"}"#);
    let kept: Vec<&str> =
        all["data"].as_array().expect("S-97").iter().filter_map(|record| record["k"].as_str()).collect();
    let mut happened = 0;
    for agent in &mut agents {
        agent.listen(&cluster);
        assert!(agent.has_vanished || agent.pending.is_empty(), "everything is answered");
        for (key, is_result) in &agent.happened {
            assert_eq!(kept.contains(&&**key), *is_result, "S-171: {key}");
        }
        happened += agent.happened.values().filter(|happened| **happened).count();
        cluster.end(agent.client.link);
    }
    cluster.end(reader.link);
    cluster.settle();
    assert_nothing_left(&cluster);
    (cluster.trace(), happened)
}

// S-213…S-231, S-157, S-171, S-174, D-6, D-18, P-121
#[test]
fn buckets_and_queries_come_and_go_under_everybody() {
    let mut happened = 0;
    for seed in seeds(40) {
        for cores in [1, 2, 3, 5] {
            println!("seed {seed}, {cores} cores");
            happened += run(cores, seed).1;
        }
    }
    assert!(happened > 500, "the schedule let transactions happen: {happened}");
}

#[test]
fn a_seed_of_changes_replays() {
    let traces: Vec<u64> = (1..=3).map(|seed| run(3, seed).0).collect();
    assert_eq!(traces, (1..=3).map(|seed| run(3, seed).0).collect::<Vec<_>>());
}

/// Sends a request and lets things happen, those of others too, until it is answered.
fn answer(cluster: &mut Cluster, client: &mut Client, request: &str) -> Value {
    client.send(cluster, request);
    loop {
        let answers = client.json(cluster);
        if let Some(answer) = answers.into_iter().find(|message| message["type"] != "push") {
            return answer;
        }
        assert!(cluster.step(), "{request} is never answered");
    }
}

// S-213, S-214, S-216: the answer to a change comes when it is made on every core.
#[test]
fn a_change_is_made_everywhere_before_its_answer_leaves() {
    for seed in seeds(40) {
        let cores = 4;
        println!("seed {seed}");
        let mut cluster = Cluster::new(&settings(cores), cores, Schedule::Hostile, seed);
        let mut clients: Vec<Client> =
            (0..usize::from(cores)).map(|core| Client::welcomed(&mut cluster, core)).collect();
        let mut noise: Vec<Agent> = (0..3).map(|core| Agent::enter(&mut cluster, core)).collect();
        for round in 0..6 {
            for agent in &mut noise {
                agent.act(&mut cluster);
                agent.listen(&cluster);
            }
            let pick = cluster.random.below(clients.len());
            let define =
                format!(r#"{{"id":1,"type":"store.defineBucket","name":"own","config":{DEFINITION}}}"#);
            let defined = answer(&mut cluster, &mut clients[pick], &define);
            assert_eq!(defined["data"]["created"], true, "S-216: {defined}");
            for (at, client) in clients.iter_mut().enumerate() {
                let insert =
                    format!(r#"{{"id":2,"type":"store.insert","bucket":"own","data":{{"k":"{at}"}}}}"#);
                let inserted = answer(&mut cluster, client, &insert);
                assert_eq!(inserted["type"], "result", "round {round}: {inserted}");
            }
            let other = cluster.random.below(clients.len());
            let drop = r#"{"id":3,"type":"store.dropBucket","name":"own"}"#;
            assert_eq!(answer(&mut cluster, &mut clients[other], drop)["data"]["dropped"], true);
            for client in &mut clients {
                let count = r#"{"id":4,"type":"store.count","bucket":"own"}"#;
                let gone = answer(&mut cluster, client, count);
                assert_eq!(gone["message"], "Bucket \"own\" is not defined", "round {round}");
            }
        }
        cluster.settle();
        for link in 0..cluster.links.len() {
            cluster.end(link);
        }
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}
