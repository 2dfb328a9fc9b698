//! `server.explainSubscription`: what stands behind a subscription, asked from anywhere.

use crate::{play, play_with, setups};
use noex_server::node::{QueryDefinition, Settings};

fn settings(cores: u16) -> Settings {
    let mut settings = setups::open(cores);
    let mut add = |name: &str, query| settings.queries.push((name.to_owned(), query));
    add("one", QueryDefinition::program(|q, params| q.bucket("k").get(params.get("k"))));
    add(
        "board",
        QueryDefinition::program(|q, _| {
            q.object([("k", q.bucket("k").count()), ("u", q.array([q.bucket("u").last(1)]))])
        }),
    );
    settings
}

// S-123, S-141: plan with parameters in place, index, upkeep, sharing over all shards, evaluations, bytes
#[test]
fn what_stands_behind_a_subscription() {
    play(
        settings,
        &["a", "b", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"by-role","params":{"role":"admin"}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        b → {"id":1,"type":"store.subscribe","query":"by-role","params":{"role":"admin"}}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2","data":[]}}
        b → {"id":2,"type":"store.subscribe","query":"by-role","params":{"role":"user"}}
        b ← {"id":2,"type":"result","data":{"subscriptionId":"sub-3","data":[]}}
        c → {"id":1,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        c ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","query":"by-role","plan":{"bucket":"u","filter":{"role":"admin"}},"sharedBy":2,"evaluations":1,"bytesSent":0,"conflated":0,"reads":[{"shard":"<any>","index":["role"],"upkeep":"rows","sharedBy":2,"evaluations":1,"updates":0}]}}
        c → {"id":2,"type":"store.insert","bucket":"u","data":{"id":"1","name":"x","role":"admin"}}
        c ← {"id":2,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"id":"1","name":"x","role":"admin","_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}]}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":"<any>"}
        # 178 bytes of JSON behind a frame header of four
        b → {"id":3,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        b ← {"id":3,"type":"result","data":{"sharedBy":2,"evaluations":2,"bytesSent":182,"conflated":0,"reads":[{"updates":1,"…":0}],"…":0}}
        # the other parameter's query was not even looked at
        a → {"id":2,"type":"server.explainSubscription","subscriptionId":"sub-3"}
        a ← {"id":2,"type":"result","data":{"sharedBy":1,"evaluations":1,"bytesSent":0,"…":0}}
        b → {"id":4,"type":"store.unsubscribe","subscriptionId":"sub-2"}
        b ← {"id":4,"type":"result","data":{"unsubscribed":true}}
        a → {"id":3,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        a ← {"id":3,"type":"result","data":{"sharedBy":1,"…":0}}
        "#,
    );
}

// K-3: a key, every change, several values, nothing
#[test]
fn how_changes_find_it() {
    play(
        settings,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"one","params":{"k":"x"}}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":null}}
        c → {"id":1,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        c ← {"id":1,"type":"result","data":{"plan":{"bucket":"k","get":"x"},"reads":[{"index":["k"],"upkeep":"evaluated","…":0}],"…":0}}
        a → {"id":2,"type":"store.subscribe","query":"count-k"}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":0}}
        c → {"id":2,"type":"server.explainSubscription","subscriptionId":"sub-2"}
        c ← {"id":2,"type":"result","data":{"plan":{"bucket":"k","aggregate":{"function":"count"}},"reads":[{"index":[],"upkeep":"count","…":0}],"…":0}}
        a → {"id":3,"type":"store.defineQuery","name":"in","config":{"bucket":"k","filter":{"k":{"$in":["a","b"]},"v":{"$gt":0}},"aggregate":{"function":"sum","field":"v"}}}
        a ← {"id":3,"type":"result","data":"<any>"}
        a → {"id":4,"type":"store.subscribe","query":"in"}
        a ← {"id":4,"type":"result","data":{"subscriptionId":"sub-3","data":0}}
        c → {"id":3,"type":"server.explainSubscription","subscriptionId":"sub-3"}
        c ← {"id":3,"type":"result","data":{"plan":{"bucket":"k","filter":{"k":{"$in":["a","b"]},"v":{"$gt":0}},"aggregate":{"function":"sum","field":"v"}},"reads":[{"index":["k"],"upkeep":"sum","…":0}],"…":0}}
        a → {"id":5,"type":"store.subscribe","query":"by-role","params":{"role":[]}}
        a ← {"id":5,"type":"result","data":{"subscriptionId":"sub-4","data":[]}}
        c → {"id":4,"type":"server.explainSubscription","subscriptionId":"sub-4"}
        c ← {"id":4,"type":"result","data":{"reads":[{"index":null,"…":0}],"…":0}}
        "#,
    );
}

// K-3: a result of several reads, which each core with subscribers puts together for itself
#[test]
fn several_reads() {
    play(
        settings,
        &["a", "b", "c"],
        r#"
        a → {"id":1,"type":"store.subscribe","query":"board"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":{"k":0,"u":[[]]}}}
        b → {"id":1,"type":"store.subscribe","query":"board"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2","data":{"k":0,"u":[[]]}}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"x"}}
        c ← {"id":1,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":{"k":1,"u":[[]]}}
        b ← {"type":"push","channel":"subscription","subscriptionId":"sub-2","data":{"k":1,"u":[[]]}}
        c → {"id":2,"type":"server.explainSubscription","subscriptionId":"sub-2"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","query":"board","plan":{"k":{"bucket":"k","aggregate":{"function":"count"}},"u":[{"bucket":"u","last":1}]},"sharedBy":2,"evaluations":"<any>","bytesSent":91,"conflated":0,"reads":[{"upkeep":"count","evaluations":2,"updates":1,"…":0},{"upkeep":"rows","evaluations":1,"updates":0,"…":0}]}}
        "#,
    );
}

// K-4: how often its client was too slow
#[test]
fn conflated_pushes_are_counted() {
    play_with(settings, &["slow", "c"], |stage| {
        stage.play(
            r#"
            slow → {"id":1,"type":"store.subscribe","query":"all-k"}
            slow ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
            "#,
        );
        let link = stage.named("slow").link;
        stage.cluster.links[link].drains = false;
        let large = "x".repeat(10_000);
        stage.play(&format!(
            r#"
            c → {{"id":1,"type":"store.insert","bucket":"k","data":{{"k":"{large}"}}}}
            c ← {{"id":1,"type":"result","data":"<any>"}}
            c → {{"id":2,"type":"store.insert","bucket":"k","data":{{"k":"b"}}}}
            c ← {{"id":2,"type":"result","data":"<any>"}}
            c → {{"id":3,"type":"store.insert","bucket":"k","data":{{"k":"c"}}}}
            c ← {{"id":3,"type":"result","data":"<any>"}}
            c → {{"id":4,"type":"server.explainSubscription","subscriptionId":"sub-1"}}
            c ← {{"id":4,"type":"result","data":{{"conflated":1,"evaluations":4,"…":0}}}}
            "#
        ));
        stage.cluster.links[link].drains = true;
        stage.cluster.settle();
        stage.play(
            r#"
            slow ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":["<any>"]}
            slow ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":["<any>",{"k":"b","…":0},{"k":"c","…":0}]}
            "#,
        );
    });
}

// S-152, P-137, P-138: there is none of that id; S-8, P-144: who may ask, and what
#[test]
fn refusals() {
    play(
        settings,
        &["a", "c"],
        r#"
        c → {"id":1,"type":"server.explainSubscription"}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"subscriptionId\": expected non-empty string"}
        c → {"id":2,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        c ← {"id":2,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        c → {"id":3,"type":"server.explainSubscription","subscriptionId":"sub-99999999999999999999"}
        c ← {"id":3,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-99999999999999999999\" not found"}
        a → {"id":1,"type":"rules.subscribe","pattern":"*"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1"}}
        c → {"id":4,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        c ← {"id":4,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        a → {"id":2,"type":"store.subscribe","query":"all-k"}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2","data":[]}}
        a → {"id":3,"type":"store.dropBucket","name":"k"}
        a ← {"id":3,"type":"result","data":"<any>"}
        c → {"id":5,"type":"server.explainSubscription","subscriptionId":"sub-2"}
        c ← {"id":5,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-2\" not found"}
        "#,
    );
    play(
        setups::guarded,
        &["w"],
        r#"
        w → {"id":1,"type":"auth.login","token":"writer-token"}
        w ← {"id":1,"type":"result","…":0}
        w → {"id":2,"type":"server.explainSubscription","subscriptionId":"sub-1"}
        w ← {"id":2,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for server.explainSubscription (requires admin)"}
        "#,
    );
}

// S-131, S-250: a change is found by the values of `$in`, too; others are not even looked at
#[test]
fn several_values_are_indexed() {
    play(
        settings,
        &["a", "c"],
        r#"
        a → {"id":1,"type":"store.defineQuery","name":"in","config":{"bucket":"k","filter":{"k":{"$in":["a","b"]},"v":{"$in":[1,2]}}}}
        a ← {"id":1,"type":"result","data":"<any>"}
        a → {"id":2,"type":"store.subscribe","query":"in"}
        a ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"z","v":1}}
        c ← {"id":1,"type":"result","data":"<any>"}
        c → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"a","v":3}}
        c ← {"id":2,"type":"result","data":"<any>"}
        c → {"id":3,"type":"store.stats"}
        c ← {"id":3,"type":"result","data":{"x":{"liveQueriesExamined":{"total":0,"…":0},"…":0},"…":0}}
        c → {"id":4,"type":"store.insert","bucket":"k","data":{"k":"b","v":2}}
        c ← {"id":4,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"b","…":0}]}
        c → {"id":5,"type":"store.update","bucket":"k","key":"b","data":{"v":9}}
        c ← {"id":5,"type":"result","data":"<any>"}
        a ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[]}
        c → {"id":6,"type":"store.stats"}
        c ← {"id":6,"type":"result","data":{"x":{"liveQueriesExamined":{"total":2,"…":0},"…":0},"…":0}}
        "#,
    );
}
