//! Records that workloads share: made sure to exist, and their `_version` read from answers.

use memchr::memmem;
use serde_json::Value;

use crate::args::{Options, json_string};
use crate::session::{CallError, Session};

const VERSION: &[u8] = b"\"_version\":";

/// Inserts the operator's record under `key`, or takes the one that is there; returns it.
pub(super) fn ensure(session: &mut Session, options: &Options, key: &str) -> Result<Value, CallError> {
    let data = options.record.object_with_key(key);
    let bucket = json_string(&options.bucket);
    match session.call(&format!(r#""type":"store.insert","bucket":{bucket},"data":{data}"#)) {
        Err(CallError::Refused { code, .. }) if code == "ALREADY_EXISTS" => get(session, options, key),
        inserted => inserted,
    }
}

/// Reads the record `key`.
pub(super) fn get(session: &mut Session, options: &Options, key: &str) -> Result<Value, CallError> {
    let record = session.call(&get_members(options, key))?;
    if record["id"] == key {
        return Ok(record);
    }
    Err(CallError::Protocol(format!("store.get of \"{key}\" in \"{}\" answers {record}", options.bucket)))
}

/// The members of a `store.get` request.
pub(super) fn get_members(options: &Options, key: &str) -> String {
    format!(r#""type":"store.get","bucket":{},"key":{}"#, json_string(&options.bucket), json_string(key))
}

/// The `_version` of a record that a set-up call answered.
pub(super) fn version(record: &Value) -> Result<u64, CallError> {
    record["_version"]
        .as_u64()
        .ok_or_else(|| CallError::Protocol(format!("record without a whole \"_version\": {record}")))
}

/// The `_version` of a record in an answer.
///
/// Metadata stands behind the fields in every server known, so the last occurrence is the record's own; the
/// quote before the colon keeps text inside strings from matching. Only if that is not `expected`, which is
/// about to be reported as a fault, the record is parsed to be sure.
pub(super) fn version_in(data: &[u8], expected: u64) -> Option<u64> {
    let scanned = memmem::rfind(data, VERSION).and_then(|at| leading_number(&data[at + VERSION.len()..]));
    if scanned == Some(expected) {
        return scanned;
    }
    serde_json::from_slice::<Value>(data).ok()?["_version"].as_u64()
}

fn leading_number(text: &[u8]) -> Option<u64> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..length]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_of_a_record() {
        let data = br#"{"a":"\"_version\":9","id":"x","_version":12,"_createdAt":1}"#;
        assert_eq!(version_in(data, 12), Some(12));
        assert_eq!(version_in(data, 13), Some(12));
        let nested = br#"{"_version":3,"inner":{"_version":7}}"#;
        assert_eq!(version_in(nested, 3), Some(3));
        for data in [&b"null"[..], b"{}", br#"{"_version":"1"}"#, b"{"] {
            assert_eq!(version_in(data, 1), None);
        }
    }
}
