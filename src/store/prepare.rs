//! From what a client sends to a record that may be stored (02 §2.3, §3.3).

use super::bucket::Bucket;
use super::definition::{Definition, Generated};
use super::record::{EXPIRES_AT, FieldSpans, META_NAMES, Meta, Record};
use super::validate;
use crate::base::fault::Fault;
use crate::base::json::{self, Number, Object, Raw, SEARCHES_MAX, Span};
use crate::base::limits::SCRATCH_BYTES_MAX;
use crate::base::random::Random;
use smallvec::{SmallVec, smallvec};
use std::cell::Cell;
use std::collections::HashMap;
use std::panic::RefUnwindSafe;

/// The buffer in which records are written before their length is known; kept from one to the next.
#[derive(Default)]
pub struct Scratch(Cell<Vec<u8>>);

/// Whoever panics while using it leaves an empty buffer.
impl RefUnwindSafe for Scratch {}

/// What the outside contributes to a new version of a record.
pub struct Stamp<'a> {
    /// One clock reading, milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// For generated values.
    pub random: &'a mut Random,
    /// The bucket's counter, advanced for this attempt (S-36).
    pub autoincrement: u64,
    /// Where the record is written.
    pub scratch: &'a Scratch,
}

/// Prepares an insert into that bucket, which stays as it is: copies, generates, defaults, validates,
/// stamps (S-30).
///
/// # Errors
/// `VALIDATION_ERROR` with every issue found (S-51).
pub fn insert(bucket: &Bucket, data: &Object, stamp: &mut Stamp<'_>) -> Result<Record, Fault> {
    let definition = bucket.definition();
    let mut draft = Draft::new(definition, stamp.scratch);
    if data.members().any(|(name, _)| META_NAMES.contains(&name) || name == EXPIRES_AT) {
        for (name, value) in data.members().filter(|(name, _)| !META_NAMES.contains(name)) {
            draft.add(name, value);
        }
    } else {
        draft.begin_with(data);
    }
    for (number, field) in definition.fields().iter().enumerate() {
        if let Some(generated) = field.generated.filter(|_| draft.value(number).is_none()) {
            draft.generate(number, generated, stamp);
        }
    }
    // A default that is indexed is the same for many: it is near.
    bucket.prefetch(|number| draft.value(number));
    for (number, function) in definition.default_functions() {
        if draft.value(*number).is_none()
            && let Some(value) = function.call()?
        {
            draft.add_made(*number, &value);
        }
    }
    for (number, field) in definition.fields().iter().enumerate() {
        if let Some(default) = field.default.as_ref().filter(|_| draft.value(number).is_none()) {
            draft.add(&field.quoted, Raw::trusted(default));
        }
    }
    let now = stamp.unix_ms;
    draft.finish(Meta { version: 1, created_at: now, updated_at: now }, definition.ttl_ms())
}

