//! A server inside another program: started, stopped, started again.

use crate::client::Client;
use crate::raw::{Raw, UPGRADE};
use crate::{Running, shop};
use noex_server::base::fault::Code;
use noex_server::shell::{Options, Server, Tuning};
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
        assert!(
            Server::start(
                &settings,
                &Options { address, shards: 2, pin_cores: false, tuning: Tuning::default() }
            )
            .is_err()
        );
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

#[test]
fn the_program_around_the_server_asks_too() {
    // S-207, S-208, S-209
    let running = Running::start(&shop::open(2), 2);
    let server = running.server();
    let define = r#"{"id":1,"type":"store.defineBucket","name":"x","config":{"key":"k","schema":{"k":{"type":"string"}}}}"#;
    assert_eq!(server.request(define).as_deref(), Ok(r#"{"name":"x","created":true}"#));
    let again = server.request(define).expect_err("S-23");
    assert_eq!((again.code, again.message.as_str()), (Code::AlreadyExists, "Bucket \"x\" already exists"));
    assert_eq!(server.settle(), Ok(()));
    thread::scope(|scope| {
        for number in 0..4 {
            let insert =
                format!(r#"{{"id":1,"type":"store.insert","bucket":"x","data":{{"k":"{number}"}}}}"#);
            scope.spawn(move || server.request(&insert).expect("a record"));
        }
    });
    let count = r#"{"id":1,"type":"store.count","bucket":"x"}"#;
    assert_eq!(server.request(count).as_deref(), Ok("4"));
    running.stop(0);
}
