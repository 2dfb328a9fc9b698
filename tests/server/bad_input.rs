//! Bad input and bad manners: each ends at most its own connection.

use crate::client::Client;
use crate::program::{self, Program};
use crate::raw::{Raw, UPGRADE, header, masked, text};
use crate::{DEADLINE, Running, shop};
use serde_json::json;
use std::time::Instant;

#[test]
fn frames_that_end_a_connection() {
    // P-164, P-161
    let server = Running::start(&shop::open(2), 2);
    let mut witness = Client::connect(server.address());
    let count = r#"{"id":1,"type":"store.count","bucket":"orders"}"#;
    let mut unmasked = vec![0x81, u8::try_from(count.len()).expect("short")];
    unmasked.extend(count.as_bytes());
    let huge = [header(0x81, 1 << 40), vec![1, 2, 3, 4]].concat();
    let first_of_huge = [header(0x01, 1_048_577), vec![1, 2, 3, 4]].concat();
    for (bytes, code, reason) in [
        (masked(0x82, b"binary"), 1003, "binary_not_supported"), // P-19
        (masked(0x82, b""), 1003, "binary_not_supported"),
        (huge, 1009, ""), // P-20: the header alone is enough
        (first_of_huge, 1009, ""),
        (masked(0x81, b"{\"id\":1,\"type\":\"\xff\"}"), 1007, ""), // P-21
        (unmasked, 1002, ""),                                      // P-22
        (masked(0xc1, count), 1002, ""),
        (masked(0x83, count), 1002, ""),
        (masked(0x89, [b'x'; 126]), 1002, ""),
        (masked(0x80, count), 1002, ""),
    ] {
        let mut raw = Raw::upgraded(server.address());
        raw.send(&bytes);
        assert_eq!(raw.closed(), (code, reason.to_owned()), "{bytes:?}");
        // P-163: our side ends behind the Close frame.
        assert_eq!(raw.rest(), b"");
        witness.is_served();
    }
}

