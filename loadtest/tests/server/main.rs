//! The tool against the real server in this process: every workload finds nothing wrong with it, and what is
//! wrong when somebody in between lies.

mod liar;

use std::net::SocketAddr;

use clap::Parser;
use liar::{Lie, Occasion, lie};
use noex_loadtest::args::{Cli, Command as Task};
use noex_loadtest::report::Report;
use noex_loadtest::run::{RunError, run};
use noex_loadtest::tally::Fault;
use noex_server::cli::{self, Command};
use noex_server::shell::{Options, Server, Tuning};

/// The server of `examples/loadtest.toml` with as many shards.
fn start(shards: u16) -> Server {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/loadtest.toml");
    let args = ["noex-server", "--config", file, "--shards", &shards.to_string()].map(Into::into);
    let Ok(Command::Run(config)) = cli::parse(args.into_iter()) else { panic!("a configuration") };
    let options = Options {
        address: "127.0.0.1:0".parse().unwrap(),
        shards,
        pin_cores: false,
        tuning: Tuning::default(),
    };
    Server::start(&config.settings, &options).unwrap()
}

fn run_line(address: SocketAddr, line: &str) -> Result<Report, RunError> {
    let url = format!("ws://{address}/");
    let fixed = ["--url", &url, "--duration", "0.2", "--warmup", "0.02"];
    let arguments = ["noex-loadtest"].into_iter().chain(line.split(' ')).chain(fixed);
    let Task::Run(workload) = Cli::parse_from(arguments).command else { panic!("a workload") };
    run(&workload)
}

