//! What meets a transaction that has voted and is not decided: the messages between cores are
//! delivered by hand.

use crate::client::Client;
use crate::cluster::{Cluster, Schedule};
use crate::{scenarios, shop};
use noex_server::base::limits::{FLIGHT_REQUESTS_MAX, WAITING_ENVELOPES_MAX};
use noex_server::node::{Call, Input};
use serde_json::Value;

/// Buckets on cores 0, 1 and 2, and so on.
const BUCKETS: [(&str, &str); 7] = [
    (
        "people",
        r#"{"key":"k","schema":{"k":{"type":"string"},"email":{"type":"string","unique":true},"v":{"type":"number"}}}"#,
    ),
    ("plain", r#"{"key":"k","schema":{"k":{"type":"string"},"v":{"type":"number"}}}"#),
    ("nothing", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
    ("short", r#"{"key":"k","schema":{"k":{"type":"string"}},"maxSize":1}"#),
    ("also-plain", r#"{"key":"k","schema":{"k":{"type":"string"},"v":{"type":"number"}}}"#),
    ("nothing-either", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
    ("first", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
];

/// With `short`, of core 0, records that expire.
const EXPIRING: (&str, &str) = ("short", r#"{"key":"k","schema":{"k":{"type":"string"}},"ttl":300}"#);

struct Held {
    cluster: Cluster,
    clients: Vec<Client>,
}

impl Held {
    /// Clients on cores 2, 2 and 0; `filled` is inserted before anything else happens.
    fn new(buckets: &[(&str, &str)], filled: &[&str]) -> Self {
        let mut held = Self::on(3, buckets, &[]);
        for request in filled {
            held.send(0, request);
            held.cluster.settle();
            assert_eq!(held.answers(0)[0]["type"], "result");
        }
        held
    }

    fn on(cores: u16, buckets: &[(&str, &str)], queries: &[(&str, &str)]) -> Self {
        let mut cluster = Cluster::new(&shop::settings(buckets, queries, cores), cores, Schedule::Prompt, 1);
        let clients = [2, 2, 0].map(|core| Client::welcomed(&mut cluster, core)).into();
        Self { cluster, clients }
    }

    /// Sends a request, which arrives; messages between cores stay under way.
    fn send(&mut self, client: usize, request: &str) {
        self.clients[client].send(&mut self.cluster, &format!(r#"{{"id":1,"type":"store.{request}}}"#));
        self.cluster.settle_links();
    }

    fn transact(&mut self, client: usize, operations: &str) {
        self.send(client, &format!(r#"transaction","operations":[{operations}]"#));
    }

    fn answers(&mut self, client: usize) -> Vec<Value> {
        self.cluster.settle_links();
        self.clients[client].json(&self.cluster)
    }

    /// The only answer of a client.
    fn answer(&mut self, client: usize) -> Value {
        let mut answers = self.answers(client);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    /// All records of a bucket; of each, one field.
    fn all(&mut self, bucket: &str, field: &str) -> Vec<Value> {
        let mut reader = Client::welcomed(&mut self.cluster, 1);
        let request = format!(r#"{{"id":1,"type":"store.all","bucket":"{bucket}"}}"#);
        let answer = scenarios::ask(&mut self.cluster, &mut reader, &request);
        self.cluster.end(reader.link);
        answer["data"].as_array().expect("S-97").iter().map(|record| record[field].clone()).collect()
    }

    /// Everything is delivered, everybody leaves, and nothing is kept.
    fn end(mut self) {
        self.clients.iter().for_each(|client| self.cluster.end(client.link));
        self.cluster.settle();
        scenarios::assert_nothing_left(&self.cluster);
    }
}

fn insert(bucket: &str, data: &str) -> String {
    format!(r#"{{"op":"insert","bucket":"{bucket}","data":{{{data}}}}}"#)
}

/// Two transactions that both give away the same unique value on core 0; the first one has voted
/// there when the second one comes. The answers of both.
fn two_claims(first: &str, second: &str) -> [Value; 2] {
    let mut held = Held::new(&BUCKETS, &[r#"insert","bucket":"plain","data":{"k":"taken"}"#]);
    held.transact(0, first);
    held.cluster.deliver_mail(2, 0);
    assert_eq!(held.cluster.census()[0].shard.prepared, 1);
    held.transact(1, second);
    held.cluster.deliver_mail(2, 0);
    assert_eq!(held.cluster.census()[0].shard.waiting, 1, "it waits for the first one's decision");
    held.cluster.settle();
    let answers = [held.answer(0), held.answer(1)];
    let people = held.all("people", "email");
    assert_eq!(people, ["x"], "one of them has it");
    held.end();
    answers
}

/// The operations of a transaction that gives the value away, and inserts a key on core 1.
fn claim(key: &str, other: &str) -> String {
    let person = insert("people", &format!(r#""k":"{key}","email":"x""#));
    [person, insert("plain", &format!(r#""k":"{other}""#))].join(",")
}

// S-74, S-173, S-172: a unique value that an undecided transaction takes
#[test]
fn a_unique_value_is_given_once() {
    let [won, lost] = two_claims(&claim("a", "a"), &claim("b", "b"));
    assert_eq!(won["type"], "result");
    assert_eq!(lost["code"], "ALREADY_EXISTS");
    assert_eq!(
        lost["message"],
        r#"Unique constraint violation in bucket "people": field "email" already has value "x""#
    );
    assert_eq!(lost["details"], serde_json::json!({"bucket": "people", "field": "email", "value": "x"}));
    assert_eq!(lost["data"], Value::Null, "S-173: no results, no index of the operation");
}

// S-171, S-172: it is free again if that transaction fails
#[test]
fn a_unique_value_is_free_again_after_a_failure() {
    let [failed, won] = two_claims(&claim("a", "taken"), &claim("b", "b"));
    assert_eq!(failed["code"], "CONFLICT");
    assert_eq!(won["type"], "result");
}

// S-76, S-178: a value that a delete sets free is nobody else's before the delete is decided
#[test]
fn a_unique_value_is_not_free_before_the_decision() {
    for (other, code) in [("1", None), ("taken", Some("ALREADY_EXISTS"))] {
        let filled = [
            r#"insert","bucket":"plain","data":{"k":"taken"}"#,
            r#"insert","bucket":"people","data":{"k":"old","email":"x"}"#,
        ];
        let mut held = Held::new(&BUCKETS, &filled);
        let delete = r#"{"op":"delete","bucket":"people","key":"old"}"#.to_owned();
        held.transact(0, &[delete, insert("plain", &format!(r#""k":"{other}""#))].join(","));
        held.cluster.deliver_mail(2, 0);
        held.send(2, r#"insert","bucket":"people","data":{"k":"new","email":"x"}"#);
        assert_eq!(held.answers(2), [Value::Null; 0], "it waits");
        held.cluster.settle();
        assert_eq!(held.answer(2)["code"].as_str(), code);
        assert_eq!(held.all("people", "k"), [if code.is_none() { "new" } else { "old" }]);
        held.end();
    }
}

// S-179, S-193: the limit holds when two transactions insert at once
#[test]
fn a_bucket_keeps_its_size() {
    let mut held = Held::new(&BUCKETS, &[]);
    for client in [0, 1] {
        let key = format!(r#""k":"{client}""#);
        held.transact(client, &[insert("short", &key), insert("also-plain", &key)].join(","));
        held.cluster.deliver_mail(2, 0);
    }
    let census = held.cluster.census()[0].shard;
    assert_eq!((census.prepared, census.waiting), (1, 1));
    held.cluster.settle();
    assert_eq!(
        (held.answer(0)["type"].clone(), held.answer(1)["type"].clone()),
        ("result".into(), "result".into())
    );
    assert_eq!(held.all("short", "k"), ["1"], "the later one has taken the place of the earlier one");
    assert_eq!(held.all("also-plain", "k"), ["0", "1"]);
    held.end();
}

// S-189, S-171: a record that an undecided transaction has read or changed is not taken away before
// the decision, and then it is
#[test]
fn a_record_does_not_expire_under_a_lock() {
    let buckets = [BUCKETS[0], BUCKETS[1], BUCKETS[2], EXPIRING];
    for operation in [
        r#"{"op":"get","bucket":"short","key":"a"}"#,
        r#"{"op":"update","bucket":"short","key":"a","data":{"x":1}}"#,
        r#"{"op":"count","bucket":"short"}"#,
    ] {
        let filled =
            [r#"insert","bucket":"short","data":{"k":"a"}"#, r#"insert","bucket":"short","data":{"k":"b"}"#];
        let mut held = Held::new(&buckets, &filled);
        held.transact(0, &[operation, &insert("plain", r#""k":"1""#)].join(","));
        held.cluster.deliver_mail(2, 0);
        assert_eq!(held.cluster.census()[0].shard.prepared, 1);
        let before = held.cluster.census()[0].shard.records;
        held.cluster.tick(350);
        let after = held.cluster.census()[0].shard.records;
        let is_whole = operation.contains("count");
        assert_eq!(before - after, usize::from(!is_whole), "only what nobody holds has gone");
        held.cluster.settle();
        assert_eq!(held.answer(0)["type"], "result");
        held.cluster.advance(50);
        assert_eq!(held.all("short", "k"), Vec::<Value>::new(), "after {operation}");
        held.end();
    }
}

// S-87, S-189: a record whose time has come meanwhile stays if the decision gives it more
#[test]
fn a_record_that_is_given_more_time_stays() {
    let buckets = [BUCKETS[0], BUCKETS[1], BUCKETS[2], EXPIRING];
    let mut held = Held::new(&buckets, &[r#"insert","bucket":"short","data":{"k":"a"}"#]);
    let keep = r#"{"op":"update","bucket":"short","key":"a","data":{"_expiresAt":null}}"#.to_owned();
    held.transact(0, &[keep, insert("plain", r#""k":"1""#)].join(","));
    held.cluster.deliver_mail(2, 0);
    held.cluster.tick(350);
    held.cluster.settle();
    held.cluster.advance(1_000);
    assert_eq!(held.all("short", "k"), ["a"]);
    held.end();
}

// S-70, S-171: transactions that insert into the same bucket do not wait for each other, and those
// that are decided first stand first, on every core
#[test]
fn inserts_of_undecided_transactions_find_their_order() {
    let mut held = Held::new(&BUCKETS, &[]);
    for client in [0, 1, 2] {
        let key = format!(r#""k":"{client}""#);
        held.transact(client, &[insert("plain", &key), insert("first", &key)].join(","));
    }
    held.cluster.deliver_mail(2, 0);
    held.cluster.deliver_mail(2, 0);
    let census = held.cluster.census()[0].shard;
    assert_eq!((census.prepared, census.waiting), (3, 0), "all of them have voted");
    held.cluster.deliver_mail(0, 1); // the third client's, whose own core is the first participant
    held.cluster.deliver_mail(1, 0);
    assert_eq!(held.answer(2)["type"], "result");
    assert_eq!(held.cluster.census()[0].shard.records, 0, "the others may have happened before it");
    held.cluster.settle();
    assert_eq!(held.answer(0)["type"], "result");
    assert_eq!(held.answer(1)["type"], "result");
    assert_eq!(held.all("plain", "k"), ["2", "0", "1"]);
    assert_eq!(held.all("first", "k"), ["2", "0", "1"]);
    held.end();
}

// S-171: more than may wait is refused clearly, and nothing that waits is lost
#[test]
fn those_who_wait_are_bounded() {
    let mut held = Held::new(&BUCKETS, &[r#"insert","bucket":"people","data":{"k":"a","v":0}"#]);
    let update = r#"{"op":"update","bucket":"people","key":"a","data":{"v":1}}"#;
    held.transact(0, &[update, &insert("plain", r#""k":"0""#)].join(","));
    held.cluster.deliver_mail(2, 0);
    let get = r#"{"id":1,"type":"store.get","bucket":"people","key":"a"}"#;
    let crowd: Vec<Client> = (0..WAITING_ENVELOPES_MAX / FLIGHT_REQUESTS_MAX)
        .map(|_| {
            let link = held.cluster.connect(0);
            let client = Client::upgrade(&mut held.cluster, link);
            (0..FLIGHT_REQUESTS_MAX).for_each(|_| client.send(&mut held.cluster, get));
            client
        })
        .collect();
    held.cluster.settle_links();
    assert_eq!(held.cluster.census()[0].shard.waiting, WAITING_ENVELOPES_MAX);

    let text = "Too many requests wait for transactions";
    held.send(2, r#"get","bucket":"people","key":"a""#);
    let refused = held.answer(2);
    assert_eq!((refused["code"].as_str(), refused["message"].as_str()), (Some("RATE_LIMITED"), Some(text)));
    held.send(2, r#"get","bucket":"people","key":"b""#);
    assert_eq!(held.answer(2)["data"], Value::Null, "who need not wait is served");
    held.transact(1, &[update, &insert("plain", r#""k":"1""#)].join(","));
    held.cluster.deliver_mail(2, 0);
    held.cluster.settle();
    let refused = held.answer(1);
    assert_eq!((refused["code"].as_str(), refused["message"].as_str()), (Some("RATE_LIMITED"), Some(text)));

    assert_eq!(held.answer(0)["type"], "result");
    for mut client in crowd {
        let answers = client.json(&held.cluster);
        let answered = answers.iter().filter(|answer| answer["data"]["v"] == 1).count();
        assert_eq!(answered, FLIGHT_REQUESTS_MAX, "each of them has seen the decision");
        held.clients.push(client);
    }
    assert_eq!(held.all("plain", "k"), ["0"]);
    held.end();
}

// S-207: quiescence includes the pushes of a core that has not been told of the decision yet; the
// program, the coordinator, that core and the subscriber are all on different cores
#[test]
fn a_decision_on_its_way_is_waited_for() {
    let buckets: Vec<(&str, &str)> = ["a", "b"].map(|name| (name, BUCKETS[1].1)).into();
    let query = ("count", r#"{"bucket":"a","aggregate":{"function":"count"}}"#);
    let mut held = Held::on(4, &buckets, &[query]);
    let subscriber = held.clients.len();
    held.clients.push(Client::welcomed(&mut held.cluster, 3));
    held.send(subscriber, r#"subscribe","query":"count""#);
    held.cluster.settle();
    assert_eq!(held.answer(subscriber)["data"]["data"], 0);
    held.transact(0, &[insert("a", r#""k":"1""#), insert("b", r#""k":"1""#)].join(","));
    for (from, to) in [(2, 0), (0, 2), (2, 1), (1, 2)] {
        held.cluster.deliver_mail(from, to);
    }
    assert_eq!(held.answer(0)["type"], "result", "core 0 has not been told");

    held.cluster.drive(1, Input::Call(0, Call::Settle), None);
    // The decision is late, and the subscriber's push even more.
    let patience = |link: &(usize, usize)| usize::from(*link == (2, 0)) + 2 * usize::from(*link == (0, 3));
    while held.cluster.replies.is_empty() {
        let (from, to) = held.cluster.mail_under_way().min_by_key(patience).expect("the program is answered");
        held.cluster.deliver_mail(from, to);
    }
    assert_eq!(held.answer(subscriber)["data"], 1, "its push is there before the program's answer");
    held.end();
}
