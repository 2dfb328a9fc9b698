//! Which records a question is about (02 §4.2, A.1).
//!
//! A filter is kept in a normal form: conditions on single properties that must all hold, and
//! lists of filters of which one must. `$and` dissolves into it, `$or` over values of one property
//! becomes a membership test.

mod matcher;
mod parse;
mod test;

pub use matcher::Matcher;
pub use parse::{Invalid, Parameters};
pub use test::{Test, Values};

use super::definition::Definition;

/// Conditions that all must hold; none at all matches every record (S-101). Equal filters match
/// the same records.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
    /// Absent if there are none: rare, and one word instead of three in all mail.
    #[expect(clippy::box_collection, reason = "see above")]
    alternatives: Option<Box<Vec<Box<[Filter]>>>>,
}

/// One property and what it has to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Term {
    /// The property's name with its quotes; no path syntax (S-102).
    pub field: Box<[u8]>,
    /// The condition.
    pub test: Test,
}

impl Filter {
    /// One more condition that must hold.
    pub fn push(&mut self, term: Term) {
        self.terms.push(term);
    }

    /// Another filter that must match too.
    pub fn and(&mut self, other: Filter) {
        self.terms.extend(other.terms);
        other.alternatives.into_iter().flat_map(|all| *all).for_each(|filters| self.push_one_of(filters));
    }

    /// One more list of filters of which one must match.
    fn push_one_of(&mut self, filters: Box<[Filter]>) {
        self.alternatives.get_or_insert_default().push(filters);
    }

    /// Whether it matches every record.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.alternatives.is_none()
    }

    /// The conditions on single properties. All must hold, so that each alone narrows the records
    /// down: what an index on [`Test::Equals`] and [`Test::In`] needs.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Lists of filters, of each of which at least one must hold besides the terms (`$or`).
    pub fn alternatives(&self) -> &[Box<[Filter]>] {
        self.alternatives.as_deref().map_or(&[], Vec::as_slice)
    }

    /// The filter with its fields looked up, for use on many records. O(terms).
    pub fn matcher<'a>(&'a self, definition: &Definition) -> Matcher<'a> {
        Matcher::new(self, definition)
    }
}
