//! One core put together, still pure: its sessions and its share of the data.
//!
//! [`Node::handle`] is the only entry. It does no I/O and knows no clock; the shell
//! and the simulator drive it alike.

mod admission;
mod answer;
mod budget;
mod closing;
mod composite;
mod coordinate;
mod deadlines;
mod deliver;
mod embedded;
mod expiry;
mod explain;
mod fence;
mod figures;
mod gather;
mod heartbeat;
mod http;
mod outbox;
mod point;
mod post;
mod receive;
mod registrar;
mod registry;
mod run;
mod serve;
mod session_call;
mod settings;
mod shared;
mod stats;

// Words of the configuration, for those who make settings.
pub use crate::access::{Settings as AuthSettings, StaticToken};
pub use crate::message::{Mail, Vitals};
pub use crate::query::Definition as QueryDefinition;
pub use crate::resilience::{Heartbeat, RateLimit};
pub use crate::shard::Census as ShardCensus;
pub use crate::store::{Definition as BucketDefinition, Event, EventKind, EventPattern};
pub use crate::wire::TrustedProxies;
pub use embedded::{Call, Reply};
pub use outbox::{Chunk, Outbox, Output};
pub use settings::{Placement, Settings};
pub use shared::Shared;

use crate::access::Gate;
use crate::base::ids::{ConnId, CoreId, ListenerId};
use crate::base::json::Parser;
use crate::base::random::Random;
use crate::base::slots::Slots;
use crate::base::time::Now;
use crate::message::{Admin, Change, Leave, Traffic};
use crate::resilience::{Released, Wheel};
use crate::router::{Catalog, Placed};
use crate::session::{Hub, Session};
use crate::shard::{Posts, Shard, Told};
use crate::wire;
use closing::Closing;
use composite::Composites;
use coordinate::Coordinators;
use embedded::Embedded;
use gather::Gatherings;
use heartbeat::Hearing;
use registrar::Registrar;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::panic::RefUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

/// What can happen to a core.
pub enum Input<'a> {
    /// A client has connected.
    Accepted {
        /// Its address, as the operating system gives it (P-3).
        peer: IpAddr,
    },
    /// A client's bytes; the node takes them all and may change them in place.
    Bytes(ConnId, &'a mut [u8]),
    /// The operating system has taken so many of the connection's bytes.
    Sent(ConnId, usize),
    /// The connection's socket is gone, whoever ended it. Comes exactly once for every
    /// connection that was admitted.
    Closed(ConnId),
    /// Mail from another core.
    Posted {
        /// Which core.
        from: CoreId,
        /// What it has sent, in the order in which it posted it. Is taken out.
        mail: &'a mut Vec<Mail>,
        /// Whether another input follows at once. Then what requests change is told to those who
        /// watch together with what that one changes (S-144).
        more: bool,
    },
    /// A request of the embedding program. The number comes back with the [`Output::Reply`].
    Call(u32, Call<'a>),
    /// Somebody in the embedding program listens from now on (S-206). Every core is told.
    Listen(ListenerId, EventPattern),
    /// And no more.
    Unlisten(ListenerId),
    /// No client is read from until this comes again with `false`: another core's inbox is full.
    HeldBack(bool),
    /// Time has passed.
    Tick,
    /// Stop serving; clients get this long to leave on their own, milliseconds (P-170).
    Shutdown(u64),
}

/// One core: its connections and its data.
///
/// # The contract
///
/// The caller calls [`Node::handle`] with one input at a time and then drains the
/// outbox completely, in order, before the next call. It is not fallible: a fault of the
/// peer becomes an error answer or a close, a fault of ours is a panic, after which the
/// process must end, since the state of a core is gone.
pub struct Node {
    parser: Parser,
    core: Core,
}

/// Everything but the parser, so that a parsed message can be borrowed beside it.
struct Core {
    id: CoreId,
    settings: Rc<Settings>,
    handshake: wire::Policy,
    gate: Gate,
    catalog: Catalog,
    shared: Arc<Shared>,
    sessions: Slots<Session>,
    hub: Hub,
    shard: Shard,
    coordinators: Coordinators,
    composites: Composites,
    gatherings: Gatherings,
    registrar: Registrar,
    embedded: Embedded,
    /// Whether a tick was asked for because there is memory to free.
    frees: bool,
    /// When a tick was asked for because a record expires, monotonic milliseconds.
    expiry_at: Option<u64>,
    closing: Closing,
    /// When connections are pinged, and when their pongs are due.
    wheel: Wheel<ConnId>,
    hearing: Hearing,
    released_keys: Released,
    /// For what is to differ from client to client.
    random: Random,
    /// Inputs handled since the start.
    inputs: u64,
    traffic: Traffic,
    vitals: Box<dyn Fn() -> Vitals + RefUnwindSafe>,
    /// Bytes that the operating system has not taken, of all connections that are not given up.
    unsent_bytes: u64,
    /// Mail from this core to itself.
    local: VecDeque<Mail>,
    /// Reused by every call into the shard.
    posts: Posts,
}

/// What is left in a node, for tests: all zero when everybody has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Connections that have not ended.
    pub sessions: usize,
    /// Transactions that this core coordinates.
    pub transactions: usize,
    /// Queries that read more than once, with subscribers here.
    pub composites: usize,
    /// Questions that it has asked of every core.
    pub gatherings: usize,
    /// Changes of what exists that it makes, or that wait.
    pub changes: usize,
    /// Whether anybody on this core subscribes to anything.
    pub has_subscribers: bool,
    /// Places for subscriptions that are taken, in the whole process.
    pub active_subscriptions: u64,
    /// The data half.
    pub shard: ShardCensus,
}

