//! Records that workloads share: made sure to exist, and their `_version` read from answers.

use memchr::memmem;
use serde_json::Value;

use crate::args::{Target, json_string};
use crate::session::{CallError, Session};

/// What stands before the number.
pub(super) const VERSION: &[u8] = b"\"_version\":";

/// Inserts the operator's record under `key`, or takes the one that is there; returns it.
pub(super) fn ensure(session: &mut Session, target: &Target, key: &str) -> Result<Value, CallError> {
    let data = target.record.object_with_key(key);
    let bucket = json_string(&target.bucket);
    match session.call(&format!(r#""type":"store.insert","bucket":{bucket},"data":{data}"#)) {
        Err(CallError::Refused { code, .. }) if code == "ALREADY_EXISTS" => get(session, target, key),
        inserted => inserted,
    }
}

/// Reads the record `key`.
pub(super) fn get(session: &mut Session, target: &Target, key: &str) -> Result<Value, CallError> {
    let record = session.call(&get_members(target, key))?;
    if record["id"] == key {
        return Ok(record);
    }
    Err(CallError::Protocol(format!("store.get of \"{key}\" in \"{}\" answers {record}", target.bucket)))
}

/// The members of a `store.get` request.
pub(super) fn get_members(target: &Target, key: &str) -> String {
    format!(r#""type":"store.get","bucket":{},"key":{}"#, json_string(&target.bucket), json_string(key))
}

/// The `_version` of a record that a set-up call answered.
pub(super) fn version(record: &Value) -> Result<u64, CallError> {
    record["_version"]
        .as_u64()
        .ok_or_else(|| CallError::Protocol(format!("record without a whole \"_version\": {record}")))
}

/// The versions that the only writer of a record must be answered (S-90), told by the ids of its updates.
///
/// Not by the answer before: an answer that is missing or late is one fault, not also a wrong version of the
/// next.
#[derive(Debug)]
pub(super) struct Versions {
    first_id: u64,
    /// Every how many ids there is an update.
    step: u64,
    /// The version that the update with `first_id` makes; moves with what the server says. Modulo 2^64.
    first: u64,
}

impl Versions {
    /// The record is in `version`; every `step`th request, the first being `first_id`, updates it.
    pub(super) fn new(version: u64, first_id: u64, step: u64) -> Self {
        Self { first_id, step, first: version + 1 }
    }

    /// The version that update `id` makes.
    pub(super) fn expected(&self, id: u64) -> u64 {
        self.first.wrapping_add((id - self.first_id) / self.step)
    }

    /// Whether `data`, the record as it was answered to update `id`, has the version it must have.
    ///
    /// Goes on from what the server says: one wrong step is one fault.
    pub(super) fn check(&mut self, id: u64, data: &[u8]) -> bool {
        let expected = self.expected(id);
        let Some(version) = version_in(data, expected) else { return false };
        self.first = self.first.wrapping_add(version.wrapping_sub(expected));
        version == expected
    }

    /// An update was refused: those after it make lower versions.
    pub(super) fn refused(&mut self) {
        self.first = self.first.wrapping_sub(1);
    }
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

/// The number at the beginning of `text`.
pub(super) fn leading_number(text: &[u8]) -> Option<u64> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..length]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers update `id` with `version` and checks whether that is right.
    fn check(versions: &mut Versions, id: u64, version: &str, right: bool) {
        let data = format!(r#"{{"id":"k","_version":{version}}}"#);
        assert_eq!(versions.check(id, data.as_bytes()), right, "id {id} version {version}");
    }

    #[test]
    fn versions_grow_by_one() {
        let mut versions = Versions::new(4, 1, 1);
        for (id, version, right) in [
            (1, "5", true),
            (2, "6", true),
            (3, "6", false),
            (4, "7", true),
            (5, "9", false),
            (6, "10", true),
            (7, "null", false),
            (8, "12", true),
        ] {
            check(&mut versions, id, version, right);
        }
    }

    #[test]
    fn late_missing_and_refused_answers_are_no_wrong_versions() {
        let mut versions = Versions::new(4, 1, 1);
        check(&mut versions, 2, "6", true);
        check(&mut versions, 1, "5", true);
        check(&mut versions, 4, "8", true);
        versions.refused();
        check(&mut versions, 6, "9", true);
    }

    #[test]
    fn one_update_in_three_requests() {
        let mut versions = Versions::new(1, 10, 3);
        check(&mut versions, 10, "2", true);
        check(&mut versions, 16, "4", true);
    }

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
