//! All cores of a server on one thread under a seed: links between them and to the
//! clients are queues that the schedule empties in its own order, time is a number.

use crate::random::Seeded;
use noex_server::base::ids::{ConnId, CoreId, ListenerId};
use noex_server::base::time::Now;
use noex_server::node::{
    Census, Chunk, Event as StoreEvent, Input, Mail, Node, Outbox, Output, Reply, Settings, Shared,
};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// Wall clock at the start of every run, as in the seed documents.
pub(crate) const START_UNIX_MS: u64 = 1_706_745_600_000;

/// How events are picked.
#[derive(PartialEq)]
pub(crate) enum Schedule {
    /// Everything at once, in order of arrival: for tests of behaviour.
    Prompt,
    /// At random: bytes are cut anywhere, mail and acknowledgements take their time.
    Hostile,
    /// At random, but bytes that are under way arrive together: more requests meet in less time.
    Late,
}

/// One client's connection, both directions.
pub(crate) struct Link {
    core: usize,
    conn: ConnId,
    to_server: VecDeque<u8>,
    /// The client has ended its direction behind what is queued.
    client_ended: bool,
    /// Bytes that the server has handed over and the network has not taken.
    unsent: VecDeque<u8>,
    /// The chunks that these bytes belong to: how much is left of each, and its length.
    chunks: VecDeque<(usize, usize)>,
    /// The server ends its direction behind what is unsent.
    server_finishing: bool,
    /// Whether the network takes bytes at all; false = the client reads nothing.
    pub(crate) drains: bool,
    paused: bool,
    /// The server knows that the socket is gone.
    closed: bool,
    /// Bytes that have arrived at the client.
    pub(crate) to_client: Vec<u8>,
}

impl Link {
    /// Bytes arrive at the client.
    fn arrive(&mut self, mut count: usize) {
        self.to_client.extend(self.unsent.drain(..count));
        while count > 0 {
            let (left, _) = self.chunks.front_mut().expect("bytes belong to chunks");
            let taken = count.min(*left);
            *left -= taken;
            count -= taken;
            if *left == 0 {
                self.chunks.pop_front();
            }
        }
    }

    /// The server forgets the chunks of which nothing has been sent.
    fn discard(&mut self) {
        let begun = self.chunks.pop_front().filter(|(left, len)| left < len);
        self.unsent.truncate(begun.map_or(0, |(left, _)| left));
        self.chunks = begun.into_iter().collect();
    }
}

/// A server of several cores.
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    outboxes: Vec<Outbox>,
    /// Mail under way, by sender and receiver.
    mail: Vec<Vec<VecDeque<Mail>>>,
    wake_at: Vec<Option<u64>>,
    stopped: Vec<bool>,
    pub(crate) links: Vec<Link>,
    /// Answers to the embedding program, as they came.
    pub(crate) replies: Vec<Reply>,
    /// Results of the embedding program's subscriptions by number; `None` = it has ended.
    pub(crate) results: Vec<(u32, Option<String>)>,
    /// What its listeners were told, in order.
    pub(crate) events: Vec<(ListenerId, StoreEvent)>,
    /// Events that its listeners were told to have missed.
    pub(crate) missed: u64,
    /// Faults of the server that have come to light.
    pub(crate) faults: Vec<String>,
    pub(crate) now: Now,
    schedule: Schedule,
    pub(crate) random: Seeded,
    trace: DefaultHasher,
    pub(crate) steps: u64,
}

/// Something that can happen next.
enum Event {
    Bytes(usize),
    Mail(usize, usize),
    Drain(usize),
    Gone(usize),
}