impl Node {
    /// A core of a server with `cores` cores, all made from the same settings. The seed
    /// differs from core to core; the same seed and inputs give the same outputs.
    pub fn new(id: CoreId, cores: u16, settings: Rc<Settings>, shared: Arc<Shared>, seed: [u8; 32]) -> Self {
        let mut random = Random::from_seed(seed);
        let rules = settings.rules.then(|| CoreId(settings.placement.rules % cores));
        let mut catalog = Catalog::new(cores, &settings.placement.buckets, rules, random.next_u64());
        let seed = Random::from_seed(fork(&mut random));
        let mut shard = Shard::new(rules == Some(id), seed, Arc::clone(&shared.sequencer));
        for definition in &settings.buckets {
            let Placed { bucket, core } = catalog.next_bucket(definition.name());
            catalog.apply(Change::Bucket(bucket, core, Arc::new(definition.clone())));
            if core == id {
                shard.define(bucket, definition.clone());
            }
        }
        for (name, definition) in &settings.queries {
            let query = catalog.next_query();
            catalog.apply(Change::Query(query, name.as_str().into(), definition.clone()));
        }
        let handshake =
            wire::Policy { path: settings.path.clone(), allowed_origins: settings.allowed_origins.clone() };
        let Heartbeat { interval_ms, .. } = settings.heartbeat;
        let wheel = Wheel::new(interval_ms, settings.heartbeat.tick_ms());
        let core = Core {
            id,
            gate: Gate::new(settings.auth.as_ref()),
            settings,
            handshake,
            catalog,
            shared,
            sessions: Slots::default(),
            hub: Hub::new(random.next_u64()),
            shard,
            coordinators: Coordinators::default(),
            composites: Composites::new(random.next_u64()),
            gatherings: Gatherings::default(),
            registrar: Registrar::default(),
            embedded: Embedded::default(),
            frees: false,
            expiry_at: None,
            closing: Closing::default(),
            wheel,
            hearing: Hearing::default(),
            released_keys: Released::default(),
            random: Random::from_seed(fork(&mut random)),
            inputs: 0,
            traffic: Traffic::default(),
            vitals: Box::new(Vitals::default),
            unsent_bytes: 0,
            local: VecDeque::new(),
            posts: Posts::new(),
        };
        Self { parser: Parser::default(), core }
    }

    /// Says how to measure the core that this is. Asked when somebody asks for statistics, and for
    /// nothing that is decided here.
    pub fn measure_with(&mut self, vitals: impl Fn() -> Vitals + RefUnwindSafe + 'static) {
        self.core.vitals = Box::new(vitals);
    }

    /// Text by which this core's records have grown, ever, in bytes. O(1).
    pub fn grown_bytes(&self) -> u64 {
        self.core.shard.grown_bytes()
    }

