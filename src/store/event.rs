//! What happens to records, told to programs that embed the server (02 §10.4).

use super::change::Change;
use super::definition::Definition;
use super::record::{Key, Record};
use crate::base::json;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// What has happened to a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventKind {
    /// It has come.
    Inserted,
    /// It has another version.
    Updated,
    /// It has gone: by a client, by expiry, by eviction, or by a clear.
    Deleted,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Inserted, Self::Updated, Self::Deleted];

    /// As topics and payloads spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// One change of one record, net of everything else in its commit (S-183, S-204). Cheap to clone:
/// its records are shared with the store.
#[derive(Clone)]
pub struct Event {
    bucket: Arc<str>,
    key: Key,
    /// What happened decides which of the two there are.
    before: Option<Record>,
    after: Option<Record>,
}

impl Event {
    /// Of a change of a bucket; `bucket` is its name.
    pub fn new(bucket: &Arc<str>, definition: &Definition, change: &Change) -> Self {
        let Change { before, after, .. } = change;
        let record = after.as_ref().or(before.as_ref()).expect("a change has a record");
        let key = Key::from_slice(record.key(definition).as_bytes());
        Self { bucket: Arc::clone(bucket), key, before: before.clone(), after: after.clone() }
    }

    /// What has happened.
    pub fn kind(&self) -> EventKind {
        match (&self.before, &self.after) {
            (None, _) => EventKind::Inserted,
            (Some(_), Some(_)) => EventKind::Updated,
            (Some(_), None) => EventKind::Deleted,
        }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The record's key, as JSON.
    pub fn key(&self) -> &str {
        utf8(&self.key)
    }

    /// The record as JSON: as it is now, or as it was when it went.
    pub fn record(&self) -> &str {
        utf8(self.after.as_ref().or(self.before.as_ref()).expect("an event has a record").text())
    }

    /// The version before an update, as JSON.
    pub fn old_record(&self) -> Option<&str> {
        self.after.as_ref().and(self.before.as_ref()).map(|record| utf8(record.text()))
    }

    /// `bucket.<name>.<kind>`
    pub fn topic(&self) -> String {
        format!("bucket.{}.{}", self.bucket, self.kind().as_str())
    }

    /// The payload as JSON: `{"type":"inserted","bucket":…,"key":…,"record":…}`, of an update with
    /// `oldRecord` and `newRecord`.
    pub fn payload(&self) -> String {
        let mut out = vec![b'{'];
        json::string_member(&mut out, "type", self.kind().as_str());
        out.push(b',');
        json::string_member(&mut out, "bucket", &self.bucket);
        out.extend_from_slice(b",\"key\":");
        out.extend_from_slice(&self.key);
        match self.old_record() {
            Some(old) => {
                out.extend_from_slice(b",\"oldRecord\":");
                out.extend_from_slice(old.as_bytes());
                out.extend_from_slice(b",\"newRecord\":");
            }
            None => out.extend_from_slice(b",\"record\":"),
        }
        out.extend_from_slice(self.record().as_bytes());
        out.push(b'}');
        String::from_utf8(out).expect("JSON is UTF-8")
    }
}

/// As its payload.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.payload())
    }
}

fn utf8(json: &[u8]) -> &str {
    std::str::from_utf8(json).expect("stored JSON is UTF-8")
}

/// Which topics somebody wants to hear of (S-206). `*` alone is every topic; otherwise each `*`
/// is one segment, or, at the end of a pattern that is shorter than the topic, all that is left.
///
/// A bucket's name is one segment, also if it has dots, and also where a pattern spells it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventPattern(Box<str>);

type Segments<'a> = SmallVec<[&'a str; 4]>;

impl EventPattern {
    /// Any text is a pattern; most match nothing.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether it matches what happens so to records of that bucket. O(pattern).
    pub fn matches(&self, bucket: &str, kind: EventKind) -> bool {
        let topic = ["bucket", bucket, kind.as_str()];
        let fits = |pattern: &Segments<'_>| fits(pattern, &topic);
        &*self.0 == "*"
            || fits(&self.0.split('.').collect())
            || self.naming(bucket).as_ref().is_some_and(fits)
    }

    /// The segments of a pattern whose second one is that name, dots and all.
    fn naming(&self, bucket: &str) -> Option<Segments<'_>> {
        let (first, rest) = self.0.split_once('.')?;
        let behind = rest.strip_prefix(bucket)?;
        let named = [first, &rest[..bucket.len()]].into_iter();
        match behind.strip_prefix('.') {
            Some(behind) => Some(named.chain(behind.split('.')).collect()),
            None => behind.is_empty().then(|| named.collect()),
        }
    }
}

fn fits(pattern: &[&str], topic: &[&str]) -> bool {
    if pattern.len() == topic.len() {
        return pattern.iter().zip(topic).all(|(wanted, segment)| *wanted == "*" || wanted == segment);
    }
    // Of a shorter pattern the leading segments are literal.
    matches!(pattern, [leading @ .., "*"] if leading.len() < topic.len() && *leading == topic[..leading.len()])
}

#[cfg(test)]
mod tests {
    use super::{EventKind, EventPattern};

    #[test]
    fn patterns() {
        // S-206, S-20
        for (pattern, bucket, matches) in [
            ("*", "u", "iud"),
            ("bucket.u.inserted", "u", "i"),
            ("bucket.u.inserted", "v", ""),
            ("bucket.*.deleted", "u", "d"),
            ("bucket.u.*", "u", "iud"),
            ("*.u.updated", "u", "u"),
            ("*.*.*", "u", "iud"),
            ("bucket.*", "u", "iud"),
            // a shorter pattern: what leads is literal, also a `*`
            ("*.*", "u", ""),
            ("bucket.u", "u", ""),
            ("bucket.u.inserted.*", "u", ""),
            ("bucket.u.*.*", "u", ""),
            ("", "u", ""),
            ("bucket", "u", ""),
            ("bucket.u.inserte", "u", ""),
            // a name with dots is one segment
            ("bucket.*.inserted", "a.b", "i"),
            ("bucket.a.b.inserted", "a.b", "i"),
            ("bucket.a.b.*", "a.b", "iud"),
            ("*.a.b.deleted", "a.b", "d"),
            ("bucket.a.*", "a.b", ""),
            ("bucket.a.*.inserted", "a.b", ""),
            ("bucket.*.*.inserted", "a.b", ""),
            ("bucket.a.b.c.inserted", "a.b", ""),
            ("bucket.a.bc.inserted", "a.b", ""),
            ("bucket.a.b", "a.b", ""),
            ("bucket.a.inserted", "a.inserted", ""),
            ("bucket.a.inserted", "a", "i"),
            // names that look like patterns
            ("bucket.*.inserted", "*", "i"),
            ("bucket.**.inserted", "u", ""),
            ("bucket..inserted", "u", ""),
        ] {
            let pattern = EventPattern::new(pattern);
            let matching = EventKind::ALL.into_iter().filter(|kind| pattern.matches(bucket, *kind));
            let found: String = matching.map(|kind| &kind.as_str()[..1]).collect();
            assert_eq!(found, matches, "{pattern:?} {bucket}");
        }
    }
}
