//! What a run counts: right operations with their latencies, and faults.

use hdrhistogram::Histogram;

use crate::timeline::Timeline;

/// The longest latency that is told apart, in nanoseconds (60 s).
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// What can go wrong with answers and pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An answer with a wrong body or an id never asked, or a message that does not belong here.
    Wrong,
    /// An answer of type `error`.
    Error,
    /// A request never answered, or a push never delivered.
    Missing,
    /// A second answer to one request, or a push that shows nothing new (P-131).
    Duplicated,
    /// An answer that came after the answer to a later request (P-121), or a push that shows an older state
    /// than the one before (P-130).
    OutOfOrder,
    /// A lane whose last push or answer is not the final state (K-4).
    Stale,
    /// Records or balances that do not add up at the end.
    Inconsistent,
    /// A connection that the server ended, or did not take.
    Closed,
}

impl Fault {
    /// All faults with their names, in the order of the report.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Wrong, "wrong"),
        (Self::Error, "errors"),
        (Self::Missing, "missing"),
        (Self::Duplicated, "duplicated"),
        (Self::OutOfOrder, "outOfOrder"),
        (Self::Stale, "stale"),
        (Self::Inconsistent, "inconsistent"),
        (Self::Closed, "closed"),
    ];
}

/// What the throughput of a workload counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Right answers.
    Answers,
    /// Delivered pushes.
    Pushes,
    /// Connections opened.
    Connections,
}

/// The counters of a run.
///
/// Operations are counted while recording, faults always: one during warm-up is as wrong.
#[derive(Debug)]
pub struct Tally {
    recording: bool,
    counted: Counted,
    answers: Series,
    pushes: Series,
    connections: Series,
    /// Changes that were shown only together with a later one.
    conflated: u64,
    /// A push was delivered at any time, recording or not.
    any_push: bool,
    timeline: Timeline,
    faults: [u64; Fault::ALL.len()],
    first_fault: Option<String>,
}

/// How often something happened, and how long it took where that is known.
#[derive(Debug)]
pub struct Series {
    /// How often.
    pub count: u64,
    /// How long, in nanoseconds.
    pub latency_ns: Histogram<u64>,
}

impl Tally {
    /// Nothing counted, not recording; `counted` is what the timeline shows.
    pub fn new(counted: Counted) -> Self {
        Self {
            recording: false,
            counted,
            answers: Series::new(),
            pushes: Series::new(),
            connections: Series::new(),
            conflated: 0,
            any_push: false,
            timeline: Timeline::default(),
            faults: Default::default(),
            first_fault: None,
        }
    }

    /// Begins or ends the measured phase.
    pub fn record(&mut self, recording: bool) {
        self.recording = recording;
    }

    /// Whether the measured phase is on.
    pub fn recording(&self) -> bool {
        self.recording
    }

    /// Counts a right answer.
    pub fn answer(&mut self, latency_ns: u64) {
        self.count(Counted::Answers, Some(latency_ns));
    }

    /// Counts a delivered push and the changes without a push of their own that it shows, too.
    pub fn push(&mut self, latency_ns: Option<u64>, conflated: u64) {
        self.any_push = true;
        self.count(Counted::Pushes, latency_ns);
        if self.recording {
            self.conflated += conflated;
        }
    }

    /// Counts an opened connection.
    pub fn connection(&mut self, latency_ns: u64) {
        self.count(Counted::Connections, Some(latency_ns));
    }

    fn count(&mut self, what: Counted, latency_ns: Option<u64>) {
        if !self.recording {
            return;
        }
        let series = match what {
            Counted::Answers => &mut self.answers,
            Counted::Pushes => &mut self.pushes,
            Counted::Connections => &mut self.connections,
        };
        series.count += 1;
        if let Some(latency_ns) = latency_ns {
            series.latency_ns.saturating_record(latency_ns);
        }
        if what == self.counted {
            self.timeline.count(latency_ns);
        }
    }

    /// Counts `count` faults; `describe` is asked only for the first of the run.
    pub fn fault(&mut self, fault: Fault, count: u64, describe: impl FnOnce() -> String) {
        self.faults[fault as usize] += count;
        if count > 0 && self.first_fault.is_none() {
            self.first_fault = Some(describe());
        }
    }

    /// What happened in the measured phase.
    pub fn series(&self, what: Counted) -> &Series {
        match what {
            Counted::Answers => &self.answers,
            Counted::Pushes => &self.pushes,
            Counted::Connections => &self.connections,
        }
    }

    /// What the throughput counts.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// Changes in the measured phase that were shown only together with a later one.
    pub fn conflated(&self) -> u64 {
        self.conflated
    }

    /// Whether a push was delivered in the whole run.
    pub fn any_push(&self) -> bool {
        self.any_push
    }

    /// The measured phase over time.
    pub fn timeline(&mut self) -> &mut Timeline {
        &mut self.timeline
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

impl Series {
    fn new() -> Self {
        let latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("constant bounds are valid");
        Self { count: 0, latency_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_operations_only_while_recording() {
        let mut tally = Tally::new(Counted::Answers);
        tally.answer(1);
        tally.push(None, 5);
        tally.record(true);
        tally.answer(1_000);
        tally.answer(u64::MAX);
        tally.push(None, 2);
        tally.push(Some(7), 0);
        tally.record(false);
        tally.answer(1);
        let answers = tally.series(Counted::Answers);
        assert_eq!((answers.count, answers.latency_ns.len()), (2, 2));
        let pushes = tally.series(Counted::Pushes);
        assert_eq!((pushes.count, pushes.latency_ns.len(), tally.conflated()), (2, 1, 2));
    }

    #[test]
    fn counts_faults_always_and_keeps_the_first_text() {
        let mut tally = Tally::new(Counted::Answers);
        tally.fault(Fault::Missing, 0, || unreachable!("nothing happened"));
        tally.fault(Fault::Wrong, 1, || "first".to_owned());
        tally.fault(Fault::Closed, 2, || "second".to_owned());
        assert_eq!(tally.first_fault(), Some("first"));
        let counts: Vec<u64> = Fault::ALL.iter().map(|(fault, _)| tally.faults(*fault)).collect();
        assert_eq!(counts, [1, 0, 0, 0, 0, 0, 0, 2]);
    }
}
