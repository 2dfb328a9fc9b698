//! What Prometheus gets from the running program.

use crate::client::Client;
use crate::exposition::Exposition;
use crate::program::{self, Program};
use crate::raw::Raw;
use serde_json::json;
use std::net::SocketAddr;

fn scrape(address: SocketAddr) -> Exposition {
    let mut raw = Raw::connect(address);
    raw.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n");
    let head = raw.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    Exposition::parse(&String::from_utf8(raw.rest()).expect("UTF-8"))
}

#[test]
fn a_scrape() {
    // K-13, P-154: also what only the system knows
    let program = Program::start(program::shop());
    let mut client = Client::connect(program.address());
    client.ask(json!({"type": "auth.login", "token": "admin-token"}));
    let user = json!({"name": "n", "email": "e"});
    let insert = json!({"type": "store.insert", "bucket": "users", "data": user});
    client.pipeline(std::iter::repeat_n(insert, 2_000));
    let metrics = scrape(program.address());
    assert_eq!(metrics.sum("noex_connections", ""), 1);
    assert_eq!(metrics.sum("noex_records", ""), 2_000);
    assert_eq!(metrics.sum("noex_requests_total", "outcome=\"ok\""), 2_001);
    let resident = metrics.sum("process_resident_memory_bytes", "");
    assert!((1 << 20..1 << 30).contains(&resident), "{resident}");
    let sent = metrics.sum("noex_sent_bytes_total", "");
    assert!(sent > 2_000 * 150, "{sent}");
    let stats = client.ask(json!({"type": "server.stats"}));
    let shards = stats["x"]["shards"].as_array().expect("a list");
    let sum = |member: &str| shards.iter().map(|shard| shard[member].as_u64().expect(member)).sum::<u64>();
    assert_eq!((sum("connections"), sum("buckets"), sum("records")), (1, 4, 2_000));
    assert!(sum("cpuMs") > 0 && sum("turns") > 0 && sum("inboxPeak") > 0, "{stats}");
    client.leave();
}
