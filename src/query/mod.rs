//! Named queries: plans as data, their parameters, and the two ways to define them.
//!
//! A query never reads by itself. It is turned into a plan, whose reads are then sent to the
//! cores of their buckets, shared by all who ask the same, and kept up to date (K-3).

mod builder;
mod declarative;
mod definition;
mod plan;
mod text;

pub use builder::{Builder, Params, Source};
pub use definition::Definition;
pub use plan::{Bound, Leaf, Part, Plan, Template};
pub use text::describe;
