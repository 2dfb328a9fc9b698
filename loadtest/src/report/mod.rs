//! The figures of a run, as numbers; how they are shown is in the modules below.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::server_process::CpuSource;
use crate::tally::{Counted, Fault, Tally};
use crate::timeline::Slot;

pub mod compare;

mod csv;
mod plot;
mod sum;
mod text;

/// What was measured around the measured phase.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Wall time of the phase.
    pub elapsed: Duration,
    /// CPU time of this client's thread in the phase.
    pub client_cpu: Duration,
    /// Open loop: requests that were due at the end of the phase and not sent.
    pub behind: u64,
    /// The server's figures, if its process is known.
    pub server: Option<ServerMeasured>,
}

impl Measured {
    /// This and a phase after it as one; memory as the later one has it.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let server = self.server.zip(later.server).map(|(server, later)| ServerMeasured {
            cpu: server.cpu + later.cpu,
            resident_before_bytes: server.resident_before_bytes,
            ..later
        });
        Self {
            elapsed: self.elapsed + later.elapsed,
            client_cpu: self.client_cpu + later.client_cpu,
            behind: later.behind,
            server,
        }
    }
}

/// What the server's process used.
#[derive(Clone, Debug)]
pub struct ServerMeasured {
    /// User and system time in the phase.
    pub cpu: Duration,
    /// Where it was read.
    pub source: CpuSource,
    /// Resident memory before the connections were opened, in bytes.
    pub resident_before_bytes: u64,
    /// Resident memory at the end of the phase, in bytes.
    pub resident_bytes: u64,
    /// The most that was seen, once per slot of the timeline.
    pub resident_peak_bytes: u64,
}

/// What was run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// The workload's name.
    pub workload: String,
    /// The server's address.
    pub url: String,
    /// Connections (subscribers for `fanout`).
    pub connections: usize,
    /// Requests in flight per connection.
    pub in_flight: usize,
    /// Requests per second of an open loop.
    pub rate: Option<f64>,
}

/// The figures of a run. Its JSON form has the same members in camel case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was run.
    #[serde(flatten)]
    pub setting: Setting,
    /// No fault at all.
    pub ok: bool,
    /// Operations per second.
    pub throughput: f64,
    /// `answers`, `pushes` or `connections`: what an operation is.
    pub unit: String,
    /// Operations in the measured phase.
    pub count: u64,
    /// Length of the measured phase.
    pub duration_seconds: f64,
    /// Latencies of the operations.
    pub latency_us: LatencyUs,
    /// Right answers in the measured phase.
    pub answers: u64,
    /// Their latencies.
    pub answer_latency_us: LatencyUs,
    /// Pushes in the measured phase.
    pub pushes: u64,
    /// From the change to the push that shows it.
    pub push_latency_us: LatencyUs,
    /// Changes that were shown only together with a later one (lawful: P-132, K-4).
    pub conflated: u64,
    /// Open loop: requests that were due at the end and not sent.
    pub behind: u64,
    /// The server's process, if known.
    pub server: Option<ServerFigures>,
    /// Share of the measured phase that this client computed, in percent; near 100 it measures itself.
    pub client_busy_percent: f64,
    /// What else the workload has to say.
    pub notes: BTreeMap<String, String>,
    /// Faults of the whole run by name.
    pub faults: BTreeMap<String, u64>,
    /// What went wrong first.
    pub first_fault: Option<String>,
    /// The measured phase over time.
    pub timeline: Vec<Slot>,
    /// A worker's latencies as counts: nanoseconds, how often. Empty in the report of a whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency_counts: Vec<(u64, u64)>,
    /// The same for answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answer_latency_counts: Vec<(u64, u64)>,
    /// The same for pushes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub push_latency_counts: Vec<(u64, u64)>,
}

