//! Members by name, for objects that may be large: a client's object has no bound but the
//! message's, and searching it for each of its own names would cost the square of that.

use super::{Kind, Raw};
use std::collections::{HashMap, HashSet};

/// Up to so many look-ups, searching is faster than making a table.
pub const SEARCHES_MAX: usize = 16;

/// Values by name (with quotes).
pub type Table<'a> = HashMap<&'a [u8], Raw<'a>, ahash::RandomState>;

/// The strings of an array (with quotes), each once, at its first place; `None` if it is no array
/// or there is anything else in it.
pub fn names(array: Raw<'_>) -> Option<Vec<Box<[u8]>>> {
    if array.kind() != Kind::Array {
        return None;
    }
    let mut seen: HashSet<&[u8], ahash::RandomState> = HashSet::default();
    let mut names = Vec::new();
    for name in array.elements() {
        if name.kind() != Kind::String {
            return None;
        }
        if seen.insert(name.as_bytes()) {
            names.push(name.as_bytes().into());
        }
    }
    Some(names)
}
