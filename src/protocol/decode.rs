//! From an envelope to a call: one arm per operation, checks in the order of the specification.

use super::envelope::Envelope;
use super::fields::Fields;
use crate::base::fault::{Code, Fault};
use crate::base::json::Value;
use crate::base::limits::TRANSACTION_OPERATIONS_MAX;
use crate::message::{Call, Filter, Namespace, Operation, Question, RulesCall, SessionCall, Step, Verb};

/// Reads and checks the fields of a request.
///
/// # Errors
/// `VALIDATION_ERROR` of the first field that is missing or wrong.
pub fn decode<'t>(operation: Operation, envelope: &Envelope<'_, 't>) -> Result<Call<'t>, Fault> {
    let fields = Fields(envelope.body);
    match operation {
        Operation::StoreTransaction => transaction(fields),
        Operation::StoreSubscribe => {
            Ok(Call::Subscribe { query: fields.text("query")?, params: fields.optional_json("params") })
        }
        Operation::StoreBuckets => Ok(Call::Session(SessionCall::Buckets)),
        Operation::StoreStats => Ok(Call::Each(Question::StoreStats)),
        Operation::StoreUnsubscribe => {
            Ok(Call::Session(SessionCall::Unsubscribe { id: fields.text("subscriptionId")? }))
        }
        Operation::RulesUnsubscribe => {
            Ok(Call::Session(SessionCall::UnsubscribeEvents { id: fields.text("subscriptionId")? }))
        }
        Operation::AuthLogin => Ok(Call::Session(SessionCall::Login { token: fields.text("token")? })),
        Operation::AuthLogout => Ok(Call::Session(SessionCall::Logout)),
        Operation::AuthWhoami => Ok(Call::Session(SessionCall::Whoami)),
        Operation::RulesEmit
        | Operation::RulesSetFact
        | Operation::RulesGetFact
        | Operation::RulesDeleteFact
        | Operation::RulesQueryFacts
        | Operation::RulesGetAllFacts
        | Operation::RulesSubscribe => rules(operation, fields).map(Call::Rules),
        _ => {
            let bucket = fields.text("bucket")?;
            Ok(Call::Data { bucket, verb: verb(operation, fields)? })
        }
    }
}

/// The answer to a name that no operation has (P-61). Namespaces that this version lacks
/// altogether say so before the name is looked at (P-62).
pub fn unknown(name: &str) -> Fault {
    let message = match Namespace::of(name) {
        Namespace::Identity => "Identity management is not configured".to_owned(),
        Namespace::Audit => "Audit log is not configured".to_owned(),
        Namespace::Other => format!("Unknown operation \"{name}\""),
        namespace => format!("Unknown {} operation \"{name}\"", namespace.as_str()),
    };
    Fault::new(Code::UnknownOperation, message)
}

fn verb(operation: Operation, fields: Fields<'_, '_>) -> Result<Verb, Fault> {
    Ok(match operation {
        Operation::StoreInsert => Verb::Insert(fields.object("data")?),
        Operation::StoreGet => Verb::Get(fields.key()?),
        Operation::StoreUpdate => {
            let key = fields.key()?;
            Verb::Update(key, fields.object("data")?)
        }
        Operation::StoreDelete => Verb::Delete(fields.key()?),
        Operation::StoreAll => Verb::Where(Filter::default()),
        Operation::StoreWhere => Verb::Where(Filter::from_object(&fields.object("filter")?)),
        Operation::StoreFindOne => Verb::FindOne(Filter::from_object(&fields.object("filter")?)),
        Operation::StoreCount => {
            let filter = fields.optional_object("filter")?;
            Verb::Count(filter.as_ref().map(Filter::from_object).unwrap_or_default())
        }
        Operation::StoreFirst => Verb::First(fields.positive("n")?),
        Operation::StoreLast => Verb::Last(fields.positive("n")?),
        other => unreachable!("{other:?} has no verb"),
    })
}

fn rules(operation: Operation, fields: Fields<'_, '_>) -> Result<RulesCall, Fault> {
    Ok(match operation {
        Operation::RulesEmit => emit(fields)?,
        Operation::RulesSetFact => {
            let key = fields.text("key")?.to_owned();
            let value = fields
                .any("value")
                .ok_or_else(|| Fault::validation("Missing \"value\": expected a value"))?;
            let mut text = Vec::new();
            value.write(&mut text);
            RulesCall::SetFact { key, value: text }
        }
        Operation::RulesGetFact => RulesCall::GetFact(fields.text("key")?.to_owned()),
        Operation::RulesDeleteFact => RulesCall::DeleteFact(fields.text("key")?.to_owned()),
        Operation::RulesQueryFacts => RulesCall::QueryFacts(fields.text("pattern")?.to_owned()),
        Operation::RulesGetAllFacts => RulesCall::AllFacts,
        Operation::RulesSubscribe => RulesCall::Subscribe(fields.text("pattern")?.to_owned()),
        other => unreachable!("{other:?} is no rules operation"),
    })
}

/// topic, data, correlationId, causationId.
fn emit(fields: Fields<'_, '_>) -> Result<RulesCall, Fault> {
    let topic = fields.text("topic")?.to_owned();
    let data = fields.optional_object("data")?;
    let correlation_id = fields.optional_text("correlationId")?.map(str::to_owned);
    let causation_id = match correlation_id {
        Some(_) => fields.optional_text("causationId")?.map(str::to_owned),
        None => None,
    };
    Ok(RulesCall::Emit { topic, data, correlation_id, causation_id })
}

/// The whole list is checked before anything runs; the first offending element is reported
/// with its first failing rule (S-160…S-168).
fn transaction<'t>(fields: Fields<'_, 't>) -> Result<Call<'t>, Fault> {
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
    let steps: Result<Vec<_>, Fault> = operations
        .enumerate()
        .map(|(place, operation)| {
            step(operation).map_err(|reason| Fault::validation(format!("operations[{place}]: {reason}")))
        })
        .collect();
    steps.map(Call::Transaction)
}

fn step<'t>(operation: Value<'_, 't>) -> Result<Step<&'t str>, String> {
    operation.as_object().ok_or("expected object")?;
    let fields = Fields(operation);
    const OPS: [&str; 7] = ["get", "insert", "update", "delete", "where", "findOne", "count"];
    let op = fields
        .any("op")
        .and_then(Value::as_str)
        .filter(|op| OPS.contains(op))
        .ok_or_else(|| format!("invalid \"op\" — expected one of: {}", OPS.join(", ")))?;
    let bucket = fields
        .any("bucket")
        .and_then(Value::as_str)
        .filter(|bucket| !bucket.is_empty())
        .ok_or("missing or invalid \"bucket\"")?;
    let key = || fields.optional_key().ok_or_else(|| format!("\"{op}\" requires \"key\""));
    let object = |name| fields.object(name).map_err(|_| format!("\"{op}\" requires \"{name}\" object"));
    let verb = match op {
        "get" => Verb::Get(key()?),
        "insert" => Verb::Insert(object("data")?),
        "update" => {
            let key = key()?;
            Verb::Update(key, object("data")?)
        }
        "delete" => Verb::Delete(key()?),
        "where" => Verb::Where(Filter::from_object(&object("filter")?)),
        "findOne" => Verb::FindOne(Filter::from_object(&object("filter")?)),
        _ => {
            let filter = fields
                .optional_object("filter")
                .map_err(|_| "invalid \"filter\" — expected object".to_owned())?;
            Verb::Count(filter.as_ref().map(Filter::from_object).unwrap_or_default())
        }
    };
    Ok(Step { bucket, verb })
}
