//! What a field's values have to satisfy beyond their type (02 §2.2, appendix A.2).

use super::Wrong;
use super::field::{Field, FieldType};
use super::schema::Schema;
use crate::base::json::{Kind, Number, Raw};
use crate::base::limits::SCHEMA_DEPTH_MAX;
use crate::store::format::Format;
use crate::store::pattern::Pattern;
use std::collections::HashSet;

/// The constraints of one field.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Rules {
    pub(in crate::store) one_of: Option<OneOf>,
    pub(in crate::store) min_length: Option<Bound>,
    pub(in crate::store) max_length: Option<Bound>,
    pub(in crate::store) pattern: Option<Pattern>,
    pub(in crate::store) format: Option<Format>,
    pub(in crate::store) min: Option<Bound>,
    pub(in crate::store) max: Option<Bound>,
    /// Of an `object` field.
    pub(in crate::store) properties: Option<Schema>,
    /// Of an `array` field.
    pub(in crate::store) items: Option<Box<Field>>,
}

/// How many schemas a field is inside of, apart from the bucket's own.
#[derive(Clone, Copy)]
pub(super) struct Level(usize);

impl Level {
    pub(super) const TOP: Self = Self(0);

    pub(super) fn is_nested(self) -> bool {
        self.0 > 0
    }

    fn below(self) -> Result<Self, Wrong> {
        if self.0 == SCHEMA_DEPTH_MAX {
            return Err(Wrong::new("", format!("nested deeper than {SCHEMA_DEPTH_MAX} levels")));
        }
        Ok(Self(self.0 + 1))
    }
}

impl Rules {
    /// Takes one property of a field definition; one that is no rule is ignored (S-26).
    pub(super) fn add(
        &mut self,
        property: &str,
        value: Raw<'_>,
        field_type: FieldType,
        level: Level,
    ) -> Result<(), Wrong> {
        match property {
            "enum" => self.one_of = Some(OneOf::parse(value)?),
            "minLength" => self.min_length = Some(Bound::parse(value)?),
            "maxLength" => self.max_length = Some(Bound::parse(value)?),
            "pattern" => self.pattern = Some(pattern(value)?),
            "format" => self.format = Some(format(value)?),
            "min" => self.min = Some(Bound::parse(value)?),
            "max" => self.max = Some(Bound::parse(value)?),
            "properties" if field_type == FieldType::Object => {
                self.properties = Some(Schema::parse(value, level.below()?)?);
            }
            "items" if field_type == FieldType::Array => {
                self.items = Some(Box::new(Field::parse(b"\"\"", value, level.below()?)?));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { one_of, min_length, max_length, pattern, format, min, max, properties, items } = self;
        let bounds = [min_length, max_length, min, max];
        one_of.is_none()
            && bounds.iter().all(|bound| bound.is_none())
            && pattern.is_none()
            && format.is_none()
            && properties.is_none()
            && items.is_none()
    }
}

/// A number that a value or a length is compared with.
#[derive(Clone, Debug)]
pub(in crate::store) struct Bound {
    pub(in crate::store) value: Number,
    /// As it stands in messages (S-7).
    pub(in crate::store) shown: Box<str>,
}

impl Bound {
    fn parse(json: Raw<'_>) -> Result<Self, Wrong> {
        let value = json.as_number().ok_or_else(|| Wrong::new("", "expected number"))?;
        Ok(Self { value, shown: json.display().into() })
    }
}

/// The members of an `enum` (S-56).
#[derive(Clone, Debug)]
pub(in crate::store) struct OneOf {
    /// The whole array, canonical.
    json: Box<[u8]>,
    /// The scalars among them, for enums too large to search one by one.
    table: Option<HashSet<Box<[u8]>, ahash::RandomState>>,
}

impl OneOf {
    fn parse(json: Raw<'_>) -> Result<Self, Wrong> {
        /// Above this many members a table finds them faster than a search.
        const SEARCHED_MAX: usize = 16;
        if json.kind() != Kind::Array {
            return Err(Wrong::new("", "expected array"));
        }
        let table = (json.elements().count() > SEARCHED_MAX)
            .then(|| json.elements().map(|member| member.as_bytes().into()).collect());
        Ok(Self { json: json.as_bytes().into(), table })
    }

    /// Whether the value is strictly equal to a member; arrays and objects are equal to nothing.
    pub(in crate::store) fn contains(&self, value: Raw<'_>) -> bool {
        value.is_scalar()
            && match &self.table {
                Some(table) => table.contains(value.as_bytes()),
                None => Raw::trusted(&self.json).elements().any(|member| member == value),
            }
    }

    /// The members as S-44 lists them.
    pub(in crate::store) fn shown(&self) -> String {
        let shown: Vec<_> = Raw::trusted(&self.json).elements().map(Raw::display).collect();
        shown.join(", ")
    }
}

fn pattern(value: Raw<'_>) -> Result<Pattern, Wrong> {
    let source = value.as_str().ok_or_else(|| Wrong::new("", "expected string"))?;
    Pattern::parse(&source).map_err(|why| Wrong::new("", format!("invalid regular expression: {why}")))
}

fn format(value: Raw<'_>) -> Result<Format, Wrong> {
    value
        .as_str()
        .and_then(|text| Format::parse(&text))
        .ok_or_else(|| Wrong::new("", "expected one of email, url, iso-date"))
}