impl Cluster {
    pub(crate) fn new(settings: &Settings, cores: u16, schedule: Schedule, seed: u64) -> Self {
        let settings = Rc::new(settings.clone());
        let shared = Arc::new(Shared::new(&settings, seed));
        let count = usize::from(cores);
        let mut random = Seeded::new(seed);
        let nodes = (0..cores).map(|core| {
            let mut node_seed = [0; 32];
            node_seed[..8].copy_from_slice(&random.next().to_le_bytes());
            Node::new(CoreId(core), cores, Rc::clone(&settings), Arc::clone(&shared), node_seed)
        });
        Self {
            nodes: nodes.collect(),
            outboxes: (0..count).map(|_| Outbox::default()).collect(),
            mail: (0..count).map(|_| (0..count).map(|_| VecDeque::new()).collect()).collect(),
            wake_at: vec![None; count],
            stopped: vec![false; count],
            links: Vec::new(),
            replies: Vec::new(),
            results: Vec::new(),
            events: Vec::new(),
            missed: 0,
            faults: Vec::new(),
            now: Now { unix_ms: START_UNIX_MS, mono_ms: 0 },
            schedule,
            random,
            trace: DefaultHasher::new(),
            steps: 0,
        }
    }

    /// A TCP connection to one core; nothing is sent yet.
    pub(crate) fn connect(&mut self, core: usize) -> usize {
        self.connect_from(core, IpAddr::from([127, 0, 0, 1]))
    }

    /// The same from a certain address.
    pub(crate) fn connect_from(&mut self, core: usize, peer: IpAddr) -> usize {
        self.links.push(Link {
            core,
            conn: ConnId { slot: u32::MAX, generation: 0 },
            to_server: VecDeque::new(),
            client_ended: false,
            unsent: VecDeque::new(),
            chunks: VecDeque::new(),
            server_finishing: false,
            drains: true,
            paused: false,
            closed: false,
            to_client: Vec::new(),
        });
        let link = self.links.len() - 1;
        self.drive(core, Input::Accepted { peer }, Some(link));
        link
    }

    pub(crate) fn send(&mut self, link: usize, bytes: &[u8]) {
        self.links[link].to_server.extend(bytes);
    }

    /// The client vanishes: what has not arrived never will.
    pub(crate) fn vanish(&mut self, link: usize) {
        self.links[link].to_server.clear();
        self.links[link].client_ended = true;
    }

    /// The client ends its direction behind what it has sent.
    pub(crate) fn end(&mut self, link: usize) {
        self.links[link].client_ended = true;
    }

    pub(crate) fn is_closed(&self, link: usize) -> bool {
        self.links[link].closed
    }

    /// The client reads so many bytes, whether or not its link drains.
    pub(crate) fn take(&mut self, link: usize, bytes: usize) {
        let count = bytes.min(self.links[link].unsent.len());
        self.links[link].arrive(count);
        let (core, conn) = (self.links[link].core, self.links[link].conn);
        self.drive(core, Input::Sent(conn, count), None);
        self.settle();
    }

    /// Bytes that the network has not taken from the server, and whether the server reads on.
    pub(crate) fn backpressure(&self, link: usize) -> (usize, bool) {
        (self.links[link].unsent.len(), !self.links[link].paused)
    }

    /// A core stops reading from its clients because others' inboxes are full, or reads on.
    pub(crate) fn hold_back(&mut self, core: usize, is_held_back: bool) {
        self.links.iter_mut().filter(|link| link.core == core).for_each(|link| link.paused = is_held_back);
        self.drive(core, Input::HeldBack(is_held_back), None);
    }

    /// Whether the server has ended its direction.
    pub(crate) fn server_has_ended(&self, link: usize) -> bool {
        let link = &self.links[link];
        link.closed || (link.server_finishing && link.unsent.is_empty())
    }

    pub(crate) fn shutdown(&mut self, grace_period_ms: u64) {
        for core in 0..self.nodes.len() {
            self.drive(core, Input::Shutdown(grace_period_ms), None);
        }
    }

    pub(crate) fn all_stopped(&self) -> bool {
        self.stopped.iter().all(|stopped| *stopped)
    }

    pub(crate) fn census(&self) -> Vec<Census> {
        self.nodes.iter().map(Node::census).collect()
    }

    /// A digest of everything that happened, in order.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }

    /// Lets everything happen that can without time passing.
    pub(crate) fn settle(&mut self) {
        let limit = self.steps + 5_000_000;
        while self.step() {
            assert!(self.steps < limit, "the cluster does not come to rest");
        }
    }

