//! V-21 … V-26, V-40, V-44, V-45: queries and what they push.

use super::{inserts, settings, vector};
use crate::cluster::Cluster;
use crate::script::Stage;
use crate::{play, play_with};
use noex_server::node::{Call, QueryDefinition};

// V-21…V-24, V-26: what is pushed, and what is not
#[test]
fn pushes() {
    vector(
        r#"
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"old"}}
        c ← {"id":1,"type":"result","…":0}
        c → {"id":2,"type":"store.subscribe","query":"count-k"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":1}}
        # V-21
        c → {"id":3,"type":"store.transaction","operations":[{"op":"delete","bucket":"k","key":"old"},{"op":"insert","bucket":"k","data":{"k":"new"}}]}
        c ← {"id":3,"type":"result","…":0}
        # V-23
        c → {"id":4,"type":"store.subscribe","query":"all-k"}
        c ← {"id":4,"type":"result","data":{"subscriptionId":"sub-2","data":[{"k":"new","_version":1,"…":0}]}}
        c → {"id":5,"type":"store.update","bucket":"k","key":"new","data":{}}
        c ← {"id":5,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"k":"new","_version":2,"…":0}]}
        # V-22
        c → {"id":6,"type":"store.transaction","operations":[{"op":"insert","bucket":"k","data":{"k":"1"}},{"op":"insert","bucket":"k","data":{"k":"2"}},{"op":"insert","bucket":"k","data":{"k":"3"}}]}
        c ← {"id":6,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":4}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"k":"new","…":0},{"k":"1","…":0},{"k":"2","…":0},{"k":"3","…":0}]}
        # V-26
        c → {"id":7,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        c ← {"id":7,"type":"result","data":{"unsubscribed":true}}
        c → {"id":8,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        c ← {"id":8,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        c → {"id":9,"type":"store.unsubscribe","subscriptionId":"sub-2"}
        c ← {"id":9,"type":"result","data":{"unsubscribed":true}}
        # V-24
        c → {"id":10,"type":"store.subscribe","query":"get-a"}
        c ← {"id":10,"type":"result","data":{"subscriptionId":"sub-3","data":null}}
        c → {"id":11,"type":"store.insert","bucket":"k","data":{"k":"b"}}
        c ← {"id":11,"type":"result","…":0}
        c → {"id":12,"type":"store.insert","bucket":"k","data":{"k":"a"}}
        c ← {"id":12,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":{"k":"a","…":0}}
        c → {"id":13,"type":"store.update","bucket":"k","key":"b","data":{"v":1}}
        c ← {"id":13,"type":"result","…":0}
        "#,
    );
}

/// A query whose evaluation fails while the bucket holds a large record: so many copies of it
/// exceed what the results of one evaluation may take together.
fn copies() -> QueryDefinition {
    QueryDefinition::program(|q, _| {
        let all = |_| q.bucket("k").filter(r#"{"large":{"$exists":true}}"#).all();
        q.object([("copies", q.array((0..255).map(all))), ("count", q.bucket("k").count())])
    })
}

/// What the embedding program was shown last: the count at the end of each result.
fn shown(cluster: &mut Cluster) -> Vec<String> {
    let results = std::mem::take(&mut cluster.results).into_iter();
    let count = |result: String| result.rsplit(':').next().expect("a count").trim_end_matches('}').to_owned();
    results.map(|(_, result)| count(result.expect("it goes on"))).collect()
}

// V-25, S-148: an evaluation that fails says nothing, keeps the subscription and its baseline, and
// harms no other; the next change evaluates again. The plan of a query cannot fail by itself (K-3), its
// evaluation can.
#[test]
fn a_failing_evaluation() {
    play_with(settings, &["c"], |stage: &mut Stage| {
        let cluster = &mut stage.cluster;
        cluster.call_as(0, 1, Call::DefineQuery("copies", copies()));
        cluster.settle();
        let subscribe = |cluster: &mut Cluster, number| {
            let request = r#"{"id":1,"type":"store.subscribe","query":"copies"}"#;
            cluster.call_as(0, number, Call::Subscribe(request));
            cluster.settle();
            cluster.replies.pop().expect("a reply")
        };
        assert!(subscribe(cluster, 2).is_ok());
        assert_eq!(shown(cluster), ["0"]);
        stage.play(
            r#"
            c → {"id":1,"type":"store.subscribe","query":"count-k"}
            c ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2","data":0}}
            c → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"1"}}
            c ← {"id":2,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":1}
            "#,
        );
        assert_eq!(shown(&mut stage.cluster), ["1"]);
        let large = "x".repeat(300_000);
        stage.play(&format!(
            r#"
            c → {{"id":3,"type":"store.insert","bucket":"k","data":{{"k":"2","large":"{large}"}}}}
            c ← {{"id":3,"type":"result","…":0}}
            c ← {{"type":"push","channel":"subscription","subscriptionId":"sub-2","data":2}}
            "#
        ));
        assert_eq!(shown(&mut stage.cluster), [""; 0]);
        // S-139: who subscribes meanwhile is told why not.
        let fault = subscribe(&mut stage.cluster, 3).expect_err("too large");
        assert!(fault.message.contains("the results together exceed"), "{}", fault.message);
        stage.play(
            r#"
            c → {"id":4,"type":"store.transaction","operations":[{"op":"delete","bucket":"k","key":"2"},{"op":"insert","bucket":"k","data":{"k":"2"}},{"op":"insert","bucket":"k","data":{"k":"3"}}]}
            c ← {"id":4,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":3}
            "#,
        );
        assert_eq!(shown(&mut stage.cluster), ["3"]);
        stage.cluster.call_as(0, 2, Call::Unsubscribe);
        stage.cluster.settle();
    });
}

// V-40: the limit comes before every field
#[test]
fn limits() {
    let two = |cores| {
        let mut settings = settings(cores);
        settings.limits.subscriptions_per_connection_max = 2;
        settings
    };
    play(
        two,
        &["c"],
        r#"
        c → {"id":1,"type":"store.subscribe","query":"all-k"}
        c ← {"id":1,"type":"result","…":0}
        c → {"id":2,"type":"store.subscribe","query":"all-k"}
        c ← {"id":2,"type":"result","…":0}
        c → {"id":3,"type":"store.subscribe","query":"all-k"}
        c ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 2 per connection)"}
        c → {"id":4,"type":"store.subscribe"}
        c ← {"id":4,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 2 per connection)"}
        "#,
    );
}

// V-44, V-45: declarative queries
#[test]
fn declarative_queries() {
    let records = [r#"{"k":"a","n":1}"#, r#"{"k":"b"}"#, r#"{"k":"c","n":3}"#, r#"{"k":"d","n":2,"v":4}"#];
    vector(&format!(
        r#"{}
        c → {{"id":1,"type":"store.subscribe","query":"sorted"}}
        c ← {{"id":1,"type":"result","data":{{"subscriptionId":"sub-1","data":[{{"k":"d","n":2}},{{"k":"a","n":1}}]}}}}
        c → {{"id":2,"type":"store.delete","bucket":"k","key":"c"}}
        c ← {{"id":2,"type":"result","…":0}}
        c ← {{"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{{"k":"a","n":1}},{{"k":"b"}}]}}
        c → {{"id":3,"type":"store.subscribe","query":"counted"}}
        c ← {{"id":3,"type":"result","data":{{"subscriptionId":"sub-2","data":3}}}}
        c → {{"id":4,"type":"store.subscribe","query":"summed"}}
        c ← {{"id":4,"type":"result","data":{{"subscriptionId":"sub-3","data":4}}}}
        "#,
        inserts("k", &records)
    ));
}
