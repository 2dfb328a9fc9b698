//! A complete record against its schema (02 §2.4): all issues at once.

use super::definition::{Definition, Field};
use crate::base::fault::Fault;
use crate::base::json::{self, Kind, Raw};

/// One broken rule (S-42…S-50).
struct Issue<'a> {
    field: &'a str,
    message: String,
    code: &'static str,
}

/// Checks every field in schema order.
///
/// # Errors
/// `VALIDATION_ERROR` with the text and the details of S-51.
pub(super) fn record<'v>(
    definition: &Definition,
    value: impl Fn(usize) -> Option<Raw<'v>>,
) -> Result<(), Fault> {
    let issues: Vec<Issue<'_>> = definition
        .fields()
        .iter()
        .enumerate()
        .filter_map(|(number, field)| issue(field, number == definition.key_field(), value(number)))
        .collect();
    if issues.is_empty() { Ok(()) } else { Err(fault(definition.name(), &issues)) }
}

fn issue<'a>(field: &'a Field, is_key: bool, value: Option<Raw<'_>>) -> Option<Issue<'a>> {
    let issue = |message: String, code| Some(Issue { field: &field.name, message, code });
    let Some(value) = value.filter(|value| value.kind() != Kind::Null) else {
        // S-66: a record without a key could never be addressed.
        return if field.required || is_key { issue("Field is required".into(), "required") } else { None };
    };
    let kind = value.kind();
    // S-67: a key that is no scalar could never be looked up.
    let fits = field.field_type.accepts(kind) && (!is_key || value.is_scalar());
    if fits {
        return None;
    }
    issue(format!("Expected type \"{}\", got {}", field.field_type.as_str(), kind.as_str()), "type")
}

fn fault(bucket: &str, issues: &[Issue<'_>]) -> Fault {
    let listed: Vec<_> = issues.iter().map(|issue| format!("{}: {}", issue.field, issue.message)).collect();
    let mut details = vec![b'['];
    for (at, issue) in issues.iter().enumerate() {
        details.extend_from_slice(if at == 0 { b"{" } else { b",{" });
        json::string_member(&mut details, "field", issue.field);
        details.push(b',');
        json::string_member(&mut details, "message", &issue.message);
        details.push(b',');
        json::string_member(&mut details, "code", issue.code);
        details.push(b'}');
    }
    details.push(b']');
    Fault::validation(format!("Validation failed for bucket \"{bucket}\": {}", listed.join("; ")))
        .with_details(details)
}
