//! From an envelope to a call: one arm per operation, checks in the order of the specification.

use super::envelope::Envelope;
use super::fields::Fields;
use super::{store, transaction};
use crate::base::fault::{Code, Fault};
use crate::base::ids::SubscriptionId;
use crate::message::{AdminCall, AdminVerb, Call, Namespace, Operation, RulesCall, SessionCall, Survey};

/// Reads and checks the fields of a request.
///
/// # Errors
/// `VALIDATION_ERROR` of the first field that is missing or wrong.
pub fn decode<'t>(operation: Operation, envelope: &Envelope<'_, 't>) -> Result<Call<'t>, Fault> {
    let fields = Fields(envelope);
    match operation {
        Operation::StoreTransaction => transaction::decode(fields),
        Operation::StoreSubscribe => {
            Ok(Call::Subscribe { query: fields.text("query")?, params: fields.optional_json("params") })
        }
        Operation::StoreBuckets => Ok(Call::Session(SessionCall::Buckets)),
        Operation::StoreStats => Ok(Call::Each(Survey::StoreStats)),
        Operation::StoreListQueries => Ok(Call::Each(Survey::Queries)),
        Operation::ServerStats => Ok(Call::Each(Survey::ServerStats)),
        Operation::ServerConnections => Ok(Call::Each(Survey::Connections)),
        Operation::ServerTopLag => Ok(Call::Each(Survey::TopLag)),
        Operation::ServerExplainSubscription => {
            let name = fields.text("subscriptionId")?;
            let id = SubscriptionId::parse(name).ok_or_else(|| no_such_subscription(name))?;
            Ok(Call::Each(Survey::Locate(id)))
        }
        Operation::StoreGetBucketSchema => {
            Ok(Call::Session(SessionCall::BucketSchema { name: fields.text("name")? }))
        }
        Operation::StoreDefineBucket
        | Operation::StoreDropBucket
        | Operation::StoreUpdateBucket
        | Operation::StoreDefineQuery
        | Operation::StoreUndefineQuery => admin(operation, fields).map(Call::Admin),
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
            Ok(Call::Data { bucket, verb: store::verb(operation, fields)? })
        }
    }
}

/// The bucket and the key, as canonical JSON, that a `store.get` names, if both can be used as they stand in its
/// text. What `None` means, [`decode`] says.
pub fn point<'t>(envelope: &Envelope<'_, 't>) -> Option<(&'t str, &'t [u8])> {
    let is_get = envelope.operation == Some(Operation::StoreGet);
    let bucket = envelope.bucket.filter(|_| is_get)?.as_str()?;
    Some((bucket, envelope.key?.plain_string()?))
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

/// The answer to the id of a subscription that there is not (S-152).
pub fn no_such_subscription(name: &str) -> Fault {
    Fault::new(Code::NotFound, format!("Subscription \"{name}\" not found"))
}

/// 02 §11.
fn admin(operation: Operation, fields: Fields<'_, '_>) -> Result<AdminCall, Fault> {
    let name = fields.text("name")?.into();
    let verb = match operation {
        Operation::StoreDefineBucket => AdminVerb::DefineBucket(fields.object("config")?),
        Operation::StoreDropBucket => AdminVerb::DropBucket,
        Operation::StoreUpdateBucket => AdminVerb::UpdateBucket(fields.object("updates")?),
        Operation::StoreDefineQuery => AdminVerb::DefineQuery(fields.object("config")?),
        Operation::StoreUndefineQuery => AdminVerb::UndefineQuery,
        other => unreachable!("{other:?} changes nothing that exists"),
    };
    Ok(AdminCall { name, verb })
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
