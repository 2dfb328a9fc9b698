//! A bucket with everything that finds records, against a list that is searched.

use super::{
    Bucket, Definition, Delta, Filter, Key, Record, Scratch, Stamp, View, Write, check_insert, check_update,
    insert, update,
};
use crate::base::json::{Object, Parser, Raw};
use crate::base::random::Random;

/// A record as the list has it: key, unique value, indexed value as JSON, age, expiry.
#[derive(Clone, PartialEq, Debug)]
struct Row {
    key: u64,
    unique: Option<u64>,
    indexed: &'static str,
    created_at: u64,
    expires_at: Option<u64>,
}

#[derive(Clone, Copy)]
struct Shape {
    ordered: bool,
    max_size: Option<usize>,
    ttl_ms: Option<u64>,
}

struct Run {
    shape: Shape,
    bucket: Bucket,
    rows: Vec<Row>,
    random: Random,
    now: u64,
}

const INDEXED: [&str; 4] = ["", "null", "1", "\"a\""];

fn object(text: &str) -> Object {
    Object::from_value(Parser::default().parse(text).unwrap().root()).unwrap()
}

fn data(row: &Row) -> Object {
    let unique = row.unique.map_or("null".to_owned(), |unique| unique.to_string());
    let indexed = if row.indexed.is_empty() { String::new() } else { format!(",\"i\":{}", row.indexed) };
    object(&format!("{{\"k\":{},\"u\":{unique}{indexed}}}", row.key))
}

fn key(key: u64) -> Key {
    Key::from_slice(key.to_string().as_bytes())
}