/// Prepares an update: merges, validates, counts the version up (S-85…S-90).
///
/// # Errors
/// `VALIDATION_ERROR` with every issue of the merged record (S-51, S-89).
pub fn update<'a>(
    definition: &'a Definition,
    old: &'a Record,
    data: &'a Object,
    unix_ms: u64,
    scratch: &'a Scratch,
) -> Result<Record, Fault> {
    let mut draft = Draft::new(definition, scratch);
    draft.expires_at = old.expires_at();
    let undeclared = Undeclared::new(definition, old, data);
    let mut replaced: SmallVec<[(Span, Raw<'a>); 8]> = SmallVec::new();
    let mut added: SmallVec<[(&[u8], Raw<'a>); 4]> = SmallVec::new();
    for (name, value) in data.members() {
        let number = definition.field_number(name);
        if !may_update(definition, number, name) {
            continue;
        }
        if name == EXPIRES_AT {
            draft.expires_at = Some(value);
            continue;
        }
        let present = match number {
            Some(number) => old.data_field(number, name),
            None => undeclared.find(name),
        };
        match present {
            Some(span) => replaced.push((span, value)),
            None => added.push((name, value)),
        }
    }
    replaced.sort_unstable_by_key(|(span, _)| span.start());
    draft.splice(old, &replaced);
    added.into_iter().for_each(|(name, value)| draft.add(name, value));
    // S-87: an update changes `_expiresAt` only if it names it.
    draft.finish(Meta { version: old.version() + 1, created_at: old.created_at(), updated_at: unix_ms }, None)
}

/// The properties of a record that its bucket does not declare, for an update that names some.
enum Undeclared<'a> {
    /// Searched for each name.
    Few(&'a Record),
    /// Looked up: searching for each name would cost the square.
    Many(HashMap<&'a [u8], Span, ahash::RandomState>),
}

impl<'a> Undeclared<'a> {
    fn new(definition: &Definition, old: &'a Record, data: &Object) -> Self {
        if data.len() <= SEARCHES_MAX {
            return Self::Few(old);
        }
        let is_undeclared = |name| definition.field_number(name).is_none();
        Self::Many(old.data().filter(|(name, _)| is_undeclared(name)).collect())
    }

    fn find(&self, name: &[u8]) -> Option<Span> {
        match self {
            Self::Few(old) => old.data().find(|(other, _)| *other == name).map(|(_, span)| span),
            Self::Many(spans) => spans.get(name).copied(),
        }
    }
}

/// Whether an update may set the property, which is the field of that number if it is declared;
/// others are silently ignored (S-86).
fn may_update(definition: &Definition, number: Option<usize>, name: &[u8]) -> bool {
    let is_open = number.is_none_or(|number| {
        number != definition.key_field() && definition.fields()[number].generated.is_none()
    });
    is_open && !META_NAMES.contains(&name)
}

/// A record's text while it is written.
struct Draft<'a> {
    definition: &'a Definition,
    text: Vec<u8>,
    fields: FieldSpans,
    /// Follows the metadata, wherever the client wrote it (S-6).
    expires_at: Option<Raw<'a>>,
    scratch: &'a Scratch,
}

impl<'a> Draft<'a> {
    fn new(definition: &'a Definition, scratch: &'a Scratch) -> Self {
        let mut text = scratch.0.take();
        text.clear();
        text.push(b'{');
        Self {
            definition,
            text,
            fields: smallvec![None; definition.fields().len()],
            expires_at: None,
            scratch,
        }
    }

    /// Takes over what a client sent, none of which is metadata: its members stand where they stood.
    fn begin_with(&mut self, data: &Object) {
        let (body, _brace) = data.text().split_at(data.text().len() - 1);
        self.text.clear();
        self.text.extend_from_slice(body);
        for (name, value) in data.spans() {
            if let Some(number) = self.definition.field_number(name.of(body)) {
                self.fields[number] = Some(value);
            }
        }
    }

    /// Takes over the data of an earlier version but for some values, given in their order.
    fn splice(&mut self, old: &Record, replaced: &[(Span, Raw<'_>)]) {
        let mut copied = 0;
        self.text.clear();
        let mut ends: SmallVec<[(Span, Span); 8]> = SmallVec::new();
        for (span, value) in replaced {
            self.text.extend_from_slice(&old.data_text()[copied..span.start() as usize]);
            let start = self.text.len();
            self.text.extend_from_slice(value.as_bytes());
            ends.push((*span, Span::from(start, &self.text)));
            copied = span.end() as usize;
        }
        self.text.extend_from_slice(&old.data_text()[copied..]);
        for (number, field) in self.definition.fields().iter().enumerate() {
            self.fields[number] = old.data_field(number, &field.quoted).map(|span| {
                match ends[..ends.partition_point(|(old, _)| old.start() <= span.start())].last() {
                    None => span,
                    Some((old, new)) if *old == span => *new,
                    Some((old, new)) => span.moved(new.end().wrapping_sub(old.end())),
                }
            });
        }
    }

    fn add(&mut self, name: &[u8], value: Raw<'a>) {
        if name == EXPIRES_AT {
            self.expires_at = Some(value);
            return;
        }
        let span = self.write(name, |text| text.extend_from_slice(value.as_bytes()));
        if let Some(number) = self.definition.field_number(name) {
            self.fields[number] = Some(span);
        }
    }

    /// The same for a field, by its number, and a value that was made for it.
    fn add_made(&mut self, number: usize, value: &[u8]) {
        let name = &self.definition.fields()[number].quoted;
        self.fields[number] = Some(self.write(name, |text| text.extend_from_slice(value)));
    }

    /// The value of a field so far.
    fn value(&self, number: usize) -> Option<Raw<'_>> {
        match self.fields[number] {
            Some(span) => Some(Raw::trusted(span.of(&self.text))),
            None => self.expires_at.filter(|_| *self.definition.fields()[number].quoted == *EXPIRES_AT),
        }
    }

    fn generate(&mut self, number: usize, generated: Generated, stamp: &mut Stamp<'_>) {
        let name = &self.definition.fields()[number].quoted;
        self.fields[number] = Some(match generated {
            Generated::Uuid => {
                let id = uuid::Builder::from_random_bytes(stamp.random.next_bytes16()).into_uuid();
                let mut buffer = uuid::Uuid::encode_buffer();
                let id = id.hyphenated().encode_lower(&mut buffer);
                self.write(name, |text| quoted(text, id.as_bytes()))
            }
            Generated::Cuid => {
                let mut id = [b'c'; 33];
                uuid::Uuid::from_bytes(stamp.random.next_bytes16()).simple().encode_lower(&mut id[1..]);
                self.write(name, |text| quoted(text, &id))
            }
            Generated::Autoincrement => self.write(name, |text| json::digits(text, stamp.autoincrement)),
            Generated::Timestamp => self.write(name, |text| json::digits(text, stamp.unix_ms)),
        });
    }

    fn write(&mut self, name: &[u8], value: impl FnOnce(&mut Vec<u8>)) -> Span {
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        self.text.extend_from_slice(name);
        self.text.push(b':');
        let start = self.text.len();
        value(&mut self.text);
        Span::from(start, &self.text)
    }

    /// Validates and stamps; a record that says nothing about its expiry gets it from the TTL (S-186).
    #[expect(clippy::cast_precision_loss, reason = "the time is below 2^53 ms")]
    fn finish(mut self, meta: Meta, ttl_ms: Option<f64>) -> Result<Record, Fault> {
        validate::record(self.definition, |number| self.value(number), self.expires_at)?;
        let mut from_ttl = Vec::new();
        let expires_at = match (self.expires_at, ttl_ms) {
            (None, Some(ttl_ms)) => {
                Number::from_f64(meta.created_at as f64 + ttl_ms).write(&mut from_ttl);
                Some(Raw::trusted(&from_ttl))
            }
            (expires_at, _) => expires_at,
        };
        let record = Record::finish(self.definition, &mut self.text, self.fields, meta, expires_at);
        if self.text.capacity() <= SCRATCH_BYTES_MAX {
            self.scratch.0.set(self.text);
        }
        Ok(record)
    }
}

fn quoted(text: &mut Vec<u8>, plain: &[u8]) {
    text.push(b'"');
    text.extend_from_slice(plain);
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::{Scratch, Stamp, insert, update};
    use crate::base::json::{Object, Parser, Raw};
    use crate::base::random::Random;
    use crate::store::{Bucket, Definition, Record};

    const DEFINITION: &str = r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"name":{"type":"string","required":true},"role":{"type":"string","default":"user"},"age":{"type":"number"}}}"#;

    fn definition() -> Definition {
        Definition::parse("u", Raw::trusted(DEFINITION.as_bytes())).unwrap()
    }

    fn object(text: &str) -> Object {
        let mut parser = Parser::default();
        Object::from_value(parser.parse(text).unwrap().root()).unwrap()
    }

    fn text(record: &Record) -> &str {
        std::str::from_utf8(record.text()).unwrap()
    }

    fn inserted(data: &str) -> Result<Record, String> {
        let mut random = Random::from_seed([1; 32]);
        insert(
            &Bucket::new(definition(), 7),
            &object(data),
            &mut Stamp { unix_ms: 7, random: &mut random, autoincrement: 3, scratch: &Scratch::default() },
        )
        .map_err(|fault| fault.message)
    }

    #[test]
    fn an_insert_generates_defaults_and_stamps() {
        // S-30, S-33, S-6: V-3
        let record = inserted(r#"{"name":"x","_version":99,"_createdAt":1,"_foo":3}"#).unwrap();
        let shown = text(&record);
        let id = record.field(0, b"\"id\"").unwrap().as_str().unwrap().into_owned();
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
        assert_eq!(
            shown,
            format!(
                r#"{{"name":"x","_foo":3,"id":"{id}","role":"user","_version":1,"_createdAt":7,"_updatedAt":7}}"#
            )
        );
    }

    #[test]
    fn null_suppresses_generation_and_default() {
        // S-31: V-2; the key may not be null (S-66).
        let record = inserted(r#"{"id":"a","name":"x","role":null}"#).unwrap();
        assert!(text(&record).starts_with(r#"{"id":"a","name":"x","role":null,"_version""#));
        assert_eq!(
            inserted(r#"{"id":null,"name":"x"}"#).unwrap_err(),
            "Validation failed for bucket \"u\": id: Field is required"
        );
    }

    #[test]
    fn an_update_merges() {
        // S-85, S-86, S-90: V-10, V-11
        let old = inserted(r#"{"id":"a","name":"x","extra":[1]}"#).unwrap();
        let data = object(r#"{"id":"b","_version":50,"role":"admin","extra":null,"new":{"a":1}}"#);
        let record = update(&definition(), &old, &data, 9, &Scratch::default()).unwrap();
        assert_eq!(
            text(&record),
            r#"{"id":"a","name":"x","extra":null,"role":"admin","new":{"a":1},"_version":2,"_createdAt":7,"_updatedAt":9}"#
        );
        assert_eq!(record.version(), 2);
        let again = update(&definition(), &record, &object("{}"), 9, &Scratch::default()).unwrap();
        assert_eq!(again.version(), 3);
        assert_eq!(again.property(b"\"_updatedAt\"").unwrap().as_bytes(), b"9");
    }

    #[test]
    fn the_merged_record_is_validated() {
        // S-89
        let old = inserted(r#"{"id":"a","name":"x"}"#).unwrap();
        let fault =
            update(&definition(), &old, &object(r#"{"name":null,"age":"old"}"#), 9, &Scratch::default())
                .unwrap_err();
        assert_eq!(
            fault.message,
            "Validation failed for bucket \"u\": name: Field is required; age: Expected type \"number\", got string"
        );
    }
}
