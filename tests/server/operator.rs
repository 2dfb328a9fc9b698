//! What an operator sees: banner, signals, exit status, errors at start.

use crate::client::Client;
use crate::program::{self, Program, SHOP};
use crate::shop_flow;
use serde_json::json;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

/// The text of `--version`.
const VERSION: &str = concat!("noex-server v", env!("CARGO_PKG_VERSION"));

#[test]
fn a_day_of_the_shop() {
    for signal in ["TERM", "INT"] {
        let program = Program::start(program::shop());
        // P-197, P-2
        let port = program.address().port();
        assert_ne!(port, 0);
        let url = format!("  URL:          ws://127.0.0.1:{port}");
        let banner = [
            VERSION,
            &url,
            "  Persistence:  memory",
            "  Auth:         token",
            "  Rules:        enabled",
            "  Audit:        disabled",
            "  Error details: exposed",
            "  Origins:      any",
            "  Max conn/IP:  unlimited",
        ];
        assert_eq!(program.banner, banner);
        shop_flow::order(program.address());

        // P-198, P-161, P-172: no grace period, no system message.
        let client = Client::connect(program.address());
        program.signal(signal);
        assert_eq!(client.closed(), (1000, "server_shutdown".to_owned()));
        assert_eq!(program.end(), (vec![String::new(), "Shutting down...".to_owned()], Some(0)));
    }
}

#[test]
fn a_grace_period_is_announced_served_and_ends_early() {
    let mut command = program::shop();
    command.args(["--grace-period", "60000"]);
    let program = Program::start(command);
    let address = program.address();
    let (mut first, mut second) = (Client::connect(address), Client::connect(address));
    program.signal("TERM");
    for client in [&mut first, &mut second] {
        // P-170 step 3
        let message = client.receive();
        let retry_after_ms = message["retryAfterMs"].as_u64().expect("when to come back");
        assert!((60_000..61_000).contains(&retry_after_ms), "{retry_after_ms}");
        let expected = json!({"type": "system", "event": "shutdown", "gracePeriodMs": 60_000, "retryAfterMs": retry_after_ms});
        assert_eq!(message, expected);
    }
    // P-170 step 2: no new connections. Both have been told, so both cores know.
    while TcpStream::connect(address).is_ok() {}
    // P-171: both are served, pushes included.
    for client in [&mut first, &mut second] {
        client.ask(json!({"type": "auth.login", "token": "admin-token"}));
    }
    first.ask(json!({"type": "rules.subscribe", "pattern": "*"}));
    second.ask(json!({"type": "rules.emit", "topic": "still", "data": {}}));
    assert_eq!(first.push()["data"]["topic"], "still");
    // P-173: long before the grace period is over.
    first.leave();
    second.is_served();
    second.leave();
    assert_eq!(program.end().1, Some(0));
}

// Beyond P-198, which has further signals ignored: a second one ends the program at once.
#[test]
fn a_second_signal_does_not_wait() {
    for second in ["TERM", "INT"] {
        let mut command = program::shop();
        command.args(["--grace-period", "60000"]);
        let program = Program::start(command);
        let mut client = Client::connect(program.address());
        program.signal("TERM");
        assert_eq!(client.receive()["event"], "shutdown");
        program.signal(second);
        assert_eq!(program.end().1, Some(0));
    }
}

#[test]
fn a_grace_period_that_nobody_needs_or_heeds() {
    // P-172: nobody is there.
    let mut command = program::shop();
    command.args(["--grace-period", "60000"]);
    let program = Program::start(command);
    program.signal("TERM");
    assert_eq!(program.end().1, Some(0));
    // P-170 step 4: somebody stays.
    let mut command = program::shop();
    command.args(["--grace-period", "200"]);
    let program = Program::start(command);
    let mut client = Client::connect(program.address());
    program.signal("TERM");
    assert_eq!(client.receive()["gracePeriodMs"], 200);
    assert_eq!(client.closed(), (1000, "server_shutdown".to_owned()));
    assert_eq!(program.end().1, Some(0));
}

#[test]
fn nobody_reads_the_output() {
    // P-198: clients are told to leave even if nobody reads what the program prints.
    let program = Program::start_and_stop_reading(program::shop());
    let client = Client::connect(program.address());
    assert_eq!(program.stdout_line(), None);
    program.signal("TERM");
    assert_eq!(client.closed(), (1000, "server_shutdown".to_owned()));
    assert_eq!(program.end().1, Some(0));
}

#[test]
fn a_port_that_is_taken() {
    // P-194, P-183
    let fails = |port: u16| {
        let output = program::run(&["--config", SHOP, "--shards", "2", "--port", &port.to_string()]);
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()), "{stderr}");
        assert!(stderr.starts_with("Fatal: "), "{stderr}");
    };
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a free port");
    fails(stranger.local_addr().expect("an address").port());
    // A second instance must not share the port, although the cores of one do.
    let program = Program::start(program::shop());
    fails(program.address().port());
    Client::connect(program.address()).leave();
}

#[test]
fn a_restart_on_the_same_port() {
    // Connections that linger in the system do not keep the port from the next instance.
    let first = Program::start(program::shop());
    let address = first.address();
    let client = Client::connect(address);
    first.signal("TERM");
    client.closed();
    assert_eq!(first.end().1, Some(0));
    let mut command = program::shop();
    command.args(["--port", &address.port().to_string()]);
    let second = Program::start(command);
    assert_eq!(second.address(), address);
    Client::connect(address).leave();
}

#[test]
fn options_that_only_print() {
    // P-188, P-194
    let help = program::run(&["--help"]);
    assert_eq!((help.status.code(), help.stderr.is_empty()), (Some(0), true));
    assert!(String::from_utf8(help.stdout).expect("UTF-8").contains("--max-payload-bytes"));
    let version = program::run(&["--version"]);
    assert_eq!((version.status.code(), version.stdout), (Some(0), format!("{VERSION}\n").into_bytes()));
    let bad = program::run(&["--prot", "1"]);
    let lines =
        "Error: unexpected argument '--prot' found\nRun \"noex-server --help\" for usage information.\n";
    assert_eq!((bad.status.code(), String::from_utf8(bad.stderr).as_deref()), (Some(1), Ok(lines)));
    assert!(bad.stdout.is_empty());
}

/// The shop under a limit of open files.
pub(crate) fn limited(descriptors: u32) -> Command {
    let shop = program::shop();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]);
    command.arg(shop.get_program()).args(shop.get_args());
    command
}

#[test]
fn too_few_descriptors_to_start() {
    // P-183, P-194: whichever descriptor is missing, the program says so and ends.
    for descriptors in 4..13 {
        let output = limited(descriptors).output().expect("a program");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{descriptors}: {stderr}");
        assert!(stderr.contains("Fatal: "), "{descriptors}: {stderr}");
    }
}
