//! Members by name, for objects that may be large.

use super::Raw;
use smallvec::SmallVec;
use std::collections::HashMap;

/// Up to here searching is faster than a table.
const SEARCHED_MAX: usize = 16;

/// A view of members that finds each in constant time, however many there are: a client's
/// object has no bound but the message's.
#[expect(clippy::large_enum_variant, reason = "lives for one request, on the stack")]
pub enum Names<'a> {
    /// Few.
    Searched(SmallVec<[(&'a [u8], Raw<'a>); SEARCHED_MAX]>),
    /// Many.
    Table(HashMap<&'a [u8], Raw<'a>, ahash::RandomState>),
}

impl<'a> Names<'a> {
    /// Of members whose names differ.
    pub fn new(members: impl Iterator<Item = (&'a [u8], Raw<'a>)>) -> Self {
        let mut members = members;
        let few: SmallVec<_> = members.by_ref().take(SEARCHED_MAX).collect();
        match members.next() {
            None => Self::Searched(few),
            Some(next) => Self::Table(few.into_iter().chain([next]).chain(members).collect()),
        }
    }

    /// The value of the member with that name (with quotes).
    pub fn get(&self, quoted_name: &[u8]) -> Option<Raw<'a>> {
        match self {
            Self::Searched(few) => few.iter().find(|(name, _)| *name == quoted_name).map(|(_, value)| *value),
            Self::Table(table) => table.get(quoted_name).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, Raw};

    #[test]
    fn few_and_many() {
        for count in [0, 1, 16, 17, 500] {
            let names: Vec<String> = (0..count).map(|n| format!("\"n{n}\"")).collect();
            let view = Names::new(names.iter().map(|name| (name.as_bytes(), Raw::trusted(name.as_bytes()))));
            for name in &names {
                assert_eq!(view.get(name.as_bytes()), Some(Raw::trusted(name.as_bytes())));
            }
            assert_eq!(view.get(b"\"x\""), None);
        }
    }
}
