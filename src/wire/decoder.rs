//! A client's frames to messages.
//!
//! A message that arrives whole, in one unfragmented frame, is unmasked in the caller's
//! buffer and handed out in place. Anything else is collected, checked as it arrives,
//! and costs memory only for bytes that have really arrived. An idle decoder owns nothing.

use super::close::{self, CloseCode};
use super::frame::{self, CLIENT_HEADER_BYTES_MAX, ClientHeader, Opcode};
use super::mask::unmask;
use super::utf8::Utf8;

/// Bounds on what a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Payload of one message over all its fragments, bytes; 0 = unlimited (P-20).
    pub payload_bytes_max: usize,
    /// Fragments of one message.
    pub fragments_max: usize,
}

/// A complete message or control frame.
#[derive(PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// Valid UTF-8, for the reader to change in place.
    Text(&'a mut [u8]),
    /// Its content is not kept: nobody wants it (P-19).
    Binary,
    /// To be answered by a Pong with the same payload.
    Ping(&'a [u8]),
    /// Needs no answer.
    Pong(&'a [u8]),
    /// To be answered by a Close with the same code.
    Close(Option<(CloseCode, &'a str)>),
}

/// How a client broke the rules; the connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// Against RFC 6455 (P-22).
    Protocol,
    /// Text that is no UTF-8 (P-21).
    InvalidUtf8,
    /// Over a limit (P-20).
    TooBig,
}

impl Violation {
    /// The code to close with.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::PROTOCOL_ERROR,
            Self::InvalidUtf8 => CloseCode::INVALID_UTF8,
            Self::TooBig => CloseCode::TOO_BIG,
        }
    }
}

/// Bytes as they were received, and how many of them are decoded.
pub struct Received<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl<'b> Received<'b> {
    /// Nothing of `bytes` is decoded yet.
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.at..]
    }

    /// The next bytes, at most so many; they count as decoded.
    fn take(&mut self, most: usize) -> &mut [u8] {
        let start = self.at;
        self.at += most.min(self.bytes.len() - start);
        &mut self.bytes[start..self.at]
    }
}

/// The receiving side of one connection.
#[derive(Default)]
pub struct Decoder {
    /// Only while a frame or a message is incomplete.
    state: Option<Box<State>>,
}

/// What has arrived of things that are not complete.
#[derive(Default)]
struct State {
    /// Beginning of a header.
    header: Vec<u8>,
    /// The frame whose payload is arriving, and how much of it has.
    frame: Option<(ClientHeader, u64)>,
    /// Payload of the control frame that is arriving.
    control: Vec<u8>,
    message: Option<Assembly>,
    /// The last message or control frame handed out of `control` or `text`.
    text: Vec<u8>,
}

/// A data message in several pieces.
struct Assembly {
    is_text: bool,
    payload: Vec<u8>,
    bytes: u64,
    fragments: usize,
    utf8: Utf8,
}

impl Decoder {
    /// A decoder for a new connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next message out of the front of `input`; `None` when all of it is used up and
    /// nothing is complete. Bytes behind the message stay untouched.
    ///
    /// # Errors
    /// See [`Violation`]; the decoder is of no use afterwards.
    pub fn next<'a>(
        &'a mut self,
        input: &'a mut Received<'_>,
        limits: &Limits,
    ) -> Result<Option<Message<'a>>, Violation> {
        if self.state.as_ref().is_some_and(|state| state.is_idle()) {
            self.state = None;
        }
        if self.state.is_none()
            && let Some(header) = frame::parse(input.rest())?
            && let Some(bytes) = whole(&header, input.rest().len())
            && (header.is_final && header.opcode != Opcode::Continuation)
        {
            check_size(header.opcode, header.payload_bytes, limits)?;
            let payload = &mut input.take(bytes)[header.bytes..];
            unmask(payload, header.key, 0);
            return complete(header.opcode, payload).map(Some);
        }
        if input.rest().is_empty() {
            return Ok(None);
        }
        self.state.get_or_insert_default().next(input, limits)
    }
}

/// Length of a frame if all of it is there.
fn whole(header: &ClientHeader, available: usize) -> Option<usize> {
    let bytes = usize::try_from(header.payload_bytes).ok()?.checked_add(header.bytes)?;
    (bytes <= available).then_some(bytes)
}

fn check_size(opcode: Opcode, bytes: u64, limits: &Limits) -> Result<(), Violation> {
    let is_bounded = !opcode.is_control() && limits.payload_bytes_max > 0;
    if is_bounded && bytes > limits.payload_bytes_max as u64 { Err(Violation::TooBig) } else { Ok(()) }
}

