//! What stands on the wire: frames, messages in them, and requests rendered ahead. No I/O here.

pub mod frame;
pub mod handshake;
pub mod inbox;
pub mod message;
pub mod template;
