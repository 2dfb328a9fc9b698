//! The subscribers of one live query or pattern, in order of creation, in little memory.

use crate::base::ids::{ConnId, SubscriptionId};
use smallvec::SmallVec;
use std::num::NonZeroU64;

/// One subscription as the hub sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber {
    /// Whose.
    pub conn: ConnId,
    /// Its name for the client.
    pub id: SubscriptionId,
    /// Digest of the answer that the client has, if pushes were withheld since.
    pub stale: Option<NonZeroU64>,
    /// Where in the connection's stream its last push ends, bytes.
    pub pushed_to: u64,
    /// Bytes of all its pushes so far, framing included.
    pub pushed_bytes: u64,
    /// How often a push was withheld (K-4); goes no higher than it can.
    pub conflations: u32,
    has_left: bool,
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
        let found = *subscriber;
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
    use super::Subscribers;
    use crate::base::ids::{ConnId, SubscriptionId};

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
        assert_eq!(left, (1..=25).map(|n| n * 4).collect::<Vec<_>>(), "in order");
        assert!(subscribers.get_mut(SubscriptionId(12)).is_some());
        assert!(subscribers.get_mut(SubscriptionId(13)).is_none());
        left.iter().for_each(|id| assert!(subscribers.remove(SubscriptionId(id * 3)).is_some()));
        assert!(subscribers.is_empty() && subscribers.iter_mut().next().is_none());
    }
}
