//! Values that only one record of a bucket may have (02 §2.7).

use super::definition::Definition;
use super::overlay::View;
use super::record::Record;
use crate::base::fault::{Code, Fault};
use crate::base::json::{self, Object, Raw};

/// Checks that no other record of the view has the key or a unique value of a record that is
/// about to be inserted (S-68, S-74).
///
/// # Errors
/// `ALREADY_EXISTS` of the first field in the order of S-74. The key is checked first, unless it
/// is itself declared unique.
pub fn check_insert(view: View<'_>, record: &Record) -> Result<(), Fault> {
    let definition = view.definition();
    let key_field = definition.key_field();
    let key_is_ordered = definition.indexes().contains(&key_field) && definition.fields()[key_field].unique;
    let leading = (!key_is_ordered).then_some(key_field);
    check(view, record, leading.into_iter().chain(unique_fields(definition)))
}

/// The same without the key, for those who have looked for it.
///
/// # Errors
/// As [`check_insert`].
pub fn check_besides_key(view: View<'_>, record: &Record) -> Result<(), Fault> {
    check(view, record, besides_key(view.definition()))
}

/// The same for a new version of the view's record `old`, whose own values do not count (S-75):
/// those that it keeps need not be looked for.
///
/// # Errors
/// As [`check_insert`].
pub fn check_update(view: View<'_>, old: &Record, record: &Record) -> Result<(), Fault> {
    let definition = view.definition();
    let changes = |field: &usize| scalar(definition, old, *field) != scalar(definition, record, *field);
    check(view, record, besides_key(definition).filter(changes))
}

/// The fields that are unique, in the order in which they are checked.
pub fn unique_fields(definition: &Definition) -> impl Iterator<Item = usize> {
    definition.indexes().iter().copied().filter(|field| definition.fields()[*field].unique)
}

/// Whether an update with that data can change a unique value.
pub fn touches_unique(definition: &Definition, data: &Object) -> bool {
    unique_fields(definition).any(|field| data.get(&definition.fields()[field].quoted).is_some())
}

/// S-74.
pub(super) fn unique_violation(definition: &Definition, field: usize, value: Raw<'_>) -> Fault {
    let (bucket, field) = (definition.name(), &definition.fields()[field].name);
    let mut details = vec![b'{'];
    json::string_member(&mut details, "bucket", bucket);
    details.push(b',');
    json::string_member(&mut details, "field", field);
    details.extend_from_slice(b",\"value\":");
    details.extend_from_slice(value.as_bytes());
    details.push(b'}');
    let shown = value.display();
    let message = format!(
        "Unique constraint violation in bucket \"{bucket}\": field \"{field}\" already has value \"{shown}\""
    );
    Fault::new(Code::AlreadyExists, message).with_details(details)
}

/// The unique fields that are not the key.
fn besides_key(definition: &Definition) -> impl Iterator<Item = usize> {
    unique_fields(definition).filter(|field| *field != definition.key_field())
}

fn check(view: View<'_>, record: &Record, fields: impl Iterator<Item = usize>) -> Result<(), Fault> {
    for field in fields {
        let Some(value) = scalar(view.definition(), record, field) else { continue };
        if view.has_other(field, value, record) {
            return Err(unique_violation(view.definition(), field, value));
        }
    }
    Ok(())
}

/// The value by which a record can be found or excluded: missing and null may be there often, and
/// arrays and objects are equal to nothing (S-73).
pub(super) fn scalar<'r>(definition: &Definition, record: &'r Record, field: usize) -> Option<Raw<'r>> {
    record.field(field, &definition.fields()[field].quoted).filter(|value| is_indexed(*value))
}

/// Whether an index takes that value.
pub(super) fn is_indexed(value: Raw<'_>) -> bool {
    value.is_scalar() && value.as_bytes() != b"null"
}
