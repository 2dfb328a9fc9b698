//! The whole tool over loopback: against its own peer, right and with faults on demand, and against an
//! independent WebSocket server.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use clap::Parser;
use noex_loadtest::args::{Cli, Command as Task};
use noex_loadtest::peer::{self, Kind, Misdeed};
use noex_loadtest::report::Report;
use noex_loadtest::run::{RunError, run};
use noex_loadtest::tally::Fault;

fn start(misdeed: Option<Misdeed>) -> SocketAddr {
    peer::spawn(TcpListener::bind("127.0.0.1:0").unwrap(), None, misdeed).unwrap()
}

fn run_line(address: SocketAddr, line: &str) -> Result<Report, RunError> {
    let url = format!("ws://{address}/");
    let fixed = ["--url", &url, "--duration", "0.2", "--warmup", "0.05"];
    let arguments = ["noex-loadtest"].into_iter().chain(line.split(' ')).chain(fixed);
    let Task::Run(workload) = Cli::parse_from(arguments).command else { panic!("a workload") };
    run(&workload)
}

/// Runs `line` against an honest peer; it must be faultless and count something.
fn faultless(line: &str) -> Report {
    let report = run_line(start(None), line).unwrap();
    assert!(report.ok, "{}", report.to_text());
    assert!(report.count > 0 && report.throughput > 0.0, "{}", report.to_text());
    report
}

/// Runs `line` against a peer with one misdeed; exactly the expected faults must be found.
fn finds(line: &str, kind: Kind, expect: &[(Fault, u64)]) {
    let report = run_line(start(Some(Misdeed { kind, at: 60 })), &format!("{line} --patience 0.2")).unwrap();
    for (fault, name) in Fault::ALL {
        let count = expect.iter().find(|(expected, _)| *expected == fault).map_or(0, |(_, count)| *count);
        assert_eq!(report.faults[name], count, "{kind:?}: {}", report.to_text());
    }
    assert!(!report.ok && report.first_fault.is_some());
}

#[test]
fn every_workload_against_an_honest_peer() {
    for workload in ["get", "insert", "update"] {
        for in_flight in [1, 16] {
            let report = faultless(&format!("{workload} --connections 3 --in-flight {in_flight}"));
            assert_eq!((report.unit.as_str(), report.answers), ("answers", report.count));
        }
    }
    let report = faultless("fanout --connections 5 --in-flight 4");
    assert_eq!(report.unit, "pushes");
    assert!(report.answers > 0 && report.count >= report.answers, "5 subscribers: {}", report.to_text());
}

#[test]
fn records_are_reused_and_versions_go_on() {
    let address = start(None);
    for _ in 0..2 {
        for workload in ["update", "get", "fanout"] {
            let report = run_line(address, &format!("{workload} --connections 2 --token t")).unwrap();
            assert!(report.ok, "{}", report.to_text());
        }
    }
}

#[test]
fn figures_of_the_server_process() {
    let line = format!("get --connections 2 --server-pid {}", std::process::id());
    let server = faultless(&line).server.expect("the peer lives in this process");
    assert!(server.cpu_us_per_op.unwrap() > 0.0 && server.resident_bytes > 0);
}

