//! Bytes to WebSocket messages and back (RFC 6455), without I/O.
//!
//! The server side: the upgrade request, frames received in place, frames to send, and
//! the close handshake.

pub mod close;
pub mod decoder;
pub mod encoder;
pub mod frame;
pub mod handshake;
mod mask;
mod utf8;

pub use close::CloseCode;
pub use decoder::{Decoder, Limits, Message, Received, Violation};
pub use frame::Opcode;
pub use handshake::{Handshake, Policy, Progress};
pub use mask::unmask;
