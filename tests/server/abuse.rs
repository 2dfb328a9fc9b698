//! What hostile and dying clients do, on real sockets: while it goes on another client is served as
//! ever, and afterwards nothing is left of it — no connection, subscription, descriptor or memory.
//!
//! `tests/abuse/run` does the same with ten thousand clients and prints the table.

use crate::DEADLINE;
use crate::client::Client;
use crate::operator::limited;
use crate::program::{self, Program};
use crate::raw::{Raw, UPGRADE, masked, text};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Memory that may be left beside a fifth of what there was before: buffers that are kept for reuse.
const KEPT_BYTES: u64 = 2 << 20;

const SUBSCRIBE: &str = r#"{"id":1,"type":"store.subscribe","query":"low-stock-products"}"#;

const LOGIN: &str = r#"{"id":1,"type":"auth.login","token":"admin-token"}"#;

/// How many clients do it: few, or `ABUSE_CLIENTS`.
fn clients(few: usize) -> usize {
    std::env::var("ABUSE_CLIENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(few)
}

/// The shop with further options.
fn shop(options: &[&str]) -> Command {
    let mut command = program::shop();
    command.args(options);
    command
}

/// Lets `abuse` loose on a server, and checks what it does to another client, and what is left.
fn besiege(name: &str, command: Command, abuse: impl FnOnce(SocketAddr)) {
    let program = Program::start(command);
    let mut witness = Client::connect(program.address());
    witness.ask(json!({"type": "auth.login", "token": "admin-token"}));
    let product = json!({"id": "witness", "title": "t", "price": 1});
    witness.ask(json!({"type": "store.insert", "bucket": "products", "data": product}));
    let before = (program.resident_bytes(), program.descriptors());
    let is_over = AtomicBool::new(false);
    let (answers, worst) = thread::scope(|scope| {
        let serving = scope.spawn(|| serve(&mut witness, &is_over));
        let over = Over(&is_over);
        abuse(program.address());
        drop(over);
        serving.join().expect("the witness was served")
    });
    let begin = Instant::now();
    loop {
        let left = remains(&mut witness);
        let (resident, descriptors) = (program.resident_bytes(), program.descriptors());
        if left.is_empty() && descriptors <= before.1 && resident <= before.0 + before.0 / 5 + KEPT_BYTES {
            println!(
                "abuse | {name} | {answers} | {:.1} | {} | {} | 0",
                worst.as_secs_f64() * 1e3,
                before.0 >> 10,
                resident >> 10
            );
            break;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "{left:?}, {resident} B and {descriptors} descriptors, {before:?} before"
        );
        witness.waits(Duration::from_millis(10));
    }
    program.signal("TERM");
    assert_eq!(witness.closed().0, 1000);
    assert_eq!(program.end().1, Some(0));
}

/// Says that it is over when it goes, also when an assertion fails: the witness would be served for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Changes a record of its own until it is over; how often, and how long the longest change took.
fn serve(witness: &mut Client, is_over: &AtomicBool) -> (u64, Duration) {
    let (mut stock, mut worst) = (0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        stock += 1;
        let begin = Instant::now();
        let update =
            json!({"type": "store.update", "bucket": "products", "key": "witness", "data": {"stock": stock}});
        let record = witness.ask(update);
        worst = worst.max(begin.elapsed());
        assert_eq!((&record["stock"], &record["_version"]), (&json!(stock), &json!(stock + 1)));
    }
    (stock, worst)
}

/// What there still is besides the witness.
fn remains(witness: &mut Client) -> Vec<(String, Value)> {
    let stats = witness.ask(json!({"type": "server.stats"}));
    let connections = &stats["connections"];
    let shards = stats["x"]["shards"].as_array().expect("a list");
    let unsent: u64 = shards.iter().filter_map(|shard| shard["unsentBytes"].as_u64()).sum();
    let counts = [
        ("connections", json!(connections["active"].as_u64().map(|active| active - 1))),
        ("subscriptions", connections["totalStoreSubscriptions"].clone()),
        ("event subscriptions", connections["totalRulesSubscriptions"].clone()),
        ("unsent bytes", json!(unsent)),
    ];
    counts
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

// P-11: requests that never end, byte by byte
#[test]
fn slow_loris() {
    besiege("slow loris", shop(&[]), |address| {
        let mut crowd: Vec<Raw> = (0..clients(100).min(1_000)).map(|_| Raw::connect(address)).collect();
        for byte in UPGRADE.as_bytes()[..60].iter() {
            crowd.iter_mut().for_each(|raw| raw.send([*byte]));
        }
        // The time that they get is over.
        for raw in &mut crowd {
            assert_eq!(raw.rest(), b"");
        }
    });
}

// P-102, P-105, P-163, P-168: clients that are not there any more, and do not say so
#[test]
fn half_open() {
    let options = ["--heartbeat-interval", "100", "--heartbeat-timeout", "100"];
    besiege("half-open connections", shop(&options), |address| {
        let mut crowd: Vec<Raw> = (0..clients(100).min(1_000)).map(|_| Raw::upgraded(address)).collect();
        for raw in &mut crowd {
            assert_eq!(raw.closed(), (4001, "heartbeat_timeout".to_owned()));
            assert_eq!(raw.rest(), b"");
        }
        // Their side stays open until the server has lost its patience.
        let mut monitor = Client::connect(address);
        monitor.ask(json!({"type": "auth.login", "token": "admin-token"}));
        while monitor.ask(json!({"type": "server.stats"}))["connectionCount"] != 2 {
            monitor.waits(Duration::from_millis(50));
        }
    });
}

// P-110, P-123, P-168, K-4: subscribers that do not read
#[test]
fn stalled_readers() {
    besiege("stalled readers of a fan-out", shop(&[]), |address| {
        let mut writer = Client::connect(address);
        writer.ask(json!({"type": "auth.login", "token": "admin-token"}));
        let product = |n: u64| json!({"id": "large", "title": "x".repeat(100_000), "price": n});
        writer.ask(json!({"type": "store.insert", "bucket": "products", "data": product(0)}));
        let subscribed = |_| {
            let mut raw = Raw::upgraded(address);
            raw.send(text(LOGIN));
            raw.send(text(SUBSCRIBE));
            raw
        };
        let stalled: Vec<Raw> = (0..clients(20).min(200)).map(subscribed).collect();
        writer.ask(json!({"type": "store.subscribe", "query": "low-stock-products"}));
        const UPDATES: u64 = 60;
        for n in 1..=UPDATES {
            let price = json!({"price": n});
            writer.ask(json!({"type": "store.update", "bucket": "products", "key": "large", "data": price}));
        }
        let is_last = |push: &Value| {
            push["data"].as_array().expect("a list").iter().any(|product| product["price"] == UPDATES)
        };
        while !is_last(&writer.push()) {}
        writer.ask(json!({"type": "store.delete", "bucket": "products", "key": "large"}));
        stalled.into_iter().for_each(Raw::reset);
        writer.leave();
    });
}

/// The ways in which a client vanishes, one for each state of a connection.
const WAYS: usize = 11;

/// Connection number `n` of a crowd vanishes.
fn vanish(n: usize, address: SocketAddr) {
    let (half, rest) = UPGRADE.split_at(40);
    let transaction = r#"{"id":2,"type":"store.transaction","operations":[{"op":"count","bucket":"orders"},{"op":"count","bucket":"users"}]}"#;
    let said = |messages: &[&str]| {
        let mut raw = Raw::upgraded(address);
        messages.iter().for_each(|message| raw.send(text(message)));
        raw
    };
    let raw = match n % WAYS {
        0 => return drop(Raw::connect(address)),
        1 => Raw::connect(address),
        2 | 3 => {
            let mut raw = Raw::connect(address);
            raw.send(half);
            raw.send(if n % WAYS == 2 { "" } else { rest });
            raw
        }
        4 => {
            let mut raw = Raw::upgraded(address);
            raw.send(&text(LOGIN)[..20]);
            raw
        }
        5 => said(&[LOGIN, SUBSCRIBE]),
        6 => said(&[LOGIN, transaction, transaction]),
        7 => {
            // In the closing handshake: it has been answered.
            let mut raw = Raw::upgraded(address);
            raw.send(masked(0x88, [0x03, 0xe8]));
            assert_eq!(raw.closed().0, 1000);
            raw
        }
        8 => {
            let mut raw = said(&[LOGIN]);
            raw.send(masked(0x82, b"binary"));
            raw
        }
        9 => {
            let mut raw = Raw::connect(address);
            raw.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
            raw
        }
        _ => {
            let mut raw = said(&[LOGIN]);
            raw.send(masked(0x01, b"{\"id\":"));
            raw
        }
    };
    raw.reset();
}

// P-168: in every state of a connection
#[test]
fn resets() {
    besiege("resets in every state", shop(&[]), |address| {
        (0..clients(20 * WAYS)).for_each(|n| vanish(n, address));
    });
}

// P-168: crowds that log in, subscribe, and are gone
#[test]
fn crowds_that_vanish() {
    const CROWD: usize = 1_000;
    besiege("crowds that vanish", shop(&[]), |address| {
        let count = clients(300);
        for crowd in 0..count.div_ceil(CROWD) {
            let here = (count - crowd * CROWD).min(CROWD);
            let mut crowd: Vec<Raw> = (0..here).map(|_| Raw::upgraded(address)).collect();
            for raw in &mut crowd {
                raw.send([text(LOGIN), text(SUBSCRIBE)].concat());
            }
            for raw in &mut crowd {
                assert!(raw.frame().1.starts_with(b"{\"id\":1,\"type\":\"result\""));
                assert!(raw.frame().1.starts_with(b"{\"id\":1,\"type\":\"result\""));
            }
            crowd.into_iter().for_each(Raw::reset);
        }
    });
}

// P-18, P-23: frames of one byte, a ping between any two of them
#[test]
fn frames_of_one_byte() {
    let message = r#"{"id":7,"type":"auth.whoami"}"#;
    let last = message.len() - 1;
    let mut bytes = Vec::new();
    for (at, byte) in message.bytes().enumerate() {
        let opcode = if at == 0 { 1 } else { 0 };
        bytes.extend(masked(if at == last { 0x80 } else { opcode }, [byte]));
        if at < last {
            bytes.extend(masked(0x89, [byte]));
        }
    }
    besiege("frames of one byte, pings between them", shop(&[]), |address| {
        for n in 0..clients(50).min(1_000) {
            let mut raw = Raw::upgraded(address);
            match n {
                0 => bytes.iter().for_each(|byte| raw.send([*byte])),
                _ => raw.send(&bytes),
            }
            for byte in &message.as_bytes()[..last] {
                assert_eq!(raw.frame(), (10, vec![*byte]));
            }
            assert_eq!(
                raw.frame(),
                (1, br#"{"id":7,"type":"result","data":{"authenticated":false}}"#.to_vec())
            );
            raw.reset();
        }
    });
}

// P-118, P-168: subscriptions that come and go
#[test]
fn churn_of_subscriptions() {
    besiege("churn of subscriptions", shop(&[]), |address| {
        let mut client = Client::connect(address);
        client.ask(json!({"type": "auth.login", "token": "admin-token"}));
        for round in 0..clients(500) / 50 {
            let subscribe = |n: usize| match n % 3 {
                0 => json!({"type": "rules.subscribe", "pattern": format!("a.{round}.*")}),
                1 => json!({"type": "store.subscribe", "query": "recent-orders"}),
                _ => {
                    json!({"type": "store.subscribe", "query": "user-orders", "params": {"userId": format!("{round}-{n}")}})
                }
            };
            let ids: Vec<Value> = client
                .pipeline((0..50).map(subscribe))
                .into_iter()
                .map(|mut answer| answer["data"]["subscriptionId"].take())
                .collect();
            let unsubscribe = |(n, id): (usize, &Value)| {
                let space = if n % 3 == 0 { "rules" } else { "store" };
                json!({"type": format!("{space}.unsubscribe"), "subscriptionId": id})
            };
            let answers = client.pipeline(ids.iter().enumerate().map(unsubscribe));
            assert!(answers.iter().all(|answer| answer["data"] == json!({"unsubscribed": true})));
        }
        client.leave();
    });
}

// P-17, P-123: no descriptors left
#[test]
fn descriptors_that_run_out() {
    besiege("no descriptors left", limited(64), |address| {
        // Whoever comes later may be on a core that gets no descriptor any more.
        let mut early = Raw::upgraded(address);
        let crowd: Vec<Raw> = (0..clients(200).min(1_000)).map(|_| Raw::connect(address)).collect();
        // Those that have a place use it.
        early.send(masked(0x89, b"there?"));
        assert_eq!(early.frame(), (10, b"there?".to_vec()));
        crowd.into_iter().for_each(Raw::reset);
        early.reset();
    });
}
