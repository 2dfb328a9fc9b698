//! The open loop's schedule: which lane's request is due when, whatever the answers take.
//!
//! Since latencies count from the moment at which a request was due, a server that stalls is charged for all
//! requests that had to wait, not only for those that were let in (coordinated omission).

use std::time::Duration;

/// A fixed rate, shared out over lanes in turn.
#[derive(Debug)]
pub struct Schedule {
    interval_ns: f64,
    /// When the next request is due, on the driver's clock.
    next_ns: f64,
    senders: Vec<usize>,
    turn: usize,
}

impl Schedule {
    /// `rate` requests per second over `senders`.
    pub fn new(rate: f64, senders: Vec<usize>) -> Self {
        Self { interval_ns: 1e9 / rate, next_ns: f64::INFINITY, senders, turn: 0 }
    }

    /// The first request is due at `now`.
    pub fn start(&mut self, now: u64) {
        self.next_ns = now as f64;
    }

    /// The next request that is due by `now`: its lane, one that still `lives`, and when it was due.
    pub fn next(&mut self, now: u64, lives: impl Fn(usize) -> bool) -> Option<(usize, u64)> {
        if self.next_ns > now as f64 {
            return None;
        }
        let lane = (0..self.senders.len())
            .map(|step| (self.turn + step) % self.senders.len())
            .find(|&turn| lives(self.senders[turn]))?;
        self.turn = (lane + 1) % self.senders.len();
        // Whole nanoseconds of a time that is far below 2^53 of them.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let due = self.next_ns as u64;
        self.next_ns += self.interval_ns;
        Some((self.senders[lane], due))
    }

    /// How long it is from `now` until the next request is due.
    pub fn wait(&self, now: u64) -> Duration {
        Duration::try_from_secs_f64((self.next_ns - now as f64).max(0.0) / 1e9).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_shared_out() {
        let mut schedule = Schedule::new(1000.0, vec![3, 5, 7]);
        assert_eq!(schedule.next(u64::MAX >> 1, |_| true), None);
        schedule.start(10);
        let mut due = Vec::new();
        while let Some(request) = schedule.next(2_000_010, |lane| lane != 5) {
            due.push(request);
        }
        assert_eq!(due, [(3, 10), (7, 1_000_010), (3, 2_000_010)]);
        assert_eq!(schedule.wait(2_500_010), Duration::from_micros(500));
        assert_eq!(schedule.next(3_000_010, |_| false), None);
    }
}
