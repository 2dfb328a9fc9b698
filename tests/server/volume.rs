//! Much at once: many requests, large messages, slow readers.

use crate::client::Client;
use crate::{Running, shop};
use serde_json::{Value, json};

fn insert_order(id: &str, items: &str, total: u64) -> Value {
    let data = json!({"id": id, "userId": "u", "items": items, "total": total, "createdAt": 1});
    json!({"type": "store.insert", "bucket": "orders", "data": data})
}

#[test]
fn two_thousand_requests_in_one_write() {
    // P-121, P-122: over two buckets on two cores, answers in order, effects too.
    for shards in [1, 2] {
        let server = Running::start(&shop::open(shards), shards);
        let mut client = Client::connect(server.address());
        let requests = (0..500).flat_map(|n| {
            let user = json!({"id": format!("u{n}"), "name": "n", "email": "e"});
            [
                json!({"type": "store.insert", "bucket": "users", "data": user}),
                insert_order(&format!("o{n}"), "[]", n),
                json!({"type": "store.get", "bucket": "users", "key": format!("u{n}")}),
                json!({"type": "store.count", "bucket": "orders"}),
            ]
        });
        let answers = client.pipeline(requests);
        assert_eq!(answers.len(), 2_000);
        for (n, answers) in answers.chunks(4).enumerate() {
            let [user, order, got, count] = answers else { panic!("four each") };
            assert_eq!((&user["data"]["id"], &user["data"]), (&json!(format!("u{n}")), &got["data"]));
            assert_eq!(order["data"]["total"], n);
            assert_eq!(count["data"], n + 1);
        }
    }
}

#[test]
fn a_large_record() {
    // P-20, P-25: partial reads and partial writes, on this core and on the other one.
    let server = Running::start(&shop::open(2), 2);
    let mut client = Client::connect(server.address());
    let text: String = ('a'..='z').cycle().take(900 * 1024).collect();
    let user = json!({"id": "large", "name": text, "email": "e"});
    client.ask(json!({"type": "store.insert", "bucket": "users", "data": user}));
    client.ask(insert_order("large", &text, 1));
    let user = client.ask(json!({"type": "store.get", "bucket": "users", "key": "large"}));
    assert!(user["name"] == text.as_str(), "the same text");
    let order = client.ask(json!({"type": "store.get", "bucket": "orders", "key": "large"}));
    assert!(order["items"] == text.as_str(), "the same text");
    // Several of them queued for one connection.
    let get = json!({"type": "store.get", "bucket": "orders", "key": "large"});
    let answers = client.pipeline(std::iter::repeat_n(get, 10));
    assert!(answers.iter().all(|answer| answer["data"] == order));
}

#[test]
fn a_slow_reader_ends_up_with_the_final_state() {
    // P-110, P-130, K-4
    const UPDATES: u64 = 2_000;
    for shards in [1, 2] {
        let server = Running::start(&shop::open(shards), shards);
        let (mut slow, mut busy) = (Client::connect(server.address()), Client::connect(server.address()));
        let text = "x".repeat(5_000);
        busy.pipeline((0..20).map(|n| insert_order(&format!("o{n}"), &text, 0)));
        let first = slow.ask(json!({"type": "store.subscribe", "query": "recent-orders"}));
        assert_eq!(first["data"].as_array().map(Vec::len), Some(20));
        let update = |total: u64| {
            let data = json!({"total": total});
            json!({"type": "store.update", "bucket": "orders", "key": "o7", "data": data})
        };
        for begin in (1..=UPDATES).step_by(100) {
            for answer in busy.pipeline((begin..begin + 100).map(update)) {
                assert_eq!(answer["type"], "result", "{answer}");
            }
        }
        // Now it reads.
        let (mut pushes, mut total) = (0, 0);
        while total < UPDATES {
            let push = slow.push();
            let next = push["data"][7]["total"].as_u64().expect("a total");
            assert!(next > total, "{next} after {total}");
            (pushes, total) = (pushes + 1, next);
            if total == UPDATES {
                let all = busy.ask(json!({"type": "store.all", "bucket": "orders"}));
                assert_eq!(push["data"], all);
            }
        }
        assert!(pushes < UPDATES / 2, "{pushes} pushes of 100 KB were kept for a client that did not read");
        slow.is_served();
        assert_eq!(slow.pushes_left(), 0, "nothing follows the final state");
    }
}
