//! How many connections may begin per second, over all cores.

use crate::base::limits::ACCEPT_RATE_MAX;
use std::sync::atomic::{AtomicU64, Ordering};

const SECOND_NS: u64 = 1_000_000_000;
const MS_NS: u64 = 1_000_000;

/// A token bucket that holds a tenth of a second's connections, at least one.
///
/// Kept as the time at which it would be full again (GCRA): one number, which one atomic step
/// changes, whatever the number of cores.
#[derive(Debug)]
pub struct Ramp {
    /// Between two connections at that rate, nanoseconds.
    interval_ns: u64,
    /// What the full bucket is worth, nanoseconds.
    depth_ns: u64,
    full_at_ns: AtomicU64,
}

impl Ramp {
    /// So many connections per second, at least 1 and at most [`ACCEPT_RATE_MAX`].
    pub fn new(per_second: u64) -> Self {
        let interval_ns = SECOND_NS / per_second.clamp(1, ACCEPT_RATE_MAX);
        let depth_ns = (SECOND_NS / 10).max(interval_ns);
        Self { interval_ns, depth_ns, full_at_ns: AtomicU64::new(0) }
    }

    /// Takes a token, if there is one. Cores may be a little apart in time.
    pub fn admit(&self, mono_ms: u64) -> bool {
        let now_ns = mono_ms * MS_NS;
        let take = |full_at_ns: u64| {
            let after_ns = full_at_ns.max(now_ns) + self.interval_ns;
            (after_ns - now_ns <= self.depth_ns).then_some(after_ns)
        };
        self.full_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Ramp;

    fn admitted(ramp: &Ramp, attempts: u64, mono_ms: u64) -> u64 {
        (0..attempts).filter(|_| ramp.admit(mono_ms)).count() as u64
    }

    #[test]
    fn a_rate_with_a_short_burst() {
        let ramp = Ramp::new(1_000);
        assert_eq!(admitted(&ramp, 500, 7_000), 100, "a tenth of a second's worth");
        assert_eq!(admitted(&ramp, 500, 7_001), 1);
        assert_eq!(admitted(&ramp, 500, 7_050), 49);
        assert_eq!((7_051..8_051).map(|now| admitted(&ramp, 9, now)).sum::<u64>(), 1_000);
        assert_eq!(admitted(&ramp, 500, 60_000), 100, "what was not used is not saved up");
    }

    #[test]
    fn slow_rates_admit_one_at_a_time() {
        let ramp = Ramp::new(1);
        assert_eq!([0, 500, 999, 1_000, 1_001, 3_000].map(|now| admitted(&ramp, 2, now)), [1, 0, 0, 1, 0, 1]);
    }
}
