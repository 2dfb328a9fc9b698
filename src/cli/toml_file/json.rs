//! TOML values as canonical JSON: a bucket or query in the file is the same definition
//! as one sent by a client.

use super::table::{Located, Report};
use crate::base::json::{self, Number};
use toml::de::{DeTable, DeValue};

/// Nesting of one definition, levels. TOML itself allows more; nobody writes it by hand, and
/// the writer recurses.
const DEPTH_MAX: usize = 64;

/// Appends the value; `false` if it has no JSON form, which has been reported then.
pub(super) fn write(report: &Report<'_>, value: Located<'_>, out: &mut Vec<u8>) -> bool {
    nested(report, value, out, 0)
}

fn nested(report: &Report<'_>, value: Located<'_>, out: &mut Vec<u8>, depth: usize) -> bool {
    let fail = |message: &str| {
        report.at(value.span(), message);
        false
    };
    if depth > DEPTH_MAX {
        return fail(&format!("nested deeper than {DEPTH_MAX} levels"));
    }
    match value.get_ref() {
        DeValue::String(text) => json::string(out, text),
        DeValue::Boolean(true) => out.extend_from_slice(b"true"),
        DeValue::Boolean(false) => out.extend_from_slice(b"false"),
        DeValue::Integer(integer) => {
            let (text, radix) = (integer.as_str(), integer.radix());
            let signed = i64::from_str_radix(text, radix).map(Number::Signed);
            match signed.or_else(|_| u64::from_str_radix(text, radix).map(Number::Unsigned)) {
                Ok(number) => number.write(out),
                Err(_) => return fail("an integer has at most 64 bits"),
            }
        }
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(number) if f64::is_finite(number) => Number::Double(number).write(out),
            _ => return fail("infinite numbers and NaN have no JSON form"),
        },
        DeValue::Datetime(_) => return fail("dates have no JSON form: write a string or milliseconds"),
        DeValue::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if !nested(report, item, out, depth + 1) {
                    return false;
                }
            }
            out.push(b']');
        }
        DeValue::Table(table) => return object(report, table, out, depth),
    }
    true
}

fn object(report: &Report<'_>, table: &DeTable<'_>, out: &mut Vec<u8>, depth: usize) -> bool {
    out.push(b'{');
    for (index, (key, value)) in table.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::string(out, key.get_ref());
        out.push(b':');
        if !nested(report, value, out, depth + 1) {
            return false;
        }
    }
    out.push(b'}');
    true
}
