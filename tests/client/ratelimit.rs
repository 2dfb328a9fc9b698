//! How often clients may ask (01 §10).

use crate::script::Stage;
use crate::{play_with, setups};
use noex_server::node::{RateLimit, Settings};
use noex_server::resilience::Window;
use std::sync::Barrier;

/// Two requests within a second for each user, and for each address.
fn two_per_second(settings: Settings) -> Settings {
    Settings { rate_limit: Some(RateLimit { max_requests: 2, window_ms: 1_000 }), ..settings }
}

fn open(cores: u16) -> Settings {
    two_per_second(setups::open(cores))
}

fn guarded(cores: u16) -> Settings {
    two_per_second(setups::guarded(cores))
}

// P-92…P-95: rejected requests are not remembered, and both numbers are the same
#[test]
fn the_window_slides() {
    play_with(open, &["a"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"store.count","bucket":"u"}
            a ← {"id":1,"type":"result","data":0}
            "#,
        );
        stage.cluster.advance(400);
        stage.play(
            r#"
            a → {"id":2,"type":"store.count","bucket":"k"}
            a ← {"id":2,"type":"result","data":0}
            a → {"id":3,"type":"store.count","bucket":"u"}
            a ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 600ms","details":{"retryAfterMs":600}}
            a → {"id":4,"type":"store.count","bucket":"u"}
            a ← {"id":4,"type":"error","code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 600ms","details":{"retryAfterMs":600}}
            "#,
        );
        stage.cluster.advance(600);
        stage.play(
            r#"
            a → {"id":5,"type":"store.count","bucket":"u"}
            a ← {"id":5,"type":"result","data":0}
            a → {"id":6,"type":"store.count","bucket":"u"}
            a ← {"id":6,"type":"error","code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 400ms","details":{"retryAfterMs":400}}
            "#,
        );
    });
}

// P-96: all connections of an address share a quota, whatever core they are on; P-98
#[test]
fn an_address_is_one_key() {
    play_with(open, &["a", "b"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"store.count","bucket":"u"}
            a ← {"id":1,"type":"result","data":0}
            b → {"id":1,"type":"store.count","bucket":"u"}
            b ← {"id":1,"type":"result","data":0}
            a → {"id":2,"type":"store.count","bucket":"u"}
            a ← {"id":2,"type":"error","code":"RATE_LIMITED","message":"<any>","…":0}
            b → {"id":2,"type":"store.count","bucket":"u"}
            b ← {"id":2,"type":"error","code":"RATE_LIMITED","message":"<any>","…":0}
            "#,
        );
    });
}

// P-96: a login is charged to the address, what follows to the user, from any connection
#[test]
fn a_user_is_another_key() {
    play_with(guarded, &["a", "b"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"auth.login","token":"ann-token"}
            a ← {"id":1,"type":"result","data":{"userId":"ann","…":0}}
            a → {"id":2,"type":"store.count","bucket":"u"}
            a ← {"id":2,"type":"result","data":0}
            b → {"id":1,"type":"auth.login","token":"ann-token"}
            b ← {"id":1,"type":"result","data":{"userId":"ann","…":0}}
            b → {"id":2,"type":"auth.logout"}
            b ← {"id":2,"type":"result","data":{"loggedOut":true}}
            a → {"id":3,"type":"store.count","bucket":"u"}
            a ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"<any>","…":0}
            # after the logout it is the address again, which has paid for two logins
            b → {"id":3,"type":"auth.login","token":"ann-token"}
            b ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"<any>","…":0}
            "#,
        );
    });
}

// P-50, P-97: what counts is what passes stage B, whatever becomes of it
#[test]
fn what_counts() {
    play_with(guarded, &["a"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"store.count","bucket":"u"}
            a ← {"id":1,"type":"error","code":"UNAUTHORIZED","message":"Authentication required"}
            a → nonsense
            a ← {"id":0,"type":"error","code":"PARSE_ERROR","message":"Invalid JSON"}
            a → {"type":"pong","timestamp":1}
            a → {"id":2,"type":"ping"}
            a ← {"id":2,"type":"error","code":"UNKNOWN_OPERATION","message":"Unknown operation \"ping\""}
            a → {"id":3,"type":"auth.login","token":""}
            a ← {"id":3,"type":"error","code":"VALIDATION_ERROR","message":"<any>"}
            a → {"id":4,"type":"auth.login","token":"ann-token"}
            a ← {"id":4,"type":"error","code":"RATE_LIMITED","message":"<any>","…":0}
            "#,
        );
    });
}

