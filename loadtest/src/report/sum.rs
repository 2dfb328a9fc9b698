//! The reports of several workers as one.

use super::{LatencyUs, Report};
use crate::tally::LATENCY_NS_MAX;
use crate::timeline::Slot;
use hdrhistogram::Histogram;

/// Latencies as counts: nanoseconds, how often.
pub(super) type Counts = Vec<(u64, u64)>;

/// The counts of a histogram, without zeros.
pub(super) fn counts(histogram: &Histogram<u64>) -> Counts {
    histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
}

/// Adds up `reports`, at least one, of workers that ran at the same time against one server.
pub(super) fn sum(reports: &[Report]) -> Report {
    let (mut whole, others) = (reports[0].clone(), &reports[1..]);
    for report in others {
        whole.setting.connections += report.setting.connections;
        whole.ok &= report.ok;
        whole.throughput += report.throughput;
        whole.count += report.count;
        whole.duration_seconds = whole.duration_seconds.max(report.duration_seconds);
        whole.answers += report.answers;
        whole.pushes += report.pushes;
        whole.conflated += report.conflated;
        whole.behind += report.behind;
        whole.client_busy_percent += report.client_busy_percent;
        for (name, count) in &report.faults {
            *whole.faults.entry(name.clone()).or_default() += count;
        }
        whole.first_fault = whole.first_fault.or_else(|| report.first_fault.clone());
        whole.timeline = whole.timeline.iter().zip(&report.timeline).map(|(a, b)| add(a, b)).collect();
    }
    if let Some(rate) = &mut whole.setting.rate {
        *rate *= reports.len() as f64;
    }
    whole.latency_us = latencies(reports, |report| &report.latency_counts);
    whole.answer_latency_us = latencies(reports, |report| &report.answer_latency_counts);
    whole.push_latency_us = latencies(reports, |report| &report.push_latency_counts);
    server(&mut whole, reports);
    (whole.latency_counts, whole.answer_latency_counts, whole.push_latency_counts) = Default::default();
    whole
}

fn latencies(reports: &[Report], counts: impl Fn(&Report) -> &Counts) -> LatencyUs {
    let mut histogram =
        Histogram::<u64>::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("constant bounds are valid");
    for (value, count) in reports.iter().flat_map(|report| counts(report).iter().copied()) {
        histogram.saturating_record_n(value, count);
    }
    LatencyUs::new(&histogram)
}

/// Each worker has seen the whole server in about the same time: its CPU time counts once, for all operations.
fn server(whole: &mut Report, reports: &[Report]) {
    let Some(figures) = &mut whole.server else { return };
    let servers: Vec<_> = reports.iter().filter_map(|report| report.server.as_ref()).collect();
    let share = |count: u64, of: u64| if of > 0 { count as f64 / of as f64 } else { 0.0 };
    let own_share = share(reports[0].count, whole.count);
    figures.cpu_us_per_op = figures.cpu_us_per_op.map(|us| us * own_share);
    let own_share = share(reports[0].answers, whole.answers);
    figures.cpu_us_per_answer = figures.cpu_us_per_answer.map(|us| us * own_share);
    figures.resident_bytes = servers.iter().map(|server| server.resident_bytes).max().unwrap_or_default();
    figures.resident_peak_bytes =
        servers.iter().map(|server| server.resident_peak_bytes).max().unwrap_or_default();
    figures.resident_growth_bytes =
        servers.iter().map(|server| server.resident_growth_bytes).max().unwrap_or_default();
    figures.bytes_per_connection = figures
        .bytes_per_connection
        .map(|_| figures.resident_growth_bytes as f64 / whole.count.max(1) as f64);
}

fn add(a: &Slot, b: &Slot) -> Slot {
    Slot {
        seconds: a.seconds,
        throughput: a.throughput + b.throughput,
        // Percentiles of slots cannot be added; the worse one is shown.
        p50_us: a.p50_us.max(b.p50_us),
        p99_us: a.p99_us.max(b.p99_us),
        max_us: a.max_us.max(b.max_us),
        resident_bytes: a.resident_bytes.max(b.resident_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{report, tally};
    use super::*;
    use crate::tally::{Counted, Fault};

    #[test]
    fn two_workers() {
        let mut faulty = tally(Counted::Answers);
        faulty.answer(9_000_000);
        faulty.fault(Fault::Missing, 2, || "lost".to_owned());
        let whole = sum(&[report(tally(Counted::Answers)), report(faulty)]);
        assert_eq!((whole.count, whole.throughput, whole.setting.connections), (2001, 4002.0, 4));
        assert_eq!((whole.ok, whole.faults["missing"]), (false, 2));
        assert_eq!(whole.first_fault.as_deref(), Some("lost"));
        assert!((whole.latency_us.max - 9_000.0).abs() < 10.0 && (whole.latency_us.p50 - 500.0).abs() < 2.0);
        let cpu = whole.server.unwrap().cpu_us_per_op.unwrap();
        assert!((cpu - 5.0 * 1000.0 / 2001.0).abs() < 1e-9, "{cpu}");
        assert!(whole.latency_counts.is_empty());
    }
}
