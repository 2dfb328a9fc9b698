//! Messages to bytes: whole, unmasked, unfragmented frames, appended to a buffer.
//!
//! Frames of a connection are collected in one buffer and leave in one write; nothing here
//! allocates except by growing that buffer. For a body that many connections share, send
//! [`frame::header`] in front of it instead.

use super::close::CloseCode;
use super::frame::{self, CONTROL_BYTES_MAX, Header, Opcode};

/// The longest reason that fits beside the code of a Close frame, in bytes.
const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// The header size for which [`text_with`] leaves room: that of payloads of 126 to 65,535 bytes.
const HEADER_BYTES_EXPECTED: usize = 4;

/// Appends a text message with this payload, which is valid UTF-8 (P-18).
///
/// Any length is allowed (P-25). Copies the payload; see [`text_with`] for writing it in place.
pub fn text(out: &mut Vec<u8>, payload: &[u8]) {
    push(out, Opcode::Text, payload);
}

/// Appends a text message whose payload `write` appends itself (P-18, P-25).
///
/// The payload is not moved when it has 126 to 65,535 bytes; shorter ones move by two bytes,
/// longer ones by six. `write` only appends, valid UTF-8 in total.
///
/// # Panics
///
/// When `write` removed what was in `out` before.
pub fn text_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES_EXPECTED]);
    write(out);
    let body = start + HEADER_BYTES_EXPECTED;
    assert!(out.len() >= body, "a payload is appended, never cut from the frames before it");
    let header = frame::header(Opcode::Text, out.len() - body);
    make_room(out, body, start + header.as_ref().len());
    put(out, start, header);
}

/// Appends a Close frame (P-161, P-162).
///
/// A reason above 123 bytes is cut at a character; without a code there is no reason.
pub fn close(out: &mut Vec<u8>, code: Option<CloseCode>, reason: &str) {
    let Some(code) = code else { return push(out, Opcode::Close, &[]) };
    let reason = cut(reason, REASON_BYTES_MAX);
    out.extend_from_slice(frame::header(Opcode::Close, 2 + reason.len()).as_ref());
    out.extend_from_slice(&code.0.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Appends a Pong with the payload of the Ping that it answers (P-23).
///
/// # Panics
///
/// When the payload has more than 125 bytes; that of a decoded Ping never has.
pub fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    control(out, Opcode::Pong, payload);
}

/// Appends a Ping.
///
/// The server never sends one (P-23); tests and clients do.
///
/// # Panics
///
/// When the payload has more than 125 bytes.
pub fn ping(out: &mut Vec<u8>, payload: &[u8]) {
    control(out, Opcode::Ping, payload);
}

fn control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    assert!(payload.len() <= CONTROL_BYTES_MAX, "control frames are short");
    push(out, opcode, payload);
}

fn push(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.extend_from_slice(frame::header(opcode, payload.len()).as_ref());
    out.extend_from_slice(payload);
}

/// Moves the bytes from `body` to the end so that they begin at `target`.
fn make_room(out: &mut Vec<u8>, body: usize, target: usize) {
    let len = out.len();
    if target > body {
        out.resize(len + (target - body), 0);
    }
    if target != body {
        out.copy_within(body..len, target);
    }
    out.truncate(len + target - body);
}

fn put(out: &mut [u8], start: usize, header: Header) {
    let header = header.as_ref();
    let place = &mut out[start..start + header.len()];
    match <[u8; HEADER_BYTES_EXPECTED]>::try_from(header) {
        Ok(word) => place.copy_from_slice(&word), // a move instead of a call
        Err(_) => place.copy_from_slice(header),
    }
}

/// The longest start of `text` that has at most `max` bytes and whole characters.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-18, P-25: both ways of writing agree at every length form.
    #[test]
    fn text_written_in_place_equals_text_copied() {
        for len in [0, 1, 2, 125, 126, 127, 0xffff, 0x1_0000, 0x1_0001, 200_000] {
            let payload: Vec<u8> = (0..len).map(|i| b'a' + u8::try_from(i % 26).unwrap()).collect();
            let mut copied = b"before".to_vec();
            text(&mut copied, &payload);
            text(&mut copied, b"after");
            let mut written = b"before".to_vec();
            text_with(&mut written, |out| out.extend_from_slice(&payload));
            text_with(&mut written, |out| out.extend_from_slice(b"after"));
            assert!(written == copied, "{len} bytes");
        }
    }

    #[test]
    #[should_panic(expected = "never cut")]
    fn a_writer_must_not_remove_earlier_frames() {
        text_with(&mut b"earlier".to_vec(), |out| out.truncate(2));
    }

    // P-161, P-162
    #[test]
    fn close_frames() {
        let encoded = |code, reason| {
            let mut out = Vec::new();
            close(&mut out, code, reason);
            out
        };
        assert_eq!(encoded(None, ""), [0x88, 0]);
        assert_eq!(encoded(None, "ignored"), [0x88, 0]);
        assert_eq!(encoded(Some(CloseCode::MESSAGE_TOO_BIG), ""), [0x88, 2, 0x03, 0xf1]);
        assert_eq!(encoded(Some(CloseCode::UNSUPPORTED_DATA), "no"), [0x88, 4, 0x03, 0xeb, b'n', b'o']);
        let long = encoded(Some(CloseCode::NORMAL), &"ž".repeat(100));
        assert_eq!(long.len(), 2 + 2 + 122, "a character is never split");
        assert!(std::str::from_utf8(&long[4..]).is_ok());
    }

    // P-23
    #[test]
    fn pings_and_pongs() {
        let mut out = Vec::new();
        ping(&mut out, b"");
        pong(&mut out, b"abc");
        assert_eq!(out, [0x89, 0, 0x8a, 3, b'a', b'b', b'c']);
    }
}
