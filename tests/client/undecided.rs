//! What others meet while a transaction over two cores is undecided (02 §9.3): its first participant
//! has voted and holds its locks, its coordinator has not heard of it yet.

use crate::client::Client;
use crate::cluster::Cluster;
use crate::{assert_nothing_left, prompt};
use noex_server::node::Settings;
use serde_json::{Value, json};

/// `x` lives on core 0, `y` on core 1.
const BUCKETS: &[(&str, &str)] = &[
    (
        "x",
        r#"{"key":"k","maxSize":2,"ttl":1000,"schema":{"k":{"type":"string"},"email":{"type":"string","unique":true}}}"#,
    ),
    ("y", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
];

/// The coordinator's client, on core 1, and another one on core 0.
struct Scene {
    cluster: Cluster,
    first: Client,
    other: Client,
}

impl Scene {
    /// Records in `x`, and one `taken` in `y`.
    fn new(records: Value) -> Self {
        let settings: Settings = crate::shop::settings(BUCKETS, &[], 2);
        let mut cluster = prompt(&settings, 2);
        let first = Client::welcomed(&mut cluster, 1);
        let other = Client::welcomed(&mut cluster, 0);
        let mut scene = Self { cluster, first, other };
        let insert =
            |bucket: &str, data: &Value| json!({"type": "store.insertMany", "bucket": bucket, "data": data});
        scene.other(&insert("x", &records)).expect("an answer");
        scene.other(&insert("y", &json!([{"k": "taken"}]))).expect("an answer");
        scene
    }

    /// Begins a transaction: an operation on `x`, and an insert into `y` that works or does not.
    fn begin(&mut self, operation: &Value, works: bool) {
        let key = if works { "free" } else { "taken" };
        let operations = json!([operation, {"op": "insert", "bucket": "y", "data": {"k": key}}]);
        let request = json!({"id": 1, "type": "store.transaction", "operations": operations});
        self.first.send(&mut self.cluster, &request.to_string());
        self.cluster.settle_links();
        self.cluster.deliver_mail(1, 0);
        assert_eq!(self.cluster.mail_under_way().collect::<Vec<_>>(), [(0, 1)], "the vote");
        assert_eq!(self.cluster.census()[0].shard.prepared, 1);
    }

    /// Asks for something on core 0; the answer, if it comes although the vote does not arrive.
    fn other(&mut self, request: &Value) -> Option<Value> {
        let mut request = request.clone();
        request["id"] = json!(2);
        self.other.send(&mut self.cluster, &request.to_string());
        if self.cluster.census()[0].shard.prepared == 0 {
            self.cluster.settle();
        }
        self.cluster.settle_links();
        self.answer()
    }

    fn answer(&mut self) -> Option<Value> {
        self.other.json(&self.cluster).pop()
    }

    /// Lets the vote arrive, and everything follow from it: whether the transaction has happened, and
    /// the keys in `x` then.
    fn decide(&mut self) -> bool {
        self.cluster.settle();
        self.first.json(&self.cluster)[0]["type"] == "result"
    }

    fn keys(&mut self) -> Vec<String> {
        let all = self.other(&json!({"type": "store.all", "bucket": "x"})).expect("an answer");
        let keys = all["data"].as_array().expect("S-97").iter();
        keys.map(|record| record["k"].as_str().expect("a key").to_owned()).collect()
    }

    fn end(mut self) {
        self.cluster.end(self.first.link);
        self.cluster.end(self.other.link);
        self.cluster.settle();
        assert_nothing_left(&self.cluster);
    }
}

fn insert(k: &str, email: &str) -> Value {
    json!({"op": "insert", "bucket": "x", "data": {"k": k, "email": email}})
}

/// The same, stand-alone or as a transaction of its own.
fn requests(operation: &Value) -> [Value; 2] {
    let alone = json!({"type": "store.insert", "bucket": "x", "data": operation["data"]});
    [alone, json!({"type": "store.transaction", "operations": [operation]})]
}

// S-74, S-172: two that want the same unique value: the second one waits, and gets it or not as the
// first one fails or not
#[test]
fn a_unique_value_that_is_claimed() {
    for works in [true, false] {
        for request in requests(&insert("second", "e@m.org")) {
            let mut scene = Scene::new(json!([]));
            scene.begin(&insert("first", "e@m.org"), works);
            assert_eq!(scene.other(&request), None, "{request}");
            assert_eq!(scene.decide(), works);
            let answer = scene.answer().expect("it goes on");
            assert_eq!(answer["code"], if works { json!("ALREADY_EXISTS") } else { json!(null) });
            assert_eq!(scene.keys(), [if works { "first" } else { "second" }]);
            scene.end();
        }
    }
}

// S-76, S-178: a unique value that a delete has freed is not free before the delete is decided
#[test]
fn a_unique_value_that_is_being_freed() {
    for works in [true, false] {
        for request in requests(&insert("second", "e@m.org")) {
            let mut scene = Scene::new(json!([{"k": "old", "email": "e@m.org"}]));
            scene.begin(&json!({"op": "delete", "bucket": "x", "key": "old"}), works);
            assert_eq!(scene.other(&request), None, "{request}");
            assert_eq!(scene.decide(), works);
            let answer = scene.answer().expect("it goes on");
            assert_eq!(answer["code"], if works { json!(null) } else { json!("ALREADY_EXISTS") });
            assert_eq!(scene.keys(), [if works { "second" } else { "old" }]);
            scene.end();
        }
    }
}

// S-179, S-193: two inserts into a full bucket evict one each, and one that does not happen evicts none
#[test]
fn a_bucket_that_is_full() {
    for works in [true, false] {
        for request in requests(&insert("second", "2@m.org")) {
            let mut scene = Scene::new(json!([{"k": "a"}, {"k": "b"}]));
            scene.begin(&insert("first", "1@m.org"), works);
            assert_eq!(scene.other(&request), None, "{request}");
            assert_eq!(scene.decide(), works);
            assert_eq!(scene.answer().expect("it goes on")["code"], json!(null));
            assert_eq!(scene.keys(), [if works { "first" } else { "b" }, "second"]);
            scene.end();
        }
    }
}

// S-189, S-87, S-171: a record whose time comes while a transaction has it stays until that is
// decided; then it goes, unless it has been given more time
#[test]
fn a_record_that_expires_meanwhile() {
    for works in [true, false] {
        let mut scene = Scene::new(json!([{"k": "a"}, {"k": "b"}]));
        let keep = json!({"op": "update", "bucket": "x", "key": "a", "data": {"_expiresAt": null}});
        scene.begin(&keep, works);
        scene.cluster.tick(1_500);
        assert_eq!(scene.cluster.census()[0].shard.records, 1, "only the one that nobody has is gone");
        assert_eq!(scene.decide(), works);
        // What was kept back is looked at again soon after (K-12).
        scene.cluster.advance(50);
        assert_eq!(scene.keys(), if works { vec!["a"] } else { vec![] });
        scene.end();
    }
}
