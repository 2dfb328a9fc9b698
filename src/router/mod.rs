//! Who has to answer a request: names to buckets, buckets to cores.

mod catalog;
mod plan;

pub use catalog::{Catalog, Placed};
pub use plan::{Plan, plan};
