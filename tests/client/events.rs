//! What happens to records, as programs that embed the server are told (02 §10.4).

use crate::cluster::Schedule;
use crate::{CORES, Client, Cluster, assert_nothing_left, play_with, prompt, setups};
use noex_server::base::ids::ListenerId;
use noex_server::base::limits::EVENTS_WAITING_MAX;
use noex_server::node::{Call, Event as StoreEvent, EventKind, Settings};

/// What a listener has been told since the last time, as topic and key.
fn told(cluster: &mut Cluster, listener: u64) -> Vec<String> {
    let (of_it, others) =
        std::mem::take(&mut cluster.events).into_iter().partition(|(to, _)| *to == ListenerId(listener));
    cluster.events = others;
    let of_it: Vec<(_, StoreEvent)> = of_it;
    of_it.into_iter().map(|(_, event)| format!("{} {}", event.topic(), event.key())).collect()
}

// S-204, S-205: the payloads; an event comes when the change is visible, in commit order
#[test]
fn payloads() {
    play_with(setups::open, &["a"], |stage| {
        stage.cluster.listen(1, Some("*"));
        stage.play(
            r#"
            a → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"x","v":1}}
            a ← {"id":1,"type":"result","…":0}
            a → {"id":2,"type":"store.update","bucket":"k","key":"x","data":{"v":2}}
            a ← {"id":2,"type":"result","…":0}
            a → {"id":3,"type":"store.delete","bucket":"k","key":"x"}
            a ← {"id":3,"type":"result","…":0}
            a → {"id":4,"type":"store.delete","bucket":"k","key":"x"}
            a ← {"id":4,"type":"result","…":0}
            a → {"id":5,"type":"store.insert","bucket":"k","data":{"k":5}}
            a ← {"id":5,"type":"error","…":0}
            "#,
        );
        let at = r#""_createdAt":1706745600000,"_updatedAt":1706745600000}"#;
        let first = format!(r#"{{"k":"x","v":1,"_version":1,{at}"#);
        let second = format!(r#"{{"k":"x","v":2,"_version":2,{at}"#);
        let payloads: Vec<String> =
            stage.cluster.events.drain(..).map(|(_, event)| event.payload()).collect();
        assert_eq!(
            payloads,
            [
                format!(r#"{{"type":"inserted","bucket":"k","key":"x","record":{first}}}"#),
                format!(
                    r#"{{"type":"updated","bucket":"k","key":"x","oldRecord":{first},"newRecord":{second}}}"#
                ),
                format!(r#"{{"type":"deleted","bucket":"k","key":"x","record":{second}}}"#),
            ]
        );
    });
}

// S-206, S-20, S-214: who hears of which bucket, also of one that comes later; one that is dropped
// says nothing
#[test]
fn patterns() {
    play_with(setups::open, &["a"], |stage| {
        stage.cluster.listen(1, Some("bucket.a.b.*"));
        stage.cluster.listen(2, Some("bucket.*.deleted"));
        stage.cluster.listen(3, Some("bucket.later.inserted"));
        stage.cluster.listen(4, Some("*"));
        stage.cluster.listen(4, None);
        stage.play(
            r#"
            a → {"id":1,"type":"store.insert","bucket":"a.b","data":{"k":"x"}}
            a ← {"id":1,"type":"result","…":0}
            a → {"id":2,"type":"store.delete","bucket":"a.b","key":"x"}
            a ← {"id":2,"type":"result","…":0}
            a → {"id":3,"type":"store.defineBucket","name":"later","config":{"key":"k","schema":{"k":{"type":"string"}}}}
            a ← {"id":3,"type":"result","…":0}
            a → {"id":4,"type":"store.insert","bucket":"later","data":{"k":"y"}}
            a ← {"id":4,"type":"result","…":0}
            a → {"id":5,"type":"store.dropBucket","name":"later"}
            a ← {"id":5,"type":"result","…":0}
            "#,
        );
        let cluster = &mut stage.cluster;
        assert_eq!(told(cluster, 1), [r#"bucket.a.b.inserted "x""#, r#"bucket.a.b.deleted "x""#]);
        assert_eq!(told(cluster, 2), [r#"bucket.a.b.deleted "x""#]);
        assert_eq!(told(cluster, 3), [r#"bucket.later.inserted "y""#]);
        assert_eq!(told(cluster, 4), [""; 0]);
    });
}

// S-183, S-171, S-182: a transaction tells its net effect, once per record, when it has committed;
// one that fails tells nothing
#[test]
fn transactions() {
    play_with(setups::open, &["a"], |stage| {
        stage.cluster.listen(1, Some("*"));
        stage.play(
            r#"
            a → {"id":1,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"x"}},{"op":"update","bucket":"k","key":"x","data":{"v":1}},{"op":"insert","bucket":"k","data":{"k":"gone"}},{"op":"delete","bucket":"k","key":"gone"},{"op":"insert","bucket":"n","data":{"n":1}},{"op":"insert","bucket":"a.b","data":{"k":"y"}}]}
            a ← {"id":1,"type":"result","…":0}
            a → {"id":2,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"z"}},{"op":"insert","bucket":"n","data":{"n":1}}]}
            a ← {"id":2,"type":"error","…":0}
            "#,
        );
        let mut topics = told(&mut stage.cluster, 1);
        topics.sort(); // several cores tell each of its own
        assert_eq!(
            topics,
            [r#"bucket.a.b.inserted "y""#, r#"bucket.k.inserted "x""#, r"bucket.n.inserted 1"]
        );
    });
}

/// A bucket `x` of at most two records for 300 ms each, and how many it has.
const TWO_FOR_A_MOMENT: &str = r#"
    a → {"id":1,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}},"ttl":300,"maxSize":2}}
    a ← {"id":1,"type":"result","…":0}
    a → {"id":2,"type":"store.defineQuery","name":"x","config":{"bucket":"x","aggregate":{"function":"count"}}}
    a ← {"id":2,"type":"result","…":0}
    a → {"id":3,"type":"store.insertMany","bucket":"x","data":[{"k":"1"},{"k":"2"}]}
    a ← {"id":3,"type":"result","…":0}
    a → {"id":4,"type":"store.subscribe","query":"x"}
    a ← {"id":4,"type":"result","data":{"subscriptionId":"sub-1","data":2}}
