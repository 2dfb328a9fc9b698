//! Fields in order, found by name.

use super::Wrong;
use super::field::Field;
use super::rules::Level;
use crate::base::json::{Kind, Raw};
use crate::base::limits::SCHEMA_FIELDS_MAX;
use std::collections::HashMap;

/// Above this many fields a table finds them faster than a search.
const SEARCHED_FIELDS_MAX: usize = 16;

/// The fields of a record or, with nested schemas (A.2), of an object in it.
#[derive(Clone, Debug)]
pub(in crate::store) struct Schema {
    fields: Box<[Field]>,
    /// Field numbers by quoted name, for schemas too large to search one by one.
    numbers: Option<HashMap<Box<[u8]>, usize, ahash::RandomState>>,
}

impl Schema {
    /// Reads an object of field definitions.
    pub(super) fn parse(json: Raw<'_>, level: Level) -> Result<Self, Wrong> {
        if json.kind() != Kind::Object {
            return Err(Wrong::new("", "expected object"));
        }
        if json.members().count() > SCHEMA_FIELDS_MAX {
            return Err(Wrong::new("", format!("more than {SCHEMA_FIELDS_MAX} fields")));
        }
        let field = |(quoted, field)| {
            Field::parse(quoted, field, level).map_err(|wrong| wrong.under(&unquoted(quoted)))
        };
        let fields: Box<[Field]> = json.members().map(field).collect::<Result<_, _>>()?;
        let numbers = (fields.len() > SEARCHED_FIELDS_MAX)
            .then(|| fields.iter().enumerate().map(|(at, field)| (field.quoted.clone(), at)).collect());
        Ok(Self { fields, numbers })
    }

    pub(in crate::store) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The number of the field with that name (quotes included).
    pub(in crate::store) fn number(&self, quoted: &[u8]) -> Option<usize> {
        match &self.numbers {
            Some(numbers) => numbers.get(quoted).copied(),
            None => self.fields.iter().position(|field| *field.quoted == *quoted),
        }
    }
}

/// The text of a quoted name.
pub(super) fn unquoted(quoted: &[u8]) -> String {
    Raw::trusted(quoted).as_str().expect("names are strings").into_owned()
}
