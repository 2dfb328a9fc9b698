//! Behaviour in the client's language, on an in-memory server of 1, 2 and 5 cores.

#![allow(dead_code, reason = "tests/sim uses the rest of what they share")]

#[path = "../sim/client.rs"]
mod client;
#[path = "../sim/cluster.rs"]
mod cluster;
#[path = "../sim/random.rs"]
mod random;
#[path = "../sim/script.rs"]
mod script;
#[path = "../sim/shop.rs"]
mod shop;

mod walkthrough;

use cluster::{Cluster, Schedule};
use noex_server::node::Settings;
use script::Stage;

/// Plays the same script on servers of 1, 2 and 5 cores, with the named clients on different ones.
pub(crate) fn play(settings: fn(u16) -> Settings, clients: &[&str], script: &str) {
    for cores in [1, 2, 5] {
        let cluster = Cluster::new(&settings(cores), cores, Schedule::Prompt, 1);
        let mut stage = Stage::new(cluster);
        for (at, name) in clients.iter().enumerate() {
            stage.enter(name, at % usize::from(cores));
        }
        stage.play(script);
    }
}
