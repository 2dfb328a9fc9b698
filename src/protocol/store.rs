//! Reads and writes of one bucket: their fields in the order of 02 §3–§6.

use super::fields::Fields;
use crate::base::fault::Fault;
use crate::base::json::{self, Raw};
use crate::base::limits::BULK_RECORDS_MAX;
use crate::message::{Aggregate, Function, Group, Operation, Question, Read, Verb};

/// Reads the fields of an operation on one bucket, whose name has been read.
pub(super) fn verb(operation: Operation, fields: Fields<'_, '_>) -> Result<Verb, Fault> {
    let read = match operation {
        Operation::StoreInsert => return Ok(Verb::Insert(fields.object("data")?)),
        Operation::StoreUpdate => {
            let key = fields.key()?;
            let data = fields.object("data")?;
            return Ok(Verb::Update { key, data, if_version: fields.optional_number("ifVersion")? });
        }
        Operation::StoreDelete => {
            let key = fields.key()?;
            return Ok(Verb::Delete { key, if_version: fields.optional_number("ifVersion")? });
        }
        Operation::StoreClear => return Ok(Verb::Clear),
        Operation::StoreUpsert => return Ok(Verb::Upsert(fields.object("data")?)),
        Operation::StoreInsertMany => {
            return Ok(Verb::InsertMany(fields.objects("data", BULK_RECORDS_MAX)?));
        }
        Operation::StoreUpdateMany => {
            let filter = fields.filter()?;
            return Ok(Verb::UpdateMany(Box::new((filter, fields.object("data")?))));
        }
        Operation::StoreDeleteMany => return Ok(Verb::DeleteMany(fields.filter()?)),
        Operation::StoreWhere => {
            return Ok(Verb::Read(Question { filter: fields.filter()?, read: Read::All }));
        }
        Operation::StoreFindOne => {
            return Ok(Verb::Read(Question { filter: fields.filter()?, read: Read::One }));
        }
        Operation::StoreCount => {
            return Ok(Verb::Read(Question { filter: fields.optional_filter()?, read: Read::Count }));
        }
        Operation::StoreSum => return aggregate(Function::Sum, fields),
        Operation::StoreAvg => return aggregate(Function::Avg, fields),
        Operation::StoreMin => return aggregate(Function::Min, fields),
        Operation::StoreMax => return aggregate(Function::Max, fields),
        Operation::StoreGroupBy => return group(fields),
        Operation::StoreGet => Read::Get(fields.key()?),
        Operation::StoreAll => Read::All,
        Operation::StoreFirst => Read::First(fields.positive("n")?),
        Operation::StoreLast => Read::Last(fields.positive("n")?),
        Operation::StorePaginate => {
            let limit = fields.positive("limit")?;
            Read::Page { limit, after: fields.canonical("after").map(Box::new) } // S-109: null is a value
        }
        other => unreachable!("{other:?} has no verb"),
    };
    Ok(Verb::Read(Question::unfiltered(read)))
}

/// 02 §6: field, then filter.
fn aggregate(function: Function, fields: Fields<'_, '_>) -> Result<Verb, Fault> {
    let field = json::quoted(fields.text("field")?);
    let filter = fields.optional_filter()?;
    Ok(Verb::Read(Question { filter, read: Read::Aggregate(Aggregate { function, field }) }))
}

/// A.5: field (a name or several), aggregate, then filter.
fn group(fields: Fields<'_, '_>) -> Result<Verb, Fault> {
    let by = fields.canonical("field").filter(|field| field[..] != *b"\"\"");
    let by = by.and_then(|field| Group::names(Raw::trusted(&field)));
    let by =
        by.ok_or_else(|| Fault::validation("Missing or invalid \"field\": expected non-empty string"))?;
    let aggregate = Aggregate::parse(Raw::trusted(fields.object("aggregate")?.text()))
        .map_err(|invalid| Fault::validation(format!("Invalid \"aggregate\": {invalid}")))?;
    let filter = fields.optional_filter()?;
    Ok(Verb::Read(Question { filter, read: Read::Group(Box::new(Group { by, aggregate })) }))
}
