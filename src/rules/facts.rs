//! Working memory: named JSON values in creation order.

use super::pattern::{Pattern, is_literal};
use crate::base::json::{Number, Raw, string_member};
use ahash::RandomState;
use hashbrown::HashTable;

/// Who writes facts: clients, for now the only ones.
const SOURCE: &str = "api";

/// Holes that are not worth closing, entries.
const HOLES_MIN: usize = 32;

/// All facts. A key is stored once.
///
/// Reading, writing and deleting cost O(1), amortised over the growth of the table and
/// the closing of holes. At most half of the entries, and [`HOLES_MIN`], are holes.
pub(super) struct Facts {
    /// In creation order; a deleted fact leaves a hole.
    entries: Vec<Option<Fact>>,
    /// Positions in `entries` by key; never iterated.
    positions: HashTable<usize>,
    hasher: RandomState,
}

/// One fact; its JSON form is in §3.1.
pub(super) struct Fact {
    key: Box<str>,
    value: Box<[u8]>,
    /// Last write, milliseconds since the Unix epoch.
    timestamp: u64,
    /// Writes since creation, the first included.
    version: u64,
}

impl Facts {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self { entries: Vec::new(), positions: HashTable::new(), hasher }
    }

    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Fact> {
        let position = self.positions.find(self.hasher.hash_one(key), |at| is_at(&self.entries, *at, key))?;
        self.entries[*position].as_ref()
    }

    /// Creates the fact at the end, or overwrites it in its place.
    pub(super) fn set(&mut self, key: &str, value: Raw<'_>, unix_ms: u64) -> &Fact {
        let Self { entries, positions, hasher } = self;
        let hash = hasher.hash_one(key);
        let at = match positions.find(hash, |at| is_at(entries, *at, key)) {
            Some(at) => *at,
            None => {
                let at = entries.len();
                entries.push(Some(Fact { key: key.into(), value: Box::default(), timestamp: 0, version: 0 }));
                positions.insert_unique(hash, at, |at| hash_at(hasher, entries, *at));
                at
            }
        };
        let fact = entries[at].as_mut().expect("a position leads to a fact");
        fact.value = value.as_bytes().into();
        fact.timestamp = unix_ms;
        fact.version += 1;
        fact
    }

    /// Whether there was such a fact.
    pub(super) fn delete(&mut self, key: &str) -> bool {
        let Self { entries, positions, hasher } = self;
        let Ok(found) = positions.find_entry(hasher.hash_one(key), |at| is_at(entries, *at, key)) else {
            return false;
        };
        let (at, _) = found.remove();
        entries[at] = None;
        if entries.len() - positions.len() > positions.len() + HOLES_MIN {
            self.close_holes();
        }
        true
    }

    /// The facts that match, in creation order.
    pub(super) fn for_each_match(&self, pattern: &str, visit: impl FnMut(&Fact)) {
        if is_literal(pattern) {
            self.get(pattern).into_iter().for_each(visit);
        } else {
            let pattern = Pattern::fact(pattern);
            self.iter().filter(|fact| pattern.matches(&fact.key)).for_each(visit);
        }
    }

    /// All facts in creation order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.entries.iter().flatten()
    }

    fn close_holes(&mut self) {
        let Self { entries, positions, hasher } = self;
        entries.retain(Option::is_some);
        entries.shrink_to(entries.len() * 2);
        *positions = HashTable::with_capacity(entries.len() * 2);
        for at in 0..entries.len() {
            positions.insert_unique(hash_at(hasher, entries, at), at, |at| hash_at(hasher, entries, *at));
        }
    }
}

fn is_at(entries: &[Option<Fact>], at: usize, key: &str) -> bool {
    entries[at].as_ref().is_some_and(|fact| *fact.key == *key)
}

fn hash_at(hasher: &RandomState, entries: &[Option<Fact>], at: usize) -> u64 {
    let fact = entries[at].as_ref().expect("a position leads to a fact");
    hasher.hash_one(&*fact.key)
}

