//! The server as its embedder sees it: start, port, stop.

use super::clock::Clock;
use super::core_loop::{self, Start};
use super::mesh::{Address, Mailbox, Outgoing, Parcel, mesh};
use super::program::{Ask, Listener};
use super::tuning::Tuning;
use super::watch::{Events, Results};
use super::{listener, runtime, sys};
use crate::base::fault::{Code, Fault};
use crate::base::ids::{CoreId, ListenerId};
use crate::base::limits::EVENT_LISTENERS_MAX;
use crate::node::{EventPattern, Node, QueryDefinition, Settings, Shared};
use crossbeam_channel::{Receiver, RecvError, Sender, bounded, unbounded};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// The finer points.
    pub tuning: Tuning,
}

/// A running server. It runs on if it is dropped; [`Server::stop`] ends it.
pub struct Server {
    address: SocketAddr,
    cores: Vec<Address>,
    stopped: Receiver<CoreId>,
    /// Numbers those who listen to events; one handle for each, and this one.
    listeners: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts a server; every core serves when this returns.
    ///
    /// # Errors
    /// When the address cannot be bound or the system refuses a thread, a descriptor or a
    /// driver; nothing is left behind (P-183).
    pub fn start(settings: &Settings, options: &Options) -> io::Result<Self> {
        let options = Options { shards: options.shards.max(1), ..options.clone() };
        let listeners = listener::bind(options.address, usize::from(options.shards), &options.tuning)?;
        let address = listeners[0].local_addr()?;
        let (cores, mailboxes) = mesh(usize::from(options.shards))?;
        let (stopped_sender, stopped) = unbounded();
        let (started_sender, started) = unbounded();
        let blueprint = Blueprint {
            settings: settings.clone(),
            tuning: options.tuning,
            shared: Arc::new(Shared::new(settings, seed_u64()?)),
            clock: Clock::new(),
            addresses: cores.clone(),
            started: started_sender,
            stopped: stopped_sender,
        };
        let threads = Vec::with_capacity(listeners.len());
        let mut server = Self { address, cores, stopped, listeners: Arc::default(), threads };
        let places = listeners.into_iter().zip(mailboxes);
        let mut outcome = server.spawn(&blueprint, options.pin_cores, places);
        drop(blueprint);
        for _ in 0..server.threads.len() {
            // A thread says how it went before it ends, or the process ends.
            outcome = outcome.and(started.recv().unwrap_or_else(|error| Err(io::Error::other(error))));
        }
        match outcome {
            Ok(()) => Ok(server),
            Err(error) => {
                server.leave();
                Err(error)
            }
        }
    }

    /// Starts the threads, one per listener and mailbox.
    fn spawn(
        &mut self,
        blueprint: &Blueprint,
        pin_cores: bool,
        places: impl Iterator<Item = (TcpListener, Mailbox)>,
    ) -> io::Result<()> {
        let processors = sys::available_cores();
        for ((number, place), processor) in (0..).zip(places).zip(processors_for_ever(&processors)) {
            let id = CoreId(number);
            let seed = sys::random_seed()?;
            let blueprint = blueprint.clone();
            let processor = processor.filter(|_| pin_cores);
            let main = move || {
                // Without one of its cores a server is wrong, and nobody would notice.
                let ended = catch_unwind(AssertUnwindSafe(|| blueprint.run(id, seed, processor, place)));
                if ended.is_err() {
                    tracing::error!(core = %id, "a core has ended by a panic: ending the process");
                    std::process::abort();
                }
            };
            self.threads.push(Builder::new().name(format!("noex-{number}")).spawn(main)?);
        }
        Ok(())
    }

    /// Where the server listens, with the real port (P-2).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what a client could ask for in one request, past authentication, and returns the
    /// result's `data` (S-208). `request` is as on the wire, `id` included. Waits for the answer.
    ///
    /// Requests that concern a connection, subscriptions among them, are refused.
    ///
    /// # Errors
    /// Those of the operation, as a client would see them (S-209).
    pub fn request(&self, request: &str) -> Result<String, Fault> {
        let data = self.ask(|answer| Ask::Request(request.to_owned(), answer))??;
        Ok(String::from_utf8(data).expect("JSON is UTF-8"))
    }

    /// Subscribes to a query, past authentication (S-134, S-208). `request` is a `store.subscribe`
    /// as on the wire, `id` included. Waits for the first result, which is there then.
    ///
    /// # Errors
    /// Those of the operation, as a client would see them.
    pub fn subscribe(&self, request: &str) -> Result<Results, Fault> {
        let (number, results) = self.ask(|answer| Ask::Subscribe(request.to_owned(), answer))??;
        Ok(Results::new(number, self.cores[0].clone(), results))
    }

