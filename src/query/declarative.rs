//! The declarative query language (02 §12, A.3): JSON to one read.

use super::plan::{Leaf, Template};
use crate::base::json::{self, Kind, Number, Raw};
use crate::store::{Aggregate, Filter, Group, Invalid, Parameters, Read, Select, SortKey};

/// Reads a configuration. Properties without meaning are ignored.
pub(super) fn parse(config: Raw<'_>) -> Result<Leaf, Invalid> {
    let member = |name: &str| config.get(&json::quoted(name));
    let bucket = member("bucket")
        .and_then(Raw::as_str)
        .filter(|bucket| !bucket.is_empty())
        .ok_or_else(|| invalid("bucket", "expected non-empty string"))?;
    let filter = member("filter").map(filter).transpose()?;
    let select = Select {
        sort: member("sort").map(sort).transpose()?.unwrap_or_default(),
        offset: member("offset").map(|value| count("offset", value)).transpose()?.unwrap_or(0),
        limit: member("limit").map(|value| count("limit", value)).transpose()?,
        fields: member("fields")
            .map(|value| json::names(value).ok_or_else(|| invalid("fields", "expected array of strings")))
            .transpose()?
            .unwrap_or_default(),
    };
    let whole = [
        member("first").map(|n| positive("first", n).map(Read::First)).transpose()?,
        member("last").map(|n| positive("last", n).map(Read::Last)).transpose()?,
        member("aggregate").map(aggregate).transpose()?,
    ];
    let mut whole = whole.into_iter().flatten();
    let read = match (whole.next(), whole.next()) {
        (None, _) if select == Select::default() => Read::All,
        (None, _) => Read::Select(Box::new(select)),
        (Some(read @ (Read::First(_) | Read::Last(_))), None) if select != Select::default() => {
            let name = if matches!(read, Read::First(_)) { "first" } else { "last" };
            return Err(invalid(name, "goes without sort, offset, limit and fields"));
        }
        (Some(read), None) => read,
        (Some(_), Some(_)) => {
            let later = if member("aggregate").is_some() { "aggregate" } else { "last" };
            return Err(invalid(later, "only one of first, last and aggregate"));
        }
    };
    let filter = filter.unwrap_or(Template::Fixed(Filter::default()));
    Ok(Leaf { bucket: bucket.as_ref().into(), filter, read })
}

fn filter(value: Raw<'_>) -> Result<Template, Invalid> {
    if value.kind() != Kind::Object {
        return Err(invalid("filter", "expected object"));
    }
    let within = |inner: Invalid| inner.within("filter");
    if memchr::memmem::find(value.as_bytes(), b"\"{{").is_none() {
        return Ok(Template::Fixed(Filter::bind(value, Parameters::Literal).map_err(within)?));
    }
    Filter::bind(value, Parameters::Unknown).map_err(within)?;
    Ok(Template::References(value.as_bytes().into()))
}

fn sort(value: Raw<'_>) -> Result<Vec<SortKey>, Invalid> {
    if value.kind() != Kind::Object {
        return Err(invalid("sort", "expected object"));
    }
    let key = |(name, direction): (&[u8], Raw<'_>)| {
        let descending = match direction.as_bytes() {
            b"\"asc\"" => false,
            b"\"desc\"" => true,
            _ => {
                let path = format!("sort.{}", Raw::trusted(name).display());
                return Err(invalid(&path, "expected \"asc\" or \"desc\""));
            }
        };
        Ok(SortKey { field: name.into(), descending })
    };
    value.members().map(key).collect()
}

/// S-239, A.3.
fn aggregate(value: Raw<'_>) -> Result<Read, Invalid> {
    if value.kind() != Kind::Object {
        return Err(invalid("aggregate", "expected object"));
    }
    let within = |inner: Invalid| inner.within("aggregate");
    let aggregate = Aggregate::parse(value).map_err(within)?;
    let Some(by) = value.get(b"\"groupBy\"") else {
        return Ok(aggregate.map_or(Read::Count, Read::Aggregate));
    };
    let by =
        Group::names(by).ok_or_else(|| within(invalid("groupBy", "expected string or array of strings")))?;
    Ok(Read::Group(Box::new(Group { by, aggregate })))
}

fn positive(path: &str, value: Raw<'_>) -> Result<u64, Invalid> {
    let n = value.as_number().and_then(Number::as_positive_integer);
    n.ok_or_else(|| invalid(path, "expected positive integer"))
}

fn count(path: &str, value: Raw<'_>) -> Result<u64, Invalid> {
    match value.as_bytes() {
        b"0" => Ok(0),
        _ => positive(path, value).map_err(|_| invalid(path, "expected integer of at least 0")),
    }
}

fn invalid(path: &str, reason: &str) -> Invalid {
    Invalid { path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::Definition;
    use crate::base::json::Raw;

    #[test]
    fn what_is_wrong_is_named() {
        // S-228
        for (config, message) in [
            (r#"{}"#, "bucket: expected non-empty string"),
            (r#"{"bucket":7}"#, "bucket: expected non-empty string"),
            (r#"{"bucket":"b","filter":[]}"#, "filter: expected object"),
            (r#"{"bucket":"b","filter":{"a":{"$x":1}}}"#, "filter.a.$x: unknown operator"),
            (r#"{"bucket":"b","filter":{"a":{"$x":"{{params.y}}"}}}"#, "filter.a.$x: unknown operator"),
            (r#"{"bucket":"b","sort":["a"]}"#, "sort: expected object"),
            (r#"{"bucket":"b","sort":{"a":"up"}}"#, "sort.a: expected \"asc\" or \"desc\""),
            (r#"{"bucket":"b","limit":-1}"#, "limit: expected integer of at least 0"),
            (r#"{"bucket":"b","limit":null}"#, "limit: expected integer of at least 0"),
            (r#"{"bucket":"b","offset":1.5}"#, "offset: expected integer of at least 0"),
            (r#"{"bucket":"b","fields":["a",1]}"#, "fields: expected array of strings"),
            (r#"{"bucket":"b","fields":"a"}"#, "fields: expected array of strings"),
            (r#"{"bucket":"b","aggregate":"count"}"#, "aggregate: expected object"),
            (
                r#"{"bucket":"b","aggregate":{"function":"median"}}"#,
                "aggregate.function: expected one of count, sum, avg, min, max",
            ),
            (
                r#"{"bucket":"b","aggregate":{"function":"sum"}}"#,
                "aggregate.field: expected non-empty string",
            ),
            (
                r#"{"bucket":"b","aggregate":{"function":"count","groupBy":[]}}"#,
                "aggregate.groupBy: expected string or array of strings",
            ),
            (r#"{"bucket":"b","first":0}"#, "first: expected positive integer"),
            (r#"{"bucket":"b","first":1,"last":1}"#, "last: only one of first, last and aggregate"),
            (r#"{"bucket":"b","last":1,"limit":1}"#, "last: goes without sort, offset, limit and fields"),
        ] {
            let fault = Definition::parse("q", Raw::trusted(config.as_bytes())).unwrap_err();
            assert_eq!(fault.message, format!("Invalid query definition \"q\": {message}"), "{config}");
        }
    }
}
