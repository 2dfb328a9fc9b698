//! What a bucket is: its key, its schema, its indexes and its bounds (02 §2.1).

mod default;
mod field;
mod rules;
mod schema;
mod update;

pub(super) use default::DefaultFunction;
pub use field::{Field, FieldType, Generated};
pub(super) use rules::Rules;
pub(super) use schema::Schema;

use super::record::{EXPIRES_AT, META_NAMES};
use super::ttl;
use crate::base::fault::Fault;
use crate::base::json::{Kind, Number, Raw};
use crate::base::limits::DEFINITION_BYTES_MAX;
use rules::Level;
use schema::unquoted;
use std::panic::RefUnwindSafe;

/// A bucket definition that has been checked (S-21, S-22, S-24).
#[derive(Clone, Debug)]
pub struct Definition {
    name: Box<str>,
    text: Box<[u8]>,
    schema: Schema,
    key_field: usize,
    indexes: Box<[usize]>,
    autoincrement: Box<[usize]>,
    /// By field.
    default_functions: Vec<(usize, DefaultFunction)>,
    ttl_ms: Option<f64>,
    max_size: Option<u64>,
    is_ordered: bool,
    is_persistent: bool,
}

impl Definition {
    /// Reads a definition from canonical JSON: the `config` of `store.defineBucket`, or a
    /// bucket of the configuration file.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with the texts of S-24, S-21, S-22 and S-185, in this order.
    pub fn parse(name: &str, json: Raw<'_>) -> Result<Self, Fault> {
        let Parts { key, schema, indexed, max_size, is_ordered } =
            Parts::parse(json).map_err(|wrong| wrong.fault(name))?;
        let key_field = schema.fields().iter().position(|field| *field.name == *key).ok_or_else(|| {
            Fault::validation(format!("Key field \"{key}\" does not exist in schema for bucket \"{name}\""))
        })?;
        let indexes = indexes(&schema, &indexed).map_err(|unknown| unknown_index(name, unknown))?;
        let ttl_ms = json.get(b"\"ttl\"").map(|ttl| ttl::parse(ttl, name)).transpose()?;
        let is_counted =
            |number: &usize| schema.fields()[*number].generated == Some(Generated::Autoincrement);
        Ok(Self {
            name: name.into(),
            text: json.as_bytes().into(),
            key_field,
            indexes,
            default_functions: Vec::new(),
            autoincrement: (0..schema.fields().len()).filter(is_counted).collect(),
            ttl_ms,
            max_size,
            is_ordered,
            is_persistent: json.get(b"\"persistent\"").is_none_or(|value| value.as_bytes() != b"false"),
            schema,
        })
    }

    /// The same with a function of the embedding program as the default of a field, in the place of
    /// one in the definition: called once for each insert that leaves the field missing. It returns
    /// JSON, which is checked like any other value, or nothing, and the field stays missing (S-38). It
    /// runs where the bucket lives, so it must be quick; its panic fails the insert.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` if there is no such field, or if it is the key: others have to know a key
    /// before it is made (`generated` makes keys).
    pub fn with_default(
        mut self,
        field: &str,
        function: impl Fn() -> Option<String> + Send + Sync + RefUnwindSafe + 'static,
    ) -> Result<Self, Fault> {
        let number = self.fields().iter().position(|known| *known.name == *field);
        match number.filter(|number| *number != self.key_field) {
            Some(number) => {
                self.default_functions.push((number, DefaultFunction::new(function)));
                Ok(self)
            }
            None => {
                let name = &self.name;
                Err(Fault::validation(format!(
                    "Field \"{field}\" of bucket \"{name}\" cannot have a default"
                )))
            }
        }
    }

    /// The defaults that are functions, by field.
    pub(super) fn default_functions(&self) -> &[(usize, DefaultFunction)] {
        &self.default_functions
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Canonical JSON of the definition as it was supplied, later updates merged in (S-26, S-223).
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The schema's fields in order.
    pub fn fields(&self) -> &[Field] {
        self.schema.fields()
    }

    /// The number of the key field.
    pub fn key_field(&self) -> usize {
        self.key_field
    }

    /// The number of the field with that name (quotes included).
    pub fn field_number(&self, quoted: &[u8]) -> Option<usize> {
        self.schema.number(quoted)
    }

    /// The numbers of the fields with an index, each once: those named in `indexes` in that order,
    /// then the remaining unique ones in schema order. Unique values are checked in this order
    /// (S-74), and S-80 counts them.
    pub fn indexes(&self) -> &[usize] {
        &self.indexes
    }

    /// The numbers of the fields that the bucket's counter fills (S-36, S-37).
    pub fn autoincrement(&self) -> &[usize] {
        &self.autoincrement
    }

    /// How long records live, milliseconds, positive and finite (S-184).
    pub fn ttl_ms(&self) -> Option<f64> {
        self.ttl_ms
    }

    /// How many records there may be, at least 1 (S-193, S-195).
    pub fn max_size(&self) -> Option<u64> {
        self.max_size
    }

    /// Whether `first`, `last` and pages follow the keys (`ordered_set`, S-72).
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Whether persistence includes the bucket (S-197).
    pub fn is_persistent(&self) -> bool {
        self.is_persistent
    }
}

/// What S-24 asks of a definition; whether names refer to fields is not looked at yet.
struct Parts<'a> {
    key: String,
    schema: Schema,
    /// Names with quotes, as in `indexes`.
    indexed: Vec<&'a [u8]>,
    max_size: Option<u64>,
    is_ordered: bool,
}

