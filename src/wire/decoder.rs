//! Received bytes to messages: the server's receiving side of a WebSocket (RFC 6455 §5, §6.2).
//!
//! A frame that is complete in the receive buffer and is a message of its own — nearly every one —
//! is unmasked where it lies and handed out from there. Only what is cut or fragmented is stored.

use super::close::{self, CloseCode};
use super::frame::{self, Head, Opcode, Sender};
use super::mask::unmask;
use super::partial::{Assembly, Collected, Partial};
use super::violation::Violation;
use std::fmt;
use std::ops::Range;

/// What a client may send in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload in bytes, summed over all fragments; 0 means unlimited (P-20).
    ///
    /// Exactly this many bytes are accepted. Holds for binary messages too.
    pub payload_bytes_max: usize,
    /// Largest number of frames of one message, the first included; 0 means unlimited.
    ///
    /// Bounds messages of ever more empty fragments, which the payload limit never ends. More
    /// frames are [`Violation::TooBig`].
    pub fragments_max: usize,
    /// Whether the payloads of binary messages are kept. The server answers them with a close
    /// (P-19) and needs none; an echo peer does (`tests/autobahn`).
    pub keeps_binary: bool,
}

impl Limits {
    /// Whether a message of this many payload bytes and frames is still within the limits.
    pub(super) fn allow(&self, bytes: usize, fragments: usize) -> bool {
        let within = |value, max| max == 0 || value <= max;
        within(bytes, self.payload_bytes_max) && within(fragments, self.fragments_max)
    }
}

/// A message or control frame of the client. Control frames may come between the fragments of a message.
#[derive(PartialEq, Eq)]
pub enum Message<'a> {
    /// A complete text message: unmasked, reassembled (P-18, P-21).
    Text(&'a str),
    /// A complete binary message: to be answered with Close 1003 (P-19). Its payload is empty
    /// unless it was to be kept.
    Binary(&'a [u8]),
    /// To be answered with a Pong of the same payload, at most 125 bytes (P-23).
    Ping(&'a [u8]),
    /// Without influence on anything (P-23).
    Pong(&'a [u8]),
    /// To be answered with a Close of the same code, if there is one, and the same reason (P-162).
    Close(Option<(CloseCode, &'a str)>),
}

/// Shows sizes, not contents: messages carry tokens and passwords (K-14).
impl fmt::Debug for Message<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(payload) => write!(out, "Text({} bytes)", payload.len()),
            Self::Binary(payload) => write!(out, "Binary({} bytes kept)", payload.len()),
            Self::Ping(payload) => write!(out, "Ping({} bytes)", payload.len()),
            Self::Pong(payload) => write!(out, "Pong({} bytes)", payload.len()),
            Self::Close(None) => write!(out, "Close"),
            Self::Close(Some((code, reason))) => write!(out, "Close({}, {} bytes)", code.0, reason.len()),
        }
    }
}

/// The bytes of one read, and how far the decoder has come in them.
pub struct Input<'b> {
    bytes: &'b mut [u8],
    consumed: usize,
}

impl<'b> Input<'b> {
    /// Input of which nothing is consumed yet.
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, consumed: 0 }
    }

    /// The bytes not asked for yet, exactly as they were received, e.g. behind a Close frame.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.consumed..]
    }

    /// Number of bytes consumed, as messages or into the decoder.
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Whether everything is consumed.
    pub fn is_empty(&self) -> bool {
        self.consumed == self.bytes.len()
    }

    /// Consumes up to `max` bytes.
    pub(super) fn take(&mut self, max: usize) -> &mut [u8] {
        let range = self.advance(max);
        &mut self.bytes[range]
    }

    fn advance(&mut self, max: usize) -> Range<usize> {
        let start = self.consumed;
        self.consumed += max.min(self.bytes.len() - start);
        start..self.consumed
    }
}

/// Takes messages out of what one client sends.
///
/// # Contract
///
/// ```
/// # use noex_server::wire::{Decoder, Input, Limits, Message, Violation};
/// # fn received(decoder: &mut Decoder, bytes: &mut [u8], limits: &Limits) -> Result<(), Violation> {
/// let mut input = Input::new(bytes);
/// while let Some(message) = decoder.next(&mut input, limits)? {
///     if let Message::Close(_) = message {
///         break; // what follows a Close means nothing; `input.rest()` would still have it
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// - Bytes are given in the order of their arrival, cut anywhere; the messages do not depend on the cuts.
/// - [`next`](Self::next) is called until it returns `None` — then the whole input is consumed, and an
///   incomplete frame is kept inside — or until the caller gives up the connection.
/// - A message lives until the next call. The bytes behind it are untouched until then.
/// - After a violation the stream has lost its meaning: every further call returns the same violation,
///   and bytes that still arrive are to be thrown away until the connection ends (P-22, Q-15).
///
/// Between messages a decoder owns no memory. Cost is linear in the bytes received, whatever the
/// cuts and fragments; memory follows what has arrived, never what a header claims.
#[derive(Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
    failed: Option<Violation>,
}

