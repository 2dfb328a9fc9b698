//! The coordinator's side: which participant is asked next, and what the votes mean.

use super::sabotage::{self, Sabotage};
use crate::base::fault::Fault;
use crate::base::ids::CoreId;
use crate::base::moment::Moment;
use smallvec::SmallVec;

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
    unasked: SmallVec<[Part<S>; 4]>,
    /// Whom a vote is due from, and whether its yes is the commit.
    asked: Option<(CoreId, bool)>,
    /// The last participant that was asked.
    reached: Option<CoreId>,
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
    /// Nothing until the vote that is due, or until the transaction ahead has got further.
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
        /// Who holds locks for the transaction.
        prepared: SmallVec<[CoreId; 4]>,
        /// When it happened, if it did.
        committed: Option<Moment>,
        /// The results in order of the operations, or the first failure.
        outcome: Result<SmallVec<[R; 4]>, Fault>,
    },
}

impl<S, R> Coordinator<S, R> {
    /// A transaction of `operations` operations over at least two participants.
    pub fn new(mut parts: SmallVec<[Part<S>; 4]>, operations: usize) -> Self {
        match sabotage::is(Sabotage::PrepareOutOfOrder) {
            false => parts.sort_by_key(|part| std::cmp::Reverse(part.core)),
            true => parts.reverse(),
        }
        debug_assert!(parts.len() > 1, "one core needs no coordinator");
        let results = std::iter::repeat_with(|| None).take(operations).collect();
        Self {
            unasked: parts,
            asked: None,
            reached: None,
            prepared: SmallVec::new(),
            results,
            failure: None,
            committed: None,
        }
    }

    /// How far it has got: the transaction of the same connection behind it over the same
    /// participants may be as far, and no further.
    pub fn reached(&self) -> Option<CoreId> {
        self.reached
    }

    /// The first thing to do, and what to do after each vote. If another transaction of the
    /// connection is ahead, undecided, `ahead` says how far it has got: this one follows it from
    /// participant to participant, and is decided behind it.
    pub fn proceed(&mut self, ahead: Option<Option<CoreId>>) -> Next<S, R> {
        if self.asked.is_some() {
            return Next::Wait;
        }
        // After a failure only those are asked that could fail earlier in the list: the answer
        // names the first failing operation, wherever it lives.
        let failed_at = self.failure.as_ref().map(|(place, _)| *place);
        while let Some(part) = self.unasked.last() {
            let first = part.steps.first().map_or(usize::MAX, |(place, _)| *place);
            if failed_at.is_some_and(|failed_at| first > failed_at) {
                self.unasked.pop();
            } else if ahead.is_some_and(|reached| reached < Some(part.core)) {
                return Next::Wait;
            } else {
                let part = self.unasked.pop().expect("just seen");
                let is_last = self.unasked.is_empty() || sabotage::is(Sabotage::CommitBeforeVotes);
                let commits = is_last && failed_at.is_none();
                self.asked = Some((part.core, commits));
                self.reached = Some(part.core);
                return Next::Prepare { part, commits };
            }
        }
        if ahead.is_some() {
            return Next::Wait;
        }
        let prepared = std::mem::take(&mut self.prepared);
        let outcome = match self.failure.take() {
            Some((_, fault)) => Err(fault),
            None => Ok(self.results.drain(..).map(|result| result.expect("every operation voted")).collect()),
        };
        Next::Decide { prepared, committed: self.committed, outcome }
    }

