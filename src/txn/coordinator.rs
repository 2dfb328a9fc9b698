//! The coordinator's side: which participant is asked next, and what the votes mean.

use super::sabotage::{self, Sabotage};
use crate::base::fault::Fault;
use crate::base::ids::CoreId;
use crate::base::moment::Moment;
use smallvec::SmallVec;

/// A transaction's operations in the client's order, each with the core that it belongs to.
pub type Operations<S> = Vec<(CoreId, S)>;

/// The operations of one participant with their places in the whole list.
#[derive(Debug)]
pub struct Part<S> {
    /// The participant.
    pub core: CoreId,
    /// (place, operation), ascending.
    pub steps: Vec<(usize, S)>,
}

/// One transaction over several cores, or a batch of them, from its first prepare to its decision.
pub struct Coordinator<S, R> {
    /// How many operations each transaction has.
    lengths: SmallVec<[usize; 1]>,
    /// Participants that have not been asked yet, in descending core order.
    unasked: SmallVec<[Part<S>; 4]>,
    /// Whom a vote is due from, and whether its yes is the commit.
    asked: Option<(CoreId, bool)>,
    /// What those did who have voted on a batch, to be done again if it fails.
    done: SmallVec<[Part<S>; 4]>,
    /// Who holds locks: everybody who was asked, but the last agent.
    prepared: SmallVec<[CoreId; 4]>,
    results: SmallVec<[Option<R>; 4]>,
    /// The failing operation with the lowest place (S-173).
    failure: Option<(usize, Fault)>,
    /// When the last agent committed.
    committed: Option<Moment>,
}

/// What the coordinator does next.
pub enum Next<S, R> {
    /// Nothing until the vote that is due.
    Wait,
    /// Ask this participant; if `commits`, its yes is the commit.
    Prepare {
        /// Whom and what.
        part: Part<S>,
        /// Whether it is the last agent.
        commits: bool,
    },
    /// Tell these participants the decision, and the client the outcome.
    Decide {
        /// Who holds locks for it.
        prepared: SmallVec<[CoreId; 4]>,
        /// When it happened, if it did.
        committed: Option<Moment>,
        /// For each transaction the results in order of its operations, or the failure of the only one.
        outcome: Result<Outcomes<R>, Fault>,
    },
    /// Tell these participants that the batch does not happen, and run its transactions one by one.
    Split {
        /// Who holds locks for it.
        prepared: SmallVec<[CoreId; 4]>,
        /// The transactions, in their order.
        transactions: Vec<Operations<S>>,
    },
}

/// The results of each transaction of a batch, in order of the operations.
pub type Outcomes<R> = SmallVec<[SmallVec<[R; 3]>; 1]>;

impl<S, R> Coordinator<S, R> {
    /// One transaction, or a batch of several, over at least two participants.
    pub fn new(transactions: Vec<Operations<S>>) -> Self {
        let lengths: SmallVec<[usize; 1]> = transactions.iter().map(Vec::len).collect();
        let operations = lengths.iter().sum();
        let mut unasked = SmallVec::<[Part<S>; 4]>::new();
        for (place, (core, step)) in transactions.into_iter().flatten().enumerate() {
            let at = unasked.iter().position(|part| part.core == core).unwrap_or_else(|| {
                unasked.push(Part { core, steps: Vec::with_capacity(operations - place) });
                unasked.len() - 1
            });
            unasked[at].steps.push((place, step));
        }
        match sabotage::is(Sabotage::PrepareOutOfOrder) {
            false => unasked.sort_by_key(|part| std::cmp::Reverse(part.core)),
            true => unasked.reverse(),
        }
        debug_assert!(unasked.len() > 1, "one core needs no coordinator");
        let results = std::iter::repeat_with(|| None).take(operations).collect();
        Self {
            lengths,
            unasked,
            asked: None,
            done: SmallVec::new(),
            prepared: SmallVec::new(),
            results,
            failure: None,
            committed: None,
        }
    }