#[test]
fn every_workload_finds_nothing_wrong() {
    let server = start(2);
    for line in [
        "idle --connections 20 --query product-catalog",
        "get --connections 3 --in-flight 4",
        "get --connections 3 --side local",
        "update --connections 3 --side remote --in-flight 4",
        "insert --connections 3 --in-flight 4",
        "update --connections 3 --in-flight 4",
        "mixed --connections 3 --in-flight 4",
        "get --connections 3 --rate 1000",
        "transaction --connections 3 --in-flight 4",
        "transaction --connections 3 --in-flight 4 --apart",
        "transfer --connections 4 --in-flight 4 --accounts 5 --check",
        "transfer --connections 4 --other-bucket accounts-b --accounts 1 --audits 50 --check",
        "reactive --connections 2 --subscriptions 20 --orders 40 --matching 80",
        "reactive --connections 2 --subscriptions 20 --orders 40 --update --writers 2 --in-flight 4",
        "events --connections 3",
        "events --connections 3 --wildcard --in-flight 4",
        "connect-storm --connections 4",
    ] {
        let report = run_line(server.address(), line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(report.ok && report.count > 0, "{line}: {}", report.to_text());
    }
    server.stop(0);
}

#[test]
fn every_subscriber_reaches_the_final_state() {
    let server = start(2);
    for line in [
        "fanout --connections 5 --burst 1",
        "fanout --connections 5 --burst 16 --rows 20",
        "fanout --connections 5 --in-flight 16",
        "slow-readers --connections 3 --stalled 2 --pad 20000 --in-flight 16",
    ] {
        let report = run_line(server.address(), line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(report.ok && report.count > 0, "{line}: {}", report.to_text());
        assert!(report.latency_us.max > 0.0, "{line}: {}", report.to_text());
    }
    server.stop(0);
}

#[test]
fn one_change_at_a_time_is_shown_to_each() {
    let server = start(1);
    let report = run_line(server.address(), "fanout --connections 4 --burst 1").unwrap();
    assert_eq!(report.conflated, 0, "{}", report.to_text());
    server.stop(0);
}

/// Runs `line` with a lie in between; the expected faults must be found, and no others.
fn finds(server: &Server, line: &str, (kind, at): (&'static str, u64), the_lie: Lie, expect: &[Fault]) {
    let address = lie(server.address(), Occasion { kind, at }, the_lie);
    let report = run_line(address, &format!("{line} --patience 0.5"))
        .unwrap_or_else(|error| panic!("{line}: {the_lie:?}: {error}"));
    for (fault, name) in Fault::ALL {
        let found = report.faults[name] > 0;
        assert_eq!(found, expect.contains(&fault), "{line}: {the_lie:?}: {name}: {}", report.to_text());
    }
    assert!(!report.ok && report.first_fault.is_some());
}

const PUSH: &str = r#""type":"push""#;

#[test]
fn lies_about_pushes_are_found() {
    let server = start(1);
    let fanout = "fanout --connections 3 --in-flight 2";
    finds(&server, fanout, (PUSH, 10), Lie::Twice, &[Fault::Duplicated]);
    finds(&server, fanout, (PUSH, 10), Lie::Swap, &[Fault::OutOfOrder]);
    finds(&server, fanout, (PUSH, 10), Lie::Silence, &[Fault::Stale]);
    finds(&server, fanout, (PUSH, 10), Lie::Replace("sub-", "sup-"), &[Fault::Wrong]);
    let reactive = "reactive --connections 2 --subscriptions 4 --orders 8";
    finds(&server, reactive, (PUSH, 10), Lie::Twice, &[Fault::Duplicated]);
    finds(&server, reactive, (PUSH, 10), Lie::Replace(r#""userId":"u"#, r#""userId":"v"#), &[Fault::Wrong]);
    finds(&server, reactive, (PUSH, 10), Lie::Silence, &[Fault::Stale]);
    let events = "events --connections 2";
    finds(&server, events, (PUSH, 10), Lie::Twice, &[Fault::Duplicated]);
    finds(&server, events, (PUSH, 10), Lie::Swap, &[Fault::OutOfOrder]);
    server.stop(0);
}

const RESULTS: &str = r#""results":"#;

#[test]
fn lies_about_answers_are_found() {
    let server = start(1);
    let transaction = "transaction --connections 2 --in-flight 2";
    finds(
        &server,
        transaction,
        (RESULTS, 10),
        Lie::Replace(r#""index":2"#, r#""index":3"#),
        &[Fault::Wrong, Fault::Inconsistent],
    );
    finds(&server, transaction, (RESULTS, 10), Lie::Drop, &[Fault::Missing, Fault::Inconsistent]);
    finds(&server, transaction, (RESULTS, 10), Lie::Twice, &[Fault::Duplicated]);
    finds(&server, transaction, (RESULTS, 10), Lie::Swap, &[Fault::OutOfOrder]);
    let mixed = "mixed --connections 2 --in-flight 2";
    finds(
        &server,
        mixed,
        (r#""id":"loadtest-"#, 10),
        Lie::Replace("loadtest-", "loadtext-"),
        &[Fault::Wrong],
    );
    let storm = "connect-storm --connections 2";
    finds(&server, storm, (r#""type":"welcome""#, 10), Lie::Drop, &[Fault::Missing]);
    finds(&server, storm, (r#""type":"welcome""#, 10), Lie::Replace("welcome", "farewell"), &[Fault::Closed]);
    server.stop(0);
}

#[test]
fn lies_about_transfers_are_found() {
    let server = start(1);
    let transfer = "transfer --connections 2 --accounts 1 --audits 50";
    finds(&server, transfer, (RESULTS, 10), Lie::Replace(r#""balance":"#, r#""balance":1"#), &[Fault::Wrong]);
    // An old state of all accounts adds up: only the history shows that it was shown too late.
    let audit = r#""index":3"#;
    let consistent = run_line(lie(server.address(), Occasion { kind: audit, at: 40 }, Lie::Replay), transfer);
    assert!(consistent.unwrap().ok);
    finds(&server, &format!("{transfer} --check"), (audit, 40), Lie::Replay, &[Fault::Inconsistent]);
    server.stop(0);
}

#[test]
fn operators_are_told_what_is_wrong() {
    let server = start(1);
    let error = run_line(server.address(), "get --bucket nothing --connections 1").unwrap_err().to_string();
    assert!(error.contains("Bucket \"nothing\" is not defined"), "{error}");
    let error = run_line(server.address(), "fanout --query nothing --connections 1").unwrap_err().to_string();
    assert!(error.contains("nothing"), "{error}");
    let error = run_line(server.address(), "get --source 192.0.2.1 --connections 1").unwrap_err().to_string();
    assert!(error.contains("--source is not of this machine"), "{error}");
    let error = run_line(server.address(), "get --server-pid 4294967295").unwrap_err();
    assert!(matches!(error, RunError::Arguments(_)), "{error}");
    let error = run_line(server.address(), "get --side remote --connections 1").unwrap_err().to_string();
    assert!(error.contains("has the server one shard?"), "{error}");
    server.stop(0);
}