    /// Handles one input. The caller drains `out` completely before the next call.
    pub fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Outbox) {
        self.core.inputs += 1;
        let mut is_deferred = false;
        match input {
            Input::Accepted { peer } => self.core.accept(peer, now, out),
            Input::Bytes(conn, bytes) => {
                self.core.traffic.bytes_received += bytes.len() as u64;
                self.receive(conn, bytes, now, out);
            }
            Input::Sent(conn, bytes) => {
                self.core.sent(conn, bytes as u64, now, out);
                if out.is_empty() && self.core.local.is_empty() && self.core.closing.is_quiet() {
                    return; // most often nothing follows from it
                }
            }
            Input::Closed(conn) => self.core.closed(conn, out),
            Input::Posted { from, mail, more } => is_deferred = self.posted(from, mail, now, out) && more,
            Input::Call(number, call) => self.call(number, call, out),
            Input::Listen(listener, pattern) => self.core.shard.listen(listener, pattern),
            Input::Unlisten(listener) => self.core.shard.unlisten(listener),
            Input::HeldBack(is_held_back) => self.core.hold_back(is_held_back, now),
            Input::Tick => {
                self.core.tick(now, out);
                self.core.expire(now, out);
                self.core.free();
            }
            Input::Shutdown(grace_period_ms) => self.core.shutdown(grace_period_ms, now, out),
        }
        if is_deferred {
            return self.core.enter_budget(out.sends_bytes());
        }
        self.conclude(now, out);
        self.core.proceed_with_stop(now, out);
        self.conclude(now, out);
        self.core.expect_expiry(now, out);
        self.core.expect_to_free(now, out);
        let sent = out.sends_bytes();
        self.core.enter_budget(sent);
        if self.core.is_over_budget() {
            self.core.make_room(now, out);
            self.conclude(now, out);
            self.core.enter_budget(out.sends_bytes() - sent);
        }
    }

    /// What is left.
    pub fn census(&self) -> Census {
        Census {
            sessions: self.core.sessions.len(),
            transactions: self.core.coordinators.len(),
            composites: self.core.composites.len(),
            gatherings: self.core.gatherings.len(),
            changes: self.core.registrar.len(),
            has_subscribers: !self.core.hub.is_empty(),
            active_subscriptions: self.core.shared.counters.active_subscriptions(),
            shard: self.core.shard.census(),
        }
    }

    /// Takes mail from another core. Whether subscribers are still to be told what it has changed.
    fn posted(&mut self, from: CoreId, mail: &mut Vec<Mail>, now: Now, out: &mut Outbox) -> bool {
        let mut is_deferred = false;
        for mail in mail.drain(..) {
            is_deferred = matches!(mail, Mail::Request(_) | Mail::Run(_));
            if is_deferred {
                self.core.mail(from, mail, now, out);
                self.settle(now, out);
            } else {
                self.conclude(now, out); // what has waited comes first
                self.core.mail(from, mail, now, out);
                self.conclude(now, out);
            }
        }
        is_deferred
    }

    /// Ends an input: works, then tells subscribers what has changed, until there is nothing more.
    fn conclude(&mut self, now: Now, out: &mut Outbox) {
        loop {
            self.settle(now, out);
            self.core.publish(out);
            self.core.evaluate_composites(out);
            self.core.begin_transactions(out);
            if self.core.local.is_empty() {
                return;
            }
        }
    }

    /// Works until nothing is left that this core can do by itself.
    fn settle(&mut self, now: Now, out: &mut Outbox) {
        loop {
            if let Some(mail) = self.core.local.pop_front() {
                let id = self.core.id;
                self.core.mail(id, mail, now, out);
            } else if let Some(conn) = self.core.closing.next_ready() {
                self.serve_backlog(conn, now, out);
            } else {
                return;
            }
        }
    }
}

impl Core {
    /// Handles mail, from another core or from this one.
    fn mail(&mut self, from: CoreId, mail: Mail, now: Now, out: &mut Outbox) {
        match mail {
            Mail::Request(request) => self.consult(out, |shard, posts| shard.request(request, now, posts)),
            Mail::Prepare(prepare) => self.consult(out, |shard, posts| shard.prepare(prepare, now, posts)),
            Mail::Decide { txn, commit } => {
                self.consult(out, |shard, posts| shard.decide(txn, commit, now, posts));
            }
            Mail::Leave(Leave::Query(live)) if self.leave_composite(live, out) => {}
            Mail::Leave(leave) => self.shard.leave(from, leave),
            Mail::Answer(answer) => self.answer(from, answer, out),
            Mail::Run(run) => self.run_for(from, run, now, out),
            Mail::Ran(run) => self.ran(run, out),
            Mail::Push(set) => self.push(from, set, now, out),
            Mail::Event { patterns, body } => self.event(&patterns, body, now, out),
            Mail::Vote(vote) => self.vote(vote, out),
            Mail::Ended(live) => {
                self.end_live(from, &live, out);
                self.end_composites(from, &live, out);
            }
            Mail::Admin(Admin::Alter(alteration)) => {
                self.consult(out, |shard, posts| shard.alter(alteration, posts));
            }
            Mail::Admin(admin) => self.admin(from, admin, out),
            Mail::Ask { number, question } => self.asked(from, number, question, now, out),
            Mail::Tell { number, share } => self.told(from, number, share, now, out),
        }
    }

    /// Tells subscribers what has changed since the last time.
    fn publish(&mut self, out: &mut Outbox) {
        self.consult(out, Shard::publish);
        for told in self.shard.told() {
            out.push(match told {
                Told::Event(listener, event) => Output::Event(listener, event),
                Told::Missed(listener, count) => Output::Missed(listener, count),
            });
        }
    }

    fn session(&mut self, conn: ConnId) -> Option<&mut Session> {
        self.sessions.get_mut(conn.slot, conn.generation)
    }
}

/// An independent seed.
fn fork(random: &mut Random) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&random.next_bytes16());
    seed[16..].copy_from_slice(&random.next_bytes16());
    seed
}
