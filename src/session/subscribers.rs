//! The subscribers of one live query or pattern, in order of creation, in little memory.

use crate::base::bytes::{Body, LocalBody};
use crate::base::ids::{ConnId, SubscriptionId};
use smallvec::SmallVec;
use std::num::NonZeroU64;
use std::rc::Rc;

/// One subscription as the hub sees it.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Whose.
    pub conn: ConnId,
    /// Its name for the client.
    pub id: SubscriptionId,
    /// The answer that the client has, if pushes were withheld since.
    pub stale: Option<Delivered>,
    /// Where in the connection's stream its last push ends, bytes.
    pub pushed_to: u64,
    /// Bytes of all its pushes so far, framing included.
    pub pushed_bytes: u64,
    /// How often a push was withheld (K-4); goes no higher than it can.
    pub conflations: u32,
    has_left: bool,
}

/// An answer that a client has, to be compared with the one that it would get next (S-141).
#[derive(Clone, Debug)]
pub enum Delivered {
    /// Itself, which each subscriber compares for itself, at the speed of memory.
    Answer(LocalBody),
    /// What takes no memory. Two passes over all values, but for all who share an answer together.
    Digest(NonZeroU64),
}

impl Delivered {
    /// That answer, kept or as a digest.
    pub fn new(answer: &LocalBody, is_kept: bool, hasher: &ahash::RandomState) -> Self {
        if is_kept { Self::Answer(Rc::clone(answer)) } else { Self::Digest(answer.digest(hasher)) }
    }

    /// Whether the client has an answer deeply equal to this one (S-5).
    pub fn is(&self, answer: &Body, hasher: &ahash::RandomState) -> bool {
        match self {
            Self::Answer(delivered) => delivered.is_same(answer),
            Self::Digest(delivered) => *delivered == answer.digest(hasher),
        }
    }
}

/// In order of creation, which is the order of their ids.
///
/// A tree would take twice the memory per subscriber, and 400 B for the single subscriber that
/// most parameterised queries have. Whoever leaves stays behind as a gap until gaps are the
/// majority; so leaving costs O(log n) for the search and O(1) amortised, also when everybody
/// leaves at once.
#[derive(Default)]
pub(super) struct Subscribers {
    /// Ascending by id, gaps included.
    entries: SmallVec<[Subscriber; 1]>,
    gaps: usize,
}

impl Subscribers {
    /// Whether all have left.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.gaps
    }

    /// Enters a subscriber.
    ///
    /// # Panics
    /// If its id is not the highest so far: the ids of one core ascend.
    pub(super) fn push(&mut self, conn: ConnId, id: SubscriptionId) {
        assert!(self.entries.last().is_none_or(|last| last.id < id), "ids ascend");
        self.entries.push(Subscriber {
            conn,
            id,
            stale: None,
            pushed_to: 0,
            pushed_bytes: 0,
            conflations: 0,
            has_left: false,
        });
    }

    /// Takes a subscriber out.
    pub(super) fn remove(&mut self, id: SubscriptionId) -> Option<Subscriber> {
        let subscriber = self.get_mut(id)?;
        subscriber.has_left = true;
        let found = subscriber.clone();
        self.gaps += 1;
        if self.gaps * 2 > self.entries.len() {
            self.entries.retain(|subscriber| !subscriber.has_left);
            self.entries.shrink_to_fit();
            self.gaps = 0;
        }
        Some(found)
    }

    /// A subscriber by its id. O(log n).
    pub(super) fn get_mut(&mut self, id: SubscriptionId) -> Option<&mut Subscriber> {
        let at = self.entries.binary_search_by_key(&id, |subscriber| subscriber.id).ok()?;
        Some(&mut self.entries[at]).filter(|subscriber| !subscriber.has_left)
    }

    /// Everybody, in order.
    pub(super) fn into_values(self) -> impl Iterator<Item = Subscriber> {
        self.entries.into_iter().filter(|subscriber| !subscriber.has_left)
    }

    /// Everybody, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscriber> {
        self.entries.iter().filter(|subscriber| !subscriber.has_left)
    }

    /// Everybody, in order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscriber> {
        self.entries.iter_mut().filter(|subscriber| !subscriber.has_left)
    }
}

#[cfg(test)]
mod tests {
    use super::{Delivered, Subscribers};
    use crate::base::bytes::Body;
    use crate::base::ids::{ConnId, SubscriptionId};
    use std::rc::Rc;

    // S-5, S-141
    #[test]
    fn a_digest_compares_like_the_answer_and_keeps_nothing() {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let body = |json: &str| Rc::new(Body::new(&mut json.as_bytes().to_vec()));
        let answer = body(r#"[{"a":1,"b":2}]"#);
        for is_kept in [true, false] {
            let delivered = Delivered::new(&answer, is_kept, &hasher);
            assert_eq!(Rc::strong_count(&answer), 1 + usize::from(is_kept));
            assert!(delivered.is(&body(r#"[{"b":2,"a":1}]"#), &hasher));
            assert!(!delivered.is(&body(r#"[{"b":1,"a":2}]"#), &hasher));
        }
    }

    #[test]
    fn gaps_are_invisible_and_do_not_pile_up() {
        let mut subscribers = Subscribers::default();
        let conn = ConnId { slot: 0, generation: 1 };
        (1..=100).for_each(|id| subscribers.push(conn, SubscriptionId(id * 3)));
        for id in (1..=100).filter(|id| id % 4 != 0) {
            assert!(subscribers.remove(SubscriptionId(id * 3)).is_some());
            assert!(subscribers.remove(SubscriptionId(id * 3)).is_none(), "it has left");
            assert!(subscribers.gaps * 2 <= subscribers.entries.len());
        }
        let left: Vec<u64> = subscribers.iter().map(|subscriber| subscriber.id.0 / 3).collect();
        assert_eq!(subscribers.len(), 25);
        assert_eq!(left, (1..=25).map(|n| n * 4).collect::<Vec<_>>(), "in order");
        assert!(subscribers.get_mut(SubscriptionId(12)).is_some());
        assert!(subscribers.get_mut(SubscriptionId(13)).is_none());
        left.iter().for_each(|id| assert!(subscribers.remove(SubscriptionId(id * 3)).is_some()));
        assert!(subscribers.is_empty() && subscribers.iter_mut().next().is_none());
    }
}
