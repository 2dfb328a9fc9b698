//! The measured phase of `slow-readers`: rounds with and without those who do not read, in turn, so that what the
//! machine does meanwhile strikes both alike.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::args::Options;
use crate::dial::Dialer;
use crate::driver::Driver;
use crate::lane::Lane;
use crate::observer::Observer;
use crate::report::Measured;
use crate::run::{RunError, measure, run_phase};
use crate::session::{CallError, Session};
use crate::tally::{Counted, LATENCY_NS_MAX};
use crate::workload::Workload;

/// Whether those who do not read are there: as often as not, either first as often, and at the end they are.
const ROUNDS: [bool; 10] = [false, true, true, false, false, true, true, false, false, true];

/// The part of a round that is not measured: they fill up what holds their unread pushes.
const SETTLING_PART: u32 = 2;

/// What the rounds have shown.
#[derive(Debug)]
pub struct Rounds {
    /// All of them together.
    pub measured: Measured,
    without: Histogram<u64>,
    with: Histogram<u64>,
}

impl Rounds {
    /// The rows of the report: the latencies of those who read, without and with the others.
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        let us = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        let row = |quantile| {
            let (without, with) = (us(&self.without, quantile), us(&self.with, quantile));
            format!("{with:.1} us, {without:.1} us without: x {:.2}", with / without)
        };
        vec![("stalled there p50", row(0.5)), ("stalled there p99", row(0.99))]
    }
}

/// Runs all rounds, together as long as the operator says. Those of the last round who do not read stay, so that
/// they must reach the final state (K-4).
///
/// # Errors
/// A connection cannot be opened, all have ended, or the server's process has.
pub fn run(
    plan: &mut dyn Workload,
    options: &Options,
    dialer: &Dialer,
    driver: &mut Driver,
    observer: &mut Observer,
) -> Result<Rounds, RunError> {
    let round = options.duration / u32::try_from(ROUNDS.len()).expect("a few");
    let empty = || Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("constant bounds are valid");
    let (mut without, mut with) = (empty(), empty());
    let mut total: Option<Measured> = None;
    let mut stalled = Vec::new();
    for there in ROUNDS {
        // Those of the round before leave.
        stalled.clear();
        if there {
            stalled = open(plan, options, dialer, driver)?;
        }
        run_phase(driver, "settle", round / SETTLING_PART, Duration::ZERO, observer)?;
        let before = driver.shared().tally.series(Counted::Pushes).latency_ns.clone();
        let elapsed = total.as_ref().map_or(Duration::ZERO, |total| total.elapsed);
        let measured = measure(driver, round, elapsed, observer)?;
        let mut latency_ns = driver.shared().tally.series(Counted::Pushes).latency_ns.clone();
        latency_ns.subtract(&before).expect("a histogram only grows");
        let kind = if there { &mut with } else { &mut without };
        kind.add(latency_ns).expect("of the same bounds");
        total = Some(total.map_or(measured.clone(), |total| total.and(measured)));
    }
    driver.adopt(stalled)?;
    Ok(Rounds { measured: total.expect("there are rounds"), without, with })
}

fn open(
    plan: &mut dyn Workload,
    options: &Options,
    dialer: &Dialer,
    driver: &mut Driver,
) -> Result<Vec<Lane>, RunError> {
    let first = plan.lanes();
    (first..first + plan.stalled())
        .map(|index| {
            let failed = |error: CallError| RunError::Server(format!("connection {index}: {error}"));
            let mut session = Session::open_narrow(dialer, options, index).map_err(failed)?;
            let role = plan.role(index, &mut session).map_err(failed)?;
            Ok(Lane::new(session, role, driver.shared())?)
        })
        .collect()
}
