//! The wall clock jumps: whoever sets it does not disturb what is measured.

use crate::client::{Client, Received};
use crate::cluster::START_UNIX_MS;
use crate::{CORES, ask, assert_nothing_left, prompt, setups};
use noex_server::node::{Heartbeat, RateLimit, Settings};
use serde_json::json;

const DAY_MS: i64 = 86_400_000;

// Issue 6, P-11, P-92, P-101, P-105: pings, their answers, rate limits and deadlines go by the
// monotonic clock; only what is shown goes by the wall clock
#[test]
fn the_clock_may_be_set() {
    let limit = Some(RateLimit { max_requests: 2, window_ms: 700 });
    let heartbeat = Heartbeat { interval_ms: 1_000, timeout_ms: 400 };
    for (cores, jump_ms) in CORES.into_iter().flat_map(|cores| [(cores, DAY_MS), (cores, -DAY_MS)]) {
        let settings = Settings { rate_limit: limit, heartbeat, ..setups::open(cores) };
        let mut cluster = prompt(&settings, cores);
        let silent = cluster.connect(0);
        let (mut client, mut deaf) = (Client::welcomed(&mut cluster, 0), Client::welcomed(&mut cluster, 0));
        let count = r#"{"id":1,"type":"store.count","bucket":"k"}"#;
        for _ in 0..2 {
            assert!(ask(&mut cluster, &client, count).contains("result"));
        }
        client.receive(&cluster);
        cluster.advance(600);
        cluster.now.unix_ms = cluster.now.unix_ms.strict_add_signed(jump_ms);
        assert!(ask(&mut cluster, &client, count).contains("Retry after 100ms"));
        cluster.advance(100);
        assert!(ask(&mut cluster, &client, count).contains("result"));
        client.receive(&cluster);
        cluster.advance(300);
        let wall_ms = START_UNIX_MS.strict_add_signed(jump_ms) + 1_000;
        for client in [&mut client, &mut deaf] {
            let ping = json!({"type": "ping", "timestamp": wall_ms});
            assert_eq!(client.receive(&cluster), [Received::Json(ping)]);
        }
        client.send(&mut cluster, &format!(r#"{{"type":"pong","timestamp":{wall_ms}}}"#));
        cluster.now.unix_ms = cluster.now.unix_ms.strict_add_signed(-jump_ms);
        cluster.advance(399);
        assert_eq!(deaf.receive(&cluster), []);
        cluster.advance(1);
        assert_eq!(deaf.receive(&cluster), [Received::Close(Some(4001), "heartbeat_timeout".into())]);
        cluster.advance(600);
        assert_eq!(client.receive(&cluster).len(), 1, "the next ping");
        for second in 2..10 {
            let timestamp = cluster.now.unix_ms;
            client.send(&mut cluster, &format!(r#"{{"type":"pong","timestamp":{timestamp}}}"#));
            assert!(!cluster.is_closed(silent), "{second} s");
            cluster.advance(1_000);
        }
        assert!(cluster.is_closed(silent), "10 s without a request");
        [client.link, deaf.link].into_iter().for_each(|link| cluster.end(link));
        cluster.settle();
        assert_nothing_left(&cluster);
    }
}
