//! The other side of the wire: what the load generator, the simulator and tests send and read.
//!
//! Sans-IO like the rest. The server itself uses nothing of this.

use super::frame::{self, Opcode, Sender};
use super::mask::unmask;
use super::violation::Violation;

/// An upgrade request for a WebSocket (RFC 6455 §4.1).
///
/// `key` is the `Sec-WebSocket-Key`: 22 base64 characters and `==` (P-4).
pub fn request(host: &str, path: &str, key: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// The head of a server's answer to a [`request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; 101 when the connection is a WebSocket now (P-14).
    pub status: u16,
    /// The value of `Sec-WebSocket-Accept`, to be compared with [`accept`](super::handshake::accept).
    pub accept: Option<String>,
    /// Where the server's first frame, or the body, begins in the bytes given.
    pub consumed: usize,
}

/// Reads the head of the server's answer; `None` while it is incomplete.
///
/// # Errors
///
/// [`Violation::Protocol`] when the bytes are not an HTTP response.
pub fn answer(received: &[u8]) -> Result<Option<Answer>, Violation> {
    let mut headers = [httparse::EMPTY_HEADER; super::http::HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(consumed) = response.parse(received).map_err(|_| Violation::Protocol)?
    else {
        return Ok(None);
    };
    let accept = super::http::value(response.headers, "Sec-WebSocket-Accept");
    Ok(Some(Answer {
        status: response.code.ok_or(Violation::Protocol)?,
        accept: accept.map(|value| String::from_utf8_lossy(&value).into_owned()),
        consumed,
    }))
}

/// Appends a whole text message as a client sends it, masked (P-18).
pub fn masked_text(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    masked(out, Opcode::Text, true, payload, key);
}

/// Appends any client frame: also a fragment (`fin` false), and also one that a server must refuse (P-22).
pub fn masked(out: &mut Vec<u8>, opcode: Opcode, fin: bool, payload: &[u8], key: [u8; 4]) {
    masked_head(out, opcode, fin, payload.len(), key);
    let start = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[start..], key, 0);
}

/// Appends the header of a client frame that claims `len` payload bytes, and no payload (P-20).
pub fn masked_head(out: &mut Vec<u8>, opcode: Opcode, fin: bool, len: usize, key: [u8; 4]) {
    let start = out.len();
    // Made as a text header, since a frame to be refused may be a control frame of any length.
    out.extend_from_slice(frame::header(Opcode::Text, len).as_ref());
    out[start] = opcode as u8 | if fin { 0x80 } else { 0 };
    out[start + 1] |= 0x80;
    out.extend_from_slice(&key);
}

/// Takes complete messages and control frames out of what a server sends.
///
/// Feed the bytes as they come, then call [`next`](Self::next) until it returns `None`.
#[derive(Default)]
pub struct ServerFrames {
    received: Vec<u8>,
    /// Bytes of `received` that are used up.
    consumed: usize,
    /// The fragmented message under way, and what kind it is.
    message: Option<(Opcode, Vec<u8>)>,
    /// The reassembled message that was returned last.
    reassembled: Vec<u8>,
}

impl ServerFrames {
    /// A reader behind the server's 101 response.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.received.drain(..self.consumed);
        self.consumed = 0;
        self.received.extend_from_slice(bytes);
    }

    /// The next complete message or control frame with its payload; never `Continuation`.
    ///
    /// # Errors
    ///
    /// [`Violation::Protocol`] when the server's frames break RFC 6455: this is what tests watch for.
    /// The payload is not validated.
    #[expect(clippy::should_implement_trait, reason = "lends its items, which an Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<(Opcode, &[u8])>, Violation> {
        loop {
            let received = &self.received[self.consumed..];
            let Some(head) = frame::parse(received, Sender::Server)? else { return Ok(None) };
            if received.len() - head.size < head.len {
                return Ok(None);
            }
            let start = self.consumed + head.size;
            self.consumed = start + head.len;
            let range = start..self.consumed;
            match (head.opcode, self.message.take()) {
                (opcode, message) if opcode.is_control() => {
                    self.message = message;
                    return Ok(Some((opcode, &self.received[range])));
                }
                (Opcode::Continuation, Some((kind, mut bytes))) => {
                    bytes.extend_from_slice(&self.received[range]);
                    if head.fin {
                        self.reassembled = bytes;
                        return Ok(Some((kind, &self.reassembled)));
                    }
                    self.message = Some((kind, bytes));
                }
                (Opcode::Continuation, None) | (_, Some(_)) => return Err(Violation::Protocol),
                (opcode, None) if head.fin => return Ok(Some((opcode, &self.received[range]))),
                (opcode, None) => self.message = Some((opcode, self.received[range].to_vec())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{CloseCode, encoder};

    fn all(frames: &mut ServerFrames) -> Vec<(Opcode, Vec<u8>)> {
        let mut found = Vec::new();
        while let Some((opcode, payload)) = frames.next().unwrap() {
            found.push((opcode, payload.to_vec()));
        }
        found
    }

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        encoder::text(&mut bytes, b"one");
        bytes.extend_from_slice(&[0x01, 2, b't', b'w', 0x8a, 1, b'!', 0x80, 1, b'o']);
        encoder::text(&mut bytes, &[b'x'; 300]);
        encoder::close(&mut bytes, Some(CloseCode::NORMAL), "");
        bytes
    }

    // P-18, P-25: the frames of our encoder and of a server that fragments, cut anywhere.
    #[test]
    fn frames_are_read_back_whatever_the_cut() {
        let bytes = stream();
        let expected = [
            (Opcode::Text, b"one".to_vec()),
            (Opcode::Pong, b"!".to_vec()),
            (Opcode::Text, b"two".to_vec()),
            (Opcode::Text, vec![b'x'; 300]),
            (Opcode::Close, vec![0x03, 0xe8]),
        ];
        for cut in 0..=bytes.len() {
            let mut frames = ServerFrames::new();
            frames.feed(&bytes[..cut]);
            let mut found = all(&mut frames);
            frames.feed(&bytes[cut..]);
            found.extend(all(&mut frames));
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    // P-22
    #[test]
    fn a_server_that_breaks_the_protocol_is_noticed() {
        for bytes in [&[0x80, 0][..], &[0x01, 0, 0x81, 0], &[0x81, 0x80, 0, 0, 0, 0], &[0xc1, 0]] {
            let mut frames = ServerFrames::new();
            frames.feed(bytes);
            assert_eq!(frames.next(), Err(Violation::Protocol), "{bytes:x?}");
        }
    }

    // P-14
    #[test]
    fn answers_are_read() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: abc\r\n\r\n";
        let expected = Answer { status: 101, accept: Some("abc".into()), consumed: head.len() };
        assert_eq!(answer(&[&head[..], b"\x81\x00"].concat()), Ok(Some(expected)));
        assert_eq!(answer(&head[..20]), Ok(None));
        assert_eq!(answer(b"nonsense\r\n"), Err(Violation::Protocol));
    }
}
