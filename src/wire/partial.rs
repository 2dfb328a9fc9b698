//! What the decoder keeps between two reads while a frame or a message is incomplete.

use super::close;
use super::decoder::{Input, Limits};
use super::frame::{self, HEADER_BYTES_MAX, Head, Opcode, Sender};
use super::mask::unmask;
use super::text::Text;
use super::violation::Violation;

/// The incomplete things of one connection: a header, a frame, a message; any of them may be absent.
#[derive(Default)]
pub(super) struct Partial {
    /// The bytes of a header that was cut.
    head: CutHead,
    /// The frame whose payload is under way.
    frame: Option<Frame>,
    /// The fragmented or cut message under way. Control frames may come in between.
    message: Option<Assembly>,
    /// The text of that message, and still of a message that was just completed.
    pub(super) text: Text,
    /// The payload of a cut control frame, and still of one that was just completed.
    control: Vec<u8>,
}

/// What the frames of a message add up to.
#[derive(Clone, Copy)]
pub(super) struct Assembly {
    /// `Text` or `Binary`.
    kind: Opcode,
    /// Payload bytes announced by the headers so far.
    bytes: usize,
    /// Frames so far, the one under way included.
    fragments: usize,
}

/// What the payload that was just taken in completed.
pub(super) enum Collected {
    /// Not even its frame: more bytes are needed.
    Nothing,
    /// A frame, but its message goes on.
    Fragment,
    /// A message of this kind; [`Partial::payload`] has its bytes.
    Message(Opcode),
}

#[derive(Default)]
struct CutHead {
    bytes: [u8; HEADER_BYTES_MAX],
    len: usize,
}

struct Frame {
    /// What the message is: never `Continuation`.
    kind: Opcode,
    fin: bool,
    key: [u8; 4],
    len: usize,
    /// Payload bytes that have arrived.
    received: usize,
}

impl Assembly {
    /// The message after a further frame: what `head` makes of the message `before` (P-18).
    ///
    /// `None` for a control frame, which belongs to no message. Fails when the frame is out of
    /// place (P-22), or when the message would exceed a limit — before any payload is awaited (P-20).
    pub(super) fn after(
        before: Option<Self>,
        head: &Head,
        limits: &Limits,
    ) -> Result<Option<Self>, Violation> {
        let (kind, bytes, fragments) = match (head.opcode, before) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(None),
            (Opcode::Continuation, Some(message)) => (message.kind, message.bytes, message.fragments),
            (Opcode::Text | Opcode::Binary, None) => (head.opcode, 0, 0),
            (Opcode::Continuation, None) | (_, Some(_)) => return Err(Violation::Protocol),
        };
        let bytes = bytes.checked_add(head.len).ok_or(Violation::TooBig)?;
        let message = Self { kind, bytes, fragments: fragments + 1 };
        if limits.allow(message.bytes, message.fragments) {
            Ok(Some(message))
        } else {
            Err(Violation::TooBig)
        }
    }
}

impl Partial {
    /// Whether the payload of a frame is under way, so that the next bytes belong to it.
    pub(super) fn is_in_frame(&self) -> bool {
        self.frame.is_some()
    }

    /// Whether a header was cut, so that the next bytes belong to it.
    pub(super) fn is_in_head(&self) -> bool {
        self.head.len > 0
    }

    /// Whether nothing is under way: the payload last completed is all that is left.
    pub(super) fn is_done(&self) -> bool {
        !self.is_in_frame() && !self.is_in_head() && self.message.is_none()
    }

    /// The message under way.
    pub(super) fn message(&self) -> Option<Assembly> {
        self.message
    }

    /// Takes header bytes until the header is complete or the input is used up.
    pub(super) fn take_head(&mut self, input: &mut Input<'_>) -> Result<Option<Head>, Violation> {
        // Byte by byte, since only the bytes themselves tell how many belong to the header.
        while let [byte] = *input.take(1) {
            self.head.bytes[self.head.len] = byte;
            self.head.len += 1;
            if let Some(head) = frame::parse(&self.head.bytes[..self.head.len], Sender::Client)? {
                self.head.len = 0;
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Starts to take in the payload of a frame; `message` is what its message amounts to.
    pub(super) fn begin(&mut self, head: &Head, message: Option<Assembly>) {
        let kind = message.map_or(head.opcode, |message| message.kind);
        if message.is_some() {
            self.message = message;
        } else {
            self.control.clear();
        }
        self.frame = Some(Frame { kind, fin: head.fin, key: head.key, len: head.len, received: 0 });
    }

    /// Takes in as much of the frame's payload as the input has (P-18).
    ///
    /// Text is unmasked, stored and validated at once (P-21); a binary payload is only counted (P-19),
    /// unless it is to be kept.
    pub(super) fn collect(&mut self, input: &mut Input<'_>, limits: &Limits) -> Result<Collected, Violation> {
        let Some(frame) = &mut self.frame else { return Ok(Collected::Nothing) };
        let piece = input.take(frame.len - frame.received);
        let is_kept = frame.kind != Opcode::Binary || limits.keeps_binary;
        if is_kept {
            unmask(piece, frame.key, frame.received);
        }
        frame.received += piece.len();
        let message_bytes = self.message.filter(|_| frame.fin).map(|message| message.bytes);
        match frame.kind {
            Opcode::Text => self.text.push(piece, message_bytes)?,
            Opcode::Binary if is_kept => self.text.push_binary(piece, message_bytes),
            Opcode::Binary => {}
            _ => self.control.extend_from_slice(piece),
        }
        if frame.received < frame.len { Ok(Collected::Nothing) } else { self.finish_frame() }
    }

    /// The bytes of the message of this kind that was just completed.
    pub(super) fn payload(&self, kind: Opcode) -> &[u8] {
        if kind.is_control() { &self.control } else { self.text.as_slice() }
    }

    fn finish_frame(&mut self) -> Result<Collected, Violation> {
        let Some(Frame { kind, fin, .. }) = self.frame.take() else { return Ok(Collected::Nothing) };
        if !fin {
            return Ok(Collected::Fragment);
        }
        if !kind.is_control() {
            self.message = None;
        }
        match kind {
            Opcode::Text => self.text.check_end()?,
            Opcode::Close => drop(close::parse(&self.control)?),
            _ => {}
        }
        Ok(Collected::Message(kind))
    }
}
