//! An object in canonical form together with where its members are.

use super::value::Plain;
use super::{Members, Raw, Value, write};
use smallvec::SmallVec;
use std::num::NonZeroU32;

/// Where a piece of text begins and ends, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    start: u32,
    /// Behind something, so that a span that is missing takes no more room.
    end: NonZeroU32,
}

impl Span {
    /// The piece of `text` from `start` to its present end. `text` is below 4 GiB, and not empty.
    pub fn from(start: usize, text: &[u8]) -> Self {
        let at = |position: usize| u32::try_from(position).expect("a record is below 4 GiB");
        Self::between(at(start), at(text.len()))
    }

    /// The piece between two places.
    pub(super) fn between(start: u32, end: u32) -> Self {
        Self { start, end: NonZeroU32::new(end).expect("no value ends where its text begins") }
    }

    /// Where it begins.
    pub fn start(self) -> u32 {
        self.start
    }

    /// Where it ends.
    pub fn end(self) -> u32 {
        self.end.get()
    }

    /// The same piece after the text before it has grown by so many bytes, modulo 2^32.
    pub fn moved(self, by: u32) -> Self {
        Self::between(self.start.wrapping_add(by), self.end().wrapping_add(by))
    }

    /// The piece itself.
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end() as usize]
    }

    /// How many bytes [`Self::to_bytes`] gives.
    pub const BYTES: usize = 8;

    /// For keeping it beside the text.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        (u64::from(self.start) | u64::from(self.end()) << 32).to_ne_bytes()
    }

    /// What was kept; `None` for zeros, which no span gives.
    #[expect(clippy::cast_possible_truncation, reason = "taking the halves apart")]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let both = u64::from_ne_bytes(bytes);
        Some(Self { start: both as u32, end: NonZeroU32::new((both >> 32) as u32)? })
    }
}

/// A client's object (`data`, `filter`), owned: travels to the core that needs it.
///
/// One pass over the tape writes the text and notes the members, so that nobody
/// has to parse it again. Both are in one buffer: an object is moved often.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// The text, then per member where its name and its value are.
    bytes: Vec<u8>,
    text_len: u32,
    members: u32,
}

/// The buffers of objects that are done, on each core for the next ones: an object waits for its answer,
/// often longer than what the allocator keeps at hand, and comes home to be freed.
mod spare {
    use std::cell::RefCell;

    /// Buffers that are kept, 1 MiB at most: as many as some hundred requests in flight have.
    const BUFFERS_MAX: usize = 2_048;

    /// Bytes that a buffer has at least, so that any kept one does for any common object.
    const BYTES_MIN: usize = 256;

    /// Bytes of a buffer that is kept.
    const BYTES_MAX: usize = 512;

    thread_local! {
        static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }

    /// An empty buffer for so many bytes.
    pub(super) fn take(bytes: usize) -> Vec<u8> {
        let kept = BUFFERS.try_with(|buffers| buffers.borrow_mut().pop()).ok().flatten();
        match kept {
            Some(mut buffer) => {
                buffer.reserve(bytes);
                buffer
            }
            None => Vec::with_capacity(bytes.max(BYTES_MIN)),
        }
    }

    /// Keeps a buffer, or frees it.
    pub(super) fn give(mut buffer: Vec<u8>) {
        if buffer.capacity() < BYTES_MIN || buffer.capacity() > BYTES_MAX {
            return;
        }
        buffer.clear();
        // A thread that ends keeps nothing.
        let _ = BUFFERS.try_with(|buffers| {
            let mut buffers = buffers.borrow_mut();
            if buffers.len() < BUFFERS_MAX {
                buffers.push(buffer);
            }
        });
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.bytes));
    }
}

/// Bytes that a member takes behind the text.
const MEMBER_BYTES: usize = 2 * Span::BYTES;

impl Object {
    /// Copies an object from the tape; `None` if the value is none.
    #[inline] // so that it is made where it is to be
    pub fn from_value(value: Value<'_, '_>) -> Option<Self> {
        match value.plain_object() {
            Some(plain) => Some(Self::copied(&plain)),
            None => value.as_object().map(Self::written),
        }
    }

    fn copied(plain: &Plain<'_>) -> Self {
        let text = plain.text();
        let mut bytes = spare::take(text.len() + plain.len() * MEMBER_BYTES);
        bytes.extend_from_slice(text);
        for [name, value] in plain.spans() {
            bytes.extend_from_slice(&name.to_bytes());
            bytes.extend_from_slice(&value.to_bytes());
        }
        Self { bytes, text_len: count(text.len()), members: count(plain.len()) }
    }

    fn written(members: Members<'_, '_>) -> Self {
        /// Of a typical object.
        const TEXT_BYTES: usize = 192;
        let mut bytes = spare::take(TEXT_BYTES + members.len() * MEMBER_BYTES);
        let mut spans: SmallVec<[[Span; 2]; 16]> = SmallVec::new();
        bytes.push(b'{');
        members.for_each_last(|name, value| {
            if !spans.is_empty() {
                bytes.push(b',');
            }
            let name_at = bytes.len();
            write::utf8(&mut bytes, name);
            let name = Span::from(name_at, &bytes);
            bytes.push(b':');
            let value_at = bytes.len();
            value.write(&mut bytes);
            spans.push([name, Span::from(value_at, &bytes)]);
        });
        bytes.push(b'}');
        let (text_len, members) = (count(bytes.len()), count(spans.len()));
        spans.into_iter().flatten().for_each(|span| bytes.extend_from_slice(&span.to_bytes()));
        Self { bytes, text_len, members }
    }

    /// The canonical text.
    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.text_len as usize]
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members == 0
    }

    /// Where the members are in the text, as (name with its quotes, value), in order.
    pub fn spans(&self) -> impl Iterator<Item = (Span, Span)> {
        let (spans, _) = self.bytes[self.text_len as usize..].as_chunks::<{ Span::BYTES }>();
        let (members, _) = spans.as_chunks::<2>();
        members.iter().map(|[name, value]| {
            let span = |bytes: &[u8; Span::BYTES]| Span::from_bytes(*bytes).expect("no member is at 0");
            (span(name), span(value))
        })
    }

    /// The members as (name with its quotes, value), in order.
    pub fn members(&self) -> impl Iterator<Item = (&[u8], Raw<'_>)> {
        self.spans().map(|(name, value)| (name.of(&self.bytes), Raw::trusted(value.of(&self.bytes))))
    }

    /// The value of the member with that name (with quotes, canonical).
    pub fn get(&self, quoted_name: &[u8]) -> Option<Raw<'_>> {
        self.members().find(|(name, _)| *name == quoted_name).map(|(_, value)| value)
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a message is below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::Object;
    use crate::base::json::Parser;

    #[test]
    fn members_are_found_without_parsing() {
        let mut parser = Parser::default();
        let document = parser.parse(r#" {"a": 1, "b\n": "x", "a": {"c" : [ ]}} "#).unwrap();
        let object = Object::from_value(document.root()).unwrap();
        assert_eq!(object.text(), br#"{"a":{"c":[]},"b\n":"x"}"#);
        assert_eq!(object.get(br#""b\n""#).unwrap().as_bytes(), b"\"x\"");
        assert!(object.get(b"\"c\"").is_none());
        assert_eq!(object.len(), 2);
    }

    #[test]
    fn only_objects_are_objects() {
        let mut parser = Parser::default();
        assert!(Object::from_value(parser.parse("[1]").unwrap().root()).is_none());
    }
}
