//! Who is connected, and how the server is (01 §15).

use crate::script::Stage;
use crate::{CORES, ask, play, play_with, prompt, setups};
use serde_json::{Value, json};

// P-147…P-153: every member, updated before the answer, in order of admission, on all cores
#[test]
fn connections() {
    play(
        setups::guarded,
        &["adam", "ann", "bob"],
        r#"
        adam → {"id":1,"type":"auth.login","token":"admin-token"}
        adam ← {"id":1,"type":"result","data":{"userId":"adam","…":0}}
        ann → {"id":1,"type":"auth.login","token":"ann-token"}
        ann ← {"id":1,"type":"result","data":{"userId":"ann","…":0}}
        ann → {"id":2,"type":"store.subscribe","query":"all-k"}
        ann ← {"id":2,"type":"result","data":"<any>"}
        ann → {"id":3,"type":"rules.subscribe","pattern":"a.*"}
        ann ← {"id":3,"type":"result","data":"<any>"}
        ann → {"id":4,"type":"rules.subscribe","pattern":"b.*"}
        ann ← {"id":4,"type":"result","data":"<any>"}
        adam → {"id":2,"type":"server.connections"}
        adam ← {"id":2,"type":"result","data":[{"connectionId":"conn-1","remoteAddress":"127.0.0.1","connectedAt":1706745600000,"authenticated":true,"userId":"adam","roles":["admin"],"storeSubscriptionCount":0,"rulesSubscriptionCount":0,"x":"<any>"},{"connectionId":"conn-2","remoteAddress":"127.0.0.1","connectedAt":1706745600000,"authenticated":true,"userId":"ann","roles":["customer"],"storeSubscriptionCount":1,"rulesSubscriptionCount":2,"x":{"shard":"<any>","unsentBytes":0,"conflations":0,"eventsDropped":0}},{"connectionId":"conn-3","remoteAddress":"127.0.0.1","connectedAt":1706745600000,"authenticated":false,"userId":null,"roles":[],"storeSubscriptionCount":0,"rulesSubscriptionCount":0,"x":"<any>"}]}
        ann → {"id":5,"type":"auth.logout"}
        ann ← {"id":5,"type":"result","data":{"loggedOut":true}}
        adam → {"id":3,"type":"server.connections"}
        adam ← {"id":3,"type":"result","data":["<any>",{"connectionId":"conn-2","authenticated":false,"userId":null,"roles":[],"storeSubscriptionCount":0,"rulesSubscriptionCount":0,"…":0},"<any>"]}
        # P-54: for administrators only
        ann → {"id":6,"type":"auth.login","token":"reader-token"}
        ann ← {"id":6,"type":"result","data":{"userId":"rita","…":0}}
        ann → {"id":7,"type":"server.connections"}
        ann ← {"id":7,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for server.connections (requires admin)"}
        ann → {"id":8,"type":"server.unknown"}
        ann ← {"id":8,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown server operation \"server.unknown\""}
        "#,
    );
}

// P-149, P-151: an identity that has ended is none; a connection that has ended is none
#[test]
fn what_has_ended_is_not_listed() {
    play_with(setups::guarded, &["adam", "guest", "bob"], |stage: &mut Stage| {
        stage.play(
            r#"
            adam → {"id":1,"type":"auth.login","token":"admin-token"}
            adam ← {"id":1,"type":"result","data":{"userId":"adam","…":0}}
            guest → {"id":1,"type":"auth.login","token":"guest-token"}
            guest ← {"id":1,"type":"result","data":{"userId":"guest","…":0}}
            "#,
        );
        let bob = stage.named("bob").link;
        stage.cluster.end(bob);
        stage.cluster.advance(6_000);
        stage.play(
            r#"
            adam → {"id":2,"type":"server.connections"}
            adam ← {"id":2,"type":"result","data":[{"connectionId":"conn-1","…":0},{"connectionId":"conn-2","authenticated":false,"userId":null,"…":0}]}
            "#,
        );
    });
}

// P-154…P-157: every member, over all cores
#[test]
fn stats() {
    for cores in CORES {
        let mut stage = Stage::new(prompt(&setups::guarded(cores), cores));
        for (at, name) in ["adam", "ann"].into_iter().enumerate() {
            stage.enter(name, at % usize::from(cores));
        }
        stage.play(
            r#"
            adam → {"id":1,"type":"auth.login","token":"admin-token"}
            adam ← {"id":1,"type":"result","data":{"userId":"adam","…":0}}
            adam → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"a"}}
            adam ← {"id":2,"type":"result","data":"<any>"}
            adam → {"id":3,"type":"store.subscribe","query":"all-k"}
            adam ← {"id":3,"type":"result","data":"<any>"}
            adam → {"id":4,"type":"rules.subscribe","pattern":"a"}
            adam ← {"id":4,"type":"result","data":"<any>"}
            adam → {"id":5,"type":"rules.setFact","key":"a:b","value":1}
            adam ← {"id":5,"type":"result","data":"<any>"}
            adam → {"id":6,"type":"server.stats"}
            adam ← {"id":6,"type":"result","data":{"name":"noex-server","connectionCount":2,"authEnabled":true,"rateLimitEnabled":false,"rulesEnabled":true,"connections":{"active":2,"authenticated":1,"totalStoreSubscriptions":1,"totalRulesSubscriptions":1},"store":{"records":{"total":1,"…":0},"queries":{"activeSubscriptions":1,"…":0},"…":0},"rules":{"rulesCount":0,"factsCount":1,"timersCount":0,"eventsProcessed":"<any>","rulesExecuted":0,"avgProcessingTimeMs":0,"tracing":{"enabled":false,"entriesCount":0,"maxEntries":10000}},"x":{"shards":"<any>"}}}
            "#,
        );
        let Stage { cluster, .. } = &mut stage;
        let mut adam = crate::client::Client::welcomed(cluster, 0);
        assert!(
            ask(cluster, &adam, r#"{"id":1,"type":"auth.login","token":"admin-token"}"#).contains("adam")
        );
        adam.receive(cluster);
        let stats: Value =
            serde_json::from_str(&ask(cluster, &adam, r#"{"id":2,"type":"server.stats"}"#)).expect("JSON");
        let shards = stats["data"]["x"]["shards"].as_array().expect("a list");
        assert_eq!(shards.len(), usize::from(cores));
        let sum = |member: &str| shards.iter().filter_map(|shard| shard[member].as_u64()).sum::<u64>();
        assert_eq!((sum("connections"), sum("records")), (3, 1));
    }
}

// P-154: `null` without a rule engine
#[test]
fn stats_without_rules() {
    play(
        setups::without_rules,
        &["a"],
        r#"
        a → {"id":1,"type":"server.stats"}
        a ← {"id":1,"type":"result","data":{"rulesEnabled":false,"authEnabled":false,"rules":null,"connectionCount":1,"…":0}}
        "#,
    );
}

// K-4, K-5: who lags is named, with what was withheld and dropped
#[test]
fn top_lag_names_the_slow() {
    for cores in CORES {
        let settings = setups::limited(cores, |limits| limits.unsent_bytes_mark = 10_000);
        let mut stage = Stage::new(prompt(&settings, cores));
        let last = usize::from(cores) - 1;
        stage.enter("slow", last);
        stage.enter("fast", 0);
        stage.play(
            r#"
            slow → {"id":1,"type":"store.subscribe","query":"all-k"}
            slow ← {"id":1,"type":"result","data":"<any>"}
            slow → {"id":2,"type":"rules.subscribe","pattern":"e"}
            slow ← {"id":2,"type":"result","data":"<any>"}
            fast → {"id":0,"type":"server.topLag"}
            fast ← {"id":0,"type":"result","data":[]}
            "#,
        );
        let slow = stage.named("slow").link;
        stage.cluster.links[slow].drains = false;
        let text = "x".repeat(8_000);
        for n in 1..5 {
            stage.play(&format!(
                r#"
                fast → {{"id":{n},"type":"store.insert","bucket":"k","data":{{"k":"{n}{text}"}}}}
                fast ← {{"id":{n},"type":"result","data":"<any>"}}
                fast → {{"id":{n},"type":"rules.emit","topic":"e","data":{{"x":"{text}"}}}}
                fast ← {{"id":{n},"type":"result","data":"<any>"}}
                "#
            ));
        }
        stage.play(
            r#"
            fast → {"id":9,"type":"server.topLag"}
            fast ← {"id":9,"type":"result","data":[{"connectionId":"conn-1","shard":"<any>","unsentBytes":"<any>","conflations":"<any>","eventsDropped":"<any>","…":0}]}
            "#,
        );
        let client = crate::client::Client::welcomed(&mut stage.cluster, 0);
        let answer = ask(&mut stage.cluster, &client, r#"{"id":1,"type":"server.topLag"}"#);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let lag = &answer["data"][0];
        let number = |member: &str| lag[member].as_u64().expect("a number");
        assert!(number("unsentBytes") >= 8_000 && number("conflations") >= 1, "{lag}");
        assert!(number("eventsDropped") >= 1, "{lag}");
        assert_eq!(lag["shard"], json!(last));
    }
}
