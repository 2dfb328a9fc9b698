//! What comes before what: answers, pushes, and what others do meanwhile (01 §14).

use crate::client::{Client, Received};
use crate::cluster::{Cluster, Schedule};
use crate::{CORES, assert_nothing_left, play_with, prompt, setups};
use noex_server::node::QueryDefinition;
use serde_json::Value;

fn subscribe(cluster: &mut Cluster, client: &Client, query: &str) {
    client.send(cluster, &format!(r#"{{"id":1,"type":"store.subscribe","query":"{query}"}}"#));
}

fn leave(mut cluster: Cluster) {
    for link in 0..cluster.links.len() {
        cluster.end(link);
    }
    cluster.settle();
    assert_nothing_left(&cluster);
}

// S-147, P-121, P-125, P-132: answers in order, each before the pushes that its request causes; the last
// push shows both
#[test]
fn pipelined_changes() {
    let mut merged = 0;
    for cores in CORES {
        for seed in 1..=40 {
            let mut cluster = Cluster::new(&setups::open(cores), cores, Schedule::Hostile, seed);
            let mut client = Client::welcomed(&mut cluster, usize::from(cores) - 1);
            subscribe(&mut cluster, &client, "count-k");
            cluster.settle();
            client.json(&cluster);
            for id in [1, 2] {
                let insert =
                    format!(r#"{{"id":{id},"type":"store.insert","bucket":"k","data":{{"k":"{id}"}}}}"#);
                client.send(&mut cluster, &insert);
            }
            cluster.settle();
            let received = client.json(&cluster);
            let answers: Vec<u64> = received.iter().filter_map(|message| message["id"].as_u64()).collect();
            assert_eq!(answers, [1, 2], "seed {seed}, {cores} cores");
            let mut answered = 0;
            for message in &received {
                match message["data"].as_u64() {
                    Some(count) => assert!(count <= answered, "{count} was pushed before its answer"),
                    None => answered += 1,
                }
            }
            assert_eq!(received.last().map(|last| &last["data"]), Some(&Value::from(2)));
            merged += 4 - received.len();
            leave(cluster);
        }
    }
    assert!((1..120).contains(&merged), "{merged} times both changes were shown together");
}

// S-144, P-132: requests that another core has sent together are evaluated together
#[test]
fn changes_that_arrive_together() {
    let mut cluster = prompt(&setups::open(2), 2);
    let (owner, other) = (1, 0); // bucket `k` is the second one
    let mut watcher = Client::welcomed(&mut cluster, owner);
    subscribe(&mut cluster, &watcher, "count-k");
    cluster.settle();
    watcher.json(&cluster);
    let writers: Vec<Client> = (0..3).map(|_| Client::welcomed(&mut cluster, other)).collect();
    for writer in &writers {
        let insert =
            format!(r#"{{"id":1,"type":"store.insert","bucket":"k","data":{{"k":"{}"}}}}"#, writer.link);
        writer.send(&mut cluster, &insert);
    }
    cluster.settle_links();
    cluster.deliver_batch((other, owner), 1, true);
    cluster.deliver_batch((other, owner), 1, true);
    cluster.settle_links();
    assert!(watcher.json(&cluster).is_empty(), "more is on its way");
    cluster.deliver_batch((other, owner), 1, false);
    cluster.settle();
    let pushes: Vec<Value> = watcher.json(&cluster).iter().map(|push| push["data"].clone()).collect();
    assert_eq!(pushes, [Value::from(3)]);
    leave(cluster);
}

// P-120: those who ask at the same time do not get more places together than there are
#[test]
fn the_limit_of_all_holds_for_those_who_come_together() {
    for cores in CORES {
        for seed in 1..=10 {
            let settings = setups::limited(cores, |limits| limits.subscriptions_total_max = 3);
            let mut cluster = Cluster::new(&settings, cores, Schedule::Hostile, seed);
            let mut clients: Vec<Client> =
                (0..6).map(|at| Client::welcomed(&mut cluster, at % usize::from(cores))).collect();
            clients.iter().for_each(|client| subscribe(&mut cluster, client, "all-k"));
            cluster.settle();
            let answers: Vec<Value> = clients.iter_mut().flat_map(|client| client.json(&cluster)).collect();
            let refused = answers.iter().filter(|answer| answer["code"] == "RATE_LIMITED").count();
            assert_eq!((answers.len(), refused), (6, 3), "seed {seed}, {cores} cores: {answers:?}");
            leave(cluster);
        }
    }
}

// P-123, P-124: a request waits for its answer as long as it takes, and nobody else for it
#[test]
fn requests_do_not_time_out() {
    let mut cluster = prompt(&setups::open(2), 2);
    let (mut slow, mut quick) = (Client::welcomed(&mut cluster, 0), Client::welcomed(&mut cluster, 0));
    slow.send(&mut cluster, r#"{"id":1,"type":"store.get","bucket":"k","key":"a"}"#);
    cluster.settle_links(); // the mail to the bucket's core is under way and stays there
    cluster.now.unix_ms += 3_600_000;
    cluster.now.mono_ms += 3_600_000;
    quick.send(&mut cluster, r#"{"id":1,"type":"store.get","bucket":"u","key":"a"}"#);
    cluster.settle_links();
    assert_eq!((slow.receive(&cluster), quick.json(&cluster).len()), (Vec::<Received>::new(), 1));
    cluster.settle();
    assert_eq!(slow.json(&cluster), [serde_json::json!({"id": 1, "type": "result", "data": null})]);
    leave(cluster);
}

// S-148, P-134: an evaluation that fails leaves everything as it was; the next change evaluates again
#[test]
fn an_evaluation_that_fails() {
    let settings = |cores| {
        let mut settings = setups::open(cores);
        // Together more than one evaluation may hold.
        let often = QueryDefinition::program(|q, _| q.array((0..80).map(|_| q.bucket("k").first(1))));
        settings.queries.push(("often".to_owned(), often));
        settings
    };
    play_with(settings, &["a", "c"], |stage| {
        let nothing = ["[]"; 80].join(",");
        stage.play(&format!(
            r#"
            a → {{"id":1,"type":"store.subscribe","query":"often"}}
            a ← {{"id":1,"type":"result","data":{{"subscriptionId":"sub-1","data":[{nothing}]}}}}
            a → {{"id":2,"type":"store.subscribe","query":"count-k"}}
            a ← {{"id":2,"type":"result","data":{{"subscriptionId":"sub-2","data":0}}}}
            c → {{"id":1,"type":"store.insert","bucket":"k","data":{{"k":"big","x":"{}"}}}}
            c ← {{"id":1,"type":"result","data":"<any>"}}
            a ← {{"type":"push","channel":"subscription","subscriptionId":"sub-2","data":1}}
            c → {{"id":2,"type":"store.subscribe","query":"often"}}
            c ← {{"id":2,"type":"error","code":"VALIDATION_ERROR","message":"<any>"}}
            "#,
            "x".repeat(900_000)
        ));
        let one = [r#"[{"k":"small","…":0}]"#; 80].join(",");
        stage.play(&format!(
            r#"
            c → {{"id":3,"type":"store.transaction","operations":[{{"op":"delete","bucket":"k","key":"big"}},{{"op":"insert","bucket":"k","data":{{"k":"small"}}}}]}}
            c ← {{"id":3,"type":"result","data":"<any>"}}
            a ← {{"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{one}]}}
            "#
        ));
    });
}

// P-121, P-122: what is looked up on the spot does not overtake what its client has asked another core before
#[test]
fn lookups_here_and_there() {
    for cores in CORES {
        for seed in 1..=40 {
            let mut cluster = Cluster::new(&setups::open(cores), cores, Schedule::Hostile, seed);
            let mut client = Client::welcomed(&mut cluster, usize::from(cores) - 1);
            for (id, (bucket, key)) in [("u", "id"), ("k", "k")].into_iter().enumerate() {
                let insert = format!(
                    r#"{{"id":{id},"type":"store.insert","bucket":"{bucket}","data":{{"{key}":"x","name":"{bucket}"}}}}"#
                );
                client.send(&mut cluster, &insert);
            }
            cluster.settle();
            client.json(&cluster);
            let buckets = ["u", "k", "k", "u", "u", "u", "k", "u"];
            for (id, bucket) in buckets.iter().enumerate() {
                let get = format!(r#"{{"id":{id},"type":"store.get","bucket":"{bucket}","key":"x"}}"#);
                client.send(&mut cluster, &get);
            }
            cluster.settle();
            let received = client.json(&cluster);
            assert_eq!(received.len(), buckets.len(), "seed {seed}, {cores} cores");
            for (id, (answer, bucket)) in received.iter().zip(buckets).enumerate() {
                assert_eq!(
                    (&answer["id"], &answer["data"]["name"]),
                    (&Value::from(id), &Value::from(bucket))
                );
            }
            leave(cluster);
        }
    }
}

// P-121, P-73: of requests that travel together, those whose answers are too large to be written on the other
// core are answered behind the others all the same, as are those that fail, and see what came before them
#[test]
fn large_and_small_answers_from_elsewhere() {
    const LARGE_BYTES: usize = 40_000;
    for cores in CORES {
        for seed in 1..=10 {
            let mut cluster = Cluster::new(&setups::open(cores), cores, Schedule::Late, seed);
            let mut client = Client::welcomed(&mut cluster, 0);
            let large = "x".repeat(LARGE_BYTES);
            let requests = [
                format!(r#""type":"store.insert","bucket":"k","data":{{"k":"a","x":"{large}"}}"#),
                r#""type":"store.get","bucket":"k","key":"a""#.into(),
                r#""type":"store.get","bucket":"k","key":"none""#.into(),
                r#""type":"store.update","bucket":"k","key":"none","data":{}"#.into(),
                r#""type":"store.get","bucket":"k","key":"a""#.into(),
                r#""type":"store.update","bucket":"k","key":"a","data":{"v":1}"#.into(),
                r#""type":"store.get","bucket":"k","key":"a""#.into(),
                r#""type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"b"}},{"op":"get","bucket":"k","key":"a"}]"#.into(),
                r#""type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"c"}},{"op":"insert","bucket":"k","data":{"k":"a"}}]"#.into(),
                r#""type":"store.count","bucket":"k""#.into(),
                r#""type":"store.update","bucket":"k","key":"a","data":{"x":""}"#.into(),
                r#""type":"store.get","bucket":"k","key":"a""#.into(),
            ];
            for (id, request) in requests.iter().enumerate() {
                client.send(&mut cluster, &format!(r#"{{"id":{id},{request}}}"#));
            }
            cluster.settle();
            let shown: Vec<String> = client
                .json(&cluster)
                .iter()
                .enumerate()
                .map(|(id, answer)| {
                    assert_eq!(answer["id"], id, "seed {seed}, {cores} cores");
                    let data = &answer["data"];
                    let record = if data["results"].is_array() { &data["results"][1]["data"] } else { data };
                    match (&answer["code"], record["x"].as_str()) {
                        (Value::String(code), _) => code.clone(),
                        (_, Some(x)) => format!("{} {} of {}", record["k"], x.len(), record["_version"]),
                        _ => data.to_string(),
                    }
                })
                .collect();
            let expected = [
                r#""a" 40000 of 1"#,
                r#""a" 40000 of 1"#,
                "null",
                "NOT_FOUND",
                r#""a" 40000 of 1"#,
                r#""a" 40000 of 2"#,
                r#""a" 40000 of 2"#,
                r#""a" 40000 of 2"#,
                "CONFLICT",
                "2",
                r#""a" 0 of 3"#,
                r#""a" 0 of 3"#,
            ];
            assert_eq!(shown, expected, "seed {seed}, {cores} cores");
            leave(cluster);
        }
    }
}
