//! Data at rest: buckets of records under a schema, and what can be read from them.
//!
//! A record is its canonical JSON text plus where the schema's fields stand in it.
//! Serving a record is a copy of its bytes; filters compare bytes. This module
//! knows no messages, no transactions protocol, no connections.

mod bucket;
mod change;
mod column;
mod definition;
mod event;
mod filter;
mod format;
#[cfg(test)]
mod model_tests;
mod overlay;
mod pattern;
mod prepare;
mod read;
mod record;
mod ttl;
mod unique;
mod validate;

pub use bucket::{Bucket, Remains, SlotNumber};
pub use change::Change;
pub use definition::{Definition, Field, FieldType, Generated};
pub use event::{Event, EventKind, EventPattern};
pub use filter::{Filter, Invalid, Matcher, Parameters, Term, Test, Values};
pub use overlay::{Delta, View, Write, Writes};
pub use prepare::{Scratch, Stamp, insert, update};
pub use read::{Aggregate, Function, Group, Question, Read, Select, SortKey, write_records};
pub use record::{Key, Record};
pub use unique::{check_besides_key, check_insert, check_update, touches_unique, unique_fields};
