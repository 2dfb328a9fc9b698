//! `/metrics`: what the server counts, as Prometheus reads it (K-13).

use crate::client::Client;
use crate::cluster::Cluster;
use crate::exposition::Exposition;
use crate::{CORES, assert_nothing_left, prompt, setups};
use noex_server::node::{RateLimit, Settings};

/// The answer to one request on a core: its head and its body.
fn request(cluster: &mut Cluster, core: usize, line: &str) -> (String, String) {
    let link = cluster.connect(core);
    cluster.send(link, format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    cluster.settle();
    assert!(cluster.server_has_ended(link), "{line}");
    cluster.end(link);
    cluster.settle();
    let answer = String::from_utf8(cluster.links[link].to_client.clone()).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn scrape(cluster: &mut Cluster, core: usize) -> Exposition {
    let (head, body) = request(cluster, core, "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    Exposition::parse(&body)
}

fn say(cluster: &mut Cluster, client: &mut Client, texts: &[&str]) {
    texts.iter().for_each(|text| client.send(cluster, text));
    cluster.settle();
    client.receive(cluster);
}

/// What a writer says while somebody watches: eleven messages, of which the last is one request
/// too many.
const REQUESTS: [&str; 9] = [
    r#"{"id":1,"type":"store.insert","bucket":"k","data":{"k":"a"}}"#,
    r#"{"id":2,"type":"store.transaction","operations":[{"op":"insert","bucket":"n","data":{"n":1}},{"op":"insert","bucket":"u","data":{"name":"n"}}]}"#,
    r#"{"id":3,"type":"store.transaction","operations":[{"op":"insert","bucket":"n","data":{"n":2}},{"op":"insert","bucket":"lost","data":{}}]}"#,
    "{}",
    r#"{"id":4,"type":"rules.emit","topic":"t","data":{}}"#,
    r#"{"id":5,"type":"store.count","bucket":"lost"}"#,
    r#"{"id":6,"type":"store.count","bucket":"k"}"#,
    r#"{"id":7,"type":"store.count","bucket":"k"}"#,
    r#"{"id":8,"type":"store.count","bucket":"k"}"#,
];

/// What is counted then, over all cores.
const COUNTED: [(&str, &str, u64); 23] = [
    ("noex_connections", "", 2),
    ("noex_connections_admitted_total", "", 2),
    ("noex_requests_total", "outcome=\"ok\"", 7),
    ("noex_requests_total", "outcome=\"BUCKET_NOT_DEFINED\"", 1),
    ("noex_requests_total", "outcome=\"INTERNAL_ERROR\"", 1), // S-174
    ("noex_requests_total", "outcome=\"INVALID_REQUEST\"", 1),
    ("noex_requests_total", "outcome=\"RATE_LIMITED\"", 1),
    ("noex_rate_limited_requests_total", "", 1),
    ("noex_messages_received_total", "", 11),
    ("noex_messages_sent_total", "", 15), // two welcomes, eleven answers, two pushes
    ("noex_pushes_total", "", 2),
    ("noex_conflated_pushes_total", "", 0),
    ("noex_dropped_events_total", "", 0),
    ("noex_transactions_total", "outcome=\"committed\"", 1),
    ("noex_transactions_total", "outcome=\"aborted\"", 1),
    ("noex_subscriptions", "", 1),
    ("noex_live_queries_examined_total", "", 1),
    ("noex_live_queries_updated_total", "", 1),
    ("noex_records", "", 3),
    ("noex_buckets", "", 9),
    ("noex_send_queue_bytes", "", 0),
    ("noex_connections_refused_total", "", 0),
    ("noex_build_info", "version=", 1),
];

// K-13: of all cores, whichever is asked
#[test]
fn everything_is_counted() {
    let limit = Some(RateLimit { max_requests: 9, window_ms: 60_000 });
    for cores in CORES {
        let mut cluster = prompt(&Settings { rate_limit: limit, ..setups::open(cores) }, cores);
        let last = cluster.cores() - 1;
        let before = scrape(&mut cluster, 0);
        let mut writer = Client::welcomed(&mut cluster, 0);
        let mut watcher = Client::welcomed(&mut cluster, last);
        let subscribe = [
            r#"{"id":1,"type":"store.subscribe","query":"all-k"}"#,
            r#"{"id":2,"type":"rules.subscribe","pattern":"*"}"#,
        ];
        say(&mut cluster, &mut watcher, &subscribe);
        say(&mut cluster, &mut writer, &REQUESTS);
        for core in [0, last] {
            let now = scrape(&mut cluster, core);
            assert_eq!(now.len(), before.len(), "bounded by the number of cores");
            for (name, label, expected) in COUNTED {
                assert_eq!(now.sum(name, label), expected, "{name} {label} on {cores} cores");
            }
            let here = if cores == 1 { 2 } else { 1 };
            assert_eq!(now.sum("noex_connections", "shard=\"0\""), here);
            assert!(now.sum("noex_shard_turns_total", "") > before.sum("noex_shard_turns_total", ""));
            let received = now.sum("noex_received_bytes_total", "");
            assert!(received > 1_000 && received < 10_000, "{received}");
        }
        [writer.link, watcher.link].into_iter().for_each(|link| cluster.end(link));
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// K-4, K-5: what a slow client has not got
#[test]
fn slow_clients_are_counted() {
    for cores in CORES {
        let settings = setups::limited(cores, |limits| limits.unsent_bytes_mark = 1_000);
        let (mut cluster, client) = setups::one_that_stops_reading(&settings, cores, 2_000);
        for text in [
            r#"{"id":1,"type":"store.subscribe","query":"all-k"}"#,
            r#"{"id":2,"type":"rules.subscribe","pattern":"*"}"#,
            r#"{"id":3,"type":"store.insert","bucket":"k","data":{"k":"b"}}"#,
            r#"{"id":4,"type":"rules.emit","topic":"t","data":{}}"#,
        ] {
            client.send(&mut cluster, text);
            cluster.settle();
        }
        let now = scrape(&mut cluster, 0);
        assert_eq!(now.sum("noex_conflated_pushes_total", ""), 1);
        assert_eq!(now.sum("noex_dropped_events_total", ""), 1);
        assert!(now.sum("noex_send_queue_bytes", "") > 2_000);
        // P-101, P-105: in the end it is given up.
        cluster.advance(30_000);
        cluster.advance(10_500);
        assert_eq!(scrape(&mut cluster, 0).sum("noex_heartbeat_timeouts_total", ""), 1);
        cluster.vanish(client.link);
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// K-13: the head alone, other methods, somebody who does not wait, a server that stops
#[test]
fn manners() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let (head, body) = request(&mut cluster, 0, "HEAD /metrics?x");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body.is_empty(), "{head}");
        assert!(!head.contains("Content-Length: 0"), "{head}");
        assert!(request(&mut cluster, 0, "POST /metrics").0.starts_with("HTTP/1.1 405 "));
        let hasty = cluster.connect(0);
        cluster.send(hasty, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\n");
        cluster.settle_links();
        cluster.vanish(hasty);
        cluster.settle_links();
        cluster.settle();
        assert_nothing_left(&cluster);
        let silent = cluster.connect(0);
        let client = Client::welcomed(&mut cluster, 0);
        cluster.shutdown(60_000);
        assert_eq!(scrape_over(&mut cluster, silent).sum("noex_connections", ""), 1);
        cluster.end(client.link);
        cluster.settle();
        assert!(cluster.all_stopped());
        assert_nothing_left(&cluster);
    }
}

fn scrape_over(cluster: &mut Cluster, link: usize) -> Exposition {
    cluster.send(link, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    cluster.settle();
    cluster.end(link);
    cluster.settle();
    let answer = String::from_utf8(cluster.links[link].to_client.clone()).expect("text");
    Exposition::parse(answer.split_once("\r\n\r\n").expect("a head").1)
}
