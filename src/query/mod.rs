//! Named queries: plans as data, parameters, and their evaluation over a bucket.

mod plan;

pub use plan::{Bound, Definition, Read};
