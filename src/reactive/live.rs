//! One live query: a question that somebody is being told the answer to.

use super::Explanation;
use super::index::{Alternatives, Equality, KEY, Touched};
use super::upkeep::Upkeep;
use crate::base::bytes::Body;
use crate::base::ids::CoreId;
use crate::base::limits::{LIVE_INDEX_ENTRIES_MAX, SUBSCRIBERS_FEW};
use crate::query::Bound;
use crate::store::{Change, Question, Read, Record, Test, View};
use smallvec::{SmallVec, smallvec};

pub(super) struct Live {
    pub(super) bound: Bound,
    upkeep: Upkeep,
    /// Whether a record matches if the index says so.
    is_indexed_whole: bool,
    /// As of the last commit that was told.
    pub(super) answer: Body,
    /// Subscribers per core.
    pub(super) subscribers: SmallVec<[(CoreId, u32); 2]>,
    /// Whether changes have come since that may show in the answer.
    pub(super) is_due: bool,
    evaluations: u64,
    updates: u64,
}

impl Live {
    pub(super) fn new(bound: Bound, view: View<'_>, scratch: &mut Vec<u8>) -> Self {
        let mut upkeep = Upkeep::new(&bound.question, view);
        scratch.clear();
        upkeep.write(&bound.question, view, None, false, scratch);
        let condition = Condition::of(&bound.question);
        Self {
            is_indexed_whole: condition.is_some_and(|condition| condition.is_whole),
            bound,
            upkeep,
            answer: Body::new(scratch),
            subscribers: SmallVec::new(),
            is_due: false,
            evaluations: 1,
            updates: 0,
        }
    }

    /// What a record must be equal to in order to matter, as far as the index can tell. `None` =
    /// no record ever matters.
    pub(super) fn equalities(&self) -> Option<Vec<Equality<'_>>> {
        Condition::of(&self.bound.question).map(|condition| condition.equalities)
    }

    /// Takes note of a change of its bucket that the index has found it for. `view` is the state after
    /// all changes. Whether the answer may be another now.
    pub(super) fn apply(&mut self, change: &Change, touched: Touched, view: View<'_>) -> bool {
        self.answer.prefetch();
        let question = &self.bound.question;
        let Change { before, after, place, .. } = change;
        let (was, is) = if self.is_indexed_whole {
            (before.as_ref().filter(|_| touched.was), after.as_ref().filter(|_| touched.is))
        } else {
            let matcher = question.filter.matcher(view.definition());
            let matching = |record: &&Record| matcher.matches(record);
            (before.as_ref().filter(matching), after.as_ref().filter(matching))
        };
        if was.is_none() && is.is_none() {
            // The cursor of a page may be a record that does not match.
            return matches!(question.read, Read::Page { after: Some(_), .. });
        }
        self.upkeep.apply(question, *place, was, is, view)
    }

    /// Brings the answer up to date. Whether it differs from the one before (S-141).
    pub(super) fn refresh(&mut self, view: View<'_>, scratch: &mut Vec<u8>) -> bool {
        self.evaluations += 1;
        scratch.clear();
        let shares = self.subscribers_len() <= SUBSCRIBERS_FEW as u64;
        let shared_len = self.upkeep.write(&self.bound.question, view, Some(&self.answer), shares, scratch);
        let Some(answer) = self.answer.changed(shared_len, scratch) else { return false };
        self.updates += 1;
        self.answer = answer;
        true
    }

    /// Forgets what it knows of its bucket and reads it again.
    pub(super) fn restart(&mut self, view: View<'_>) {
        self.upkeep = Upkeep::new(&self.bound.question, view);
    }

    fn subscribers_len(&self) -> u64 {
        self.subscribers.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    pub(super) fn explain(&self) -> Explanation<'_> {
        Explanation {
            bound: &self.bound,
            index: self.equalities().map(|equalities| equalities.iter().map(|one| one.name).collect()),
            upkeep: self.upkeep.name(),
            subscribers: self.subscribers_len(),
            evaluations: self.evaluations,
            updates: self.updates,
        }
    }
}

/// The part of a question's condition that the index of the live queries looks up.
struct Condition<'a> {
    equalities: Vec<Equality<'a>>,
    /// Whether that is all of it.
    is_whole: bool,
}

impl<'a> Condition<'a> {
    /// `None` if no record ever matters.
    fn of(question: &'a Question) -> Option<Self> {
        if let Read::Get(key) = &question.read {
            let equalities = vec![Equality { name: KEY, values: smallvec![Some(&**key)] }];
            return Some(Self { equalities, is_whole: question.filter.is_empty() });
        }
        if let Read::Page { after: Some(_), .. } = question.read {
            return Some(Self { equalities: Vec::new(), is_whole: false }); // the cursor may be any record
        }
        let mut equalities: Vec<Equality<'_>> = Vec::new();
        let mut is_whole = question.filter.alternatives().is_empty();
        for term in question.filter.terms() {
            let values: Alternatives<'_> = match &term.test {
                Test::Equals(value) => smallvec![Some(&**value)],
                Test::In(values) if values.as_slice().len() <= LIVE_INDEX_ENTRIES_MAX => {
                    values.iter().map(Some).collect()
                }
                Test::Missing => smallvec![None],
                Test::Never => return None,
                _ => {
                    is_whole = false;
                    continue;
                }
            };
            match equalities.iter_mut().find(|equality| *equality.name == *term.field) {
                Some(equality) => equality.values.retain(|value| values.contains(value)),
                None => equalities.push(Equality { name: &term.field, values }),
            }
        }
        if equalities.iter().any(|equality| equality.values.is_empty()) {
            return None; // equal to two values, or to one of none
        }
        while equalities.iter().map(|equality| equality.values.len()).product::<usize>()
            > LIVE_INDEX_ENTRIES_MAX
        {
            let widest = (0..equalities.len()).max_by_key(|at| equalities[*at].values.len());
            equalities.swap_remove(widest.expect("a product above 1 has factors"));
            is_whole = false;
        }
        Some(Self { equalities, is_whole })
    }
}