/// A frame that is a message by itself.
fn complete(opcode: Opcode, payload: &mut [u8]) -> Result<Message<'_>, Violation> {
    Ok(match opcode {
        Opcode::Text => {
            simdutf8::basic::from_utf8(payload).map_err(|_| Violation::InvalidUtf8)?;
            Message::Text(payload)
        }
        Opcode::Binary => Message::Binary,
        Opcode::Ping => Message::Ping(payload),
        Opcode::Pong => Message::Pong(payload),
        Opcode::Close => Message::Close(close::parse(payload)?),
        Opcode::Continuation => unreachable!("a continuation is no message by itself"),
    })
}

impl State {
    fn is_idle(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    fn next(&mut self, input: &mut Received<'_>, limits: &Limits) -> Result<Option<Message<'_>>, Violation> {
        loop {
            if self.frame.is_none() && !self.begin(input, limits)? {
                return Ok(None);
            }
            let Some(header) = self.take(input)? else { return Ok(None) };
            if header.opcode.is_control() {
                return complete(header.opcode, &mut self.control).map(Some);
            }
            if header.is_final {
                return self.finish().map(Some);
            }
        }
    }

    /// Completes a header. False = more bytes are needed.
    fn begin(&mut self, input: &mut Received<'_>, limits: &Limits) -> Result<bool, Violation> {
        let known = self.header.len();
        let more = input.rest().len().min(CLIENT_HEADER_BYTES_MAX - known);
        self.header.extend_from_slice(&input.rest()[..more]);
        let Some(header) = frame::parse(&self.header)? else {
            input.take(more);
            return Ok(false);
        };
        input.take(header.bytes - known);
        self.header.clear();
        self.control.clear();
        self.admit(&header, limits)?;
        self.frame = Some((header, 0));
        Ok(true)
    }

    /// Checks a frame against the message in progress, before its payload arrives.
    fn admit(&mut self, header: &ClientHeader, limits: &Limits) -> Result<(), Violation> {
        if header.opcode.is_control() {
            return Ok(());
        }
        let is_continuation = header.opcode == Opcode::Continuation;
        if is_continuation != self.message.is_some() {
            return Err(Violation::Protocol);
        }
        let message = self.message.get_or_insert_with(|| Assembly::new(header.opcode == Opcode::Text));
        message.fragments += 1;
        message.bytes = message.bytes.checked_add(header.payload_bytes).ok_or(Violation::TooBig)?;
        if message.fragments > limits.fragments_max {
            return Err(Violation::TooBig);
        }
        check_size(header.opcode, message.bytes, limits)
    }

    /// Takes what has arrived of the frame's payload. Yields its header when it is complete.
    fn take(&mut self, input: &mut Received<'_>) -> Result<Option<ClientHeader>, Violation> {
        let (header, arrived) = self.frame.as_mut().expect("a frame is arriving");
        let header = *header;
        let missing = usize::try_from(header.payload_bytes - *arrived).unwrap_or(usize::MAX);
        let piece = input.take(missing);
        #[expect(clippy::cast_possible_truncation, reason = "only its remainder by four matters")]
        unmask(piece, header.key, *arrived as usize);
        *arrived += piece.len() as u64;
        let is_complete = *arrived == header.payload_bytes;
        if header.opcode.is_control() {
            self.control.extend_from_slice(piece);
        } else {
            self.message.as_mut().expect("admitted").add(piece)?;
        }
        if is_complete {
            self.frame = None;
        }
        Ok(is_complete.then_some(header))
    }

    fn finish(&mut self) -> Result<Message<'_>, Violation> {
        let message = self.message.take().expect("a message is finished once");
        if !message.is_text {
            return Ok(Message::Binary);
        }
        if !message.utf8.is_complete() {
            return Err(Violation::InvalidUtf8);
        }
        self.text = message.payload;
        Ok(Message::Text(&mut self.text))
    }
}

impl Assembly {
    fn new(is_text: bool) -> Self {
        Self { is_text, payload: Vec::new(), bytes: 0, fragments: 0, utf8: Utf8::default() }
    }

    fn add(&mut self, piece: &[u8]) -> Result<(), Violation> {
        if self.is_text {
            self.utf8.feed(piece).map_err(|_| Violation::InvalidUtf8)?;
            self.payload.extend_from_slice(piece);
        }
        Ok(())
    }
}
