//! `idle`: connections that do nothing but answer heartbeats.

use super::{Moment, Role, Verdict, Workload};
use crate::args::{IdleArgs, json_string};
use crate::definitions::Definition;
use crate::session::{CallError, Session};
use crate::tally::Counted;
use crate::wire::message::Channel;

#[derive(Debug)]
pub(super) struct Idle {
    args: IdleArgs,
}

impl Idle {
    pub(super) fn new(args: &IdleArgs) -> Self {
        Self { args: args.clone() }
    }
}

impl Workload for Idle {
    fn lanes(&self) -> usize {
        self.args.options.connections
    }

    fn counted(&self) -> Counted {
        Counted::Connections
    }

    fn needs(&self) -> Vec<Definition> {
        self.args.query.iter().map(|query| Definition::query(query)).collect()
    }

    fn role(&mut self, _index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        if let Some(query) = &self.args.query {
            session.call(&format!(r#""type":"store.subscribe","query":{}"#, json_string(query)))?;
        }
        Ok(Box::new(Idler))
    }
}

#[derive(Debug)]
struct Idler;

impl Role for Idler {
    fn wants(&self, _waiting: usize, _in_flight: usize) -> usize {
        0
    }

    fn request(&mut self, _id: u64, _now: u64, _out: &mut Vec<u8>) {}

    /// It asks for nothing.
    fn answer(&mut self, _id: u64, _data: &[u8], _moment: &mut Moment<'_>) -> bool {
        false
    }

    fn push(&mut self, _: Channel, _: &[u8], _: &[u8], _: &mut Moment<'_>) -> Verdict {
        Verdict::Right { latency_ns: None, conflated: 0 }
    }
}
