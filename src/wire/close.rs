//! Close codes and the payload of Close frames (RFC 6455 §5.5.1 and §7.4, 01-protocol §17.1).

use super::violation::Violation;

/// The number in a Close frame.
///
/// Any number can be held; [`is_valid_on_wire`](Self::is_valid_on_wire) tells which may be sent
/// or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled, or the server was stopped (P-161).
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is stopping (P-15, P-161).
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the WebSocket protocol (P-22).
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the peer sent a binary message (P-19).
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: the peer sent text that is not UTF-8 (P-21).
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: the peer broke a policy for which no other code exists.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: the peer's message exceeds a limit (P-20).
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1011: a fault of ours ended the connection (P-169).
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1013: overloaded; the client should come back later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 4001: no answer to the heartbeat (P-161).
    pub const HEARTBEAT_TIMEOUT: Self = Self(4001);
    /// 4002: the session was revoked (P-161).
    pub const SESSION_REVOKED: Self = Self(4002);
    /// 4003: too many connections from one address (P-15, P-161).
    pub const TOO_MANY_CONNECTIONS: Self = Self(4003);

    /// Whether a Close frame may carry this code: 1000–1003, 1007–1014, 3000–4999.
    ///
    /// 1004 is undefined, 1005, 1006 and 1015 stand for events without a frame, the rest is
    /// unassigned; receiving one of them is a protocol error (P-22).
    pub fn is_valid_on_wire(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Reads the unmasked payload of a Close frame: nothing, or a code and a reason (P-22, P-162).
///
/// # Errors
///
/// [`Violation::Protocol`] for a single byte or a code that must not be sent,
/// [`Violation::InvalidUtf8`] for a reason that is not UTF-8.
pub fn parse(payload: &[u8]) -> Result<Option<(CloseCode, &str)>, Violation> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            let code = CloseCode(u16::from_be_bytes([*high, *low]));
            if !code.is_valid_on_wire() {
                return Err(Violation::Protocol);
            }
            let reason = std::str::from_utf8(reason).map_err(|_| Violation::InvalidUtf8)?;
            Ok(Some((code, reason)))
        }
        [_] => Err(Violation::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-22: the ranges of RFC 6455 §7.4 and of the IANA registry, at their borders.
    #[test]
    fn valid_codes() {
        let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1013, 1014, 3000, 3999, 4000, 4003, 4999];
        let invalid = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];
        for code in valid {
            assert!(CloseCode(code).is_valid_on_wire(), "{code}");
        }
        for code in invalid {
            assert!(!CloseCode(code).is_valid_on_wire(), "{code}");
        }
    }

    // P-22, P-21, P-162
    #[test]
    fn payloads() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03"), Err(Violation::Protocol));
        assert_eq!(parse(b"\x03\xe8"), Ok(Some((CloseCode::NORMAL, ""))));
        assert_eq!(parse(b"\x03\xe8bye \xc5\xbe"), Ok(Some((CloseCode::NORMAL, "bye ž"))));
        assert_eq!(parse(b"\x03\xed"), Err(Violation::Protocol), "1005");
        assert_eq!(parse(b"\x03\xe8\xff"), Err(Violation::InvalidUtf8));
        assert_eq!(parse(b"\x03\xed\xff"), Err(Violation::Protocol), "the code is judged first");
    }
}
