//! From the bytes that a server sent to its messages, however the bytes were cut.

use super::frame::{self, FrameError, Opcode};

/// Something complete that the server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message, its fragments joined.
    Text(&'a [u8]),
    /// A binary message, which the protocol does not have.
    Binary,
    /// A WebSocket ping, to be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// The server ends the connection; the payload is code and reason.
    Close(&'a [u8]),
}

/// Keeps what has arrived of an unfinished frame or message.
///
/// Empty, and without memory of its own, as long as messages arrive whole.
#[derive(Debug, Default)]
pub struct Inbox {
    partial: Vec<u8>,
    fragments: Fragments,
}

/// The fragments of a text message so far.
#[derive(Debug, Default)]
struct Fragments {
    open: bool,
    text: Vec<u8>,
}

impl Inbox {
    /// Takes the next bytes and hands every message that they complete to `sink`, in order.
    ///
    /// # Errors
    /// The bytes break RFC 6455; nothing more can be read from this connection.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Incoming<'_>)) -> Result<(), FrameError> {
        if self.partial.is_empty() {
            let used = split(bytes, &mut self.fragments, &mut sink)?;
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            self.partial.extend_from_slice(bytes);
            let used = split(&self.partial, &mut self.fragments, &mut sink)?;
            self.partial.drain(..used);
        }
        Ok(())
    }
}

/// Hands the complete frames at the beginning of `bytes` to `sink` and returns how many bytes they took.
fn split(
    bytes: &[u8],
    fragments: &mut Fragments,
    sink: &mut impl FnMut(Incoming<'_>),
) -> Result<usize, FrameError> {
    let mut used = 0;
    while let Some(frame) = frame::parse(&bytes[used..])? {
        if frame.mask.is_some() {
            return Err(FrameError::Masking);
        }
        let payload = &bytes[used + frame.payload.start..used + frame.payload.end];
        used += frame.payload.end;
        match (frame.opcode, frame.fin) {
            (Opcode::Text | Opcode::Binary, _) if fragments.open => return Err(FrameError::Fragmentation),
            (Opcode::Text, true) => sink(Incoming::Text(payload)),
            (Opcode::Text, false) => {
                fragments.open = true;
                fragments.text.extend_from_slice(payload);
            }
            (Opcode::Continuation, _) if !fragments.open => return Err(FrameError::Fragmentation),
            (Opcode::Continuation, fin) => {
                fragments.text.extend_from_slice(payload);
                if fin {
                    sink(Incoming::Text(&fragments.text));
                    *fragments = Fragments::default();
                }
            }
            (Opcode::Binary, _) => sink(Incoming::Binary),
            (Opcode::Ping, _) => sink(Incoming::Ping(payload)),
            (Opcode::Pong, _) => {}
            (Opcode::Close, _) => sink(Incoming::Close(payload)),
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of all kinds: short, fragmented around a ping, long, close.
    fn stream() -> (Vec<u8>, Vec<String>) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Opcode::Text, None, b"one");
        bytes.extend_from_slice(b"\x01\x02tw");
        frame::append(&mut bytes, Opcode::Ping, None, b"p");
        bytes.extend_from_slice(b"\x80\x01o");
        frame::append(&mut bytes, Opcode::Pong, None, b"");
        let long = "x".repeat(300);
        frame::append(&mut bytes, Opcode::Text, None, long.as_bytes());
        frame::append(&mut bytes, Opcode::Close, None, b"\x03\xe8");
        let expect = vec!["one".into(), "ping p".into(), "two".into(), long, "close 2".into()];
        (bytes, expect)
    }

    fn describe(incoming: Incoming<'_>) -> String {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        match incoming {
            Incoming::Text(payload) => text(payload),
            Incoming::Binary => "binary".into(),
            Incoming::Ping(payload) => format!("ping {}", text(payload)),
            Incoming::Close(payload) => format!("close {}", payload.len()),
        }
    }

    #[test]
    fn every_cut_into_three() {
        let (bytes, expect) = stream();
        for first in 0..=bytes.len() {
            for second in (first..=bytes.len()).step_by(7) {
                let mut inbox = Inbox::default();
                let mut got = Vec::new();
                for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    inbox.feed(part, |incoming| got.push(describe(incoming))).unwrap();
                }
                assert_eq!(got, expect, "cut at {first} and {second}");
                assert!(inbox.partial.is_empty());
            }
        }
    }

    #[test]
    fn byte_by_byte() {
        let (bytes, expect) = stream();
        let mut inbox = Inbox::default();
        let mut got = Vec::new();
        for byte in bytes {
            inbox.feed(&[byte], |incoming| got.push(describe(incoming))).unwrap();
        }
        assert_eq!(got, expect);
    }

    #[test]
    fn broken() {
        let mut masked = Vec::new();
        frame::append(&mut masked, Opcode::Text, Some([1, 2, 3, 4]), b"x");
        for (bytes, expect) in [
            (masked.as_slice(), FrameError::Masking),
            (b"\x80\x00", FrameError::Fragmentation),
            (b"\x01\x00\x81\x00", FrameError::Fragmentation),
        ] {
            assert_eq!(Inbox::default().feed(bytes, |_| ()), Err(expect));
        }
    }
}
