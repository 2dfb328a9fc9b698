//! What a peer can do wrong on a WebSocket, sorted by the close code it earns.

use super::close::CloseCode;
use std::fmt;

/// A breach of RFC 6455 or of our limits by the peer.
///
/// The connection ends with a Close frame of [`close_code`](Self::close_code) and an **empty**
/// reason (P-20, P-21, P-22, P-161).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The frames themselves are wrong: close 1002 (P-22, P-13).
    Protocol,
    /// A text message or a close reason is not valid UTF-8: close 1007 (P-21).
    InvalidUtf8,
    /// The message exceeds a limit in bytes or in fragments: close 1009 (P-20).
    TooBig,
}

impl Violation {
    /// The code of the Close frame that answers this violation (P-161).
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::PROTOCOL_ERROR,
            Self::InvalidUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::TooBig => CloseCode::MESSAGE_TOO_BIG,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Protocol => "the peer broke the WebSocket protocol",
            Self::InvalidUtf8 => "the peer sent text that is not UTF-8",
            Self::TooBig => "the peer sent a message above the limit",
        })
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    // P-161
    #[test]
    fn each_violation_has_its_close_code() {
        assert_eq!(Violation::Protocol.close_code().0, 1002);
        assert_eq!(Violation::InvalidUtf8.close_code().0, 1007);
        assert_eq!(Violation::TooBig.close_code().0, 1009);
    }
}
