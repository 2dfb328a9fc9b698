//! A property looked up in the schema once, for use on many records.

use super::definition::Definition;
use super::record::Record;
use crate::base::json::Raw;

/// Where a property is found.
#[derive(Clone, Copy)]
pub(super) enum Column<'a> {
    /// A field of the schema: found at once.
    Declared(usize, &'a [u8]),
    /// Any other property, by its name with quotes: searched for in the record's text.
    Other(&'a [u8]),
}

impl<'a> Column<'a> {
    /// The property of that name (with quotes).
    pub(super) fn new(name: &'a [u8], definition: &Definition) -> Self {
        definition.field_number(name).map_or(Self::Other(name), |number| Self::Declared(number, name))
    }

    /// Its value in a record, if it is there.
    pub(super) fn of(self, record: &Record) -> Option<Raw<'_>> {
        match self {
            Self::Declared(number, name) => record.field(number, name),
            Self::Other(name) => record.property(name),
        }
    }
}
