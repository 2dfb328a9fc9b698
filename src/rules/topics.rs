//! Live topic patterns: who hears of an event.

use super::pattern::{Pattern, is_literal, topic_segments};
use crate::base::ids::{CoreId, LiveId};
use ahash::RandomState;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Leading segments by which wildcard patterns are found. Bounds the look-ups per event,
/// and reaches the entity in `tenant.users.7.*`.
const STEM_SEGMENTS_MAX: usize = 3;

/// The message for one core that has subscribers to at least one matching pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Where the subscribers are.
    pub core: CoreId,
    /// The literal pattern first, then wildcard patterns in order of creation (P-129, R-58 d).
    pub patterns: SmallVec<[LiveId; 2]>,
}

/// All patterns that somebody is subscribed to.
///
/// An event costs one look-up for the patterns equal to its topic, and one match for each
/// wildcard pattern that begins with the same segments (up to [`STEM_SEGMENTS_MAX`]) or
/// with a wildcard. No map is iterated in hash order.
pub(super) struct Topics {
    last: u64,
    ids: HashMap<Arc<str>, LiveId, RandomState>,
    live: HashMap<LiveId, Live, RandomState>,
    /// Wildcard patterns by [stem](stems). Ids ascend in order of creation.
    wildcards: HashMap<Box<str>, BTreeMap<LiveId, Pattern>, RandomState>,
}

/// A pattern and its subscribers.
struct Live {
    text: Arc<str>,
    /// Subscribers per core, ascending by core; none is 0.
    subscribers: SmallVec<[(CoreId, usize); 2]>,
}

impl Topics {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            last: 0,
            ids: HashMap::with_hasher(hasher.clone()),
            live: HashMap::with_hasher(hasher.clone()),
            wildcards: HashMap::with_hasher(hasher),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn subscribe(&mut self, pattern: &str, core: CoreId) -> LiveId {
        let id = self.ids.get(pattern).copied().unwrap_or_else(|| self.create(pattern));
        let live = self.live.get_mut(&id).expect("a known pattern is live");
        match live.subscribers.binary_search_by_key(&core, |(core, _)| *core) {
            Ok(at) => live.subscribers[at].1 += 1,
            Err(at) => live.subscribers.insert(at, (core, 1)),
        }
        id
    }

    pub(super) fn unsubscribe(&mut self, id: LiveId, core: CoreId) {
        let live = self.live.get_mut(&id);
        let found = live.and_then(|live| {
            let at = live.subscribers.binary_search_by_key(&core, |(core, _)| *core).ok()?;
            Some((live, at))
        });
        let Some((live, at)) = found else {
            debug_assert!(false, "{core} leaves {id:?} without having joined");
            return;
        };
        live.subscribers[at].1 -= 1;
        if live.subscribers[at].1 == 0 {
            live.subscribers.remove(at);
        }
        if live.subscribers.is_empty() {
            self.forget(id);
        }
    }

    /// One message per core with subscribers, ascending by core.
    pub(super) fn deliveries(&self, topic: &str) -> Vec<Delivery> {
        let mut deliveries = Vec::<Delivery>::new();
        for id in self.matching(topic) {
            for (core, _) in &self.live[&id].subscribers {
                match deliveries.binary_search_by_key(core, |delivery| delivery.core) {
                    Ok(at) => deliveries[at].patterns.push(id),
                    Err(at) => {
                        deliveries.insert(at, Delivery { core: *core, patterns: SmallVec::from_slice(&[id]) })
                    }
                }
            }
        }
        deliveries
    }

    /// Literal first, then wildcards in order of creation.
    fn matching(&self, topic: &str) -> SmallVec<[LiveId; 8]> {
        let mut ids = SmallVec::new();
        // A topic may look like a pattern; that pattern is among the wildcards.
        if is_literal(topic) {
            ids.extend(self.ids.get(topic).copied());
        }
        let literal = ids.len();
        if !self.wildcards.is_empty() {
            let segments = topic_segments(topic);
            let candidates = stems(topic).filter_map(|stem| self.wildcards.get(stem)).flatten();
            ids.extend(
                candidates.filter(|(_, pattern)| pattern.matches_segments(&segments)).map(|(id, _)| *id),
            );
            ids[literal..].sort_unstable();
        }
        ids
    }

    fn create(&mut self, text: &str) -> LiveId {
        self.last += 1;
        let id = LiveId(self.last);
        let shared: Arc<str> = text.into();
        self.ids.insert(shared.clone(), id);
        self.live.insert(id, Live { text: shared, subscribers: SmallVec::new() });
        if !is_literal(text) {
            let pattern = Pattern::subscription(text);
            self.wildcards.entry(stem(text).into()).or_default().insert(id, pattern);
        }
        id
    }

    fn forget(&mut self, id: LiveId) {
        let live = self.live.remove(&id).expect("a pattern is forgotten once");
        self.ids.remove(&live.text);
        if !is_literal(&live.text) {
            let stem = stem(&live.text);
            let same_stem = self.wildcards.get_mut(stem).expect("a wildcard pattern has a stem");
            same_stem.remove(&id);
            if same_stem.is_empty() {
                self.wildcards.remove(stem);
            }
        }
    }
}

/// The beginnings of a text that end with a segment, dot included; the first is empty.
fn stems(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.match_indices('.').map(|(dot, _)| dot + 1);
    std::iter::once(0).chain(ends.take(STEM_SEGMENTS_MAX)).map(|end| &text[..end])
}