impl<'a> Parts<'a> {
    fn parse(json: Raw<'a>) -> Result<Self, Wrong> {
        if json.as_bytes().len() > DEFINITION_BYTES_MAX {
            return Err(Wrong::new("definition", format!("larger than {DEFINITION_BYTES_MAX} bytes")));
        }
        let key = json.get(b"\"key\"").and_then(Raw::as_str).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| Wrong::new("key", "expected non-empty string"))?.into_owned();
        let schema = json.get(b"\"schema\"").ok_or_else(|| Wrong::new("schema", "expected object"))?;
        let schema = Schema::parse(schema, Level::TOP).map_err(|wrong| wrong.under("schema"))?;
        if let Some(field) = schema.fields().iter().find(|field| META_NAMES.contains(&&*field.quoted)) {
            return Err(Wrong::new(&field.name, "reserved for metadata").under("schema"));
        }
        if schema.fields().iter().any(|field| *field.quoted == *EXPIRES_AT && field.generated.is_some()) {
            return Err(Wrong::new("schema._expiresAt.generated", "the bucket's ttl makes it"));
        }
        let indexed = names(json.get(b"\"indexes\"")).map_err(|wrong| wrong.under("indexes"))?;
        Ok(Self {
            key,
            schema,
            indexed,
            max_size: json.get(b"\"maxSize\"").map(max_size).transpose()?,
            is_ordered: json.get(b"\"etsType\"").map(is_ordered).transpose()?.unwrap_or(false),
        })
    }
}

/// The elements of an array of strings, with quotes; none if there is no array.
fn names(json: Option<Raw<'_>>) -> Result<Vec<&[u8]>, Wrong> {
    let Some(json) = json else { return Ok(Vec::new()) };
    if json.kind() != Kind::Array || json.elements().any(|name| name.kind() != Kind::String) {
        return Err(Wrong::new("", "expected array of strings"));
    }
    Ok(json.elements().map(Raw::as_bytes).collect())
}

/// S-195.
fn max_size(json: Raw<'_>) -> Result<u64, Wrong> {
    json.as_number()
        .and_then(Number::as_positive_integer)
        .ok_or_else(|| Wrong::new("maxSize", "expected integer of at least 1"))
}

fn is_ordered(json: Raw<'_>) -> Result<bool, Wrong> {
    match json.as_str().as_deref() {
        Some("set" | "bag" | "duplicate_bag") => Ok(false),
        Some("ordered_set") => Ok(true),
        _ => Err(Wrong::new("etsType", "expected one of set, ordered_set, bag, duplicate_bag")),
    }
}

/// [`Definition::indexes`], or the first name that is no field.
fn indexes<'n>(schema: &Schema, named: &[&'n [u8]]) -> Result<Box<[usize]>, &'n [u8]> {
    let mut is_listed = vec![false; schema.fields().len()];
    let mut numbers = Vec::new();
    let named: Vec<usize> =
        named.iter().map(|name| schema.number(name).ok_or(*name)).collect::<Result<_, _>>()?;
    let unique = (0..schema.fields().len()).filter(|number| schema.fields()[*number].unique);
    for number in named.into_iter().chain(unique) {
        if !std::mem::replace(&mut is_listed[number], true) {
            numbers.push(number);
        }
    }
    Ok(numbers.into())
}

/// S-22.
fn unknown_index(bucket: &str, quoted: &[u8]) -> Fault {
    let field = unquoted(quoted);
    Fault::validation(format!("Index field \"{field}\" does not exist in schema for bucket \"{bucket}\""))
}

/// What is wrong with a definition, and where: names joined by dots.
struct Wrong {
    path: String,
    reason: String,
}

impl Wrong {
    fn new(path: &str, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reason: reason.into() }
    }

    /// The same, seen from the object that holds it as `name`.
    fn under(self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{name}.{}", self.path) };
        Self { path, ..self }
    }

    /// S-24.
    fn fault(self, bucket: &str) -> Fault {
        let Self { path, reason } = self;
        Fault::validation(format!("Invalid definition for bucket \"{bucket}\": {path}: {reason}"))
    }
}

#[cfg(test)]
mod tests;
