//! WebSocket frames (RFC 6455 §5): heads are read, frames are written.

use std::ops::Range;

/// The longest frame that is accepted, in bytes (256 MiB): a larger length is a broken stream, not an answer.
pub const PAYLOAD_BYTES_MAX: u64 = 256 << 20;
/// The longest payload of a control frame (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with a fragmented message.
    Continuation,
    /// Text message or its first fragment.
    Text,
    /// Binary message; the protocol has none.
    Binary,
    /// Ends the connection.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn is_control(self) -> bool {
        self.bits() >= 8
    }
}

/// The head of a complete frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The last fragment of its message.
    pub fin: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The masking key, if it is masked.
    pub mask: Option<[u8; 4]>,
    /// Where its payload stands in the bytes that were parsed; the next frame begins at its end.
    pub payload: Range<usize>,
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A reserved bit or opcode.
    Reserved,
    /// A control frame that is fragmented or longer than 125 bytes.
    Control,
    /// A payload above [`PAYLOAD_BYTES_MAX`].
    TooLong,
    /// A server's frame is masked, or a client's is not.
    Masking,
    /// A continuation without a beginning, or a new message inside a fragmented one.
    Fragmentation,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reserved => "frame with a reserved bit or opcode",
            Self::Control => "control frame fragmented or too long",
            Self::TooLong => "frame longer than 256 MiB",
            Self::Masking => "frame masked by the wrong side",
            Self::Fragmentation => "fragments out of place",
        })
    }
}

/// Reads the frame at the beginning of `bytes`; `None` if it is not complete yet.
///
/// # Errors
/// The bytes can never become a valid frame.
pub fn parse(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let opcode = Opcode::from_bits(first & 0x0F).ok_or(FrameError::Reserved)?;
    if first & 0x70 != 0 {
        return Err(FrameError::Reserved);
    }
    let fin = first & 0x80 != 0;
    let (length, length_bytes) = match second & 0x7F {
        126 => match rest.first_chunk() {
            Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(bytes) => (u64::from_be_bytes(*bytes), 8),
            None => return Ok(None),
        },
        short => (u64::from(short), 0),
    };
    if length > PAYLOAD_BYTES_MAX {
        return Err(FrameError::TooLong);
    }
    let length = usize::try_from(length).map_err(|_| FrameError::TooLong)?;
    if opcode.is_control() && (!fin || length > CONTROL_BYTES_MAX) {
        return Err(FrameError::Control);
    }
    let mut start = 2 + length_bytes;
    let mask = if second & 0x80 == 0 {
        None
    } else {
        let Some(key) = bytes[start..].first_chunk() else { return Ok(None) };
        start += 4;
        Some(*key)
    };
    let payload = start..start + length;
    if bytes.len() < payload.end {
        return Ok(None);
    }
    Ok(Some(Frame { fin, opcode, mask, payload }))
}

/// Appends a complete frame to `out`, masked if `mask` is given.
pub fn append(out: &mut Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) {
    append_head(out, opcode, mask, payload.len());
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        apply_mask(&mut out[start..], key);
    }
}

/// Appends the head of an unfragmented frame whose payload has `length` bytes.
pub fn append_head(out: &mut Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>, length: usize) {
    let mask_bit = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode.bits());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if usize::from(short) <= CONTROL_BYTES_MAX => out.push(mask_bit | short),
        (_, Ok(medium)) => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(mask.as_ref().map_or(&[], |key| key.as_slice()));
}

/// Masks or unmasks `payload`, which begins at the beginning of the frame's payload.
pub fn apply_mask(payload: &mut [u8], key: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

    fn frame(opcode: Opcode, mask: Option<[u8; 4]>, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, opcode, mask, &vec![b'x'; length]);
        bytes
    }

    #[test]
    fn every_length_and_every_cut() {
        for mask in [None, MASK] {
            for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
                let bytes = frame(Opcode::Text, mask, length);
                for cut in (0..bytes.len().min(300)).chain([bytes.len() - 1]) {
                    assert_eq!(parse(&bytes[..cut]), Ok(None), "length {length} cut at {cut}");
                }
                let parsed = parse(&bytes).unwrap().unwrap();
                assert_eq!((parsed.fin, parsed.opcode, parsed.mask), (true, Opcode::Text, mask));
                assert_eq!(parsed.payload, bytes.len() - length..bytes.len());
            }
        }
    }

    #[test]
    fn mask_is_its_own_inverse() {
        let bytes = frame(Opcode::Text, MASK, 9);
        assert_ne!(&bytes[6..], b"xxxxxxxxx");
        let mut payload = bytes[6..].to_vec();
        apply_mask(&mut payload, MASK.unwrap());
        assert_eq!(payload, b"xxxxxxxxx");
    }

    #[test]
    fn rfc_example() {
        // RFC 6455 §5.7: "Hello", masked.
        let bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let mut written = Vec::new();
        append(&mut written, Opcode::Text, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello");
        assert_eq!(written, bytes);
    }

    #[test]
    fn broken() {
        assert_eq!(parse(&[0xC1, 0]), Err(FrameError::Reserved));
        assert_eq!(parse(&[0x83, 0]), Err(FrameError::Reserved));
        assert_eq!(parse(&[0x09, 0]), Err(FrameError::Control));
        assert_eq!(parse(&[0x89, 126, 0, 126]), Err(FrameError::Control));
        assert_eq!(parse(&[0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0]), Err(FrameError::TooLong));
    }
}
