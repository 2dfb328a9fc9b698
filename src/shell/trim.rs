//! When memory goes back to the system: the allocator would keep that of a crowd for ever.

use std::cell::Cell;

/// Connections that have ended, at least, before it is worth while.
const ENDED_MIN: usize = 64;

/// From then on, and so at least between two times, milliseconds: it costs up to some of them.
const PAUSE_MS: u64 = 1_000;

/// Counts connections: memory is given back when as many have ended as are still there.
#[derive(Default)]
pub(super) struct Trim {
    open: Cell<usize>,
    /// Since the last time.
    ended: Cell<usize>,
    due_ms: Cell<Option<u64>>,
}

impl Trim {
    /// A connection has begun.
    pub(super) fn begun(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// A connection has ended. True = from now on there is a time at which memory is to go back.
    pub(super) fn ended(&self, now_ms: u64) -> bool {
        self.open.set(self.open.get() - 1);
        self.ended.set(self.ended.get() + 1);
        let is_crowd = self.ended.get() >= self.open.get().max(ENDED_MIN);
        let begins = is_crowd && self.due_ms.get().is_none();
        if begins {
            self.due_ms.set(Some(now_ms + PAUSE_MS));
        }
        begins
    }

    /// When it is to go back, monotonic milliseconds.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due_ms.get()
    }

    /// Whether it is to go back now; says so once.
    pub(super) fn take_due(&self, now_ms: u64) -> bool {
        let is_due = self.due_ms.get().is_some_and(|due_ms| due_ms <= now_ms);
        if is_due {
            self.due_ms.set(None);
            self.ended.set(0);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDED_MIN, PAUSE_MS, Trim};

    #[test]
    fn once_for_each_crowd() {
        let trim = Trim::default();
        (0..4 * ENDED_MIN).for_each(|_| trim.begun());
        assert!(!(0..2 * ENDED_MIN - 1).any(|_| trim.ended(5)), "most are still there");
        assert!(trim.ended(5));
        assert!(!trim.ended(6), "it is known already");
        assert_eq!(trim.due_ms(), Some(5 + PAUSE_MS));
        assert!(!trim.take_due(4 + PAUSE_MS) && trim.take_due(5 + PAUSE_MS) && !trim.take_due(u64::MAX));
        assert!(!(1..ENDED_MIN).any(|_| trim.ended(7)), "a few are no crowd");
        assert!(trim.ended(7));
    }
}
