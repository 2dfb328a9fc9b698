//! Two sides of one or more runs each, compared: ratios with their spread.

use std::fmt::Write;

use super::Report;

/// A figure of a report.
struct Figure {
    name: &'static str,
    /// Whether more is better.
    more_is_better: bool,
    read: fn(&Report) -> Option<f64>,
}

const FIGURES: [Figure; 8] = [
    Figure { name: "ops/s", more_is_better: true, read: |report| Some(report.throughput) },
    Figure { name: "latency p50 us", more_is_better: false, read: |report| Some(report.latency_us.p50) },
    Figure { name: "latency p99 us", more_is_better: false, read: |report| Some(report.latency_us.p99) },
    Figure { name: "latency p99.9 us", more_is_better: false, read: |report| Some(report.latency_us.p99_9) },
    Figure {
        name: "server CPU us/op",
        more_is_better: false,
        read: |report| report.server.as_ref()?.cpu_us_per_op,
    },
    Figure {
        name: "CPU us/request",
        more_is_better: false,
        read: |report| report.server.as_ref()?.cpu_us_per_answer,
    },
    Figure {
        name: "memory peak MiB",
        more_is_better: false,
        read: |report| Some(report.server.as_ref()?.resident_peak_bytes as f64 / 1_048_576.0),
    },
    Figure {
        name: "bytes/connection",
        more_is_better: false,
        read: |report| report.server.as_ref()?.bytes_per_connection,
    },
];

/// The reports in `text`: one JSON object per line, as `--json` writes them.
///
/// # Errors
/// A line is no report, or there is none.
pub fn parse(text: &str) -> Result<Vec<Report>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let reports: Vec<Report> = lines
        .map(|(at, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", at + 1)))
        .collect::<Result<_, _>>()?;
    if reports.is_empty() { Err("no report in it".to_owned()) } else { Ok(reports) }
}

/// Compares side `b` with side `a`, both not empty: medians, their ratio, and the smallest and largest ratio of
/// any run of one side to any run of the other.
///
/// # Errors
/// The runs are not of one workload.
pub fn compare(a: &[Report], b: &[Report]) -> Result<String, String> {
    let workload = &a[0].setting.workload;
    if let Some(other) = a.iter().chain(b).find(|report| report.setting.workload != *workload) {
        return Err(format!("cannot compare {workload} with {}", other.setting.workload));
    }
    let mut text = format!("{workload}: B ({}) against A ({})\n", runs(b.len()), runs(a.len()));
    let faulty = a.iter().chain(b).filter(|report| !report.ok).count();
    if faulty > 0 {
        let _ = writeln!(text, "warning: {} had errors", runs(faulty));
    }
    if let Some(other) = a.iter().chain(b).find(|report| load(report) != load(&a[0])) {
        let _ = writeln!(text, "warning: different loads: {} and {}", load(&a[0]), load(other));
    }
    let _ = writeln!(text, "\n{:<18}{:>12}{:>12}{:>9}   spread", "", "A", "B", "B/A");
    for figure in &FIGURES {
        text.extend(row(figure, a, b));
    }
    Ok(text)
}

/// A line of the table; `None` if one side does not have the figure.
fn row(figure: &Figure, a: &[Report], b: &[Report]) -> Option<String> {
    let (a, b) = (Side::new(figure, a)?, Side::new(figure, b)?);
    if a.lowest <= 0.0 || b.lowest <= 0.0 {
        return None;
    }
    let (lowest, highest) = (b.lowest / a.highest, b.highest / a.lowest);
    let verdict = match (lowest > 1.0, highest < 1.0) {
        (true, _) => {
            if figure.more_is_better {
                "better"
            } else {
                "worse"
            }
        }
        (_, true) => {
            if figure.more_is_better {
                "worse"
            } else {
                "better"
            }
        }
        _ => "no difference shown",
    };
    let ratio = b.median / a.median;
    Some(format!(
        "{:<18}{:>12}{:>12}{ratio:>9.3}   {lowest:.3} to {highest:.3}   {verdict}\n",
        figure.name,
        significant(a.median),
        significant(b.median),
    ))
}

struct Side {
    lowest: f64,
    median: f64,
    highest: f64,
}

impl Side {
    fn new(figure: &Figure, reports: &[Report]) -> Option<Self> {
        let mut values: Vec<f64> = reports.iter().map(figure.read).collect::<Option<_>>()?;
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Self { lowest: *values.first()?, median, highest: *values.last()? })
    }
}

fn runs(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{count} runs") }
}

/// What must be the same for a comparison to mean something.
fn load(report: &Report) -> String {
    let setting = &report.setting;
    let rate = setting.rate.map_or(String::new(), |rate| format!(", {rate} per second"));
    format!("{} connections, {} in flight{rate}", setting.connections, setting.in_flight)
}

/// About four digits.
fn significant(value: f64) -> String {
    let decimals = if value >= 1000.0 {
        0
    } else if value >= 10.0 {
        2
    } else {
        3
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{report, tally};
    use super::*;
    use crate::tally::Counted;

    fn side(throughputs: &[f64]) -> Vec<Report> {
        let with = |throughput: &f64| Report { throughput: *throughput, ..report(tally(Counted::Answers)) };
        throughputs.iter().map(with).collect()
    }

    fn line(a: &[f64], b: &[f64]) -> String {
        let text = compare(&side(a), &side(b)).unwrap();
        text.lines()
            .find(|line| line.starts_with("ops/s"))
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn ratios_and_their_spread() {
        assert_eq!(line(&[100.0], &[150.0]), "ops/s 100.00 150.00 1.500 1.500 to 1.500 better");
        assert_eq!(line(&[100.0, 110.0, 90.0], &[80.0]), "ops/s 100.00 80.00 0.800 0.727 to 0.889 worse");
        assert_eq!(
            line(&[100.0, 200.0], &[150.0, 160.0]),
            "ops/s 150.00 155.00 1.033 0.750 to 1.600 no difference shown"
        );
    }

    #[test]
    fn more_latency_is_worse() {
        let (a, mut b) = (side(&[1.0]), side(&[1.0]));
        b[0].latency_us.p99 *= 2.0;
        let text = compare(&a, &b).unwrap();
        assert!(text.contains("2.000 to 2.000   worse"), "{text}");
    }

    #[test]
    fn what_cannot_be_compared() {
        let (a, mut b) = (side(&[1.0]), side(&[1.0]));
        b[0].setting.connections = 9;
        assert!(compare(&a, &b).unwrap().contains("warning: different loads: 2 connections"));
        b[0].setting.workload = "insert".to_owned();
        assert_eq!(compare(&a, &b).unwrap_err(), "cannot compare get with insert");
    }

    #[test]
    fn reports_are_read_line_by_line() {
        let one = report(tally(Counted::Answers)).to_json();
        assert_eq!(parse(&format!("{one}\n\n{one}\n")).unwrap().len(), 2);
        assert!(parse("\n").unwrap_err().contains("no report"));
        assert!(parse(&format!("{one}\n{{}}")).unwrap_err().contains("line 2"));
    }
}