    /// Listens to the store events whose topic matches the pattern: to every change that is
    /// committed after this has returned (S-204…S-206). `bucket.orders.inserted`,
    /// `bucket.*.deleted`, `*`.
    ///
    /// # Errors
    /// `RATE_LIMITED` if [`EVENT_LISTENERS_MAX`] listen already; or if the server has stopped.
    pub fn events(&self, pattern: &str) -> Result<Events, Fault> {
        if Arc::strong_count(&self.listeners) > EVENT_LISTENERS_MAX {
            let message = format!("Listener limit reached (max {EVENT_LISTENERS_MAX})");
            return Err(Fault::new(Code::RateLimited, message));
        }
        let (queue, events) = unbounded(); // bounded where events are put in
        let missed = Arc::new(AtomicU64::new(0));
        let id = ListenerId(self.listeners.fetch_add(1, Ordering::Relaxed));
        let listener =
            Listener { id, pattern: EventPattern::new(pattern), queue, missed: Arc::clone(&missed) };
        let (heard, hears) = bounded(self.cores.len());
        for core in &self.cores {
            core.send(Parcel::Ask(Ask::Listen(listener.clone(), heard.clone())));
        }
        drop((heard, listener));
        let events = Events::new(id, self.cores.clone(), events, missed, Arc::clone(&self.listeners));
        for _ in &self.cores {
            hears.recv().map_err(over)?;
        }
        Ok(events)
    }

    /// Defines a query that is a function of this program: it builds a plan from a subscriber's
    /// parameters (S-123, S-125, K-3). Clients may be connected.
    ///
    /// # Errors
    /// `ALREADY_EXISTS` (S-124), `RATE_LIMITED` if there are too many.
    pub fn define_query(&self, name: &str, query: QueryDefinition) -> Result<(), Fault> {
        self.ask(|answer| Ask::DefineQuery(name.into(), query, answer))?.map(drop)
    }

    /// Removes the records that have expired and says how many they were, also if
    /// [`Settings::expires`] is off (S-191). What an undecided transaction relies on stays.
    ///
    /// # Errors
    /// If the server has stopped.
    pub fn expire(&self) -> Result<u64, Fault> {
        let mut removed = 0;
        loop {
            let count = String::from_utf8(self.ask(Ask::Expire)??).expect("digits");
            match count.parse::<u64>().expect("a count") {
                0 => return Ok(removed),
                count => removed += count,
            }
        }
    }

    /// Returns when every change committed before the call has been told to all who watch it:
    /// each push is with its connection, whether or not the network has taken it (S-207).
    ///
    /// # Errors
    /// If the server has stopped.
    pub fn settle(&self) -> Result<(), Fault> {
        while self.ask(Ask::Settle)?? != b"true" {}
        Ok(())
    }

    /// Asks the first core, and waits for the answer.
    fn ask<A>(&self, ask: impl FnOnce(Sender<A>) -> Ask) -> Result<A, Fault> {
        let (answer, answered) = bounded(1);
        self.cores[0].send(Parcel::Ask(ask(answer)));
        answered.recv().map_err(over)
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
        self.leave();
    }

    /// Ends the threads.
    fn leave(&mut self) {
        for core in &self.cores {
            core.send(Parcel::Exit);
        }
        for thread in self.threads.drain(..) {
            // A panic has ended the process already.
            let _ = thread.join();
        }
    }
}

fn over(_: RecvError) -> Fault {
    Fault::new(Code::InternalError, "The server has stopped")
}

/// What all cores are made from.
#[derive(Clone)]
struct Blueprint {
    settings: Settings,
    tuning: Tuning,
    shared: Arc<Shared>,
    clock: Clock,
    addresses: Vec<Address>,
    started: Sender<io::Result<()>>,
    stopped: Sender<CoreId>,
}

impl Blueprint {
    /// A core's thread.
    fn run(
        self,
        id: CoreId,
        seed: [u8; 32],
        processor: Option<usize>,
        (listener, mailbox): (TcpListener, Mailbox),
    ) {
        if let Some(processor) = processor
            && let Err(error) = sys::pin_to(processor)
        {
            tracing::warn!(core = %id, processor, %error, "not pinned");
        }
        let Self { settings, tuning, shared, clock, addresses, started, stopped } = self;
        let cores = u16::try_from(addresses.len()).expect("shards are counted in 16 bits");
        // The node is made here: what it shares within the core never leaves the thread.
        let node = Node::new(id, cores, Rc::new(settings), shared, seed);
        let outgoing = Outgoing::new(id, addresses);
        let start =
            Start { node, id, tuning, mailbox, outgoing, clock, listener, started: started.clone(), stopped };
        if let Err(error) = runtime::run(id, tuning.ring_entries, || core_loop::run(start)) {
            // Nobody listens only if the server has failed to start elsewhere.
            let _ = started.send(Err(error));
        }
    }
}

/// Keys the tables that all cores share.
fn seed_u64() -> io::Result<u64> {
    let [a, b, c, d, e, f, g, h, ..] = sys::random_seed()?;
    Ok(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// Processors for any number of threads, in turns; `None` if none is known.
fn processors_for_ever(processors: &[usize]) -> impl Iterator<Item = Option<usize>> {
    let known = processors.iter().copied().map(Some).cycle();
    known.chain(std::iter::repeat(None))
}
