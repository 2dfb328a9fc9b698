//! Close codes and the payload of Close frames (RFC 6455 §5.5.1, §7.4; P-161).

use super::decoder::Violation;

/// Why a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server stops.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the WebSocket protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A binary message (P-19).
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// A text message that is no UTF-8 (P-21).
    pub const INVALID_UTF8: Self = Self(1007);
    /// A message over the limit (P-20).
    pub const TOO_BIG: Self = Self(1009);

    /// Whether a peer may send it: registered codes, and those of libraries and applications.
    pub fn is_valid_on_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Reads the payload of a Close frame; an empty one carries no code.
///
/// # Errors
/// Half a code, a code that may not be sent, or a reason that is no UTF-8.
pub fn parse(payload: &[u8]) -> Result<Option<(CloseCode, &str)>, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
        [_] => return Err(Violation::Protocol),
    };
    if !code.is_valid_on_wire() {
        return Err(Violation::Protocol);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::InvalidUtf8)?;
    Ok(Some((code, reason)))
}

#[cfg(test)]
mod tests {
    use super::{CloseCode, Violation, parse};

    #[test]
    fn payloads() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03\xe8bye"), Ok(Some((CloseCode::NORMAL, "bye"))));
        assert_eq!(parse(b"\x03"), Err(Violation::Protocol));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(Violation::InvalidUtf8));
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535] {
            assert_eq!(parse(&code.to_be_bytes()), Err(Violation::Protocol), "{code}");
        }
        for code in [1000_u16, 1003, 1007, 1011, 1014, 3000, 4999] {
            assert!(parse(&code.to_be_bytes()).is_ok(), "{code}");
        }
    }
}
