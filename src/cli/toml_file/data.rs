//! The tables `[buckets]`, `[queries]` and `[placement]`.
//!
//! A definition in the file is written like one in a request and judged by the same code;
//! only keys that mean nothing, which a request may carry (S-26), are errors here.

use super::json;
use super::table::{Located, Report, Table};
use crate::base::json::Raw;
use crate::node::{BucketDefinition, Placement, QueryDefinition};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Reads `[buckets]`, in the order of the file.
pub(super) fn buckets(table: Table<'_>) -> Vec<BucketDefinition> {
    let report = table.report;
    let read = table.entries().filter_map(|(name, value)| {
        if name.get_ref().is_empty() {
            report.at(name.span(), "a bucket needs a name"); // S-20
            return None;
        }
        let inner = Table::of(report, value, table.inner_name(name.get_ref()))?;
        bucket_keys(inner);
        let text = text(report, value)?;
        let parsed = BucketDefinition::parse(name.get_ref(), Raw::trusted(&text));
        parsed.map_err(|fault| report.at(blame(name.span(), value, &fault.message), fault.message)).ok()
    });
    read.collect()
}

/// Complains about keys without meaning (02 §2.1, §2.2) and about what would silently be taken for its default.
fn bucket_keys(mut bucket: Table<'_>) {
    for known in ["key", "indexes", "ttl", "maxSize", "etsType"] {
        bucket.get(known);
    }
    bucket.boolean("persistent"); // only `false` counts (02 §2.1)
    let schema = bucket.get("schema").filter(|schema| schema.get_ref().is_table());
    if let Some(schema) =
        schema.and_then(|schema| Table::of(bucket.report, schema, bucket.inner_name("schema")))
    {
        for (name, field) in schema.entries().filter(|(_, field)| field.get_ref().is_table()) {
            if let Some(field) = Table::of(schema.report, field, schema.inner_name(name.get_ref())) {
                field_keys(field);
            }
        }
    }
    bucket.finish();
}

fn field_keys(mut field: Table<'_>) {
    for known in ["type", "default", "generated", "enum", "format", "min", "max"] {
        field.get(known);
    }
    for known in ["minLength", "maxLength", "pattern", "ref", "properties", "items"] {
        field.get(known);
    }
    // Only `true` counts (02 §2.2); anything else would be `false` without a word.
    field.boolean("required");
    field.boolean("unique");
    field.finish();
}

/// Reads `[queries]`, in the order of the file.
pub(super) fn queries(table: Table<'_>, root: &DeTable<'_>) -> Vec<(String, QueryDefinition)> {
    let report = table.report;
    let read = table.entries().filter_map(|(name, value)| {
        if name.get_ref().is_empty() {
            report.at(name.span(), "a query needs a name");
            return None;
        }
        query_keys(Table::of(report, value, table.inner_name(name.get_ref()))?);
        let text = text(report, value)?;
        let definition = QueryDefinition::parse(name.get_ref(), Raw::trusted(&text))
            .map_err(|fault| report.at(blame(name.span(), value, &fault.message), fault.message))
            .ok()?;
        let bucket = definition.bucket().expect("a query of the file is declarative");
        if !is_bucket(root, bucket) {
            let message = format!("query \"{}\": {}", name.get_ref(), undefined(bucket));
            report.at(deepest(name.span(), value, "bucket"), message);
        }
        Some((name.get_ref().clone().into_owned(), definition))
    });
    read.collect()
}

/// Complains about keys without meaning (02 §12).
fn query_keys(mut query: Table<'_>) {
    for known in ["bucket", "filter", "sort", "offset", "limit", "fields", "first", "last"] {
        query.get(known);
    }
    if query.get("aggregate").is_some_and(|aggregate| aggregate.get_ref().is_table())
        && let Some(mut aggregate) = query.table("aggregate")
    {
        aggregate.get("function");
        aggregate.get("field");
        aggregate.get("groupBy");
        aggregate.finish();
    }
    query.finish();
}

/// Reads `[placement]`; cores are counted from 0.
pub(super) fn placement(mut table: Table<'_>, shards: usize, root: &DeTable<'_>) -> Placement {
    let mut placement = Placement::default();
    let report = table.report;
    let core = |what: &str, value: Located<'_>| {
        let core = match value.get_ref() {
            DeValue::Integer(core) => u16::from_str_radix(core.as_str(), core.radix()).ok(),
            _ => None,
        };
        let core = core.filter(|core| usize::from(*core) < shards);
        if core.is_none() {
            report.at(value.span(), format!("{what}: no such core (there are {shards}, counted from 0)"));
        }
        core
    };
    if let Some(value) = table.get("rules") {
        placement.rules = core("rules", value).unwrap_or_default();
    }
    if let Some(buckets) = table.table("buckets") {
        for (name, value) in buckets.entries() {
            if !is_bucket(root, name.get_ref()) {
                report.at(name.span(), undefined(name.get_ref()));
            }
            if let Some(core) = core(&format!("bucket \"{}\"", name.get_ref()), value) {
                placement.buckets.push((name.get_ref().clone().into_owned(), core));
            }
        }
    }
    table.finish();
    placement
}

/// Whether the file defines that bucket, rightly or wrongly.
fn is_bucket(root: &DeTable<'_>, name: &str) -> bool {
    let buckets = root.get("buckets").and_then(|buckets| buckets.get_ref().as_table());
    buckets.is_some_and(|buckets| buckets.contains_key(name))
}

fn undefined(bucket: &str) -> String {
    format!("bucket \"{bucket}\" is not defined in [buckets]")
}

fn text(report: &Report<'_>, value: Located<'_>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    json::write(report, value, &mut text).then_some(text)
}

/// The place that a definition's fault is about. Its message names the path (S-24, S-228) or says
/// what it is about (S-21, S-22, S-185).
fn blame(header: Range<usize>, value: Located<'_>, message: &str) -> Range<usize> {
    let path = match message.split_once("\": ") {
        _ if message.starts_with("Key field ") => "key",
        _ if message.starts_with("Index field ") => "indexes",
        _ if message.starts_with("TTL ") || message.starts_with("Invalid TTL ") => "ttl",
        Some((_, rest)) => rest.split(": ").next().unwrap_or_default(),
        None => "",
    };
    deepest(header, value, path)
}

/// Follows a path of names joined by dots as far as the file goes.
fn deepest(header: Range<usize>, value: Located<'_>, path: &str) -> Range<usize> {
    let Some(table) = value.get_ref().as_table() else { return header };
    // Names may contain dots themselves: the longest that fits.
    let step = table.iter().filter(|(key, _)| {
        path.strip_prefix(key.get_ref().as_ref()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    match step.max_by_key(|(key, _)| key.get_ref().len()) {
        Some((key, inner)) => {
            let rest = &path[key.get_ref().len()..];
            deepest(key.span(), inner, rest.strip_prefix('.').unwrap_or(rest))
        }
        None => header,
    }
}
