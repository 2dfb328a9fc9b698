//! Every read against a naive model, on random records and filters.

mod model;

use super::{Aggregate, Function, Group, Question, Read, Select, SortKey};
use crate::base::json::{Object, Parser, Raw, quoted};
use crate::base::random::Random;
use crate::store::{Bucket, Definition, Filter, Key, Parameters, Scratch, Stamp, View, insert};
use model::Row;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const DEFINITION: &str = r#"{"key":"k","schema":{"k":{"type":"number"},"n":{"type":"number"},"s":{"type":"string"},"b":{"type":"boolean"}}}"#;

/// Declared and undeclared properties, metadata, and one that nobody has.
const FIELDS: [&str; 8] = ["k", "n", "s", "b", "x", "y", "_version", "zz"];

const FUNCTIONS: [(&str, Function); 4] =
    [("sum", Function::Sum), ("avg", Function::Avg), ("min", Function::Min), ("max", Function::Max)];

fn numbers() -> Vec<Value> {
    let small = [json!(0), json!(1), json!(-1), json!(0.5), json!(-2.25), json!(1e300)];
    let large = [9_007_199_254_740_992, 9_007_199_254_740_993, i64::MIN].map(Value::from);
    [&small[..], &large[..], &[json!(u64::MAX)]].concat()
}

fn texts() -> Vec<Value> {
    ["", "a", "A", "ab", "É", "é", "ΑΣ", "😀", "\u{ffff}", "a\"b", "x\n", "n", "1", "null", "\u{1}"]
        .map(Value::from)
        .to_vec()
}

fn values() -> Vec<Value> {
    let others = [json!(null), json!(true), json!(false), json!([1]), json!({"a": 1}), json!([])];
    [numbers(), texts(), others.to_vec()].concat()
}

fn scalars() -> Vec<Value> {
    values().into_iter().filter(|value| !value.is_array() && !value.is_object()).collect()
}

