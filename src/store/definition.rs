//! What a bucket is: its key field and its schema.

use super::record::META_NAMES;
use crate::base::fault::Fault;
use crate::base::json::{Kind, Raw};
use std::collections::HashMap;

/// A bucket definition that has been checked (S-21, S-24).
#[derive(Clone, Debug)]
pub struct Definition {
    name: Box<str>,
    fields: Box<[Field]>,
    key_field: usize,
    /// Field numbers by quoted name, for schemas too large to search one by one.
    numbers: Option<HashMap<Box<[u8]>, usize, ahash::RandomState>>,
}

/// One field of a schema.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name as clients write it.
    pub name: Box<str>,
    /// The name with its quotes, as it stands in a record's text.
    pub quoted: Box<[u8]>,
    /// What values it takes.
    pub field_type: FieldType,
    /// Whether missing and null are rejected.
    pub required: bool,
    /// Canonical JSON, used on insert when the field is missing (S-38).
    pub default: Option<Box<[u8]>>,
    /// What fills the field on insert; such a field cannot be updated (S-86).
    pub generated: Option<Generated>,
}

/// The declared type of a field (S-52, S-53).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldType {
    /// A JSON string.
    String,
    /// A JSON number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
    /// Any string or number.
    Date,
}

impl FieldType {
    /// The name in definitions and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
            Self::Date => "date",
        }
    }

    /// Whether a value of that kind is of this type.
    pub fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Date => matches!(kind, Kind::String | Kind::Number),
            _ => self.as_str() == kind.as_str(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::String, Self::Number, Self::Boolean, Self::Object, Self::Array, Self::Date]
            .into_iter()
            .find(|field_type| field_type.as_str() == text)
    }
}

/// Who makes the value of a generated field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generated {
    /// A random UUID, version 4 (S-33).
    Uuid,
}

/// Properties that later versions give a meaning; accepting them now would promise what is not kept.
const NOT_YET: [&str; 10] =
    ["enum", "format", "min", "max", "minLength", "maxLength", "pattern", "unique", "properties", "items"];

/// Above this many fields a table finds them faster than a search.
const SEARCHED_FIELDS_MAX: usize = 16;

impl Definition {
    /// Reads a definition from canonical JSON: the `config` of `store.defineBucket`, or a
    /// bucket of the configuration file.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with the texts of S-21 and S-24.
    pub fn parse(name: &str, json: Raw<'_>) -> Result<Self, Fault> {
        let invalid = |path: &str, reason: &str| {
            Fault::validation(format!("Invalid definition for bucket \"{name}\": {path}: {reason}"))
        };
        let member = |wanted: &str| {
            json.members().find(|(quoted, _)| unquoted(quoted) == wanted).map(|(_, value)| value)
        };
        let key = member("key")
            .and_then(Raw::as_str)
            .filter(|key| !key.is_empty())
            .ok_or_else(|| invalid("key", "expected non-empty string"))?;
        let schema = member("schema")
            .filter(|schema| schema.kind() == Kind::Object)
            .ok_or_else(|| invalid("schema", "expected object"))?;
        for unsupported in ["indexes", "ttl", "maxSize"] {
            if member(unsupported).is_some() {
                return Err(invalid(unsupported, "not supported by this version"));
            }
        }
        match member("etsType").and_then(Raw::as_str).as_deref() {
            None | Some("set" | "bag" | "duplicate_bag") => {}
            Some("ordered_set") => {
                return Err(invalid("etsType", "\"ordered_set\" is not supported by this version"));
            }
            Some(_) => return Err(invalid("etsType", "expected set, ordered_set, bag or duplicate_bag")),
        }
        let fields: Box<[Field]> = schema
            .members()
            .map(|(quoted, field)| {
                if META_NAMES.contains(&quoted) {
                    return Err(invalid(&format!("schema.{}", unquoted(quoted)), "reserved for metadata"));
                }
                Field::parse(quoted, field)
                    .map_err(|(path, reason)| invalid(&format!("schema.{}{path}", unquoted(quoted)), &reason))
            })
            .collect::<Result<_, _>>()?;
        let key_field = fields.iter().position(|field| *field.name == *key).ok_or_else(|| {
            Fault::validation(format!("Key field \"{key}\" does not exist in schema for bucket \"{name}\""))
        })?;
        let numbers = (fields.len() > SEARCHED_FIELDS_MAX)
            .then(|| fields.iter().enumerate().map(|(at, field)| (field.quoted.clone(), at)).collect());
        Ok(Self { name: name.into(), fields, key_field, numbers })
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema's fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The number of the key field.
    pub fn key_field(&self) -> usize {
        self.key_field
    }

    /// The number of the field with that name (quotes included).
    pub fn field_number(&self, quoted: &[u8]) -> Option<usize> {
        match &self.numbers {
            Some(numbers) => numbers.get(quoted).copied(),
            None => self.fields.iter().position(|field| *field.quoted == *quoted),
        }
    }
}

impl Field {
    fn parse(quoted: &[u8], json: Raw<'_>) -> Result<Self, (String, String)> {
        let fail = |path: &str, reason: &str| Err((path.to_owned(), reason.to_owned()));
        if json.kind() != Kind::Object {
            return fail("", "expected object");
        }
        let mut field = Self {
            name: unquoted(quoted).into(),
            quoted: quoted.into(),
            field_type: FieldType::Date,
            required: false,
            default: None,
            generated: None,
        };
        let mut field_type = None;
        for (property, value) in json.members() {
            let property = unquoted(property);
            match &*property {
                "type" => field_type = value.as_str().and_then(|text| FieldType::parse(&text)),
                "required" => field.required = value.as_bytes() == b"true",
                "default" => field.default = Some(value.as_bytes().into()),
                "generated" if value.as_bytes() == b"\"uuid\"" => field.generated = Some(Generated::Uuid),
                "generated" => return fail(".generated", "expected \"uuid\""),
                other if NOT_YET.contains(&other) => {
                    return fail(&format!(".{other}"), "not supported by this version");
                }
                _ => {} // S-26: kept by whoever holds the text, otherwise ignored
            }
        }
        match field_type {
            Some(field_type) => Ok(Self { field_type, ..field }),
            None => fail(".type", "expected one of string, number, boolean, object, array, date"),
        }
    }
}

/// The text of a quoted name.
pub(crate) fn unquoted(quoted: &[u8]) -> String {
    Raw::trusted(quoted).as_str().expect("names are strings").into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Definition, FieldType, Generated};
    use crate::base::json::Raw;

