//! The server stops, at every step of what its clients were doing.
//!
//! A run under a seed is the same up to the step at which it is cut, so that each is cut at one
//! step after the other. Whatever the step: what was executed is answered, what is not answered
//! was not executed, everybody is told once, and everything ends.

use crate::client::{Client, Received};
use crate::cluster::{Cluster, Schedule};
use crate::scenarios::assert_nothing_left;
use crate::{seeds, shop};
use noex_server::node::{Call, Input, Settings};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a visitor asks for again and again.
#[derive(Clone, Copy, Debug)]
enum Errand {
    /// One record on one core.
    Insert,
    /// Two records under one key, on two cores.
    Transaction,
    /// A bucket, by way of all cores.
    Define,
    /// Live queries, statistics of all cores, events.
    Watch,
}

const ERRANDS: [Errand; 4] = [Errand::Insert, Errand::Transaction, Errand::Define, Errand::Watch];

/// Requests that a visitor has under way at most.
const PIPELINE: u64 = 6;

struct Visitor {
    client: Client,
    errand: Errand,
    asked: u64,
    heard: Vec<Received>,
    answers: u64,
    /// The names of what it was told to be done.
    done: BTreeSet<String>,
}

impl Visitor {
    fn enter(cluster: &mut Cluster, core: usize, errand: Errand) -> Self {
        let client = Client::connect(cluster, core);
        Self { client, errand, asked: 0, heard: Vec::new(), answers: 0, done: BTreeSet::new() }
    }

    fn name(&self, number: u64) -> String {
        format!("v{}-{number}", self.client.link)
    }

    fn act(&mut self, cluster: &mut Cluster) {
        if self.asked - self.answers >= PIPELINE {
            return;
        }
        self.asked += 1;
        let (id, name) = (self.asked, self.name(self.asked));
        let request = match self.errand {
            Errand::Insert => {
                json!({"type": "store.insert", "bucket": "products", "data": {"id": name, "title": "t", "price": 1}})
            }
            Errand::Transaction => json!({"type": "store.transaction", "operations": [
                {"op": "insert", "bucket": "users", "data": {"id": name, "name": "n", "email": "e"}},
                {"op": "insert", "bucket": "audit-logs", "data": {"id": name, "action": "a", "userId": "u", "timestamp": 1}},
            ]}),
            Errand::Define => {
                let config = json!({"key": "k", "schema": {"k": {"type": "string"}}});
                json!({"type": "store.defineBucket", "name": name, "config": config})
            }
            Errand::Watch => match id % 4 {
                0 => json!({"type": "server.stats"}),
                1 => json!({"type": "store.subscribe", "query": "pairs"}),
                2 => json!({"type": "store.subscribe", "query": "product-catalog"}),
                _ => json!({"type": "rules.emit", "topic": "t", "data": {}}),
            },
        };
        let mut request = request;
        request["id"] = json!(id);
        self.client.send(cluster, &request.to_string());
    }

    fn listen(&mut self, cluster: &Cluster) {
        for received in self.client.receive(cluster) {
            if let Received::Json(message) = &received
                && let Some(id) = message["id"].as_u64()
            {
                self.answers += 1;
                assert_eq!(id, self.answers, "P-121: answers in the order of the requests");
                assert_eq!(message["type"], "result", "{:?}: {message}", self.errand);
                self.done.insert(self.name(id));
            }
            self.heard.push(received);
        }
    }

    fn heard_of(&self, kind: &str) -> usize {
        let is_it = |received: &&Received| matches!(received, Received::Json(json) if json["type"] == kind);
        self.heard.iter().filter(is_it).count()
    }

    /// P-80, P-161, P-170, P-172, P-15: it was told once, if there was something to tell, and seen off.
    fn check_farewell(&self, grace_period_ms: u64) {
        let Self { errand, heard, .. } = self;
        if self.heard_of("welcome") == 0 {
            let rejected = Received::Close(Some(1001), "server_shutting_down".into());
            return assert!(heard.is_empty() || heard[..] == [rejected], "{errand:?} heard {heard:?}");
        }
        assert_eq!(self.heard_of("system"), usize::from(grace_period_ms > 0), "{errand:?} was told once");
        let goodbye = Received::Close(Some(1000), "server_shutdown".into());
        assert_eq!(heard.last(), Some(&goodbye), "{errand:?}");
    }
}