impl Run {
    fn new(seed: u8) -> Self {
        let mut random = Random::from_seed([seed; 32]);
        let pick = random.next_u64();
        let shape = Shape {
            ordered: pick & 1 == 1,
            max_size: (pick & 2 == 2).then_some(5),
            ttl_ms: (pick & 4 == 4).then_some(20),
        };
        let mut text = String::from(
            r#"{"key":"k","schema":{"k":{"type":"number"},"u":{"type":"number","unique":true},"i":{"type":"date"}},"indexes":["i"]"#,
        );
        text += if shape.ordered { r#","etsType":"ordered_set""# } else { "" };
        text += if shape.max_size.is_some() { r#","maxSize":5"# } else { "" };
        text += if shape.ttl_ms.is_some() { r#","ttl":20}"# } else { "}" };
        let definition = Definition::parse("b", Raw::trusted(text.as_bytes())).unwrap();
        Self { shape, bucket: Bucket::new(definition, 7), rows: Vec::new(), random, now: 1_000 }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    /// A few operations on an overlay; most of the time they are committed.
    fn transaction(&mut self) {
        // Clocks go back sometimes (S-64).
        self.now = self.now + self.below(12) - self.below(4);
        let mut delta = Delta::default();
        let mut rows = self.rows.clone();
        for _ in 0..=self.below(4) {
            match self.below(5) {
                0 | 1 => self.insert(&mut delta, &mut rows),
                2 | 3 => self.update(&mut delta, &mut rows),
                _ => self.delete(&mut delta, &mut rows),
            }
            self.compare_view(View::with(&self.bucket, &delta), &rows);
        }
        if self.below(4) > 0 {
            let mut writes = delta.into_writes();
            let inserts = writes.iter().any(|write| matches!(write, Write::Insert(_)));
            self.bucket.evict(&mut writes);
            writes.into_iter().for_each(|write| drop(self.bucket.apply(write)));
            self.rows = self.evicted(rows, inserts);
        }
        self.expire();
        self.compare_bucket();
    }

    fn row(&mut self) -> Row {
        Row {
            key: self.below(10),
            unique: Some(self.below(8)).filter(|unique| *unique < 6),
            indexed: INDEXED[usize::try_from(self.below(4)).unwrap()],
            created_at: self.now,
            expires_at: self.shape.ttl_ms.map(|ttl| self.now + ttl),
        }
    }

    fn insert(&mut self, delta: &mut Delta, rows: &mut Vec<Row>) {
        let row = self.row();
        let definition = self.bucket.definition();
        let mut stamp = Stamp {
            unix_ms: self.now,
            random: &mut self.random,
            autoincrement: 1,
            scratch: &Scratch::default(),
        };
        let record = insert(&self.bucket, &data(&row), &mut stamp).unwrap();
        let view = View::with(&self.bucket, delta);
        let violated = match () {
            () if rows.iter().any(|other| other.key == row.key) => Some("k"),
            () if row.unique.is_some() && rows.iter().any(|other| other.unique == row.unique) => Some("u"),
            () => None,
        };
        assert_eq!(violated_field(check_insert(view, &record)).as_deref(), violated);
        if violated.is_none() {
            delta.insert(definition, key(row.key), record);
            rows.push(row);
        }
    }

    fn update(&mut self, delta: &mut Delta, rows: &mut [Row]) {
        let new = self.row();
        let view = View::with(&self.bucket, delta);
        let at = rows.iter().position(|row| row.key == new.key);
        assert_eq!(view.get(&key(new.key)).is_some(), at.is_some());
        let Some(at) = at else { return };
        let definition = self.bucket.definition();
        let old = view.get(&key(new.key)).unwrap();
        let record = update(definition, old, &data(&new), self.now, &Scratch::default()).unwrap();
        let is_taken = |row: &Row| row.key != new.key && row.unique == new.unique && new.unique.is_some();
        let violated = rows.iter().any(is_taken).then_some("u");
        assert_eq!(violated_field(check_update(view, old, &record)).as_deref(), violated);
        if violated.is_none() {
            delta.update(definition, key(new.key), record);
            rows[at].unique = new.unique;
            if !new.indexed.is_empty() {
                rows[at].indexed = new.indexed;
            }
        }
    }

    fn delete(&mut self, delta: &mut Delta, rows: &mut Vec<Row>) {
        let wanted = self.below(10);
        if View::with(&self.bucket, delta).get(&key(wanted)).is_some() {
            let is_committed = self.bucket.get(&key(wanted)).is_some();
            delta.delete(self.bucket.definition(), key(wanted), is_committed);
        }
        rows.retain(|row| row.key != wanted);
    }

    /// S-193: all but the last insert may go, those with the lowest age first.
    fn evicted(&self, mut rows: Vec<Row>, inserts: bool) -> Vec<Row> {
        let Some(max) = self.shape.max_size.filter(|_| inserts) else { return rows };
        while rows.len() > max {
            let candidates = rows.iter().enumerate().take(rows.len() - 1);
            let (oldest, _) = candidates.min_by_key(|(at, row)| (row.created_at, *at)).unwrap();
            rows.remove(oldest);
        }
        rows
    }

    fn expire(&mut self) {
        let due: Vec<Key> = self.bucket.expired(self.now).map(|record| self.bucket.key_of(record)).collect();
        due.iter().for_each(|key| drop(self.bucket.remove(key).expect("it is there")));
        let now = self.now;
        self.rows.retain(|row| row.expires_at.is_none_or(|at| at > now));
        let next = self.rows.iter().filter_map(|row| row.expires_at).min();
        assert_eq!(self.bucket.next_expiry_ms(), next);
    }

    fn compare_view(&self, view: View<'_>, rows: &[Row]) {
        let keys: Vec<u64> = rows.iter().map(|row| row.key).collect();
        assert_eq!(self.keys(view.records()), keys);
        assert_eq!(view.len(), keys.len());
        for wanted in &INDEXED[1..] {
            let filter = Filter::from_object(&object(&format!("{{\"i\":{wanted}}}"))).unwrap();
            let matcher = filter.matcher(view.definition());
            let found = view.candidates(&filter).filter(|record| matcher.matches(record));
            let expected: Vec<u64> =
                rows.iter().filter(|row| row.indexed == *wanted).map(|row| row.key).collect();
            assert_eq!(self.keys(found), expected, "S-71, S-79: {wanted}");
        }
        for unique in 0..6 {
            let filter = Filter::from_object(&object(&format!("{{\"u\":{unique}}}"))).unwrap();
            let expected: Vec<u64> =
                rows.iter().filter(|row| row.unique == Some(unique)).map(|row| row.key).collect();
            let matcher = filter.matcher(view.definition());
            let found = view.candidates(&filter).filter(|record| matcher.matches(record));
            assert_eq!(self.keys(found), expected);
        }
    }

    fn compare_bucket(&self) {
        let view = View::committed(&self.bucket);
        self.compare_view(view, &self.rows);
        let mut order: Vec<u64> = self.rows.iter().map(|row| row.key).collect();
        assert_eq!(self.keys(view.records_back()), order.iter().rev().copied().collect::<Vec<_>>());
        if self.shape.ordered {
            order.sort_unstable();
        }
        assert_eq!(self.keys(view.ordered()), order);
        assert_eq!(self.keys(view.ordered_back()), order.iter().rev().copied().collect::<Vec<_>>());
        for at in 0..10 {
            let rest = order.iter().position(|key| *key == at).map(|place| order[place + 1..].to_vec());
            assert_eq!(view.after(&key(at)).map(|records| self.keys(records)), rest);
        }
    }

    fn keys<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Vec<u64> {
        let key = |record: &Record| self.bucket.key_of(record);
        records.map(|record| std::str::from_utf8(&key(record)).unwrap().parse().unwrap()).collect()
    }
}

fn violated_field(result: Result<(), crate::base::fault::Fault>) -> Option<String> {
    let details = result.err()?.details.unwrap();
    let field = Raw::trusted(&details).get(b"\"field\"").unwrap().as_str().unwrap();
    Some(field.into_owned())
}

// S-68…S-79, S-106, S-169, S-178, S-179, S-189, S-193, S-194
#[test]
fn a_bucket_is_what_a_list_is() {
    for seed in 0..80 {
        let mut run = Run::new(seed);
        (0..80).for_each(|_| run.transaction());
    }
}
