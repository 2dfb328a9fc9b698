//! Bytes to WebSocket messages and back (RFC 6455, 01-protocol §1), without I/O.
//!
//! A connection passes through two machines. [`Handshake`] takes the HTTP head and says what to
//! answer; once it accepted, [`Decoder`] takes every further byte and gives out messages one by
//! one. The way back needs no state: [`encoder`] appends whole frames to a buffer, and
//! [`frame::header`] makes the private head of a frame whose body is shared by many connections.
//!
//! | file | what it knows |
//! |---|---|
//! | [`handshake`] | which upgrade requests are accepted, and the answer to all others |
//! | [`http`] | just enough HTTP/1.1: end of the head, targets, hosts, status lines |
//! | [`proxy`] | whom a connection comes from behind a proxy |
//! | [`frame`] | the 2 to 14 bytes in front of a payload |
//! | [`mask`] | the XOR that every client frame carries |
//! | [`decoder`] | received bytes → messages, in place where possible |
//! | `partial`, `text` | what is kept between two reads, only while something is incomplete |
//! | [`encoder`] | messages → bytes |
//! | [`close`] | close codes and close payloads |
//! | [`client`] | the other side, for the load generator, the simulator and tests |
//!
//! Deliberately absent: extensions (no frame with a reserved bit is ever valid, P-13), binary
//! payloads (P-19), and any decision that depends on time — deadlines for the head (P-11) and for
//! the peer's Close (P-163) belong to the connection's owner.

pub mod client;
pub mod close;
pub mod decoder;
pub mod encoder;
pub mod frame;
pub mod handshake;
pub mod http;
pub mod mask;
mod partial;
pub mod proxy;
mod text;
mod violation;

#[cfg(test)]
mod tests;

pub use close::CloseCode;
pub use decoder::{Decoder, Input, Limits, Message};
pub use frame::Opcode;
pub use handshake::{Handshake, Policy, Progress};
pub use http::Status;
pub use proxy::TrustedProxies;
pub use violation::Violation;
