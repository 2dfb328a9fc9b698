//! The engine: one method per operation.

use super::event::{Emission, Emitted, EventId, event};
use super::facts::{Fact, Facts};
use super::topics::Topics;
use crate::base::ids::{CoreId, LiveId};
use crate::base::json::Raw;
use crate::base::random::Random;
use ahash::RandomState;

/// Facts, events and subscriptions of one server.
///
/// Its owner calls it in the order in which requests arrive, sends the deliveries of each
/// event in that order (R-58 a) and before the answer to the emitter (P-128). Names and
/// patterns are non-empty strings (R-10); any such string will do (R-23, R-52). Nothing
/// fails.
pub struct Engine {
    facts: Facts,
    topics: Topics,
    events_processed: u64,
}

impl Engine {
    /// An empty engine; `seed` keys the hash tables, whose order nobody sees.
    pub fn new(seed: u64) -> Self {
        let hasher = RandomState::with_seeds(seed, 0, 0, 0);
        Self { facts: Facts::new(hasher.clone()), topics: Topics::new(hasher), events_processed: 0 }
    }

    /// Accepts a client's event (R-28, R-41, R-55).
    ///
    /// The place where events trigger rules; derived events follow this one (R-58 b).
    pub fn emit(&mut self, emission: Emission, unix_ms: u64, random: &mut Random) -> Emitted {
        self.events_processed += 1;
        let id = EventId { unix_ms, random: random.next_u64(), number: self.events_processed };
        let event = event(id, &emission);
        let deliveries = self.topics.deliveries(&emission.topic);
        Emitted { event, topic: emission.topic, deliveries }
    }

    /// Writes a fact and returns the fact object as JSON (R-25, R-43). O(1).
    ///
    /// The place where facts trigger rules, also if the value has not changed.
    pub fn set_fact(&mut self, key: &str, value: Raw<'_>, unix_ms: u64) -> Vec<u8> {
        let fact = self.facts.set(key, value, unix_ms);
        let mut out = Vec::with_capacity(96 + key.len() + value.as_bytes().len());
        fact.write(&mut out);
        out
    }

    /// The bare value of a fact (R-44). O(1).
    pub fn fact(&self, key: &str) -> Option<Raw<'_>> {
        self.facts.get(key).map(Fact::value)
    }

    /// Removes a fact; false if there is none (R-45). Triggers nothing. O(1).
    pub fn delete_fact(&mut self, key: &str) -> bool {
        self.facts.delete(key)
    }

    /// Appends the matching fact objects as a JSON array in creation order (R-24, R-46).
    /// O(1) for a pattern without `*`, else O(facts).
    pub fn write_facts(&self, pattern: &str, out: &mut Vec<u8>) {
        let mut array = Array::begin(out);
        self.facts.for_each_match(pattern, |fact| array.push(fact));
        array.end();
    }

    /// Appends all fact objects as a JSON array in creation order (R-47).
    pub fn write_all_facts(&self, out: &mut Vec<u8>) {
        let mut array = Array::begin(out);
        self.facts.iter().for_each(|fact| array.push(fact));
        array.end();
    }

    /// A subscriber on `core` joins the pattern (R-52). All subscribers of one pattern
    /// share its id; a pattern that comes back after it was forgotten gets a new one.
    pub fn subscribe(&mut self, pattern: &str, core: CoreId) -> LiveId {
        self.topics.subscribe(pattern, core)
    }

    /// One subscriber on `core`, who has joined, leaves (R-61, R-62); the pattern is
    /// forgotten with its last subscriber. Events emitted later no longer name it.
    pub fn unsubscribe(&mut self, live: LiveId, core: CoreId) {
        self.topics.unsubscribe(live, core);
    }

    /// `factsCount` (R-48).
    pub fn facts_len(&self) -> usize {
        self.facts.len()
    }

    /// `eventsProcessed`: events accepted since start (R-48).
    pub fn events_processed(&self) -> u64 {
        self.events_processed
    }

    /// Patterns with at least one subscriber.
    pub fn patterns_len(&self) -> usize {
        self.topics.len()
    }
}

