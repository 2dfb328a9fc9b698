//! A program with the server inside: its own queries, events, transactions, beside clients on the
//! same port. `cargo run --example embed` runs it to its end.

use noex_server::base::fault::Code;
use noex_server::embed::{Error, Store};
use noex_server::node::{EventKind, QueryDefinition, Settings};
use noex_server::shell::{Options, Server, Tuning};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::thread;

#[derive(Serialize, Deserialize, Debug)]
struct Account {
    owner: String,
    balance: i64,
    #[serde(rename = "_version", skip_serializing)]
    version: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = "127.0.0.1:0".parse()?;
    let options = Options { address, shards: 2, pin_cores: false, tuning: Tuning::default() };
    let server = Server::start(&Settings::default(), &options)?;
    println!("clients may come to ws://{}/", server.address());
    let store = Store::of(&server);
    define(store)?;

    // Whoever changes the data, events and results arrive on threads of their own.
    let events = store.events("bucket.accounts.*")?;
    let audit = thread::spawn(move || {
        let updates = events.filter(|event| event.kind() == EventKind::Updated);
        updates.map(|event| println!("{} {} → {}", event.topic(), event.key(), event.record())).count()
    });
    let total = store.watch::<i64>("total", &())?;
    let display = thread::spawn(move || {
        for total in total.map_while(Result::ok) {
            println!("all accounts together: {total}");
        }
    });

    let accounts = store.bucket::<Account>("accounts");
    for (owner, balance) in [("ann", 100), ("bob", 20)] {
        accounts.insert(&json!({"owner": owner, "balance": balance}))?;
    }
    transfer(store, "ann", "bob", 70)?;
    match transfer(store, "ann", "bob", 70) {
        Err(Error::Fault(fault)) if fault.code == Code::ValidationError => println!("refused: {fault}"),
        other => panic!("an overdraft: {other:?}"),
    }
    let owners: Vec<String> = accounts.all()?.into_iter().map(|account| account.owner).collect();
    println!("{} own accounts; the poorest has {:?}", owners.join(" and "), accounts.min("balance", &())?);

    server.settle()?;
    server.stop(0);
    display.join().expect("it ends with the server");
    println!("{} changes were seen", audit.join().expect("it ends with the server"));
    Ok(())
}

fn define(store: Store<'_>) -> Result<(), Error> {
    let account = json!({
        "key": "owner",
        "schema": {"owner": {"type": "string"}, "balance": {"type": "number", "min": 0}},
    });
    store.define_bucket("accounts", &account)?;
    store.define_bucket(
        "transfers",
        &json!({
            "key": "id",
            "schema": {"id": {"type": "string", "generated": "uuid"}, "amount": {"type": "number"}},
        }),
    )?;
    store.define_query("total", QueryDefinition::program(|q, _| q.bucket("accounts").sum("balance")))
}

/// Moves money if nobody has touched the accounts since they were read; else tries again.
fn transfer(store: Store<'_>, from: &str, to: &str, amount: i64) -> Result<(), Error> {
    let accounts = store.bucket::<Account>("accounts");
    loop {
        let (Some(giver), Some(taker)) = (accounts.get(from)?, accounts.get(to)?) else { return Ok(()) };
        let committed = store.transaction(|tx| {
            for (account, balance) in [(&giver, giver.balance - amount), (&taker, taker.balance + amount)] {
                let change = json!({"balance": balance});
                tx.update_at::<Account>("accounts", &account.owner, account.version, &change);
            }
            Ok::<_, Error>(tx.insert::<serde_json::Value>("transfers", &json!({"amount": amount})))
        });
        match committed {
            Err(Error::Fault(fault)) if fault.code == Code::Conflict => {}
            Err(error) => return Err(error),
            Ok(done) => {
                println!("transfer {}", done.get(&done.value)?["id"]);
                return Ok(());
            }
        }
    }
}
