//! The command line: what the operator typed, already checked.
//!
//! Each workload is a subcommand, so that it can have options of its own.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::value::RawValue;

use crate::url::Url;

/// The longest phase that can be asked for, in seconds (a week): beyond it is a typing error.
const SECONDS_MAX: f64 = 7.0 * 86_400.0;

const EXAMPLES: &str = "\
Examples:
  noex-loadtest get --connections 50 --in-flight 16 --core 1 --server-pid $(pidof noex-server)
  noex-loadtest update --in-flight 16 --duration 10 --json
  noex-loadtest insert --bucket users --record '{\"name\":\"Alice\"}'
  noex-loadtest fanout --connections 1000 --query product-catalog

Exit code: 0 all answers right, 1 a wrong, missing, duplicated or out-of-order answer (or a failed run),
2 bad arguments.";

/// Load generator for servers of the noex protocol.
///
/// Keeps a fixed number of requests in flight on every connection, checks each answer, and prints throughput
/// and p99 latency first, then the details.
#[derive(Debug, Parser)]
#[command(name = "noex-loadtest", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do with the connections.
    #[command(subcommand)]
    pub workload: WorkloadArgs,
}

/// The workloads with their options.
#[derive(Debug, Subcommand)]
pub enum WorkloadArgs {
    /// Read: each connection gets its own record again and again
    ///
    /// The records are `loadtest-0`, `loadtest-1`, …; they are inserted first, or reused if they exist.
    #[command(after_help = EXAMPLES)]
    Get(Options),
    /// Write: each connection inserts records with generated ids
    ///
    /// The records stay in the bucket: the server's memory grows by count × record size.
    #[command(after_help = EXAMPLES)]
    Insert(Options),
    /// Write: each connection updates its own record; `_version` must grow by one each time
    ///
    /// The records are `loadtest-0`, `loadtest-1`, …; the update sends the data of `--record`.
    #[command(after_help = EXAMPLES)]
    Update(Options),
    /// Push: one more connection updates a record, all others subscribe to a query that shows it
    ///
    /// The operations counted are the pushes delivered to the `--connections` subscribers; the latencies are
    /// those of the writer's updates. The server may merge pushes, so the check is that the last push of every
    /// subscriber shows the final state.
    #[command(after_help = EXAMPLES)]
    Fanout(FanoutArgs),
}

impl WorkloadArgs {
    /// The options that every workload has.
    pub fn options(&self) -> &Options {
        match self {
            Self::Get(options) | Self::Insert(options) | Self::Update(options) => options,
            Self::Fanout(fanout) => &fanout.options,
        }
    }

    /// The workload's name, as typed and as reported.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::Insert(_) => "insert",
            Self::Update(_) => "update",
            Self::Fanout(_) => "fanout",
        }
    }
}

/// Options of `fanout`.
#[derive(Debug, Args)]
pub struct FanoutArgs {
    /// Query to which the subscribers subscribe; its result must show the record that is updated
    #[arg(long, value_name = "NAME", default_value = "product-catalog", value_parser = name)]
    pub query: String,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of every workload.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Server to load: `ws://host[:port][/path]`
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:8080/")]
    pub url: Url,
    /// Connections (for `fanout`: subscribers, beside one writer)
    #[arg(long, value_name = "N", default_value = "50", value_parser = at_least_one)]
    pub connections: usize,
    /// Requests that each connection keeps in flight
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub in_flight: usize,
    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = positive_seconds)]
    pub duration: Duration,
    /// How long to run before measuring
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub warmup: Duration,
    /// How long to wait for the server: for each answer of the set-up, and for answers and pushes still
    /// outstanding at the end
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = positive_seconds)]
    pub patience: Duration,
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
    /// Log in with this token (`auth.login`) on every connection
    #[arg(long, value_name = "TOKEN", value_parser = name)]
    pub token: Option<String>,
    /// Process id of the server: reports its CPU time per operation and its resident memory
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// Pin this client to one core
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// The members of a record: the text of a JSON object without its braces and without the key field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    members: String,
}

