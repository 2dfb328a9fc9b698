//! A complete record against its schema (02 §2.4, appendix A.2): all issues at once.

use super::definition::{Definition, Field, Rules, Schema};
use super::record::EXPIRES_AT;
use crate::base::fault::Fault;
use crate::base::json::{self, Kind, Number, Raw};
use crate::base::limits::{ISSUE_BYTES_MAX, PATTERN_STEPS_MAX, PATTERN_STEPS_PER_BYTE};
use smallvec::{SmallVec, smallvec};
use std::fmt;

/// Checks every field in schema order, and `_expiresAt`.
///
/// # Errors
/// `VALIDATION_ERROR` with the text and the details of S-51. Issues beyond [`ISSUE_BYTES_MAX`]
/// are left out.
pub(super) fn record<'v>(
    definition: &Definition,
    value: impl Fn(usize) -> Option<Raw<'v>>,
    expires_at: Option<Raw<'_>>,
) -> Result<(), Fault> {
    let mut issues = Issues { list: Vec::new(), bytes: 0, steps: PATTERN_STEPS_MAX };
    for (number, field) in definition.fields().iter().enumerate() {
        let path = Path { parent: None, step: Step::Name(&field.name) };
        let value = value(number);
        if number == definition.key_field() {
            issues.check_key(field, value, &path);
        } else {
            issues.check(field, value, &path);
        }
    }
    issues.check_expiry(definition, expires_at);
    if issues.list.is_empty() { Ok(()) } else { Err(issues.fault(definition.name())) }
}

/// One broken rule (S-42…S-50).
struct Issue {
    field: String,
    message: String,
    code: &'static str,
}

struct Issues {
    list: Vec<Issue>,
    bytes: usize,
    /// What matching patterns may still cost.
    steps: u64,
}

impl Issues {
    fn check(&mut self, field: &Field, value: Option<Raw<'_>>, path: &Path<'_>) {
        let Some(value) = value.filter(|value| value.kind() != Kind::Null) else {
            if field.required {
                self.add(path, "required", || "Field is required".to_owned());
            }
            return;
        };
        if !field.field_type.accepts(value.kind()) {
            return self.add_type(path, field.field_type.as_str(), value);
        }
        if let Some(rules) = &field.rules {
            self.check_rules(rules, value, path);
        }
    }

    fn check_key(&mut self, field: &Field, value: Option<Raw<'_>>, path: &Path<'_>) {
        match value {
            // S-66: a record without a key could never be addressed.
            None => self.add(path, "required", || "Field is required".to_owned()),
            Some(value) if value.kind() == Kind::Null => {
                self.add(path, "required", || "Field is required".to_owned());
            }
            // S-67: one whose key is no scalar could never be looked up.
            Some(value) if !value.is_scalar() => self.add_type(path, field.field_type.as_str(), value),
            Some(_) => self.check(field, value, path),
        }
    }

    /// S-187. A field of that name in the schema may have complained already.
    fn check_expiry(&mut self, definition: &Definition, value: Option<Raw<'_>>) {
        let Some(value) = value.filter(|value| !matches!(value.kind(), Kind::Number | Kind::Null)) else {
            return;
        };
        let declared = definition.field_number(EXPIRES_AT).map(|number| &definition.fields()[number]);
        if declared.is_none_or(|field| field.field_type.accepts(value.kind())) {
            let path = Path { parent: None, step: Step::Name("_expiresAt") };
            self.add_type(&path, "number", value);
        }
    }

    /// In the order of S-39.
    fn check_rules(&mut self, rules: &Rules, value: Raw<'_>, path: &Path<'_>) {
        if let Some(one_of) = rules.one_of.as_ref().filter(|one_of| !one_of.contains(value)) {
            self.add(path, "enum", || format!("Value must be one of: {}", one_of.shown()));
        }
        match value.kind() {
            Kind::String => self.check_string(rules, &value.as_str().expect("a string"), path),
            Kind::Number => self.check_number(rules, value.as_number().expect("a number"), path),
            Kind::Object => {
                if let Some(properties) = &rules.properties {
                    self.check_properties(properties, value, path);
                }
            }
            Kind::Array => {
                if let Some(items) = &rules.items {
                    self.check_items(items, value, path);
                }
            }
            Kind::Null | Kind::Boolean => {}
        }
    }

