//! Transactions: a list of operations, all checked before anything runs (02 §9.2).

use super::fields::Fields;
use crate::base::fault::Fault;
use crate::base::json::{Object, Value};
use crate::base::limits::TRANSACTION_OPERATIONS_MAX;
use crate::message::{Call, Filter, Question, Read, Step, Verb};

/// What a transaction can do (S-163).
const OPS: [&str; 7] = ["get", "insert", "update", "delete", "where", "findOne", "count"];

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

fn step<'t>(place: usize, operation: Value<'_, 't>) -> Result<Step<&'t str>, Fault> {
    let invalid = |reason: &str| Fault::validation(format!("operations[{place}]: {reason}"));
    operation.as_object().ok_or_else(|| invalid("expected object"))?;
    let fields = Fields(operation);
    let op = fields
        .any("op")
        .and_then(Value::as_str)
        .filter(|op| OPS.contains(op))
        .ok_or_else(|| invalid(&format!("invalid \"op\" — expected one of: {}", OPS.join(", "))))?;
    let bucket = fields
        .any("bucket")
        .and_then(Value::as_str)
        .filter(|bucket| !bucket.is_empty())
        .ok_or_else(|| invalid("missing or invalid \"bucket\""))?;
    let key = || fields.optional_key().ok_or_else(|| invalid(&format!("\"{op}\" requires \"key\"")));
    let object =
        |name| fields.object(name).map_err(|_| invalid(&format!("\"{op}\" requires \"{name}\" object")));
    let filter = |object: &Object| {
        Filter::from_object(object)
            .map_err(|reason| Fault::from(reason.within(&format!("operations[{place}]"))))
    };
    let if_version = || {
        let number = fields.optional_number("ifVersion");
        number.map_err(|_| invalid("invalid \"ifVersion\" — expected number"))
    };
    let verb = match op {
        "get" => Verb::Read(Question::unfiltered(Read::Get(key()?))),
        "insert" => Verb::Insert(object("data")?),
        "update" => {
            let key = key()?;
            Verb::Update { key, data: object("data")?, if_version: if_version()? }
        }
        "delete" => Verb::Delete { key: key()?, if_version: if_version()? },
        "where" => Verb::Read(Question { filter: filter(&object("filter")?)?, read: Read::All }),
        "findOne" => Verb::Read(Question { filter: filter(&object("filter")?)?, read: Read::One }),
        _ => {
            let object = fields
                .optional_object("filter")
                .map_err(|_| invalid("invalid \"filter\" — expected object"))?;
            let filter = object.as_ref().map(filter).transpose()?.unwrap_or_default();
            Verb::Read(Question { filter, read: Read::Count })
        }
    };
    Ok(Step { bucket, verb })
}