    /// Between which cores mail is under way, as (sender, receiver).
    pub(crate) fn mail_under_way(&self) -> impl Iterator<Item = (usize, usize)> {
        let links = (0..self.mail.len()).flat_map(|from| (0..self.mail.len()).map(move |to| (from, to)));
        links.filter(|(from, to)| !self.mail[*from][*to].is_empty())
    }

    /// Delivers the oldest mail from one core to another.
    pub(crate) fn deliver_mail(&mut self, from: usize, to: usize) {
        self.deliver_batch((from, to), 1, false);
    }

    /// Delivers so many of them together; another input may follow.
    pub(crate) fn deliver_batch(&mut self, (from, to): (usize, usize), count: usize, more: bool) {
        let mail = &mut self.mail[from][to].drain(..count).collect();
        let from = CoreId(u16::try_from(from).expect("few cores"));
        self.drive(to, Input::Posted { from, mail, more }, None);
    }

    /// Lets everything happen between clients and their cores; mail stays under way.
    pub(crate) fn settle_links(&mut self) {
        loop {
            let mut events = Vec::new();
            self.possible_on_links(&mut events);
            let Some(event) = events.pop() else { return };
            self.happen(event, false);
        }
    }

    /// How many cores there are.
    pub(crate) fn cores(&self) -> usize {
        self.nodes.len()
    }

    /// Lets time pass, then everything that follows from it.
    pub(crate) fn advance(&mut self, by_ms: u64) {
        self.settle();
        self.advance_before_reading(by_ms);
    }

    /// The same, but what clients have sent before is read only afterwards: the cores were busy.
    pub(crate) fn advance_before_reading(&mut self, by_ms: u64) {
        self.tick(by_ms);
        self.settle();
    }

    /// Lets time pass, and nothing else happen than what cores do by themselves.
    pub(crate) fn tick(&mut self, by_ms: u64) {
        self.now.unix_ms += by_ms;
        self.now.mono_ms += by_ms;
        for core in 0..self.nodes.len() {
            if self.wake_at[core].is_some_and(|at| at <= self.now.mono_ms) {
                self.wake_at[core] = None;
                self.drive(core, Input::Tick, None);
            }
        }
    }

    /// One event. False = nothing can happen.
    pub(crate) fn step(&mut self) -> bool {
        let mut events = self.possible();
        if events.is_empty() {
            return false;
        }
        self.steps += 1;
        let is_prompt = self.schedule == Schedule::Prompt;
        let pick = if is_prompt { 0 } else { self.random.below(events.len()) };
        self.happen(events.swap_remove(pick), !is_prompt);
        true
    }

    fn happen(&mut self, event: Event, may_wait: bool) {
        match event {
            Event::Bytes(link) => self.deliver(link),
            Event::Mail(from, to) => {
                let others = self.mail_under_way().filter(|link| link.1 == to).count() > 1;
                let more = may_wait && others && self.random.below(2) == 0;
                let is_batch = may_wait && self.random.below(8) == 0; // often would leave less to chance
                self.deliver_batch((from, to), if is_batch { self.mail[from][to].len() } else { 1 }, more);
            }
            Event::Drain(link) => self.drain(link),
            Event::Gone(link) => {
                self.links[link].closed = true;
                let (core, conn) = (self.links[link].core, self.links[link].conn);
                self.drive(core, Input::Closed(conn), None);
            }
        }
    }

    fn possible(&self) -> Vec<Event> {
        let mut events: Vec<Event> = self.mail_under_way().map(|(from, to)| Event::Mail(from, to)).collect();
        self.possible_on_links(&mut events);
        events
    }

    fn possible_on_links(&self, events: &mut Vec<Event>) {
        for (at, link) in self.links.iter().enumerate().filter(|(_, link)| !link.closed) {
            if !link.to_server.is_empty() && !link.paused {
                events.push(Event::Bytes(at));
            } else if link.client_ended && !link.paused {
                events.push(Event::Gone(at));
            }
            if !link.unsent.is_empty() && link.drains {
                events.push(Event::Drain(at));
            }
        }
    }

    fn amount(&mut self, available: usize) -> usize {
        match self.schedule {
            Schedule::Prompt | Schedule::Late => available,
            // Mostly small pieces, sometimes everything.
            Schedule::Hostile if self.random.below(4) == 0 => available,
            Schedule::Hostile => 1 + self.random.below(available.min(40)),
        }
    }

