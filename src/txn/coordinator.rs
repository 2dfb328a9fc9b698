//! The coordinator's side: which participant is asked next, and what the votes mean.

use super::sabotage::{self, Sabotage};
use crate::base::fault::Fault;
use crate::base::ids::CoreId;

/// The operations of one participant with their places in the client's list.
#[derive(Debug)]
pub struct Part<S> {
    /// The participant.
    pub core: CoreId,
    /// (place, operation), ascending.
    pub steps: Vec<(usize, S)>,
}

/// One transaction over several cores, from its first prepare to its decision.
pub struct Coordinator<S, R> {
    /// Participants that have not been asked yet, in descending core order.
    unasked: Vec<Part<S>>,
    /// Whom a vote is due from, and whether its yes is the commit.
    asked: Option<(CoreId, bool)>,
    /// Who holds locks: everybody who was asked, but the last agent.
    prepared: Vec<CoreId>,
    results: Vec<Option<R>>,
    /// The failing operation with the lowest place (S-173).
    failure: Option<(usize, Fault)>,
}

/// What the coordinator does next.
pub enum Next<S, R> {
    /// Ask this participant; if `commits`, its yes is the commit.
    Prepare {
        /// Whom and what.
        part: Part<S>,
        /// Whether it is the last agent.
        commits: bool,
    },
    /// Tell these participants the decision, and the client the outcome.
    Decide {
        /// Who holds locks for the transaction.
        prepared: Vec<CoreId>,
        /// The results in order of the operations, or the first failure.
        outcome: Result<Vec<R>, Fault>,
    },
}

impl<S, R> Coordinator<S, R> {
    /// A transaction of `operations` operations over at least two participants.
    pub fn new(mut parts: Vec<Part<S>>, operations: usize) -> Self {
        match sabotage::is(Sabotage::PrepareOutOfOrder) {
            false => parts.sort_by_key(|part| std::cmp::Reverse(part.core)),
            true => parts.reverse(),
        }
        debug_assert!(parts.len() > 1, "one core needs no coordinator");
        let results = std::iter::repeat_with(|| None).take(operations).collect();
        Self { unasked: parts, asked: None, prepared: Vec::new(), results, failure: None }
    }

    /// The first thing to do, and what to do after each vote.
    pub fn proceed(&mut self) -> Next<S, R> {
        // After a failure only those are asked that could fail earlier in the list: the answer
        // names the first failing operation, wherever it lives.
        let failed_at = self.failure.as_ref().map(|(place, _)| *place);
        while let Some(part) = self.unasked.pop() {
            let first = part.steps.first().map_or(usize::MAX, |(place, _)| *place);
            if failed_at.is_none_or(|failed_at| first < failed_at) {
                let is_last = self.unasked.is_empty() || sabotage::is(Sabotage::CommitBeforeVotes);
                let commits = is_last && failed_at.is_none();
                self.asked = Some((part.core, commits));
                return Next::Prepare { part, commits };
            }
        }
        let prepared = std::mem::take(&mut self.prepared);
        let outcome = match self.failure.take() {
            Some((_, fault)) => Err(fault),
            None => Ok(self.results.drain(..).map(|result| result.expect("every operation voted")).collect()),
        };
        Next::Decide { prepared, outcome }
    }

    /// Takes the vote of the participant that was asked.
    ///
    /// # Panics
    /// If nobody was asked: votes answer prepares one to one.
    pub fn vote(&mut self, vote: Result<Vec<(usize, R)>, (usize, Fault)>) {
        let (core, commits) = self.asked.take().expect("a vote answers a prepare");
        if !commits {
            self.prepared.push(core);
        }
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
}

#[cfg(test)]
mod tests {
    use super::{Coordinator, Next, Part};
    use crate::base::fault::{Code, Fault};
    use crate::base::ids::CoreId;

    fn transaction() -> Coordinator<&'static str, u32> {
        let part = |core, steps: &[(usize, &'static str)]| Part { core: CoreId(core), steps: steps.to_vec() };
        Coordinator::new(vec![part(2, &[(0, "c"), (3, "d")]), part(0, &[(2, "b")]), part(1, &[(1, "a")])], 4)
    }

    fn asked(next: Next<&'static str, u32>) -> (u16, bool) {
        let Next::Prepare { part, commits } = next else { panic!("expected a prepare") };
        (part.core.0, commits)
    }

    #[test]
    fn participants_are_asked_in_ascending_order_and_the_last_commits() {
        let mut transaction = transaction();
        assert_eq!(asked(transaction.proceed()), (0, false));
        transaction.vote(Ok(vec![(2, 12)]));
        assert_eq!(asked(transaction.proceed()), (1, false));
        transaction.vote(Ok(vec![(1, 11)]));
        assert_eq!(asked(transaction.proceed()), (2, true));
        transaction.vote(Ok(vec![(0, 10), (3, 13)]));
        let Next::Decide { prepared, outcome } = transaction.proceed() else { panic!("expected a decision") };
        assert_eq!(prepared, [CoreId(0), CoreId(1)]);
        assert_eq!(outcome.unwrap(), [10, 11, 12, 13]);
    }

    #[test]
    fn the_failure_with_the_lowest_place_is_reported() {
        // S-173: core 0 fails at place 2, core 1 could fail at 1, core 2 does at 0.
        let fault = |text: &str| Fault::new(Code::Conflict, text);
        let mut transaction = transaction();
        transaction.proceed();
        transaction.vote(Err((2, fault("late"))));
        assert_eq!(asked(transaction.proceed()), (1, false));
        transaction.vote(Ok(vec![(1, 11)]));
        assert_eq!(asked(transaction.proceed()), (2, false));
        transaction.vote(Err((0, fault("first"))));
        let Next::Decide { prepared, outcome } = transaction.proceed() else { panic!("expected a decision") };
        assert_eq!(prepared, [CoreId(0), CoreId(1), CoreId(2)]);
        assert_eq!(outcome.unwrap_err().message, "first");
    }

    #[test]
    fn a_last_agent_that_fails_aborts_the_others() {
        let mut transaction = transaction();
        for vote in [Ok(vec![(2, 12)]), Ok(vec![(1, 11)]), Err((3, Fault::new(Code::Conflict, "no")))] {
            transaction.proceed();
            transaction.vote(vote);
        }
        let Next::Decide { prepared, outcome } = transaction.proceed() else { panic!("expected a decision") };
        assert_eq!((prepared.len(), outcome.is_err()), (2, true));
    }
}
