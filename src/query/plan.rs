//! A plan says what to read; parameters make it a concrete question.
//!
//! A plan is data (K-3): it travels to the bucket's core, is shared by all who ask
//! the same question, and can be kept up to date.

use crate::base::fault::Fault;
use crate::base::ids::BucketId;
use crate::base::json::{self, Kind, Raw};
use crate::store::{Filter, Term, Test, View};

/// A named query as defined: one read of one bucket, with places for parameters.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The bucket read.
    pub bucket: Box<str>,
    terms: Vec<(Box<[u8]>, Operand)>,
    read: Read,
}

/// What is read from the matching records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Read {
    /// All of them, in bucket order.
    All,
    /// The first `n`.
    First(u64),
    /// The last `n`, in ascending order.
    Last(u64),
    /// Their number.
    Count,
}

/// The right side of a term.
#[derive(Clone, Debug)]
enum Operand {
    Literal(Test),
    /// `{{params.name}}` (S-234); the name with its quotes.
    Parameter(Box<[u8]>),
}

impl Definition {
    /// Reads a query definition from canonical JSON (02 §12): `bucket`, `filter`, `aggregate`
    /// (`{"function":"count"}`), and `first` or `last` with a number, which 02 §12 lacks and K-3 asks for.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with the text of S-228.
    pub fn parse(name: &str, json: Raw<'_>) -> Result<Self, Fault> {
        let invalid = |path: &str, reason: &str| {
            Fault::validation(format!("Invalid query definition \"{name}\": {path}: {reason}"))
        };
        let (mut bucket, mut terms, mut read) = (None, Vec::new(), None);
        for (member, value) in json.members() {
            let member = Raw::trusted(member).as_str().expect("names are strings");
            let next = match &*member {
                "bucket" => {
                    bucket = value.as_str().filter(|bucket| !bucket.is_empty());
                    continue;
                }
                "filter" if value.kind() == Kind::Object => {
                    terms =
                        value.members().map(|(field, value)| (field.into(), Operand::parse(value))).collect();
                    continue;
                }
                "filter" => return Err(invalid("filter", "expected object")),
                "first" => positive(value)
                    .map(Read::First)
                    .ok_or_else(|| invalid("first", "expected positive integer"))?,
                "last" => positive(value)
                    .map(Read::Last)
                    .ok_or_else(|| invalid("last", "expected positive integer"))?,
                "aggregate" => aggregate(value).map_err(|reason| invalid("aggregate", reason))?,
                other => return Err(invalid(other, "not supported by this version")),
            };
            if read.replace(next).is_some() {
                return Err(invalid(&member, "only one of first, last and aggregate"));
            }
        }
        let bucket = bucket.ok_or_else(|| invalid("bucket", "expected non-empty string"))?;
        Ok(Self { bucket: bucket.as_ref().into(), terms, read: read.unwrap_or(Read::All) })
    }

    /// Puts the parameters in their places. A parameter that is missing makes the term match
    /// records without that field (S-235); a parameter is only ever a plain value (S-236).
    pub fn bind(&self, bucket: BucketId, params: Option<Raw<'_>>) -> Bound {
        let value_of = |name: &[u8]| params.and_then(|params| params.get(name));
        let terms = self.terms.iter().map(|(field, operand)| {
            let test = match operand {
                Operand::Literal(test) => test.clone(),
                Operand::Parameter(name) => value_of(name).map_or(Test::Missing, Test::equals),
            };
            Term { field: field.clone(), test }
        });
        Bound { bucket, filter: Filter::new(terms.collect()), read: self.read }
    }
}

impl Operand {
    fn parse(value: Raw<'_>) -> Self {
        let parameter = value.as_str().and_then(|text| parameter_name(&text).map(quoted));
        parameter.map_or_else(|| Self::Literal(Test::equals(value)), Self::Parameter)
    }
}

/// The name in `{{ params.name }}`, if the text is such a reference as a whole (S-234).
fn parameter_name(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let name = inner.strip_prefix("params.")?;
    let legal = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    legal.then_some(name)
}

fn quoted(name: &str) -> Box<[u8]> {
    let mut out = Vec::new();
    json::string(&mut out, name);
    out.into()
}

fn positive(value: Raw<'_>) -> Option<u64> {
    std::str::from_utf8(value.as_bytes()).ok()?.parse().ok().filter(|n| *n >= 1)
}

fn aggregate(value: Raw<'_>) -> Result<Read, &'static str> {
    match value.get(b"\"function\"").and_then(Raw::as_str).as_deref() {
        Some("count") => Ok(Read::Count),
        Some("sum" | "avg" | "min" | "max") => Err("only \"count\" is supported by this version"),
        _ => Err("expected {\"function\":\"count\"}"),
    }
}

/// A concrete question to one bucket. Equal questions are one live query.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bound {
    /// The bucket asked.
    pub bucket: BucketId,
    /// Which records count.
    pub filter: Filter,
    /// What is read of them.
    pub read: Read,
}

impl Bound {
    /// Appends the answer as JSON. O(records of the bucket); `first`/`last` without a filter O(n).
    pub fn evaluate(&self, view: View<'_>, out: &mut Vec<u8>) {
        match self.read {
            Read::All => view.write_all(&self.filter, out),
            Read::First(n) => view.write_first(&self.filter, n, out),
            Read::Last(n) => view.write_last(&self.filter, n, out),
            Read::Count => view.write_count(&self.filter, out),
        }
    }
}
