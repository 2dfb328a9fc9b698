//! The few numbers that all cores of a process share.

use std::sync::atomic::{AtomicU64, Ordering};

/// Process-wide counters. Relaxed atomics: each number stands for itself.
#[derive(Debug, Default)]
pub struct Counters {
    subscriptions: AtomicU64,
    active_subscriptions: AtomicU64,
    connections: AtomicU64,
    open_connections: AtomicU64,
}

impl Counters {
    /// The next subscription number, from 1, never reused (P-135, K-8).
    pub fn next_subscription(&self) -> u64 {
        self.subscriptions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The next connection number, from 1, never reused (P-29).
    pub fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes one of `max` places for connections; `None` = there are enough. False if all are taken.
    pub fn reserve_connection(&self, max: Option<u64>) -> bool {
        reserve(&self.open_connections, max.unwrap_or(u64::MAX))
    }

    /// Gives a place back.
    pub fn release_connection(&self) {
        release(&self.open_connections);
    }

    /// Takes one of `max` places for active subscriptions; false if all are taken. Holds
    /// under concurrent calls (P-120).
    pub fn reserve_subscription(&self, max: u64) -> bool {
        reserve(&self.active_subscriptions, max)
    }

    /// Gives a place back.
    pub fn release_subscription(&self) {
        release(&self.active_subscriptions);
    }

    /// How many places are taken.
    pub fn active_subscriptions(&self) -> u64 {
        self.active_subscriptions.load(Ordering::Relaxed)
    }
}

fn reserve(taken: &AtomicU64, max: u64) -> bool {
    let one_more = |taken| (taken < max).then_some(taken + 1);
    taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
}

fn release(taken: &AtomicU64) {
    let before = taken.fetch_sub(1, Ordering::Relaxed);
    debug_assert!(before > 0, "every place given back was taken");
}

#[cfg(test)]
mod tests {
    use super::Counters;

    #[test]
    fn places_are_bounded() {
        // P-116, P-118, P-119
        let counters = Counters::default();
        assert!(counters.reserve_subscription(2) && counters.reserve_subscription(2));
        assert!(!counters.reserve_subscription(2));
        counters.release_subscription();
        assert!(counters.reserve_subscription(2));
        assert!(!Counters::default().reserve_subscription(0));
    }
}
