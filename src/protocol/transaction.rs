//! Transactions: a list of operations, all checked before anything runs (02 §9.2).

use super::fields::{Fields, key};
use crate::base::fault::Fault;
use crate::base::json::{Object, Value};
use crate::base::limits::TRANSACTION_OPERATIONS_MAX;
use crate::message::{Call, Filter, Question, Read, Step, Verb};

/// What a transaction can do (S-163).
#[derive(Clone, Copy)]
enum Kind {
    Get,
    Insert,
    Update,
    Delete,
    Where,
    FindOne,
    Count,
}

/// The names of all kinds, for messages.
const OPS: &str = "get, insert, update, delete, where, findOne, count";

impl Kind {
    fn parse(op: &str) -> Option<Self> {
        Some(match op {
            "get" => Self::Get,
            "insert" => Self::Insert,
            "update" => Self::Update,
            "delete" => Self::Delete,
            "where" => Self::Where,
            "findOne" => Self::FindOne,
            "count" => Self::Count,
            _ => return None,
        })
    }
}

/// The whole list is checked before anything runs; the first offending element is reported
/// with its first failing rule (S-160…S-168).
pub(super) fn decode<'t>(fields: Fields<'_, 't>) -> Result<Call<'t>, Fault> {
    let operations = fields
        .any("operations")
        .and_then(Value::as_array)
        .ok_or_else(|| Fault::validation("Missing or invalid \"operations\": expected array"))?;
    if operations.len() == 0 {
        return Err(Fault::validation("\"operations\" must contain at least one operation"));
    }
    if operations.len() > TRANSACTION_OPERATIONS_MAX {
        return Err(Fault::validation(format!(
            "\"operations\" must contain at most {TRANSACTION_OPERATIONS_MAX} operations"
        )));
    }
    let mut steps = Vec::with_capacity(operations.len());
    for (place, operation) in operations.enumerate() {
        steps.push(step(place, operation)?);
    }
    Ok(Call::Transaction(steps))
}

/// The members that an operation may have, unless they are null; of several of a name the last one
/// (P-34).
#[derive(Default)]
struct Parts<'a, 't> {
    op: Option<Value<'a, 't>>,
    bucket: Option<Value<'a, 't>>,
    key: Option<Value<'a, 't>>,
    data: Option<Value<'a, 't>>,
    filter: Option<Value<'a, 't>>,
    if_version: Option<Value<'a, 't>>,
}

impl<'a, 't> Parts<'a, 't> {
    /// In one pass; `None` if the operation is no object.
    fn of(operation: Value<'a, 't>) -> Option<Self> {
        let mut parts = Self::default();
        for (name, value) in operation.as_object()? {
            let value = Some(value).filter(|value| !value.is_null());
            match name {
                b"op" => parts.op = value,
                b"bucket" => parts.bucket = value,
                b"key" => parts.key = value,
                b"data" => parts.data = value,
                b"filter" => parts.filter = value,
                b"ifVersion" => parts.if_version = value,
                _ => {}
            }
        }
        Some(parts)
    }
}

fn step<'t>(place: usize, operation: Value<'_, 't>) -> Result<Step<&'t str>, Fault> {
    let invalid = |reason: &str| Fault::validation(format!("operations[{place}]: {reason}"));
    let parts = Parts::of(operation).ok_or_else(|| invalid("expected object"))?;
    let (op, kind) = parts
        .op
        .and_then(Value::as_str)
        .and_then(|op| Some((op, Kind::parse(op)?)))
        .ok_or_else(|| invalid(&format!("invalid \"op\" — expected one of: {OPS}")))?;
    let bucket = parts
        .bucket
        .and_then(Value::as_str)
        .filter(|bucket| !bucket.is_empty())
        .ok_or_else(|| invalid("missing or invalid \"bucket\""))?;
    let key = || parts.key.map(key).ok_or_else(|| invalid(&format!("\"{op}\" requires \"key\"")));
    let object = |part: Option<Value<'_, 't>>, name| {
        let object = part.and_then(Object::from_value);
        object.ok_or_else(|| invalid(&format!("\"{op}\" requires \"{name}\" object")))
    };
    let data = || object(parts.data, "data");
    let filter = |object: &Object| {
        Filter::from_object(object)
            .map_err(|reason| Fault::from(reason.within(&format!("operations[{place}]"))))
    };
    let if_version = || match parts.if_version {
        None => Ok(None),
        Some(value) => {
            let number = value.as_number().map(Some);
            number.ok_or_else(|| invalid("invalid \"ifVersion\" — expected number"))
        }
    };
    let found = |read| {
        Ok::<_, Fault>(Verb::Read(Question { filter: filter(&object(parts.filter, "filter")?)?, read }))
    };
    let verb = match kind {
        Kind::Get => Verb::Read(Question::unfiltered(Read::Get(key()?))),
        Kind::Insert => Verb::Insert(data()?),
        Kind::Update => Verb::Update { key: key()?, data: data()?, if_version: if_version()? },
        Kind::Delete => Verb::Delete { key: key()?, if_version: if_version()? },
        Kind::Where => found(Read::All)?,
        Kind::FindOne => found(Read::One)?,
        Kind::Count => {
            let object = parts.filter.map(|filter| {
                Object::from_value(filter).ok_or_else(|| invalid("invalid \"filter\" — expected object"))
            });
            let filter = object.transpose()?.as_ref().map(filter).transpose()?.unwrap_or_default();
            Verb::Read(Question { filter, read: Read::Count })
        }
    };
    Ok(Step { bucket, verb })
}