/// Latencies in microseconds; 0 where nothing was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyUs {
    /// Mean.
    pub mean: f64,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerFigures {
    /// User and system time per operation in microseconds; `None` without operations.
    pub cpu_us_per_op: Option<f64>,
    /// The same per answered request, where that is not the operation.
    pub cpu_us_per_answer: Option<f64>,
    /// User and system time in percent of one core.
    pub cpu_percent: f64,
    /// Where the CPU time was read.
    pub cpu_source: CpuSource,
    /// Resident memory at the end in bytes.
    pub resident_bytes: u64,
    /// The most that was seen.
    pub resident_peak_bytes: u64,
    /// What it has grown by since before the connections were opened; negative if it shrank.
    pub resident_growth_bytes: i64,
    /// That growth per connection, where connections are the operation.
    pub bytes_per_connection: Option<f64>,
}

impl Report {
    /// Computes the figures.
    pub fn new(setting: Setting, measured: &Measured, tally: &mut Tally) -> Self {
        let counted = tally.counted();
        let unit = match counted {
            Counted::Answers => "answers",
            Counted::Pushes => "pushes",
            Counted::Connections => "connections",
        };
        let (count, answers) = (tally.series(counted).count, tally.series(Counted::Answers).count);
        let seconds = measured.elapsed.as_secs_f64();
        let share = |time: Duration| if seconds > 0.0 { 100.0 * time.as_secs_f64() / seconds } else { 0.0 };
        let server = measured.server.as_ref().map(|server| {
            let growth = signed_difference(server.resident_bytes, server.resident_before_bytes);
            ServerFigures {
                cpu_us_per_op: us_per(server.cpu, count),
                cpu_us_per_answer: if counted == Counted::Answers {
                    None
                } else {
                    us_per(server.cpu, answers)
                },
                cpu_percent: share(server.cpu),
                cpu_source: server.source,
                resident_bytes: server.resident_bytes,
                resident_peak_bytes: server.resident_peak_bytes,
                resident_growth_bytes: growth,
                bytes_per_connection: (counted == Counted::Connections && count > 0)
                    .then(|| growth as f64 / count as f64),
            }
        });
        Self {
            setting,
            ok: Fault::ALL.iter().all(|(fault, _)| tally.faults(*fault) == 0),
            throughput: if seconds > 0.0 { count as f64 / seconds } else { 0.0 },
            unit: unit.to_owned(),
            count,
            duration_seconds: seconds,
            latency_us: LatencyUs::new(&tally.series(counted).latency_ns),
            answers,
            answer_latency_us: LatencyUs::new(&tally.series(Counted::Answers).latency_ns),
            pushes: tally.series(Counted::Pushes).count,
            push_latency_us: LatencyUs::new(&tally.series(Counted::Pushes).latency_ns),
            conflated: tally.conflated(),
            behind: measured.behind,
            server,
            client_busy_percent: share(measured.client_cpu),
            notes: BTreeMap::new(),
            faults: Fault::ALL
                .iter()
                .map(|(fault, name)| ((*name).to_owned(), tally.faults(*fault)))
                .collect(),
            first_fault: tally.first_fault().map(str::to_owned),
            latency_counts: sum::counts(&tally.series(counted).latency_ns),
            answer_latency_counts: sum::counts(&tally.series(Counted::Answers).latency_ns),
            push_latency_counts: sum::counts(&tally.series(Counted::Pushes).latency_ns),
            timeline: tally.timeline().slots().to_vec(),
        }
    }

    /// The reports of workers that ran at the same time, at least one, as that of one run.
    pub fn sum(reports: &[Self]) -> Self {
        sum::sum(reports)
    }

    /// Without what only serves to add reports up.
    pub fn without_counts(mut self) -> Self {
        (self.latency_counts, self.answer_latency_counts, self.push_latency_counts) = Default::default();
        self
    }

    /// One JSON object on one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain figures serialise")
    }

    /// The measured phase over time as CSV, a line per slot.
    pub fn to_csv(&self) -> String {
        csv::render(self)
    }

    /// The measured phase over time as an SVG picture.
    pub fn to_svg(&self) -> String {
        plot::render(self)
    }

    /// Throughput and p99 on the first line, then the table.
    pub fn to_text(&self) -> String {
        text::render(self)
    }
}

