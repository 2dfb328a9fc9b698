//! One record: its JSON text, written once per version, and where the schema's fields are in it.

use super::definition::Definition;
use crate::base::json::{Raw, Span};
use smallvec::SmallVec;
use std::sync::Arc;

/// The canonical JSON of a key. Keys are scalars, so that equal bytes are equal keys (S-65).
/// Text keys of up to 38 bytes, a UUID with its quotes among them, need no allocation.
pub type Key = SmallVec<[u8; 40]>;

/// A stored record, immutable; cloning shares the text.
#[derive(Clone, Debug)]
pub struct Record {
    /// The complete object as clients see it, metadata at its end.
    text: Arc<[u8]>,
    /// Where each schema field's value stands, in schema order; `None` if missing.
    fields: Box<[Option<Span>]>,
    /// Where the metadata begins: at the comma before `"_version"`.
    meta_at: u32,
    version: u64,
    created_at: u64,
}

/// The metadata of a record (02 §2.5).
#[derive(Clone, Copy)]
pub(super) struct Meta {
    pub(super) version: u64,
    pub(super) created_at: u64,
    pub(super) updated_at: u64,
}

/// Names that the store alone writes (S-62).
pub(super) const META_NAMES: [&[u8]; 3] = [b"\"_version\"", b"\"_createdAt\"", b"\"_updatedAt\""];

impl Record {
    /// Completes `text`, an object without its closing brace, with the metadata.
    pub(super) fn finish(mut text: Vec<u8>, fields: Box<[Option<Span>]>, meta: Meta) -> Self {
        let meta_at = u32::try_from(text.len()).expect("a record is below 4 GiB");
        let mut digits = itoa::Buffer::new();
        for (name, value) in META_NAMES.iter().zip([meta.version, meta.created_at, meta.updated_at]) {
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend_from_slice(name);
            text.push(b':');
            text.extend_from_slice(digits.format(value).as_bytes());
        }
        text.push(b'}');
        let Meta { version, created_at, .. } = meta;
        Self { text: text.into(), fields, meta_at, version, created_at }
    }

    /// The whole record as JSON.
    pub fn text(&self) -> &Arc<[u8]> {
        &self.text
    }

    /// 1 after the insert, one more with every update (S-90).
    pub fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn created_at(&self) -> u64 {
        self.created_at
    }

    /// The value of a schema field, if present. O(1).
    pub fn field(&self, number: usize) -> Option<Raw<'_>> {
        Some(Raw::trusted(self.fields.get(number).copied().flatten()?.of(&self.text)))
    }

    /// The value of any top-level property, metadata included (S-63). Scans the text.
    pub fn property(&self, quoted: &[u8]) -> Option<Raw<'_>> {
        Raw::trusted(&self.text).get(quoted)
    }

    /// All top-level properties as (name with quotes, value).
    pub fn properties(&self) -> impl Iterator<Item = (&[u8], Raw<'_>)> {
        Raw::trusted(&self.text).members()
    }

    /// The canonical JSON of its key.
    pub fn key(&self, definition: &Definition) -> Raw<'_> {
        self.field(definition.key_field()).expect("a stored record has its key (S-66)")
    }

    /// The properties without metadata, in order, as (name with quotes, value).
    pub(super) fn data(&self) -> impl Iterator<Item = (&[u8], Raw<'_>)> {
        let end = self.meta_at as usize;
        Raw::trusted(&self.text)
            .members()
            .take_while(move |(name, _)| (name.as_ptr() as usize) - (self.text.as_ptr() as usize) < end)
    }
}
