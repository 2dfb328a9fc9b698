//! Who is there and what they may do: token validators, sessions, the gate.

mod settings;

pub use settings::{Settings, StaticToken};
