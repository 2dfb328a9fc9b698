//! A bound read as text, for operators' eyes: the words of `store.defineQuery` (02 §12), with
//! parameters in their places.

use crate::base::json::{self, string_member};
use crate::store::{Aggregate, Filter, Function, Group, Question, Read, Select, Term, Test, Values};

/// Appends what is read of which bucket, as a JSON object. What 02 §12 has no word for is called as
/// the operation that reads the same: `get`, `findOne`, `paginate`. O(filter).
pub fn describe(bucket: &str, question: &Question, out: &mut Vec<u8>) {
    out.push(b'{');
    string_member(out, "bucket", bucket);
    if !question.filter.is_empty() {
        out.extend_from_slice(br#","filter":"#);
        filter(&question.filter, out);
    }
    match &question.read {
        Read::All => {}
        Read::Get(key) => member(out, "get", |out| out.extend_from_slice(key)),
        Read::One => member(out, "findOne", |out| out.extend_from_slice(b"true")),
        Read::Count => member(out, "aggregate", |out| aggregate(None, None, out)),
        Read::First(n) => member(out, "first", |out| json::digits(out, *n)),
        Read::Last(n) => member(out, "last", |out| json::digits(out, *n)),
        Read::Page { limit, after } => member(out, "paginate", |out| {
            out.extend_from_slice(br#"{"limit":"#);
            json::digits(out, *limit);
            if let Some(after) = after {
                member(out, "after", |out| out.extend_from_slice(after));
            }
            out.push(b'}');
        }),
        Read::Aggregate(of) => member(out, "aggregate", |out| aggregate(Some(of), None, out)),
        Read::Group(group) => {
            let Group { by, aggregate: of } = &**group;
            member(out, "aggregate", |out| aggregate(of.as_ref(), Some(by), out));
        }
        Read::Select(of) => select(of, out),
    }
    out.push(b'}');
}

/// Appends a filter that matches the same records. Recurses as deep as it nests, which is bounded
/// (`FILTER_DEPTH_MAX`).
fn filter(filter: &Filter, out: &mut Vec<u8>) {
    let mut names: Vec<&[u8]> = filter.terms().iter().map(|term| &*term.field).collect();
    names.extend(filter.alternatives().iter().map(|_| &b"\"$or\""[..]));
    names.sort_unstable();
    let is_flat = names.windows(2).all(|pair| pair[0] != pair[1]);
    // An object has each name once: conditions that share one become filters of their own.
    let (begin, between, end) = if is_flat { ("{", ",", "}") } else { (r#"{"$and":[{"#, "},{", "}]}") };
    out.extend_from_slice(begin.as_bytes());
    let mut is_first = true;
    let mut separate = |out: &mut Vec<u8>| {
        if !std::mem::take(&mut is_first) {
            out.extend_from_slice(between.as_bytes());
        }
    };
    for Term { field, test } in filter.terms() {
        separate(out);
        out.extend_from_slice(field);
        out.push(b':');
        condition(test, out);
    }
    for filters in filter.alternatives() {
        separate(out);
        out.extend_from_slice(br#""$or":"#);
        list(filters.iter(), out, self::filter);
    }
    out.extend_from_slice(end.as_bytes());
}

fn condition(test: &Test, out: &mut Vec<u8>) {
    let operator = |out: &mut Vec<u8>, name: &str, operand: &[u8]| {
        out.extend_from_slice(b"{\"$");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(operand);
        out.push(b'}');
    };
    match test {
        Test::Equals(value) => out.extend_from_slice(value),
        Test::Differs(value) => operator(out, "neq", value),
        Test::In(values) => operator(out, "in", &array(values)),
        Test::NotIn(values) => operator(out, "nin", &array(values)),
        Test::Above { bound, inclusive } => operator(out, if *inclusive { "gte" } else { "gt" }, bound),
        Test::Below { bound, inclusive } => operator(out, if *inclusive { "lte" } else { "lt" }, bound),
        Test::Contains(part) => operator(out, "contains", &json::quoted(part)),
        // It lacks the closing quote.
        Test::StartsWith(begin) => operator(out, "startsWith", &[&**begin, b"\""].concat()),
        Test::EndsWith(end) => operator(out, "endsWith", &json::quoted(end)),
        Test::Exists(wanted) => operator(out, "exists", wanted.to_string().as_bytes()),
        // These two come from parameters, and nobody can write them.
        Test::Missing => operator(out, "missing", b"true"),
        Test::Never => operator(out, "never", b"true"),
    }
}

fn aggregate(of: Option<&Aggregate>, by: Option<&[Box<[u8]>]>, out: &mut Vec<u8>) {
    let function = match of.map(|of| of.function) {
        None => "count",
        Some(Function::Sum) => "sum",
        Some(Function::Avg) => "avg",
        Some(Function::Min) => "min",
        Some(Function::Max) => "max",
    };
    out.push(b'{');
    string_member(out, "function", function);
    if let Some(of) = of {
        member(out, "field", |out| out.extend_from_slice(&of.field));
    }
    if let Some(by) = by {
        member(out, "groupBy", |out| list(by.iter(), out, |name, out| out.extend_from_slice(name)));
    }
    out.push(b'}');
}

fn select(select: &Select, out: &mut Vec<u8>) {
    if !select.sort.is_empty() {
        member(out, "sort", |out| {
            out.push(b'{');
            for (at, key) in select.sort.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&key.field);
                out.extend_from_slice(if key.descending { br#":"desc""# } else { br#":"asc""# });
            }
            out.push(b'}');
        });
    }
    if select.offset > 0 {
        member(out, "offset", |out| json::digits(out, select.offset));
    }
    if let Some(limit) = select.limit {
        member(out, "limit", |out| json::digits(out, limit));
    }
    if !select.fields.is_empty() {
        member(out, "fields", |out| {
            list(select.fields.iter(), out, |name, out| out.extend_from_slice(name));
        });
    }
}

fn array(values: &Values) -> Vec<u8> {
    let mut out = Vec::new();
    list(values.iter(), &mut out, |value, out| out.extend_from_slice(value));
    out
}

/// Appends `,"name":` and what `value` appends.
fn member(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.push(b',');
    json::string(out, name);
    out.push(b':');
    value(out);
}

fn list<T>(items: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::describe;
    use crate::base::json::Raw;
    use crate::query::{Definition, Plan};

    fn described(config: &str) -> String {
        let definition = Definition::parse("q", Raw::trusted(config.as_bytes())).expect("a good query");
        let plan = definition.bind(None, |bucket, question| Ok((bucket.to_owned(), question)));
        let Ok(Plan::Read((bucket, question))) = plan else { panic!("one read") };
        let mut out = Vec::new();
        describe(&bucket, &question, &mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_description_is_a_definition() {
        for config in [
            r#"{"bucket":"b"}"#,
            r#"{"bucket":"b","filter":{"a":1,"c":null},"last":20}"#,
            r#"{"bucket":"b","filter":{"a":{"$in":[1,2]},"c":{"$neq":"x"}},"first":3}"#,
            r#"{"bucket":"b","filter":{"a":{"$gte":1},"c":{"$startsWith":"\"x"},"d":{"$endsWith":"y"}}}"#,
            r#"{"bucket":"b","filter":{"$and":[{"a":{"$gt":1}},{"a":{"$lt":9}}]}}"#,
            r#"{"bucket":"b","filter":{"e":{"$exists":false},"$or":[{"a":1},{"c":{"$contains":"z"}}]}}"#,
            r#"{"bucket":"b","filter":{"a":{"$nin":[]}},"aggregate":{"function":"count"}}"#,
            r#"{"bucket":"b","aggregate":{"function":"max","field":"x"}}"#,
            r#"{"bucket":"b","aggregate":{"function":"avg","field":"x","groupBy":["a","c"]}}"#,
            r#"{"bucket":"b","sort":{"a":"desc","c":"asc"},"offset":2,"limit":5,"fields":["a"]}"#,
        ] {
            assert_eq!(described(config), config);
            assert_eq!(described(&described(config)), config);
        }
    }

    #[test]
    fn what_only_parameters_make() {
        // S-235
        let missing = r#"{"bucket":"b","filter":{"a":"{{params.x}}"}}"#;
        assert_eq!(described(missing), r#"{"bucket":"b","filter":{"a":{"$missing":true}}}"#);
    }
}
