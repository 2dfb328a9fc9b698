//! How the server ends (01 §18).

use crate::client::{Client, Received};
use crate::{CORES, assert_nothing_left, prompt, setups};
use serde_json::Value;
use std::collections::BTreeSet;

// P-80, P-170 step 3: everybody is told, and each to come back at another time
#[test]
fn clients_do_not_all_come_back_at_once() {
    for cores in CORES {
        let mut cluster = prompt(&setups::open(cores), cores);
        let mut clients: Vec<_> =
            (0..20).map(|at| Client::welcomed(&mut cluster, at % usize::from(cores))).collect();
        cluster.shutdown(500);
        cluster.settle();
        let mut times = BTreeSet::new();
        for client in &mut clients {
            let message: Value = client.json(&cluster).remove(0);
            assert_eq!((&message["event"], &message["gracePeriodMs"]), (&"shutdown".into(), &500.into()));
            times.insert(message["retryAfterMs"].as_u64().expect("a number"));
        }
        assert!(times.len() > 10, "{times:?}");
        assert!(times.iter().all(|time| (500..1_500).contains(time)), "{times:?}");
        cluster.advance(500);
        let goodbye = Received::Close(Some(1000), "server_shutdown".into());
        for client in &mut clients {
            assert_eq!(client.receive(&cluster).last(), Some(&goodbye));
            cluster.end(client.link);
        }
        cluster.settle();
        assert!(cluster.all_stopped());
        assert_nothing_left(&cluster);
    }
}

// P-170, P-174: whatever was executed is answered before the Close, on every core
#[test]
fn what_was_executed_is_answered() {
    for cores in CORES {
        for steps in 0..40 {
            let mut cluster = prompt(&setups::open(cores), cores);
            let mut client = Client::welcomed(&mut cluster, 0);
            for id in 0..12 {
                let (bucket, key) = [("k", "k"), ("a.b", "k")][id % 2];
                client.send(
                    &mut cluster,
                    &format!(
                        r#"{{"id":{id},"type":"store.insert","bucket":"{bucket}","data":{{"{key}":"{id}"}}}}"#
                    ),
                );
            }
            for _ in 0..steps {
                cluster.step();
            }
            cluster.shutdown(0);
            cluster.settle();
            let received = client.receive(&cluster);
            assert_eq!(received.last(), Some(&Received::Close(Some(1000), "server_shutdown".into())));
            let is_result =
                |message: &&Received| matches!(message, Received::Json(json) if json["type"] == "result");
            let answered = received.iter().filter(is_result).count();
            let executed: usize = cluster.census().iter().map(|census| census.shard.records).sum();
            assert_eq!(answered, executed, "{cores} cores, {steps} steps");
            cluster.end(client.link);
            cluster.settle();
            assert!(cluster.all_stopped());
        }
    }
}
