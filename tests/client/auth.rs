//! Logging in and out, and what the gate lets through.

use crate::{play, play_with, setups};

// P-54, P-51, P-87, A-13, A-22…A-33, K-14
#[test]
fn login_whoami_logout() {
    play(
        setups::guarded,
        &["c"],
        r#"
        c → {"id":1,"type":"store.count","bucket":"nowhere"}
        c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        c → {"id":1,"type":"no.such"}
        c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        c → {"id":1,"type":"ping"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown operation \"ping\""}
        c → {"id":1,"type":"identity.login"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Identity management is not configured"}
        c → {"id":1,"type":"auth.dance"}
        c ← {"id":1,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown auth operation \"auth.dance\""}
        c → {"id":1,"type":"auth.whoami"}
        c ← {"id":1,"type":"result","data":{"authenticated":false}}
        c → {"id":1,"type":"auth.login"}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"token\": expected non-empty string"}
        c → {"id":1,"type":"auth.login","token":7}
        c ← {"id":1,"type":"error","code":"VALIDATION_ERROR","message":"Missing or invalid \"token\": expected non-empty string"}
        c → {"id":1,"type":"auth.login","token":"wrong"}
        c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Invalid token"}
        c → {"id":1,"type":"auth.login","token":"old-token"}
        c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Token has expired"}
        c → {"id":1,"type":"auth.login","token":"last-token"}
        c ← {"id":1,"type":"result","data":{"userId":"last","roles":[],"expiresAt":1706745600000}}
        c → {"id":1,"type":"auth.login","token":"bob-token"}
        c ← {"id":1,"type":"result","data":{"userId":"bob","roles":["customer","vip"],"expiresAt":null}}
        c → {"id":1,"type":"auth.login","token":"wrong"}
        c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Invalid token"}
        c → {"id":1,"type":"auth.whoami"}
        c ← {"id":1,"type":"result","data":{"authenticated":true,"userId":"bob","roles":["customer","vip"],"expiresAt":null}}
        c → {"id":1,"type":"auth.logout"}
        c ← {"id":1,"type":"result","data":{"loggedOut":true}}
        c → {"id":1,"type":"auth.logout"}
        c ← {"id":1,"type":"result","data":{"loggedOut":true}}
        c → {"id":1,"type":"store.count","bucket":"u"}
        c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
        "#,
    );
}

// P-55, S-240: the highest of the built-in roles counts; without any, nothing is checked.
#[test]
fn tiers() {
    play(
        setups::guarded,
        &["c"],
        r#"
        c → {"id":1,"type":"auth.login","token":"reader-token"}
        c ← {"id":1,"type":"result","data":{"userId":"rita","…":0}}
        c → {"id":1,"type":"store.count","bucket":"u"}
        c ← {"id":1,"type":"result","data":0}
        c → {"id":1,"type":"store.insert","bucket":"nowhere"}
        c ← {"id":1,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.insert (requires write)"}
        c → {"id":1,"type":"store.transaction"}
        c ← {"id":1,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.transaction (requires write)"}
        c → {"id":1,"type":"rules.emit"}
        c ← {"id":1,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for rules.emit (requires write)"}
        c → {"id":1,"type":"auth.login","token":"writer-token"}
        c ← {"id":1,"type":"result","data":{"userId":"wim","…":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"a"}}
        c ← {"id":1,"type":"result","data":{"k":"a","…":0}}
        c → {"id":1,"type":"auth.login","token":"super-token"}
        c ← {"id":1,"type":"result","data":{"userId":"sue","…":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"b"}}
        c ← {"id":1,"type":"result","data":{"k":"b","…":0}}
        "#,
    );
}

// P-89, A-10, A-11, A-33: expiry is noticed at a request, once.
#[test]
fn expiry() {
    play_with(setups::guarded, &["c"], |stage| {
        stage.play(
            r#"
            c → {"id":1,"type":"auth.login","token":"guest-token"}
            c ← {"id":1,"type":"result","data":{"userId":"guest","roles":["customer"],"expiresAt":1706745605000}}
            c → {"id":1,"type":"store.subscribe","query":"all-u"}
            c ← {"id":1,"type":"result","data":{"subscriptionId":"<any>","data":[]}}
            "#,
        );
        stage.cluster.advance(5_000);
        stage.play(
            r#"
            c → {"id":1,"type":"store.count","bucket":"u"}
            c ← {"id":1,"type":"result","data":0}
            "#,
        );
        stage.cluster.advance(1);
        stage.play(
            r#"
            c → {"id":1,"type":"store.count","bucket":"u"}
            c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Session expired"}
            c → {"id":1,"type":"store.count","bucket":"u"}
            c ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
            "#,
        );
    });
}

// P-56, A-34, A-36
#[test]
fn optional_login() {
    play(
        setups::optional,
        &["c"],
        r#"
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"a"}}
        c ← {"id":1,"type":"result","data":{"k":"a","…":0}}
        c → {"id":1,"type":"auth.login","token":"reader-token"}
        c ← {"id":1,"type":"result","data":{"userId":"rita","…":0}}
        c → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"b"}}
        c ← {"id":1,"type":"error","code":"FORBIDDEN","message":"Role level insufficient for store.insert (requires write)"}
        "#,
    );
}

