//! One field of a schema (02 §2.2, appendix A.2).

use super::Wrong;
use super::rules::{Level, Rules};
use super::schema::unquoted;
use crate::base::json::{Kind, Raw};

/// One field of a schema, or what the elements of an array have to be (A.2).
#[derive(Clone, Debug)]
pub struct Field {
    /// The name as clients write it; empty for the elements of an array.
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
    /// Whether no two records may have the same value (S-73, S-74).
    pub unique: bool,
    /// What else values have to satisfy. Most fields have none, and cost nothing then.
    pub(in crate::store) rules: Option<Box<Rules>>,
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
            Self::String => kind == Kind::String,
            Self::Number => kind == Kind::Number,
            Self::Boolean => kind == Kind::Boolean,
            Self::Object => kind == Kind::Object,
            Self::Array => kind == Kind::Array,
            Self::Date => matches!(kind, Kind::String | Kind::Number),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::String, Self::Number, Self::Boolean, Self::Object, Self::Array, Self::Date]
            .into_iter()
            .find(|field_type| field_type.as_str() == text)
    }
}

/// Who makes the value of a generated field that an insert leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Generated {
    /// A random UUID, version 4 (S-33).
    Uuid,
    /// The letter `c` and 32 random hexadecimal digits (S-34).
    Cuid,
    /// The bucket's counter (S-36).
    Autoincrement,
    /// The time of the insert, milliseconds since the Unix epoch (S-35).
    Timestamp,
}

impl Generated {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "uuid" => Self::Uuid,
            "cuid" => Self::Cuid,
            "autoincrement" => Self::Autoincrement,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }
}

impl Field {
    /// Reads a field definition. `quoted` is its name with quotes, `level` how deep it is nested.
    pub(super) fn parse(quoted: &[u8], json: Raw<'_>, level: Level) -> Result<Self, Wrong> {
        if json.kind() != Kind::Object {
            return Err(Wrong::new("", "expected object"));
        }
        let mut field = Self {
            name: unquoted(quoted).into(),
            quoted: quoted.into(),
            field_type: field_type(json)?,
            required: false,
            default: None,
            generated: None,
            unique: false,
            rules: None,
        };
        let mut rules = Rules::default();
        for (property, value) in json.members() {
            let property = unquoted(property);
            match &*property {
                "required" => field.required = value.as_bytes() == b"true",
                "default" => field.default = Some(value.as_bytes().into()),
                "unique" => field.unique = value.as_bytes() == b"true",
                "generated" => field.generated = Some(generated(value)?),
                // S-26: what means nothing is kept by the definition's text.
                rule => rules.add(rule, value, field.field_type, level).map_err(|wrong| wrong.under(rule))?,
            }
        }
        field.rules = (!rules.is_empty()).then(|| Box::new(rules));
        if level.is_nested() {
            (field.default, field.generated, field.unique) = (None, None, false); // A.2
        }
        Ok(field)
    }
}

fn field_type(json: Raw<'_>) -> Result<FieldType, Wrong> {
    json.get(b"\"type\"")
        .and_then(Raw::as_str)
        .and_then(|text| FieldType::parse(&text))
        .ok_or_else(|| Wrong::new("type", "expected one of string, number, boolean, object, array, date"))
}

fn generated(value: Raw<'_>) -> Result<Generated, Wrong> {
    value
        .as_str()
        .and_then(|text| Generated::parse(&text))
        .ok_or_else(|| Wrong::new("generated", "expected one of uuid, cuid, autoincrement, timestamp"))
}
