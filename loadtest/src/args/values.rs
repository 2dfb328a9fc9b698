//! The values that options take: records, counts, times.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::value::RawValue;

/// The longest phase that can be asked for, in seconds (a week): beyond it is a typing error.
const SECONDS_MAX: f64 = 7.0 * 86_400.0;

/// The highest rate that can be asked for, per second: beyond it the schedule has no whole nanoseconds.
const RATE_MAX: f64 = 1e8;

/// The members of a record: the text of a JSON object without its braces and without the key field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    members: String,
}

impl Record {
    /// The record as a JSON object.
    pub fn object(&self) -> String {
        format!("{{{}}}", self.members)
    }

    /// The record as a JSON object with `key` as its `id`.
    pub fn object_with_key(&self, key: &str) -> String {
        let comma = if self.members.is_empty() { "" } else { "," };
        format!("{{\"id\":{}{comma}{}}}", json_string(key), self.members)
    }
}

impl Record {
    /// The record with a member `text` of `bytes` bytes.
    pub fn with_text(&self, bytes: usize) -> Self {
        let comma = if self.members.is_empty() { "" } else { "," };
        Self { members: format!(r#"{}{comma}"text":"{}""#, self.members, "x".repeat(bytes)) }
    }
}

impl FromStr for Record {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Only the top level is taken apart: values keep the operator's spelling.
        let members: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(text)
            .map_err(|error| format!("the record must be a JSON object: {error}"))?;
        if members.contains_key("id") {
            return Err("the record must not have an \"id\": the workload chooses it".to_owned());
        }
        let trimmed = text.trim();
        Ok(Self { members: trimmed[1..trimmed.len() - 1].trim().to_owned() })
    }
}

/// Where a connection is, seen from a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// On its shard.
    Local,
    /// On another one.
    Remote,
}

/// `text` as a JSON string with its quotes.
pub fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number, at least 1".to_owned()),
    }
}

pub(super) fn percent(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(percent @ 0..=100) => Ok(percent),
        _ => Err("expected a whole number from 0 to 100".to_owned()),
    }
}

pub(super) fn json_object(text: &str) -> Result<serde_json::Value, String> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(members)) => Ok(serde_json::Value::Object(members)),
        _ => Err("expected a JSON object".to_owned()),
    }
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(rate),
        _ => Err(format!("expected requests per second, more than 0 and at most {RATE_MAX}")),
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds, e.g. 5 or 0.5".to_owned())?;
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return Err(format!("must be between 0 and {SECONDS_MAX} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

pub(super) fn positive_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0 seconds".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_keeps_its_spelling() {
        let record: Record = " {\"b\" : 1.50, \"a\":[1, 2] } ".parse().unwrap();
        assert_eq!(record.object(), r#"{"b" : 1.50, "a":[1, 2]}"#);
        assert_eq!(record.object_with_key("a\"b"), r#"{"id":"a\"b","b" : 1.50, "a":[1, 2]}"#);
    }
}