    fn parse(json: &str) -> Result<Definition, String> {
        Definition::parse("b", Raw::trusted(json.as_bytes())).map_err(|fault| fault.message)
    }

    #[test]
    fn a_definition_is_read() {
        let json = r#"{"key":"id","schema":{"id":{"type":"string","generated":"uuid"},"n":{"type":"number","default":0,"required":true,"note":1}}}"#;
        let definition = parse(json).unwrap();
        assert_eq!((definition.name(), definition.key_field()), ("b", 0));
        let [id, n] = definition.fields() else { panic!("two fields") };
        assert_eq!((&*id.name, id.generated, id.required), ("id", Some(Generated::Uuid), false));
        assert_eq!(
            (n.field_type, n.required, n.default.as_deref()),
            (FieldType::Number, true, Some(&b"0"[..]))
        );
        assert_eq!(definition.field_number(b"\"n\""), Some(1));
        assert_eq!(definition.field_number(b"\"x\""), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        // S-21, S-24
        for (json, message) in [
            ("{}", "Invalid definition for bucket \"b\": key: expected non-empty string"),
            (r#"{"key":"k","schema":[]}"#, "Invalid definition for bucket \"b\": schema: expected object"),
            (r#"{"key":"k","schema":{}}"#, "Key field \"k\" does not exist in schema for bucket \"b\""),
            (
                r#"{"key":"k","schema":{"k":{"type":"text"}}}"#,
                "Invalid definition for bucket \"b\": schema.k.type: expected one of string, number, boolean, object, array, date",
            ),
            (
                r#"{"key":"k","schema":{"k":1}}"#,
                "Invalid definition for bucket \"b\": schema.k: expected object",
            ),
            (
                r#"{"key":"k","schema":{"k":{"type":"string","generated":"x"}}}"#,
                "Invalid definition for bucket \"b\": schema.k.generated: expected \"uuid\"",
            ),
            (
                r#"{"key":"k","schema":{"k":{"type":"string"},"_version":{"type":"number"}}}"#,
                "Invalid definition for bucket \"b\": schema._version: reserved for metadata",
            ),
            (
                r#"{"key":"k","schema":{"k":{"type":"string","unique":true}}}"#,
                "Invalid definition for bucket \"b\": schema.k.unique: not supported by this version",
            ),
        ] {
            assert_eq!(parse(json).unwrap_err(), message);
        }
    }

    #[test]
    fn large_schemas_are_found_by_table() {
        let fields: Vec<_> = (0..40).map(|n| format!("\"f{n}\":{{\"type\":\"string\"}}")).collect();
        let definition = parse(&format!("{{\"key\":\"f7\",\"schema\":{{{}}}}}", fields.join(","))).unwrap();
        assert_eq!((definition.key_field(), definition.field_number(b"\"f39\"")), (7, Some(39)));
    }
}