    /// Takes the vote of the participant that was asked, and when that was the commit.
    ///
    /// # Panics
    /// If nobody was asked: votes answer prepares one to one.
    pub fn vote(
        &mut self,
        vote: Result<impl IntoIterator<Item = (usize, R)>, (usize, Fault)>,
        committed: Option<Moment>,
    ) {
        let (core, commits) = self.asked.take().expect("a vote answers a prepare");
        if !commits {
            self.prepared.push(core);
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
}

#[cfg(test)]
mod tests {
    use super::{Coordinator, Next, Part};
    use crate::base::fault::{Code, Fault};
    use crate::base::ids::CoreId;
    use smallvec::smallvec;

    fn transaction() -> Coordinator<&'static str, u32> {
        let part = |core, steps: &[(usize, &'static str)]| Part { core: CoreId(core), steps: steps.to_vec() };
        Coordinator::new(
            smallvec![part(2, &[(0, "c"), (3, "d")]), part(0, &[(2, "b")]), part(1, &[(1, "a")])],
            4,
        )
    }

    fn asked(next: Next<&'static str, u32>) -> (u16, bool) {
        let Next::Prepare { part, commits } = next else { panic!("expected a prepare") };
        (part.core.0, commits)
    }

    #[test]
    fn participants_are_asked_in_ascending_order_and_the_last_commits() {
        let mut transaction = transaction();
        assert_eq!(asked(transaction.proceed(None)), (0, false));
        transaction.vote(Ok(vec![(2, 12)]), None);
        assert_eq!(asked(transaction.proceed(None)), (1, false));
        transaction.vote(Ok(vec![(1, 11)]), None);
        assert_eq!(asked(transaction.proceed(None)), (2, true));
        transaction.vote(Ok(vec![(0, 10), (3, 13)]), None);
        let Next::Decide { prepared, outcome, .. } = transaction.proceed(None) else {
            panic!("expected a decision")
        };
        assert_eq!(prepared[..], [CoreId(0), CoreId(1)]);
        assert_eq!(outcome.unwrap()[..], [10, 11, 12, 13]);
    }

    #[test]
    fn the_failure_with_the_lowest_place_is_reported() {
        // S-173: core 0 fails at place 2, core 1 could fail at 1, core 2 does at 0.
        let no = |place, text| Err::<Vec<_>, _>((place, Fault::new(Code::Conflict, text)));
        let mut transaction = transaction();
        transaction.proceed(None);
        transaction.vote(no(2, "late"), None);
        assert_eq!(asked(transaction.proceed(None)), (1, false));
        transaction.vote(Ok(vec![(1, 11)]), None);
        assert_eq!(asked(transaction.proceed(None)), (2, false));
        transaction.vote(no(0, "first"), None);
        let Next::Decide { prepared, outcome, .. } = transaction.proceed(None) else {
            panic!("expected a decision")
        };
        assert_eq!(prepared[..], [CoreId(0), CoreId(1), CoreId(2)]);
        assert_eq!(outcome.unwrap_err().message, "first");
    }

    #[test]
    fn one_follows_the_other() {
        // P-121
        let mut second = transaction();
        let ahead = |core| Some(Some(CoreId(core)));
        assert!(matches!(second.proceed(Some(None)), Next::Wait), "the first has asked nobody yet");
        assert_eq!(asked(second.proceed(ahead(0))), (0, false));
        assert!(matches!(second.proceed(ahead(1)), Next::Wait), "a vote is due");
        second.vote(Ok(vec![(2, 12)]), None);
        assert!(matches!(second.proceed(ahead(0)), Next::Wait));
        assert_eq!(asked(second.proceed(ahead(1))), (1, false));
        second.vote(Err::<Vec<_>, _>((1, Fault::new(Code::Conflict, "no"))), None);
        assert_eq!(second.reached(), Some(CoreId(1)));
        assert_eq!(asked(second.proceed(None)), (2, false));
        second.vote(Ok(vec![(0, 10), (3, 13)]), None);
        assert!(matches!(second.proceed(ahead(2)), Next::Wait), "the first is not decided");
        assert!(matches!(second.proceed(None), Next::Decide { .. }));
    }

    #[test]
    fn a_last_agent_that_fails_aborts_the_others() {
        let mut transaction = transaction();
        for vote in [Ok(vec![(2, 12)]), Ok(vec![(1, 11)]), Err((3, Fault::new(Code::Conflict, "no")))] {
            transaction.proceed(None);
            transaction.vote(vote, None);
        }
        let Next::Decide { prepared, outcome, .. } = transaction.proceed(None) else {
            panic!("expected a decision")
        };
        assert_eq!((prepared.len(), outcome.is_err()), (2, true));
    }
}
