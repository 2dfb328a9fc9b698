//! Live queries as a client sees them.

use crate::script::Stage;
use crate::{play, play_with, setups};
use noex_server::node::QueryDefinition;

// S-134, S-135, S-140, S-141, S-146, S-149, S-151, P-125, P-126, P-139, V-21…V-23, V-26
#[test]
fn pushes() {
    play(
        setups::open,
        &["a", "b", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"all-u"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        b → {"id":1,"type":"store.subscribe","query":"all-u","params":null}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2","data":[]}}
        a → {"id":2,"type":"store.subscribe","query":"count-u","params":17}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-3","data":0}}
        a → {"id":3,"type":"store.subscribe","query":"all-u"}
        a ← {"id":3,"type":"result","data":{"subscriptionId":"sub-4","data":[]}}
        a → {"id":4,"type":"store.insert","bucket":"u","data":{"id":"1","name":"x"}}
        a ← {"id":4,"type":"result","data":{"id":"1","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"id":"1","name":"x","…":0}]}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":1}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":[{"id":"1","…":0}]}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"id":"1","…":0}]}
        # an update that changes nothing still counts the version up; a count stays
        c → {"id":1,"type":"store.update","bucket":"u","key":"1","data":{}}
        c ← {"id":1,"type":"result","data":{"id":"1","_version":2,"…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"id":"1","_version":2,"…":0}]}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":[{"id":"1","_version":2,"…":0}]}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"id":"1","_version":2,"…":0}]}
        a → {"id":5,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":5,"type":"result","data":{"unsubscribed":true}}
        a → {"id":5,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":5,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        c → {"id":2,"type":"store.delete","bucket":"u","key":"none"}
        c ← {"id":2,"type":"result","data":{"deleted":true}}
        # one delete and one insert: one push of the list, none of the count
        c → {"id":3,"type":"store.transaction","operations":[{"op":"delete","bucket":"u","key":"1"},{"op":"insert","bucket":"u","data":{"id":"2","name":"y"}}]}
        c ← {"id":3,"type":"result","data":{"results":[{"index":0,"data":{"deleted":true}},{"index":1,"data":{"id":"2","…":0}}]}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":[{"id":"2","…":0}]}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"id":"2","…":0}]}
        "#,
    );
}

// S-234…S-236, S-131: only what a parameter selects
#[test]
fn parameters() {
    play(
        setups::open,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"by-role","params":{"role":"admin"}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        a → {"id":2,"type":"store.subscribe","query":"literal","params":{"role":"admin"}}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":[]}}
        a → {"id":3,"type":"store.subscribe","query":"count-by-age","params":{"age":7}}
        a ← {"id":3,"type":"result","data":{"subscriptionId":"sub-3","data":0}}
        a → {"id":4,"type":"store.subscribe","query":"count-by-age","params":{"age":{"$exists":false}}}
        a ← {"id":4,"type":"result","data":{"subscriptionId":"sub-4","data":0}}
        a → {"id":5,"type":"store.subscribe","query":"count-by-age"}
        a ← {"id":5,"type":"result","data":{"subscriptionId":"sub-5","data":0}}
        c → {"id":1,"type":"store.insert","bucket":"u","data":{"id":"1","name":"x"}}
        c ← {"id":1,"type":"result","data":{"id":"1","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-5","data":1}
        c → {"id":2,"type":"store.insert","bucket":"u","data":{"id":"2","name":"x","role":"admin","age":7}}
        c ← {"id":2,"type":"result","data":{"id":"2","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"id":"2","…":0}]}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":1}
        c → {"id":3,"type":"store.update","bucket":"u","key":"2","data":{"role":"user","age":null}}
        c ← {"id":3,"type":"result","data":{"id":"2","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[]}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":0}
        "#,
    );
}

// S-106: windows; V-41: a bucket whose name has a dot
#[test]
fn windows_and_dots() {
    play(
        setups::open,
        &["a"],
        r#"
        a → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"1"}}
        a ← {"id":1,"type":"result","data":{"k":"1","…":0}}
        a → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"2"}}
        a ← {"id":1,"type":"result","data":{"k":"2","…":0}}
        a → {"id":2,"type":"store.subscribe","query":"first-k"}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":[{"k":"1","…":0},{"k":"2","…":0}]}}
        a → {"id":2,"type":"store.subscribe","query":"last-k"}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":[{"k":"1","…":0},{"k":"2","…":0}]}}
        # outside the first two: no push of theirs
        a → {"id":3,"type":"store.insert","bucket":"k","data":{"k":"3"}}
        a ← {"id":3,"type":"result","data":{"k":"3","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":[{"k":"2","…":0},{"k":"3","…":0}]}
        a → {"id":4,"type":"store.delete","bucket":"k","key":"1"}
        a ← {"id":4,"type":"result","data":{"deleted":true}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"2","…":0},{"k":"3","…":0}]}
        a → {"id":5,"type":"store.subscribe","query":"dotted"}
        a ← {"id":5,"type":"result","data":{"subscriptionId":"sub-3","data":[]}}
        a → {"id":6,"type":"store.insert","bucket":"a.b","data":{"k":"1"}}
        a ← {"id":6,"type":"result","data":{"k":"1","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":[{"k":"1","…":0}]}
        "#,
    );
}

// S-138, S-127, S-152, P-135, P-136, P-137, P-138, P-142, P-144
#[test]
fn refusals() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.subscribe"}
        a ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"query\": expected non-empty string"}
        a → {"id":1,"type":"store.subscribe","query":"none"}
        a ← {"id":1,"type":"error","code":"QUERY_NOT_DEFINED","message":"Query \"none\" is not defined"}
        a → {"id":1,"type":"store.subscribe","query":"lost"}
        a ← {"id":1,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"nowhere\" is not defined"}
        a → {"id":1,"type":"store.unsubscribe"}
        a ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"subscriptionId\": expected non-empty string"}
        a → {"id":1,"type":"store.subscribe","query":"all-u"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        a → {"id":1,"type":"rules.subscribe","pattern":"*"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2"}}
        b → {"id":1,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        b ← {"id":1,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        a → {"id":1,"type":"rules.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":1,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        a → {"id":1,"type":"store.unsubscribe","subscriptionId":"sub-2"}
        a ← {"id":1,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-2\" not found"}
        a → {"id":1,"type":"store.unsubscribe","subscriptionId":"sub-01"}
        a ← {"id":1,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-01\" not found"}
        a → {"id":1,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":1,"type":"result","data":{"unsubscribed":true}}
        "#,
    );
}

// P-115…P-119, V-40: places are counted together, checked before any field, and given back.
#[test]
fn limits() {
    let tight = |cores| {
        setups::limited(cores, |limits| {
            limits.subscriptions_per_connection_max = 2;
            limits.subscriptions_total_max = 3;
        })
    };
    play(
        tight,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"all-u"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        a → {"id":1,"type":"store.subscribe","query":"none"}
        a ← {"id":1,"type":"error","code":"QUERY_NOT_DEFINED","message":"Query \"none\" is not defined"}
        a → {"id":1,"type":"rules.subscribe","pattern":"x"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"<any>"}}
        a → {"id":1,"type":"store.subscribe"}
        a ← {"id":1,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 2 per connection)"}
        b → {"id":1,"type":"store.subscribe","query":"all-u"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"<any>","data":[]}}
        b → {"id":1,"type":"rules.subscribe"}
        b ← {"id":1,"type":"error","code":"RATE_LIMITED","message":"Global subscription limit reached (max 3)"}
        a → {"id":1,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":1,"type":"result","data":{"unsubscribed":true}}
        b → {"id":1,"type":"rules.subscribe","pattern":"y"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"<any>"}}
        "#,
    );
    play_with(tight, &["a"], |stage| {
        // A connection that ends frees its places (S-155).
        let subscribe = r#"
            x → {"id":1,"type":"store.subscribe","query":"all-u"}
            x ← {"id":1,"type":"result","data":{"subscriptionId":"<any>","data":[]}}
            x → {"id":1,"type":"store.subscribe","query":"count-u"}
            x ← {"id":1,"type":"result","data":{"subscriptionId":"<any>","data":0}}
            "#;
        for name in ["b", "c", "d"] {
            stage.enter(name, 0);
            stage.play(&subscribe.replace('x', name));
            let link = stage.named(name).link;
            stage.cluster.vanish(link);
            stage.cluster.settle();
        }
    });
    play(
        |cores| setups::limited(cores, |limits| limits.subscriptions_per_connection_max = 0),
        &["a"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"all-u"}
        a ← {"id":1,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 0 per connection)"}
        "#,
    );
}

// S-130, S-131, S-133, V-24: a record, whether or not it is there; V-42, S-96: a bucket that is cleared
#[test]
fn records_and_cleared_buckets() {
    let settings = |cores| {
        let mut settings = setups::open(cores);
        let one = QueryDefinition::program(|q, params| q.bucket("k").get(params.get("k")));
        settings.queries.push(("one".to_owned(), one));
        settings
    };
    play(
        settings,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"one","params":{"k":"a"}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":null}}
        a → {"id":2,"type":"store.subscribe","query":"count-k"}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"b"}}
        c ← {"id":1,"type":"result","data":{"k":"b","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":1}
        c → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"a"}}
        c ← {"id":2,"type":"result","data":{"k":"a","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"k":"a","_version":1,"…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":2}
        c → {"id":3,"type":"store.update","bucket":"k","key":"b","data":{"v":1}}
        c ← {"id":3,"type":"result","data":{"k":"b","…":0}}
        c → {"id":4,"type":"store.update","bucket":"k","key":"a","data":{"v":1}}
        c ← {"id":4,"type":"result","data":{"k":"a","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"k":"a","_version":2,"…":0}}
        c → {"id":5,"type":"store.clear","bucket":"k"}
        c ← {"id":5,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":null}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":0}
        c → {"id":6,"type":"store.insert","bucket":"k","data":{"k":"c"}}
        c ← {"id":6,"type":"result","data":{"k":"c","…":0}}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":1}
        "#,
    );
}

// S-141, P-132, K-4: what was withheld is pushed if it differs from what the client has, be that kept because it is
// still on its way or, above the mark, as a digest
#[test]
fn what_is_again_as_it_was_is_not_pushed() {
    play_with(setups::open, &["slow", "c"], changes_while_stalled);
    play_with(
        |cores| setups::limited(cores, |limits| limits.unsent_bytes_mark = 1_000),
        &["slow", "c"],
        changes_while_stalled,
    );
}

fn changes_while_stalled(stage: &mut Stage) {
    stage.play(
        r#"
        slow → {"id":1,"type":"store.subscribe","query":"all-k"}
        slow ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        "#,
    );
    let link = stage.named("slow").link;
    let large = "x".repeat(10_000);
    stage.cluster.links[link].drains = false;
    stage.play(&format!(
        r#"
        c → {{"id":1,"type":"store.insert","bucket":"k","data":{{"k":"{large}"}}}}
        c ← {{"id":1,"type":"result","data":"<any>"}}
        c → {{"id":2,"type":"store.insert","bucket":"k","data":{{"k":"b"}}}}
        c ← {{"id":2,"type":"result","data":"<any>"}}
        c → {{"id":3,"type":"store.delete","bucket":"k","key":"b"}}
        c ← {{"id":3,"type":"result","data":"<any>"}}
        "#
    ));
    stage.cluster.links[link].drains = true;
    stage.cluster.settle();
    stage.play(
        r#"
        slow ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":["<any>"]}
        c → {"id":4,"type":"store.insert","bucket":"k","data":{"k":"c"}}
        c ← {"id":4,"type":"result","data":"<any>"}
        slow ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":["<any>",{"k":"c","…":0}]}
        "#,
    );
    stage.cluster.links[link].drains = false;
    stage.play(
        r#"
        c → {"id":5,"type":"store.update","bucket":"k","key":"c","data":{"v":1}}
        c ← {"id":5,"type":"result","data":"<any>"}
        c → {"id":6,"type":"store.insert","bucket":"k","data":{"k":"d"}}
        c ← {"id":6,"type":"result","data":"<any>"}
        c → {"id":7,"type":"store.delete","bucket":"k","key":"c"}
        c ← {"id":7,"type":"result","data":"<any>"}
        c → {"id":8,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        c ← {"id":8,"type":"result","data":{"conflated":2,"…":0}}
        "#,
    );
    stage.cluster.links[link].drains = true;
    stage.cluster.settle();
    stage.play(
        r#"
        slow ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":["<any>",{"k":"c","v":1,"…":0}]}
        slow ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":["<any>",{"k":"d","…":0}]}
        "#,
    );
}
