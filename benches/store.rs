//! What the store costs per operation, without JSON parsing and without the way there.
//!
//! Records have about 150 bytes, five fields, one unique index and one that is not.
//!
//! Every size does the same: a batch of inserts is taken out again, one of deletes put back, so that
//! buckets neither grow nor shrink and freed memory is used again. Keys, and the records that are
//! read, updated and deleted, are spread over all of the bucket: what they cost in a large one is
//! mostly waiting for memory, which records that were just touched would hide.

use criterion::{Criterion, criterion_group, criterion_main};
use noex_server::base::json::{Object, Parser, Raw};
use noex_server::base::random::Random;
use noex_server::store::{
    self, Bucket, Definition, Delta, Filter, Key, Question, Read, Record, Scratch, Stamp, View, Write,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

const DEFINITION: &str = r#"{"key":"id","schema":{"id":{"type":"string"},"email":{"type":"string","unique":true},"group":{"type":"number"},"name":{"type":"string"},"age":{"type":"number"}},"indexes":["group"]}"#;

/// Members of a group, which an indexed filter finds.
const GROUP: u64 = 10;

/// Records that are put in or taken out at a time: fewer than would change what is measured.
const BATCH: u64 = 64;

const SIZES: [u64; 3] = [1_000, 100_000, 1_000_000];

/// Which of so many records is the nth to be touched: far from the one before, and as far from those
/// of the last rounds.
fn spread(n: u64, records: u64) -> u64 {
    n.wrapping_mul(7_919) % records
}

struct Table {
    bucket: Bucket,
    random: Random,
    scratch: Scratch,
}

fn object(text: &str) -> Object {
    let mut parser = Parser::default();
    let document = parser.parse(text).expect("JSON");
    Object::from_value(document.root()).expect("an object")
}

/// Numbers are spread, as keys of real clients are.
fn data(n: u64) -> Object {
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let group = n / GROUP;
    object(&format!(
        r#"{{"id":"{spread:016x}","email":"{spread:x}@m.org","group":{group},"name":"Ann","age":30}}"#
    ))
}

fn key(n: u64) -> Key {
    Key::from_slice(format!("\"{:016x}\"", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).as_bytes())
}

impl Table {
    fn of(records: u64) -> Self {
        let definition = Definition::parse("b", Raw::trusted(DEFINITION.as_bytes())).expect("valid");
        let random = Random::from_seed([1; 32]);
        let mut table = Self { bucket: Bucket::new(definition, 7), random, scratch: Scratch::default() };
        (0..records).for_each(|n| table.insert(&data(n)));
        table
    }

    fn insert(&mut self, data: &Object) {
        let autoincrement = self.bucket.advance();
        let (random, scratch) = (&mut self.random, &self.scratch);
        let mut stamp = Stamp { unix_ms: 1_706_745_600_000, random, autoincrement, scratch };
        let record = store::insert(&self.bucket, data, &mut stamp).expect("valid");
        store::check_insert(View::committed(&self.bucket), &record).expect("unique");
        self.bucket.apply(Write::Insert(record));
    }

    fn update(&mut self, key: &Key, change: &Object) {
        let old = self.bucket.get(key).expect("there");
        let record = store::update(self.bucket.definition(), old, change, 1, &self.scratch).expect("valid");
        store::check_update(View::committed(&self.bucket), old, &record).expect("unique");
        self.bucket.apply(Write::Update(record));
    }
}

fn insert(c: &mut Criterion) {
    for records in SIZES {
        let mut table = Table::of(size(records));
        c.bench_function(&format!("insert into {records}"), |bench| {
            bench.iter_custom(|iterations| {
                batches(iterations, |at| {
                    let from = 10_000_000 + at;
                    let batch: Vec<Object> = (from..from + BATCH).map(data).collect();
                    let start = Instant::now();
                    batch.iter().for_each(|data| table.insert(data));
                    let elapsed = start.elapsed();
                    (from..from + BATCH).for_each(|n| drop(table.bucket.apply(Write::delete(key(n)))));
                    elapsed
                })
            });
        });
    }
}

fn delete(c: &mut Criterion) {
    for records in SIZES {
        let mut table = Table::of(size(records));
        c.bench_function(&format!("delete from {records}"), |bench| {
            bench.iter_custom(|iterations| {
                batches(iterations, |at| {
                    let chosen: Vec<u64> = (at..at + BATCH).map(|n| spread(n, size(records))).collect();
                    let keys: Vec<Key> = chosen.iter().copied().map(key).collect();
                    let start = Instant::now();
                    keys.into_iter().for_each(|key| drop(table.bucket.apply(Write::delete(key))));
                    let elapsed = start.elapsed();
                    chosen.into_iter().map(data).for_each(|data| table.insert(&data));
                    elapsed
                })
            });
        });
    }
}

/// The time of `iterations` operations, measured in batches.
fn batches(iterations: u64, mut batch: impl FnMut(u64) -> Duration) -> Duration {
    let count = iterations.div_ceil(BATCH);
    let total: Duration = (0..count).map(|at| batch(at * BATCH)).sum();
    total.mul_f64(iterations as f64 / (count * BATCH) as f64)
}

fn update(c: &mut Criterion) {
    for records in SIZES {
        let mut table = Table::of(size(records));
        let change = object(r#"{"age":31}"#);
        c.bench_function(&format!("update one of {records}"), |bench| {
            bench.iter_custom(|iterations| {
                batches(iterations, |at| {
                    let keys: Vec<Key> = (at..at + BATCH).map(|n| key(spread(n, size(records)))).collect();
                    let start = Instant::now();
                    keys.iter().for_each(|key| table.update(key, &change));
                    start.elapsed()
                })
            });
        });
    }
}

fn get(c: &mut Criterion) {
    for records in SIZES {
        let table = Table::of(size(records));
        c.bench_function(&format!("get one of {records}"), |bench| {
            bench.iter_custom(|iterations| {
                batches(iterations, |at| {
                    let keys: Vec<Key> = (at..at + BATCH).map(|n| key(spread(n, size(records)))).collect();
                    let start = Instant::now();
                    keys.iter().for_each(|key| {
                        black_box(table.bucket.get(key).map(Record::version));
                    });
                    start.elapsed()
                })
            });
        });
    }
}

fn read(c: &mut Criterion) {
    let table = Table::of(size(1_000_000));
    let view = View::committed(&table.bucket);
    let len = table.bucket.len() as u64;
    let page = Read::Page { limit: 20, after: Some(Box::new(key(len / 2))) };
    for (name, filter, read) in [
        ("where, indexed, 10 of 1000000", r#"{"group":77}"#, Read::All),
        ("findOne, unique, of 1000000", r#"{"email":"0@m.org"}"#, Read::One),
        ("first 20 of 1000000", "{}", Read::First(20)),
        ("last 20 of 1000000", "{}", Read::Last(20)),
        ("page of 20 in the middle of 1000000", "{}", page),
    ] {
        let question = Question { filter: Filter::from_object(&object(filter)).expect("valid"), read };
        c.bench_function(name, |bench| bench.iter(|| answer(&question, view)));
    }
    let delta = Delta::default();
    let filter = Filter::from_object(&object(r#"{"group":77}"#)).expect("valid");
    let question = Question { filter, read: Read::All };
    c.bench_function("where, indexed, inside a transaction", |bench| {
        bench.iter(|| answer(&question, View::with(&table.bucket, &delta)));
    });
}

fn serve(c: &mut Criterion) {
    for records in [20, 100] {
        let table = Table::of(records);
        let question = Question::unfiltered(Read::All);
        c.bench_function(&format!("serve all of {records}"), |bench| {
            bench.iter(|| answer(&question, View::committed(&table.bucket)));
        });
    }
}

fn answer(question: &Question, view: View<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    question.evaluate(black_box(view), &mut out);
    out
}

/// As a test, everything runs once, on little.
fn size(records: u64) -> u64 {
    if std::env::args().any(|argument| argument == "--bench") { records } else { records.min(1_000) }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = insert, delete, update, get, read, serve
}
criterion_main!(benches);
