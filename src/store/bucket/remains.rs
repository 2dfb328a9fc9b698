//! What is left of buckets that were cleared or dropped, freed little by little.
//!
//! A million records take a third of a second to free, for which their core would serve nobody.

use super::index::{Crowd, Index};
use super::slots::Slots;
use super::{Ages, Expiry, KeyOrder};
use std::collections::VecDeque;

/// Records, and what found them, that nobody can reach any more.
#[derive(Default)]
pub struct Remains(VecDeque<Part>);

enum Part {
    Slots(Slots),
    Index(Index),
    Crowd(Crowd),
    Order(KeyOrder),
    Expiry(Expiry),
    Ages(Ages),
}

impl Remains {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds those of a bucket. O(indexes).
    pub(super) fn add(
        &mut self,
        slots: Slots,
        indexes: impl Iterator<Item = Index>,
        (order, expiry, ages): (Option<KeyOrder>, Option<Expiry>, Option<Ages>),
    ) {
        self.0.push_back(Part::Slots(slots));
        self.0.extend(indexes.map(Part::Index));
        self.0.extend(order.map(Part::Order));
        self.0.extend(expiry.map(Part::Expiry));
        self.0.extend(ages.map(Part::Ages));
    }

    /// Frees about so many records, or as many entries of what found them.
    pub fn free(&mut self, mut count: usize) {
        while count > 0
            && let Some(part) = self.0.front_mut()
        {
            let mut crowds = Vec::new();
            let freed = match part {
                Part::Slots(slots) => slots.shed(count),
                Part::Index(index) => index.shed(&mut crowds),
                Part::Crowd(crowd) => std::iter::from_fn(|| crowd.pop_first()).take(count).count(),
                Part::Order(order) => order.shed(count),
                Part::Expiry(expiry) => expiry.shed(count),
                Part::Ages(ages) => ages.shed(count),
            };
            if freed == 0 {
                self.0.pop_front();
            }
            self.0.extend(crowds.into_iter().map(Part::Crowd));
            count = count.saturating_sub(freed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Remains;
    use crate::base::json::{Object, Parser, Raw};
    use crate::base::random::Random;
    use crate::store::{Bucket, Definition, Scratch, Stamp, Write, insert};

    /// Many records with the same value, and everything that finds records.
    const DEFINITION: &str = r#"{"key":"k","etsType":"ordered_set","ttl":"1h","maxSize":100000,"indexes":["s","g"],"schema":{"k":{"type":"number"},"g":{"type":"number"},"s":{"type":"string"},"u":{"type":"number","unique":true}}}"#;

    fn fill(bucket: &mut Bucket, records: usize) {
        let mut random = Random::from_seed([1; 32]);
        for n in 0..records {
            let text = format!(r#"{{"k":{n},"u":{n},"g":{},"s":"same"}}"#, n / 5);
            let mut parser = Parser::default();
            let data = Object::from_value(parser.parse(&text).unwrap().root()).unwrap();
            let scratch = &Scratch::default();
            let mut stamp = Stamp { unix_ms: 1, random: &mut random, autoincrement: 0, scratch };
            let record = insert(bucket, &data, &mut stamp).unwrap();
            bucket.apply(Write::Insert(record));
        }
    }

    #[test]
    fn a_crowd_is_freed_by_parts() {
        // S-95, S-70: the bucket is empty at once and can be filled again; places are not reused
        let definition = Definition::parse("b", Raw::trusted(DEFINITION.as_bytes())).unwrap();
        let mut bucket = Bucket::new(definition, 7);
        let records = 10_000;
        fill(&mut bucket, records);
        let last = bucket.sequence(b"9999");
        let witness = bucket.get(b"0").unwrap().clone();
        let mut remains = Remains::default();
        bucket.clear(&mut remains);
        assert!(bucket.is_empty() && bucket.get(b"0").is_none() && bucket.next_expiry_ms().is_none());
        fill(&mut bucket, 3);
        assert!(bucket.sequence(b"0") > last);
        let mut turns = 0;
        while !remains.is_empty() {
            remains.free(100);
            turns += 1;
        }
        // Slots, key order, expiry, age and the crowd: each an entry per record. Of the tables only
        // parts as a whole.
        assert!((5 * records / 100..6 * records / 100).contains(&turns), "{turns} turns");
        assert_eq!(witness.text(), bucket.get(b"0").unwrap().text());
    }
}
