//! What makes a subscription look again, and in which order its client hears of it (02 §8.2, §8.4).

use crate::cluster::{Cluster, Schedule};
use crate::{CORES, Client, assert_nothing_left, play, setups};
use noex_server::node::{QueryDefinition, Settings};
use serde_json::Value;

/// A pointer of `k` and its target in `n`, both named by the subscriber, and how many `b` has.
fn linked(cores: u16) -> Settings {
    let mut settings = setups::open(cores);
    let linked = QueryDefinition::program(|q, params| {
        q.object([
            ("from", q.bucket("k").get(params.get("from"))),
            ("to", q.bucket("n").get(params.get("to"))),
            ("b", q.bucket("b").count()),
        ])
    });
    settings.queries.push(("linked".into(), linked));
    settings
}

// S-132, S-130, S-133: an evaluation depends on what it reads, and with plans (K-3) that is the same
// for every one: a target that goes, comes and goes again is followed, another one never is, however
// much the pointer changes
#[test]
fn every_evaluation_has_its_dependencies() {
    play(
        linked,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"linked","params":{"from":"x","to":1}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":{"from":null,"to":null,"b":0}}}
        c → {"id":1,"type":"store.insert","bucket":"n","data":{"n":1}}
        c ← {"id":1,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"from":null,"to":{"n":1,"…":0},"b":0}}
        c → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"x","v":2}}
        c ← {"id":2,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"from":{"k":"x","v":2,"…":0},"to":{"n":1,"…":0},"b":0}}
        c → {"id":3,"type":"store.insert","bucket":"n","data":{"n":2}}
        c ← {"id":3,"type":"result","…":0}
        c → {"id":4,"type":"store.update","bucket":"k","key":"x","data":{"v":1}}
        c ← {"id":4,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"from":{"v":1,"…":0},"…":0}}
        c → {"id":5,"type":"store.update","bucket":"n","key":2,"data":{"more":1}}
        c ← {"id":5,"type":"result","…":0}
        c → {"id":6,"type":"store.delete","bucket":"n","key":1}
        c ← {"id":6,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"to":null,"…":0}}
        c → {"id":7,"type":"store.insert","bucket":"n","data":{"n":1}}
        c ← {"id":7,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"to":{"n":1,"…":0},"…":0}}
        c → {"id":8,"type":"store.insert","bucket":"b","data":{"b":true}}
        c ← {"id":8,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"b":1,"…":0}}
        "#,
    );
}

// S-233: a declarative query depends on its bucket, as a whole, and on nothing else, whatever its
// filter is: it ends with that bucket only
#[test]
fn a_declarative_query_has_one_bucket() {
    play(
        setups::open,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"by-role","params":{"role":"boss"}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"id":"1","name":"n"}}
        c ← {"id":1,"type":"result","…":0}
        c → {"id":2,"type":"store.update","bucket":"u","key":"1","data":{"role":"boss"}}
        c ← {"id":2,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"id":"1","…":0}]}
        c → {"id":3,"type":"store.insert","bucket":"k","data":{"k":"x","role":"boss"}}
        c ← {"id":3,"type":"result","…":0}
        c → {"id":4,"type":"store.dropBucket","name":"k"}
        c ← {"id":4,"type":"result","…":0}
        c → {"id":5,"type":"store.update","bucket":"u","key":"1","data":{"role":"none"}}
        c ← {"id":5,"type":"result","…":0}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[]}
        c → {"id":6,"type":"store.dropBucket","name":"u"}
        c ← {"id":6,"type":"result","…":0}
        c → {"id":7,"type":"store.listQueries"}
        c ← {"id":7,"type":"result","data":{"queries":["<any>","<any>","<any>",{"name":"by-role","activeSubscriptions":0,"…":0},"<any>","<any>","<any>","<any>","<any>","<any>","<any>","<any>"]}}
        "#,
    );
}

/// Where in a list of messages the first one is that `is_it`.
fn place(messages: &[Value], is_it: impl Fn(&Value) -> bool) -> usize {
    messages.iter().position(is_it).unwrap_or(usize::MAX)
}

// S-147, S-146, P-125: of pipelined requests, answer precedes answer, and each precedes what it
// causes, however bytes and mail are delayed; the pushes may be one
#[test]
fn pipelined_requests() {
    let mut coalesced = 0;
    for cores in CORES {
        for seed in 1..=40 {
            println!("seed {seed}, {cores} cores");
            let mut cluster = Cluster::new(&setups::open(cores), cores, Schedule::Hostile, seed);
            let mut client = Client::welcomed(&mut cluster, usize::from(cores) - 1);
            for (id, query) in [(1, "count-k"), (2, "all-u")] {
                client.send(
                    &mut cluster,
                    &format!(r#"{{"id":{id},"type":"store.subscribe","query":"{query}"}}"#),
                );
            }
            cluster.settle();
            assert_eq!(client.json(&cluster).len(), 2);
            for (id, bucket, data) in
                [(3, "k", r#"{"k":"1"}"#), (4, "k", r#"{"k":"2"}"#), (5, "u", r#"{"name":"n"}"#)]
            {
                let insert =
                    format!(r#"{{"id":{id},"type":"store.insert","bucket":"{bucket}","data":{data}}}"#);
                client.send(&mut cluster, &insert);
            }
            cluster.settle();
            let messages = client.json(&cluster);
            let answer = |id: u64| place(&messages, |message| message["id"] == id);
            let push = |id: &str, shows: &dyn Fn(&Value) -> bool| {
                place(&messages, |message| message["subscriptionId"] == id && shows(&message["data"]))
            };
            assert!(answer(3) < answer(4) && answer(4) < answer(5), "{messages:#?}");
            let [one, two] = [1, 2].map(|count| push("sub-1", &|data| *data == count));
            assert!(answer(3) < one && answer(4) < two && two < usize::MAX, "{messages:#?}");
            assert!(one == usize::MAX || one < two, "{messages:#?}");
            assert!(answer(5) < push("sub-2", &|data| data.as_array().is_some_and(|all| all.len() == 1)));
            coalesced += usize::from(one == usize::MAX);
            cluster.end(client.link);
            cluster.settle();
            assert_nothing_left(&cluster);
        }
    }
    assert!(coalesced > 0, "some schedules let both come in together");
}
