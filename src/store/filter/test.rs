//! A condition on one property's value.

use crate::base::json::Raw;
use std::cmp::Ordering;

/// A condition on one property (S-102, S-250). Values are canonical JSON.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Test {
    /// Strictly equal to this scalar.
    Equals(Box<[u8]>),
    /// Not strictly equal to this scalar; holds for missing values.
    Differs(Box<[u8]>),
    /// Strictly equal to one of these.
    In(Values),
    /// Strictly equal to none of these; holds for missing values.
    NotIn(Values),
    /// A number or string beyond this one of its own type (S-252).
    Above {
        /// Which.
        bound: Box<[u8]>,
        /// Whether equal is enough.
        inclusive: bool,
    },
    /// A number or string before this one of its own type (S-252).
    Below {
        /// Which.
        bound: Box<[u8]>,
        /// Whether equal is enough.
        inclusive: bool,
    },
    /// A string that contains this one, which is in lower case. Case is ignored as by JavaScript's
    /// `toLowerCase`: Unicode's full mapping without regard to language.
    Contains(Box<str>),
    /// A string that begins so: canonical text without the closing quote.
    StartsWith(Box<[u8]>),
    /// A string that ends so.
    EndsWith(Box<str>),
    /// Neither missing nor null, or one of the two.
    Exists(bool),
    /// Not there at all (S-235); null is there.
    Missing,
    /// Holds for nothing: arrays and objects are equal to nothing (S-4).
    Never,
}

/// A set of scalars: canonical JSON, sorted, each once.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Values(Box<[Box<[u8]>]>);

impl Test {
    /// Equality with a value.
    pub fn equals(value: Raw<'_>) -> Self {
        if value.is_scalar() { Self::Equals(value.as_bytes().into()) } else { Self::Never }
    }

    /// Whether it holds for a property's value; `None` = missing. O(value), and O(log values) for
    /// sets.
    pub fn holds(&self, value: Option<Raw<'_>>) -> bool {
        let is = |wanted: &[u8]| value.is_some_and(|value| value.as_bytes() == wanted);
        let is_in = |values: &Values| value.is_some_and(|value| values.contains(value.as_bytes()));
        let stands = |bound: &[u8], side: Ordering, inclusive: bool| {
            let order = value.and_then(|value| value.compare(Raw::trusted(bound)));
            order.is_some_and(|order| order == side || (inclusive && order == Ordering::Equal))
        };
        match self {
            Self::Equals(wanted) => is(wanted),
            Self::Differs(unwanted) => !is(unwanted),
            Self::In(values) => is_in(values),
            Self::NotIn(values) => !is_in(values),
            Self::Above { bound, inclusive } => stands(bound, Ordering::Greater, *inclusive),
            Self::Below { bound, inclusive } => stands(bound, Ordering::Less, *inclusive),
            Self::Contains(part) => {
                let text = value.and_then(Raw::as_str);
                text.is_some_and(|text| text.to_lowercase().contains(&**part))
            }
            // Each character has one canonical form, so that equal beginnings are equal bytes.
            Self::StartsWith(begin) => value.is_some_and(|value| value.as_bytes().starts_with(begin)),
            Self::EndsWith(end) => value.and_then(Raw::as_str).is_some_and(|text| text.ends_with(&**end)),
            Self::Exists(wanted) => value.is_some_and(|value| value.as_bytes() != b"null") == *wanted,
            Self::Missing => value.is_none(),
            Self::Never => false,
        }
    }
}

impl Values {
    /// The scalars, sorted.
    pub fn as_slice(&self) -> &[Box<[u8]>] {
        &self.0
    }

    /// The scalars among the values; arrays and objects are equal to nothing (S-4).
    pub fn new<'v>(values: impl Iterator<Item = Raw<'v>>) -> Self {
        let mut values: Vec<Box<[u8]>> =
            values.filter(|value| value.is_scalar()).map(|value| value.as_bytes().into()).collect();
        values.sort_unstable();
        values.dedup();
        Self(values.into())
    }

    /// Whether it is one of them. O(log values).
    pub fn contains(&self, value: &[u8]) -> bool {
        self.0.binary_search_by(|member| (**member).cmp(value)).is_ok()
    }

    /// The values in order of their bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.iter().map(|value| &**value)
    }
}
