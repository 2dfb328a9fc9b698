//! Who is there and what they may do: token validators, identities, the gate.

mod gate;
mod settings;

pub use gate::{Authorized, Denied, Gate, Identity, Subject, Tier};
pub use settings::{Settings, StaticToken};
