//! The order in which the records of prepared transactions come to stand in their buckets.
//!
//! Transactions that insert into the same bucket need not exclude each other: nobody sees the
//! order of their records before all of them are decided, since whoever reads the bucket waits
//! for that. But it must be the same on all cores. So each is applied in the order of the moments at
//! which the transactions took effect, and one that is decided waits for those that are
//! undecided and may have an earlier moment.

use super::sabotage::{self, Sabotage};
use crate::base::ids::TxnId;
use crate::base::moment::Moment;
use std::collections::{BTreeMap, BTreeSet};

/// The transactions of one core that have voted and will insert. Every operation is O(log n).
#[derive(Debug)]
pub struct Sequence<T> {
    /// Those without a decision, by the last moment that had been when they voted: their own
    /// is later.
    undecided: BTreeSet<(Moment, TxnId)>,
    /// Those that are to be applied when it is their turn.
    decided: BTreeMap<Moment, T>,
}

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self { undecided: BTreeSet::new(), decided: BTreeMap::new() }
    }
}

impl<T> Sequence<T> {
    /// Notes a transaction that votes yes after this moment.
    pub fn enter(&mut self, txn: TxnId, voted_after: Moment) {
        self.undecided.insert((voted_after, txn));
    }

    /// It is not going to happen.
    pub fn leave(&mut self, txn: TxnId, voted_after: Moment) {
        self.undecided.remove(&(voted_after, txn));
    }

    /// It has happened at this moment; `what` is to be applied.
    pub fn decide(&mut self, txn: TxnId, voted_after: Moment, at: Moment, what: T) {
        self.undecided.remove(&(voted_after, txn));
        self.decided.insert(at, what);
    }

    /// What is to be applied next, if nothing that is undecided can come before it.
    pub fn take_next(&mut self) -> Option<T> {
        let first = self.decided.first_entry()?;
        let is_next = sabotage::is(Sabotage::AppendsOutOfSequence)
            || self.undecided.first().is_none_or(|(voted_after, _)| first.key() <= voted_after);
        is_next.then(|| first.remove())
    }

    /// How many are decided and wait for others.
    pub fn len(&self) -> usize {
        self.decided.len()
    }

    /// Whether nobody waits for others.
    pub fn is_empty(&self) -> bool {
        self.decided.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;
    use crate::base::ids::{CoreId, TxnId};
    use crate::base::moment::{Moment, Sequencer};

    fn txn(place: u32) -> TxnId {
        TxnId { coordinator: CoreId(0), place }
    }

    #[test]
    fn what_is_decided_waits_for_what_may_come_before_it() {
        // S-70, S-172
        let sequencer = Sequencer::default();
        let mut sequence = Sequence::default();
        let voted: Vec<Moment> = (1..=3).map(|_| sequencer.latest()).collect();
        (0..3).for_each(|at| sequence.enter(txn(at), voted[at as usize]));
        let second = sequencer.next();
        sequence.decide(txn(1), voted[1], second, "second");
        assert_eq!(sequence.take_next(), None, "the others may have been earlier");
        let later = sequencer.latest();
        sequence.enter(txn(3), later);
        sequence.leave(txn(0), voted[0]);
        assert_eq!((sequence.take_next(), sequence.len()), (None, 1));
        let third = sequencer.next();
        sequence.decide(txn(2), voted[2], third, "third");
        assert_eq!(sequence.take_next(), Some("second"), "the one that is undecided voted later");
        assert_eq!(sequence.take_next(), None, "that one may be earlier than this");
        sequence.leave(txn(3), later);
        assert_eq!((sequence.take_next(), sequence.take_next()), (Some("third"), None));
        assert!(sequence.is_empty());
    }
}