/// The longest stem that all topics matched by a wildcard pattern have.
fn stem(pattern: &str) -> &str {
    let fixed = pattern.find('*').map_or(pattern, |star| &pattern[..star]);
    stems(fixed).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Delivery, Pattern, Topics, is_literal, stem};
    use crate::base::ids::{CoreId, LiveId};
    use ahash::RandomState;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn topics() -> Topics {
        Topics::new(RandomState::with_seeds(1, 2, 3, 4))
    }

    fn check(topics: &Topics, topic: &str, expected: &[(u16, &[u64])]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(core, ids)| Delivery {
                core: CoreId(*core),
                patterns: ids.iter().copied().map(LiveId).collect(),
            })
            .collect();
        assert_eq!(topics.deliveries(topic), expected, "{topic}");
    }

    #[test]
    fn one_message_per_core_with_literal_patterns_first() {
        // P-129, R-58 (d)
        let mut topics = topics();
        for (pattern, core, id) in [
            ("order.*", 2, 1),
            ("*", 0, 2),
            ("order.placed", 2, 3),
            ("ord*.placed", 2, 4),
            ("order.*", 0, 1),
            ("other", 1, 5),
            ("**.placed", 0, 6),
            ("order.placed.*", 0, 7),
        ] {
            assert_eq!(topics.subscribe(pattern, CoreId(core)), LiveId(id), "{pattern}");
        }
        check(&topics, "order.placed", &[(0, &[1, 2, 6]), (2, &[3, 1, 4])]);
        check(&topics, "order.item.placed", &[(0, &[1, 2, 6]), (2, &[1])]);
        check(&topics, "other", &[(0, &[2]), (1, &[5])]);
    }

    #[test]
    fn a_topic_that_looks_like_a_pattern_is_delivered_once() {
        //
        let mut topics = topics();
        topics.subscribe("a.*", CoreId(0));
        check(&topics, "a.*", &[(0, &[1])]);
        check(&topics, "b.*", &[]);
    }

    #[test]
    fn a_pattern_lives_as_long_as_its_last_subscriber() {
        //
        let mut topics = topics();
        for _ in 0..2 {
            assert_eq!(topics.subscribe("a.*", CoreId(1)), LiveId(1));
        }
        topics.subscribe("a.*", CoreId(0));
        topics.unsubscribe(LiveId(1), CoreId(1));
        check(&topics, "a.b", &[(0, &[1]), (1, &[1])]);
        topics.unsubscribe(LiveId(1), CoreId(1));
        check(&topics, "a.b", &[(0, &[1])]);
        topics.unsubscribe(LiveId(1), CoreId(0));
        check(&topics, "a.b", &[]);
        // A number is never given twice.
        assert_eq!(topics.subscribe("a.*", CoreId(1)), LiveId(2));
    }

    #[test]
    fn nothing_is_left_of_forgotten_patterns() {
        let mut topics = topics();
        for n in 0..1_000 {
            for pattern in [format!("user.{n}"), format!("user.{n}.*"), "*".to_owned()] {
                let id = topics.subscribe(&pattern, CoreId(0));
                topics.unsubscribe(id, CoreId(0));
            }
        }
        assert_eq!((topics.ids.len(), topics.live.len(), topics.wildcards.len()), (0, 0, 0));
    }

    #[test]
    fn wildcard_patterns_are_filed_by_their_leading_segments() {
        for (pattern, expected) in [
            ("*", ""),
            ("ord*.x", ""),
            ("order.*", "order."),
            ("a.b*.c", "a."),
            ("a.b.c.d.*", "a.b.c."),
            ("..*", ".."),
        ] {
            assert_eq!(stem(pattern), expected, "{pattern}");
        }
        // 1 000 subscribers to their own users: an event is matched with one pattern.
        let mut topics = topics();
        for n in 0..1_000 {
            topics.subscribe(&format!("user.{n}.*"), CoreId(0));
        }
        assert_eq!(topics.wildcards["user.7."].len(), 1);
        check(&topics, "user.7.renamed", &[(0, &[8])]);
    }

    fn name(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(pieces), 1..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn deliveries_are_those_of_a_plain_list(
            steps in prop::collection::vec((name(&["a", "a.", "b.", "*", "**."]), 0..4_u16, 0..3_u8), 1..80),
            subjects in prop::collection::vec(name(&["a", "a.", "b.", "b", "*"]), 1..20),
        ) {
            // P-129, R-54, R-58 (d)
            let (mut topics, mut model) = (topics(), Vec::<(LiveId, String, CoreId)>::new());
            for (pattern, core, action) in steps {
                if action == 0 && !model.is_empty() {
                    let (id, _, core) = model.remove(usize::from(core) % model.len());
                    topics.unsubscribe(id, core);
                } else {
                    let id = topics.subscribe(&pattern, CoreId(core));
                    model.push((id, pattern, CoreId(core)));
                }
            }
            for subject in subjects {
                let mut expected = BTreeMap::<CoreId, Vec<(bool, LiveId)>>::new();
                for (id, pattern, core) in &model {
                    if Pattern::subscription(pattern).matches(&subject) {
                        expected.entry(*core).or_default().push((!is_literal(pattern), *id));
                    }
                }
                let expected: Vec<_> = expected.into_iter().map(|(core, mut patterns)| {
                    patterns.sort();
                    patterns.dedup();
                    Delivery { core, patterns: patterns.into_iter().map(|(_, id)| id).collect() }
                }).collect();
                prop_assert_eq!(topics.deliveries(&subject), expected);
            }
            for (id, _, core) in model {
                topics.unsubscribe(id, core);
            }
            prop_assert_eq!((topics.ids.len(), topics.len(), topics.wildcards.len()), (0, 0, 0));
        }
    }
}