fn row() -> impl Strategy<Value = Row> {
    let members = vec![
        select(numbers()).boxed(),
        select(texts()).boxed(),
        select(vec![json!(true), json!(false), json!(null)]).boxed(),
        select(values()).boxed(),
        select(values()).boxed(),
    ];
    let members: Vec<_> = members.into_iter().map(proptest::option::of).collect();
    members.prop_map(|members| {
        let named = ["n", "s", "b", "x", "y"].into_iter().zip(members);
        named.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

fn operator() -> impl Strategy<Value = (String, Value)> {
    let named = |names: &'static [&'static str], operand: BoxedStrategy<Value>| {
        (select(names), operand).prop_map(|(name, operand)| (name.to_owned(), operand))
    };
    let bounds = || select([numbers(), texts()].concat());
    prop_oneof![
        named(&["$eq", "$neq"], select(scalars()).boxed()),
        named(&["$gt", "$gte", "$lt", "$lte"], bounds().boxed()),
        named(&["$between"], (bounds(), bounds()).prop_map(|(low, high)| json!([low, high])).boxed()),
        named(&["$in", "$nin"], vec(select(values()), 0..4).prop_map(Value::from).boxed()),
        named(&["$contains", "$startsWith", "$endsWith"], select(texts()).boxed()),
        named(&["$exists"], any::<bool>().prop_map(Value::from).boxed()),
    ]
}

fn object(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect())
}

fn filter() -> impl Strategy<Value = Value> {
    let field = select(&FIELDS[..]).prop_map(str::to_owned);
    let wanted = prop_oneof![select(values()), vec(operator(), 1..3).prop_map(object)];
    vec((field, wanted), 0..3).prop_map(object).prop_recursive(3, 12, 3, |inner| {
        let nested = (select(&["$or", "$and"][..]), vec(inner.clone(), 0..4));
        (inner, nested).prop_map(|(mut filter, (name, filters))| {
            filter[name] = Value::from(filters);
            filter
        })
    })
}

/// A bucket with these rows under the keys 0, 1, 2…
fn bucket(rows: &[Row]) -> Bucket {
    let definition = Definition::parse("b", Raw::trusted(DEFINITION.as_bytes())).unwrap();
    let mut random = Random::from_seed([1; 32]);
    let mut bucket = Bucket::new(definition, 1);
    for (key, row) in rows.iter().enumerate() {
        let mut row = row.clone();
        row.insert("k".into(), json!(key));
        let data = client_object(&Value::Object(row));
        let record = insert(
            &bucket,
            &data,
            &mut Stamp { unix_ms: 7, random: &mut random, autoincrement: 1, scratch: &Scratch::default() },
        );
        bucket.append(record.unwrap());
    }
    bucket
}

fn client_object(value: &Value) -> Object {
    let text = value.to_string();
    Object::from_value(Parser::default().parse(&text).unwrap().root()).unwrap()
}

/// Some records, a filter, and the rows that match by the model.
struct Case {
    bucket: Bucket,
    filter: Filter,
    rows: Vec<Row>,
}

impl Case {
    fn new(rows: &[Row], filter: &Value) -> Self {
        let bucket = bucket(rows);
        let object = client_object(filter);
        let parsed = Filter::from_object(&object).unwrap();
        assert_eq!(Filter::bind(Raw::trusted(object.text()), Parameters::Literal).as_ref(), Ok(&parsed));
        let rows = bucket.iter().map(|record| serde_json::from_slice(record.text()).unwrap());
        let rows = rows.filter(|row| model::matches(filter, row)).collect();
        Self { bucket, filter: parsed, rows }
    }

    fn rows(&self) -> Vec<&Row> {
        self.rows.iter().collect()
    }

    fn text(&self, read: Read) -> String {
        let mut out = Vec::new();
        Question { filter: self.filter.clone(), read }.evaluate(View::committed(&self.bucket), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn answer(&self, read: Read) -> Value {
        let text = self.text(read);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

fn named(field: &str) -> Box<[u8]> {
    quoted(field)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    // S-97…S-111
    #[test]
    fn records_are_those_of_the_model(rows in vec(row(), 0..12), filter in filter(), n in 0_u64..14) {
        let case = Case::new(&rows, &filter);
        let rows = case.rows();
        let size = usize::try_from(n).unwrap();
        prop_assert_eq!(case.answer(Read::All), json!(rows));
        prop_assert_eq!(case.answer(Read::One), json!(rows.first()));
        prop_assert_eq!(case.answer(Read::Count), json!(rows.len()));
        prop_assert_eq!(case.answer(Read::First(n)), json!(rows[..size.min(rows.len())]));
        prop_assert_eq!(case.answer(Read::Last(n)), json!(rows[rows.len().saturating_sub(size)..]));
        let key = Key::from_slice(n.to_string().as_bytes());
        let same = rows.iter().find(|row| row["k"] == json!(n));
        prop_assert_eq!(case.answer(Read::Get(key)), json!(same));
    }

    // S-107…S-110: pages put together are the whole.
    #[test]
    fn pages_are_those_of_the_model(rows in vec(row(), 0..12), filter in filter(), limit in 1_u64..5) {
        let case = Case::new(&rows, &filter);
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = case.answer(Read::Page { limit, after: after.map(Box::new) });
            let records = page["records"].as_array().unwrap();
            found.extend(records.iter().cloned());
            prop_assert_eq!(page.get("nextCursor"), records.last().map(|record| &record["k"]));
            prop_assert_eq!(page["hasMore"].as_bool(), Some(found.len() < case.rows.len()));
            if !page["hasMore"].as_bool().unwrap() {
                break;
            }
            after = Some(Key::from_slice(page["nextCursor"].to_string().as_bytes()));
        }
        prop_assert_eq!(json!(found), json!(case.rows));
    }

    // S-112…S-117
    #[test]
    fn aggregates_are_those_of_the_model(
        rows in vec(row(), 0..12), filter in filter(), field in select(&FIELDS[..]),
    ) {
        let case = Case::new(&rows, &filter);
        for (name, function) in FUNCTIONS {
            let read = Read::Aggregate(Aggregate { function, field: named(field) });
            let expected = model::aggregate(name, &case.rows(), field);
            let answer = case.text(read);
            prop_assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), json!(expected));
        }
    }

    // A.3
    #[test]
    fn groups_are_those_of_the_model(
        rows in vec(row(), 0..12), filter in filter(), by in vec(select(&["b", "s", "x", "zz"][..]), 1..3),
    ) {
        let case = Case::new(&rows, &filter);
        let mut by = by;
        by.dedup();
        let fields: Vec<_> = by.iter().map(|field| named(field)).collect();
        let read = |aggregate| Read::Group(Box::new(Group { by: fields.clone(), aggregate }));
        let counts = model::groups(&case.rows(), &by, |rows| json!(rows.len()));
        prop_assert_eq!(case.answer(read(None)), counts);
        for (name, function) in FUNCTIONS {
            let aggregate = Aggregate { function, field: named("n") };
            let expected = model::groups(&case.rows(), &by, |rows| {
                model::aggregate(name, rows, "n").unwrap_or(json!(0))
            });
            prop_assert_eq!(case.answer(read(Some(aggregate))), expected);
        }
    }

    // S-232, S-237, S-238
    #[test]
    fn selections_are_those_of_the_model(
        rows in vec(row(), 0..200),
        sort in vec((select(&FIELDS[..]), any::<bool>()), 0..3),
        offset in 0_usize..20,
        limit in proptest::option::of(0_usize..20),
        fields in vec(select(&FIELDS[..]), 0..3),
    ) {
        let case = Case::new(&rows, &json!({}));
        let mut expected = case.rows();
        expected.sort_by(|a, b| {
            let mut keys = sort.iter().map(|(field, descending)| model::sorts(a.get(*field), b.get(*field), *descending));
            keys.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        let cut = expected.into_iter().skip(offset).take(limit.unwrap_or(usize::MAX));
        let projected = cut.map(|row| match fields.is_empty() {
            true => row.clone(),
            false => row.iter().filter(|(name, _)| fields.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone())).collect(),
        });
        let projected: Vec<Row> = projected.collect();
        let mut distinct = fields.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let select = Select {
            sort: sort.iter().map(|(field, descending)| SortKey { field: named(field), descending: *descending }).collect(),
            offset: offset as u64,
            limit: limit.map(|limit| limit as u64),
            fields: distinct.into_iter().map(named).collect(),
        };
        prop_assert_eq!(case.answer(Read::Select(Box::new(select))), json!(projected));
    }
}

#[test]
fn a_page_begins_behind_an_existing_key_only() {
    // S-109: V-19
    let case = Case::new(&vec![Row::new(); 3], &json!({}));
    let nothing = json!({"records": [], "hasMore": false});
    for after in ["null", "\"1\"", "7", "[1]", "{}"] {
        let read = Read::Page { limit: 2, after: Some(Box::new(Key::from_slice(after.as_bytes()))) };
        assert_eq!(case.answer(read), nothing, "{after}");
    }
    let last = case.answer(Read::Page { limit: 2, after: Some(Box::new(Key::from_slice(b"1"))) });
    assert_eq!((&last["records"][0]["k"], &last["nextCursor"]), (&json!(2), &json!(2)));
}

#[test]
fn a_sum_beyond_doubles_is_null() {
    // S-114; JSON has no infinity.
    let rows: Vec<Row> =
        vec![json!({"n": 1e308}); 2].iter().map(|row| row.as_object().unwrap().clone()).collect();
    let case = Case::new(&rows, &json!({}));
    for (_, function) in &FUNCTIONS[..2] {
        let read = Read::Aggregate(Aggregate { function: *function, field: named("n") });
        assert_eq!(case.text(read), "null");
    }
}

#[test]
fn large_filters_cost_little() {
    // S-17: 10,000 terms on undeclared properties, 10,000 members, 10,000 alternatives; 300 records.
    let rows: Vec<Row> = (0..300).map(|n| json!({"x": n, "y": 1}).as_object().unwrap().clone()).collect();
    let terms: Row = (0..10_000).map(|n| (format!("f{n}"), json!({"$exists": false}))).collect();
    let alternatives: Vec<Value> = (0..10_000).map(|n| json!({"x": n + 150})).collect();
    let members: Vec<Value> = (0..10_000).map(|n| json!(n + 290)).collect();
    for (filter, expected) in [
        (Value::Object(terms), 300),
        (json!({"$or": alternatives}), 150),
        (json!({"x": {"$in": members}}), 10),
    ] {
        let case = Case {
            bucket: bucket(&rows),
            filter: Filter::from_object(&client_object(&filter)).unwrap(),
            rows: Vec::new(),
        };
        assert_eq!(case.text(Read::Count), expected.to_string());
    }
}
