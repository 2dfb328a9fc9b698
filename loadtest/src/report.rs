//! The figures of a run: two numbers first, then the table; or one JSON object.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use crate::server_process::CpuSource;
use crate::tally::{Fault, Tally};
use crate::workload::Counted;

/// What was measured around the measured phase.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Wall time of the phase.
    pub elapsed: Duration,
    /// CPU time of this client's thread in the phase.
    pub client_cpu: Duration,
    /// The server's figures, if its process is known.
    pub server: Option<ServerMeasured>,
}

/// What the server's process used.
#[derive(Clone, Debug)]
pub struct ServerMeasured {
    /// User and system time in the phase.
    pub cpu: Duration,
    /// Where it was read.
    pub source: CpuSource,
    /// Resident memory at the end of the phase, in bytes.
    pub resident_bytes: u64,
}

/// What was run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// The workload's name.
    pub workload: &'static str,
    /// The server's address.
    pub url: String,
    /// Connections (subscribers for `fanout`).
    pub connections: usize,
    /// Requests in flight per connection.
    pub in_flight: usize,
}

/// The figures of a run. Its JSON form has the same members in camel case.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was run.
    #[serde(flatten)]
    pub setting: Setting,
    /// No fault at all.
    pub ok: bool,
    /// Operations per second.
    pub throughput: f64,
    /// `answers` or `pushes`: what an operation is.
    pub unit: &'static str,
    /// Operations in the measured phase.
    pub count: u64,
    /// Right answers in the measured phase; the latencies are theirs.
    pub answers: u64,
    /// Length of the measured phase.
    pub duration_seconds: f64,
    /// Latencies of answers.
    pub latency_us: LatencyUs,
    /// The server's process, if known.
    pub server: Option<ServerFigures>,
    /// Share of the measured phase that this client computed, in percent; near 100 it measures itself.
    pub client_busy_percent: f64,
    /// Faults of the whole run by name.
    pub faults: serde_json::Map<String, serde_json::Value>,
    /// What went wrong first.
    pub first_fault: Option<String>,
}

/// Latencies in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct LatencyUs {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
}

/// The server's figures.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerFigures {
    /// User and system time per operation in microseconds; `None` without operations.
    pub cpu_us_per_op: Option<f64>,
    /// Where the CPU time was read.
    pub cpu_source: CpuSource,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
}

