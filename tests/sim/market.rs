//! The workload of the isolation scenarios, and its checks.
//!
//! Product `p<i>` and order `o<i>` live in different buckets, on different cores, and are
//! only ever updated together, in one transaction. So their versions are equal in every
//! state that may be seen. Users and audit logs are only ever inserted together, under the
//! same key, so that both buckets list the same keys in the same order, always.
//!
//! * A transaction that reads both sees equal versions, or equal lists (isolation).
//! * A request sent after an answer, to whomever, shows at least what that answer showed
//!   (strict serialisability: real-time order).
//! * A witness that has seen a version of a pair and then changes something of its own never
//!   gets a push that shows its change without that version (live queries too).
//! * Pushes of a subscription never go back, and the last one is the last state.
//! * Everybody who stays gets every answer, in order.

use crate::client::{Client, Received};
use crate::cluster::Cluster;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Pairs of records; few, so that transactions meet.
pub(crate) const PAIRS: usize = 3;

/// The lowest version of each pair that a state may show.
type Floor = [u64; PAIRS];

/// What has been seen by anybody so far.
#[derive(Default)]
pub(crate) struct Market {
    floor: Floor,
    /// Length of the shortest list of users or audit logs that may still be seen.
    listed: usize,
}

/// Inserts the pairs, and a product for each witness.
pub(crate) fn stock(cluster: &mut Cluster, witnesses: usize) {
    let mut client = Client::welcomed(cluster, 0);
    for pair in 0..PAIRS {
        client.send(
            cluster,
            &format!(
                r#"{{"id":{pair},"type":"store.transaction","operations":[{{"op":"insert","bucket":"products","data":{{"id":"p{pair}","title":"t","price":1}}}},{{"op":"insert","bucket":"orders","data":{{"id":"o{pair}","userId":"u","items":"[]","total":0,"createdAt":0}}}}]}}"#
            ),
        );
    }
    for witness in 0..witnesses {
        client.send(
            cluster,
            &format!(
                r#"{{"id":1,"type":"store.insert","bucket":"products","data":{{"id":"w{witness}","title":"t","price":1}}}}"#
            ),
        );
    }
    cluster.settle();
    let answers = client.json(cluster);
    assert_eq!(answers.len(), PAIRS + witnesses);
    assert!(answers.iter().all(|answer| answer["type"] == "result"), "{answers:?}");
    cluster.end(client.link);
    cluster.settle();
}

/// What an agent does all the time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Role {
    /// Updates both records of a pair in one transaction; sometimes one that fails.
    Writer,
    /// Inserts a user and an audit log under one key.
    Clerk,
    /// Reads both records of a pair, or both lists, in one transaction.
    Auditor,
    /// Reads one record, waits for the answer, reads the other.
    Observer,
    /// Reads an order, then changes a product of its own; subscribes to the products.
    Witness(usize),
    /// Subscribes to products and orders as one result; never sees half a change.
    Dashboard,
    /// Subscribes to products and orders, leaves the subscription and takes it again.
    Watcher,
}

/// A request that is not answered yet.
struct Pending {
    id: u64,
    what: Asked,
    /// What had been seen by anybody when it was sent.
    floor: Floor,
    listed: usize,
}

enum Asked {
    Pair(usize),
    Record(usize),
    Lists,
    Own,
    Failure,
    Subscribe,
    Unsubscribe,
}

