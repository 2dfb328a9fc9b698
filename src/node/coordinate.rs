//! Transactions over several cores, as the connection's core runs them.
//!
//! Those of one connection happen one after the other (P-121). While one is under way those behind it
//! wait, and then run together, as one.

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::{ConnId, CoreId, TxnId};
use crate::base::limits::BATCH_OPERATIONS_MAX;
use crate::base::moment::Moment;
use crate::message::{Answer, Json, Mail, Outcome, Prepare, Read, Step, Target, Verb, Vote};
use crate::txn::sabotage::{self, Sabotage};
use crate::txn::{Coordinator, Next, Operations};
use slab::Slab;
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};

/// The transactions that this core coordinates.
#[derive(Default)]
pub(super) struct Coordinators {
    /// What is under way, by its place in `TxnId`.
    running: Slab<Running>,
    /// The connections that have any.
    lines: BTreeMap<ConnId, Line>,
    /// Connections whose next transactions begin when the present input has been handled, so that
    /// those that came in together run together.
    due: VecDeque<ConnId>,
    /// How many transactions there are, under way and waiting.
    count: usize,
    /// Whether those that come are marked, in turn: so the flush knows those that were there.
    mark: bool,
    /// A dropped bucket's core, to be told when none of so many transactions is left, which were there
    /// when the flush was asked for.
    flush: Option<(usize, CoreId)>,
}

/// A transaction, or a batch of several.
struct Running {
    conn: ConnId,
    coordinator: Coordinator<Step<Target>, Json>,
    /// Of each transaction, that of the coordinators when it came.
    marks: SmallVec<[bool; 8]>,
}

/// The transactions of one connection that are not under way.
#[derive(Default)]
struct Line {
    waiting: VecDeque<(Operations<Step<Target>>, bool)>,
    /// Whether others are.
    is_running: bool,
    /// How many of the first run one by one: they were a batch that has failed.
    singly: usize,
}

impl Line {
    /// Takes the next transaction out, or the next batch.
    fn next(&mut self) -> (Vec<Operations<Step<Target>>>, SmallVec<[bool; 8]>) {
        let mut operations = 0;
        let fits = self.waiting.iter().take_while(|(transaction, _)| {
            operations += transaction.len();
            operations <= BATCH_OPERATIONS_MAX && transaction.iter().all(|(_, step)| is_short(step))
        });
        let count = if self.singly > 0 { 1 } else { fits.count().max(1) };
        self.singly = self.singly.saturating_sub(1);
        self.is_running = true;
        self.waiting.drain(..count).unzip()
    }
}

/// Whether an operation takes no longer the more records there are. Others leave their core to other
/// connections in between (P-123).
fn is_short(step: &Step<Target>) -> bool {
    !matches!(&step.verb, Verb::Read(question) if !matches!(question.read, Read::Get(_)))
}

impl Coordinators {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Notes a transaction behind the others of its connection.
    fn enter(&mut self, conn: ConnId, transaction: Operations<Step<Target>>) {
        let line = self.lines.entry(conn).or_default();
        if line.waiting.is_empty() && !line.is_running {
            self.due.push_back(conn);
        }
        line.waiting.push_back((transaction, self.mark));
        self.count += 1;
    }

    /// Begins what is due; its place.
    fn begin(&mut self) -> Option<usize> {
        let conn = self.due.pop_front()?;
        let (transactions, marks) = self.lines.get_mut(&conn).expect("something of it is due").next();
        Some(self.running.insert(Running { conn, coordinator: Coordinator::new(transactions), marks }))
    }

    /// Forgets what is decided, and lets those behind it begin; whose it was.
    fn end(&mut self, place: usize) -> ConnId {
        let Running { conn, marks, .. } = self.running.remove(place);
        self.count -= marks.len();
        if let Some((earlier, _)) = &mut self.flush {
            *earlier -= marks.iter().filter(|mark| **mark != self.mark).count();
        }
        let line = self.lines.get_mut(&conn).expect("something of it was running");
        line.is_running = false;
        if line.waiting.is_empty() {
            self.lines.remove(&conn);
        } else {
            self.due.push_back(conn);
        }
        conn
    }

