//! Whatever changes, every live query equals a fresh evaluation, and an update is told exactly
//! if the answer differs (S-136, S-141, S-145, S-5).

use super::{LiveQueries, Update};
use crate::base::ids::{BucketId, CoreId, LiveId};
use crate::base::json::{Object, Parser, Raw};
use crate::base::random::Random;
use crate::query::Bound;
use crate::store::{
    Aggregate, Bucket, Change, Definition, Delta, Filter, Function, Group, Key, Parameters, Question, Read,
    Remains, Scratch, Select, SortKey, Stamp, View, insert, update,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use std::collections::BTreeMap;

const BUCKET: BucketId = BucketId(1);
const CASES: u32 = 768;

/// Names with quotes.
type Names = Vec<Box<[u8]>>;

/// The same fields, declared or not: what is not in the schema is found in another way.
const SCHEMAS: [&str; 3] = [
    r#"{"key":"k","schema":{"k":{"type":"number"},"n":{"type":"number"},"s":{"type":"string"}}}"#,
    r#"{"key":"k","schema":{"k":{"type":"number"},"o":{"type":"object"}}}"#,
    r#"{"key":"k","schema":{"k":{"type":"number"},"n":{"type":"number"}},"indexes":["n"],"etsType":"ordered_set"}"#,
];

/// Values that are easy to confuse, and sums that round.
const NUMBERS: [&str; 10] =
    ["0", "1", "2", "-3", "0.1", "0.2", "1e+300", "9007199254740991", "-9007199254740993", "null"];
const STRINGS: [&str; 5] = [r#""""#, r#""a""#, r#""b,""#, r#""\"b""#, "null"];
/// The first three are deeply equal in part only; the last two entirely.
const OBJECTS: [&str; 5] = [
    r#"{"x":1,"y":2}"#,
    r#"{"x":2,"y":1}"#,
    r#"{"x":[1]}"#,
    r#"{"x":{"p":1,"q":2},"y":2}"#,
    r#"{"y":2,"x":{"q":2,"p":1}}"#,
];
const FILTERS: [&str; 18] = [
    "{}",
    r#"{"n":1}"#,
    r#"{"n":0.1}"#,
    r#"{"s":"a"}"#,
    r#"{"s":"b,"}"#,
    r#"{"s":"a","n":1}"#,
    r#"{"s":"\"b","n":2}"#,
    r#"{"n":null}"#,
    r#"{"o":[1]}"#,
    r#"{"n":{"$gt":0}}"#,
    r#"{"s":"a","n":{"$lte":1}}"#,
    r#"{"$or":[{"n":1},{"s":"b,"}]}"#,
    r#"{"k":3}"#,
    r#"{"s":{"$in":["a","b,"]}}"#,
    r#"{"s":{"$in":["a","b,"]},"n":{"$in":[1,0.1,null]}}"#,
    r#"{"$and":[{"n":{"$in":[1,2]}},{"n":{"$in":[2,0]}}]}"#,
    r#"{"$and":[{"n":{"$in":[1,2]}},{"n":0}]}"#,
    // More combinations than are indexed.
    r#"{"s":{"$in":["a","b,","c","d","e","f","g","h","i"]},"n":{"$in":[0,1,2,3,4,5,6,7,8]}}"#,
];

#[derive(Clone, Debug)]
enum Op {
    Put { key: u8, data: String },
    Delete { key: u8 },
}

#[derive(Clone, Debug)]
enum Step {
    /// Change sets that are told of together.
    Commit(Vec<Vec<Op>>),
    /// A clear, and what is written before anybody is told.
    Clear(Vec<Vec<Op>>),
    Subscribe(usize),
    Leave(usize),
}

fn data() -> impl Strategy<Value = String> {
    let field = |name: &'static str, values: &'static [&'static str]| {
        prop::option::of(prop::sample::select(values))
            .prop_map(move |value| value.map(|value| format!("\"{name}\":{value}")))
    };
    let fields = (field("n", &NUMBERS), field("s", &STRINGS), field("o", &OBJECTS));
    fields.prop_map(|(n, s, o)| [n, s, o].into_iter().flatten().collect::<Vec<_>>().join(","))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => (0..9_u8, data()).prop_map(|(key, data)| Op::Put { key, data }),
        1 => (0..9_u8).prop_map(|key| Op::Delete { key }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => vec(vec(op(), 1..5), 1..3).prop_map(Step::Commit),
        1 => vec(vec(op(), 1..5), 0..3).prop_map(Step::Clear),
        2 => (0..8_usize).prop_map(Step::Subscribe),
        2 => (0..8_usize).prop_map(Step::Leave),
    ]
}

fn select() -> impl Strategy<Value = Select> {
    let names = |names: &'static [&'static str]| prop::sample::subsequence(names, 0..=2);
    let names =
        |all| names(all).prop_map(|names| names.into_iter().map(|name| name.as_bytes().into()).collect());
    let sort = names(&["\"n\"", "\"s\"", "\"o\"", "\"_version\""]);
    let fields = names(&["\"o\"", "\"n\"", "\"k\""]);
    (sort, any::<bool>(), 0..3_u64, prop::option::of(0..4_u64), fields).prop_map(
        |(sort, descending, offset, limit, fields): (Names, _, _, _, Names)| Select {
            sort: sort.into_iter().map(|field| SortKey { field, descending }).collect(),
            offset,
            limit,
            fields,
        },
    )
}

fn read() -> impl Strategy<Value = Read> {
    let key = || (0..9_u8).prop_map(|key| Key::from_slice(key.to_string().as_bytes()));
    const FUNCTIONS: &[Function] = &[Function::Sum, Function::Avg, Function::Min, Function::Max];
    let aggregate = prop::sample::select(FUNCTIONS)
        .prop_map(|function| Aggregate { function, field: b"\"n\"".as_slice().into() });
    prop_oneof![
        1 => key().prop_map(Read::Get),
        1 => Just(Read::All),
        1 => Just(Read::One),
        1 => Just(Read::Count),
        1 => (1..4_u64).prop_map(Read::First),
        1 => (1..4_u64).prop_map(Read::Last),
        1 => (1..3_u64, prop::option::of(key())).prop_map(|(limit, after)| Read::Page { limit, after: after.map(Box::new) }),
        4 => aggregate.clone().prop_map(Read::Aggregate),
        1 => prop::option::of(aggregate).prop_map(|aggregate| {
            Read::Group(Box::new(Group { by: vec![b"\"s\"".as_slice().into()], aggregate }))
        }),
        4 => select().prop_map(|select| Read::Select(Box::new(select))),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let filter = prop_oneof![1 => Just(FILTERS[0]), 3 => prop::sample::select(&FILTERS[..])];
    (filter, read()).prop_map(|(filter, read)| {
        let filter = Filter::bind(Raw::trusted(filter.as_bytes()), Parameters::Literal);
        Question { filter: filter.expect("a good filter"), read }
    })
}

fn object(text: &str) -> Object {
    let mut parser = Parser::default();
    let document = parser.parse(text).expect("JSON");
    Object::from_value(document.root()).expect("an object")
}

/// A bucket, its live queries, and what their subscribers know.
struct World {
    bucket: Bucket,
    live: LiveQueries,
    random: Random,
    known: BTreeMap<LiveId, (Question, Value, u32)>,
    commits: u64,
}

impl World {
    fn new(schema: &str) -> Self {
        let definition = Definition::parse("b", Raw::trusted(schema.as_bytes())).expect("a good schema");
        Self {
            bucket: Bucket::new(definition, 1),
            live: LiveQueries::new(2),
            random: Random::from_seed([3; 32]),
            known: BTreeMap::new(),
            commits: 0,
        }
    }

    /// One transaction. Time stands still every other commit, so that records may come back equal.
    fn transact(&mut self, ops: &[Op]) -> Vec<Change> {
        self.commits += 1;
        let unix_ms = self.commits / 2;
        let mut delta = Delta::default();
        for op in ops {
            let definition = self.bucket.definition();
            let (Op::Put { key, .. } | Op::Delete { key }) = op;
            let key = Key::from_slice(key.to_string().as_bytes());
            let old = View::with(&self.bucket, &delta).get(&key).cloned();
            match (op, old) {
                (Op::Put { key: number, data }, None) => {
                    let comma = if data.is_empty() { "" } else { "," };
                    let data = object(&format!("{{\"k\":{number}{comma}{data}}}"));
                    let mut stamp = Stamp {
                        unix_ms,
                        random: &mut self.random,
                        autoincrement: 0,
                        scratch: &Scratch::default(),
                    };
                    delta.insert(definition, key, insert(&self.bucket, &data, &mut stamp).expect("valid"));
                }
                (Op::Put { data, .. }, Some(old)) => {
                    let data = object(&format!("{{{data}}}"));
                    delta.update(
                        definition,
                        key,
                        update(definition, &old, &data, unix_ms, &Scratch::default()).expect("valid"),
                    );
                }
                (Op::Delete { .. }, Some(_)) => {
                    let is_committed = self.bucket.get(&key).is_some();
                    delta.delete(definition, key, is_committed);
                }
                (Op::Delete { .. }, None) => {}
            }
        }
        delta.into_writes().into_iter().map(|write| self.bucket.apply_watched(write)).collect()
    }

    fn evaluate(&self, question: &Question) -> Value {
        let mut json = Vec::new();
        question.evaluate(View::committed(&self.bucket), &mut json);
        serde_json::from_slice(&json).expect("JSON")
    }

    fn commit(&mut self, sets: &[Vec<Op>], clears: bool) {
        if clears {
            self.bucket.clear(&mut Remains::default());
        }
        let changes: Vec<Change> = sets.iter().flat_map(|ops| self.transact(ops)).collect();
        let mut told = BTreeMap::new();
        let mut order = Vec::new();
        let tell = |update: Update<'_>| {
            order.push(update.live);
            let answer: Value = serde_json::from_slice(&update.answer.json()).expect("JSON");
            assert!(told.insert(update.live, answer).is_none(), "S-145: told once");
        };
        let view = View::committed(&self.bucket);
        match clears {
            true => self.live.cleared(BUCKET, view, tell),
            false => self.live.committed(BUCKET, &changes, view, tell),
        }
        assert!(order.is_sorted(), "P-126: in order of creation");
        let mut known = std::mem::take(&mut self.known);
        for (id, (question, before, _)) in &mut known {
            let now = self.evaluate(question);
            // Rust's maps compare without order, as S-5 asks.
            assert_eq!(told.contains_key(id), now != *before, "S-141: {question:?} {before} {now}");
            if let Some(answer) = told.remove(id) {
                assert_eq!(answer, now, "{question:?}");
            }
            *before = now;
        }
        assert!(told.is_empty(), "nobody is told without a subscriber");
        self.known = known;
    }

    fn subscribe(&mut self, question: &Question) {
        let bound = Bound { bucket: BUCKET, question: question.clone() };
        let (id, body) = self.live.subscribe(bound, View::committed(&self.bucket), CoreId(0));
        let answer: Value = serde_json::from_slice(&body.json()).expect("JSON");
        assert_eq!(answer, self.evaluate(question), "S-136: {question:?}");
        let known = self.known.entry(id).or_insert_with(|| (question.clone(), answer, 0));
        assert_eq!(known.0, *question, "equal questions are one live query, others are not");
        known.2 += 1;
    }

    fn leave(&mut self, at: usize) {
        let Some(id) = self.known.keys().nth(at).copied() else { return };
        self.live.leave(id, CoreId(0));
        let known = self.known.get_mut(&id).expect("just seen");
        known.2 -= 1;
        if known.2 == 0 {
            self.known.remove(&id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(4),
        ..ProptestConfig::default()
    })]

    #[test]
    fn live_queries_equal_fresh_evaluations(
        schema in prop::sample::select(&SCHEMAS[..]),
        questions in vec(question(), 8),
        steps in vec(step(), 1..40),
    ) {
        let mut world = World::new(schema);
        questions.iter().take(5).for_each(|question| world.subscribe(question));
        for step in &steps {
            match step {
                Step::Commit(sets) => world.commit(sets, false),
                Step::Clear(sets) => world.commit(sets, true),
                Step::Subscribe(at) => world.subscribe(&questions[*at]),
                Step::Leave(at) => world.leave(*at),
            }
        }
        while !world.known.is_empty() {
            world.leave(0);
        }
        prop_assert!(world.live.is_empty() && !world.live.watches(BUCKET));
    }
}
