//! The workloads: what each connection sends and what it must get back. One file per workload.

use std::fmt::Debug;

use serde_json::Value;

use crate::args::WorkloadArgs;
use crate::session::{CallError, Session};

mod fanout;
mod get;
mod insert;
mod record;
mod update;

/// What the throughput of a workload counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Right answers.
    Answers,
    /// Delivered pushes.
    Pushes,
}

/// What must be true when nothing is in flight any more.
#[derive(Clone, Debug)]
pub struct FinalState {
    /// The record that was written, read by `store.get`.
    pub record: Value,
    /// The query's result, evaluated anew.
    pub result: Value,
}

/// A workload: gives each connection its role and knows the state at the end.
pub trait Workload: Debug {
    /// How many connections it needs.
    fn lanes(&self) -> usize;

    /// What its throughput counts.
    fn counted(&self) -> Counted {
        Counted::Answers
    }

    /// Prepares connection `index` of [`Workload::lanes`], in ascending order.
    ///
    /// # Errors
    /// The server refuses what the workload needs.
    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError>;

    /// Reads the final state over a fresh connection; `None` if every answer was already checked by itself.
    ///
    /// # Errors
    /// It cannot be read, or contradicts itself.
    fn final_state(&mut self) -> Result<Option<FinalState>, CallError> {
        Ok(None)
    }
}

/// What one connection does.
pub trait Role: Debug {
    /// Whether it keeps requests in flight.
    fn sends(&self) -> bool {
        true
    }

    /// Appends the request with `id`, a masked frame, to `out`.
    fn request(&mut self, id: u64, out: &mut Vec<u8>);

    /// Whether `data` is right as the answer to request `id`.
    fn answer(&mut self, id: u64, data: &[u8]) -> bool;

    /// A request was answered with an error, and so has changed nothing.
    fn refused(&mut self) {}

    /// Whether a push belongs here; `data` is the query's new result.
    fn push(&mut self, _data: &[u8]) -> bool {
        false
    }

    /// Whether what this role saw last is `state`.
    fn settled(&self, _state: &FinalState) -> bool {
        true
    }
}

/// The workload that the operator chose.
pub fn plan(args: &WorkloadArgs) -> Box<dyn Workload> {
    match args {
        WorkloadArgs::Get(options) => Box::new(get::Get::new(options)),
        WorkloadArgs::Insert(options) => Box::new(insert::Insert::new(options)),
        WorkloadArgs::Update(options) => Box::new(update::Update::new(options)),
        WorkloadArgs::Fanout(fanout) => Box::new(fanout::Fanout::new(fanout)),
    }
}
