//! `/metrics` in the text format of Prometheus (K-13), from what every core has counted.
//!
//! Its length is bounded by the number of cores: nothing in it is named by a client.

use crate::base::fault::Code;
use crate::message::{CoreFigures, Refusal};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{TEXT_FORMAT, TextEncoder};

/// The media type of [`metrics`].
pub const METRICS_TYPE: &str = TEXT_FORMAT;

/// A number of each core: name, kind, help, and where it is.
type PerShard = (&'static str, MetricType, &'static str, fn(&CoreFigures) -> u64);

use MetricType::{COUNTER, GAUGE};

const PER_SHARD: [PerShard; 21] = [
    ("noex_connections", GAUGE, "WebSocket connections.", |core| core.connections),
    ("noex_connections_accepted_total", COUNTER, "TCP connections accepted.", |core| core.traffic.accepted),
    ("noex_connections_admitted_total", COUNTER, "Connections welcomed.", |core| core.traffic.admitted),
    ("noex_heartbeat_timeouts_total", COUNTER, "Connections closed for not answering a ping.", |core| {
        core.traffic.heartbeat_timeouts
    }),
    (
        "noex_slow_consumers_closed_total",
        COUNTER,
        "Connections closed because all queues were full.",
        |core| core.traffic.slow_consumers,
    ),
    ("noex_messages_received_total", COUNTER, "WebSocket messages from clients.", |core| {
        core.traffic.messages_received
    }),
    ("noex_messages_sent_total", COUNTER, "WebSocket messages to clients.", |core| {
        core.traffic.messages_sent
    }),
    ("noex_received_bytes_total", COUNTER, "Bytes read from clients.", |core| core.traffic.bytes_received),
    ("noex_sent_bytes_total", COUNTER, "Bytes taken by the system for clients.", |core| {
        core.traffic.bytes_sent
    }),
    ("noex_rate_limited_requests_total", COUNTER, "Requests over the rate limit.", |core| {
        core.traffic.rate_limited
    }),
    ("noex_send_queue_bytes", GAUGE, "Bytes for clients that the system has not taken.", |core| {
        core.load.unsent_bytes
    }),
    ("noex_pushes_total", COUNTER, "Pushes to clients.", |core| core.traffic.pushes),
    ("noex_conflated_pushes_total", COUNTER, "Query pushes withheld from clients that lag.", |core| {
        core.traffic.conflations
    }),
    ("noex_dropped_events_total", COUNTER, "Event pushes dropped for clients that lag.", |core| {
        core.traffic.events_dropped
    }),
    ("noex_subscriptions", GAUGE, "Active subscriptions to queries.", |core| core.subscriptions),
    ("noex_live_queries_examined_total", COUNTER, "Live queries looked at for a change.", |core| {
        core.live_examined
    }),
    ("noex_live_queries_updated_total", COUNTER, "Live queries whose result became another.", |core| {
        core.live_updated
    }),
    ("noex_buckets", GAUGE, "Buckets.", |core| core.buckets),
    ("noex_records", GAUGE, "Records.", |core| core.records),
    ("noex_shard_turns_total", COUNTER, "Inputs handled: reads, writes, mail, timers.", |core| {
        core.load.turns
    }),
    (
        "noex_shard_inbox_batches_peak",
        GAUGE,
        "The most batches of messages found waiting from other shards.",
        |core| core.load.vitals.inbox_batches_peak,
    ),
];

/// The figures of all cores, in core order.
pub fn metrics(cores: &[CoreFigures]) -> String {
    let mut families: Vec<MetricFamily> = PER_SHARD
        .iter()
        .map(|(name, kind, help, read)| {
            family(name, *kind, help, per_shard(cores, |core| vec![(None, number(read(core)))]))
        })
        .collect();
    families.push(family(
        "noex_shard_cpu_seconds_total",
        COUNTER,
        "CPU time of the shard's thread.",
        per_shard(cores, |core| vec![(None, number(core.load.vitals.cpu_us) / 1e6)]),
    ));
    families.push(family(
        "noex_requests_total",
        COUNTER,
        "Requests answered, by outcome: ok or the code of the error.",
        per_shard(cores, outcomes),
    ));
    families.push(family(
        "noex_connections_refused_total",
        COUNTER,
        "Connections that were not welcomed, by reason.",
        per_shard(cores, refusals),
    ));
    families.push(family(
        "noex_transactions_total",
        COUNTER,
        "Transactions of clients, by outcome.",
        per_shard(cores, transactions),
    ));
    let resident = cores.iter().map(|core| core.load.vitals.resident_bytes).max().unwrap_or_default();
    if resident > 0 {
        let sample = (Vec::new(), number(resident));
        let help = "Resident memory size in bytes.";
        families.push(family("process_resident_memory_bytes", GAUGE, help, vec![sample]));
    }
    let build = (vec![label("version", env!("CARGO_PKG_VERSION"))], 1.0);
    families.push(family("noex_build_info", GAUGE, "1; the label says what is running.", vec![build]));
    TextEncoder.encode_to_string(&families).expect("every family has a name and a value")
}

/// Values of one core, each with its second label if it has one.
type Values = Vec<(Option<(&'static str, &'static str)>, f64)>;

fn outcomes(core: &CoreFigures) -> Values {
    let ok = (Some(("outcome", "ok")), number(core.traffic.results));
    let error = |code: &Code| (Some(("outcome", code.as_str())), number(core.traffic.errors[*code as usize]));
    std::iter::once(ok).chain(Code::ALL.iter().map(error)).collect()
}

fn refusals(core: &CoreFigures) -> Values {
    let refused = |why: &Refusal| number(core.traffic.refused[*why as usize]);
    Refusal::ALL.iter().map(|why| (Some(("reason", why.as_str())), refused(why))).collect()
}

fn transactions(core: &CoreFigures) -> Values {
    vec![
        (Some(("outcome", "committed")), number(core.traffic.transactions_committed)),
        (Some(("outcome", "aborted")), number(core.traffic.transactions_aborted)),
    ]
}

/// Labelled with the number of the core; [`family`] makes them what they are.
fn per_shard(cores: &[CoreFigures], values: impl Fn(&CoreFigures) -> Values) -> Vec<Sample> {
    let shards = cores.iter().enumerate().flat_map(|(shard, core)| {
        values(core).into_iter().map(move |(second, value)| {
            let mut labels = vec![label("shard", &shard.to_string())];
            labels.extend(second.map(|(name, value)| label(name, value)));
            (labels, value)
        })
    });
    shards.collect()
}

type Sample = (Vec<LabelPair>, f64);

fn family(name: &str, kind: MetricType, help: &str, samples: Vec<Sample>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(samples.into_iter().map(|sample| metric(kind, sample)).collect());
    family
}

fn metric(kind: MetricType, (labels, value): Sample) -> Metric {
    let mut metric = Metric::from_label(labels);
    if kind == COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

/// As the format has it; exact up to 2^53.
fn number(n: u64) -> f64 {
    n as f64
}
