//! The two clocks, read once per input.

use crate::base::time::Now;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clock of a server: monotonic time counts from its making, on all cores alike.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Measures from now on.
    pub(super) fn stopwatch(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub(super) fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Now { unix_ms: millis(unix), mono_ms: millis(self.start.elapsed()) }
    }
}

/// A duration that is still growing.
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// How long it has been running, microseconds.
    pub(super) fn elapsed_us(&self) -> u32 {
        u32::try_from(self.0.elapsed().as_micros()).unwrap_or(u32::MAX)
    }
}