// A hundred thousand idle connections hold one each.
const _: () = assert!(size_of::<Decoder>() <= 40);

/// A complete message of kind `kind`, never `Continuation`, and where its payload lies.
struct Found {
    kind: Opcode,
    place: Place,
}

enum Place {
    /// Unmasked in the input.
    Input(Range<usize>),
    /// In the decoder's [`Partial`].
    Stored,
}

impl Decoder {
    /// A decoder at the start of a connection, right behind the handshake.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether neither a frame nor a message is in progress as far as the last call saw.
    pub fn is_idle(&self) -> bool {
        self.partial.as_ref().is_none_or(|partial| partial.is_done())
    }

    /// Takes the next message out of `input`, unmasking in place; `None` when the input is used up.
    ///
    /// # Errors
    ///
    /// The [`Violation`] that ends the connection: P-20 (known from the header, before the payload
    /// arrives), P-21 (as soon as the wrong byte arrives in a cut or fragmented message), P-22.
    pub fn next<'a>(
        &'a mut self,
        input: &'a mut Input<'_>,
        limits: &Limits,
    ) -> Result<Option<Message<'a>>, Violation> {
        let found = match self.find(input, limits) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(violation) => {
                *self = Self { partial: None, failed: Some(violation) };
                return Err(violation);
            }
        };
        let message = match (found.place, &self.partial) {
            (Place::Input(range), _) => message(found.kind, &input.bytes[range]),
            (Place::Stored, Some(partial)) => {
                return message(found.kind, partial.payload(found.kind)).map(Some);
            }
            (Place::Stored, None) => unreachable!("what was stored is kept until the next call"),
        };
        self.failed = message.as_ref().err().copied();
        message.map(Some)
    }

    fn find(&mut self, input: &mut Input<'_>, limits: &Limits) -> Result<Option<Found>, Violation> {
        if let Some(violation) = self.failed {
            return Err(violation);
        }
        self.partial.take_if(|partial| partial.is_done());
        loop {
            let partial = match &mut self.partial {
                Some(partial) if partial.is_in_frame() => partial,
                _ => {
                    let Some(head) = self.take_head(input)? else { return Ok(None) };
                    let before = self.partial.as_ref().and_then(|partial| partial.message());
                    let message = Assembly::after(before, &head, limits)?;
                    if let Some(found) = take_whole(&head, input, limits)? {
                        return Ok(Some(found));
                    }
                    let partial = self.partial.get_or_insert_default();
                    partial.begin(&head, message);
                    partial
                }
            };
            match partial.collect(input, limits)? {
                Collected::Nothing => return Ok(None),
                Collected::Fragment => {}
                Collected::Message(kind) => return Ok(Some(Found { kind, place: Place::Stored })),
            }
        }
    }

    /// Consumes a header; keeps its bytes when it is cut.
    fn take_head(&mut self, input: &mut Input<'_>) -> Result<Option<Head>, Violation> {
        if !self.partial.as_ref().is_some_and(|partial| partial.is_in_head()) {
            if let Some(head) = frame::parse(input.rest(), Sender::Client)? {
                input.advance(head.size);
                return Ok(Some(head));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        self.partial.get_or_insert_default().take_head(input)
    }
}

/// Consumes, unmasks and checks the payload of a frame that is a whole message and has arrived whole.
fn take_whole(head: &Head, input: &mut Input<'_>, limits: &Limits) -> Result<Option<Found>, Violation> {
    if !head.fin || head.opcode == Opcode::Continuation || input.rest().len() < head.len {
        return Ok(None);
    }
    let mut range = input.advance(head.len);
    if head.opcode == Opcode::Binary && !limits.keeps_binary {
        range.end = range.start;
    }
    unmask(&mut input.bytes[range.clone()], head.key, 0);
    Ok(Some(Found { kind: head.opcode, place: Place::Input(range) }))
}

/// Checks the payload of a message; that of one which came in pieces was checked as it came.
fn message(kind: Opcode, payload: &[u8]) -> Result<Message<'_>, Violation> {
    Ok(match kind {
        Opcode::Text => Message::Text(text(payload).ok_or(Violation::InvalidUtf8)?),
        Opcode::Binary => Message::Binary(payload),
        Opcode::Ping => Message::Ping(payload),
        Opcode::Pong => Message::Pong(payload),
        Opcode::Close => Message::Close(close::parse(payload)?),
        Opcode::Continuation => unreachable!("a fragment has the kind of its message"),
    })
}

/// The payload as UTF-8.
fn text(payload: &[u8]) -> Option<&str> {
    /// Up to so many bytes, a loop over words that looks for other than ASCII has finished before the
    /// vector unit's way of validating has set out.
    const SHORT_BYTES: usize = 512;
    if payload.len() <= SHORT_BYTES {
        std::str::from_utf8(payload).ok()
    } else {
        simdutf8::basic::from_utf8(payload).ok()
    }
}

#[cfg(test)]
mod tests;
