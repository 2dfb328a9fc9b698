//! `fanout`: one connection updates a record, all others see a query that shows it.
//!
//! Pushes may be merged (P-132), so their number proves nothing; what must hold is that the last push of every
//! subscriber is the final state.

use serde_json::Value;

use super::update::Writer;
use super::{Counted, FinalState, Role, Workload, record};
use crate::args::{FanoutArgs, Options, json_string};
use crate::session::{CallError, Session};

/// The record that is updated.
const KEY: &str = "loadtest-fanout";

#[derive(Debug)]
pub(super) struct Fanout {
    options: Options,
    query: String,
}

impl Fanout {
    pub(super) fn new(args: &FanoutArgs) -> Self {
        Self { options: args.options.clone(), query: args.query.clone() }
    }

    /// Subscribes and returns the initial result.
    fn subscribe(&self, session: &mut Session) -> Result<Value, CallError> {
        let query = json_string(&self.query);
        let mut answer = session.call(&format!(r#""type":"store.subscribe","query":{query}"#))?;
        match answer.get_mut("data") {
            Some(data) => Ok(data.take()),
            None => Err(CallError::Protocol(format!("store.subscribe answers {answer}"))),
        }
    }
}

impl Workload for Fanout {
    fn lanes(&self) -> usize {
        self.options.connections + 1
    }

    fn counted(&self) -> Counted {
        Counted::Pushes
    }

    /// The writer is the first: its record exists before anybody subscribes.
    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        if index == 0 {
            return Ok(Box::new(Writer::prepare(session, &self.options, KEY)?));
        }
        let last = self.subscribe(session)?.to_string().into_bytes();
        Ok(Box::new(Subscriber { last }))
    }

    fn final_state(&mut self) -> Result<Option<FinalState>, CallError> {
        let mut session = Session::open(&self.options)?;
        let record = record::get(&mut session, &self.options, KEY)?;
        let result = self.subscribe(&mut session)?;
        if contradicts(&result, &record) {
            return Err(CallError::Protocol(format!(
                "query \"{}\" and store.get differ: {result} and {record}",
                self.query
            )));
        }
        Ok(Some(FinalState { record, result }))
    }
}

/// Whether a query's result shows the record other than it is. A query may project some members away.
fn contradicts(result: &Value, record: &Value) -> bool {
    let rows = result.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter()
        .filter(|row| row["id"] == KEY)
        .filter_map(Value::as_object)
        .any(|row| row.iter().any(|(name, value)| record.get(name) != Some(value)))
}

#[derive(Debug)]
struct Subscriber {
    /// The last result, as it was sent.
    last: Vec<u8>,
}

impl Role for Subscriber {
    fn sends(&self) -> bool {
        false
    }

    fn request(&mut self, _id: u64, _out: &mut Vec<u8>) {}

    /// It asks for nothing.
    fn answer(&mut self, _id: u64, _data: &[u8]) -> bool {
        false
    }

    fn push(&mut self, data: &[u8]) -> bool {
        self.last.clear();
        self.last.extend_from_slice(data);
        true
    }

    fn settled(&self, state: &FinalState) -> bool {
        serde_json::from_slice::<Value>(&self.last).is_ok_and(|last| last == state.result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn last_push_decides() {
        let mut subscriber = Subscriber { last: b"[]".to_vec() };
        let state = FinalState { record: Value::Null, result: json!([{"id": "a", "_version": 2}]) };
        assert!(!subscriber.settled(&state));
        assert!(subscriber.push(br#"[{"_version":2,"id":"a"}]"#));
        assert!(subscriber.settled(&state));
        assert!(subscriber.push(br#"[{"_version":1,"id":"a"}]"#));
        assert!(!subscriber.settled(&state));
    }

    #[test]
    fn query_and_record() {
        let record = json!({"id": KEY, "a": 1, "_version": 2});
        for agreeing in [json!(7), json!([]), json!([{"id": "other", "a": 9}]), json!([{"id": KEY, "a": 1}])]
        {
            assert!(!contradicts(&agreeing, &record), "{agreeing}");
        }
        assert!(contradicts(&json!([{"id": KEY, "a": 2}]), &record));
    }
}
