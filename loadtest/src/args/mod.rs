//! The command line: what the operator typed, already checked.
//!
//! Each workload is a subcommand, so that it can have options of its own.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod options;
mod values;

pub use options::{Options, Target};
pub use values::{Record, Side, json_string};
use values::{at_least_one, json_object, name, percent};

const EXAMPLES: &str = "\
Examples:
  noex-loadtest get --connections 50 --in-flight 16 --core 1 --server-pid $(pidof noex-server)
  noex-loadtest update --in-flight 16 --duration 10 --json update.json
  noex-loadtest transaction --spawn 'target/release/noex-server --config examples/loadtest.toml --port 0'
  noex-loadtest fanout --connections 1000 --burst 1
  noex-loadtest get --rate 20000 --connections 100 --plot get.svg
  noex-loadtest compare before.json after.json

Exit code: 0 all answers right, 1 a wrong, missing, duplicated or out-of-order answer or push (or a failed
run), 2 bad arguments.";

/// Load generator for servers of the noex protocol.
///
/// Loads the server, checks every answer and every push, and prints throughput and p99 latency first, then the
/// details.
#[derive(Debug, Parser)]
#[command(name = "noex-loadtest", version, after_help = EXAMPLES, max_term_width = 100)]
// A worker gets the arguments of the first process, and after them those that differ.
#[command(args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A run, or what to do with the reports of runs.
#[derive(Clone, Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one per process")]
pub enum Command {
    /// Runs a workload.
    #[command(flatten)]
    Run(WorkloadArgs),
    /// Compare reports that --json wrote: ratios with their spread
    ///
    /// Each side is a file with a report per line (append several runs to show their spread), or several such
    /// files with commas between them. A ratio is shown as a difference only if every run of B is on the same
    /// side of every run of A.
    Compare(CompareArgs),
}

/// Options of `compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The runs before
    #[arg(value_name = "A", value_delimiter = ',', num_args = 1, required = true)]
    pub before: Vec<PathBuf>,
    /// The runs after
    #[arg(value_name = "B", value_delimiter = ',', num_args = 1, required = true)]
    pub after: Vec<PathBuf>,
}

/// The workloads with their options.
#[derive(Clone, Debug, Subcommand)]
pub enum WorkloadArgs {
    /// Hold connections that do nothing; reports the server's memory per connection
    ///
    /// Opens `--connections` one after the other, holds them for `--duration`, and answers heartbeats. The
    /// operations counted are the connections opened; their latency is that of connect, upgrade and welcome.
    Idle(IdleArgs),
    /// Read: each connection gets its own record again and again
    ///
    /// The records are `loadtest-0`, `loadtest-1`, …; they are inserted first, or reused if they exist.
    Get(RecordArgs),
    /// Write: each connection inserts records with generated ids
    ///
    /// The records stay in the bucket: the server's memory grows by count × record size.
    Insert(RecordArgs),
    /// Write: each connection updates its own record; `_version` must grow by one each time
    ///
    /// The records are `loadtest-0`, `loadtest-1`, …; the update sends the data of `--record`.
    Update(RecordArgs),
    /// Read, update and insert: each connection reads and updates its own record and inserts others
    Mixed(MixedArgs),
    /// The mixed load without inserts, for long: the server's memory must stay where it is
    ///
    /// Fails if the memory at the end is more than --growth above that after a quarter of the run; the server's
    /// process must be known. Give a long --duration.
    Soak(SoakArgs),
    /// Transactions of the shop: update a product, insert an order, insert an audit log entry
    ///
    /// Each connection buys its own product again and again. Every answer must hold all three results; at the
    /// end the server must have exactly one order and one log entry per answer.
    Transaction(TransactionArgs),
    /// Transactions over two buckets: money moves between the accounts of a pair
    ///
    /// Balances always add up, the versions of a pair grow in step, and audits (transactions that read two
    /// pairs) must see nothing else. --check records the history of all transactions and verifies that it is
    /// strictly serialisable. Whether the two buckets are on different cores is a matter of their placement:
    /// with examples/loadtest.toml and two shards, accounts-a and accounts-c are, accounts-a and accounts-b
    /// are not.
    Transfer(TransferArgs),
    /// Push: one more connection updates a record, all others subscribe to a query that shows it
    ///
    /// The operations counted are the pushes delivered to the `--connections` subscribers; a latency is the
    /// time from an update to a push that shows it. The server may merge pushes, so the check is that versions
    /// never go backwards and that the last push of every subscriber shows the final state.
    Fanout(FanoutArgs),
    /// Push to subscribers of which some do not read; reports what that costs the others
    ///
    /// Like `fanout`, with `--stalled` more subscribers that read nothing until the end. Then they must reach
    /// the final state too (K-4). Compare p99 and memory with `--stalled 0`.
    SlowReaders(SlowReadersArgs),
    /// Push: many live queries with different parameters; each change touches one of them, or none
    ///
    /// The operations counted are the changes of `--writers` more connections, with --in-flight of them each;
    /// the --connections share the subscriptions. Every push must show the rows of its own user only, and one
    /// change more than the push before, or several if they were merged.
    Reactive(ReactiveArgs),
    /// Push: one more connection emits events, all others subscribe to their topic
    ///
    /// The operations counted are the events delivered. A server may drop events for clients that are slow
    /// (K-5); what is dropped is counted, what comes must be new and in order.
    Events(EventsArgs),
    /// Open connections, --connections at once, and close each as soon as it is welcomed
    ///
    /// The operations counted are the connections; their latency is that of connect, upgrade and welcome.
    ConnectStorm(StormArgs),
}

