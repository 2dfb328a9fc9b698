//! V-35 … V-39, V-41, V-42: records that go, buckets that come and go.

use super::settings;
use crate::play_with;

// V-35, V-36, V-41, V-42: records that go, buckets with dots, a clear
#[test]
fn records_that_go() {
    play_with(settings, &["c"], |stage| {
        stage.play(
            r#"
            # V-35
            c → {"id":1,"type":"store.insertMany","bucket":"small","data":[{"k":"1"},{"k":"2"}]}
            c ← {"id":1,"type":"result","…":0}
            c → {"id":2,"type":"store.subscribe","query":"all-small"}
            c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":[{"k":"1","…":0},{"k":"2","…":0}]}}
            c → {"id":3,"type":"store.subscribe","query":"count-small"}
            c ← {"id":3,"type":"result","data":{"subscriptionId":"sub-2","data":2}}
            c → {"id":4,"type":"store.insert","bucket":"small","data":{"k":"3"}}
            c ← {"id":4,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[{"k":"2","…":0},{"k":"3","…":0}]}
            # V-41
            c → {"id":5,"type":"store.subscribe","query":"dotted"}
            c ← {"id":5,"type":"result","data":{"subscriptionId":"sub-3","data":[]}}
            c → {"id":6,"type":"store.insert","bucket":"a.b","data":{"k":"x"}}
            c ← {"id":6,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-3","data":[{"k":"x","…":0}]}
            # V-42
            c → {"id":7,"type":"store.insert","bucket":"k","data":{"k":"x"}}
            c ← {"id":7,"type":"result","…":0}
            c → {"id":8,"type":"store.subscribe","query":"count-k"}
            c ← {"id":8,"type":"result","data":{"subscriptionId":"sub-4","data":1}}
            c → {"id":9,"type":"store.clear","bucket":"k"}
            c ← {"id":9,"type":"result","data":{"cleared":true}}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":0}
            c → {"id":10,"type":"store.insert","bucket":"k","data":{"k":"x"}}
            c ← {"id":10,"type":"result","…":0}
            c ← {"type":"push","channel":"subscription","subscriptionId":"sub-4","data":1}
            # V-36
            c → {"id":11,"type":"store.insert","bucket":"short","data":{"k":"x"}}
            c ← {"id":11,"type":"result","data":{"k":"x","_expiresAt":1706745600300,"…":0}}
            c → {"id":12,"type":"store.subscribe","query":"all-short"}
            c ← {"id":12,"type":"result","data":{"subscriptionId":"sub-5","data":[{"k":"x","…":0}]}}
            "#,
        );
        stage.cluster.advance(350);
        stage.play(r#"c ← {"type":"push","channel":"subscription","subscriptionId":"sub-5","data":[]}"#);
    });
}

// V-37…V-39: administration; V-39 with the second that it waits for
#[test]
fn administration() {
    play_with(settings, &["c"], |stage| {
        stage.play(
            r#"
            # V-37
            c → {"id":1,"type":"store.dropBucket","name":"x"}
            c ← {"id":1,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" does not exist"}
            c → {"id":2,"type":"store.getBucketSchema","name":"x"}
            c ← {"id":2,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" does not exist"}
            c → {"id":3,"type":"store.updateBucket","name":"x","updates":{}}
            c ← {"id":3,"type":"error","code":"BUCKET_NOT_DEFINED","message":"Bucket \"x\" is not defined"}
            # V-38
            c → {"id":4,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}},"ttl":"bad"}}
            c ← {"id":4,"type":"error","code":"VALIDATION_ERROR","message":"Invalid TTL format \"bad\". Expected a number (ms) or string like \"30s\", \"5m\", \"1h\", \"7d\"."}
            c → {"id":5,"type":"store.stats"}
            c ← {"id":5,"type":"result","data":{"buckets":{"count":8,"…":0},"…":0}}
            c → {"id":6,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}},"ttl":"1h"}}
            c ← {"id":6,"type":"result","data":{"name":"x","created":true}}
            # V-39
            c → {"id":7,"type":"store.dropBucket","name":"x"}
            c ← {"id":7,"type":"result","data":{"name":"x","dropped":true}}
            c → {"id":8,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}}}}
            c ← {"id":8,"type":"result","data":{"name":"x","created":true}}
            c → {"id":9,"type":"store.insert","bucket":"x","data":{"k":"1"}}
            c ← {"id":9,"type":"result","data":{"k":"1","…":0}}
            "#,
        );
        stage.cluster.advance(1_000);
        stage.play(
            r#"
            c → {"id":10,"type":"store.updateBucket","name":"x","updates":{"addFields":{"v":{"type":"number"}},"addIndexes":["v"]}}
            c ← {"id":10,"type":"result","data":{"name":"x","updated":true}}
            "#,
        );
        stage.cluster.advance(1_000);
        stage.play(
            r#"
            c → {"id":11,"type":"store.insert","bucket":"x","data":{"k":"2","v":7}}
            c ← {"id":11,"type":"result","data":{"k":"2","v":7,"…":0}}
            c → {"id":12,"type":"store.where","bucket":"x","filter":{"v":7}}
            c ← {"id":12,"type":"result","data":[{"k":"2","…":0}]}
            c → {"id":13,"type":"store.count","bucket":"x"}
            c ← {"id":13,"type":"result","data":2}
            "#,
        );
    });
}
