//! The measured phase over time: throughput and latencies per slot.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::tally::LATENCY_NS_MAX;

/// Slots of a phase, at most; more would not be told apart in a picture.
const SLOTS_MAX: u32 = 120;

/// The shortest slot: below it a slot shows the scheduler.
const SLOT_MIN: Duration = Duration::from_millis(100);

/// A stretch of the measured phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// When it ended, in seconds since the phase began.
    pub seconds: f64,
    /// Operations per second in it.
    pub throughput: f64,
    /// Median latency in microseconds.
    pub p50_us: f64,
    /// 99th percentile in microseconds.
    pub p99_us: f64,
    /// The longest, in microseconds.
    pub max_us: f64,
    /// The server's resident memory at its end in bytes, if its process is known.
    pub resident_bytes: Option<u64>,
}

/// Slots that are complete and the one that is being filled.
#[derive(Debug)]
pub struct Timeline {
    slots: Vec<Slot>,
    count: u64,
    latency_ns: Histogram<u64>,
}

impl Timeline {
    /// How long the slots of a phase of this length are.
    pub fn slot_length(phase: Duration) -> Duration {
        (phase / SLOTS_MAX).max(SLOT_MIN)
    }

    /// Counts an operation in the slot that is being filled.
    pub fn count(&mut self, latency_ns: Option<u64>) {
        self.count += 1;
        if let Some(latency_ns) = latency_ns {
            self.latency_ns.saturating_record(latency_ns);
        }
    }

    /// Ends the slot, which took `length`, at `since_start`; returns it.
    pub fn end_slot(
        &mut self,
        since_start: Duration,
        length: Duration,
        resident_bytes: Option<u64>,
    ) -> Option<&Slot> {
        // An empty histogram answers its resolution, not 0.
        let scale = if self.latency_ns.is_empty() { 0.0 } else { 1e-3 };
        let us = |quantile: f64| self.latency_ns.value_at_quantile(quantile) as f64 * scale;
        self.slots.push(Slot {
            seconds: since_start.as_secs_f64(),
            throughput: self.count as f64 / length.as_secs_f64().max(1e-9),
            p50_us: us(0.5),
            p99_us: us(0.99),
            max_us: us(1.0),
            resident_bytes,
        });
        self.count = 0;
        self.latency_ns.reset();
        self.slots.last()
    }

    /// The slots that are complete.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

impl Default for Timeline {
    fn default() -> Self {
        let latency_ns =
            Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 2).expect("constant bounds are valid");
        Self { slots: Vec::new(), count: 0, latency_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_begin_empty() {
        let mut timeline = Timeline::default();
        for us in 1..=100 {
            timeline.count(Some(us * 1000));
        }
        let half = Duration::from_millis(500);
        let slot = timeline.end_slot(half, half, Some(7)).unwrap().clone();
        assert_eq!((slot.seconds, slot.throughput, slot.resident_bytes), (0.5, 200.0, Some(7)));
        assert!((slot.p50_us - 50.0).abs() <= 1.0 && (slot.p99_us - 99.0).abs() <= 1.0, "{slot:?}");
        let slot = timeline.end_slot(half * 2, half, None).unwrap().clone();
        assert_eq!((slot.throughput, slot.max_us), (0.0, 0.0));
        assert_eq!(timeline.slots().len(), 2);
    }

    #[test]
    fn slot_lengths() {
        assert_eq!(Timeline::slot_length(Duration::from_millis(10)), SLOT_MIN);
        assert_eq!(Timeline::slot_length(Duration::from_secs(240)), Duration::from_secs(2));
    }
}
