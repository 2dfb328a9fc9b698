//! The shop's order flow with two clients.

use crate::client::Client;
use crate::{Running, shop};
use serde_json::{Value, json};
use std::net::SocketAddr;

#[test]
fn on_one_core() {
    order(Running::start(&shop::guarded(1), 1).address());
}

#[test]
fn on_two_cores() {
    // The buckets of the transaction and the rule engine live on different cores.
    let server = Running::start(&shop::guarded(2), 2);
    // The kernel shares connections out as it likes: several rounds meet several placements.
    for _ in 0..8 {
        order(server.address());
    }
}

/// An order by Alice, seen by the admin. Leaves the shop as it was.
pub(crate) fn order(address: SocketAddr) {
    let (mut alice, mut admin) = (Client::connect(address), Client::connect(address));
    log_in(&mut alice, &mut admin);
    let product = json!({"id": "prod-1", "title": "Wireless Keyboard", "price": 79.99, "stock": 25});
    admin.ask(json!({"type": "store.insert", "bucket": "products", "data": product}));

    // P-140: the initial result comes with the answer.
    let params = json!({"userId": "user-alice"});
    let subscribed = alice.ask(json!({"type": "store.subscribe", "query": "user-orders", "params": params}));
    assert_eq!(subscribed["data"], json!([]));
    let orders = subscribed["subscriptionId"].clone();
    let recent = admin.ask(json!({"type": "store.subscribe", "query": "recent-orders"}));
    let events = admin.ask(json!({"type": "rules.subscribe", "pattern": "order.*"}));

    // P-125: the answer precedes the push; the transaction is one change (P-132).
    let results = alice.ask(transaction("order-1"));
    assert_eq!(results["results"][0]["data"]["stock"], 24);
    assert_eq!(alice.pushes_left(), 0);
    let push = alice.push();
    assert_eq!((&push["channel"], &push["subscriptionId"]), (&json!("subscription"), &orders));
    assert_eq!((push["data"].as_array().map(Vec::len), &push["data"][0]["id"]), (Some(1), &json!("order-1")));
    let push = admin.push();
    assert_eq!(push["subscriptionId"], recent["subscriptionId"]);
    assert_eq!(push["data"][0]["id"], "order-1");

    // A transaction that cannot be done changes nothing (S-176).
    assert_eq!(alice.refused(transaction("order-1")), "CONFLICT");
    let stock = alice.ask(json!({"type": "store.get", "bucket": "products", "key": "prod-1"}));
    assert_eq!((&stock["stock"], &stock["_version"]), (&json!(24), &json!(2)));

    rules_event(&mut alice, &mut admin, &events["subscriptionId"]);
    log_out(&mut alice, &mut admin);
    for (bucket, key) in [("products", json!("prod-1")), ("orders", json!("order-1"))] {
        admin.ask(json!({"type": "store.delete", "bucket": bucket, "key": key}));
    }
    alice.leave();
    admin.leave();
}

fn log_in(alice: &mut Client, admin: &mut Client) {
    // P-28, P-54
    assert_eq!(alice.refused(json!({"type": "store.all", "bucket": "products"})), "UNAUTHORIZED");
    let login = alice.ask(json!({"type": "auth.login", "token": "customer-token-alice"}));
    assert_eq!(login, json!({"userId": "user-alice", "roles": ["customer"], "expiresAt": null}));
    admin.ask(json!({"type": "auth.login", "token": "admin-token"}));
}

fn transaction(order: &str) -> Value {
    let data = json!({"id": order, "userId": "user-alice", "items": "[]", "total": 79.99, "createdAt": 1});
    let log = json!({"action": "order_placed", "userId": "user-alice", "timestamp": 1});
    json!({"type": "store.transaction", "operations": [
        {"op": "update", "bucket": "products", "key": "prod-1", "data": {"stock": 24}},
        {"op": "insert", "bucket": "orders", "data": data},
        {"op": "insert", "bucket": "audit-logs", "data": log},
    ]})
}

fn rules_event(alice: &mut Client, admin: &mut Client, subscription: &Value) {
    let data = json!({"orderId": "order-1"});
    let event = alice.ask(json!({"type": "rules.emit", "topic": "order.placed", "data": data}));
    let push = admin.push();
    assert_eq!((&push["channel"], &push["subscriptionId"]), (&json!("event"), subscription));
    assert_eq!((&push["data"]["topic"], &push["data"]["event"]), (&json!("order.placed"), &event));
}

fn log_out(alice: &mut Client, admin: &mut Client) {
    assert_eq!(alice.ask(json!({"type": "auth.logout"})), json!({"loggedOut": true}));
    assert_eq!(alice.refused(json!({"type": "store.all", "bucket": "products"})), "UNAUTHORIZED");
    // what Alice subscribed to has ended with her session.
    admin.ask(json!({"type": "store.update", "bucket": "orders", "key": "order-1", "data": {"total": 1}}));
    assert_eq!(admin.push()["data"][0]["total"], 1);
    alice.ask(json!({"type": "auth.whoami"}));
    assert_eq!(alice.pushes_left(), 0);
}
