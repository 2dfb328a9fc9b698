//! What every workload can be told: the server, the load, the figures.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{Record, at_least_one, name, positive_seconds, rate, seconds};
use crate::processes::Share;
use crate::url::Url;

/// Options of every workload.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Server to load: `ws://host[:port][/path]`
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8080/", help_heading = "Server")]
    pub url: Url,
    /// Log in with this token (`auth.login`) on every connection
    #[arg(long, value_name = "TOKEN", value_parser = name, help_heading = "Server")]
    pub token: Option<String>,
    /// Define the buckets and queries that the workload needs and the server does not have
    #[arg(long, help_heading = "Server")]
    pub define: bool,
    /// Log in with this token for --define (default: that of --token)
    #[arg(long, value_name = "TOKEN", value_parser = name, requires = "define", help_heading = "Server")]
    pub admin_token: Option<String>,
    /// Process id of the server: reports its CPU time per operation and its resident memory
    #[arg(long, value_name = "PID", help_heading = "Server")]
    pub server_pid: Option<u32>,
    /// Start the server with this shell command, wait until it listens, stop it at the end; if it prints a
    /// `ws://` address (as with port 0), that is loaded instead of `--url`
    #[arg(long, value_name = "COMMAND", value_parser = name, help_heading = "Server")]
    pub spawn: Option<String>,

    /// Connections (`fanout`, `events`, `slow-readers`: subscribers, beside the writers)
    #[arg(long, value_name = "N", default_value = "50", value_parser = at_least_one, help_heading = "Load")]
    pub connections: usize,
    /// Requests that each connection keeps in flight; with --rate: has in flight at most
    #[arg(long, value_name = "N", default_value = "1", default_value_if("rate", clap::builder::ArgPredicate::IsPresent, "1024"), value_parser = at_least_one, help_heading = "Load")]
    pub in_flight: usize,
    /// Open loop: send this many requests per second over all connections, whatever the answers take;
    /// latencies count from the moment at which each request was due
    #[arg(long, value_name = "PER_SECOND", value_parser = rate, help_heading = "Load")]
    pub rate: Option<f64>,
    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = positive_seconds, help_heading = "Load")]
    pub duration: Duration,
    /// How long to run before measuring
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, help_heading = "Load")]
    pub warmup: Duration,
    /// How long to wait for the server: to start, for each answer of the set-up, and for answers and pushes
    /// still outstanding at the end
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = positive_seconds, help_heading = "Load")]
    pub patience: Duration,
    /// Connect from this address; repeat it to share the connections out. Without it, connections to a
    /// loopback address come from as many of 127.0.0.x as they need
    #[arg(long, value_name = "ADDRESS", help_heading = "Load")]
    pub source: Vec<IpAddr>,
    /// Share the connections out over this many processes, for workloads whose connections know nothing of each
    /// other; each may open as many descriptors as `ulimit -n` says
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one, help_heading = "Load")]
    pub processes: usize,
    /// What such a process is told by the first
    #[arg(long, hide = true)]
    pub worker: Option<Share>,
    /// Pin this client to one core
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub core: Option<usize>,

    /// Write the report as JSON, to a file or (without FILE) instead of the text
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", help_heading = "Output")]
    pub json: Option<PathBuf>,
    /// Write the measured phase over time as CSV, a line per slot
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub csv: Option<PathBuf>,
    /// Draw throughput and latency percentiles over time as SVG
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub plot: Option<PathBuf>,
}

/// The records that a workload reads and writes.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// Bucket that is read and written; its key field must be `id`
    #[arg(long, value_name = "NAME", default_value = "products", value_parser = name)]
    pub bucket: String,
    /// The record: data of inserts and updates, a JSON object without `id`
    #[arg(
        long,
        value_name = "TEXT",
        default_value = r#"{"title":"Wireless Keyboard","price":79.99,"stock":25}"#
    )]
    pub record: Record,
}
