//! The requests of one connection that are in flight: since when, and in which order they must be answered.
//!
//! Ids increase by one; the protocol answers in request order (P-121). Each fault is counted once: when an
//! answer is skipped, only the skipped one is at fault (late if it still comes, missing if it does not), not
//! all that follow it.

use std::collections::VecDeque;

/// Marks a slot whose answer has come; no clock reading reaches it.
const ANSWERED: u64 = u64::MAX;

/// What an answer's id says about its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Waited for, and none after it has come before. With its latency in nanoseconds.
    InOrder(u64),
    /// Waited for, but a later request was answered first. With its latency in nanoseconds.
    Late(u64),
    /// Answered before.
    Duplicate,
    /// Never asked.
    Unknown,
}

/// The requests in flight on one connection.
#[derive(Debug)]
pub struct Window {
    /// When each request was sent, from id `first_id` on.
    sent_at: VecDeque<u64>,
    first_id: u64,
    /// One above the highest id that was answered.
    expected_id: u64,
    waiting: usize,
}

impl Window {
    /// An empty window whose first request will have the id `first_id`.
    pub fn new(first_id: u64) -> Self {
        Self { sent_at: VecDeque::new(), first_id, expected_id: first_id, waiting: 0 }
    }

    /// How many requests have no answer yet.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Notes that the next request leaves at `now` and returns its id.
    pub fn send(&mut self, now: u64) -> u64 {
        debug_assert_ne!(now, ANSWERED);
        let id = self.first_id + self.sent_at.len() as u64;
        self.sent_at.push_back(now);
        self.waiting += 1;
        id
    }

    /// Notes that an answer with `id` came at `now`.
    pub fn answer(&mut self, id: u64, now: u64) -> Place {
        let Some(offset) = id.checked_sub(self.first_id) else { return Place::Duplicate };
        let Some(slot) = usize::try_from(offset).ok().and_then(|at| self.sent_at.get_mut(at)) else {
            return Place::Unknown;
        };
        if *slot == ANSWERED {
            return Place::Duplicate;
        }
        let latency = now.saturating_sub(std::mem::replace(slot, ANSWERED));
        self.waiting -= 1;
        while self.sent_at.front() == Some(&ANSWERED) {
            self.sent_at.pop_front();
            self.first_id += 1;
        }
        if id < self.expected_id {
            return Place::Late(latency);
        }
        self.expected_id = id + 1;
        Place::InOrder(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends ids 5, 6, 7, 8 at the times 50, 60, 70, 80, then answers `ids` at 100.
    fn check(ids: &[u64], expect: &[Place], missing: usize) {
        let mut window = Window::new(5);
        for id in 5..9 {
            assert_eq!(window.send(id * 10), id);
        }
        let places: Vec<Place> = ids.iter().map(|&id| window.answer(id, 100)).collect();
        assert_eq!(places, expect);
        assert_eq!(window.waiting(), missing);
    }

    #[test]
    fn in_order() {
        use Place::InOrder;
        check(&[5, 6, 7, 8], &[InOrder(50), InOrder(40), InOrder(30), InOrder(20)], 0);
    }

    #[test]
    fn one_overtaken() {
        use Place::{InOrder, Late};
        check(&[6, 5, 7, 8], &[InOrder(40), Late(50), InOrder(30), InOrder(20)], 0);
    }

    #[test]
    fn one_missing_is_one_fault() {
        use Place::InOrder;
        check(&[5, 7, 8], &[InOrder(50), InOrder(30), InOrder(20)], 1);
    }

    #[test]
    fn twice_and_never_asked() {
        use Place::{Duplicate, InOrder, Unknown};
        check(&[5, 5, 7, 7, 9, 0], &[InOrder(50), Duplicate, InOrder(30), Duplicate, Unknown, Duplicate], 2);
    }

    #[test]
    fn ids_go_on_after_answers() {
        let mut window = Window::new(1);
        for round in 0..100 {
            assert_eq!(window.send(round), round + 1);
            assert_eq!(window.answer(round + 1, round + 7), Place::InOrder(7));
        }
        assert_eq!(window.waiting(), 0);
        assert!(window.sent_at.capacity() <= 4, "the window does not grow");
    }
}
