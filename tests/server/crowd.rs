//! Many subscribers of one query.

use crate::client::Client;
use crate::{Running, shop};
use serde_json::json;

#[test]
fn two_hundred_subscribers_get_the_final_state() {
    // P-123, P-130
    const UPDATES: u64 = 50;
    for shards in [1, 2] {
        let server = Running::start(&shop::open(shards), shards);
        let mut shopkeeper = Client::connect(server.address());
        let product = json!({"id": "p", "title": "Hub", "price": 1});
        shopkeeper.ask(json!({"type": "store.insert", "bucket": "products", "data": product}));
        let subscribe = |_| {
            let mut client = Client::connect(server.address());
            let answer = client.ask(json!({"type": "store.subscribe", "query": "low-stock-products"}));
            assert_eq!(answer["data"][0]["stock"], 0);
            client
        };
        let mut crowd: Vec<Client> = (0..200).map(subscribe).collect();
        let update = |stock: u64| {
            let data = json!({"stock": stock});
            json!({"type": "store.update", "bucket": "products", "key": "p", "data": data})
        };
        shopkeeper.pipeline((1..=UPDATES).map(update));
        for client in &mut crowd {
            let mut stock = 0;
            while stock < UPDATES {
                let push = client.push();
                let next = push["data"][0]["stock"].as_u64().expect("a stock");
                assert!(next > stock, "{next} after {stock}");
                stock = next;
            }
            client.is_served();
            assert_eq!(client.pushes_left(), 0, "nothing follows the final state");
        }
    }
}
