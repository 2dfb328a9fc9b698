//! The bytes in front of a payload (RFC 6455 §5.2): what a frame is and how long it is.

use super::violation::Violation;

/// The longest header: 2 bytes, a 64-bit length, a mask key.
pub(super) const HEADER_BYTES_MAX: usize = 14;

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5, P-22).
pub const CONTROL_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_16_BIT: u8 = 126;
const LENGTH_64_BIT: u8 = 127;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the message that is under way (P-18).
    Continuation = 0x0,
    /// A text message or its first fragment (P-18).
    Text = 0x1,
    /// A binary message or its first fragment (P-19).
    Binary = 0x2,
    /// The end of the conversation (P-162).
    Close = 0x8,
    /// A request for a Pong with the same payload (P-23).
    Ping = 0x9,
    /// The answer to a Ping, or unasked for (P-23).
    Pong = 0xa,
}

impl Opcode {
    /// Whether frames of this kind may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        self as u8 >= Self::Close as u8
    }

    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }
}

/// An encoded header of 2, 4 or 10 bytes, held inline; the bytes come from `as_ref`.
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

/// The header of an unfragmented, unmasked frame with a payload of `len` bytes.
///
/// The server sends no other frames: it neither fragments nor masks, and outgoing messages have
/// no size limit (P-25). O(1), no allocation; meant to stand before a payload that many frames
/// share.
///
/// # Panics
///
/// When a control frame is to have more than [`CONTROL_BYTES_MAX`] bytes.
pub fn header(opcode: Opcode, len: usize) -> Header {
    assert!(!opcode.is_control() || len <= CONTROL_BYTES_MAX, "control frames are short");
    let first = FIN | opcode as u8;
    if let Ok(len) = u16::try_from(len) {
        // Made in a register: bytes that are written singly and copied together at once make the
        // processor wait.
        let (word, size) = match len {
            0..=125 => (u64::from(len) << 8, 2),
            len => (u64::from(len.swap_bytes()) << 16 | u64::from(LENGTH_16_BIT) << 8, 4),
        };
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&(word | u64::from(first)).to_le_bytes());
        return Header { bytes, len: size };
    }
    let [a, b, c, d, e, f, g, h] = (len as u64).to_be_bytes();
    Header { bytes: [first, LENGTH_64_BIT, a, b, c, d, e, f, g, h], len: 10 }
}

/// Who sent a frame, which decides whether it must be masked (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

/// A received header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) opcode: Opcode,
    /// Whether this is the last, or only, frame of its message.
    pub(super) fin: bool,
    /// Payload length in bytes, as claimed.
    pub(super) len: usize,
    /// The mask; zero, thus without effect, in frames of a server.
    pub(super) key: [u8; 4],
    /// Length of the header itself: 2 to 14 bytes.
    pub(super) size: usize,
}

/// Reads the header at the start of `bytes`; `None` when it is not complete yet (P-22).
///
/// What can be refused from an incomplete header is refused at once, and with the same violation
/// as from the complete one.
pub(super) fn parse(bytes: &[u8], sender: Sender) -> Result<Option<Head>, Violation> {
    let Some((&first, bytes)) = bytes.split_first() else { return Ok(None) };
    let opcode = opcode(first)?;
    let fin = first & FIN != 0;
    let Some((&second, bytes)) = bytes.split_first() else { return Ok(None) };
    let masked = second & MASKED != 0;
    if masked != (sender == Sender::Client) {
        return Err(Violation::Protocol);
    }
    let short = second & LENGTH;
    if opcode.is_control() && (!fin || usize::from(short) > CONTROL_BYTES_MAX) {
        return Err(Violation::Protocol);
    }
    let Some((len, len_size)) = length(short, bytes)? else { return Ok(None) };
    let (key, key_size) = if masked {
        let Some(key) = bytes[len_size..].first_chunk() else { return Ok(None) };
        (*key, 4)
    } else {
        ([0; 4], 0)
    };
    Ok(Some(Head { opcode, fin, len, key, size: 2 + len_size + key_size }))
}

/// The opcode of a header's first byte: known, and without reserved bits (P-13, P-22).
fn opcode(first: u8) -> Result<Opcode, Violation> {
    if first & RESERVED != 0 {
        return Err(Violation::Protocol);
    }
    Opcode::from_bits(first & OPCODE).ok_or(Violation::Protocol)
}

/// The payload length, and how many of the bytes behind the first two it took.
///
/// RFC 6455 §5.2 demands the shortest encoding and a zero top bit.
fn length(short: u8, bytes: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let (len, size, min) = match short {
        LENGTH_16_BIT => {
            let Some(len) = bytes.first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*len)), 2, 126)
        }
        LENGTH_64_BIT => {
            let Some(len) = bytes.first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*len), 8, 0x1_0000)
        }
        _ => (u64::from(short), 0, 0),
    };
    if len < min || len > i64::MAX as u64 {
        return Err(Violation::Protocol);
    }
    let len = usize::try_from(len).map_err(|_| Violation::TooBig)?;
    Ok(Some((len, size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-25: the three length forms at their borders, read back by our own parser.
    #[test]
    fn headers_use_the_shortest_form_and_read_back() {
        for (len, size) in [(0, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10), (1 << 40, 10)] {
            let encoded = header(Opcode::Text, len);
            assert_eq!(encoded.as_ref().len(), size, "{len}");
            let head = parse(encoded.as_ref(), Sender::Server).unwrap().unwrap();
            assert_eq!(head, Head { opcode: Opcode::Text, fin: true, len, key: [0; 4], size });
        }
        assert_eq!(header(Opcode::Pong, 3).as_ref(), [0x8a, 3]);
        assert_eq!(header(Opcode::Text, 300).as_ref(), [0x81, 126, 1, 44]);
    }

    // P-22: RFC 6455 §5.7, a masked "Hello".
    #[test]
    fn client_headers() {
        let bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f];
        let head = parse(&bytes, Sender::Client).unwrap().unwrap();
        let key = [0x37, 0xfa, 0x21, 0x3d];
        assert_eq!(head, Head { opcode: Opcode::Text, fin: true, len: 5, key, size: 6 });
        for len in 0..6 {
            assert_eq!(parse(&bytes[..len], Sender::Client), Ok(None));
        }
    }

    // P-13, P-22
    #[test]
    fn forbidden_headers_are_refused_as_early_as_possible() {
        let refused: [&[u8]; 14] = [
            &[0xc1],                                     // RSV1
            &[0xa1],                                     // RSV2
            &[0x91],                                     // RSV3
            &[0x83],                                     // reserved data opcode
            &[0x87],                                     //
            &[0x8b],                                     // reserved control opcode
            &[0x8f],                                     //
            &[0x81, 0x05],                               // not masked
            &[0x09, 0x80],                               // fragmented Ping
            &[0x08, 0x80],                               // fragmented Close
            &[0x89, 0xfe],                               // Ping above 125 bytes
            &[0x81, 0xfe, 0, 125],                       // length not minimal
            &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], // length not minimal
            &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],    // top bit of the length
        ];
        for bytes in refused {
            assert_eq!(parse(bytes, Sender::Client), Err(Violation::Protocol), "{bytes:x?}");
            assert_eq!(parse(&bytes[..bytes.len() - 1], Sender::Client), Ok(None), "{bytes:x?}");
        }
        assert_eq!(parse(&[0x81, 0x85], Sender::Server), Err(Violation::Protocol), "masked by a server");
    }
}