    fn deliver(&mut self, at: usize) {
        let count = self.amount(self.links[at].to_server.len());
        let mut bytes: Vec<u8> = self.links[at].to_server.drain(..count).collect();
        let (core, conn) = (self.links[at].core, self.links[at].conn);
        self.drive(core, Input::Bytes(conn, &mut bytes), None);
    }

    fn drain(&mut self, at: usize) {
        let count = self.amount(self.links[at].unsent.len());
        let link = &mut self.links[at];
        link.arrive(count);
        let (core, conn) = (link.core, link.conn);
        self.drive(core, Input::Sent(conn, count), None);
    }

    pub(crate) fn drive(&mut self, core: usize, input: Input<'_>, accepted: Option<usize>) {
        let mut outbox = std::mem::take(&mut self.outboxes[core]);
        self.nodes[core].handle(input, self.now, &mut outbox);
        (self.steps, core).hash(&mut self.trace);
        for output in outbox.drain() {
            self.note(&output);
            self.carry_out(core, output, accepted);
        }
        self.outboxes[core] = outbox;
    }

    fn note(&mut self, output: &Output) {
        match output {
            Output::Send(conn, Chunk::Frames(bytes)) => (conn, bytes).hash(&mut self.trace),
            Output::Send(conn, Chunk::Shared(bytes)) => (conn, bytes).hash(&mut self.trace),
            Output::Send(conn, Chunk::Push { head, body }) => {
                (conn, head, body.pieces()).hash(&mut self.trace);
            }
            other => format!("{other:?}").hash(&mut self.trace),
        }
    }

    fn carry_out(&mut self, core: usize, output: Output, accepted: Option<usize>) {
        let find = |links: &mut Vec<Link>, conn: ConnId| {
            links.iter().position(|link| link.core == core && link.conn == conn && !link.closed)
        };
        match output {
            Output::Admitted(conn) => self.links[accepted.expect("a connect")].conn = conn,
            Output::Send(conn, chunk) => {
                if let Some(at) = find(&mut self.links, conn) {
                    let len = chunk.len();
                    self.links[at].chunks.push_back((len, len));
                    let unsent = &mut self.links[at].unsent;
                    match chunk {
                        Chunk::Frames(bytes) => unsent.extend(bytes),
                        Chunk::Shared(bytes) => unsent.extend(bytes.iter()),
                        Chunk::Push { head, body } => {
                            unsent.extend(head);
                            unsent.extend(body.pieces().concat());
                        }
                    }
                }
            }
            Output::Finish(conn) => {
                if let Some(at) = find(&mut self.links, conn) {
                    self.links[at].server_finishing = true;
                }
            }
            Output::Discard(conn) => {
                if let Some(at) = find(&mut self.links, conn) {
                    self.links[at].discard();
                }
            }
            Output::Drop(conn) => {
                if let Some(at) = find(&mut self.links, conn) {
                    self.vanish(at);
                    self.links[at].paused = false;
                }
            }
            Output::Pause(conn) | Output::Resume(conn) => {
                let paused = matches!(output, Output::Pause(_));
                if let Some(at) = find(&mut self.links, conn) {
                    self.links[at].paused = paused;
                }
            }
            Output::Post(to, mail) => self.mail[core][to.index()].push_back(mail),
            Output::WakeAt(at) => {
                let earlier = self.wake_at[core].map_or(at, |known| known.min(at));
                self.wake_at[core] = Some(earlier);
            }
            Output::Reply(_, reply) => self.replies.push(reply),
            Output::Result(number, body) => {
                let text = String::from_utf8(body.json().into_owned()).expect("JSON");
                self.results.push((number, Some(text)));
            }
            Output::Ended(number) => self.results.push((number, None)),
            Output::Event(listener, event) => self.events.push((listener, event)),
            Output::Missed(_, count) => self.missed += count,
            Output::Fault(_, cause) => self.faults.push(cause),
            Output::Stopped => self.stopped[core] = true,
        }
    }
}