    /// Whether it is more than one transaction.
    pub fn is_batch(&self) -> bool {
        self.lengths.len() > 1
    }

    /// The first thing to do, and what to do after each vote.
    pub fn proceed(&mut self) -> Next<S, R> {
        if self.asked.is_some() {
            return Next::Wait;
        }
        if self.is_batch() && self.failure.is_some() {
            return self.split();
        }
        // After a failure only those are asked that could fail earlier in the list: the answer
        // names the first failing operation, wherever it lives.
        let failed_at = self.failure.as_ref().map(|(place, _)| *place);
        while let Some(part) = self.unasked.pop() {
            let first = part.steps.first().map_or(usize::MAX, |(place, _)| *place);
            if failed_at.is_some_and(|failed_at| first > failed_at) {
                continue;
            }
            let is_last = self.unasked.is_empty() || sabotage::is(Sabotage::CommitBeforeVotes);
            let commits = is_last && failed_at.is_none();
            self.asked = Some((part.core, commits));
            return Next::Prepare { part, commits };
        }
        let prepared = std::mem::take(&mut self.prepared);
        let outcome = match self.failure.take() {
            Some((_, fault)) => Err(fault),
            None => Ok(self.outcomes()),
        };
        Next::Decide { prepared, committed: self.committed, outcome }
    }

    /// Takes the vote of the participant that was asked, when that was the commit, and what was asked.
    ///
    /// # Panics
    /// If nobody was asked: votes answer prepares one to one.
    pub fn vote(
        &mut self,
        vote: Result<impl IntoIterator<Item = (usize, R)>, (usize, Fault)>,
        committed: Option<Moment>,
        steps: Vec<(usize, S)>,
    ) {
        let (core, commits) = self.asked.take().expect("a vote answers a prepare");
        if !commits {
            self.prepared.push(core);
        }
        if self.is_batch() {
            self.done.push(Part { core, steps });
        }
        self.committed = self.committed.or(committed);
        match vote {
            Ok(results) => {
                for (place, result) in results {
                    self.results[place] = Some(result);
                }
            }
            Err(failure) => {
                if self.failure.as_ref().is_none_or(|(place, _)| failure.0 < *place) {
                    self.failure = Some(failure);
                }
            }
        }
    }

    fn outcomes(&mut self) -> Outcomes<R> {
        let results = std::mem::take(&mut self.results);
        let mut results = results.into_iter().map(|result| result.expect("every operation voted"));
        self.lengths.iter().map(|length| results.by_ref().take(*length).collect()).collect()
    }

    /// Puts the transactions of a batch together again.
    fn split(&mut self) -> Next<S, R> {
        let parts = std::mem::take(&mut self.done).into_iter().chain(std::mem::take(&mut self.unasked));
        let with_core =
            |Part { core, steps }| steps.into_iter().map(move |(place, step)| (place, (core, step)));
        let mut steps: Vec<_> = parts.flat_map(with_core).collect();
        steps.sort_by_key(|(place, _)| *place);
        let mut steps = steps.into_iter().map(|(_, step)| step);
        let transactions = self.lengths.iter().map(|length| steps.by_ref().take(*length).collect()).collect();
        Next::Split { prepared: std::mem::take(&mut self.prepared), transactions }
    }
}

#[cfg(test)]
mod tests {
    use super::{Coordinator, Next};
    use crate::base::fault::{Code, Fault};
    use crate::base::ids::CoreId;