impl WorkloadArgs {
    /// The options that every workload has.
    pub fn options(&self) -> &Options {
        match self {
            Self::Idle(args) => &args.options,
            Self::Get(args) | Self::Insert(args) | Self::Update(args) => &args.options,
            Self::Transaction(args) => &args.options,
            Self::Fanout(args) => &args.options,
            Self::SlowReaders(args) => &args.options,
            Self::ConnectStorm(args) => &args.options,
            Self::Events(args) => &args.options,
            Self::Reactive(args) => &args.options,
            Self::Transfer(args) => &args.options,
            Self::Mixed(args) => &args.options,
            Self::Soak(args) => &args.options,
        }
    }

    /// The same, to be completed by what is only known at run time.
    pub fn options_mut(&mut self) -> &mut Options {
        match self {
            Self::Idle(args) => &mut args.options,
            Self::Get(args) | Self::Insert(args) | Self::Update(args) => &mut args.options,
            Self::Transaction(args) => &mut args.options,
            Self::Fanout(args) => &mut args.options,
            Self::SlowReaders(args) => &mut args.options,
            Self::ConnectStorm(args) => &mut args.options,
            Self::Events(args) => &mut args.options,
            Self::Reactive(args) => &mut args.options,
            Self::Transfer(args) => &mut args.options,
            Self::Mixed(args) => &mut args.options,
            Self::Soak(args) => &mut args.options,
        }
    }

    /// Whether its connections know nothing of each other, so that several processes can share them.
    pub fn can_be_shared_out(&self) -> bool {
        match self {
            Self::Idle(_)
            | Self::Get(_)
            | Self::Insert(_)
            | Self::Update(_)
            | Self::Mixed(_)
            | Self::Transaction(_)
            | Self::ConnectStorm(_) => true,
            Self::Soak(_)
            | Self::Transfer(_)
            | Self::Fanout(_)
            | Self::SlowReaders(_)
            | Self::Reactive(_)
            | Self::Events(_) => false,
        }
    }

    /// The workload's name, as typed and as reported.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::Get(_) => "get",
            Self::Insert(_) => "insert",
            Self::Update(_) => "update",
            Self::Transaction(_) => "transaction",
            Self::Fanout(_) => "fanout",
            Self::SlowReaders(_) => "slow-readers",
            Self::ConnectStorm(_) => "connect-storm",
            Self::Events(_) => "events",
            Self::Reactive(_) => "reactive",
            Self::Transfer(_) => "transfer",
            Self::Mixed(_) => "mixed",
            Self::Soak(_) => "soak",
        }
    }
}

