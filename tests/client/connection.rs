//! How connections begin, misbehave and end; nothing is left of them.

use crate::client::{Client, Received, frame};
use crate::cluster::Cluster;
use crate::{CORES, assert_nothing_left, prompt, setups};
use serde_json::json;

/// Plays on every size of server; at the end everybody leaves, and nothing may be left.
fn on_all(act: impl Fn(&mut Cluster)) {
    for cores in CORES {
        let settings = setups::limited(cores, |limits| limits.payload_bytes_max = 1_000);
        let mut cluster = prompt(&settings, cores);
        act(&mut cluster);
        for link in 0..cluster.links.len() {
            cluster.end(link);
        }
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}

fn closed(code: u16, reason: &str) -> Received {
    Received::Close(Some(code), reason.to_owned())
}

// P-19…P-22, P-13, P-161: what each violation is told, and that others do not notice
#[test]
fn violations() {
    let unmasked = b"\x81\x02{}".to_vec();
    let mut reserved = frame(0x81, b"{}");
    reserved[0] |= 0x40;
    let too_big = frame(0x81, &[b' '; 1_001]);
    for (bytes, goodbye) in [
        (frame(0x82, b"\x00\x01"), closed(1003, "binary_not_supported")),
        (frame(0x82, b""), closed(1003, "binary_not_supported")),
        (too_big[..20].to_vec(), closed(1009, "")),
        (frame(0x81, b"\"\xc3\x28\""), closed(1007, "")),
        (unmasked, closed(1002, "")),
        (reserved, closed(1002, "")),
        (frame(0x83, b"x"), closed(1002, "")),
        (frame(0x89, &[0; 126]), closed(1002, "")),
        (frame(0x80, b"x"), closed(1002, "")),
        (frame(0x88, b"\x03"), closed(1002, "")),
    ] {
        on_all(|cluster| {
            let mut other = Client::welcomed(cluster, 0);
            let mut client = Client::welcomed(cluster, 0);
            client.send_raw(cluster, &bytes);
            cluster.settle();
            assert_eq!(client.receive(cluster), [closed_of(&goodbye)], "{bytes:?}");
            assert!(cluster.server_has_ended(client.link));
            other.send(cluster, r#"{"id":1,"type":"store.count","bucket":"u"}"#);
            cluster.settle();
            assert_eq!(other.json(cluster), [json!({"id":1,"type":"result","data":0})]);
        });
    }
}

fn closed_of(goodbye: &Received) -> Received {
    match goodbye {
        Received::Close(code, reason) => Received::Close(*code, reason.clone()),
        _ => unreachable!("a goodbye is a close"),
    }
}

// P-20: exactly the limit is accepted, also in fragments; P-18, P-23
#[test]
fn limits_fragments_and_pings() {
    on_all(|cluster| {
        let mut client = Client::welcomed(cluster, 0);
        let request = r#"{"id":1,"type":"store.count","bucket":"u"}"#;
        let padded = format!("{request:<1000}");
        client.send(cluster, &padded);
        let (left, right) = padded.as_bytes().split_at(500);
        client.send_raw(cluster, &frame(0x01, left));
        client.send_raw(cluster, &frame(0x89, b"are you there?"));
        client.send_raw(cluster, &frame(0x80, right));
        client.send_raw(cluster, &frame(0x8a, b"unasked"));
        cluster.settle();
        let count = || Received::Json(json!({"id":1,"type":"result","data":0}));
        assert_eq!(client.receive(cluster), [count(), Received::Pong(b"are you there?".to_vec()), count()]);
    });
}

// P-162, P-165, P-166: a close is answered alike; what came before it is executed, what comes after is not
#[test]
fn closes() {
    on_all(|cluster| {
        let mut client = Client::welcomed(cluster, 0);
        for key in ["a", "b", "c"] {
            client.send(
                cluster,
                &format!(r#"{{"id":1,"type":"store.insert","bucket":"k","data":{{"k":"{key}"}}}}"#),
            );
            client.send(
                cluster,
                &format!(r#"{{"id":1,"type":"store.insert","bucket":"u","data":{{"name":"{key}"}}}}"#),
            );
        }
        client.send_raw(cluster, &frame(0x88, b"\x0b\xb8bye"));
        client.send(cluster, r#"{"id":1,"type":"store.insert","bucket":"k","data":{"k":"late"}}"#);
        cluster.settle();
        let received = client.receive(cluster);
        assert_eq!(received.last(), Some(&closed(3000, "bye")));
        cluster.end(client.link);
        let mut reader = Client::welcomed(cluster, 0);
        for bucket in ["k", "u"] {
            reader.send(cluster, &format!(r#"{{"id":2,"type":"store.count","bucket":"{bucket}"}}"#));
        }
        cluster.settle();
        let three = json!({"id":2,"type":"result","data":3});
        assert_eq!(reader.json(cluster), [three.clone(), three]);
        reader.send_raw(cluster, &frame(0x88, b""));
        cluster.settle();
        assert_eq!(reader.receive(cluster), [Received::Close(None, String::new())]);
    });
}

// P-163: a peer that does not end its side after our Close is dropped
#[test]
fn a_lingering_peer_is_dropped() {
    on_all(|cluster| {
        let client = Client::welcomed(cluster, 0);
        client.send_raw(cluster, &frame(0x82, b"x"));
        cluster.settle();
        assert!(!cluster.is_closed(client.link));
        cluster.advance(30_000);
        assert!(cluster.is_closed(client.link));
    });
}

// P-11: a client that does not ask for its upgrade in time is dropped; one that has asked stays
#[test]
fn an_upgrade_has_a_deadline() {
    on_all(|cluster| {
        let (silent, slow) = (cluster.connect(0), cluster.connect(0));
        cluster.send(slow, b"GET / HTTP/1.1\r\nHost: x\r\n");
        let client = Client::welcomed(cluster, 0);
        cluster.advance(9_999);
        assert!(!cluster.is_closed(silent) && !cluster.is_closed(slow));
        cluster.advance(1);
        assert!(cluster.is_closed(silent) && cluster.is_closed(slow) && !cluster.is_closed(client.link));
    });
}

// P-4, P-10, K-13, P-24: HTTP that is no upgrade, and frames right behind one
#[test]
fn upgrades() {
    on_all(|cluster| {
        for (request, answer) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "),
            ("GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "),
            ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
            ("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ""),
        ] {
            let link = cluster.connect(0);
            cluster.send(link, request.as_bytes());
            cluster.settle();
            let sent = String::from_utf8(cluster.links[link].to_client.clone()).expect("HTTP");
            assert!(sent.starts_with(answer) && sent.is_empty() == answer.is_empty(), "{request}: {sent}");
            assert!(cluster.server_has_ended(link));
        }
        let mut eager = Client::connect(cluster, 0);
        eager.send(cluster, r#"{"id":1,"type":"store.count","bucket":"u"}"#);
        cluster.settle();
        let received = eager.json(cluster);
        assert_eq!(received[0]["type"], "welcome");
        assert_eq!(received[1], json!({"id":1,"type":"result","data":0}));
    });
}

// P-121, P-122: answers in the order of the requests, whatever cores they go to
#[test]
fn pipelining() {
    on_all(|cluster| {
        let mut client = Client::welcomed(cluster, 0);
        let buckets = ["k", "u", "n", "u", "u", "t"];
        for id in 0..3_000 {
            let bucket = buckets[cluster.random.below(buckets.len())];
            match id % 7 {
                0 => client.send(cluster, &format!(r#"{{"id":{id},"type":"no.such"}}"#)),
                1 => client.send(cluster, &format!(r#"{{"id":{id},"type":"store.transaction","operations":[{{"op":"count","bucket":"u"}},{{"op":"count","bucket":"k"}}]}}"#)),
                2 => client.send(cluster, &format!(r#"{{"id":{id},"type":"store.unsubscribe","subscriptionId":"sub-1"}}"#)),
                3 => client.send(cluster, r#"{"type":"pong","timestamp":1}"#),
                _ => client.send(cluster, &format!(r#"{{"id":{id},"type":"store.count","bucket":"{bucket}"}}"#)),
            }
        }
        cluster.settle();
        let ids: Vec<u64> = client.json(cluster).iter().filter_map(|answer| answer["id"].as_u64()).collect();
        let expected: Vec<u64> = (0..3_000).filter(|id| id % 7 != 3).collect();
        assert_eq!(ids, expected);
    });
}

// P-122: a login is in force for the very next message
#[test]
fn a_login_counts_for_what_follows_at_once() {
    for cores in CORES {
        let mut cluster = prompt(&setups::guarded(cores), cores);
        let mut client = Client::welcomed(&mut cluster, 0);
        for text in [
            r#"{"id":1,"type":"store.count","bucket":"k"}"#,
            r#"{"id":2,"type":"auth.login","token":"ann-token"}"#,
            r#"{"id":3,"type":"store.count","bucket":"k"}"#,
            r#"{"id":4,"type":"store.count","bucket":"u"}"#,
            r#"{"id":5,"type":"auth.logout"}"#,
            r#"{"id":6,"type":"store.count","bucket":"k"}"#,
        ] {
            client.send(&mut cluster, text);
        }
        cluster.settle();
        let kinds: Vec<_> = client.json(&cluster).iter().map(|answer| answer["type"].clone()).collect();
        assert_eq!(kinds, ["error", "result", "result", "result", "result", "error"]);
    }
}

// P-111, Q-17: a client that asks and does not read is not served on, and loses nothing.
#[test]
fn a_client_that_does_not_read_waits() {
    for cores in CORES {
        let (mut cluster, mut client) = setups::one_that_stops_reading(&setups::open(cores), cores, 20_000);
        for id in 1..=600 {
            client.send(&mut cluster, &format!(r#"{{"id":{id},"type":"store.all","bucket":"k"}}"#));
        }
        cluster.settle();
        let (unsent, reads_on) = cluster.backpressure(client.link);
        // What was on its way to another core when the bound was reached comes on top.
        assert!(unsent < 4_300_000 + 128 * 20_200 && !reads_on, "{unsent} bytes are held");
        cluster.links[client.link].drains = true;
        cluster.settle();
        let ids: Vec<_> = client.json(&cluster).iter().filter_map(|answer| answer["id"].as_u64()).collect();
        assert_eq!(ids, (1..=600).collect::<Vec<_>>());
        assert_eq!(cluster.backpressure(client.link), (0, true));
    }
}

// P-110, Q-17: pushes do not keep the requests of a client waiting that reads, however slowly, even
// with a mark above the bound for answers.
#[test]
fn pushes_do_not_starve_requests() {
    let settings = setups::limited(2, |limits| limits.unsent_bytes_mark = 8 * 1024 * 1024);
    let mut cluster = prompt(&settings, 2);
    let mut reader = Client::welcomed(&mut cluster, 0);
    let writer = Client::welcomed(&mut cluster, 1);
    let large = "x".repeat(400_000);
    writer.send(
        &mut cluster,
        &format!(r#"{{"id":0,"type":"store.insert","bucket":"k","data":{{"k":"a","x":"{large}"}}}}"#),
    );
    reader.send(&mut cluster, r#"{"id":1,"type":"store.subscribe","query":"all-k"}"#);
    cluster.settle();
    reader.json(&cluster);
    cluster.links[reader.link].drains = false;
    let write = |cluster: &mut Cluster, writer: &Client, n: u64| {
        let update =
            format!(r#"{{"id":{n},"type":"store.update","bucket":"k","key":"a","data":{{"v":{n}}}}}"#);
        writer.send(cluster, &update);
        cluster.settle();
    };
    for n in 0..30 {
        write(&mut cluster, &writer, n);
    }
    reader.send(&mut cluster, r#"{"id":2,"type":"store.count","bucket":"u"}"#);
    cluster.settle();
    let is_answered =
        |reader: &mut Client, cluster: &Cluster| reader.json(cluster).iter().any(|m| m["id"] == 2);
    // For every chunk that the reader takes there is another change.
    for n in 30..100 {
        cluster.take(reader.link, 300_000);
        write(&mut cluster, &writer, n);
        if is_answered(&mut reader, &cluster) {
            return;
        }
    }
    panic!("the request still waits: {:?}", cluster.backpressure(reader.link));
}

// P-170: a stop notices the end of a client that it has stopped reading from.
#[test]
fn a_stop_hears_clients_that_do_not_read() {
    for cores in CORES {
        let (mut cluster, client) = setups::one_that_stops_reading(&setups::open(cores), cores, 500_000);
        for id in 1..=9 {
            client.send(&mut cluster, &format!(r#"{{"id":{id},"type":"store.all","bucket":"k"}}"#));
        }
        cluster.settle();
        assert!(!cluster.backpressure(client.link).1, "it is not read from");
        cluster.shutdown(0);
        cluster.vanish(client.link);
        cluster.settle();
        assert!(cluster.all_stopped());
    }
}

// S-17: as many members and terms as a message holds, at a cost that grows with it, not with its square
#[test]
fn large_objects() {
    let members: Vec<String> = (0..20_000).map(|n| format!("\"m{n}\":{n}")).collect();
    let members = members.join(",");
    let mut cluster = prompt(&setups::open(1), 1);
    let mut client = Client::welcomed(&mut cluster, 0);
    for request in [
        format!(r#"{{"id":1,"type":"store.insert","bucket":"k","data":{{"k":"a",{members}}}}}"#),
        format!(
            r#"{{"id":2,"type":"store.update","bucket":"k","key":"a","data":{{{members},"last":true}}}}"#
        ),
        format!(r#"{{"id":3,"type":"store.count","bucket":"k","filter":{{{members},"last":true}}}}"#),
    ] {
        client.send(&mut cluster, &request);
    }
    cluster.settle();
    let answers = client.json(&cluster);
    assert_eq!(answers[1]["data"]["last"], true);
    assert_eq!(answers[2], json!({"id":3,"type":"result","data":1}));
}

// P-49, P-170, P-174: what was received before a stop is answered, subscriptions too
#[test]
fn a_stop_answers_what_was_asked() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let mut client = Client::welcomed(&mut cluster, 0);
        client.send(&mut cluster, r#"{"id":1,"type":"store.get","bucket":"k","key":"x"}"#);
        client.send(&mut cluster, r#"{"id":2,"type":"store.subscribe","query":"count-k"}"#);
        client.send(&mut cluster, r#"{"id":3,"type":"rules.subscribe","pattern":"*"}"#);
        assert!(cluster.step(), "the bytes arrive, no mail does");
        cluster.shutdown(0);
        cluster.settle();
        let received = client.receive(&cluster);
        let [Received::Json(get), Received::Json(subscribe), Received::Json(watch), goodbye] = &received[..]
        else {
            panic!("{received:?}")
        };
        assert_eq!((&get["data"], &subscribe["data"]["data"]), (&json!(null), &json!(0)));
        assert_eq!(watch["type"], "result");
        assert_eq!(*goodbye, closed(1000, "server_shutdown"));
        cluster.end(client.link);
        cluster.settle();
        assert!(cluster.all_stopped());
        assert_nothing_left(&cluster);
    }
}

// P-172, P-173: the grace period is for WebSockets; who has not upgraded does not prolong it
#[test]
fn a_stop_does_not_wait_for_strangers() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let stranger = cluster.connect(0);
        let client = Client::welcomed(&mut cluster, 0);
        cluster.shutdown(60_000);
        cluster.settle();
        assert!(!cluster.all_stopped() && !cluster.is_closed(stranger));
        cluster.end(client.link);
        cluster.settle();
        assert!(cluster.all_stopped() && cluster.is_closed(stranger));
    }
}
