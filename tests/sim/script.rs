//! The client's language: what is sent and what must come back, as text.
//!
//! ```text
//! alice → {"id":1,"type":"store.count","bucket":"users"}
//! alice ← {"id":1,"type":"result","data":0}
//! ```
//!
//! `⇠` instead of `←` says that the message may also come later than those that follow: the
//! order of pushes of different subscriptions is not promised when several cores commit.
//!
//! `"<any>"` stands for any value, `"<uuid>"` for a UUID, and a member `"…":0` says that
//! an object may have more members than are shown. After each line everything settles;
//! every message that arrives must be expected, in its order.

use crate::client::Client;
use crate::cluster::Cluster;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Clients by name, and what they were sent but not asked about yet.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    clients: BTreeMap<String, (Client, VecDeque<Value>)>,
}

impl Stage {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster, clients: BTreeMap::new() }
    }

    /// Connects a client to a core.
    pub(crate) fn enter(&mut self, name: &str, core: usize) {
        let client = Client::welcomed(&mut self.cluster, core);
        self.clients.insert(name.to_owned(), (client, VecDeque::new()));
    }

    /// Plays a script. Nothing that was sent may be left unexpected at its end.
    pub(crate) fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no client in: {line}"));
            if let Some(text) = rest.strip_prefix("→ ") {
                let (client, _) = self.clients.get(name).unwrap_or_else(|| panic!("nobody is called {name}"));
                client.send(&mut self.cluster, text);
                self.cluster.settle();
            } else if let Some(expected) = rest.strip_prefix("← ") {
                self.expect(name, expected, false);
            } else if let Some(expected) = rest.strip_prefix("⇠ ") {
                self.expect(name, expected, true);
            } else {
                panic!("neither → nor ← in: {line}");
            }
        }
        self.collect();
        for (name, (_, messages)) in &self.clients {
            assert!(messages.is_empty(), "{name} was sent what nobody expected: {messages:#?}");
        }
    }

    fn expect(&mut self, name: &str, expected: &str, in_any_order: bool) {
        self.collect();
        let wanted: Value = serde_json::from_str(expected).unwrap_or_else(|e| panic!("{e} in {expected}"));
        let messages = &mut self.client(name).1;
        let at = messages.iter().position(|message| !in_any_order || matches(&wanted, message));
        let Some(actual) = messages.remove(at.unwrap_or(0)) else {
            panic!("{name} was sent nothing, expected {expected}")
        };
        assert!(matches(&wanted, &actual), "{name} was sent\n  {actual}\nexpected\n  {wanted}");
    }

    fn collect(&mut self) {
        for (client, messages) in self.clients.values_mut() {
            messages.extend(client.json(&self.cluster));
        }
    }

    fn client(&mut self, name: &str) -> &mut (Client, VecDeque<Value>) {
        self.clients.get_mut(name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// Everybody ends their connection.
    pub(crate) fn leave(&mut self) {
        for (client, _) in self.clients.values() {
            self.cluster.end(client.link);
        }
        self.cluster.settle();
    }

    /// A client by its name.
    pub(crate) fn named(&mut self, name: &str) -> &mut Client {
        &mut self.client(name).0
    }
}

/// Whether a value is what the script says.
pub(crate) fn matches(wanted: &Value, actual: &Value) -> bool {
    match (wanted, actual) {
        (Value::String(text), _) if text == "<any>" => true,
        (Value::String(text), Value::String(id)) if text == "<uuid>" => id.len() == 36 && &id[14..15] == "4",
        (Value::Object(wanted), Value::Object(actual)) => {
            let is_open = wanted.contains_key("…");
            let named = wanted.iter().filter(|(name, _)| *name != "…");
            (is_open || wanted.len() == actual.len())
                && named
                    .into_iter()
                    .all(|(name, value)| actual.get(name).is_some_and(|found| matches(value, found)))
        }
        (Value::Array(wanted), Value::Array(actual)) => {
            wanted.len() == actual.len()
                && wanted.iter().zip(actual).all(|(wanted, actual)| matches(wanted, actual))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => wanted == actual,
    }
}
