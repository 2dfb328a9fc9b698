//! The report as text: two numbers first, then the table.

use std::fmt::Write;

use super::{LatencyUs, Report, ServerFigures};

/// Throughput and p99 on the first line, then the table.
pub(super) fn render(report: &Report) -> String {
    let Report { setting, latency_us, .. } = report;
    let mut table = Table {
        text: format!("{} ops/s   p99 {} us\n\n", grouped(report.throughput), grouped_us(latency_us.p99)),
    };
    let rate = setting.rate.map_or(String::new(), |rate| format!(", {} per second", grouped(rate)));
    table.row(
        "workload",
        &format!(
            "{}, {} connections, {} in flight{rate}, {}",
            setting.workload, setting.connections, setting.in_flight, setting.url
        ),
    );
    table.row("count", &format!("{} {}", grouped(report.count as f64), report.unit));
    table.row("duration", &format!("{:.3} s", report.duration_seconds));
    table.latencies("latency", latency_us);
    if report.unit != "answers" && report.answers > 0 {
        table.row("requests", &beside(report.answers, "answered", &report.answer_latency_us));
    }
    if report.unit != "pushes" && report.pushes > 0 {
        table.row("pushes", &beside(report.pushes, "delivered", &report.push_latency_us));
    }
    if report.pushes > 0 {
        let conflated = grouped(report.conflated as f64);
        table.row("conflated", &format!("{conflated} changes shown together with a later one"));
    }
    if report.behind > 0 {
        let behind = grouped(report.behind as f64);
        table.row("behind", &format!("{behind} requests were due and not sent: the server did not keep up"));
    }
    for (name, value) in &report.notes {
        table.row(name, value);
    }
    match &report.server {
        None => table.row("server", "unknown (--server-pid or --spawn)"),
        Some(server) => table.server(server, &report.unit),
    }
    table.row("client busy", &format!("{:.0} % of one core", report.client_busy_percent));
    table.row("errors", &faults(report));
    if let Some(first) = &report.first_fault {
        table.row("first error", first);
    }
    table.text
}

/// What happened beside the operations that are counted.
fn beside(count: u64, what: &str, latency: &LatencyUs) -> String {
    let LatencyUs { p50, p99, .. } = *latency;
    format!("{} {what}, p50 {} us, p99 {} us", grouped(count as f64), grouped_us(p50), grouped_us(p99))
}

struct Table {
    text: String,
}

impl Table {
    fn row(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{name:<18}{value}");
    }

    fn latencies(&mut self, name: &str, latency: &LatencyUs) {
        for (quantile, value) in [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("p99.9", latency.p99_9),
            ("max", latency.max),
        ] {
            self.row(&format!("{name} {quantile}"), &format!("{} us", grouped_us(value)));
        }
    }

    fn server(&mut self, server: &ServerFigures, unit: &str) {
        let per_op = server.cpu_us_per_op.map_or("-".to_owned(), |us| format!("{us:.3} us per op"));
        let per_answer =
            server.cpu_us_per_answer.map_or(String::new(), |us| format!(", {us:.3} us per request"));
        let percent = server.cpu_percent;
        self.row("server CPU", &format!("{per_op}{per_answer}, user+sys; {percent:.0} % of one core"));
        let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
        let growth = server.resident_growth_bytes as f64 / 1_048_576.0;
        self.row(
            "server memory",
            &format!(
                "{:.1} MiB resident, at most {:.1}, {growth:+.1} since the start",
                mebibytes(server.resident_bytes),
                mebibytes(server.resident_peak_bytes)
            ),
        );
        if let (Some(bytes), "connections") = (server.bytes_per_connection, unit) {
            self.row("per connection", &format!("{bytes:.0} bytes resident"));
        }
    }
}

fn faults(report: &Report) -> String {
    if report.ok {
        return "none".to_owned();
    }
    let happened = report.faults.iter().filter(|(_, count)| **count != 0);
    happened.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// A whole number with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds with one decimal where it says something.
fn grouped_us(us: f64) -> String {
    if us < 1000.0 { format!("{us:.1}") } else { grouped(us) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{report, tally};
    use super::*;
    use crate::tally::{Counted, Fault};

    #[test]
    fn text_begins_with_the_two_numbers() {
        let text = report(tally(Counted::Answers)).to_text();
        assert!(text.starts_with("2,000 ops/s   p99 990."), "{text}");
        assert!(text.contains("server CPU        5.000 us per op, user+sys; 1 % of one core"), "{text}");
        assert!(text.contains("server memory     3.0 MiB resident, at most 4.0, +2.0"), "{text}");
        assert!(text.contains("errors            none"), "{text}");
    }

    #[test]
    fn requests_beside_pushes() {
        let text = report(tally(Counted::Pushes)).to_text();
        assert!(text.contains("requests          1,000 answered"), "{text}");
        assert!(text.contains("conflated         5,000 changes"), "{text}");
        assert!(text.contains("1.000 us per op, 5.000 us per request"), "{text}");
    }

    #[test]
    fn faults_show() {
        let mut tally = tally(Counted::Answers);
        tally.fault(Fault::OutOfOrder, 2, || "the first".to_owned());
        tally.fault(Fault::Missing, 1, || "the second".to_owned());
        let text = report(tally).to_text();
        assert!(text.contains("errors            1 missing, 2 outOfOrder"), "{text}");
        assert!(text.contains("first error       the first"), "{text}");
    }

    #[test]
    fn thousands() {
        for (number, expect) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(grouped(number), expect);
        }
    }
}
