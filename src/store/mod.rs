//! Data at rest: buckets of records under a schema, and what can be read from them.
//!
//! A record is its canonical JSON text plus where the schema's fields stand in it.
//! Serving a record is a copy of its bytes; filters compare bytes. This module
//! knows no messages, no transactions protocol, no connections.

mod bucket;
mod definition;
mod filter;
mod overlay;
mod prepare;
mod record;
mod validate;

pub use bucket::Bucket;
pub use definition::{Definition, Field, FieldType, Generated};
pub use filter::{Filter, Matcher, Term, Test};
pub use overlay::{Delta, View, Write};
pub use prepare::{Stamp, insert, update};
pub use record::{Key, Record};