    type Test = Coordinator<&'static str, u32>;
    type Operations = Vec<(CoreId, &'static str)>;

    fn operations(list: &[(u16, &'static str)]) -> Operations {
        list.iter().map(|(core, name)| (CoreId(*core), *name)).collect()
    }

    fn transaction() -> Test {
        Coordinator::new(vec![operations(&[(2, "c"), (1, "a"), (0, "b"), (2, "d")])])
    }

    fn no(place: usize, text: &str) -> Result<Vec<(usize, u32)>, (usize, Fault)> {
        Err((place, Fault::new(Code::Conflict, text)))
    }

    /// The participant that is asked next, whether it commits, and the vote it gives.
    fn ask(transaction: &mut Test, vote: Result<Vec<(usize, u32)>, (usize, Fault)>) -> (u16, bool) {
        let Next::Prepare { part, commits } = transaction.proceed() else { panic!("expected a prepare") };
        assert!(matches!(transaction.proceed(), Next::Wait), "a vote is due");
        transaction.vote(vote, None, part.steps);
        (part.core.0, commits)
    }

    #[test]
    fn participants_are_asked_in_ascending_order_and_the_last_commits() {
        let mut transaction = transaction();
        assert_eq!(ask(&mut transaction, Ok(vec![(2, 12)])), (0, false));
        assert_eq!(ask(&mut transaction, Ok(vec![(1, 11)])), (1, false));
        assert_eq!(ask(&mut transaction, Ok(vec![(0, 10), (3, 13)])), (2, true));
        let Next::Decide { prepared, outcome, .. } = transaction.proceed() else {
            panic!("expected a decision")
        };
        assert_eq!(prepared[..], [CoreId(0), CoreId(1)]);
        assert_eq!(outcome.unwrap()[0][..], [10, 11, 12, 13]);
    }

    #[test]
    fn the_failure_with_the_lowest_place_is_reported() {
        // S-173: core 0 fails at place 2, core 1 could fail at 1, core 2 does at 0.
        let mut transaction = transaction();
        assert_eq!(ask(&mut transaction, no(2, "late")), (0, false));
        assert_eq!(ask(&mut transaction, Ok(vec![(1, 11)])), (1, false));
        assert_eq!(ask(&mut transaction, no(0, "first")), (2, false));
        let Next::Decide { prepared, outcome, .. } = transaction.proceed() else {
            panic!("expected a decision")
        };
        assert_eq!(prepared[..], [CoreId(0), CoreId(1), CoreId(2)]);
        assert_eq!(outcome.unwrap_err().message, "first");
    }

    #[test]
    fn a_last_agent_that_fails_aborts_the_others() {
        let mut transaction = transaction();
        ask(&mut transaction, Ok(vec![(2, 12)]));
        ask(&mut transaction, Ok(vec![(1, 11)]));
        assert_eq!(ask(&mut transaction, no(3, "no")), (2, true));
        let Next::Decide { prepared, outcome, .. } = transaction.proceed() else {
            panic!("expected a decision")
        };
        assert_eq!((prepared.len(), outcome.is_err()), (2, true));
    }

    fn batch() -> (Test, [Operations; 3]) {
        let all =
            [[(1, "a"), (0, "b")], [(0, "c"), (1, "d")], [(0, "e"), (2, "f")]].map(|list| operations(&list));
        (Coordinator::new(all.to_vec()), all)
    }

    #[test]
    fn a_batch_happens_as_one() {
        let (mut batch, _) = batch();
        assert_eq!(ask(&mut batch, Ok(vec![(1, 11), (2, 12), (4, 14)])), (0, false));
        assert_eq!(ask(&mut batch, Ok(vec![(0, 10), (3, 13)])), (1, false));
        assert_eq!(ask(&mut batch, Ok(vec![(5, 15)])), (2, true));
        let Next::Decide { outcome, .. } = batch.proceed() else { panic!("expected a decision") };
        assert_eq!(
            outcome.unwrap().iter().map(|results| results[..].to_vec()).collect::<Vec<_>>(),
            [[10, 11], [12, 13], [14, 15]]
        );
    }

    #[test]
    fn a_batch_that_fails_anywhere_is_split_into_what_it_was() {
        for asked in 1..=3 {
            let (mut batch, all) = batch();
            for _ in 1..asked {
                ask(&mut batch, Ok(vec![]));
            }
            let (_, commits) = ask(&mut batch, no(2, "no"));
            let Next::Split { prepared, transactions } = batch.proceed() else { panic!("expected a split") };
            assert_eq!((prepared.len(), commits), ([1, 2, 2][asked - 1], asked == 3));
            assert_eq!(transactions, all);
        }
    }
}
