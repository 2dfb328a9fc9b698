//! The workloads: what each connection sends and what it must get back. One file per workload.

use std::fmt::Debug;

use crate::args::WorkloadArgs;
use crate::definitions::Definition;
use crate::session::{CallError, Control, Session};
use crate::tally::{Counted, Fault};
use crate::timeline::Slot;
use crate::wire::message::Channel;

mod events;
mod fanout;
mod get;
mod idle;
mod insert;
mod mixed;
mod reactive;
mod record;
mod results;
mod side;
mod transaction;
mod transfer;
mod update;

/// A workload: gives each connection its role and knows what must be true at the end.
///
/// Called in the order of the methods.
pub trait Workload: Debug {
    /// How many connections it needs.
    fn lanes(&self) -> usize;

    /// How many more connections come and go during the measured phase, and do not read
    /// ([`crate::rounds`]); their indices are behind those of the others.
    fn stalled(&self) -> usize {
        0
    }

    /// What its throughput counts.
    fn counted(&self) -> Counted {
        Counted::Answers
    }

    /// Buckets and queries that must exist.
    fn needs(&self) -> Vec<Definition> {
        Vec::new()
    }

    /// Makes sure that the records that all connections need exist.
    ///
    /// # Errors
    /// The server refuses it.
    fn prepare(&mut self, _control: &Control<'_>) -> Result<(), CallError> {
        Ok(())
    }

    /// Whether it has a use for this connection; another one is opened instead if not.
    ///
    /// # Errors
    /// The server does not tell what decides it.
    fn suits(&self, _session: &mut Session) -> Result<bool, CallError> {
        Ok(true)
    }

    /// Prepares connection `index` of [`Workload::lanes`] and [`Workload::stalled`], in ascending order.
    ///
    /// # Errors
    /// The server refuses what the workload needs.
    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError>;

    /// Reads the final state, when nothing is in flight any more; the roles compare
    /// with it in [`Role::settled`]. Returns what contradicts the answers of the run.
    ///
    /// # Errors
    /// It cannot be read.
    fn conclude(&mut self, _control: &Control<'_>) -> Result<Vec<Finding>, CallError> {
        Ok(Vec::new())
    }

    /// Judges the measured phase over time.
    fn watch(&self, _timeline: &[Slot]) -> Vec<Finding> {
        Vec::new()
    }

    /// Rows of its own for the report.
    fn notes(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A fault that only shows when all is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of fault.
    pub fault: Fault,
    /// How many.
    pub count: u64,
    /// For the operator.
    pub text: String,
}

impl Finding {
    /// Records that do not add up.
    pub fn inconsistent(text: String) -> Self {
        Self { fault: Fault::Inconsistent, count: 1, text }
    }
}

/// The moment at which a message is handled.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Nanoseconds since the run began; the same clock for all lanes.
    pub now: u64,
    wake: &'a mut Vec<usize>,
}

impl<'a> Moment<'a> {
    /// A moment; lanes that are woken in it are noted in `wake`.
    pub fn new(now: u64, wake: &'a mut Vec<usize>) -> Self {
        Self { now, wake }
    }

    /// Lets another lane look again whether it has something to send.
    pub fn wake(&mut self, lane: usize) {
        self.wake.push(lane);
    }
}

/// What a push turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It shows what it should.
    Right {
        /// Nanoseconds since the change that it shows was sent, if known.
        latency_ns: Option<u64>,
        /// Earlier changes that it shows as well and that had no push of their own (P-132, K-4).
        conflated: u64,
    },
    /// It does not belong here, or shows what never was.
    Wrong,
    /// It shows nothing that the push before did not show (P-131).
    Duplicated,
    /// It shows an older state than the push before (P-130).
    OutOfOrder,
}

/// What one connection does.
pub trait Role: Debug {
    /// How many requests to send now, with `waiting` ones unanswered and at most `in_flight` allowed.
    fn wants(&self, waiting: usize, in_flight: usize) -> usize {
        in_flight.saturating_sub(waiting)
    }

    /// Whether its connection reads nothing until the end.
    fn stalls(&self) -> bool {
        false
    }

    /// Appends the request with `id`, a masked frame that leaves at `now`, to `out`.
    fn request(&mut self, id: u64, now: u64, out: &mut Vec<u8>);

    /// Whether `data` is right as the answer to request `id`.
    fn answer(&mut self, id: u64, data: &[u8], moment: &mut Moment<'_>) -> bool;

    /// Request `id` was answered with an error, and so has changed nothing.
    fn refused(&mut self, _id: u64) {}

    /// What a push is.
    fn push(
        &mut self,
        _channel: Channel,
        _subscription: &[u8],
        _data: &[u8],
        _moment: &mut Moment<'_>,
    ) -> Verdict {
        Verdict::Wrong
    }

    /// Whether what this role saw last is the final state.
    fn settled(&self) -> bool {
        true
    }
}

/// The workload that the operator chose; `None`: it needs no roles.
pub fn plan(args: &WorkloadArgs) -> Option<Box<dyn Workload>> {
    Some(match args {
        WorkloadArgs::Idle(args) => Box::new(idle::Idle::new(args)),
        WorkloadArgs::Get(args) => Box::new(get::Get::new(args)),
        WorkloadArgs::Insert(args) => Box::new(insert::Insert::new(args)),
        WorkloadArgs::Update(args) => Box::new(update::Update::new(args)),
        WorkloadArgs::Transaction(args) => Box::new(transaction::Transaction::new(args)),
        WorkloadArgs::Fanout(args) => Box::new(fanout::Fanout::new(args)),
        WorkloadArgs::SlowReaders(args) => Box::new(fanout::Fanout::with_slow_readers(args)),
        WorkloadArgs::Mixed(args) => Box::new(mixed::Mixed::new(args)),
        WorkloadArgs::Soak(args) => Box::new(mixed::Soak::new(args)),
        WorkloadArgs::Transfer(args) => Box::new(transfer::Transfer::new(args)),
        WorkloadArgs::Reactive(args) => Box::new(reactive::Reactive::new(args)),
        WorkloadArgs::Events(args) => Box::new(events::Events::new(args)),
        WorkloadArgs::ConnectStorm(_) => return None,
    })
}

#[cfg(test)]
mod test {
    //! What the tests of all workloads need.

    use super::{Moment, Role};
    use crate::args::Target;

    /// Some record in a bucket.
    pub(super) fn target() -> Target {
        Target { bucket: "products".to_owned(), record: r#"{"stock":1}"#.parse().expect("a record") }
    }

    /// Whether the role takes `data` as the answer to request `id`.
    pub(super) fn answers(role: &mut impl Role, id: u64, data: &str) -> bool {
        role.answer(id, data.as_bytes(), &mut Moment::new(0, &mut Vec::new()))
    }
}
