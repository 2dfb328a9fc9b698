//! Transactions over several cores, as the connection's core runs them.

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::{ConnId, CoreId, TxnId};
use crate::message::{Answer, Json, Mail, Outcome, Prepare, Step, Target, Vote};
use crate::shard;
use crate::txn::{Coordinator, Next, Part};
use std::collections::BTreeMap;

/// The transactions that this core coordinates.
#[derive(Default)]
pub(super) struct Coordinators {
    last: u64,
    running: BTreeMap<u64, Running>,
    /// A dropped bucket's core, to be told when no transaction up to that number runs any more.
    flush: Option<(u64, CoreId)>,
}

struct Running {
    conn: ConnId,
    coordinator: Coordinator<Step<Target>, Json>,
}

impl Coordinators {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Asks for a flush of the channel to `core` behind everything that runs now.
    pub(super) fn flush_later(&mut self, core: CoreId) {
        let earlier = self.flush.replace((self.last, core));
        assert!(earlier.is_none(), "changes are made one after the other");
    }

    /// The core, if it is time.
    pub(super) fn flush_due(&mut self) -> Option<CoreId> {
        let oldest = self.running.first_key_value().map_or(u64::MAX, |(number, _)| *number);
        self.flush.take_if(|(last, _)| *last < oldest).map(|(_, core)| core)
    }
}

impl Core {
    /// Starts a transaction. Its outcome does not depend on the connection any more.
    pub(super) fn coordinate(&mut self, conn: ConnId, steps: Vec<(CoreId, Step<Target>)>, out: &mut Outbox) {
        let operations = steps.len();
        let mut parts: Vec<Part<Step<Target>>> = Vec::new();
        for (place, (core, step)) in steps.into_iter().enumerate() {
            match parts.iter_mut().find(|part| part.core == core) {
                Some(part) => part.steps.push((place, step)),
                None => parts.push(Part { core, steps: vec![(place, step)] }),
            }
        }
        self.coordinators.last += 1;
        let number = self.coordinators.last;
        let coordinator = Coordinator::new(parts, operations);
        self.coordinators.running.insert(number, Running { conn, coordinator });
        self.advance(number, out);
    }

    /// Takes the vote of the participant that was asked.
    pub(super) fn vote(&mut self, vote: Vote, out: &mut Outbox) {
        let Vote { txn, vote } = vote;
        let running = self.coordinators.running.get_mut(&txn.number).expect("a vote answers a prepare");
        running.coordinator.vote(vote);
        self.advance(txn.number, out);
    }

    fn advance(&mut self, number: u64, out: &mut Outbox) {
        let txn = TxnId { coordinator: self.id, number };
        let running = self.coordinators.running.get_mut(&number).expect("advancing what runs");
        match running.coordinator.proceed() {
            Next::Prepare { part, commits } => {
                let prepare = Prepare { txn, steps: part.steps, commits };
                self.post(part.core, Mail::Prepare(prepare), out);
            }
            Next::Decide { prepared, outcome } => {
                let conn = running.conn;
                self.coordinators.running.remove(&number);
                let commit = outcome.is_ok();
                let outcome = match outcome {
                    Ok(results) => Outcome::Data(Json::Text(shard::results_json(&results))),
                    Err(fault) => Outcome::Fault(Box::new(fault)),
                };
                // The locks keep everybody else from seeing half of it, so that the client need
                // not wait for the participants; and so its answer precedes the pushes (P-125).
                self.answer(self.id, Answer { conn, outcome }, out);
                for core in prepared {
                    self.post(core, Mail::Decide { txn, commit }, out);
                }
                self.flush(out);
            }
        }
    }
}
