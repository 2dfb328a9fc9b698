//! How many connections there may be, and what a fault of ours costs (01 §1.3, §13, §17).

use crate::client::{Client, Received};
use crate::cluster::Cluster;
use crate::{CORES, assert_nothing_left, prompt, setups};
use noex_server::node::Settings;
use serde_json::json;

fn on_all(settings: impl Fn(u16) -> Settings, act: impl Fn(&mut Cluster)) {
    for cores in CORES {
        let mut cluster = prompt(&settings(cores), cores);
        act(&mut cluster);
        (0..cluster.links.len()).for_each(|link| cluster.end(link));
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// P-15, P-16, P-161: too many from one address are closed without a welcome, on whatever core
#[test]
fn connections_per_address() {
    let two = |cores| setups::limited(cores, |limits| limits.connections_per_address_max = Some(2));
    on_all(two, |cluster| {
        let last = cluster.cores() - 1;
        let first = Client::welcomed(cluster, 0);
        let _second = Client::welcomed(cluster, last);
        let mut third = Client::connect(cluster, last);
        cluster.settle();
        let rejected = [Received::Close(Some(4003), "too_many_connections".into())];
        assert_eq!(third.receive(cluster), rejected);
        // One of another address is welcome, and one that has not been upgraded does not count.
        let stranger = cluster.connect_from(0, [10, 0, 0, 9].into());
        cluster.connect(0);
        let mut stranger = Client::upgrade(cluster, stranger);
        cluster.settle();
        assert!(matches!(&stranger.receive(cluster)[..], [Received::Json(_)]));
        // The place is free when the socket is gone, not when a Close was sent.
        first.send_raw(cluster, &crate::client::frame(0x88, b""));
        let mut fourth = Client::connect(cluster, 0);
        cluster.settle();
        assert_eq!(fourth.receive(cluster), rejected);
        cluster.end(first.link);
        cluster.settle();
        Client::welcomed(cluster, 0);
    });
}

// P-16: a limit of 0 rejects everything
#[test]
fn no_connections_at_all() {
    let none = |cores| setups::limited(cores, |limits| limits.connections_per_address_max = Some(0));
    on_all(none, |cluster| {
        let mut client = Client::connect(cluster, 0);
        cluster.settle();
        assert_eq!(client.receive(cluster), [Received::Close(Some(4003), "too_many_connections".into())]);
    });
}

// Ours, beyond P-17: too many in all get an answer in HTTP, and a place when one is free
#[test]
fn connections_in_all() {
    let two = |cores| setups::limited(cores, |limits| limits.connections_max = Some(2));
    on_all(two, |cluster| {
        let last = cluster.cores() - 1;
        let first = Client::welcomed(cluster, 0);
        cluster.connect(last);
        let mut third = Client::connect(cluster, last);
        cluster.settle();
        assert_eq!(third.receive(cluster), []);
        assert!(third.http.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{}", third.http);
        assert!(third.http.contains("\r\nRetry-After: "), "{}", third.http);
        assert!(cluster.server_has_ended(third.link));
        cluster.end(first.link);
        cluster.settle();
        Client::welcomed(cluster, 0);
    });
}

// Issue 6: more connections at once than may begin are told when to come back, each at another time;
// those who only look after the server are not counted, nor are bad requests
#[test]
fn connections_per_second() {
    let slow = |cores| setups::limited(cores, |limits| limits.connections_per_second_max = Some(20));
    on_all(slow, |cluster| {
        let last = cluster.cores() - 1;
        let mut crowd: Vec<Client> = (0..50).map(|n| Client::connect(cluster, n % (last + 1))).collect();
        let probe = cluster.connect(0);
        cluster.send(probe, b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
        cluster.settle();
        assert!(cluster.links[probe].to_client.ends_with(b"ready\n"));
        let welcomed = crowd.iter_mut().filter_map(|client| client.receive(cluster).pop()).count();
        assert_eq!(welcomed, 2, "a tenth of a second's worth");
        let refused =
            crowd.iter().filter(|client| client.http.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        let seconds: Vec<u64> = refused
            .map(|client| {
                assert!(cluster.server_has_ended(client.link));
                let value = client.http.split("\r\nRetry-After: ").nth(1).expect("when to come back");
                value.split("\r\n").next().expect("a line").parse().expect("whole seconds")
            })
            .collect();
        assert_eq!(seconds.len(), 48);
        assert!(seconds.iter().all(|seconds| (1..=10).contains(seconds)), "{seconds:?}");
        assert!(seconds.iter().any(|other| *other != seconds[0]), "spread");
        cluster.advance(50);
        Client::welcomed(cluster, last);
        let mut next = Client::connect(cluster, last);
        cluster.settle();
        assert_eq!(next.receive(cluster), []);
    });
}

// P-169: a fault of ours ends the connection that met it, with a close and a word in the log;
// nobody else notices
#[test]
fn a_fault_costs_one_connection() {
    let faulty = |cores| Settings {
        probe: Some(|name| assert!(name != "store.fly", "wings are missing")),
        ..setups::open(cores)
    };
    on_all(faulty, |cluster| {
        let mut victim = Client::welcomed(cluster, 0);
        let mut other = Client::welcomed(cluster, 0);
        victim.send(cluster, r#"{"id":1,"type":"store.subscribe","query":"all-k"}"#);
        cluster.settle();
        victim.json(cluster);
        for bucket in ["k", "u", "n"] {
            victim.send(cluster, &format!(r#"{{"id":2,"type":"store.count","bucket":"{bucket}"}}"#));
        }
        victim.send(cluster, r#"{"id":3,"type":"store.fly"}"#);
        victim.send(cluster, r#"{"id":4,"type":"store.count","bucket":"k"}"#);
        other.send(cluster, r#"{"id":5,"type":"store.insert","bucket":"k","data":{"k":"a"}}"#);
        cluster.settle();
        let received = victim.receive(cluster);
        assert_eq!(received.last(), Some(&Received::Close(Some(1011), "internal_error".into())));
        let is_later = |message: &Received| matches!(message, Received::Json(json) if json["id"] == 4);
        assert!(!received.iter().any(is_later), "{received:?}");
        assert_eq!(other.json(cluster)[0]["id"], json!(5));
        assert_eq!(cluster.faults, ["wings are missing"]);
        cluster.end(victim.link);
        cluster.settle();
    });
}

// Beyond P-114: when clients who do not read take more memory together than there is for them, those
// with the longest queues are closed; the others, slow ones too, keep their connections
#[test]
fn a_budget_for_all_queues() {
    for cores in CORES {
        let settings = setups::limited(cores, |limits| limits.unsent_bytes_per_core_max = 1_000_000);
        let (mut cluster, mut worst) = setups::one_that_stops_reading(&settings, cores, 100_000);
        let mut slow = Client::welcomed(&mut cluster, 0);
        cluster.links[slow.link].drains = false;
        let mut fast = Client::welcomed(&mut cluster, 0);
        let ask = |cluster: &mut Cluster, client: &Client, id: u64| {
            client.send(cluster, &format!(r#"{{"id":{id},"type":"store.all","bucket":"k"}}"#));
            cluster.settle();
        };
        (1..=3).for_each(|id| ask(&mut cluster, &slow, id));
        // The first bytes of an answer have arrived: the frame is finished before the Close.
        ask(&mut cluster, &worst, 1);
        cluster.take(worst.link, 50_000);
        (2..=9).for_each(|id| ask(&mut cluster, &worst, id));
        ask(&mut cluster, &fast, 4);
        assert_eq!(fast.json(&cluster).len(), 1);
        for client in [&worst, &slow] {
            cluster.links[client.link].drains = true;
        }
        cluster.settle();
        let received = worst.receive(&cluster);
        assert_eq!(received.last(), Some(&Received::Close(Some(1013), "slow_consumer".into())));
        assert_eq!(received.len(), 2, "one answer, begun before");
        assert_eq!(slow.json(&cluster).len(), 3, "nothing of the others is lost");
        [&worst, &slow, &fast].into_iter().for_each(|client| cluster.end(client.link));
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}
