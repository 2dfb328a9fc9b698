//! One record: its JSON text, written once per version, and where the schema's fields are in it.

use super::definition::Definition;
use crate::base::json::{self, Raw, Span};
use crate::base::prefetch::prefetch_bytes;
use memchr::memrchr;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// The canonical JSON of a key. Keys are scalars, so that equal bytes are equal keys (S-65).
/// Text keys of up to 38 bytes, a UUID with its quotes among them, need no allocation.
pub type Key = SmallVec<[u8; 40]>;

/// A stored record, immutable; cloning shares it, also with other cores.
///
/// One allocation: the complete object as clients see it, metadata at its end and `_expiresAt`
/// last (S-6); then, per schema
/// field, where its value begins and ends (8 bytes; zeros if missing); then the tail, `Tail`.
#[derive(Clone)]
pub struct Record(Arc<[u8]>);

/// What stands at the very end of a record's bytes.
#[derive(Clone, Copy)]
struct Tail {
    version: u64,
    created_at: u64,
    /// Where the metadata begins: at the comma before `"_version"`.
    meta_at: u32,
    /// Where the text ends.
    text_len: u32,
}

/// Spans of the schema's fields while a record is made, in schema order; `None` if missing.
pub(super) type FieldSpans = SmallVec<[Option<Span>; 12]>;

/// The metadata of a record (02 §2.5).
#[derive(Clone, Copy)]
pub(super) struct Meta {
    pub(super) version: u64,
    pub(super) created_at: u64,
    pub(super) updated_at: u64,
}

/// Names that the store alone writes (S-62).
pub(super) const META_NAMES: [&[u8]; 3] = [b"\"_version\"", b"\"_createdAt\"", b"\"_updatedAt\""];

/// When a record goes by itself (S-186): set by the bucket's TTL or by the client.
pub(super) const EXPIRES_AT: &[u8] = b"\"_expiresAt\"";

impl Record {
    /// Completes `text`, an object without its closing brace, with the metadata.
    /// `expires_at` is a number or null.
    pub(super) fn finish(
        definition: &Definition,
        text: &mut Vec<u8>,
        mut fields: FieldSpans,
        meta: Meta,
        expires_at: Option<Raw<'_>>,
    ) -> Self {
        let meta_at = text.len();
        for (name, value) in META_NAMES.iter().zip([meta.version, meta.created_at, meta.updated_at]) {
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend_from_slice(name);
            text.push(b':');
            json::digits(text, value);
        }
        if let Some(expires_at) = expires_at {
            text.push(b',');
            text.extend_from_slice(EXPIRES_AT);
            text.push(b':');
            let start = text.len();
            text.extend_from_slice(expires_at.as_bytes());
            if let Some(number) = definition.field_number(EXPIRES_AT) {
                fields[number] = Some(Span::from(start, text));
            }
        }
        text.push(b'}');
        let at = |position: usize| u32::try_from(position).expect("a record is below 4 GiB");
        let Meta { version, created_at, .. } = meta;
        let tail = Tail { version, created_at, meta_at: at(meta_at), text_len: at(text.len()) };
        let spans_at = text.len();
        text.resize(spans_at + fields.len() * Span::BYTES, 0);
        let (places, _) = text[spans_at..].as_chunks_mut();
        for (place, span) in places.iter_mut().zip(&fields) {
            *place = span.map_or([0; Span::BYTES], Span::to_bytes);
        }
        text.extend_from_slice(&tail.to_bytes());
        Self(text.as_slice().into())
    }

    /// Whether somebody else has it too.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Asks for its memory, all of it at once: its values are found by what stands at its end.
    pub(super) fn prefetch(&self) {
        prefetch_bytes(&self.0);
    }

    /// The whole record as JSON.
    pub fn text(&self) -> &[u8] {
        &self.0[..self.tail().text_len as usize]
    }

    /// 1 after the insert, one more with every update (S-90).
    pub fn version(&self) -> u64 {
        self.tail().version
    }

    /// When it was inserted, milliseconds since the Unix epoch.
    pub fn created_at(&self) -> u64 {
        self.tail().created_at
    }

    /// When the record goes by itself, milliseconds since the Unix epoch, or null for never;
    /// `None` if it says nothing. Only a bucket with a TTL heeds it (S-188). O(1).
    pub fn expires_at(&self) -> Option<Raw<'_>> {
        let text = self.text();
        let colon = memrchr(b':', text).expect("a record has metadata");
        text[..colon].ends_with(EXPIRES_AT).then(|| Raw::trusted(&text[colon + 1..text.len() - 1]))
    }

    /// The value of a schema field, given by its number and its name with quotes, if present.
    /// O(1); a scan for a field that was added to the definition after this version was written,
    /// since it may be there as an undeclared property (S-221).
    pub fn field(&self, number: usize, quoted: &[u8]) -> Option<Raw<'_>> {
        let spans = &self.0[self.tail().text_len as usize..self.0.len() - Tail::BYTES];
        match spans.get(number * Span::BYTES..).and_then(<[u8]>::first_chunk) {
            Some(span) => Some(Raw::trusted(Span::from_bytes(*span)?.of(&self.0))),
            None => self.property(quoted),
        }
    }

    /// The value of any top-level property, metadata included (S-63). Scans the text.
    pub fn property(&self, quoted: &[u8]) -> Option<Raw<'_>> {
        Raw::trusted(self.text()).get(quoted)
    }

    /// All top-level properties as (name with quotes, value).
    pub fn properties(&self) -> impl Iterator<Item = (&[u8], Raw<'_>)> {
        Raw::trusted(self.text()).members()
    }

    /// The canonical JSON of its key.
    pub fn key(&self, definition: &Definition) -> Raw<'_> {
        let number = definition.key_field();
        self.field(number, &definition.fields()[number].quoted).expect("a stored record has its key (S-66)")
    }

    /// The record as JSON up to its metadata: without its closing brace.
    pub(super) fn data_text(&self) -> &[u8] {
        &self.0[..self.tail().meta_at as usize]
    }

    /// The properties without metadata, in order: the name with its quotes, and where the value is.
    pub(super) fn data(&self) -> impl Iterator<Item = (&[u8], Span)> {
        let end = self.tail().meta_at;
        let spans = self.properties().map(|(name, value)| (name, self.span_of(value)));
        spans.take_while(move |(_, span)| span.start() < end)
    }

    /// Where the value of a schema field is among them. As [`Self::field`].
    pub(super) fn data_field(&self, number: usize, quoted: &[u8]) -> Option<Span> {
        let span = self.span_of(self.field(number, quoted)?);
        (span.start() < self.tail().meta_at).then_some(span)
    }

    /// Where a part of the text is.
    fn span_of(&self, part: Raw<'_>) -> Span {
        let start = part.as_bytes().as_ptr() as usize - self.0.as_ptr() as usize;
        Span::from(start, &self.0[..start + part.as_bytes().len()])
    }

    fn tail(&self) -> Tail {
        Tail::from_bytes(self.0.last_chunk().expect("every record ends with its tail"))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.text()))
    }
}

impl Tail {
    const BYTES: usize = 24;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.version.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.created_at.to_ne_bytes());
        bytes[16..20].copy_from_slice(&self.meta_at.to_ne_bytes());
        bytes[20..].copy_from_slice(&self.text_len.to_ne_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let eight = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let four = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        Self { version: eight(0), created_at: eight(8), meta_at: four(16), text_len: four(20) }
    }
}
