//! A server inside another program: started, stopped, started again.

use crate::client::Client;
use crate::raw::{Raw, UPGRADE};
use crate::{Running, shop};
use noex_server::shell::{Options, Server};
use std::thread;

#[test]
fn a_stopped_server_leaves_its_port() {
    // P-170, P-183
    let settings = shop::open(2);
    let mut address = ([127, 0, 0, 1], 0).into();
    for _ in 0..3 {
        let server = Running::start_at(&settings, 2, address);
        address = server.address();
        let mut client = Client::connect(address);
        client.is_served();
        // While it runs, nobody else gets it.
        assert!(Server::start(&settings, &Options { address, shards: 2, pin_cores: false }).is_err());
        client.is_served();
        let stopping = thread::spawn(move || server.stop(0));
        assert_eq!(client.closed(), (1000, "server_shutdown".to_owned()));
        stopping.join().expect("an orderly stop");
    }
}

#[test]
fn an_upgrade_during_the_grace_period_comes_too_late() {
    // P-15 row 1, P-170 step 2
    let server = Running::start(&shop::open(1), 1);
    let mut late = Raw::connect(server.address());
    // One core accepts in order: when this client is welcome, the other one is accepted.
    let mut client = Client::connect(server.address());
    let stopping = thread::spawn(move || server.stop(60_000));
    assert_eq!(client.receive()["event"], "shutdown");
    late.send(UPGRADE);
    assert!(late.head().starts_with("HTTP/1.1 101 "));
    assert_eq!(late.closed(), (1001, "server_shutting_down".to_owned()));
    assert_eq!(late.rest(), b"");
    drop(late);
    client.is_served();
    client.leave();
    stopping.join().expect("an orderly stop");
}

#[test]
fn a_stop_does_not_wait_for_clients_that_do_not_answer() {
    // P-163, P-176: one has not said what it wants, one does not read its Close frame.
    let server = Running::start(&shop::open(2), 2);
    let silent = Raw::connect(server.address());
    let deaf = Raw::upgraded(server.address());
    Client::connect(server.address()).leave();
    server.stop(0);
    drop((silent, deaf));
}
