//! Frame headers (RFC 6455 §5.2).

use super::decoder::Violation;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opcode {
    /// More of a message.
    Continuation,
    /// Text, or the beginning of it.
    Text,
    /// Bytes, or the beginning of them.
    Binary,
    /// The end of the connection.
    Close,
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
}

impl Opcode {
    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn parse(number: u8) -> Result<Self, Violation> {
        Ok(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return Err(Violation::Protocol),
        })
    }

    /// Whether it may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A header to send: 2, 4 or 10 bytes; servers do not mask.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    bytes: [u8; 10],
    len: u8,
}

impl AsRef<[u8]> for Header {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The header of a whole message of that payload length.
#[expect(clippy::cast_possible_truncation, reason = "each arm has checked its range")]
pub fn header(opcode: Opcode, payload_bytes: usize) -> Header {
    let mut bytes = [0; 10];
    bytes[0] = 0x80 | opcode.number();
    let len = if payload_bytes < 126 {
        bytes[1] = payload_bytes as u8;
        2
    } else if payload_bytes <= usize::from(u16::MAX) {
        bytes[1] = 126;
        bytes[2..4].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
        4
    } else {
        bytes[1] = 127;
        bytes[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
        10
    };
    Header { bytes, len }
}

/// Bytes of the longest header that a client sends.
pub(super) const CLIENT_HEADER_BYTES_MAX: usize = 14;

/// A header received from a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientHeader {
    pub(super) is_final: bool,
    pub(super) opcode: Opcode,
    pub(super) payload_bytes: u64,
    pub(super) key: [u8; 4],
    /// Length of the header itself.
    pub(super) bytes: usize,
}

/// Reads a client's header; `None` if more bytes are needed. What can be wrong is found as
/// early as its bytes are there.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<ClientHeader>, Violation> {
    let &[first, second, ref rest @ ..] = bytes else {
        return bytes.first().map_or(Ok(None), |first| check_first(*first).map(|_| None));
    };
    let opcode = check_first(first)?;
    let is_final = first & 0x80 != 0;
    let is_masked = second & 0x80 != 0;
    let short = second & 0x7f;
    if !is_masked || (opcode.is_control() && (!is_final || short > 125)) {
        return Err(Violation::Protocol);
    }
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some(length) = rest.get(..extended) else { return Ok(None) };
    let payload_bytes = match extended {
        0 => u64::from(short),
        _ => length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    };
    // The shortest form is mandatory, and the top bit of the longest must be clear.
    let is_minimal = match extended {
        0 => true,
        2 => payload_bytes >= 126,
        _ => payload_bytes > u64::from(u16::MAX) && payload_bytes >> 63 == 0,
    };
    if !is_minimal {
        return Err(Violation::Protocol);
    }
    let Some(key) = rest.get(extended..extended + 4) else { return Ok(None) };
    let key = key.try_into().expect("four bytes");
    Ok(Some(ClientHeader { is_final, opcode, payload_bytes, key, bytes: 2 + extended + 4 }))
}

/// Reserved bits and opcodes (P-13, P-22).
fn check_first(byte: u8) -> Result<Opcode, Violation> {
    if byte & 0x70 != 0 { Err(Violation::Protocol) } else { Opcode::parse(byte & 0x0f) }
}