#[test]
fn requests_that_are_no_upgrade() {
    // P-1: HTTP goes no further
    let server = Running::start(&shop::open(2), 2);
    let mut witness = Client::connect(server.address());
    let upgrade = |from: &str, to: &str| UPGRADE.replace(from, to);
    for (request, start) in [
        ("\u{1}\u{2}garbage\r\n\r\n".to_owned(), "HTTP/1.1 400 "), // P-10
        ("{\"id\":1}\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "HTTP/1.1 426 "),
        ("GET /any HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "HTTP/1.1 404 "),
        (upgrade("GET / ", "GET /other "), ""), // P-6: not a byte
        (upgrade("GET", "POST"), "HTTP/1.1 405 "),
        (upgrade("websocket", "carrier-pigeon"), "HTTP/1.1 400 "),
        (upgrade("dGhl", "d-hl"), "HTTP/1.1 400 "),
        (upgrade("Version: 13", "Version: 12"), "HTTP/1.1 400 "),
    ] {
        let mut raw = Raw::connect(server.address());
        raw.send(&request);
        let response = String::from_utf8(raw.rest()).expect("ASCII");
        assert!(
            response.starts_with(start) && response.is_empty() == start.is_empty(),
            "{request}: {response}"
        );
        witness.is_served();
    }
}

#[test]
fn bytes_one_by_one() {
    // P-18, P-24: how the bytes are cut does not matter.
    let server = Running::start(&shop::open(2), 2);
    let request = text(r#"{"id":1,"type":"store.count","bucket":"orders"}"#);
    let mut raw = Raw::connect(server.address());
    for byte in [UPGRADE.as_bytes(), &request, &request].concat() {
        raw.send([byte]);
    }
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    assert!(raw.frame().1.starts_with(b"{\"type\":\"welcome\""));
    for _ in 0..2 {
        assert_eq!(raw.frame().1, br#"{"id":1,"type":"result","data":0}"#);
    }
    raw.send(masked(0x88, [0x0f, 0xa0])); // P-162: the code comes back
    assert_eq!(raw.closed(), (4000, String::new()));
    assert_eq!(raw.rest(), b"");
}

#[test]
fn a_client_that_is_not_read_from_may_vanish() {
    // P-168, Q-17: it asked for more than it read, the server stopped reading from it, and it died.
    let program = Program::start(program::shop());
    let mut witness = Client::connect(program.address());
    witness.ask(json!({"type": "auth.login", "token": "admin-token"}));
    let user = json!({"id": "large", "name": "x".repeat(900 * 1024), "email": "e"});
    witness.ask(json!({"type": "store.insert", "bucket": "users", "data": user}));
    let before = program.descriptors();
    for _ in 0..5 {
        let mut raw = Raw::upgraded(program.address());
        raw.send(text(r#"{"id":1,"type":"auth.login","token":"admin-token"}"#));
        raw.send(text(r#"{"id":2,"type":"store.subscribe","query":"recent-orders"}"#));
        raw.send(text(r#"{"id":3,"type":"store.get","bucket":"users","key":"large"}"#).repeat(40));
        raw.reset_when_delivered();
    }
    let begin = Instant::now();
    while program.descriptors() > before {
        assert!(begin.elapsed() < DEADLINE, "{} descriptors, {before} before", program.descriptors());
        witness.is_served();
    }
}

#[test]
fn a_transaction_whose_client_vanishes_is_whole() {
    // P-168, S-10: all of it or nothing, and nobody waits for its locks.
    let server = Running::start(&shop::open(2), 2);
    let mut witness = Client::connect(server.address());
    let mut counts = || {
        let buckets = ["users", "orders", "audit-logs"];
        buckets.map(|bucket| witness.ask(json!({"type": "store.count", "bucket": bucket})).as_u64())
    };
    let operations = json!([
        {"op": "insert", "bucket": "users", "data": {"name": "n", "email": "e"}},
        {"op": "insert", "bucket": "orders", "data": {"userId": "u", "items": "", "total": 1, "createdAt": 1}},
        {"op": "insert", "bucket": "audit-logs", "data": {"action": "a", "userId": "u", "timestamp": 1}},
    ]);
    let request = json!({"id": 1, "type": "store.transaction", "operations": operations}).to_string();
    for n in 0..60 {
        let mut raw = Raw::upgraded(server.address());
        let frame = text(&request);
        // Half a frame, all of it, or all of it with the next one behind.
        raw.send(&frame[..if n % 3 == 0 { frame.len() / 2 } else { frame.len() }]);
        if n % 3 == 2 {
            raw.send(&frame[..10]);
        }
        raw.reset();
    }
    // 40 were sent whole; a reset may overtake some.
    let begin = Instant::now();
    loop {
        let [users, orders, logs] = counts();
        if users == orders && orders == logs && users >= Some(1) {
            assert!(users <= Some(40));
            return;
        }
        assert!(begin.elapsed() < DEADLINE, "{users:?} {orders:?} {logs:?}");
    }
}

#[test]
fn requests_that_have_arrived_are_executed_without_their_client() {
    // P-82, P-165, P-168: a client that does not read its answers sends more requests and vanishes. The
    // server, held up meanwhile, meets the failed write and those requests at the same time.
    let program = Program::start(program::shop());
    let mut witness = Client::connect(program.address());
    witness.ask(json!({"type": "auth.login", "token": "admin-token"}));
    let user = json!({"id": "large", "name": "x".repeat(900 * 1024), "email": "e"});
    witness.ask(json!({"type": "store.insert", "bucket": "users", "data": user}));
    let mut users_become = |count: u64| {
        let begin = Instant::now();
        while witness.ask(json!({"type": "store.count", "bucket": "users"})) != count {
            assert!(begin.elapsed() < DEADLINE, "requests are lost");
        }
    };

    let mut raw = Raw::upgraded(program.address());
    let insert = text(r#"{"id":3,"type":"store.insert","bucket":"users","data":{"name":"n","email":"e"}}"#);
    raw.send(text(r#"{"id":1,"type":"auth.login","token":"admin-token"}"#));
    // More than the system keeps for a connection, so that a write is in flight from here on; less
    // than the server lets pile up before it stops reading.
    raw.send(text(r#"{"id":2,"type":"store.get","bucket":"users","key":"large"}"#).repeat(4));
    raw.send(&insert);
    users_become(2);
    program.signal("STOP");
    raw.send(insert.repeat(300));
    raw.reset_when_delivered();
    program.signal("CONT");
    users_become(302);
}
