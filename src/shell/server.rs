//! The server as its embedder sees it: start, port, stop.

use super::core_loop::{self, Start};
use super::mesh::{Address, Outgoing, Parcel, mesh};
use super::{listener, runtime, sys};
use crate::base::counters::Counters;
use crate::base::ids::CoreId;
use crate::node::{Node, Settings};
use crossbeam_channel::{Receiver, unbounded};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// How a server runs on its machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// How many cores to use, at least one.
    pub shards: u16,
    /// Whether each core's thread stays on its own processor.
    pub pin_cores: bool,
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    cores: Vec<Address>,
    stopped: Receiver<CoreId>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts a server; it listens when this returns.
    ///
    /// # Errors
    /// When the address cannot be bound or the system refuses a thread; nothing is left behind
    /// (P-183).
    pub fn start(settings: &Settings, options: &Options) -> io::Result<Self> {
        let count = usize::from(options.shards.max(1));
        let listeners = listener::bind(options.address, count)?;
        let address = listeners[0].local_addr()?;
        let (cores, mailboxes) = mesh(count)?;
        let (stopped_sender, stopped) = unbounded();
        let counters = Arc::new(Counters::default());
        let processors = sys::available_cores();
        let mut server = Self { address, cores, stopped, threads: Vec::with_capacity(count) };
        for (number, (listener, mailbox)) in listeners.into_iter().zip(mailboxes).enumerate() {
            let id = CoreId(u16::try_from(number).expect("shards are counted in 16 bits"));
            let (settings, counters) = (settings.clone(), Arc::clone(&counters));
            let seed = sys::random_seed()?;
            let (addresses, stopped) = (server.cores.clone(), stopped_sender.clone());
            let processor = options.pin_cores.then(|| processors[number % processors.len()]);
            let cores = options.shards.max(1);
            let main = move || {
                if let Some(processor) = processor
                    && let Err(error) = sys::pin_to(processor)
                {
                    tracing::warn!(core = %id, processor, %error, "not pinned");
                }
                // The node is made here: what it shares within the core never leaves the thread.
                let node = Node::new(id, cores, Rc::new(settings), counters, seed);
                let outgoing = Outgoing::new(id, addresses);
                let start = Start { node, id, mailbox, outgoing, listener, stopped };
                if let Err(error) = runtime::run(id, || core_loop::run(start)) {
                    tracing::error!(core = %id, %error, "no I/O driver: ending the process");
                    std::process::abort();
                }
            };
            server.threads.push(Builder::new().name(format!("noex-{number}")).spawn(main)?);
        }
        Ok(server)
    }

    /// Where the server listens, with the real port (P-2).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the server (P-170): no new connections; clients are told and get the grace period
    /// to leave, milliseconds; then each is closed when its last request is answered. Returns
    /// when everybody has left.
    pub fn stop(mut self, grace_period_ms: u64) {
        for core in &self.cores {
            core.send(Parcel::Shutdown(grace_period_ms));
        }
        // Cores that have no clients left still serve the others' requests: all leave together.
        for _ in 0..self.threads.len() {
            if self.stopped.recv().is_err() {
                break;
            }
        }
        for core in &self.cores {
            core.send(Parcel::Exit);
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a core's thread ended by a panic");
            }
        }
    }
}
