//! The measured phase over time as CSV (RFC 4180), a line per slot.

use std::fmt::Write;

use super::Report;

/// A head line, then a line per slot; times in seconds since the phase began, latencies in microseconds.
pub(super) fn render(report: &Report) -> String {
    let mut text = "seconds,throughput,p50_us,p99_us,max_us,resident_bytes\n".to_owned();
    for slot in &report.timeline {
        let resident = slot.resident_bytes.map_or(String::new(), |bytes| bytes.to_string());
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:.3},{:.1},{:.3},{:.3},{:.3},{resident}",
            slot.seconds, slot.throughput, slot.p50_us, slot.p99_us, slot.max_us
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use crate::tally::{Counted, Tally};
    use std::time::Duration;

    #[test]
    fn a_line_per_slot() {
        let mut tally = Tally::new(Counted::Answers);
        tally.record(true);
        tally.answer(2_000);
        let second = Duration::from_secs(1);
        tally.timeline().end_slot(second, second, Some(4096));
        tally.timeline().end_slot(second * 2, second, None);
        let text = report(tally).to_csv();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("1.000,1.0,2.0") && lines[1].ends_with(",4096"), "{text}");
        assert!(lines[2].ends_with(","), "{text}");
    }
}
