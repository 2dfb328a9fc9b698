//! Which records a question is about: terms joined by AND, compared byte by byte (02 §4.2).

use super::definition::Definition;
use super::record::Record;
use crate::base::json::{Object, Raw, SEARCHES_MAX, Table};
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
        let mut matcher = Matcher { declared: SmallVec::new(), others: SmallVec::new() };
        for term in &self.terms {
            match definition.field_number(&term.field) {
                Some(number) => matcher.declared.push((number, &term.test)),
                None => matcher.others.push(term),
            }
        }
        matcher
    }
}

/// A filter bound to a schema.
pub struct Matcher<'a> {
    /// On fields of the schema, which are found at once.
    declared: SmallVec<[(usize, &'a Test); 4]>,
    /// On other properties, which have to be looked for in the record's text.
    others: SmallVec<[&'a Term; 2]>,
}

impl Matcher<'_> {
    /// Whether the record satisfies every term. O(terms), and O(record) if one is on a property
    /// that the schema does not declare.
    pub fn matches(&self, record: &Record) -> bool {
        self.declared.iter().all(|(number, test)| test.holds(record.field(*number)))
            && self.others_match(record)
    }

    fn others_match(&self, record: &Record) -> bool {
        if self.others.len() <= SEARCHES_MAX {
            return self.others.iter().all(|term| term.test.holds(record.property(&term.field)));
        }
        let properties: Table<'_> = record.properties().collect();
        self.others.iter().all(|term| term.test.holds(properties.get(&*term.field).copied()))
    }
}