/// One client with its role, and what it has seen.
pub(crate) struct Agent {
    pub(crate) client: Client,
    pub(crate) role: Role,
    pub(crate) left: bool,
    pending: VecDeque<Pending>,
    next_id: u64,
    /// The observer's or witness's next question.
    follow_up: Option<(usize, &'static str)>,
    /// The witness's changes so far: what it had seen when it made the n-th.
    testimony: Vec<Floor>,
    /// What the agent itself has been shown.
    own: Floor,
    /// The last state of each subscription.
    pushed: BTreeMap<String, Value>,
    pub(crate) answered: u64,
}

impl Agent {
    pub(crate) fn enter(cluster: &mut Cluster, core: usize, role: Role, market: &Market) -> Self {
        let client = Client::connect(cluster, core);
        let mut agent = Self {
            client,
            role,
            left: false,
            pending: VecDeque::new(),
            next_id: 0,
            follow_up: None,
            testimony: Vec::new(),
            own: Floor::default(),
            pushed: BTreeMap::new(),
            answered: 0,
        };
        let queries: &[&str] = match role {
            Role::Watcher => &["product-catalog", "recent-orders"],
            Role::Dashboard => &["pairs"],
            Role::Witness(_) => &["product-catalog"],
            _ => &[],
        };
        for query in queries {
            let body = format!(r#""type":"store.subscribe","query":"{query}""#);
            agent.ask(cluster, market, Asked::Subscribe, &body);
        }
        agent
    }

    /// Does one thing, if its role and its pipeline allow it.
    pub(crate) fn act(&mut self, cluster: &mut Cluster, market: &Market) {
        let pipeline = if matches!(self.role, Role::Observer | Role::Witness(_)) { 1 } else { 6 };
        if self.left || self.pending.len() >= pipeline {
            return;
        }
        match self.role {
            Role::Writer => self.write(cluster, market),
            Role::Clerk => self.insert(cluster, market),
            Role::Auditor => self.audit(cluster, market),
            Role::Observer => self.observe(cluster, market),
            Role::Witness(number) => self.witness(cluster, market, number),
            Role::Watcher | Role::Dashboard => self.watch(cluster, market),
        }
    }

    fn write(&mut self, cluster: &mut Cluster, market: &Market) {
        let pair = cluster.random.below(PAIRS);
        let update = |bucket: &str, key: &str, field: &str, n: u64| {
            format!(r#"{{"op":"update","bucket":"{bucket}","key":"{key}","data":{{"{field}":{n}}}}}"#)
        };
        let n = self.next_id;
        let mut operations = vec![
            update("products", &format!("p{pair}"), "stock", n),
            update("orders", &format!("o{pair}"), "total", n),
        ];
        if cluster.random.below(2) == 0 {
            operations.reverse();
        }
        let mut what = Asked::Pair(pair);
        if cluster.random.below(5) == 0 {
            operations.insert(cluster.random.below(3), update("users", "nobody", "credits", n));
            what = Asked::Failure;
        }
        self.transact(cluster, market, what, &operations);
    }

    fn insert(&mut self, cluster: &mut Cluster, market: &Market) {
        let key = format!("{}-{}", self.client.link, self.next_id);
        let mut operations = vec![
            format!(r#"{{"op":"insert","bucket":"users","data":{{"id":"{key}","name":"n","email":"e"}}}}"#),
            format!(
                r#"{{"op":"insert","bucket":"audit-logs","data":{{"id":"{key}","action":"a","userId":"u","timestamp":1}}}}"#
            ),
        ];
        if cluster.random.below(2) == 0 {
            operations.reverse();
        }
        self.transact(cluster, market, Asked::Own, &operations);
    }

    fn audit(&mut self, cluster: &mut Cluster, market: &Market) {
        let pair = cluster.random.below(PAIRS);
        let (what, mut operations) = match cluster.random.below(3) {
            0 => (
                Asked::Lists,
                ["users", "audit-logs"].map(|b| format!(r#"{{"op":"where","bucket":"{b}","filter":{{}}}}"#)),
            ),
            1 => (
                Asked::Pair(pair),
                [("products", 'p'), ("orders", 'o')]
                    .map(|(b, c)| format!(r#"{{"op":"get","bucket":"{b}","key":"{c}{pair}"}}"#)),
            ),
            // By a predicate: it has to wait for undecided writers as well.
            _ => (
                Asked::Pair(pair),
                [("products", 'p'), ("orders", 'o')].map(|(b, c)| {
                    format!(r#"{{"op":"findOne","bucket":"{b}","filter":{{"id":"{c}{pair}"}}}}"#)
                }),
            ),
        };
        if cluster.random.below(2) == 0 {
            operations.reverse();
        }
        self.transact(cluster, market, what, &operations);
    }

    fn observe(&mut self, cluster: &mut Cluster, market: &Market) {
        let first = if cluster.random.below(2) == 0 { "products" } else { "orders" };
        let pair = cluster.random.below(PAIRS);
        let (pair, bucket) = self.follow_up.take().unwrap_or((pair, first));
        let (letter, other) = if bucket == "products" { ('p', "orders") } else { ('o', "products") };
        self.follow_up = Some((pair, other));
        let body = format!(r#""type":"store.get","bucket":"{bucket}","key":"{letter}{pair}""#);
        self.ask(cluster, market, Asked::Record(pair), &body);
    }

    fn witness(&mut self, cluster: &mut Cluster, market: &Market, number: usize) {
        if self.follow_up.take().is_none() {
            let pair = cluster.random.below(PAIRS);
            self.follow_up = Some((pair, "own"));
            let body = format!(r#""type":"store.get","bucket":"orders","key":"o{pair}""#);
            return self.ask(cluster, market, Asked::Record(pair), &body);
        }
        self.testimony.push(self.own);
        let count = self.testimony.len();
        let body = format!(
            r#""type":"store.update","bucket":"products","key":"w{number}","data":{{"stock":{count}}}"#
        );
        self.ask(cluster, market, Asked::Own, &body);
    }

    fn watch(&mut self, cluster: &mut Cluster, market: &Market) {
        if cluster.random.below(6) > 0 {
            return;
        }
        let Some(id) = self.pushed.keys().next().cloned().filter(|_| self.pending.is_empty()) else { return };
        let query = match &self.pushed[&id] {
            state if state.is_object() => "pairs",
            state if state[0]["id"] == "p0" => "product-catalog",
            _ => "recent-orders",
        };
        let body = format!(r#""type":"store.unsubscribe","subscriptionId":"{id}""#);
        self.ask(cluster, market, Asked::Unsubscribe, &body);
        let body = format!(r#""type":"store.subscribe","query":"{query}""#);
        self.ask(cluster, market, Asked::Subscribe, &body);
    }

    fn transact(&mut self, cluster: &mut Cluster, market: &Market, what: Asked, operations: &[String]) {
        let body = format!(r#""type":"store.transaction","operations":[{}]"#, operations.join(","));
        self.ask(cluster, market, what, &body);
    }

    fn ask(&mut self, cluster: &mut Cluster, market: &Market, what: Asked, body: &str) {
        self.next_id += 1;
        let Market { floor, listed } = *market;
        self.pending.push_back(Pending { id: self.next_id, what, floor, listed });
        self.client.send(cluster, &format!(r#"{{"id":{},{body}}}"#, self.next_id));
    }

    /// Looks at what has arrived and checks it.
    pub(crate) fn listen(&mut self, cluster: &Cluster, market: &mut Market) {
        for received in self.client.receive(cluster) {
            let Received::Json(message) = received else { continue };
            match message["type"].as_str() {
                Some("welcome" | "system") => {}
                Some("push") => self.push(&message),
                _ => self.answer(&message, market),
            }
        }
    }

    fn push(&mut self, message: &Value) {
        let (id, state) = (message["subscriptionId"].as_str().expect("a push names it"), &message["data"]);
        let known = self.pushed.get(id).expect("S-137, S-151: only between its answer and its end");
        assert_ne!(known, state, "S-141: a push brings something new");
        check_pairs(known, state);
        for (before, after) in
            known.as_array().into_iter().flatten().zip(state.as_array().into_iter().flatten())
        {
            assert!(version(before) <= version(after), "S-143: a push went back from {before} to {after}");
        }
        if let Role::Witness(number) = self.role {
            let own =
                state.as_array().into_iter().flatten().find(|record| record["id"] == format!("w{number}"));
            let count = own.and_then(|own| own["stock"].as_u64()).expect("its own product is there");
            let seen = count.checked_sub(1).map(|at| self.testimony[usize::try_from(at).expect("few")]);
            for (pair, seen) in seen.unwrap_or_default().into_iter().enumerate() {
                let shown = version(&state[pair]);
                assert!(
                    shown >= seen,
                    "S-142: a push shows pair {pair} at {shown}, its reader had seen {seen}"
                );
            }
        }
        self.pushed.insert(id.to_owned(), state.clone());
    }

    fn answer(&mut self, message: &Value, market: &mut Market) {
        let Pending { id, what, floor, listed } = self.pending.pop_front().expect("an answer to a request");
        assert_eq!(message["id"].as_u64(), Some(id), "P-121: answers in the order of the requests");
        self.answered += 1;
        let data = &message["data"];
        if let Asked::Failure = what {
            let text = "Record with key \"nobody\" not found in bucket \"users\"";
            return assert_eq!(message["message"], text, "S-175");
        }
        assert_eq!(message["type"], "result", "{:?} was told {message}", self.role);
        match what {
            Asked::Record(pair) => self.see(pair, version(data), &floor, market),
            Asked::Pair(pair) => {
                let (a, b) = (version(&data["results"][0]["data"]), version(&data["results"][1]["data"]));
                assert_eq!(a, b, "S-171: half a transaction was seen of pair {pair}");
                self.see(pair, a, &floor, market);
            }
            Asked::Lists => {
                let (a, b) = (keys(&data["results"][0]["data"]), keys(&data["results"][1]["data"]));
                assert_eq!(a, b, "S-70, S-171: both lists have the same keys in the same order");
                assert!(a.len() >= listed, "went back in time: {} listed after {listed}", a.len());
                market.listed = market.listed.max(a.len());
            }
            Asked::Subscribe => {
                let subscription = data["subscriptionId"].as_str().expect("P-140").to_owned();
                check_pairs(&Value::Null, &data["data"]);
                self.pushed.insert(subscription, data["data"].clone());
            }
            Asked::Unsubscribe => {
                self.pushed.pop_first();
            }
            Asked::Own | Asked::Failure => {}
        }
    }

    fn see(&mut self, pair: usize, version: u64, floor: &Floor, market: &mut Market) {
        let least = floor[pair];
        assert!(version >= least, "went back in time: pair {pair} at version {version} after {least}");
        market.floor[pair] = market.floor[pair].max(version);
        self.own[pair] = self.own[pair].max(version);
    }

    /// Everything was answered, and the end state of its subscriptions is that of the buckets.
    pub(crate) fn check_end_state(&self, products: &Value, orders: &Value) {
        if self.left {
            return;
        }
        assert!(
            self.pending.is_empty(),
            "P-49: {:?} still waits for {} answers",
            self.role,
            self.pending.len()
        );
        for state in self.pushed.values() {
            let both = &state["products"] == products && &state["orders"] == orders;
            assert!(both || state == products || state == orders, "S-143: the last push is the last state");
        }
    }
}

/// A state of both buckets shows every change of a pair in both of them, and none is taken back.
fn check_pairs(before: &Value, state: &Value) {
    for pair in (0..PAIRS).filter(|_| state.is_object()) {
        let of = |bucket: &str| version(&state[bucket][pair]);
        assert_eq!(of("products"), of("orders"), "S-145: half a transaction was pushed of pair {pair}");
        let known = before["orders"][pair]["_version"].as_u64().unwrap_or(0);
        assert!(known <= of("orders"), "S-143: a push went back");
    }
}

fn version(record: &Value) -> u64 {
    record["_version"].as_u64().unwrap_or_else(|| panic!("no record: {record}"))
}

/// The keys of a list, in its order.
pub(crate) fn keys(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(|record| record["id"].as_str()).collect()
}
