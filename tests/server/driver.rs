//! What serving costs when there is nothing to serve, and the epoll driver.

use crate::client::Client;
use crate::operator::limited;
use crate::program::{self, Program};
use crate::raw::Raw;
use crate::shop_flow;
use std::time::Duration;

/// How long is watched.
const WHILE_IDLE: Duration = Duration::from_millis(300);

/// Ticks of 10 ms that bookkeeping of the system may attribute to an idle process.
const IDLE_TICKS_MAX: u64 = 2;

/// Asserts that the process does nothing while its clients are silent.
fn assert_idle(program: &Program, witness: &mut Client) {
    let before = program.cpu_ticks();
    witness.hears_nothing_for(WHILE_IDLE);
    let used = program.cpu_ticks() - before;
    assert!(used <= IDLE_TICKS_MAX, "{used} ticks of processor time while idle");
}

/// A hundred clients that have logged in and subscribed, and then say nothing.
fn idle_clients(program: &Program) -> Vec<Client> {
    let client = |_| {
        let mut client = Client::connect(program.address());
        client.ask(serde_json::json!({"type": "auth.login", "token": "customer-token-bob"}));
        client.ask(serde_json::json!({"type": "store.subscribe", "query": "product-catalog"}));
        client
    };
    (0..100).map(client).collect()
}

#[test]
fn idle_connections_cost_nothing() {
    // P-32
    let program = Program::start(program::shop());
    let mut clients = idle_clients(&program);
    assert_idle(&program, &mut clients[0]);
    // Nor do connections that have not said what they want.
    let silent: Vec<Raw> = (0..100).map(|_| Raw::connect(program.address())).collect();
    assert_idle(&program, &mut clients[0]);
    drop(silent);
}

#[test]
fn on_epoll() {
    let mut command = program::shop();
    command.env("MONOIO_FORCE_LEGACY_DRIVER", "1");
    let program = Program::start(command);
    program.logs("epoll");
    for _ in 0..4 {
        shop_flow::order(program.address());
    }
    let mut clients = idle_clients(&program);
    assert_idle(&program, &mut clients[0]);
    // P-198
    program.signal("TERM");
    for client in clients {
        assert_eq!(client.closed(), (1000, "server_shutdown".to_owned()));
    }
    assert_eq!(program.end().1, Some(0));
}

#[test]
fn out_of_descriptors() {
    // P-17, P-123: who is connected is served, who is not waits, and nothing spins.
    for driver in ["0", "1"] {
        let mut command = limited(64);
        if driver == "1" {
            command.env("MONOIO_FORCE_LEGACY_DRIVER", driver);
        }
        let program = Program::start(command);
        let mut first = Client::connect(program.address());
        let crowd: Vec<Raw> = (0..200).map(|_| Raw::connect(program.address())).collect();
        program.logs("not accepting until this is over");
        assert_idle(&program, &mut first);
        drop(crowd);
        Client::connect(program.address()).leave();
        program.signal("TERM");
        assert_eq!(first.closed(), (1000, "server_shutdown".to_owned()));
        assert_eq!(program.end().1, Some(0));
    }
}