#[test]
fn answers_larger_than_a_read() {
    let record = format!(r#"{{"text":"{}"}}"#, "x".repeat(100_000));
    faultless(&format!("get --connections 2 --in-flight 8 --record {record}"));
}

#[test]
fn each_misdeed_is_found_once() {
    let line = "update --connections 2 --in-flight 4";
    finds(line, Kind::WrongId, &[(Fault::Wrong, 1), (Fault::Missing, 1)]);
    finds(line, Kind::WrongBody, &[(Fault::Wrong, 1)]);
    finds(line, Kind::Twice, &[(Fault::Duplicated, 1)]);
    finds(line, Kind::Drop, &[(Fault::Missing, 1)]);
    finds(line, Kind::Late, &[(Fault::OutOfOrder, 1)]);
    finds("insert --connections 2", Kind::Error, &[(Fault::Error, 1)]);
    finds("fanout --connections 3", Kind::NoPush, &[(Fault::Stale, 3)]);
}

#[test]
fn a_closed_connection_is_a_fault_and_its_requests_are_missing() {
    let misdeed = Misdeed { kind: Kind::Close, at: 60 };
    let report = run_line(start(Some(misdeed)), "get --connections 2 --in-flight 4").unwrap();
    assert_eq!(report.faults["closed"], 1, "{}", report.to_text());
    assert!(report.faults["missing"] >= 1, "{}", report.to_text());
    let error = run_line(start(Some(misdeed)), "get --connections 1").unwrap_err();
    assert!(error.to_string().contains("all connections have ended"), "{error}");
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = run_line(address, "get --connections 1").unwrap_err();
    assert!(matches!(&error, RunError::Server(text) if text.contains("refused")), "{error}");
}

/// Runs the program; returns its exit code and what it printed.
fn program(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_noex-loadtest")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn exit_codes_and_output() {
    let short = ["--connections", "2", "--duration", "0.1", "--warmup", "0", "--patience", "0.2"];
    let against = |misdeed, more: &[&str]| {
        let url = format!("ws://{}/", start(misdeed));
        program(&[&["insert", "--url", &url], &short[..], more].concat())
    };
    let (code, out, _) = against(None, &[]);
    assert_eq!(code, 0);
    assert!(out.lines().next().unwrap().contains(" ops/s   p99 "), "{out}");
    let (code, out, _) = against(Some(Misdeed { kind: Kind::Twice, at: 3 }), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["faults"]["duplicated"]), (1, &1.into()), "{out}");

    for (arguments, expect) in [
        (&["fly"][..], "unrecognized subcommand"),
        (&["get", "--connections", "0"], "at least 1"),
        (&["get", "--server-pid", "4294967295"], "--server-pid 4294967295"),
        (&["get", "--core", "9999"], "--core 9999"),
    ] {
        let (code, _, error) = program(arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(error.contains(expect), "{error}");
    }
    let (code, out, _) = program(&["fanout", "--help"]);
    assert_eq!(code, 0);
    assert!(out.contains("--query") && out.contains("--server-pid"), "{out}");
}

#[test]
fn files_are_written_and_compared() {
    let directory = std::env::temp_dir().join(noex_loadtest::machine::unique_name("noex-loadtest"));
    std::fs::create_dir(&directory).unwrap();
    let file = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (json, csv, svg) = (file("a.json"), file("a.csv"), file("a.svg"));
    let url = format!("ws://{}/", start(None));
    let files = ["--json", &json, "--csv", &csv, "--plot", &svg];
    let short = ["get", "--url", &url, "--connections", "2", "--duration", "0.2", "--warmup", "0"];
    let (code, out, error) = program(&[&short[..], &files].concat());
    assert_eq!(code, 0, "{error}");
    assert!(out.contains(" ops/s   p99 "), "{out}");
    assert!(std::fs::read_to_string(&csv).unwrap().lines().count() > 1);
    assert!(std::fs::read_to_string(&svg).unwrap().contains("<polyline"));
    let (code, out, error) = program(&["compare", &json, &json]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("ops/s") && out.contains("1.000"), "{out}");
    for bad in [csv, file("nothing")] {
        let (code, _, error) = program(&["compare", &json, &bad]);
        assert!(code == 2 && error.contains(&bad), "{error}");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn several_processes_are_one_run() {
    let run = |misdeed, line: &str| {
        let url = format!("ws://{}/", start(misdeed));
        let fixed = ["--url", &url, "--duration", "0.3", "--warmup", "0.05", "--patience", "0.3", "--json"];
        program(&line.split(' ').chain(fixed).collect::<Vec<_>>())
    };
    let (code, out, error) = run(None, "update --connections 5 --processes 2 --in-flight 2");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    assert_eq!((code, &json["connections"], &json["ok"]), (0, &5.into(), &true.into()), "{out}");
    assert!(json["count"].as_u64() > Some(0) && json["latencyUs"]["p50"].as_f64() > Some(0.0), "{out}");
    assert!(json["latencyCounts"].is_null(), "{out}");
    let misdeed = Misdeed { kind: Kind::Twice, at: 60 };
    let (code, out, _) = run(Some(misdeed), "update --connections 2 --processes 2");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["faults"]["duplicated"]), (1, &1.into()), "{out}");
    let (code, _, error) = run(None, "fanout --processes 2");
    assert!(code == 2 && error.contains("need one process"), "{error}");
    let (code, _, error) = run(None, "get --processes 2 --bucket b --core 9999");
    assert!(code != 0 && error.contains("--core 9999"), "{error}");
}

/// tungstenite accepts our handshake and frames, and we accept its.
#[test]
fn independent_server() {
    use tungstenite::Message;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(Message::text(r#"{"type":"welcome","version":"1.0.0"}"#)).unwrap();
        let mut answered = 0u64;
        while let Ok(message) = socket.read() {
            let Message::Text(text) = message else { continue };
            let request: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&request["type"], &request["bucket"]), (&"store.insert".into(), &"products".into()));
            assert_eq!(request["data"]["stock"], 25);
            answered += 1;
            // Unusual order and spaces, a heartbeat and a WebSocket ping: all legal.
            let answer =
                format!(r#"{{"type": "result", "data": {{"_version": 1}}, "id": {}}}"#, request["id"]);
            socket.send(Message::text(answer)).unwrap();
            if answered == 5 {
                socket.send(Message::Ping("p".into())).unwrap();
                socket.send(Message::text(r#"{"type":"ping","timestamp":1706745630000}"#)).unwrap();
                let (mut pong, mut heartbeat) = (false, false);
                while !(pong && heartbeat) {
                    match socket.read().unwrap() {
                        Message::Pong(payload) => pong = &payload[..] == b"p",
                        Message::Text(text) if text.contains("pong") => {
                            assert_eq!(text.as_str(), r#"{"type":"pong","timestamp":1706745630000}"#);
                            heartbeat = true;
                        }
                        // The request in flight; it stays unanswered until both pongs are in.
                        Message::Text(text) => {
                            let request: serde_json::Value = serde_json::from_str(&text).unwrap();
                            let answer = format!(
                                r#"{{"id":{},"type":"result","data":{{"_version":1}}}}"#,
                                request["id"]
                            );
                            socket.send(Message::text(answer)).unwrap();
                        }
                        _ => {}
                    }
                }
            }
        }
        answered
    });
    let report = run_line(address, "insert --connections 1").unwrap();
    assert!(report.ok, "{}", report.to_text());
    assert!(server.join().unwrap() > 5);
}
