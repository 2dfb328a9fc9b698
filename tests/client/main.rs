//! Behaviour in the client's language, on an in-memory server of 1, 2 and 5 cores.

#![allow(dead_code, reason = "tests/sim uses the rest of what they share")]

#[path = "../sim/client.rs"]
mod client;
#[path = "../sim/cluster.rs"]
mod cluster;
#[path = "../sim/exposition.rs"]
mod exposition;
#[path = "../sim/random.rs"]
mod random;
#[path = "../sim/script.rs"]
mod script;
#[path = "../sim/shop.rs"]
mod shop;

mod admin;
mod auth;
mod bounds;
mod clock;
mod common;
mod composites;
mod connection;
mod dependencies;
mod embedded;
mod envelope;
mod events;
mod expiry;
mod explain;
mod heartbeat;
mod http;
mod introspection;
mod lifecycle;
mod limits;
mod metrics;
mod ordering;
mod program;
mod queries;
mod ratelimit;
mod reads;
mod registry;
mod routing;
mod rules;
mod schema;
mod setups;
mod shutdown;
mod store;
mod subscriptions;
mod transactions;
mod vectors;
mod walkthrough;
mod writes;

use client::Client;
use cluster::{Cluster, Schedule};
use noex_server::node::{Census, Settings, ShardCensus};
use script::Stage;

/// The sizes of servers on which everything is tried.
pub(crate) const CORES: [u16; 3] = [1, 2, 5];

/// Plays the same script on servers of 1, 2 and 5 cores, with the named clients on different ones.
pub(crate) fn play(settings: fn(u16) -> Settings, clients: &[&str], script: &str) {
    play_with(settings, clients, |stage| stage.play(script));
}

/// The same for what is more than a script.
pub(crate) fn play_with(settings: fn(u16) -> Settings, clients: &[&str], act: impl Fn(&mut Stage)) {
    for cores in CORES {
        let mut stage = Stage::new(prompt(&settings(cores), cores));
        for (at, name) in clients.iter().enumerate() {
            stage.enter(name, at % usize::from(cores));
        }
        act(&mut stage);
        stage.leave();
        assert_nothing_left(&stage.cluster);
    }
}

/// A server on which everything happens at once.
pub(crate) fn prompt(settings: &Settings, cores: u16) -> Cluster {
    Cluster::new(settings, cores, Schedule::Prompt, 1)
}

/// Sends one message and returns the text of the one that comes back; empty if none does.
pub(crate) fn ask(cluster: &mut Cluster, client: &Client, text: &str) -> String {
    let before = cluster.links[client.link].to_client.len();
    client.send(cluster, text);
    cluster.settle();
    let bytes = &cluster.links[client.link].to_client[before..];
    if bytes.is_empty() {
        return String::new();
    }
    let (head, len) = match bytes[1] {
        126 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        127 => (10, bytes.len() - 10),
        short => (2, usize::from(short)),
    };
    assert_eq!(bytes.len(), head + len, "one message comes back");
    String::from_utf8(bytes[head..].to_vec()).expect("the server sends UTF-8")
}

/// Everybody has left: no session, lock, waiter, live query or pattern is kept, on any core.
pub(crate) fn assert_nothing_left(cluster: &Cluster) {
    for census in cluster.census() {
        let shard = ShardCensus { records: census.shard.records, ..ShardCensus::default() };
        assert_eq!(census, Census { shard, ..Census::default() });
    }
}
