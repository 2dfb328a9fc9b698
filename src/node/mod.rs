//! One core put together, still pure.

mod settings;

pub use settings::{Placement, Settings};

// What settings are made of, for those who may name only `node`.
pub use crate::access::{Settings as AuthSettings, StaticToken};
pub use crate::query::Definition as QueryDefinition;
pub use crate::store::Definition as BucketDefinition;
