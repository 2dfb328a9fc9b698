//! What all requests of the store have in common.

use crate::{play, play_with, setups};

// S-8, S-9, S-11, S-16, S-19, S-83: the order of the checks, and what is ignored
#[test]
fn checks_in_order() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.get","bucket":5,"key":null}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"bucket\": expected non-empty string"}
        c → {"id":2,"type":"store.get","bucket":"nowhere","key":null}
        c ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Missing \"key\": expected non-null value"}
        c → {"id":3,"type":"store.get","bucket":"nowhere","key":0}
        c ← {"id":3,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"nowhere\" is not defined"}
        c → {"id":4,"type":"store.get","bucket":"k","key":false,"filter":7,"data":[],"constructor":{"a":1}}
        c ← {"id":4,"type":"result","data":null}
        c → {"id":5,"type":"store.get","bucket":"k","key":""}
        c ← {"id":5,"type":"result","data":null}
        c → {"id":6,"type":"store.frobnicate","bucket":"nowhere"}
        c ← {"id":6,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown store operation \"store.frobnicate\""}
        c → {"id":7,"type":"store.","bucket":"k"}
        c ← {"id":7,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown store operation \"store.\""}
        "#,
    );
}

// S-8 (2), (3): who may not ask is not told what is wrong with the question.
#[test]
fn access_comes_first() {
    play(
        setups::guarded,
        &["c"],
        r#"
        c → {"id":1,"type":"store.get"}
        c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        c → {"id":2,"type":"store.frobnicate"}
        c ← {"id":2,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        c → {"id":3,"type":"auth.login","token":"reader-token"}
        c ← {"id":3,"type":"result","…":0}
        c → {"id":4,"type":"store.insert","bucket":7}
        c ← {"id":4,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.insert (requires write)"}
        c → {"id":5,"type":"store.defineBucket"}
        c ← {"id":5,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.defineBucket (requires admin)"}
        "#,
    );
}

// S-18, P-74: without details the text is the same.
#[test]
fn details_can_be_kept_back() {
    play(
        setups::discreet,
        &["c"],
        r#"
        c → {"id":1,"type":"store.update","bucket":"k","key":"a","data":{}}
        c ← {"id":1,"type":"error","code":"NOT_FOUND","message":"Record with key \"a\" not found in bucket \"k\""}
        c → {"id":2,"type":"store.insert","bucket":"u","data":{}}
        c ← {"id":2,"type":"error","code":"VALIDATION_ERROR","message":"Validation failed for bucket \"u\": name: Field is required"}
        "#,
    );
}

// S-28, S-29, S-52, S-61: values are kept as they are, whatever their names and depth.
#[test]
fn values_are_verbatim() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"t","data":{"d":"x","x":-0.5,"o":{"__proto__":{"toString":null},"":[]},"a":[[],{},null,"č😀"],"hasOwnProperty":1e21}}
        c ← {"id":1,"type":"result","data":{"d":"x","x":-0.5,"o":{"__proto__":{"toString":null},"":[]},"a":[[],{},null,"č😀"],"hasOwnProperty":1e21,"_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000}}
        c → {"id":2,"type":"store.where","bucket":"t","filter":{"hasOwnProperty":1e21}}
        c ← {"id":2,"type":"result","data":[{"d":"x","_version":1,"_createdAt":1706745600000,"_updatedAt":1706745600000,"…":0}]}
        c → {"id":3,"type":"store.insert","bucket":"__proto__","data":{"constructor":"__proto__"}}
        c ← {"id":3,"type":"result","data":{"constructor":"__proto__","…":0}}
        c → {"id":4,"type":"store.get","bucket":"__proto__","key":"__proto__"}
        c ← {"id":4,"type":"result","data":{"constructor":"__proto__","…":0}}
        c → {"id":5,"type":"store.get","bucket":"__proto__","key":"constructor"}
        c ← {"id":5,"type":"result","data":null}
        "#,
    );
}

// S-27: a reference is documentation only.
#[test]
fn references_may_dangle() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.defineBucket","name":"child","config":{"key":"k","schema":{"k":{"type":"string"},"parent":{"type":"string","ref":"no-such-bucket"}}}}
        c ← {"id":1,"type":"result","data":{"name":"child","created":true}}
        c → {"id":2,"type":"store.insert","bucket":"child","data":{"k":"a","parent":"nobody"}}
        c ← {"id":2,"type":"result","data":{"k":"a","parent":"nobody","…":0}}
        "#,
    );
}

// S-129: no value is null.
#[test]
fn results_without_a_value() {
    play(
        setups::open,
        &["c"],
        r#"
        c → {"id":1,"type":"store.defineQuery","name":"least","config":{"bucket":"k","aggregate":{"function":"min","field":"v"}}}
        c ← {"id":1,"type":"result","data":{"name":"least","defined":true}}
        c → {"id":2,"type":"store.subscribe","query":"least"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":null}}
        c → {"id":3,"type":"store.insert","bucket":"k","data":{"k":"a","v":3}}
        c ← {"id":3,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":3}
        c → {"id":4,"type":"store.delete","bucket":"k","key":"a"}
        c ← {"id":4,"type":"result","…":0}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":null}
        "#,
    );
}

// S-153, S-154, S-155, V-40: limits come before fields, and places are freed at once.
#[test]
fn limits_of_subscriptions() {
    let settings = |cores| setups::limited(cores, |limits| limits.subscriptions_per_connection_max = 2);
    play_with(settings, &["c"], |stage| {
        stage.play(
            r#"
        c → {"id":1,"type":"store.subscribe","query":"all-k"}
        c ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":[]}}
        c → {"id":2,"type":"rules.subscribe","pattern":"a.*"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2"}}
        c → {"id":3,"type":"store.subscribe"}
        c ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Subscription limit reached (max 2 per connection)"}
        c → {"id":4,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        c ← {"id":4,"type":"result","data":{"unsubscribed":true}}
        c → {"id":5,"type":"store.subscribe","query":"all-k"}
        c ← {"id":5,"type":"result","data":{"subscriptionId":"sub-3","data":[]}}
        "#,
        );
    });
}
