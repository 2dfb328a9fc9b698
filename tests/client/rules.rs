//! Facts and events as a client sees them.

use crate::{play, setups};

// R-10, R-23…R-27, R-43…R-47, T-1
#[test]
fn facts() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"rules.setFact","key":"user:1:name","value":"Ann"}
        a ← {"id":1,"type":"result","data":{"key":"user:1:name","value":"Ann","timestamp":1706745600000,"source":"api","version":1}}
        b → {"id":2,"type":"rules.setFact","key":"user:1:name","value":null}
        b ← {"id":2,"type":"result","data":{"key":"user:1:name","value":null,"timestamp":1706745600000,"source":"api","version":2}}
        a → {"id":3,"type":"rules.getFact","key":"user:1:name"}
        a ← {"id":3,"type":"result","data":null}
        a → {"id":4,"type":"rules.setFact","key":"user:1:name"}
        a ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Missing \"value\": expected a value"}
        a → {"id":4,"type":"rules.setFact","key":"","value":1}
        a ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"key\": expected non-empty string"}
        a → {"id":5,"type":"rules.setFact","key":"user:2","value":{"b":[1,{"a":null}]}}
        a ← {"id":5,"type":"result","data":{"key":"user:2","value":{"b":[1,{"a":null}]},"version":1,"…":0}}
        b → {"id":6,"type":"rules.queryFacts","pattern":"user:*"}
        b ← {"id":6,"type":"result","data":[{"key":"user:2","…":0}]}
        b → {"id":6,"type":"rules.queryFacts","pattern":"user:1:name"}
        b ← {"id":6,"type":"result","data":[{"key":"user:1:name","…":0}]}
        b → {"id":6,"type":"rules.queryFacts","pattern":"none:*"}
        b ← {"id":6,"type":"result","data":[]}
        b → {"id":7,"type":"rules.getAllFacts"}
        b ← {"id":7,"type":"result","data":[{"key":"user:1:name","…":0},{"key":"user:2","…":0}]}
        a → {"id":8,"type":"rules.deleteFact","key":"user:1:name"}
        a ← {"id":8,"type":"result","data":{"deleted":true}}
        a → {"id":9,"type":"rules.deleteFact","key":"user:1:name"}
        a ← {"id":9,"type":"result","data":{"deleted":false}}
        "#,
    );
}

// R-28, R-39…R-41, R-52, R-54…R-58, R-61, P-128, P-129
#[test]
fn events() {
    play(
        setups::open,
        &["a", "b"],
        r#"
        a → {"id":1,"type":"rules.subscribe","pattern":"order.*"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1"}}
        a → {"id":1,"type":"rules.subscribe","pattern":"order.placed"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-2"}}
        b → {"id":1,"type":"rules.subscribe","pattern":"*"}
        b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-3"}}
        a → {"id":1,"type":"rules.subscribe","pattern":"order.*"}
        a ← {"id":1,"type":"result","data":{"subscriptionId":"sub-4"}}
        # pushes precede the answer; the literal pattern comes first
        a → {"id":2,"type":"rules.emit","topic":"order.placed","data":{"n":1},"correlationId":"c","causationId":"d"}
        a ← {"type":"push","channel":"event","subscriptionId":"sub-2","data":{"topic":"order.placed","event":{"id":"<any>","topic":"order.placed","data":{"n":1},"timestamp":1706745600000,"correlationId":"c","causationId":"d","source":"api"}}}
        a ← {"type":"push","channel":"event","subscriptionId":"sub-1","data":{"topic":"order.placed","…":0}}
        a ← {"type":"push","channel":"event","subscriptionId":"sub-4","data":{"topic":"order.placed","…":0}}
        a ← {"id":2,"type":"result","data":{"id":"<any>","topic":"order.placed","data":{"n":1},"timestamp":1706745600000,"correlationId":"c","causationId":"d","source":"api"}}
        b ← {"type":"push","channel":"event","subscriptionId":"sub-3","data":{"topic":"order.placed","…":0}}
        a → {"id":3,"type":"rules.unsubscribe","subscriptionId":"sub-1"}
        a ← {"id":3,"type":"result","data":{"unsubscribed":true}}
        b → {"id":3,"type":"rules.emit","topic":"order.item.added","data":null,"causationId":5}
        b ← {"type":"push","channel":"event","subscriptionId":"sub-3","data":{"topic":"order.item.added","…":0}}
        b ← {"id":3,"type":"result","data":{"id":"<any>","topic":"order.item.added","data":{},"timestamp":1706745600000,"source":"api"}}
        a ← {"type":"push","channel":"event","subscriptionId":"sub-4","data":{"topic":"order.item.added","…":0}}
        b → {"id":4,"type":"rules.emit","data":{}}
        b ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"topic\": expected non-empty string"}
        b → {"id":4,"type":"rules.emit","topic":"x","data":[]}
        b ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"data\": expected object"}
        b → {"id":4,"type":"rules.emit","topic":"x","correlationId":""}
        b ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"correlationId\": expected non-empty string"}
        b → {"id":4,"type":"rules.emit","topic":"x","correlationId":"c","causationId":1}
        b ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Invalid \"causationId\": expected non-empty string"}
        b → {"id":5,"type":"rules.subscribe","pattern":""}
        b ← {"id":5,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"pattern\": expected non-empty string"}
        "#,
    );
}

// S-210: what happens to records is no event of the rule engine
#[test]
fn changes_of_records_are_no_events() {
    play(
        setups::open,
        &["a"],
        r#"
        a → {"id":1,"type":"rules.subscribe","pattern":"*"}
        a ← {"id":1,"type":"result","…":0}
        a → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"x"}}
        a ← {"id":2,"type":"result","…":0}
        a → {"id":3,"type":"store.clear","bucket":"k"}
        a ← {"id":3,"type":"result","…":0}
        a → {"id":4,"type":"rules.emit","topic":"bucket.k.inserted","data":{}}
        a ← {"type":"push","channel":"event","data":{"topic":"bucket.k.inserted","…":0},"…":0}
        a ← {"id":4,"type":"result","…":0}
        "#,
    );
}
