//! The specification in the plainest words: filters, order and sums over `serde_json` values.

use serde_json::{Map, Value};
use std::cmp::Ordering;

pub(super) type Row = Map<String, Value>;

/// S-101, S-251
pub(super) fn matches(filter: &Value, row: &Row) -> bool {
    let all = |filters: &Value, holds: &dyn Fn(&Value) -> bool| filters.as_array().unwrap().iter().all(holds);
    filter.as_object().unwrap().iter().all(|(name, wanted)| match name.as_str() {
        "$and" => all(wanted, &|inner| matches(inner, row)),
        "$or" => !all(wanted, &|inner| !matches(inner, row)),
        _ => term(wanted, row.get(name)),
    })
}

/// S-102, S-103, S-250
fn term(wanted: &Value, value: Option<&Value>) -> bool {
    match wanted.as_object() {
        Some(object) if !object.is_empty() && object.keys().all(|name| name.starts_with('$')) => {
            object.iter().all(|(name, operand)| operator(name, operand, value))
        }
        _ => equal(Some(wanted), value),
    }
}

fn operator(name: &str, operand: &Value, value: Option<&Value>) -> bool {
    let is_member = || operand.as_array().unwrap().iter().any(|member| equal(Some(member), value));
    let order = |operand: &Value| value.and_then(|value| compare(value, operand));
    let text = || value.and_then(Value::as_str);
    let wanted = || operand.as_str().unwrap();
    match name {
        "$eq" => equal(Some(operand), value),
        "$neq" => !equal(Some(operand), value),
        "$gt" => order(operand) == Some(Ordering::Greater),
        "$gte" => order(operand).is_some_and(Ordering::is_ge),
        "$lt" => order(operand) == Some(Ordering::Less),
        "$lte" => order(operand).is_some_and(Ordering::is_le),
        "$between" => {
            order(&operand[0]).is_some_and(Ordering::is_ge) && order(&operand[1]).is_some_and(Ordering::is_le)
        }
        "$in" => is_member(),
        "$nin" => !is_member(),
        "$contains" => text().is_some_and(|text| text.to_lowercase().contains(&wanted().to_lowercase())),
        "$startsWith" => text().is_some_and(|text| text.starts_with(wanted())),
        "$endsWith" => text().is_some_and(|text| text.ends_with(wanted())),
        "$exists" => value.is_some_and(|value| !value.is_null()) == operand.as_bool().unwrap(),
        other => panic!("{other}"),
    }
}

/// S-4
pub(super) fn equal(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a @ Value::Number(_)), Some(b @ Value::Number(_))) => compare(a, b) == Some(Ordering::Equal),
        (Some(Value::Array(_) | Value::Object(_)), _) => false,
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// K-10, S-237, S-252
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        _ => None,
    }
}

/// S-237, and the order of types that this server has chosen.
pub(super) fn sorts(a: Option<&Value>, b: Option<&Value>, descending: bool) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 4,
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Array(_) | Value::Object(_) => 3,
    };
    let (a, b) = (a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null));
    if a.is_null() || b.is_null() {
        return a.is_null().cmp(&b.is_null());
    }
    let order = rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => compare(a, b).unwrap_or(Ordering::Equal),
    });
    if descending { order.reverse() } else { order }
}

/// S-112…S-117; `None` = nothing numeric.
pub(super) fn aggregate(function: &str, rows: &[&Row], field: &str) -> Option<Value> {
    let numbers: Vec<&Value> =
        rows.iter().filter_map(|row| row.get(field)).filter(|value| value.is_number()).collect();
    let sum = numbers.iter().fold(0.0, |sum, number| sum + number.as_f64().unwrap());
    let best = |wanted: Ordering| {
        numbers.iter().copied().reduce(
            |best, number| {
                if compare(number, best) == Some(wanted) { number } else { best }
            },
        )
    };
    match function {
        "sum" => Some(double(sum)),
        #[expect(clippy::cast_precision_loss, reason = "few rows")]
        "avg" => Some(double(if numbers.is_empty() { 0.0 } else { sum / numbers.len() as f64 })),
        "min" => best(Ordering::Less).cloned(),
        "max" => best(Ordering::Greater).cloned(),
        other => panic!("{other}"),
    }
}

/// A.3
pub(super) fn groups(rows: &[&Row], by: &[&str], value: impl Fn(&[&Row]) -> Value) -> Value {
    let text = |value: Option<&Value>| match value {
        None => "null".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(_)) => "[object Object]".to_owned(),
        Some(Value::Array(elements)) => {
            assert!(elements.iter().all(Value::is_number), "the model knows only these");
            elements.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    };
    let mut groups: Vec<(Vec<String>, Vec<&Row>)> = Vec::new();
    for row in rows {
        let key: Vec<String> = by.iter().map(|field| text(row.get(*field))).collect();
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) => members.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    let shown = groups.iter().map(|(_, members)| {
        let key: Row = by
            .iter()
            .filter_map(|field| Some(((*field).to_owned(), members[0].get(*field)?.clone())))
            .collect();
        serde_json::json!({"key": key, "value": value(members)})
    });
    shown.collect()
}

/// A double as the protocol prints it: an integer of 64 bits where it is one (K-10).
#[expect(clippy::cast_possible_truncation, reason = "a double that is an integer below 2^127 is exact")]
fn double(n: f64) -> Value {
    let integer = (n.fract() == 0.0 && n.abs() < 1e38).then_some(n as i128);
    let signed = integer.and_then(|n| i64::try_from(n).ok()).map(Value::from);
    let unsigned = integer.and_then(|n| u64::try_from(n).ok()).map(Value::from);
    signed.or(unsigned).unwrap_or_else(|| Value::from(n))
}