/// Asks the server as its embedding program does, which it answers when all clients have left: the
/// store is there (P-177).
fn embedded(cluster: &mut Cluster, request: &Value) -> Value {
    let text = request.to_string();
    cluster.drive(0, Input::Call(0, Call::Request(&text)), None);
    cluster.settle();
    let reply = cluster.replies.pop().expect("a reply").expect("a result");
    serde_json::from_slice(&reply).expect("JSON")
}

fn ids(cluster: &mut Cluster, bucket: &str) -> BTreeSet<String> {
    let all = embedded(cluster, &json!({"id": 1, "type": "store.all", "bucket": bucket}));
    all.as_array()
        .expect("a list")
        .iter()
        .map(|record| record["id"].as_str().expect("S-33").to_owned())
        .collect()
}

/// What has been executed of an errand, by name.
fn executed(cluster: &mut Cluster, errand: Errand) -> BTreeSet<String> {
    match errand {
        Errand::Insert => ids(cluster, "products"),
        Errand::Transaction => {
            let (users, logs) = (ids(cluster, "users"), ids(cluster, "audit-logs"));
            assert_eq!(users, logs, "S-171: all or nothing");
            users
        }
        Errand::Define => {
            let buckets = embedded(cluster, &json!({"id": 1, "type": "store.buckets"}));
            let names = buckets["names"].as_array().expect("a list").iter();
            names.filter_map(Value::as_str).filter(|name| name.starts_with('v')).map(str::to_owned).collect()
        }
        Errand::Watch => BTreeSet::new(),
    }
}

/// Plays until that step, stops the server, and checks the end. False = it never came to that step.
fn cut(settings: &Settings, cores: u16, seed: u64, steps: u64, grace_period_ms: u64) -> bool {
    /// What visitors do until they have nothing more to do.
    const ACTS: u64 = 700;
    let mut cluster = Cluster::new(settings, cores, Schedule::Hostile, seed);
    let enter = |(at, errand): (usize, &Errand)| (at % usize::from(cores), *errand);
    let mut visitors: Vec<Visitor> = ERRANDS
        .iter()
        .chain(&ERRANDS)
        .enumerate()
        .map(enter)
        .map(|(core, errand)| Visitor::enter(&mut cluster, core, errand))
        .collect();
    for _ in 0..ACTS {
        if cluster.steps >= steps {
            break;
        }
        let at = cluster.random.below(visitors.len());
        if cluster.random.below(3) == 0 {
            visitors[at].act(&mut cluster);
            visitors[at].listen(&cluster);
        }
        cluster.step();
    }
    let has_come_that_far = cluster.steps >= steps;
    cluster.shutdown(grace_period_ms);
    // P-171, P-174: who is there goes on asking; who comes now is not let in.
    let late = Visitor::enter(&mut cluster, 0, Errand::Insert);
    visitors.push(late);
    for visitor in &mut visitors {
        visitor.act(&mut cluster);
        cluster.step();
    }
    for _ in 0..40 {
        for link in 0..cluster.links.len() {
            if cluster.server_has_ended(link) {
                cluster.end(link);
            }
        }
        cluster.advance(250);
    }
    assert!(cluster.all_stopped(), "P-170: it has stopped");
    for visitor in &mut visitors {
        visitor.listen(&cluster);
        visitor.check_farewell(grace_period_ms);
        assert!(cluster.is_closed(visitor.client.link), "P-170: its socket is closed");
    }
    for errand in [Errand::Insert, Errand::Transaction, Errand::Define] {
        let of =
            |visitor: &&Visitor| std::mem::discriminant(&visitor.errand) == std::mem::discriminant(&errand);
        let done: BTreeSet<String> =
            visitors.iter().filter(of).flat_map(|visitor| visitor.done.clone()).collect();
        assert_eq!(executed(&mut cluster, errand), done, "P-174: executed is answered, {errand:?}");
    }
    assert_nothing_left(&cluster);
    has_come_that_far
}

// P-15, P-170…P-174, P-161, S-171: at every step of every run, with and without a grace period
#[test]
fn a_shutdown_at_any_step() {
    /// Steps between two cuts of one run; the runs begin at different ones.
    const STRIDE: u64 = 9;
    let mut cuts = 0;
    for seed in seeds(3) {
        let cores = [1, 2, 3][usize::try_from(seed % 3).expect("below three")];
        let settings = shop::open(cores);
        for grace_period_ms in [0, 500] {
            let mut steps = (seed - 1) % STRIDE;
            println!("seed {seed}, {cores} cores, grace {grace_period_ms} ms");
            while cut(&settings, cores, seed, steps, grace_period_ms) {
                steps += STRIDE;
                cuts += 1;
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 200, "runs are long enough: {cuts}");
}