impl Record {
    /// The record as a JSON object.
    pub fn object(&self) -> String {
        format!("{{{}}}", self.members)
    }

    /// The record as a JSON object with `key` as its `id`.
    pub fn object_with_key(&self, key: &str) -> String {
        let comma = if self.members.is_empty() { "" } else { "," };
        format!("{{\"id\":{}{comma}{}}}", json_string(key), self.members)
    }
}

impl std::str::FromStr for Record {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Only the top level is taken apart: values keep the operator's spelling.
        let members: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(text)
            .map_err(|error| format!("the record must be a JSON object: {error}"))?;
        if members.contains_key("id") {
            return Err("the record must not have an \"id\": the workload chooses it".to_owned());
        }
        let trimmed = text.trim();
        Ok(Self { members: trimmed[1..trimmed.len() - 1].trim().to_owned() })
    }
}

/// `text` as a JSON string with its quotes.
pub fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number, at least 1".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds, e.g. 5 or 0.5".to_owned())?;
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return Err(format!("must be between 0 and {SECONDS_MAX} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("must be more than 0 seconds".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("noex-loadtest").chain(line.split(' ')))
    }

    /// Checks that `line` is refused with exit code 2 and a message that contains `expect`.
    fn refused(line: &str, expect: &str) {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(expect), "{line}: {error}");
    }

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults() {
        let cli = parse("get").unwrap();
        let options = cli.workload.options();
        assert_eq!(cli.workload.name(), "get");
        assert_eq!(options.url.authority(), "127.0.0.1:8080");
        assert_eq!((options.connections, options.in_flight), (50, 1));
        assert_eq!((options.duration, options.warmup), (Duration::from_secs(5), Duration::from_secs(1)));
        assert_eq!(options.bucket, "products");
        assert_eq!(options.record.object(), r#"{"title":"Wireless Keyboard","price":79.99,"stock":25}"#);
        assert_eq!((options.token.as_deref(), options.server_pid, options.core), (None, None, None));
        assert!(!options.json);
    }

    #[test]
    fn everything_given() {
        let line = "fanout --query q --url ws://h:1/p --connections 2 --in-flight 3 --duration 0.5 --warmup 0 \
                    --patience 2 --bucket b --record {} --token t --server-pid 4 --core 0 --json";
        let WorkloadArgs::Fanout(fanout) = parse(line).unwrap().workload else { panic!("not fanout") };
        assert_eq!((fanout.query.as_str(), fanout.options.bucket.as_str()), ("q", "b"));
        assert_eq!(fanout.options.duration, Duration::from_millis(500));
        assert_eq!((fanout.options.server_pid, fanout.options.core), (Some(4), Some(0)));
        assert_eq!(fanout.options.record.object_with_key("k"), r#"{"id":"k"}"#);
        assert!(fanout.options.json);
    }

    #[test]
    fn refusals() {
        refused("fly", "unrecognized subcommand");
        refused("get --connections 0", "at least 1");
        refused("get --in-flight x", "whole number");
        refused("get --duration 0", "more than 0");
        refused("get --duration -1", "unexpected argument");
        refused("get --duration nan", "between 0 and");
        refused("get --warmup soon", "number of seconds");
        refused("get --url http://h/", "ws://");
        refused("get --record [1]", "JSON object");
        refused("get --record {\"id\":1}", "must not have an \"id\"");
        refused("get --bucket=", "must not be empty");
        refused("get --query q", "unexpected argument");
        refused("get --core one", "invalid digit");
    }

    #[test]
    fn record_keeps_its_spelling() {
        let record: Record = " {\"b\" : 1.50, \"a\":[1, 2] } ".parse().unwrap();
        assert_eq!(record.object(), r#"{"b" : 1.50, "a":[1, 2]}"#);
        assert_eq!(record.object_with_key("a\"b"), r#"{"id":"a\"b","b" : 1.50, "a":[1, 2]}"#);
    }
}
