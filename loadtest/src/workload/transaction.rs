//! `transaction`: the shop's order over three buckets.
//!
//! Each connection buys its own product, so that the product's version tells which answer belongs to which
//! order (S-159). At the end there must be one order and one log entry per answer, no more and no less (S-171).

use std::cell::Cell;
use std::rc::Rc;

use super::record::Versions;
use super::results::results;
use super::{Finding, Moment, Role, Workload, record};
use crate::args::{Target, TransactionArgs};
use crate::definitions::Definition;
use crate::machine;
use crate::session::{CallError, Control, MASK, Session};
use crate::wire::template::Template;

#[derive(Debug)]
pub(super) struct Transaction {
    args: TransactionArgs,
    products: Target,
    /// The user who buys in this run, and in no other.
    user: String,
    /// Right answers in the whole run.
    answered: Rc<Cell<u64>>,
}

impl Transaction {
    pub(super) fn new(args: &TransactionArgs) -> Self {
        let record = r#"{"title":"Wireless Keyboard","price":79.99,"stock":25}"#.parse().expect("a record");
        Self {
            args: args.clone(),
            products: Target { bucket: "products".to_owned(), record },
            user: machine::unique_name("loadtest"),
            answered: Rc::default(),
        }
    }

    /// Update, insert, insert, as the members of operations without bucket; with the buckets.
    fn operations(&self, key: &str) -> [(&'static str, &'static str, String); 3] {
        let user = &self.user;
        [
            ("update", "products", format!(r#""key":"{key}","data":{{"stock":24}}"#)),
            (
                "insert",
                "orders",
                format!(
                    r#""data":{{"userId":"{user}","items":"[{{\"productId\":\"{key}\",\"quantity\":1,\"price\":79.99}}]","total":79.99,"status":"pending","createdAt":1706745700000}}"#
                ),
            ),
            (
                "insert",
                "audit-logs",
                format!(
                    r#""data":{{"action":"order_placed","userId":"{user}","details":"Wireless Keyboard x1","timestamp":1706745700000}}"#
                ),
            ),
        ]
    }
}

impl Workload for Transaction {
    fn lanes(&self) -> usize {
        self.args.options.connections
    }

    fn needs(&self) -> Vec<Definition> {
        ["products", "orders", "audit-logs"].map(Definition::bucket).to_vec()
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        let key = format!("loadtest-{index}");
        let version = record::version(&record::ensure(session, &self.products, &key)?)?;
        let operations = self.operations(&key);
        let templates = if self.args.apart {
            let request = |(op, bucket, rest): &(&str, &str, String)| {
                Template::new(MASK, &format!(r#""type":"store.{op}","bucket":"{bucket}",{rest}"#))
            };
            operations.iter().map(request).collect()
        } else {
            let operation = |(op, bucket, rest): &(&str, &str, String)| {
                format!(r#"{{"op":"{op}","bucket":"{bucket}",{rest}}}"#)
            };
            let operations = operations.iter().map(operation).collect::<Vec<_>>().join(",");
            vec![Template::new(MASK, &format!(r#""type":"store.transaction","operations":[{operations}]"#))]
        };
        let (first_id, step) = (session.next_id(), templates.len() as u64);
        Ok(Box::new(Buyer {
            templates,
            first_id,
            versions: Versions::new(version, first_id, step),
            answered: Rc::clone(&self.answered),
        }))
    }

    fn conclude(&mut self, control: &Control<'_>) -> Result<Vec<Finding>, CallError> {
        if self.args.apart {
            // Where the last round was cut off, its parts need not add up.
            return Ok(Vec::new());
        }
        let session = &mut control.open()?;
        let (orders, logs) =
            (count(session, &self.user, "orders")?, count(session, &self.user, "audit-logs")?);
        let answered = self.answered.get();
        if (orders, logs) == (answered, answered) {
            return Ok(Vec::new());
        }
        Ok(vec![Finding::inconsistent(format!(
            "{answered} transactions were answered, but there are {orders} orders and {logs} log entries"
        ))])
    }
}

/// How many records of this run `bucket` has.
fn count(session: &mut Session, user: &str, bucket: &str) -> Result<u64, CallError> {
    let call = format!(r#""type":"store.count","bucket":"{bucket}","filter":{{"userId":"{user}"}}"#);
    let answer = session.call(&call)?;
    answer.as_u64().ok_or_else(|| CallError::Protocol(format!("store.count answers {answer}")))
}

#[derive(Debug)]
struct Buyer {
    /// One request, or the three operations apart.
    templates: Vec<Template>,
    first_id: u64,
    versions: Versions,
    answered: Rc<Cell<u64>>,
}

impl Buyer {
    /// Which of the templates request `id` was.
    fn part(&self, id: u64) -> usize {
        usize::try_from((id - self.first_id) % self.templates.len() as u64)
            .expect("below the number of templates")
    }
}

impl Role for Buyer {
    fn request(&mut self, id: u64, _now: u64, out: &mut Vec<u8>) {
        let part = self.part(id);
        self.templates[part].append(id, out);
    }

    fn answer(&mut self, id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        let right = match (self.templates.len(), self.part(id)) {
            (1, _) => results::<3>(data).is_some_and(|[product, order, log]| {
                self.versions.check(id, product) && is_first_version(order) && is_first_version(log)
            }),
            (_, 0) => self.versions.check(id, data),
            _ => is_first_version(data),
        };
        self.answered.set(self.answered.get() + u64::from(right));
        right
    }

    fn refused(&mut self, id: u64) {
        if self.part(id) == 0 {
            self.versions.refused();
        }
    }
}

fn is_first_version(record: &[u8]) -> bool {
    record::version_in(record, 1) == Some(1)
}
