//! The workload of the isolation scenarios, and its checks.
//!
//! Product `p<i>` and order `o<i>` live in different buckets, on different cores, and are
//! only ever updated together, in one transaction. So their versions are equal in every
//! state that may be seen:
//!
//! * a transaction that reads both sees equal versions (isolation);
//! * whoever has read one at version v and asks for the other afterwards, in whatever way,
//!   sees at least v (real-time order);
//! * versions never go back for anybody (monotonic reads), in pushes neither.

use crate::client::{Client, Received};
use crate::cluster::Cluster;
use serde_json::Value;
use std::collections::BTreeMap;

/// Pairs of records; few, so that transactions meet.
pub(crate) const PAIRS: usize = 3;

/// Inserts the pairs.
pub(crate) fn stock(cluster: &mut Cluster) {
    let mut client = Client::welcomed(cluster, 0);
    for pair in 0..PAIRS {
        client.send(
            cluster,
            &format!(
                r#"{{"id":{pair},"type":"store.transaction","operations":[{{"op":"insert","bucket":"products","data":{{"id":"p{pair}","title":"t","price":1}}}},{{"op":"insert","bucket":"orders","data":{{"id":"o{pair}","userId":"u","items":"[]","total":0,"createdAt":0}}}}]}}"#
            ),
        );
    }
    cluster.settle();
    let answers = client.json(cluster);
    assert!(answers.len() == PAIRS && answers.iter().all(|answer| answer["type"] == "result"), "{answers:?}");
    cluster.end(client.link);
    cluster.settle();
}

/// What an agent does all the time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Role {
    /// Updates both records of a pair in one transaction.
    Writer,
    /// Reads both records of a pair in one transaction.
    Auditor,
    /// Reads one record, waits for the answer, reads the other.
    Observer,
    /// Subscribes to both buckets and reads nothing.
    Watcher,
}