/// A JSON array of facts being written.
struct Array<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Array<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, is_empty: true }
    }

    fn push(&mut self, fact: &Fact) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        fact.write(self.out);
    }

    fn end(self) {
        self.out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::Engine;
    use crate::base::ids::CoreId;
    use crate::base::json::Raw;
    use crate::base::random::Random;
    use crate::rules::Emission;
    use std::collections::HashSet;

    fn emission(topic: &str) -> Emission {
        Emission { topic: topic.to_owned(), ..Emission::default() }
    }

    fn set(engine: &mut Engine, key: &str, value: &str, unix_ms: u64) -> String {
        String::from_utf8(engine.set_fact(key, Raw::trusted(value.as_bytes()), unix_ms)).unwrap()
    }

    fn query(engine: &Engine, pattern: &str) -> String {
        let mut out = Vec::new();
        engine.write_facts(pattern, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn facts_as_in_the_examples() {
        // R-43 – R-47
        let mut engine = Engine::new(1);
        assert_eq!(query(&engine, "*"), "[]");
        set(&mut engine, "order:o-1:status", "\"new\"", 1);
        let fact = r#"{"key":"order:o-1:status","value":"shipped","timestamp":1795224603887,"source":"api","version":2}"#;
        assert_eq!(set(&mut engine, "order:o-1:status", "\"shipped\"", 1_795_224_603_887), fact);
        let second = r#"{"key":"\"","value":null,"timestamp":0,"source":"api","version":1}"#;
        assert_eq!(set(&mut engine, "\"", "null", 0), second);

        assert_eq!(engine.fact("order:o-1:status").unwrap().as_bytes(), b"\"shipped\"");
        assert_eq!(engine.fact("\"").unwrap().as_bytes(), b"null");
        assert!(engine.fact("none").is_none());
        assert_eq!(query(&engine, "order:*:status"), format!("[{fact}]"));
        assert_eq!(query(&engine, "\""), format!("[{second}]"));
        assert_eq!(query(&engine, "order"), "[]");
        let mut all = b"data:".to_vec();
        engine.write_all_facts(&mut all);
        assert_eq!(String::from_utf8(all).unwrap(), format!("data:[{fact},{second}]"));

        assert_eq!(engine.facts_len(), 2);
        assert!(engine.delete_fact("\""));
        assert!(!engine.delete_fact("\""));
        assert_eq!(engine.facts_len(), 1);
    }

    #[test]
    fn an_event_names_its_topic_and_its_hearers() {
        // R-41, R-55, R-56
        let mut engine = Engine::new(1);
        let live = engine.subscribe("order.*", CoreId(3));
        let emitted = engine.emit(emission("order.placed"), 7, &mut Random::from_seed([0; 32]));
        assert_eq!(emitted.topic, "order.placed");
        assert_eq!(
            (emitted.deliveries[0].core, &emitted.deliveries[0].patterns[..]),
            (CoreId(3), &[live][..])
        );
        let event = String::from_utf8(emitted.event.clone()).unwrap();
        assert!(
            event.ends_with(r#","topic":"order.placed","data":{},"timestamp":7,"source":"api"}"#),
            "{event}"
        );
        let push = String::from_utf8(emitted.push_data()).unwrap();
        assert_eq!(push, format!(r#"{{"topic":"order.placed","event":{event}}}"#));

        engine.unsubscribe(live, CoreId(3));
        assert_eq!((engine.patterns_len(), engine.events_processed()), (0, 1));
    }

    #[test]
    fn event_ids_are_unique_within_a_millisecond() {
        // R-31
        let (mut engine, mut random) = (Engine::new(1), Random::from_seed([0; 32]));
        let mut ids = HashSet::new();
        for _ in 0..10_000 {
            let event = engine.emit(emission("t"), 5, &mut random).event;
            let id = Raw::trusted(&event).members().next().unwrap().1.as_str().unwrap().into_owned();
            assert!(id.starts_with("5-") && ids.insert(id));
        }
        assert_eq!(engine.events_processed(), 10_000);
    }

    #[test]
    fn the_seed_of_the_tables_shows_nowhere() {
        let run = |seed| {
            let (mut engine, mut random) = (Engine::new(seed), Random::from_seed([9; 32]));
            for n in 0..100_u16 {
                set(&mut engine, &n.to_string(), "1", 0);
                engine.subscribe(&format!("*{}*", n % 10), CoreId(n % 7));
            }
            let emitted = engine.emit(emission("x123456789x"), 5, &mut random);
            (query(&engine, "*"), emitted.event, emitted.deliveries)
        };
        assert_eq!(run(1), run(u64::MAX));
    }
}
