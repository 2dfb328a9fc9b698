//! The typed interface of programs that embed the server (02 §10.6).

use crate::{Running, shop};
use noex_server::base::fault::Code;
use noex_server::embed::{Error, Group, Page, Store, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread;

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Item {
    id: String,
    n: Option<f64>,
}

fn item(id: &str, n: f64) -> Item {
    Item { id: id.to_owned(), n: Some(n) }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Code {
    outcome.expect_err("a failure").code().expect("of the operation")
}

fn with_items(act: impl FnOnce(Store<'_>)) {
    let running = Running::start(&shop::settings(&[], &[], 2), 2);
    let store = Store::of(running.server());
    let config =
        json!({"key": "id", "schema": {"id": {"type": "string"}, "n": {"type": "number", "min": 0}}});
    store.define_bucket("items", &config).expect("S-213");
    act(store);
}

#[test]
fn every_operation_of_a_bucket() {
    // S-208: chapters 3 to 6, and A.5
    with_items(|store| {
        let items = store.bucket::<Item>("items");
        let [a, b, c] = [("a", 1.0), ("b", 2.0), ("c", 4.0)].map(|(id, n)| item(id, n));
        assert_eq!(items.insert(&a).unwrap(), a);
        assert_eq!(items.insert_many(&[&b, &c]).unwrap(), [b.clone(), c.clone()]);
        assert_eq!(items.get("b").unwrap(), Some(b.clone()));
        assert_eq!(items.get("d").unwrap(), None);
        assert_eq!(items.all().unwrap(), [a.clone(), b.clone(), c.clone()]);
        assert_eq!(items.find(&json!({"n": {"$gt": 1}})).unwrap(), [b.clone(), c.clone()]);
        assert_eq!(items.find_one(&json!({"n": 4})).unwrap(), Some(c.clone()));
        assert_eq!((items.count(&()).unwrap(), items.count(&json!({"n": 4})).unwrap()), (3, 1));
        assert_eq!((items.first(1).unwrap(), items.last(1).unwrap()), (vec![a.clone()], vec![c.clone()]));
        let page = items.paginate(2, None).unwrap();
        let cursor = json!("b");
        assert_eq!(page, Page { records: vec![a, b], has_more: true, next_cursor: Some(cursor.clone()) });
        let page = items.paginate(2, Some(&cursor)).unwrap();
        assert_eq!((page.records.len(), page.has_more, page.next_cursor), (1, false, Some(json!("c"))));
        assert_eq!(
            (items.sum("n", &()).unwrap(), items.avg("n", &json!({"n": {"$lt": 3}})).unwrap()),
            (7.0, 1.5)
        );
        assert_eq!((items.min("n", &()).unwrap(), items.max("id", &()).unwrap()), (Some(1.0), None));
        let groups = items.group_by(&["n"], "count", None).unwrap();
        assert_eq!(groups[0], Group { key: json!({"n": 1}), value: 1.0 });
        assert_eq!(items.group_by(&["n"], "sum", Some("n")).unwrap()[2].value, 4.0);

        assert_eq!(items.update("a", &json!({"n": 8})).unwrap(), item("a", 8.0));
        assert_eq!(code(items.update_at("a", 1, &json!({"n": 9}))), Code::Conflict);
        assert_eq!(items.update_at("a", 2, &json!({"n": 9})).unwrap(), item("a", 9.0));
        assert_eq!(items.upsert(&item("a", 1.0)).unwrap(), item("a", 1.0));
        assert_eq!(items.update_many(&json!({"n": {"$gt": 1}}), &json!({"n": 3})).unwrap(), 2);
        assert_eq!(items.delete_many(&json!({"n": 3})).unwrap(), 2);
        items.delete("a").unwrap();
        items.insert(&item("z", 0.0)).unwrap();
        items.clear().unwrap();
        assert_eq!(items.count(&()).unwrap(), 0);
    });
}

#[test]
fn administration_and_queries() {
    // S-208, S-209
    with_items(|store| {
        assert_eq!(store.definition("items").unwrap().expect("defined")["key"], "id");
        assert_eq!((store.has_bucket("items").unwrap(), store.has_bucket("other").unwrap()), (true, false));
        store.update_bucket("items", &json!({"addFields": {"more": {"type": "string"}}})).unwrap();
        assert_eq!(code(store.drop_bucket("other")), Code::BucketNotDefined);
        let items = store.bucket::<Item>("items");
        let issues = items.insert(&json!({"id": "x", "n": -1})).expect_err("S-51").details();
        assert_eq!(issues, Some(json!([{"field": "n", "message": "Minimum value is 0", "code": "min"}])));
        let unknown = items.update("x", &json!({})).expect_err("S-92").details();
        assert_eq!(unknown, Some(json!({"bucket": "items", "key": "x"})));
        let by_n = json!({"bucket": "items", "filter": {"n": "{{ params.n }}"}});
        store.define_declarative("by-n", &by_n).unwrap();
        store.bucket::<Item>("items").insert(&item("a", 5.0)).unwrap();
        assert_eq!(store.run::<Vec<Item>>("by-n", &json!({"n": 5})).unwrap(), [item("a", 5.0)]);
        assert_eq!(store.run::<Value>("by-n", &json!({"n": 6})).unwrap(), json!([]));
        assert!(matches!(store.run::<u64>("by-n", &json!({"n": 6})), Err(Error::Shape(_))));
        assert_eq!(store.stats().unwrap()["queries"], json!({"defined": 1, "activeSubscriptions": 0}));
        assert_eq!(store.queries().unwrap()[0]["config"], by_n);
        store.undefine_query("by-n").unwrap();
        assert_eq!(code(store.watch::<Value>("by-n", &())), Code::QueryNotDefined);
        store.drop_bucket("items").unwrap();
        assert_eq!(code(store.bucket::<Item>("items").all()), Code::BucketNotDefined);
    });
}

#[test]
fn a_procedure_commits_or_discards() {
    // S-208, S-159, S-171, S-176, S-177
    with_items(|store| {
        let items = store.bucket::<Item>("items");
        let done = store
            .transaction(|tx| {
                let all = (
                    tx.insert::<Item>("items", &item("a", 1.0)),
                    tx.update::<Item>("items", "a", &json!({"n": 2})),
                    tx.update_at::<Item>("items", "a", 2, &json!({"n": 3})),
                    tx.get::<Item>("items", "a"),
                    tx.find::<Item>("items", &json!({"n": 3})),
                    tx.find_one::<Item>("items", &json!({"n": 4})),
                    tx.count("items", &()),
                );
                tx.delete("items", "b");
                Ok::<_, Error>(all)
            })
            .unwrap();
        let (inserted, updated, again, got, found, none, count) = &done.value;
        let versions = [inserted, updated, again].map(|place| done.get(place).unwrap().n.unwrap());
        assert_eq!(versions, [1.0, 2.0, 3.0]);
        assert_eq!(done.get(got).unwrap(), Some(item("a", 3.0)));
        assert_eq!(done.get(found).unwrap(), [item("a", 3.0)]);
        assert_eq!((done.get(none).unwrap(), done.get(count).unwrap()), (None, 1));

        // It fails, or one of its operations does, or there are none.
        let insert_b = |tx: &mut Transaction| tx.insert::<Item>("items", &item("b", 1.0));
        let failed = store.transaction(|tx| {
            insert_b(tx);
            Err::<(), _>(Error::Fault(noex_server::base::fault::Fault::validation("no")))
        });
        assert_eq!(code(failed), Code::ValidationError);
        let conflict = store.transaction(|tx| {
            insert_b(tx);
            insert_b(tx);
            Ok::<_, Error>(())
        });
        assert_eq!(code(conflict), Code::Conflict);
        let unwritable = store.transaction(|tx| {
            insert_b(tx);
            tx.insert::<Item>("items", &BTreeMap::from([(vec![1], 1)]));
            Ok::<_, Error>(())
        });
        assert!(matches!(unwritable, Err(Error::Shape(_))));
        assert_eq!(store.transaction(|_| Ok::<_, Error>(7)).unwrap().value, 7);
        assert_eq!(items.all().unwrap(), [item("a", 3.0)]);
    });
}

#[test]
fn what_was_read_before_is_checked() {
    // S-177: read, then written if nobody else has written meanwhile
    with_items(|store| {
        #[derive(Deserialize)]
        struct Counter {
            n: u64,
            #[serde(rename = "_version")]
            version: u64,
        }
        let counters = || store.bucket::<Counter>("items");
        store.bucket::<Value>("items").insert(&json!({"id": "c", "n": 0})).unwrap();
        let count_up = || {
            for _ in 0..25 {
                loop {
                    let Counter { n, version } = counters().get("c").unwrap().expect("there");
                    let done = store.transaction(|tx| {
                        tx.update_at::<Value>("items", "c", version, &json!({"n": n + 1}));
                        Ok::<_, Error>(())
                    });
                    match done {
                        Ok(_) => break,
                        failed => assert_eq!(code(failed), Code::Conflict),
                    }
                }
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count_up))));
        assert_eq!(counters().get("c").unwrap().expect("there").n, 100);
    });
}
