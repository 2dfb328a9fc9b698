//! The two clocks: a reading for every input.

use crate::base::time::Now;
use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock of a server: monotonic time counts from its making, on all cores alike.
#[derive(Clone)]
pub(super) struct Clock {
    start: Instant,
    last: Cell<Now>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), last: Cell::new(Now { unix_ms: 0, mono_ms: u64::MAX }) }
    }

    /// Measures from now on.
    pub(super) fn stopwatch(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// The time, in which two inputs of the same millisecond are at once: a busy core reads the calendar
    /// once for them.
    pub(super) fn now(&self) -> Now {
        let mono_ms = millis(self.start.elapsed());
        let mut now = self.last.get();
        if now.mono_ms != mono_ms {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now = Now { unix_ms: millis(unix), mono_ms };
            self.last.set(now);
        }
        now
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration that is still growing.
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// How long it has been running, microseconds.
    pub(super) fn elapsed_us(&self) -> u32 {
        u32::try_from(self.0.elapsed().as_micros()).unwrap_or(u32::MAX)
    }
}
