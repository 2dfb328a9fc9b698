//! The rule engine as its clients see it: facts, events, and who hears of which topic.
//!
//! Pure: time and randomness are arguments, output is JSON bytes and lists of
//! deliveries. One engine serves all cores. It knows *which cores* have subscribers
//! to a pattern and how many; which connections those are, each core knows itself.
//!
//! ```text
//! rules.emit      ─ Engine::emit ──── event.rs  (id, JSON)
//!                         └────────── topics.rs (who hears it) ─┐
//! rules.setFact … ─ Engine::set_fact  facts.rs  (order, lookup) ─┴ pattern.rs
//! ```
//!
//! Every event is accepted in `Engine::emit` and every fact written in
//! `Engine::set_fact`: these are the two triggers of rules (R-43, R-55). Deleting a
//! fact is none (R-45). Rules, timers and temporal patterns are absent.

mod engine;
mod event;
mod facts;
mod pattern;
mod topics;

pub use engine::Engine;
pub use event::{Emission, Emitted};
pub use topics::Delivery;
