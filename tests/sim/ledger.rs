//! Conservation: money moves between buckets on different cores, and is never seen to come or go.
//!
//! A transfer inserts two entries of opposite amounts in two buckets; a move takes an entry out of one
//! bucket and puts it into another. Whoever reads all buckets in one transaction finds that the amounts
//! sum to zero and that no entry is there twice.

use crate::client::{Client, Received};
use crate::cluster::{Cluster, Schedule};
use crate::seeds;
use crate::shop;
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Transactions of one run: few, since every audit reads all entries.
const TRANSACTIONS: usize = 120;

enum Asked {
    Transfer,
    /// Of the entry at this place of the book, to this bucket.
    Move(usize, usize),
    Failure,
    Audit,
}

/// An entry, and where it was last known to be.
struct Entry {
    amount: i64,
    bucket: usize,
}

/// What all clients know together.
#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
    audits: usize,
    moves: usize,
    sent: usize,
}

struct Clerk {
    client: Client,
    pending: VecDeque<Asked>,
    left: bool,
}

fn insert(bucket: usize, id: usize, amount: i64) -> String {
    let name = NAMES[bucket];
    format!(r#"{{"op":"insert","bucket":"{name}","data":{{"id":{id},"amount":{amount}}}}}"#)
}

impl Clerk {
    fn act(&mut self, cluster: &mut Cluster, book: &mut Book) {
        if self.left || self.pending.len() >= 3 {
            return;
        }
        let [from, to] = [0, 0].map(|_: i32| cluster.random.below(NAMES.len()));
        let (asked, mut operations) = match cluster.random.below(8) {
            0 => {
                let read = |name| format!(r#"{{"op":"where","bucket":"{name}","filter":{{}}}}"#);
                (Asked::Audit, NAMES.map(read).to_vec())
            }
            1..4 if !book.entries.is_empty() => {
                let at = cluster.random.below(book.entries.len());
                let Entry { amount, bucket } = book.entries[at];
                // A delete of what is not there succeeds; an update does not.
                let key = format!(r#""bucket":"{}","key":{at}"#, NAMES[bucket]);
                let update = format!(r#"{{"op":"update",{key},"data":{{}}}}"#);
                let delete = format!(r#"{{"op":"delete",{key}}}"#);
                (Asked::Move(at, to), vec![update, delete, insert(to, at, amount)])
            }
            _ => {
                let id = book.entries.len();
                let amount = i64::try_from(1 + cluster.random.below(1_000)).expect("small");
                book.entries
                    .extend([(amount, from), (-amount, to)].map(|(amount, bucket)| Entry { amount, bucket }));
                (Asked::Transfer, vec![insert(from, id, amount), insert(to, id + 1, -amount)])
            }
        };
        let mut asked = asked;
        if matches!(asked, Asked::Transfer) && cluster.random.below(6) == 0 {
            let at = cluster.random.below(3);
            operations.insert(at, r#"{"op":"update","bucket":"c","key":-1,"data":{}}"#.to_owned());
            asked = Asked::Failure;
        }
        book.sent += 1;
        self.pending.push_back(asked);
        let text =
            format!(r#"{{"id":1,"type":"store.transaction","operations":[{}]}}"#, operations.join(","));
        self.client.send(cluster, &text);
    }

    fn listen(&mut self, cluster: &Cluster, book: &mut Book) {
        for received in self.client.receive(cluster) {
            let Received::Json(message) = received else { continue };
            if message["type"] == "welcome" {
                continue;
            }
            let is_done = message["type"] == "result";
            match self.pending.pop_front().expect("an answer to a request") {
                Asked::Transfer => assert!(is_done, "{message}"),
                Asked::Failure => assert_eq!(message["code"], "NOT_FOUND"),
                Asked::Audit => {
                    book.audits += 1;
                    audit(&message["data"]["results"]);
                }
                // It fails if somebody else was faster, or if its transfer has failed.
                Asked::Move(at, to) if is_done => {
                    book.moves += 1;
                    book.entries[at].bucket = to;
                }
                Asked::Move(..) => assert_eq!(message["code"], "NOT_FOUND", "{message}"),
            }
        }
    }
}

fn audit(results: &Value) {
    let results = results.as_array().expect("S-159");
    let entries: Vec<&Value> =
        results.iter().flat_map(|result| result["data"].as_array().expect("S-98")).collect();
    let sum: i64 = entries.iter().map(|entry| entry["amount"].as_i64().expect("an integer")).sum();
    assert_eq!(sum, 0, "S-171: money came or went: {entries:?}");
    let ids: BTreeSet<u64> = entries.iter().filter_map(|entry| entry["id"].as_u64()).collect();
    assert_eq!(ids.len(), entries.len(), "S-171: an entry is in two places: {entries:?}");
}

fn run(cores: u16, seed: u64) -> Book {
    let schema = r#"{"key":"id","schema":{"id":{"type":"number"},"amount":{"type":"number"}}}"#;
    let settings = shop::settings(&NAMES.map(|name| (name, schema)), &[], cores);
    let mut cluster = Cluster::new(&settings, cores, Schedule::Late, seed);
    let enter = |number: usize| {
        let client = Client::connect(&mut cluster, number % usize::from(cores));
        Clerk { client, pending: VecDeque::new(), left: false }
    };
    let mut clerks: Vec<Clerk> = (0..6).map(enter).collect();
    let mut book = Book::default();
    while book.sent < TRANSACTIONS {
        let at = cluster.random.below(clerks.len());
        match cluster.random.below(12) {
            0..6 => drop(cluster.step()),
            6..9 => clerks[at].act(&mut cluster, &mut book),
            9 if at > 1 && cluster.random.below(40) == 0 => {
                clerks[at].left = true;
                cluster.vanish(clerks[at].client.link);
            }
            _ => clerks[at].listen(&cluster, &mut book),
        }
    }
    cluster.settle();
    for clerk in &mut clerks {
        clerk.listen(&cluster, &mut book);
        assert!(clerk.left || clerk.pending.is_empty(), "liveness: somebody waits for ever");
        cluster.end(clerk.client.link);
    }
    cluster.settle();
    crate::scenarios::assert_nothing_left(&cluster);
    book
}

// S-171, S-172, S-178
#[test]
fn money_is_neither_made_nor_lost() {
    let (mut sent, mut audits, mut moves) = (0, 0, 0);
    for seed in seeds(120) {
        let cores = [1, 2, 3, 5][usize::try_from(seed % 4).expect("small")];
        println!("seed {seed}, {cores} cores");
        let book = run(cores, seed);
        (sent, audits, moves) = (sent + book.sent, audits + book.audits, moves + book.moves);
    }
    println!("{sent} transactions, {audits} audits, {moves} entries moved");
    assert!(audits * 20 > sent && moves * 20 > sent, "there was something to see");
}
