//! Transactions over several cores, as the connection's core runs them.
//!
//! Those of one connection over the same cores may be under way together: each follows the one
//! ahead from core to core and is decided behind it, so that they happen one after the other
//! (P-121) as seen by everybody.

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::{ConnId, CoreId, TxnId};
use crate::message::{Answer, Json, Mail, Outcome, Prepare, Step, Target, Vote};
use crate::txn::{Coordinator, Next, Part};
use slab::Slab;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// The transactions that this core coordinates, by their place in `TxnId`.
#[derive(Default)]
pub(super) struct Coordinators {
    running: Slab<Running>,
    /// The latest of each connection that has any.
    latest: BTreeMap<ConnId, usize>,
    /// Whether those that begin are marked, in turn: so the flush knows those that were there.
    mark: bool,
    /// A dropped bucket's core, to be told when none of so many transactions runs any more, which
    /// were there when the flush was asked for.
    flush: Option<(usize, CoreId)>,
}

struct Running {
    conn: ConnId,
    coordinator: Coordinator<Step<Target>, Json>,
    /// The one of the same connection before it, undecided.
    ahead: Option<usize>,
    /// The one after it.
    behind: Option<usize>,
    /// That of the coordinators when it began.
    mark: bool,
}

impl Coordinators {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Notes a transaction behind the others of its connection; its place.
    fn begin(&mut self, conn: ConnId, coordinator: Coordinator<Step<Target>, Json>) -> usize {
        let place = self.running.vacant_key();
        let ahead = self.latest.insert(conn, place);
        if let Some(ahead) = ahead {
            self.running[ahead].behind = Some(place);
        }
        self.running.insert(Running { conn, coordinator, ahead, behind: None, mark: self.mark })
    }

    /// How far the one ahead has got, if there is one.
    fn ahead_of(&self, place: usize) -> Option<Option<CoreId>> {
        self.running[place].ahead.map(|ahead| self.running[ahead].coordinator.reached())
    }

    /// Forgets a transaction that is decided; its connection, and the one behind it.
    fn end(&mut self, place: usize) -> (ConnId, Option<usize>) {
        let Running { conn, behind, mark, .. } = self.running.remove(place);
        match behind {
            Some(behind) => self.running[behind].ahead = None,
            None => drop(self.latest.remove(&conn)),
        }
        if let Some((earlier, _)) = self.flush.as_mut().filter(|_| mark != self.mark) {
            *earlier -= 1;
        }
        (conn, behind)
    }

    /// Asks for a flush of the channel to `core` behind everything that runs now.
    pub(super) fn flush_later(&mut self, core: CoreId) {
        self.mark = !self.mark;
        let earlier = self.flush.replace((self.running.len(), core));
        assert!(earlier.is_none(), "changes are made one after the other");
    }

    /// The core, if it is time.
    pub(super) fn flush_due(&mut self) -> Option<CoreId> {
        self.flush.take_if(|(earlier, _)| *earlier == 0).map(|(_, core)| core)
    }
}

impl Core {
    /// Starts a transaction. Its outcome does not depend on the connection any more.
    pub(super) fn coordinate(&mut self, conn: ConnId, steps: Vec<(CoreId, Step<Target>)>, out: &mut Outbox) {
        let operations = steps.len();
        let mut parts = SmallVec::<[Part<Step<Target>>; 4]>::new();
        for (place, (core, step)) in steps.into_iter().enumerate() {
            match parts.iter_mut().find(|part| part.core == core) {
                Some(part) => part.steps.push((place, step)),
                None => parts.push(Part { core, steps: vec![(place, step)] }),
            }
        }
        let place = self.coordinators.begin(conn, Coordinator::new(parts, operations));
        self.advance(place, out);
    }

    /// Takes the vote of the participant that was asked.
    pub(super) fn vote(&mut self, vote: Vote, out: &mut Outbox) {
        let Vote { txn, vote, committed, done: _ } = vote;
        let place = txn.place as usize;
        self.coordinators.running[place].coordinator.vote(vote, committed);
        self.advance(place, out);
    }

    /// Does what is to be done next for a transaction, and for those behind it that waited for that.
    fn advance(&mut self, place: usize, out: &mut Outbox) {
        let mut next = Some(place);
        while let Some(place) = next {
            next = self.proceed(place, out);
        }
    }

    /// The transaction behind it, if this one has got any further.
    fn proceed(&mut self, place: usize, out: &mut Outbox) -> Option<usize> {
        let number = u32::try_from(place).expect("fewer than 2^32 transactions at once");
        let txn = TxnId { coordinator: self.id, place: number };
        let ahead = self.coordinators.ahead_of(place);
        let running = &mut self.coordinators.running[place];
        match running.coordinator.proceed(ahead) {
            Next::Wait => None,
            Next::Prepare { part, commits } => {
                let (conn, behind) = (running.conn, running.behind);
                let prepare = Prepare { txn, conn, steps: part.steps, commits };
                self.post(part.core, Mail::Prepare(prepare), out);
                behind
            }
            Next::Decide { prepared, committed, outcome } => {
                let (conn, behind) = self.coordinators.end(place);
                let outcome = match outcome {
                    Ok(results) => Outcome::Results(results),
                    Err(fault) => Outcome::Fault(Box::new(fault)),
                };
                // The locks keep everybody else from seeing half of it, so that the client need
                // not wait for the participants; and so its answer precedes the pushes (P-125).
                self.answer(self.id, Answer { conn, outcome }, out);
                for core in prepared {
                    self.post(core, Mail::Decide { txn, commit: committed }, out);
                }
                self.flush(out);
                behind
            }
        }
    }
}
