//! What the server tells of its store (02 §7).

use crate::{play, setups};
use noex_server::node::Settings;

fn small(cores: u16) -> Settings {
    let buckets = [
        ("users", r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"}}}"#),
        ("a \"quoted\" one", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
        ("products", r#"{"key":"k","schema":{"k":{"type":"string"}}}"#),
    ];
    let queries = [("all", r#"{"bucket":"products"}"#), ("users", r#"{"bucket":"users"}"#)];
    crate::shop::settings(&buckets, &queries, cores)
}

fn nothing(cores: u16) -> Settings {
    crate::shop::settings(&[], &[], cores)
}

// S-118, S-119, S-120
#[test]
fn nothing_is_told_of_nothing() {
    play(
        nothing,
        &["a"],
        r#"
        a → {"id":1,"type":"store.buckets"}
        a ← {"id":1,"type":"result","data":{"count":0,"names":[]}}
        a → {"id":2,"type":"store.stats"}
        a ← {"id":2,"type":"result","data":{"name":"store-1","buckets":{"count":0,"names":[]},"records":{"total":0,"perBucket":{}},"indexes":{"total":0,"perBucket":{}},"queries":{"defined":0,"activeSubscriptions":0},"persistence":{"enabled":false},"ttl":{"enabled":true,"checkIntervalMs":1000},"x":"<any>"}}
        "#,
    );
}

// S-118…S-120, P-121: records on every core, subscriptions of every connection; what a
// connection asked before is counted.
#[test]
fn statistics_cover_every_core() {
    play(
        small,
        &["a", "b"],
        r#"
        b → {"id":1,"type":"store.buckets","bucket":7}
        b ← {"id":1,"type":"result","data":{"count":3,"names":["users","a \"quoted\" one","products"]}}
        a → {"id":1,"type":"store.insert","bucket":"users","data":{}}
        a ← {"id":1,"type":"result","data":{"…":0}}
        a → {"id":2,"type":"store.insert","bucket":"users","data":{}}
        a ← {"id":2,"type":"result","data":{"…":0}}
        a → {"id":3,"type":"store.insert","bucket":"products","data":{"k":"1"}}
        a ← {"id":3,"type":"result","data":{"…":0}}
        a → {"id":4,"type":"store.subscribe","query":"all"}
        a ← {"id":4,"type":"result","data":{"subscriptionId":"sub-1","data":["<any>"]}}
        b → {"id":4,"type":"store.subscribe","query":"users"}
        b ← {"id":4,"type":"result","data":{"subscriptionId":"sub-2","data":["<any>","<any>"]}}
        # a subscription to events is none to a query
        b → {"id":5,"type":"rules.subscribe","pattern":"*"}
        b ← {"id":5,"type":"result","data":{"subscriptionId":"sub-3"}}
        b → {"id":6,"type":"store.stats"}
        b ← {"id":6,"type":"result","data":{"name":"store-1","buckets":{"count":3,"names":["users","a \"quoted\" one","products"]},"records":{"total":3,"perBucket":{"users":2,"a \"quoted\" one":0,"products":1}},"indexes":{"total":0,"perBucket":{"users":0,"a \"quoted\" one":0,"products":0}},"queries":{"defined":2,"activeSubscriptions":2},"persistence":{"enabled":false},"ttl":{"enabled":true,"checkIntervalMs":1000},"x":"<any>"}}
        a → {"id":7,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":7,"type":"result","data":{"unsubscribed":true}}
        a → {"id":8,"type":"store.stats"}
        a ← {"id":8,"type":"result","data":{"queries":{"defined":2,"activeSubscriptions":1},"…":0}}
        "#,
    );
}

// P-121, P-122: the answers of a pipeline come in order, and statistics count what was asked before.
#[test]
fn statistics_keep_their_place_in_a_pipeline() {
    crate::play_with(small, &["a"], |stage| {
        let link = stage.named("a").link;
        for text in [
            r#"{"id":1,"type":"store.insert","bucket":"products","data":{"k":"1"}}"#,
            r#"{"id":2,"type":"store.stats"}"#,
            r#"{"id":3,"type":"store.insert","bucket":"products","data":{"k":"2"}}"#,
            r#"{"id":4,"type":"store.stats"}"#,
            r#"{"id":5,"type":"store.buckets"}"#,
        ] {
            stage.cluster.send(link, &crate::client::frame(0x81, text.as_bytes()));
        }
        stage.cluster.settle();
        stage.play(
            r#"
            a ← {"id":1,"type":"result","data":{"…":0}}
            a ← {"id":2,"type":"result","data":{"records":{"total":1,"…":0},"…":0}}
            a ← {"id":3,"type":"result","data":{"…":0}}
            a ← {"id":4,"type":"result","data":{"records":{"total":2,"…":0},"…":0}}
            a ← {"id":5,"type":"result","data":{"count":3,"…":0}}
            "#,
        );
    });
}

// P-165: who has left is not answered, and leaves nothing behind.
#[test]
fn who_asks_may_vanish() {
    crate::play_with(small, &["a", "b"], |stage| {
        let link = stage.named("b").link;
        stage.cluster.send(link, &crate::client::frame(0x81, br#"{"id":1,"type":"store.stats"}"#));
        stage.cluster.step();
        stage.cluster.vanish(link);
        stage.cluster.settle();
        stage.play(
            r#"
            a → {"id":1,"type":"store.stats"}
            a ← {"id":1,"type":"result","data":{"…":0}}
            "#,
        );
    });
}

// P-54, S-240: both are in the tier of reading.
#[test]
fn readers_may_ask() {
    play(
        setups::guarded,
        &["a"],
        r#"
        a → {"id":1,"type":"store.stats"}
        a ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        a → {"id":2,"type":"auth.login","token":"reader-token"}
        a ← {"id":2,"type":"result","data":{"…":0}}
        a → {"id":3,"type":"store.stats"}
        a ← {"id":3,"type":"result","data":{"…":0}}
        a → {"id":4,"type":"store.buckets"}
        a ← {"id":4,"type":"result","data":{"count":9,"…":0}}
        "#,
    );
}

// Issue 4: what live queries cost can be seen; those that a change cannot touch cost nothing.
#[test]
fn live_queries_are_found_by_what_they_ask_for() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"by-role","params":{"role":"x"}}
        a ← {"id":1,"type":"result","data":"<any>"}
        a → {"id":2,"type":"store.subscribe","query":"by-role","params":{"role":"y"}}
        a ← {"id":2,"type":"result","data":"<any>"}
        a → {"id":3,"type":"store.subscribe","query":"by-role","params":{"role":"y"}}
        a ← {"id":3,"type":"result","data":"<any>"}
        a → {"id":4,"type":"store.subscribe","query":"count-by-age","params":{"age":7}}
        a ← {"id":4,"type":"result","data":"<any>"}
        b → {"id":1,"type":"store.insert","bucket":"u","data":{"name":"n","role":"x"}}
        b ← {"id":1,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":"<any>"}
        b → {"id":2,"type":"store.insert","bucket":"u","data":{"name":"n","role":"z"}}
        b ← {"id":2,"type":"result","data":"<any>"}
        b → {"id":3,"type":"store.stats"}
        b ← {"id":3,"type":"result","data":{"x":{"liveQueriesExamined":{"total":1,"perBucket":{"u":1,"…":0}},"liveQueriesUpdated":{"total":1,"perBucket":{"u":1,"…":0}},"shard":{"u":"<any>","…":0}},"…":0}}
        "#,
    );
}

// S-122: what is told of the store is the same in both answers
#[test]
fn the_store_in_the_servers_figures() {
    for cores in crate::CORES {
        let mut cluster = crate::prompt(&setups::open(cores), cores);
        let client = crate::Client::welcomed(&mut cluster, usize::from(cores) - 1);
        let mut data = |request: &str| {
            let answer: serde_json::Value =
                serde_json::from_str(&crate::ask(&mut cluster, &client, request)).expect("JSON");
            answer["data"].clone()
        };
        data(r#"{"id":1,"type":"store.insert","bucket":"k","data":{"k":"x"}}"#);
        data(r#"{"id":2,"type":"store.subscribe","query":"all-u"}"#);
        let store = data(r#"{"id":3,"type":"store.stats"}"#);
        assert_eq!(
            (&store["records"]["total"], &store["queries"]["activeSubscriptions"]),
            (&1.into(), &1.into())
        );
        assert_eq!(data(r#"{"id":4,"type":"server.stats"}"#)["store"], store);
    }
}