"#;

// S-193, S-196, S-96: evictions and a clear are deletes, before what they make room for; an update
// evicts nobody
#[test]
fn eviction_and_clear() {
    play_with(setups::open, &["a"], |stage| {
        stage.cluster.listen(1, Some("*"));
        stage.play(TWO_FOR_A_MOMENT);
        stage.play(
            r#"
            a → {"id":5,"type":"store.insert","bucket":"x","data":{"k":"3"}}
            a ← {"id":5,"type":"result","…":0}
            a → {"id":6,"type":"store.update","bucket":"x","key":"2","data":{"more":1}}
            a ← {"id":6,"type":"result","…":0}
            a → {"id":7,"type":"store.clear","bucket":"x"}
            a ← {"id":7,"type":"result","…":0}
            a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":0}
            "#,
        );
        let expected = [
            r#"inserted "1""#,
            r#"inserted "2""#,
            r#"deleted "1""#,
            r#"inserted "3""#,
            r#"updated "2""#,
            r#"deleted "2""#,
            r#"deleted "3""#,
        ];
        assert_eq!(told(&mut stage.cluster, 1), expected.map(|event| format!("bucket.x.{event}")));
    });
}

// S-189, S-190, S-191: without the check an expired record is fully visible until the program asks
// for it; then it is deleted like others
#[test]
fn expiry_by_hand() {
    let unchecked = |cores| Settings { expires: false, ..setups::open(cores) };
    play_with(unchecked, &["a"], |stage| {
        stage.play(TWO_FOR_A_MOMENT);
        stage.cluster.listen(1, Some("*"));
        stage.cluster.advance(10_000);
        // Nothing of them is hidden: reads, writes, keys, statistics.
        stage.play(
            r#"
            a → {"id":6,"type":"store.get","bucket":"x","key":"2"}
            a ← {"id":6,"type":"result","data":{"k":"2","…":0}}
            a → {"id":7,"type":"store.count","bucket":"x","filter":{"k":"1"}}
            a ← {"id":7,"type":"result","data":1}
            a → {"id":8,"type":"store.insert","bucket":"x","data":{"k":"1"}}
            a ← {"id":8,"type":"error","code":"ALREADY_EXISTS","…":0}
            a → {"id":9,"type":"store.update","bucket":"x","key":"1","data":{"more":1}}
            a ← {"id":9,"type":"result","data":{"k":"1","more":1,"_version":2,"…":0}}
            a → {"id":10,"type":"store.stats"}
            a ← {"id":10,"type":"result","data":{"records":{"total":2,"…":0},"ttl":{"enabled":false,"checkIntervalMs":0},"…":0}}
            "#,
        );
        for removed in ["2", "0"] {
            stage.cluster.call_as(0, 0, Call::Expire);
            stage.cluster.settle();
            assert_eq!(stage.cluster.replies.pop(), Some(Ok(removed.into())));
        }
        let mut gone = told(&mut stage.cluster, 1).split_off(1);
        gone.sort(); // they were due at the same time
        assert_eq!(gone, [r#"bucket.x.deleted "1""#, r#"bucket.x.deleted "2""#]);
        stage.play(r#"a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":0}"#);
    });
}

// S-205, S-96: a clear of more records than may wait tells so many, and how many more there were
#[test]
fn more_than_there_is_room_for() {
    let mut cluster = prompt(&setups::open(1), 1);
    let surplus = 3;
    let data: Vec<String> = (0..EVENTS_WAITING_MAX + surplus).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let insert = format!(r#"{{"id":1,"type":"store.insertMany","bucket":"n","data":[{}]}}"#, data.join(","));
    cluster.call(0, Some(&insert));
    cluster.listen(1, Some("bucket.n.*"));
    cluster.call(0, Some(r#"{"id":2,"type":"store.clear","bucket":"n"}"#));
    cluster.settle();
    assert!(cluster.replies.iter().all(Result::is_ok));
    assert_eq!((cluster.events.len(), cluster.missed), (EVENTS_WAITING_MAX, surplus as u64));
    assert!(cluster.events.iter().all(|(_, event)| event.kind() == EventKind::Deleted));
}

/// Something that changes data, at random.
fn act(cluster: &mut Cluster, client: &Client) {
    let mut key = || cluster.random.below(6);
    let (a, b, n, m) = (key(), key(), key(), key());
    let bucket = ["k", "n"][n % 2];
    let shown = |bucket: &str, key: usize| if bucket == "k" { format!("\"{key}\"") } else { key.to_string() };
    let data = |bucket: &str, key: usize| format!(r#"{{"{bucket}":{}}}"#, shown(bucket, key));
    let key = shown(bucket, a);
    let request = match m {
        0 => format!(r#"insert","bucket":"{bucket}","data":{}"#, data(bucket, a)),
        1 => format!(r#"update","bucket":"{bucket}","key":{key},"data":{{"x":{b}}}"#),
        2 => format!(r#"delete","bucket":"{bucket}","key":{key}"#),
        3 if b == 0 => format!(r#"clear","bucket":"{bucket}""#),
        4 => format!(
            r#"transaction","operations":[{{"op":"delete","bucket":"{bucket}","key":{key}}},{{"op":"insert","bucket":"{bucket}","data":{}}}]"#,
            data(bucket, a)
        ),
        _ => format!(
            r#"transaction","operations":[{{"op":"insert","bucket":"k","data":{}}},{{"op":"insert","bucket":"n","data":{}}},{{"op":"update","bucket":"k","key":"{a}","data":{{"x":{b}}}}}]"#,
            data("k", a),
            data("n", b)
        ),
    };
    client.send(cluster, &format!(r#"{{"id":1,"type":"store.{request}}}"#));
}

/// What somebody knows of a bucket who has only heard of its events: records in order.
fn replayed(events: &[(ListenerId, StoreEvent)], bucket: &str) -> Vec<String> {
    let mut known: Vec<(String, String)> = Vec::new();
    for (_, event) in events.iter().filter(|(_, event)| event.bucket() == bucket) {
        let at = known.iter().position(|(key, _)| key == event.key());
        match (event.kind(), at) {
            (EventKind::Inserted, None) => known.push((event.key().to_owned(), event.record().to_owned())),
            (EventKind::Updated, Some(at)) => {
                assert_eq!(event.old_record(), Some(known[at].1.as_str()));
                known[at].1 = event.record().to_owned();
            }
            (EventKind::Deleted, Some(at)) => assert_eq!(known.remove(at).1, event.record()),
            (kind, at) => panic!("{kind:?} of {}, known at {at:?}", event.key()),
        }
    }
    known.into_iter().map(|(_, record)| record).collect()
}

// S-204, S-205, S-183, S-96, S-143: however bytes and mail are delayed, the events of a bucket in their
// order lead to what is in it, record by record, version by version, in bucket order; and so do the
// results of a live query, clears among transactions that are undecided included
#[test]
fn events_tell_everything() {
    for cores in CORES {
        for seed in 1..=15 {
            println!("seed {seed}, {cores} cores");
            let mut cluster = Cluster::new(&setups::open(cores), cores, Schedule::Hostile, seed);
            cluster.listen(1, Some("bucket.*"));
            let subscribe = r#"{"id":1,"type":"store.subscribe","query":"all-k"}"#;
            cluster.call_as(0, 1, Call::Subscribe(subscribe));
            cluster.settle();
            assert_eq!(cluster.replies.pop(), Some(Ok(Vec::new())));
            let clients = [0, 1, 2].map(|at| Client::welcomed(&mut cluster, at % usize::from(cores)));
            for _ in 0..150 {
                let at = cluster.random.below(clients.len());
                act(&mut cluster, &clients[at]);
                for _ in 0..5 {
                    cluster.step();
                }
            }
            cluster.settle();
            assert!(cluster.events.len() > 50, "something has happened");
            for bucket in ["k", "n"] {
                cluster.call(0, Some(&format!(r#"{{"id":1,"type":"store.all","bucket":"{bucket}"}}"#)));
                cluster.settle();
                let all = cluster.replies.pop().expect("an answer").expect("S-97");
                let all = String::from_utf8(all).expect("JSON");
                assert_eq!(all, format!("[{}]", replayed(&cluster.events, bucket).join(",")));
                if bucket == "k" {
                    assert_eq!(cluster.results.pop(), Some((1, Some(all))));
                }
            }
            cluster.call_as(0, 1, Call::Unsubscribe);
            clients.iter().for_each(|client| cluster.end(client.link));
            cluster.settle();
            assert_nothing_left(&cluster);
        }
    }
}
