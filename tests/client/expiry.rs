//! Records that go by themselves (02 §10.1).

use noex_server::node::Settings;

/// Nothing is defined.
fn empty(cores: u16) -> Settings {
    crate::shop::settings(&[], &[], cores)
}

// S-184, S-186, S-189, S-192, V-36, K-12: records go when they are due, on whichever core.
#[test]
fn records_expire() {
    crate::play_with(empty, &["a", "b"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}},"ttl":300}}
            a ← {"id":1,"type":"result","data":{"name":"x","created":true}}
            a → {"id":2,"type":"store.defineQuery","name":"q","config":{"bucket":"x","aggregate":{"function":"count"}}}
            a ← {"id":2,"type":"result","data":{"name":"q","defined":true}}
            b → {"id":1,"type":"store.subscribe","query":"q"}
            b ← {"id":1,"type":"result","data":{"subscriptionId":"sub-1","data":0}}
            a → {"id":3,"type":"store.insert","bucket":"x","data":{"k":"1"}}
            a ← {"id":3,"type":"result","data":{"k":"1","…":0}}
            b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":1}
            a → {"id":4,"type":"store.insert","bucket":"x","data":{"k":"2","_expiresAt":null}}
            a ← {"id":4,"type":"result","data":{"k":"2","…":0}}
            b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":2}
            "#,
        );
        stage.cluster.advance(200);
        stage.play(
            r#"
            a → {"id":5,"type":"store.insert","bucket":"x","data":{"k":"3"}}
            a ← {"id":5,"type":"result","data":{"k":"3","…":0}}
            b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":3}
            "#,
        );
        stage.cluster.advance(150);
        stage.play(
            r#"
            b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":2}
            # a bucket without `ttl` is not looked at, one that gets it again is (S-192)
            a → {"id":6,"type":"store.updateBucket","name":"x","updates":{"ttl":null}}
            a ← {"id":6,"type":"result","data":{"name":"x","updated":true}}
            "#,
        );
        stage.cluster.advance(1_000);
        stage.play(
            r#"
            a → {"id":7,"type":"store.count","bucket":"x"}
            a ← {"id":7,"type":"result","data":2}
            a → {"id":8,"type":"store.updateBucket","name":"x","updates":{"ttl":"1h"}}
            a ← {"id":8,"type":"result","data":{"name":"x","updated":true}}
            "#,
        );
        stage.cluster.advance(50);
        stage.play(
            r#"
            b ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":1}
            a → {"id":9,"type":"store.all","bucket":"x"}
            a ← {"id":9,"type":"result","data":[{"k":"2","…":0}]}
            "#,
        );
    });
}