// A-37, S-158: subscriptions end with the session that made them, and with it only.
#[test]
fn subscriptions_end_with_their_session() {
    play(
        setups::guarded,
        &["c", "w"],
        r#"
        w → {"id":1,"type":"auth.login","token":"admin-token"}
        w ← {"id":1,"type":"result","data":{"userId":"adam","…":0}}
        c → {"id":1,"type":"auth.login","token":"ann-token"}
        c ← {"id":1,"type":"result","data":{"userId":"ann","…":0}}
        c → {"id":2,"type":"store.subscribe","query":"count-k"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-1","data":0}}
        c → {"id":2,"type":"rules.subscribe","pattern":"*"}
        c ← {"id":2,"type":"result","data":{"subscriptionId":"sub-2"}}
        # the same user again: they go on
        c → {"id":3,"type":"auth.login","token":"ann-token-2"}
        c ← {"id":3,"type":"result","data":{"userId":"ann","…":0}}
        w → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"a"}}
        w ← {"id":2,"type":"result","data":{"k":"a","…":0}}
        c ← {"type":"push","channel":"subscription","subscriptionId":"sub-1","data":1}
        # another user: they end, silently
        c → {"id":4,"type":"auth.login","token":"bob-token"}
        c ← {"id":4,"type":"result","data":{"userId":"bob","…":0}}
        w → {"id":3,"type":"store.insert","bucket":"k","data":{"k":"b"}}
        w ← {"id":3,"type":"result","data":{"k":"b","…":0}}
        w → {"id":3,"type":"rules.emit","topic":"x"}
        w ← {"id":3,"type":"result","data":{"topic":"x","…":0}}
        c → {"id":5,"type":"store.unsubscribe","subscriptionId":"sub-1"}
        c ← {"id":5,"type":"error","code":"NOT_FOUND","message":"Subscription \"sub-1\" not found"}
        "#,
    );
}

// A-38, S-158: nothing is pushed on behalf of a session that has ended, even if its client is silent.
#[test]
fn pushes_end_with_the_session() {
    play_with(setups::guarded, &["guest", "w"], |stage| {
        stage.play(
            r#"
            w → {"id":1,"type":"auth.login","token":"admin-token"}
            w ← {"id":1,"type":"result","data":{"userId":"adam","…":0}}
            guest → {"id":1,"type":"auth.login","token":"guest-token"}
            guest ← {"id":1,"type":"result","data":{"userId":"guest","…":0}}
            guest → {"id":2,"type":"store.subscribe","query":"count-k"}
            guest ← {"id":2,"type":"result","data":{"subscriptionId":"<any>","data":0}}
            guest → {"id":3,"type":"rules.subscribe","pattern":"*"}
            guest ← {"id":3,"type":"result","data":{"subscriptionId":"<any>"}}
            "#,
        );
        stage.cluster.advance(5_001);
        stage.play(
            r#"
            w → {"id":2,"type":"store.insert","bucket":"k","data":{"k":"a"}}
            w ← {"id":2,"type":"result","data":{"k":"a","…":0}}
            w → {"id":3,"type":"rules.emit","topic":"x"}
            w ← {"id":3,"type":"result","data":{"topic":"x","…":0}}
            guest → {"id":4,"type":"store.count","bucket":"k"}
            guest ← {"id":4,"type":"error","code":"UNAUTHORIZED","message":"Session expired"}
            "#,
        );
        assert!(
            stage.cluster.census().iter().all(|census| census.active_subscriptions == 0),
            "places are free"
        );
    });
}
