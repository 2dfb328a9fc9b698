//! One core put together, still pure.

mod settings;

pub use settings::{Placement, Settings};