impl LatencyUs {
    fn new(latency_ns: &Histogram<u64>) -> Self {
        let us = |quantile: f64| latency_ns.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            mean: if latency_ns.is_empty() { 0.0 } else { latency_ns.mean() / 1e3 },
            p50: us(0.5),
            p90: us(0.9),
            p99: us(0.99),
            p99_9: us(0.999),
            max: latency_ns.max() as f64 / 1e3,
        }
    }
}

fn us_per(time: Duration, count: u64) -> Option<f64> {
    (count > 0).then(|| time.as_secs_f64() * 1e6 / count as f64)
}

fn signed_difference(after: u64, before: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX).saturating_sub(i64::try_from(before).unwrap_or(i64::MAX))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn tally(counted: Counted) -> Tally {
        let mut tally = Tally::new(counted);
        tally.record(true);
        for us in 1..=1000 {
            tally.answer(us * 1000);
        }
        for _ in 0..5000 {
            tally.push(Some(2_000), 1);
        }
        tally
    }

    pub(crate) fn report(mut tally: Tally) -> Report {
        let setting = Setting {
            workload: "get".to_owned(),
            url: "ws://h:1/".into(),
            connections: 2,
            in_flight: 3,
            rate: None,
        };
        let server = ServerMeasured {
            cpu: Duration::from_millis(5),
            source: CpuSource::Schedstat,
            resident_before_bytes: 1 << 20,
            resident_bytes: 3 << 20,
            resident_peak_bytes: 4 << 20,
        };
        let measured = Measured {
            elapsed: Duration::from_millis(500),
            client_cpu: Duration::from_millis(125),
            behind: 0,
            server: Some(server),
        };
        Report::new(setting, &measured, &mut tally)
    }

    #[test]
    fn arithmetic() {
        let report = report(tally(Counted::Answers));
        assert!(report.ok);
        assert_eq!((report.count, report.throughput, report.client_busy_percent), (1000, 2000.0, 25.0));
        let server = report.server.as_ref().unwrap();
        assert_eq!((server.cpu_us_per_op, server.cpu_us_per_answer), (Some(5.0), None));
        assert_eq!((server.resident_growth_bytes, server.cpu_percent), (2 << 20, 1.0));
        let latency = &report.latency_us;
        for (got, expect) in [
            (latency.mean, 500.5),
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
        let report = report(tally(Counted::Pushes));
        assert_eq!((report.count, report.answers, report.throughput), (5000, 1000, 10_000.0));
        assert_eq!(report.conflated, 5000);
        let server = report.server.as_ref().unwrap();
        assert_eq!((server.cpu_us_per_op, server.cpu_us_per_answer), (Some(1.0), Some(5.0)));
        assert!((report.latency_us.p99 - 2.0).abs() < 0.01 && report.answer_latency_us.p50 > 400.0);
    }

    #[test]
    fn memory_per_connection() {
        let mut tally = Tally::new(Counted::Connections);
        tally.record(true);
        (0..1024).for_each(|_| tally.connection(1));
        assert_eq!(report(tally).server.unwrap().bytes_per_connection, Some(2048.0));
    }

    #[test]
    fn nothing_counted() {
        let report = report(Tally::new(Counted::Answers));
        assert_eq!((report.throughput, report.latency_us.max, report.latency_us.mean), (0.0, 0.0, 0.0));
        assert_eq!(report.server.unwrap().cpu_us_per_op, None);
    }

    #[test]
    fn json_is_read_back() {
        let mut tally = tally(Counted::Answers);
        tally.fault(Fault::OutOfOrder, 2, || "the first".to_owned());
        tally.timeline().end_slot(Duration::from_secs(1), Duration::from_secs(1), None);
        let report = report(tally);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["faults"]["outOfOrder"], 2);
        assert_eq!((&json["ok"], &json["inFlight"]), (&false.into(), &3.into()));
        assert!(json["latencyUs"]["p99.9"].is_f64() && json["server"]["cpuSource"] == "schedstat");
        let back: Report = serde_json::from_value(json).unwrap();
        assert_eq!(back.to_json(), report.to_json());
    }
}