impl Report {
    /// Computes the figures.
    pub fn new(setting: Setting, counted: Counted, measured: &Measured, tally: &Tally) -> Self {
        let (unit, count) = match counted {
            Counted::Answers => ("answers", tally.answers()),
            Counted::Pushes => ("pushes", tally.pushes()),
        };
        let seconds = measured.elapsed.as_secs_f64();
        let histogram = tally.latency_ns();
        let us = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            setting,
            ok: Fault::ALL.iter().all(|(fault, _)| tally.faults(*fault) == 0),
            throughput: if seconds > 0.0 { count as f64 / seconds } else { 0.0 },
            unit,
            count,
            answers: tally.answers(),
            duration_seconds: seconds,
            latency_us: LatencyUs {
                p50: us(0.5),
                p90: us(0.9),
                p99: us(0.99),
                p99_9: us(0.999),
                max: histogram.max() as f64 / 1e3,
            },
            server: measured.server.as_ref().map(|server| ServerFigures {
                cpu_us_per_op: (count > 0).then(|| server.cpu.as_secs_f64() * 1e6 / count as f64),
                cpu_source: server.source,
                resident_bytes: server.resident_bytes,
            }),
            client_busy_percent: if seconds > 0.0 {
                100.0 * measured.client_cpu.as_secs_f64() / seconds
            } else {
                0.0
            },
            faults: Fault::ALL
                .iter()
                .map(|(fault, name)| ((*name).to_owned(), tally.faults(*fault).into()))
                .collect(),
            first_fault: tally.first_fault().map(str::to_owned),
        }
    }

    /// One JSON object on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain figures serialise")
    }

    /// Throughput and p99 on the first line, then the table.
    pub fn to_text(&self) -> String {
        let Self { setting, latency_us, .. } = self;
        let mut text =
            format!("{} ops/s   p99 {} us\n\n", grouped(self.throughput), grouped_us(latency_us.p99));
        let mut row = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<18}{value}");
        };
        let Setting { workload, url, connections, in_flight } = setting;
        row("workload", format!("{workload}, {connections} connections, {in_flight} in flight, {url}"));
        row("count", format!("{} {}", grouped(self.count as f64), self.unit));
        if self.unit != "answers" {
            row("updates", format!("{} (the latencies are theirs)", grouped(self.answers as f64)));
        }
        row("duration", format!("{:.3} s", self.duration_seconds));
        for (name, value) in [
            ("latency p50", latency_us.p50),
            ("latency p90", latency_us.p90),
            ("latency p99", latency_us.p99),
            ("latency p99.9", latency_us.p99_9),
            ("latency max", latency_us.max),
        ] {
            row(name, format!("{} us", grouped_us(value)));
        }
        match &self.server {
            None => row("server", "unknown (--server-pid)".to_owned()),
            Some(server) => {
                let cpu =
                    server.cpu_us_per_op.map_or("-".to_owned(), |us| format!("{us:.3} us per op, user+sys"));
                row("server CPU", cpu);
                row("server memory", format!("{:.1} MiB resident", server.resident_bytes as f64 / 1048576.0));
            }
        }
        row("client busy", format!("{:.0} % of one core", self.client_busy_percent));
        row("errors", self.faults_text());
        if let Some(first) = &self.first_fault {
            row("first error", first.clone());
        }
        text
    }

    fn faults_text(&self) -> String {
        if self.ok {
            return "none".to_owned();
        }
        let happened = self.faults.iter().filter(|(_, count)| **count != 0);
        happened.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    }
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
    use super::*;

    fn tally() -> Tally {
        let mut tally = Tally::new();
        tally.record(true);
        for us in 1..=1000 {
            tally.answer(us * 1000);
        }
        for _ in 0..5000 {
            tally.push();
        }
        tally
    }

    fn report(counted: Counted, tally: &Tally) -> Report {
        let setting = Setting { workload: "get", url: "ws://h:1/".into(), connections: 2, in_flight: 3 };
        let server = ServerMeasured {
            cpu: Duration::from_millis(5),
            source: CpuSource::Schedstat,
            resident_bytes: 3 << 20,
        };
        let measured = Measured {
            elapsed: Duration::from_millis(500),
            client_cpu: Duration::from_millis(125),
            server: Some(server),
        };
        Report::new(setting, counted, &measured, tally)
    }

    #[test]
    fn arithmetic() {
        let report = report(Counted::Answers, &tally());
        assert!(report.ok);
        assert_eq!((report.count, report.throughput, report.client_busy_percent), (1000, 2000.0, 25.0));
        assert_eq!(report.server.as_ref().unwrap().cpu_us_per_op, Some(5.0));
        let latency = &report.latency_us;
        for (got, expect) in [
            (latency.p50, 500.0),
            (latency.p90, 900.0),
            (latency.p99, 990.0),
            (latency.p99_9, 999.0),
            (latency.max, 1000.0),
        ] {
            assert!((got - expect).abs() / expect < 0.001, "{got} {expect}");
        }
    }

    #[test]
    fn pushes_are_counted_where_they_are_the_operation() {
        let report = report(Counted::Pushes, &tally());
        assert_eq!((report.count, report.answers, report.throughput), (5000, 1000, 10_000.0));
        assert_eq!(report.server.as_ref().unwrap().cpu_us_per_op, Some(1.0));
        assert!(report.to_text().contains("updates           1,000"), "{}", report.to_text());
    }

    #[test]
    fn nothing_counted() {
        let report = report(Counted::Answers, &Tally::new());
        assert_eq!((report.throughput, report.latency_us.max), (0.0, 0.0));
        assert_eq!(report.server.unwrap().cpu_us_per_op, None);
    }

    #[test]
    fn text_begins_with_the_two_numbers() {
        let text = report(Counted::Answers, &tally()).to_text();
        assert!(text.starts_with("2,000 ops/s   p99 990."), "{text}");
        assert!(text.contains("server CPU        5.000 us per op"), "{text}");
        assert!(text.contains("server memory     3.0 MiB"), "{text}");
        assert!(text.contains("errors            none"), "{text}");
    }

    #[test]
    fn faults_show_everywhere() {
        let mut tally = tally();
        tally.fault(Fault::OutOfOrder, 2, || "the first".to_owned());
        tally.fault(Fault::Missing, 1, || "the second".to_owned());
        let report = report(Counted::Answers, &tally);
        assert!(!report.ok);
        let text = report.to_text();
        assert!(
            text.contains("1 missing, 2 outOfOrder") || text.contains("2 outOfOrder, 1 missing"),
            "{text}"
        );
        assert!(text.contains("first error       the first"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["faults"]["outOfOrder"], 2);
        assert_eq!((&json["ok"], &json["inFlight"]), (&false.into(), &3.into()));
        assert!(json["latencyUs"]["p99.9"].is_f64() && json["server"]["cpuSource"] == "schedstat");
    }

    #[test]
    fn thousands() {
        for (number, expect) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(grouped(number), expect);
        }
    }
}