/// One client with its role, and what it has seen.
pub(crate) struct Agent {
    pub(crate) client: Client,
    pub(crate) role: Role,
    pub(crate) left: bool,
    /// Requests sent and not answered, oldest first.
    pending: Vec<(u64, usize)>,
    next_id: u64,
    /// The highest version seen of each pair, by either record.
    seen: [u64; PAIRS],
    /// The observer's next question: the other record of this pair.
    follow_up: Option<(usize, &'static str)>,
    /// The last state of each subscription.
    pushed: BTreeMap<String, Value>,
    pub(crate) answered: u64,
}

impl Agent {
    pub(crate) fn enter(cluster: &mut Cluster, core: usize, role: Role) -> Self {
        let client = Client::connect(cluster, core);
        let mut agent = Self {
            client,
            role,
            left: false,
            pending: Vec::new(),
            next_id: 0,
            seen: [0; PAIRS],
            follow_up: None,
            pushed: BTreeMap::new(),
            answered: 0,
        };
        if role == Role::Watcher {
            for query in ["product-catalog", "recent-orders"] {
                agent.ask(cluster, usize::MAX, &format!(r#""type":"store.subscribe","query":"{query}""#));
            }
        }
        agent
    }

    /// Does one thing, if its role and its pipeline allow it.
    pub(crate) fn act(&mut self, cluster: &mut Cluster) {
        let pair = cluster.random.below(PAIRS);
        let flipped = cluster.random.below(2) == 0;
        let pipeline = if self.role == Role::Observer { 1 } else { 4 };
        if self.left || self.pending.len() >= pipeline {
            return;
        }
        let (product, order) = (format!("p{pair}"), format!("o{pair}"));
        match self.role {
            Role::Watcher => {}
            Role::Writer => {
                let a = format!(
                    r#"{{"op":"update","bucket":"products","key":"{product}","data":{{"stock":{}}}}}"#,
                    self.next_id
                );
                let b = format!(
                    r#"{{"op":"update","bucket":"orders","key":"{order}","data":{{"total":{}}}}}"#,
                    self.next_id
                );
                let (a, b) = if flipped { (b, a) } else { (a, b) };
                self.ask(cluster, pair, &format!(r#""type":"store.transaction","operations":[{a},{b}]"#));
            }
            Role::Auditor => {
                let a = format!(r#"{{"op":"get","bucket":"products","key":"{product}"}}"#);
                // By key or by predicate: both have to wait for undecided writers.
                let b = if cluster.random.below(2) == 0 {
                    format!(r#"{{"op":"get","bucket":"orders","key":"{order}"}}"#)
                } else {
                    format!(r#"{{"op":"findOne","bucket":"orders","filter":{{"id":"{order}"}}}}"#)
                };
                let (a, b) = if flipped { (b, a) } else { (a, b) };
                self.ask(cluster, pair, &format!(r#""type":"store.transaction","operations":[{a},{b}]"#));
            }
            Role::Observer => {
                let (pair, bucket) =
                    self.follow_up.take().unwrap_or((pair, if flipped { "products" } else { "orders" }));
                let key = format!("{}{pair}", if bucket == "products" { 'p' } else { 'o' });
                self.follow_up = Some((pair, if bucket == "products" { "orders" } else { "products" }));
                self.ask(cluster, pair, &format!(r#""type":"store.get","bucket":"{bucket}","key":"{key}""#));
            }
        }
    }

    fn ask(&mut self, cluster: &mut Cluster, pair: usize, body: &str) {
        self.next_id += 1;
        self.pending.push((self.next_id, pair));
        self.client.send(cluster, &format!(r#"{{"id":{},{body}}}"#, self.next_id));
    }

    /// Looks at what has arrived and checks it.
    pub(crate) fn listen(&mut self, cluster: &Cluster) {
        for received in self.client.receive(cluster) {
            let Received::Json(message) = received else { continue };
            match message["type"].as_str() {
                Some("welcome" | "system") => {}
                Some("push") => {
                    let subscription =
                        message["subscriptionId"].as_str().expect("a push names it").to_owned();
                    self.see_state(&message["data"]);
                    let known = self.pushed.insert(subscription, message["data"].clone());
                    let known = known.expect("S-137: no push before the answer that announces it");
                    assert_ne!(known, message["data"], "S-141: a push brings something new");
                }
                Some("result") => self.answer(&message),
                _ => panic!("{:?} was told {message}", self.role),
            }
        }
    }

    fn answer(&mut self, message: &Value) {
        let (id, pair) = self.pending.remove(0);
        assert_eq!(message["id"].as_u64(), Some(id), "P-121: answers in the order of the requests");
        self.answered += 1;
        let data = &message["data"];
        match self.role {
            Role::Watcher => {
                let subscription = data["subscriptionId"].as_str().expect("P-140").to_owned();
                self.see_state(&data["data"]);
                self.pushed.insert(subscription, data["data"].clone());
            }
            Role::Observer => self.see(pair, version(data)),
            Role::Writer | Role::Auditor => {
                let results = data["results"].as_array().expect("S-159");
                let (a, b) = (version(&results[0]["data"]), version(&results[1]["data"]));
                assert_eq!(a, b, "S-171: half a transaction was seen of pair {pair}");
                self.see(pair, a);
            }
        }
    }

    fn see_state(&self, state: &Value) {
        assert_eq!(state.as_array().map(Vec::len), Some(PAIRS), "both queries return every record");
    }

    fn see(&mut self, pair: usize, version: u64) {
        let seen = &mut self.seen[pair];
        assert!(version >= *seen, "went back in time: pair {pair} at version {version} after {seen}");
        *seen = version;
    }

    /// The end state of its subscriptions equals that of the buckets.
    pub(crate) fn check_end_state(&self, products: &Value, orders: &Value) {
        if self.role == Role::Watcher && !self.left {
            let states: Vec<&Value> = self.pushed.values().collect();
            assert_eq!(states.len(), 2, "both subscriptions were answered");
            assert!(
                states.contains(&products) && states.contains(&orders),
                "S-143: the last push is the last state"
            );
        }
    }
}

fn version(record: &Value) -> u64 {
    record["_version"].as_u64().unwrap_or_else(|| panic!("no record: {record}"))
}