/// Options of `idle`.
#[derive(Clone, Debug, Args)]
pub struct IdleArgs {
    /// Let each connection subscribe to this query, too
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub query: Option<String>,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `get`, `insert` and `update`.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// What is read and written.
    #[command(flatten)]
    pub target: Target,
    /// Use only connections that the server has on the bucket's shard (`local`), or on another one (`remote`);
    /// for a server of several shards that tells where both are
    #[arg(long, value_enum, value_name = "WHERE")]
    pub side: Option<Side>,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `transaction`.
#[derive(Clone, Debug, Args)]
pub struct TransactionArgs {
    /// Send the three operations as three requests, to see what the transaction costs beyond them
    #[arg(long)]
    pub apart: bool,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `mixed`.
#[derive(Clone, Debug, Args)]
pub struct MixedArgs {
    /// Share of updates
    #[arg(long, value_name = "PERCENT", default_value = "15", value_parser = percent)]
    pub updates: u64,
    /// Share of inserts; the rest are reads
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = percent)]
    pub inserts: u64,
    /// The same seed asks the same questions
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// What is read and written.
    #[command(flatten)]
    pub target: Target,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `soak`.
#[derive(Clone, Debug, Args)]
pub struct SoakArgs {
    /// Share of updates; the rest are reads
    #[arg(long, value_name = "PERCENT", default_value = "20", value_parser = percent)]
    pub updates: u64,
    /// By how much memory may grow after the first quarter
    #[arg(long, value_name = "PERCENT", default_value = "5")]
    pub growth: u64,
    /// What is read and written.
    #[command(flatten)]
    pub target: Target,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `transfer`.
#[derive(Clone, Debug, Args)]
pub struct TransferArgs {
    /// Bucket of the first accounts
    #[arg(long, value_name = "NAME", default_value = "accounts-a", value_parser = name)]
    pub bucket: String,
    /// Bucket of the second accounts
    #[arg(long, value_name = "NAME", default_value = "accounts-c", value_parser = name)]
    pub other_bucket: String,
    /// Pairs of accounts; few make transactions wait for each other
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    pub accounts: usize,
    /// Share of transactions that read two pairs instead of writing one
    #[arg(long, value_name = "PERCENT", default_value = "0", default_value_if("check", "true", "20"), value_parser = percent)]
    pub audits: u64,
    /// Record the history of all transactions and verify that it is strictly serialisable
    #[arg(long)]
    pub check: bool,
    /// The same seed asks the same questions
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `reactive`.
#[derive(Clone, Debug, Args)]
pub struct ReactiveArgs {
    /// Subscriptions, each with another user as its parameter; a connection may have as many as the server
    /// allows (100)
    #[arg(long, value_name = "N", default_value = "1000", value_parser = at_least_one)]
    pub subscriptions: usize,
    /// Orders in the bucket before the run, spread evenly over the users
    #[arg(long, value_name = "N", default_value = "10000", value_parser = at_least_one)]
    pub orders: usize,
    /// Connections that change orders
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub writers: usize,
    /// Share of changes that touch a subscription; the others insert orders of users whom nobody watches
    #[arg(long, value_name = "PERCENT", default_value = "100", value_parser = percent)]
    pub matching: u64,
    /// Update orders instead of inserting them, so that results keep their size
    #[arg(long)]
    pub update: bool,
    /// Query over `orders` with the parameter `userId`
    #[arg(long, value_name = "NAME", default_value = "user-orders", value_parser = name)]
    pub query: String,
    /// The same seed asks the same questions
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `events`.
#[derive(Clone, Debug, Args)]
pub struct EventsArgs {
    /// Subscribe to `loadtest.*` instead of the topic itself
    #[arg(long)]
    pub wildcard: bool,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `connect-storm`.
#[derive(Clone, Debug, Args)]
pub struct StormArgs {
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// What `fanout` and `slow-readers` publish.
#[derive(Clone, Debug, Args)]
pub struct Publication {
    /// Query to which the subscribers subscribe; its result must show the record that is updated
    #[arg(long, value_name = "NAME", default_value = "product-catalog", value_parser = name)]
    pub query: String,
    /// Parameters of the query, a JSON object
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    pub params: Option<serde_json::Value>,
    /// Records that are made sure to exist in the bucket; one of them is updated
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub rows: usize,
    /// Pad each record with a text of this many bytes (member `text`)
    #[arg(long, value_name = "BYTES", default_value = "0")]
    pub pad: usize,
    /// Send this many updates at once, then wait until every subscriber has seen the last of them, and so on;
    /// 1: one change at a time. Without it, --in-flight updates are kept in flight
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub burst: Option<usize>,
}

/// Options of `fanout`.
#[derive(Clone, Debug, Args)]
pub struct FanoutArgs {
    /// What is published.
    #[command(flatten)]
    pub publication: Publication,
    /// The record and its bucket.
    #[command(flatten)]
    pub target: Target,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

/// Options of `slow-readers`.
#[derive(Clone, Debug, Args)]
pub struct SlowReadersArgs {
    /// Subscribers that do not read, beside the `--connections` that do
    #[arg(long, value_name = "N", default_value = "10")]
    pub stalled: usize,
    /// What is published.
    #[command(flatten)]
    pub publication: Publication,
    /// The record and its bucket.
    #[command(flatten)]
    pub target: Target,
    /// What all workloads have.
    #[command(flatten)]
    pub options: Options,
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("noex-loadtest").chain(line.split(' ')))
    }