    /// Puts the transactions of a batch that has failed back where they were.
    fn split(&mut self, place: usize, transactions: Vec<Operations<Step<Target>>>) {
        let Running { conn, marks, .. } = self.running.remove(place);
        let line = self.lines.get_mut(&conn).expect("something of it was running");
        line.is_running = false;
        line.singly = transactions.len();
        transactions.into_iter().zip(marks).rev().for_each(|waiting| line.waiting.push_front(waiting));
        self.due.push_back(conn);
    }

    /// Asks for a flush of the channel to `core` behind all transactions that there are now.
    pub(super) fn flush_later(&mut self, core: CoreId) {
        self.mark = !self.mark;
        let earlier = self.flush.replace((self.count, core));
        assert!(earlier.is_none(), "changes are made one after the other");
    }

    /// The core, if it is time.
    pub(super) fn flush_due(&mut self) -> Option<CoreId> {
        self.flush.take_if(|(earlier, _)| *earlier == 0).map(|(_, core)| core)
    }
}

impl Core {
    /// Takes a transaction. Its outcome does not depend on the connection any more.
    pub(super) fn coordinate(&mut self, conn: ConnId, operations: Operations<Step<Target>>) {
        self.coordinators.enter(conn, operations);
    }

    /// Begins the transactions that are due. Called at the end of every input.
    pub(super) fn begin_transactions(&mut self, out: &mut Outbox) {
        while let Some(place) = self.coordinators.begin() {
            self.proceed(place, out);
        }
    }

    /// Takes the vote of the participant that was asked.
    pub(super) fn vote(&mut self, vote: Vote, out: &mut Outbox) {
        let Vote { txn, vote, committed, done } = vote;
        let place = txn.place as usize;
        self.coordinators.running[place].coordinator.vote(vote, committed, done);
        self.proceed(place, out);
    }

    /// Does what is to be done next for a transaction or a batch.
    fn proceed(&mut self, place: usize, out: &mut Outbox) {
        let number = u32::try_from(place).expect("fewer than 2^32 transactions at once");
        let txn = TxnId { coordinator: self.id, place: number };
        let coordinator = &mut self.coordinators.running[place].coordinator;
        match coordinator.proceed() {
            Next::Wait => {}
            Next::Prepare { part, commits } => {
                let is_batch = coordinator.is_batch();
                let prepare = Prepare { txn, steps: part.steps, commits, is_batch };
                self.post(part.core, Mail::Prepare(prepare), out);
            }
            Next::Decide { prepared, committed, outcome } => {
                let conn = self.coordinators.end(place);
                // The locks keep everybody else from seeing half of it, so that the client need
                // not wait for the participants; and so its answer precedes the pushes (P-125).
                match outcome {
                    Ok(outcomes) => outcomes.into_iter().map(Outcome::Results).for_each(|outcome| {
                        self.answer(self.id, Answer { conn, outcome }, out);
                    }),
                    Err(fault) => {
                        let outcome = Outcome::Fault(Box::new(fault));
                        self.answer(self.id, Answer { conn, outcome }, out);
                    }
                }
                self.post_decision(&prepared, txn, committed, out);
                self.flush(out);
            }
            Next::Split { prepared, transactions } => {
                self.coordinators.split(place, transactions);
                let sabotaged = sabotage::is(Sabotage::SplitsCommitted);
                let commit = sabotaged.then(|| self.shared.sequencer.next());
                self.post_decision(&prepared, txn, commit, out);
            }
        }
    }

    fn post_decision(&mut self, prepared: &[CoreId], txn: TxnId, commit: Option<Moment>, out: &mut Outbox) {
        for core in prepared {
            self.post(*core, Mail::Decide { txn, commit }, out);
        }
    }
}
