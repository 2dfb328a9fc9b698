//! Frames to send, appended to a buffer.

use super::close::CloseCode;
use super::frame::{Header, Opcode, header};

/// Payload of a control frame, bytes (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: usize = 125;

/// Appends a text message that is there already.
pub fn text(out: &mut Vec<u8>, payload: &[u8]) {
    message(out, Opcode::Text, payload);
}

/// Appends a text message that `write` appends to the buffer itself: the header is put in front
/// afterwards, which moves the payload only if its length is not of the usual class.
pub fn text_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    /// Room for the header of 126 B to 64 KiB, as most answers are.
    const USUAL_HEADER_BYTES: usize = 4;
    let start = out.len();
    out.extend_from_slice(&[0; USUAL_HEADER_BYTES]);
    write(out);
    let payload_at = start + USUAL_HEADER_BYTES;
    let header: Header = header(Opcode::Text, out.len() - payload_at);
    let header = header.as_ref();
    if header.len() != USUAL_HEADER_BYTES {
        let payload_bytes = out.len() - payload_at;
        out.resize((start + header.len() + payload_bytes).max(out.len()), 0);
        out.copy_within(payload_at..payload_at + payload_bytes, start + header.len());
        out.truncate(start + header.len() + payload_bytes);
    }
    out[start..start + header.len()].copy_from_slice(header);
}

/// Appends a Pong with the payload of the Ping that it answers (P-23).
pub fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    debug_assert!(payload.len() <= CONTROL_BYTES_MAX, "the decoder lets no longer ping through");
    message(out, Opcode::Pong, payload);
}

/// Appends a Close; a reason that is too long is cut at a character (P-161, P-162).
pub fn close(out: &mut Vec<u8>, code: Option<CloseCode>, reason: &str) {
    let Some(CloseCode(code)) = code else { return message(out, Opcode::Close, b"") };
    let reason = &reason[..reason.floor_char_boundary(CONTROL_BYTES_MAX - 2)];
    out.extend_from_slice(header(Opcode::Close, 2 + reason.len()).as_ref());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

fn message(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.extend_from_slice(header(opcode, payload.len()).as_ref());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::{close, text, text_with};
    use crate::wire::CloseCode;

    #[test]
    fn a_header_put_in_front_is_the_same() {
        for len in [0, 1, 125, 126, 127, 4_000, 65_535, 65_536, 100_000] {
            let payload: Vec<u8> = (0..len).map(|n: usize| u8::try_from(n % 251).unwrap()).collect();
            let (mut direct, mut written) = (b"before".to_vec(), b"before".to_vec());
            text(&mut direct, &payload);
            text_with(&mut written, |out| out.extend_from_slice(&payload));
            assert!(direct == written, "{len}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let mut out = Vec::new();
        close(&mut out, Some(CloseCode::NORMAL), &"é".repeat(100));
        assert_eq!(out.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
        out.clear();
        close(&mut out, None, "ignored");
        assert_eq!(out, [0x88, 0]);
    }
}
