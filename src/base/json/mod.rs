//! JSON as this server handles it: client text is read through a tape, stored and
//! sent as *canonical* bytes.
//!
//! Canonical means: no white space, strings with the fewest escapes, numbers in
//! shortest ECMAScript form (P-35, P-36, K-10), no duplicate members (P-34). Two
//! scalars are strictly equal (S-4) exactly if their canonical bytes are equal, so
//! that filters, keys and indexes compare bytes and never parse.

mod digits;
mod names;
mod number;
mod object;
mod raw;
mod same;
mod scan;
mod tape;
mod value;
mod write;

pub use digits::digits;
pub use names::{SEARCHES_MAX, Table, names};
pub use number::Number;
pub use object::{Object, Span};
pub use raw::{Kind, Raw};
pub use same::{digest, same};
pub use tape::{Document, Malformed, Parser};
pub use value::{Members, Value};
pub use write::{Sink, quoted, string, string_member};