// P-74: `retryAfterMs` is a detail
#[test]
fn details_may_be_hidden() {
    let discreet = |cores| Settings { expose_error_details: false, ..open(cores) };
    play_with(discreet, &["a"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"store.count","bucket":"u"}
            a ← {"id":1,"type":"result","data":0}
            a → {"id":2,"type":"store.count","bucket":"u"}
            a ← {"id":2,"type":"result","data":0}
            a → {"id":3,"type":"store.count","bucket":"u"}
            a ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 1000ms"}
            "#,
        );
    });
}

// P-121: requests sent at once are charged one after the other, each exactly once
#[test]
fn pipelined_requests_are_charged_once() {
    let ten = |cores| Settings {
        rate_limit: Some(RateLimit { max_requests: 10, window_ms: 1_000 }),
        ..setups::open(cores)
    };
    play_with(ten, &["a"], |stage: &mut Stage| {
        let link = stage.named("a").link;
        for id in 0..20 {
            let bucket = ["u", "k", "n"][id % 3];
            let text = format!(r#"{{"id":{id},"type":"store.count","bucket":"{bucket}"}}"#);
            stage.cluster.send(link, &crate::client::frame(0x81, text.as_bytes()));
        }
        stage.cluster.settle();
        let script: String = (0..20)
            .map(|id| match id {
                0..10 => format!("a ← {{\"id\":{id},\"type\":\"result\",\"data\":0}}\n"),
                _ => format!("a ← {{\"id\":{id},\"type\":\"error\",\"code\":\"RATE_LIMITED\",\"…\":0}}\n"),
            })
            .collect();
        stage.play(&script);
    });
}

// P-92, P-98 for concurrent requests: no more than the limit, and no fewer
#[test]
fn threads_share_one_window_exactly() {
    const THREADS: usize = 4;
    for max_requests in [1, 7, 1_000] {
        let window = Window::new(RateLimit { max_requests, window_ms: 10 });
        let start = Barrier::new(THREADS);
        for round in 0..50_u64 {
            let ask = || {
                start.wait();
                (0..max_requests).filter(|_| window.accept(round * 10).is_ok()).count()
            };
            let accepted: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
            });
            assert_eq!(accepted, max_requests, "round {round}");
        }
    }
}

// S-181: a transaction is one request, whatever is in it
#[test]
fn a_transaction_is_charged_once() {
    play_with(open, &["a"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"store.transaction","operations":[{"op":"count","bucket":"u"},{"op":"count","bucket":"k"},{"op":"count","bucket":"u"},{"op":"count","bucket":"k"}]}
            a ← {"id":1,"type":"result","data":{"…":0}}
            a → {"id":2,"type":"store.transaction","operations":[{"op":"count","bucket":"u"},{"op":"count","bucket":"k"},{"op":"count","bucket":"u"}]}
            a ← {"id":2,"type":"result","data":{"…":0}}
            a → {"id":3,"type":"store.transaction","operations":[{"op":"count","bucket":"u"}]}
            a ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 1000ms","details":{"retryAfterMs":1000}}
            "#,
        );
    });
}

// P-92, P-97: a lookup, which is answered on the spot, is charged like anything else, also if it finds nothing
#[test]
fn a_lookup_is_charged() {
    play_with(open, &["a"], |stage| {
        stage.play(
            r#"
            a → {"id":1,"type":"store.insert","bucket":"k","data":{"k":"x"}}
            a ← {"id":1,"type":"result","data":{"k":"x","…":0}}
            a → {"id":2,"type":"store.get","bucket":"k","key":"none"}
            a ← {"id":2,"type":"result","data":null}
            a → {"id":3,"type":"store.get","bucket":"k","key":"x"}
            a ← {"id":3,"type":"error","code":"RATE_LIMITED","message":"Rate limit exceeded. Retry after 1000ms","details":{"retryAfterMs":1000}}
            "#,
        );
        stage.cluster.advance(1_000);
        stage.play(
            r#"
            a → {"id":4,"type":"store.get","bucket":"k","key":"x"}
            a ← {"id":4,"type":"result","data":{"k":"x","…":0}}
            "#,
        );
    });
}
