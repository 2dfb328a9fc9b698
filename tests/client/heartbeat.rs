//! Pings, pongs, and the end of those who do not answer (01 §11, K-6).

use crate::client::{Client, Received, frame};
use crate::cluster::{Cluster, START_UNIX_MS};
use crate::{CORES, assert_nothing_left, prompt, setups};
use noex_server::node::{Heartbeat, Settings};
use serde_json::json;

/// A ping every second, answers within 400 ms; the clock is 20 ms coarse.
fn beating(cores: u16) -> Settings {
    Settings { heartbeat: Heartbeat { interval_ms: 1_000, timeout_ms: 400 }, ..setups::open(cores) }
}

/// Plays on every size of server with one client per core.
fn on_all(settings: fn(u16) -> Settings, act: impl Fn(&mut Cluster, &mut [Client])) {
    for cores in CORES {
        let mut cluster = prompt(&settings(cores), cores);
        let mut clients: Vec<_> =
            (0..cores).map(|core| Client::welcomed(&mut cluster, usize::from(core))).collect();
        act(&mut cluster, &mut clients);
        (0..cluster.links.len()).for_each(|link| cluster.end(link));
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

fn ping(after_ms: u64) -> Received {
    Received::Json(json!({"type":"ping","timestamp":START_UNIX_MS + after_ms}))
}

fn pong(client: &Client, cluster: &mut Cluster, timestamp: u64) {
    client.send(cluster, &format!(r#"{{"type":"pong","timestamp":{timestamp}}}"#));
}

fn timed_out() -> Received {
    Received::Close(Some(4001), "heartbeat_timeout".into())
}

// P-79, P-101, P-102, P-44: the first ping after one interval, then one per interval
#[test]
fn who_answers_stays() {
    on_all(beating, |cluster, clients| {
        for round in 1..=5 {
            cluster.advance(999);
            clients.iter_mut().for_each(|client| assert_eq!(client.receive(cluster), []));
            cluster.advance(1);
            for client in &mut *clients {
                assert_eq!(client.receive(cluster), [ping(round * 1_000)]);
                pong(client, cluster, START_UNIX_MS + round * 1_000);
            }
            cluster.settle();
        }
    });
}

// P-105, P-107, K-6: closed when no pong came within the timeout; others are not affected
#[test]
fn who_is_silent_is_closed() {
    on_all(beating, |cluster, clients| {
        let mut silent = Client::welcomed(cluster, 0);
        cluster.advance(1_000);
        assert_eq!(silent.receive(cluster), [ping(1_000)]);
        for client in &mut *clients {
            assert_eq!(client.receive(cluster), [ping(1_000)]);
            pong(client, cluster, START_UNIX_MS + 1_000);
        }
        // P-104: other messages are no signs of life, and WebSocket pongs neither.
        silent.send(cluster, r#"{"id":1,"type":"store.count","bucket":"u"}"#);
        silent.send_raw(cluster, &frame(0x8a, b"x"));
        cluster.advance(399);
        assert_eq!(silent.receive(cluster), [Received::Json(json!({"id":1,"type":"result","data":0}))]);
        cluster.advance(1);
        assert_eq!(silent.receive(cluster), [timed_out()]);
        cluster.advance(600);
        clients.iter_mut().for_each(|client| assert_eq!(client.receive(cluster), [ping(2_000)]));
    });
}

// K-6, P-109: at the next tick if that comes before the timeout
#[test]
fn the_next_ping_ends_the_wait() {
    let settings = |cores| Settings {
        heartbeat: Heartbeat { interval_ms: 100, timeout_ms: 900 },
        ..setups::open(cores)
    };
    on_all(settings, |cluster, clients| {
        cluster.advance(100);
        clients.iter_mut().for_each(|client| assert_eq!(client.receive(cluster), [ping(100)]));
        pong(&clients[0], cluster, START_UNIX_MS + 100);
        cluster.advance(100);
        assert_eq!(clients[0].receive(cluster), [ping(200)]);
        clients[1..].iter_mut().for_each(|client| assert_eq!(client.receive(cluster), [timed_out()]));
    });
}

// P-103: the timestamp in the pong counts, not when it comes
#[test]
fn a_pong_counts_by_its_timestamp() {
    on_all(beating, |cluster, clients| {
        let mut early = Client::welcomed(cluster, 0);
        cluster.advance(1_000);
        clients.iter_mut().for_each(|client| pong(client, cluster, u64::MAX / 2));
        pong(&early, cluster, START_UNIX_MS + 999);
        cluster.advance(400);
        assert_eq!(early.receive(cluster), [ping(1_000), timed_out()]);
        for _ in 0..10 {
            cluster.advance(200);
        }
        clients.iter_mut().for_each(|client| {
            assert_eq!(client.receive(cluster), [ping(1_000), ping(2_000), ping(3_000)]);
            pong(client, cluster, 0);
        });
        cluster.advance(600);
        cluster.advance(400);
        clients.iter_mut().for_each(|client| assert_eq!(client.receive(cluster), [ping(4_000), timed_out()]));
    });
}

// P-106, Q-3: a core that was busy has not read the pongs yet, and gives its clients the time
#[test]
fn a_busy_core_is_not_the_clients_fault() {
    on_all(beating, |cluster, clients| {
        cluster.advance(1_000);
        clients.iter_mut().for_each(|client| pong(client, cluster, START_UNIX_MS + 1_000));
        cluster.advance_before_reading(3_000);
        clients.iter_mut().for_each(|client| {
            let received = client.receive(cluster);
            assert_eq!(received[0], ping(1_000));
            assert!(received.iter().all(|message| *message != timed_out()), "{received:?}");
        });
    });
}

// P-108, P-111, Q-17: a client that we do not read from, and whose ping is still in the queue, is
// not given up while it reads; one that has stopped reading is
#[test]
fn a_client_that_reads_slowly_is_not_timed_out() {
    for cores in CORES {
        let (mut cluster, mut client) = setups::one_that_stops_reading(&beating(cores), cores, 20_000);
        for id in 1..=600 {
            client.send(&mut cluster, &format!(r#"{{"id":{id},"type":"store.all","bucket":"k"}}"#));
        }
        cluster.settle();
        assert!(!cluster.backpressure(client.link).1, "reading has stopped");
        for _ in 0..20 {
            cluster.take(client.link, 10_000);
            cluster.advance(200);
        }
        assert!(!client.receive(&cluster).contains(&timed_out()));
        assert!(!cluster.is_closed(client.link));
        for _ in 0..60 {
            cluster.advance(200);
        }
        assert!(cluster.is_closed(client.link), "nothing moves any more");
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

// P-171: heartbeats go on during the grace period
#[test]
fn the_grace_period_has_heartbeats() {
    on_all(beating, |cluster, clients| {
        cluster.shutdown(5_000);
        cluster.advance(1_000);
        for client in &mut *clients {
            let received = client.receive(cluster);
            assert_eq!(received.last(), Some(&ping(1_000)));
        }
        cluster.advance(400);
        clients.iter_mut().for_each(|client| assert_eq!(client.receive(cluster), [timed_out()]));
    });
}

// P-106, K-6: a core whose mail finds others' inboxes full reads from nobody; pongs that wait unread
// meanwhile, or were not read yet when it is over, are not the clients' fault
#[test]
fn clients_that_are_held_back_are_not_timed_out() {
    on_all(beating, |cluster, clients| {
        let mut silent = Client::welcomed(cluster, 0);
        cluster.advance(1_000);
        let hold_back = |cluster: &mut Cluster, is_held_back| {
            (0..cluster.cores()).for_each(|core| cluster.hold_back(core, is_held_back));
        };
        hold_back(cluster, true);
        clients.iter_mut().for_each(|client| pong(client, cluster, START_UNIX_MS + 1_000));
        cluster.advance(400);
        cluster.advance(400);
        cluster.advance(399);
        hold_back(cluster, false);
        cluster.advance_before_reading(1);
        for client in clients.iter_mut().chain([&mut silent]) {
            assert_eq!(client.receive(cluster), [ping(1_000)]);
        }
        cluster.advance(400);
        assert_eq!(silent.receive(cluster), [timed_out()], "it has not answered at all");
        clients.iter_mut().for_each(|client| assert!(!client.receive(cluster).contains(&timed_out())));
    });
}