impl Fact {
    pub(super) fn value(&self) -> Raw<'_> {
        Raw::trusted(&self.value)
    }

    /// Appends the fact object (§3.1).
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        string_member(out, "key", &self.key);
        out.extend_from_slice(b",\"value\":");
        out.extend_from_slice(&self.value);
        out.extend_from_slice(b",\"timestamp\":");
        Number::Unsigned(self.timestamp).write(out);
        out.push(b',');
        string_member(out, "source", SOURCE);
        out.extend_from_slice(b",\"version\":");
        Number::Unsigned(self.version).write(out);
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, HOLES_MIN};
    use crate::base::json::Raw;
    use ahash::RandomState;
    use proptest::prelude::*;

    fn facts(keys: &[&str]) -> Facts {
        let mut facts = Facts::new(RandomState::with_seeds(1, 2, 3, 4));
        for key in keys {
            facts.set(key, Raw::trusted(b"1"), 0);
        }
        facts
    }

    fn matches(facts: &Facts, pattern: &str) -> Vec<String> {
        let mut keys = Vec::new();
        facts.for_each_match(pattern, |fact| keys.push(fact.key.to_string()));
        keys
    }

    fn keys(facts: &Facts) -> Vec<&str> {
        facts.iter().map(|fact| &*fact.key).collect()
    }

    #[test]
    fn the_table_of_fact_patterns() {
        //
        let facts = facts(&["user", "user1", "user:1", "user:1:name", "userX:1"]);
        for (pattern, expected) in [
            ("*", &["user", "user1"][..]),
            ("user:*", &["user:1"]),
            ("user:*:name", &["user:1:name"]),
            ("*:1", &["user:1", "userX:1"]),
            ("*:*", &["user:1", "userX:1"]),
            ("*:*:*", &["user:1:name"]),
            ("us*:1", &["user:1", "userX:1"]),
            ("user:1*", &[]),
            ("user", &["user"]),
            ("order:*", &[]),
        ] {
            assert_eq!(matches(&facts, pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_star_matches_no_empty_segment_and_keys_are_anything() {
        // R-23, R-27 (c)
        let facts = facts(&["user:", "a.b c", "*", ":"]);
        assert!(matches(&facts, "user:*").is_empty());
        assert_eq!(matches(&facts, "*"), ["a.b c", "*"]);
        assert_eq!(matches(&facts, ":"), [":"]);
        assert_eq!(matches(&facts, "user:"), ["user:"]);
    }

    #[test]
    fn overwriting_keeps_the_place_and_recreating_moves_to_the_end() {
        //
        let mut facts = facts(&["a", "b", "c", "a"]);
        assert_eq!(keys(&facts), ["a", "b", "c"]);
        assert!(facts.delete("a"));
        assert!(!facts.delete("a"));
        facts.set("a", Raw::trusted(b"2"), 0);
        assert_eq!(keys(&facts), ["b", "c", "a"]);
    }

    #[test]
    fn an_equal_value_is_a_write_and_a_new_fact_starts_at_1() {
        // R-25, §3.1
        let mut facts = facts(&["a"]);
        let again = facts.set("a", Raw::trusted(b"1"), 9);
        assert_eq!((again.version, again.timestamp), (2, 9));
        facts.delete("a");
        assert_eq!(facts.set("a", Raw::trusted(b"1"), 9).version, 1);
    }

    #[test]
    fn deleted_facts_leave_no_memory_behind() {
        let mut facts = facts(&["stays"]);
        for _ in 0..10_000 {
            facts.set("temporary", Raw::trusted(b"1"), 0);
            facts.delete("temporary");
        }
        assert!(facts.entries.len() <= 2 * facts.len() + HOLES_MIN + 1);
        assert_eq!(keys(&facts), ["stays"]);
    }

    proptest! {
        #[test]
        fn facts_are_a_list_of_keys(steps in prop::collection::vec((0..200_u32, prop::bool::ANY), 0..2_000)) {
            // R-24, with holes closed on the way
            let (mut facts, mut model) = (facts(&[]), Vec::<String>::new());
            for (key, delete) in steps {
                let key = key.to_string();
                let place = model.iter().position(|known| *known == key);
                if delete {
                    prop_assert_eq!(facts.delete(&key), place.is_some());
                    place.map(|place| model.remove(place));
                } else {
                    facts.set(&key, Raw::trusted(key.as_bytes()), 0);
                    if place.is_none() {
                        model.push(key);
                    }
                }
            }
            prop_assert_eq!(keys(&facts), model.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(facts.len(), model.len());
            for key in &model {
                prop_assert_eq!(facts.get(key).unwrap().value().as_bytes(), key.as_bytes());
            }
        }
    }
}
