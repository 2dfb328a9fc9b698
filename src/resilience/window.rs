//! The sliding-window log of one key, shared by all cores without a lock (P-92).
//!
//! The log is a ring with one slot for each request that the window admits. The n-th request is
//! entered in slot `n mod max`, where the request stands that was accepted `max` requests before
//! it: the window has room exactly if that one has left it. So the whole decision is one slot, and
//! accepting is one compare-and-swap of that slot.
//!
//! `accepted` only says where to look and may lag by one behind the slots: whoever finds that its
//! slot has been written in the present lap already helps it forward and looks again. That is what
//! the lap number in a slot is for; a time alone does not tell whether it is old.
//!
//! Times in the ring never go down: a core whose clock was read a moment earlier than that of the
//! entry before it enters that later time. Hence the oldest entry is always the next slot.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many requests one key may make in how long (P-91).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// Requests within any window, at least 1 and at most
    /// [`RATE_REQUESTS_MAX`](crate::base::limits::RATE_REQUESTS_MAX).
    pub max_requests: usize,
    /// Length of the window, milliseconds, at least 1.
    pub window_ms: u64,
}

/// The times of the requests that were accepted for one key.
#[derive(Debug)]
pub struct Window {
    limit: RateLimit,
    /// How many requests have been accepted, or one less.
    accepted: AtomicU64,
    /// Lap and time of the last entry in each slot.
    slots: Box<[AtomicU64]>,
}

/// Bits of a slot that hold the time in milliseconds: 8,900 years. The lap has the others; for two
/// to be confused a core would have to sleep, between two instructions, for 65,536 laps.
const TIME_BITS: u32 = 48;

impl Window {
    /// An empty log.
    ///
    /// # Panics
    /// If the limit admits nothing: the configuration has been checked.
    pub fn new(limit: RateLimit) -> Self {
        assert!(limit.max_requests > 0, "a limit admits something");
        let slots = (0..limit.max_requests).map(|_| AtomicU64::new(0)).collect();
        Self { limit, accepted: AtomicU64::new(0), slots }
    }

    /// Accepts a request and remembers it, or says after how many milliseconds to try again
    /// (P-92…P-94). O(1); lock-free.
    ///
    /// # Errors
    /// At least 1: the time until the oldest request leaves the window.
    pub fn accept(&self, now_ms: u64) -> Result<(), u64> {
        let max = self.slots.len() as u64;
        loop {
            let number = self.accepted.load(Ordering::Acquire);
            let lap = number / max;
            let slot = self.slot(number);
            let seen = slot.load(Ordering::Acquire);
            if !is_of_lap(seen, lap) {
                self.step(number);
                continue;
            }
            let now_ms = if number == 0 { now_ms } else { now_ms.max(self.time(number - 1)) };
            let leaves_at = time_of(seen) + self.limit.window_ms;
            if lap > 0 && leaves_at > now_ms {
                return Err(leaves_at - now_ms);
            }
            let entry = pack(lap + 1, now_ms);
            if slot.compare_exchange(seen, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                self.step(number);
                return Ok(());
            }
        }
    }

    /// Whether no entry is within the window.
    pub fn is_idle(&self, now_ms: u64) -> bool {
        let number = self.accepted.load(Ordering::Acquire);
        let is_next_written =
            !is_of_lap(self.slot(number).load(Ordering::Acquire), number / self.slots.len() as u64);
        !is_next_written && (number == 0 || self.time(number - 1) + self.limit.window_ms <= now_ms)
    }

    fn step(&self, number: u64) {
        // If it fails, somebody else has done it.
        let _ = self.accepted.compare_exchange(number, number + 1, Ordering::AcqRel, Ordering::Relaxed);
    }

    fn slot(&self, number: u64) -> &AtomicU64 {
        let at = usize::try_from(number % self.slots.len() as u64).expect("below the length of the ring");
        &self.slots[at]
    }

    fn time(&self, number: u64) -> u64 {
        time_of(self.slot(number).load(Ordering::Acquire))
    }
}

fn pack(lap: u64, time_ms: u64) -> u64 {
    (lap << TIME_BITS) | (time_ms & ((1 << TIME_BITS) - 1))
}

fn time_of(entry: u64) -> u64 {
    entry & ((1 << TIME_BITS) - 1)
}

fn is_of_lap(entry: u64, lap: u64) -> bool {
    entry >> TIME_BITS == lap & (u64::MAX >> TIME_BITS)
}

#[cfg(test)]
mod tests {
    use super::{RateLimit, Window};
    use proptest::prelude::*;

    fn window(max_requests: usize, window_ms: u64) -> Window {
        Window::new(RateLimit { max_requests, window_ms })
    }

    #[test]
    fn rejections_are_not_remembered_and_tell_when_to_come_back() {
        // P-92, P-93, P-94
        let window = window(2, 1_000);
        assert_eq!((window.accept(5), window.accept(405)), (Ok(()), Ok(())));
        assert_eq!(window.accept(405), Err(600));
        assert_eq!(window.accept(1_004), Err(1));
        assert_eq!(window.accept(1_005), Ok(()), "an entry at now - window has left");
        assert_eq!(window.accept(1_005), Err(400));
        assert!(!window.is_idle(2_004) && window.is_idle(2_005));
    }

    #[test]
    fn a_clock_that_is_behind_counts_as_the_latest_entry() {
        let window = window(1, 100);
        assert_eq!(window.accept(1_000), Ok(()));
        assert_eq!(window.accept(990), Err(100));
        assert_eq!(window.accept(1_100), Ok(()));
    }

    proptest! {
        // P-92: the same as the log of its definition
        #[test]
        fn it_is_the_log(max in 1_usize..6, window_ms in 1_u64..20, steps in prop::collection::vec(0_u64..9, 1..200)) {
            let window = window(max, window_ms);
            let (mut log, mut now) = (Vec::new(), 0);
            for step in steps {
                now += step;
                log.retain(|entry| entry + window_ms > now);
                let expected = if log.len() < max { Ok(()) } else { Err(log[0] + window_ms - now) };
                prop_assert_eq!(window.accept(now), expected);
                log.extend(expected.map(|()| now));
                prop_assert_eq!(window.is_idle(now), log.is_empty());
            }
        }
    }
}
