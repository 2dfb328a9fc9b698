//! The fields of a request, checked with the messages that all namespaces share (P-85).

use super::envelope::Envelope;
use crate::base::fault::Fault;
use crate::base::json::{Number, Object, Value};
use crate::message::{Filter, Key};
use smallvec::SmallVec;

/// Access to the members of one request.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a, 't>(pub(super) &'a Envelope<'a, 't>);

impl<'a, 't> Fields<'a, 't> {
    /// A member, whatever it is.
    #[inline(always)] // so that the name, a constant, decides at compile time
    pub(super) fn any(self, name: &str) -> Option<Value<'a, 't>> {
        match name {
            "bucket" => self.0.bucket,
            "key" => self.0.key,
            "data" => self.0.data,
            name => self.0.body.get(name),
        }
    }

    /// A member that is there and not null.
    #[inline(always)]
    fn present(self, name: &str) -> Option<Value<'a, 't>> {
        self.any(name).filter(|value| !value.is_null())
    }

    /// A non-empty string (S-12).
    #[inline(always)]
    pub(super) fn text(self, name: &str) -> Result<&'t str, Fault> {
        self.any(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or_else(|| {
            Fault::validation(format!("Missing or invalid \"{name}\": expected non-empty string"))
        })
    }

    /// A non-empty string, or nothing.
    pub(super) fn optional_text(self, name: &str) -> Result<Option<&'t str>, Fault> {
        let Some(value) = self.present(name) else { return Ok(None) };
        match value.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(text)),
            None => Err(Fault::validation(format!("Invalid \"{name}\": expected non-empty string"))),
        }
    }

    /// An object (S-13).
    #[inline(always)]
    pub(super) fn object(self, name: &str) -> Result<Object, Fault> {
        self.any(name)
            .and_then(Object::from_value)
            .ok_or_else(|| Fault::validation(format!("Missing or invalid \"{name}\": expected object")))
    }

    /// An object, or nothing (S-15).
    #[inline(always)]
    pub(super) fn optional_object(self, name: &str) -> Result<Option<Object>, Fault> {
        let Some(value) = self.present(name) else { return Ok(None) };
        match Object::from_value(value) {
            Some(object) => Ok(Some(object)),
            None => Err(Fault::validation(format!("Invalid \"{name}\": expected object"))),
        }
    }

    /// An array of at most so many objects.
    pub(super) fn objects(self, name: &str, max: usize) -> Result<Vec<Object>, Fault> {
        let elements = self
            .any(name)
            .and_then(Value::as_array)
            .ok_or_else(|| Fault::validation(format!("Missing or invalid \"{name}\": expected array")))?;
        if elements.len() > max {
            return Err(Fault::validation(format!("\"{name}\" must contain at most {max} elements")));
        }
        let object = |(at, element)| {
            Object::from_value(element)
                .ok_or_else(|| Fault::validation(format!("Invalid \"{name}[{at}]\": expected object")))
        };
        elements.enumerate().map(object).collect()
    }

    /// A number, or nothing.
    #[inline(always)]
    pub(super) fn optional_number(self, name: &str) -> Result<Option<Number>, Fault> {
        let Some(value) = self.present(name) else { return Ok(None) };
        match value.as_number() {
            Some(number) => Ok(Some(number)),
            None => Err(Fault::validation(format!("Invalid \"{name}\": expected number"))),
        }
    }

    /// An integer of at least 1 (S-14).
    pub(super) fn positive(self, name: &str) -> Result<u64, Fault> {
        self.any(name).and_then(Value::as_number).and_then(|number| number.as_positive_integer()).ok_or_else(
            || Fault::validation(format!("Missing or invalid \"{name}\": expected positive integer")),
        )
    }

    /// A key: anything but null (S-16), as canonical JSON.
    pub(super) fn key(self) -> Result<Key, Fault> {
        self.optional_key().ok_or_else(|| Fault::validation("Missing \"key\": expected non-null value"))
    }

    /// The same without its message.
    pub(super) fn optional_key(self) -> Option<Key> {
        self.present("key").map(key)
    }

    /// Any value, null too, as canonical JSON.
    pub(super) fn canonical(self, name: &str) -> Option<Key> {
        self.any(name).map(key)
    }

    /// A filter (S-13, S-253).
    pub(super) fn filter(self) -> Result<Filter, Fault> {
        Ok(Filter::from_object(&self.object("filter")?)?)
    }

    /// A filter, or nothing: every record (S-15).
    pub(super) fn optional_filter(self) -> Result<Filter, Fault> {
        match self.optional_object("filter")? {
            Some(object) => Ok(Filter::from_object(&object)?),
            None => Ok(Filter::default()),
        }
    }

    /// Any value but null, as canonical JSON.
    pub(super) fn optional_json(self, name: &str) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        self.present(name)?.write(&mut text);
        Some(text)
    }
}

/// As canonical JSON.
pub(super) fn key(value: Value<'_, '_>) -> Key {
    let mut text = SmallVec::new();
    value.write(&mut text);
    text
}
