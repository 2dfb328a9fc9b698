//! Which records a question is about: terms joined by AND, compared byte by byte (02 §4.2).

use super::definition::Definition;
use super::record::Record;
use crate::base::json::{Object, Raw};
use smallvec::SmallVec;

/// Terms that all must hold; none at all matches every record (S-101).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Filter {
    terms: SmallVec<[Term; 1]>,
}

/// One property and what it has to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Term {
    /// The property's name with its quotes; no path syntax (S-102).
    pub field: Box<[u8]>,
    /// The condition.
    pub test: Test,
}

/// A condition on one property.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Test {
    /// Strictly equal to this scalar (canonical bytes).
    Equals(Box<[u8]>),
    /// Not there at all (S-235); null is there.
    Missing,
    /// Arrays and objects are equal to nothing (S-4).
    Never,
}

impl Test {
    /// Equality with a value.
    pub fn equals(value: Raw<'_>) -> Self {
        if value.is_scalar() { Self::Equals(value.as_bytes().into()) } else { Self::Never }
    }

    fn holds(&self, value: Option<Raw<'_>>) -> bool {
        match self {
            Self::Equals(wanted) => value.is_some_and(|value| value.as_bytes() == &**wanted),
            Self::Missing => value.is_none(),
            Self::Never => false,
        }
    }
}

impl Filter {
    /// A filter of these terms.
    pub fn new(terms: SmallVec<[Term; 1]>) -> Self {
        Self { terms }
    }

    /// Reads a client's filter; any object is one (S-104).
    pub fn from_object(object: &Object) -> Self {
        let term = |(field, value): (&[u8], Raw<'_>)| Term { field: field.into(), test: Test::equals(value) };
        Self { terms: object.members().map(term).collect() }
    }

    /// Whether it matches every record.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The filter with its fields looked up, for use on many records.
    pub fn matcher<'a>(&'a self, definition: &Definition) -> Matcher<'a> {
        let resolve = |term: &'a Term| (definition.field_number(&term.field), term);
        Matcher { terms: self.terms.iter().map(resolve).collect() }
    }
}

/// A filter bound to a schema.
pub struct Matcher<'a> {
    terms: SmallVec<[(Option<usize>, &'a Term); 4]>,
}

impl Matcher<'_> {
    /// Whether the record satisfies every term.
    pub fn matches(&self, record: &Record) -> bool {
        self.terms.iter().all(|(number, term)| {
            let value = match number {
                Some(number) => record.field(*number),
                None => record.property(&term.field),
            };
            term.test.holds(value)
        })
    }
}
