//! What a run counts: right operations with their latencies, and faults.

use hdrhistogram::Histogram;

/// The longest latency that is told apart, in nanoseconds (60 s).
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// What can go wrong with answers and pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An answer with a wrong body or an id never asked, or a message that does not belong here.
    Wrong,
    /// An answer of type `error`.
    Error,
    /// A request never answered, or a push never delivered.
    Missing,
    /// A second answer to one request.
    Duplicated,
    /// An answer that came after the answer to a later request.
    OutOfOrder,
    /// A lane whose last push or answer is not the final state.
    Stale,
    /// A connection that the server ended.
    Closed,
}

impl Fault {
    /// All faults with their names, in the order of the report.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Wrong, "wrong"),
        (Self::Error, "errors"),
        (Self::Missing, "missing"),
        (Self::Duplicated, "duplicated"),
        (Self::OutOfOrder, "outOfOrder"),
        (Self::Stale, "stale"),
        (Self::Closed, "closed"),
    ];
}

/// The counters of a run.
///
/// Operations are counted while recording, faults always: one during warm-up is as wrong.
#[derive(Debug)]
pub struct Tally {
    recording: bool,
    answers: u64,
    pushes: u64,
    /// A push was delivered at any time, recording or not.
    any_push: bool,
    latency_ns: Histogram<u64>,
    faults: [u64; Fault::ALL.len()],
    first_fault: Option<String>,
}

impl Tally {
    /// Nothing counted, not recording.
    pub fn new() -> Self {
        let latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("constant bounds are valid");
        Self {
            recording: false,
            answers: 0,
            pushes: 0,
            any_push: false,
            latency_ns,
            faults: Default::default(),
            first_fault: None,
        }
    }

    /// Begins or ends the measured phase.
    pub fn record(&mut self, recording: bool) {
        self.recording = recording;
    }

    /// Counts a right answer.
    pub fn answer(&mut self, latency_ns: u64) {
        if self.recording {
            self.answers += 1;
            self.latency_ns.saturating_record(latency_ns);
        }
    }

    /// Counts a delivered push.
    pub fn push(&mut self) {
        self.any_push = true;
        self.pushes += u64::from(self.recording);
    }

    /// Counts `count` faults; `describe` is asked only for the first of the run.
    pub fn fault(&mut self, fault: Fault, count: u64, describe: impl FnOnce() -> String) {
        self.faults[fault as usize] += count;
        if count > 0 && self.first_fault.is_none() {
            self.first_fault = Some(describe());
        }
    }

    /// Right answers in the measured phase.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Pushes in the measured phase.
    pub fn pushes(&self) -> u64 {
        self.pushes
    }

    /// Whether a push was delivered in the whole run.
    pub fn any_push(&self) -> bool {
        self.any_push
    }

    /// Latencies of the answers in the measured phase, in nanoseconds.
    pub fn latency_ns(&self) -> &Histogram<u64> {
        &self.latency_ns
    }

    /// How often `fault` happened in the whole run.
    pub fn faults(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// What happened first, for the operator to begin with.
    pub fn first_fault(&self) -> Option<&str> {
        self.first_fault.as_deref()
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_operations_only_while_recording() {
        let mut tally = Tally::new();
        tally.answer(1);
        tally.push();
        tally.record(true);
        tally.answer(1_000);
        tally.answer(u64::MAX);
        tally.push();
        tally.record(false);
        tally.answer(1);
        assert_eq!((tally.answers(), tally.pushes(), tally.latency_ns().len()), (2, 1, 2));
    }

    #[test]
    fn counts_faults_always_and_keeps_the_first_text() {
        let mut tally = Tally::new();
        tally.fault(Fault::Missing, 0, || unreachable!("nothing happened"));
        tally.fault(Fault::Wrong, 1, || "first".to_owned());
        tally.fault(Fault::Closed, 2, || "second".to_owned());
        assert_eq!(tally.first_fault(), Some("first"));
        let counts: Vec<u64> = Fault::ALL.iter().map(|(fault, _)| tally.faults(*fault)).collect();
        assert_eq!(counts, [1, 0, 0, 0, 0, 0, 2]);
    }
}
