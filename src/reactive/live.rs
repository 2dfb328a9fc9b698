//! One live query: a question that somebody is being told the answer to.

use super::Explanation;
use super::index::{Alternatives, Equality, KEY};
use super::upkeep::Upkeep;
use crate::base::bytes::Body;
use crate::base::ids::CoreId;
use crate::base::json::{self, Raw};
use crate::base::limits::LIVE_INDEX_ENTRIES_MAX;
use crate::query::Bound;
use crate::store::{Change, Read, Test, View};
use smallvec::{SmallVec, smallvec};

pub(super) struct Live {
    pub(super) bound: Bound,
    upkeep: Upkeep,
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
        upkeep.write(&bound.question, view, b"", scratch);
        Self {
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
        let question = &self.bound.question;
        if let Read::Get(key) = &question.read {
            return Some(vec![Equality { name: KEY, values: smallvec![Some(&**key)] }]);
        }
        if let Read::Page { after: Some(_), .. } = question.read {
            return Some(Vec::new()); // the cursor may be any record
        }
        let mut equalities: Vec<Equality<'_>> = Vec::new();
        for term in question.filter.terms() {
            let values: Alternatives<'_> = match &term.test {
                Test::Equals(value) => smallvec![Some(&**value)],
                Test::In(values) if values.as_slice().len() <= LIVE_INDEX_ENTRIES_MAX => {
                    values.iter().map(Some).collect()
                }
                Test::Missing => smallvec![None],
                Test::Never => return None,
                _ => continue,
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
        }
        Some(equalities)
    }

    /// Takes note of a change of its bucket. `view` is the state after all changes.
    pub(super) fn apply(&mut self, change: &Change, view: View<'_>) -> bool {
        self.upkeep.apply(&self.bound.question, change, view)
    }

    /// Brings the answer up to date. Whether it differs from the one before (S-141).
    pub(super) fn refresh(&mut self, view: View<'_>, scratch: &mut Vec<u8>) -> bool {
        self.evaluations += 1;
        scratch.clear();
        scratch.reserve(self.answer.json().len() + 256);
        self.upkeep.write(&self.bound.question, view, self.answer.json(), scratch);
        if json::same(Raw::trusted(scratch), Raw::trusted(self.answer.json())) {
            return false;
        }
        self.updates += 1;
        self.answer = Body::new(scratch);
        true
    }

    /// Forgets what it knows of its bucket and reads it again.
    pub(super) fn restart(&mut self, view: View<'_>) {
        self.upkeep = Upkeep::new(&self.bound.question, view);
    }

    pub(super) fn explain(&self) -> Explanation<'_> {
        Explanation {
            bound: &self.bound,
            index: self.equalities().map(|equalities| equalities.iter().map(|one| one.name).collect()),
            upkeep: self.upkeep.name(),
            subscribers: self.subscribers.iter().map(|(_, count)| u64::from(*count)).sum(),
            evaluations: self.evaluations,
            updates: self.updates,
        }
    }
}
