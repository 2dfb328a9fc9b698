//! Members by name, for objects that may be large: a client's object has no bound but the
//! message's, and searching it for each of its own names would cost the square of that.

use super::{Object, Raw};
use std::collections::HashMap;

/// Up to so many look-ups, searching is faster than making a table.
pub const SEARCHES_MAX: usize = 16;

/// Values by name (with quotes).
pub type Table<'a> = HashMap<&'a [u8], Raw<'a>, ahash::RandomState>;

/// A view of an object for a look-up per member of something else.
pub enum Names<'a> {
    /// Few members: searched one by one.
    Few(&'a Object),
    /// Many.
    Many(Table<'a>),
}

impl<'a> Names<'a> {
    /// The members of an object.
    pub fn new(object: &'a Object) -> Self {
        if object.len() <= SEARCHES_MAX { Self::Few(object) } else { Self::Many(object.members().collect()) }
    }

    /// The value of the member with that name (with quotes).
    pub fn get(&self, quoted_name: &[u8]) -> Option<Raw<'a>> {
        match self {
            Self::Few(object) => object.get(quoted_name),
            Self::Many(table) => table.get(quoted_name).copied(),
        }
    }
}