    fn check_string(&mut self, rules: &Rules, text: &str, path: &Path<'_>) {
        if let Some(min) = rules.min_length.as_ref().filter(|min| utf16_len(text).compare(min.value).is_lt())
        {
            self.add(path, "minLength", || format!("Minimum length is {}", min.shown));
        }
        if let Some(max) = rules.max_length.as_ref().filter(|max| utf16_len(text).compare(max.value).is_gt())
        {
            self.add(path, "maxLength", || format!("Maximum length is {}", max.shown));
        }
        if let Some(pattern) = &rules.pattern {
            self.steps += PATTERN_STEPS_PER_BYTE * text.len() as u64;
            if !pattern.is_match(text, &mut self.steps) {
                self.add(path, "pattern", || format!("Value must match pattern \"{}\"", pattern.source()));
            }
        }
        if let Some(format) = rules.format.filter(|format| !format.accepts(text)) {
            self.add(path, "format", || format!("Invalid {} format", format.as_str()));
        }
    }

    fn check_number(&mut self, rules: &Rules, value: Number, path: &Path<'_>) {
        if let Some(min) = rules.min.as_ref().filter(|min| value.compare(min.value).is_lt()) {
            self.add(path, "min", || format!("Minimum value is {}", min.shown));
        }
        if let Some(max) = rules.max.as_ref().filter(|max| value.compare(max.value).is_gt()) {
            self.add(path, "max", || format!("Maximum value is {}", max.shown));
        }
    }

    /// One pass over the object, then the declared properties in their order.
    fn check_properties(&mut self, schema: &Schema, object: Raw<'_>, path: &Path<'_>) {
        let mut values: SmallVec<[Option<Raw<'_>>; 16]> = smallvec![None; schema.fields().len()];
        for (name, value) in object.members() {
            if let Some(number) = schema.number(name) {
                values[number] = Some(value);
            }
        }
        for (field, value) in schema.fields().iter().zip(values) {
            self.check(field, value, &Path { parent: Some(path), step: Step::Name(&field.name) });
        }
    }

    /// Null elements are skipped.
    fn check_items(&mut self, items: &Field, array: Raw<'_>, path: &Path<'_>) {
        for (index, element) in array.elements().enumerate() {
            if element.kind() != Kind::Null {
                self.check(items, Some(element), &Path { parent: Some(path), step: Step::Index(index) });
            }
        }
    }

    fn add_type(&mut self, path: &Path<'_>, expected: &str, value: Raw<'_>) {
        self.add(path, "type", || format!("Expected type \"{expected}\", got {}", value.kind().as_str()));
    }

    fn add(&mut self, path: &Path<'_>, code: &'static str, message: impl FnOnce() -> String) {
        if self.bytes <= ISSUE_BYTES_MAX {
            let (field, message) = (path.to_string(), message());
            self.bytes += field.len() + message.len();
            self.list.push(Issue { field, message, code });
        }
    }

    fn fault(&self, bucket: &str) -> Fault {
        let listed: Vec<_> =
            self.list.iter().map(|issue| format!("{}: {}", issue.field, issue.message)).collect();
        let mut details = vec![b'['];
        for (at, issue) in self.list.iter().enumerate() {
            details.extend_from_slice(if at == 0 { b"{" } else { b",{" });
            json::string_member(&mut details, "field", &issue.field);
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
}

/// S-54.
fn utf16_len(text: &str) -> Number {
    let len = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    Number::Unsigned(len as u64)
}

/// Where a value is in the record; written out only for an issue.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl fmt::Display for Path<'_> {
    /// `object.field`, `array[0]` (A.2); recurses once per level of the schema.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (&self.step, self.parent) {
            (Step::Name(name), None) => f.write_str(name),
            (Step::Name(name), Some(_)) => write!(f, ".{name}"),
            (Step::Index(index), _) => write!(f, "[{index}]"),
        }
    }
}