    fn workload(line: &str) -> WorkloadArgs {
        match parse(line).unwrap().command {
            Command::Run(workload) => workload,
            Command::Compare(_) => panic!("{line} is no workload"),
        }
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
        let workload = workload("get");
        let options = workload.options();
        assert_eq!(workload.name(), "get");
        assert_eq!(options.url.authority(), "127.0.0.1:8080");
        assert_eq!((options.connections, options.in_flight, options.rate), (50, 1, None));
        assert_eq!((options.duration, options.warmup), (Duration::from_secs(5), Duration::from_secs(1)));
        assert_eq!((options.token.as_deref(), options.server_pid, options.core), (None, None, None));
        assert_eq!(options.json, None);
        let WorkloadArgs::Get(RecordArgs { target, side, .. }) = workload else { panic!("not get") };
        assert_eq!((target.bucket.as_str(), side), ("products", None));
        assert_eq!(target.record.object(), r#"{"title":"Wireless Keyboard","price":79.99,"stock":25}"#);
    }

    #[test]
    fn everything_given() {
        let line = "fanout --query q --url ws://h:1/p --connections 2 --in-flight 3 --duration 0.5 --warmup 0 \
                    --patience 2 --bucket b --record {} --token t --server-pid 4 --core 0 --burst 16 --rows 20 \
                    --params {\"a\":1} --source 127.0.0.2 --source 127.0.0.3 --json";
        let WorkloadArgs::Fanout(fanout) = workload(line) else { panic!("not fanout") };
        let FanoutArgs { publication, target, options } = fanout;
        assert_eq!((publication.query.as_str(), target.bucket.as_str()), ("q", "b"));
        assert_eq!((publication.burst, publication.rows), (Some(16), 20));
        assert_eq!(publication.params.unwrap()["a"], 1);
        assert_eq!((options.duration, options.source.len()), (Duration::from_millis(500), 2));
        assert_eq!((options.server_pid, options.core), (Some(4), Some(0)));
        assert_eq!(target.record.object_with_key("k"), r#"{"id":"k"}"#);
        assert_eq!(options.json.as_deref(), Some(Path::new("-")));
    }

    #[test]
    fn an_open_loop_has_room_for_late_answers() {
        let in_flight = |line| workload(line).options().in_flight;
        assert_eq!(in_flight("get --rate 100"), 1024);
        assert_eq!(in_flight("get --rate 100 --in-flight 7"), 7);
    }

    #[test]
    fn later_arguments_win() {
        let workload = workload("get --url ws://h:1/ --source ::1 --url ws://h:2/ --source ::2");
        let options = workload.options();
        assert_eq!((options.url.authority().as_str(), options.source.len()), ("h:2", 2));
    }

    #[test]
    fn two_sides() {
        let Command::Compare(sides) = parse("compare a.json,b.json c.json").unwrap().command else {
            panic!()
        };
        assert_eq!((sides.before.len(), sides.after), (2, vec![PathBuf::from("c.json")]));
        refused("compare a.json", "required");
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
        refused("get --rate 0", "requests per second");
        refused("get --source here", "invalid IP address");
        refused("get --worker 1", "FIRST+COUNT+WORKERS");
        refused("get --side near", "possible values: local, remote");
        refused("fanout --burst 0", "at least 1");
        refused("fanout --params 7", "a JSON object");
    }
}
