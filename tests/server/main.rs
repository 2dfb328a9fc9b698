//! The whole server on real sockets: in this process, and as the program that operators run.
//!
//! The clients are an independent WebSocket implementation (`tungstenite`) and bare TCP
//! streams for what no decent client sends. Nothing here waits for time to pass: each
//! test waits, with a deadline, for what it is about.

mod abuse;
mod bad_input;
mod client;
mod crowd;
mod driver;
mod embedding;
mod life;
mod odd_content;
mod operator;
mod program;
mod raw;
mod scrape;
mod shop_flow;
mod typed;
mod volume;

#[path = "../sim/exposition.rs"]
#[allow(dead_code, reason = "tests/client uses the rest of what they share")]
mod exposition;
#[path = "../sim/shop.rs"]
mod shop;

use noex_server::node::Settings;
use noex_server::shell::{Options, Server, Tuning};
use std::net::SocketAddr;
use std::time::Duration;

/// How long anything may take before the test has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A server in this process; stopped when dropped.
pub(crate) struct Running(Option<Server>);

impl Running {
    /// On a free port of this machine.
    pub(crate) fn start(settings: &Settings, shards: u16) -> Self {
        Self::start_at(settings, shards, ([127, 0, 0, 1], 0).into())
    }

    pub(crate) fn start_at(settings: &Settings, shards: u16, address: SocketAddr) -> Self {
        let options = Options { address, shards, pin_cores: false, tuning: Tuning::default() };
        Self(Some(Server::start(settings, &options).expect("a server")))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server().address()
    }

    /// The server, for what its embedder does.
    pub(crate) fn server(&self) -> &Server {
        self.0.as_ref().expect("it runs")
    }

    /// Stops it; returns when everybody has left.
    pub(crate) fn stop(mut self, grace_period_ms: u64) {
        self.0.take().expect("it runs").stop(grace_period_ms);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            server.stop(0);
        }
    }
}
