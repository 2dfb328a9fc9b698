//! One core at work: inputs to the node, its outputs to the world.
//!
//! Each input is handled at once and its outputs are carried out before the next:
//! chunks go to their connections' queues, whose tasks write them in one piece per turn,
//! mail goes to the other cores' inboxes as one batch each, and a sleeping core is woken once per
//! input.

use super::accept;
use super::clock::Clock;
use super::conn::{self, Conn};
use super::listener::Listener;
use super::mesh::{Inbox, Mailbox, Outgoing, Parcel};
use super::program::Program;
use super::signal::Signal;
use super::stream::Stream;
use super::sys;
use super::trim::Trim;
use super::tuning::Tuning;
use crate::base::ids::{ConnId, CoreId};
use crate::base::limits::MAPPED_AHEAD_BYTES;
use crate::node::{Chunk, Input, Mail, Node, Outbox, Output};
use crossbeam_channel::Sender;
use monoio::net::TcpStream;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

/// Bytes that one read takes at most. Larger messages come in several reads.
const SCRATCH_BYTES: usize = 256 * 1024;

/// How long mail waits before a full inbox is tried again, milliseconds.
const RETRY_MS: u64 = 1;

/// Longest sleep of the timer task, milliseconds; only bounds arithmetic.
const SLEEP_MS_MAX: u64 = 60_000;

/// What a core's thread needs to begin.
pub(super) struct Start {
    pub(super) node: Node,
    pub(super) id: CoreId,
    pub(super) tuning: Tuning,
    pub(super) mailbox: Mailbox,
    pub(super) outgoing: Outgoing,
    pub(super) clock: Clock,
    pub(super) listener: std::net::TcpListener,
    /// Told once, when the core serves or cannot.
    pub(super) started: Sender<io::Result<()>>,
    /// Told once when the last connection is gone after a shutdown.
    pub(super) stopped: Sender<CoreId>,
}

/// One core, shared by its tasks.
pub(super) struct CoreLoop {
    id: CoreId,
    tuning: Tuning,
    node: RefCell<Node>,
    outbox: RefCell<Outbox>,
    conns: RefCell<Vec<Option<Rc<Conn>>>>,
    outgoing: Outgoing,
    /// Who is not read from until all of `outgoing` has moved on.
    held_back: RefCell<Vec<ConnId>>,
    clock: Clock,
    scratch: RefCell<Box<[u8]>>,
    /// Readable at any time: awaiting it lets everything else on the ring have its turn.
    always_ready: TcpStream,
    program: Program,
    /// When the node wants a tick, monotonic milliseconds.
    wake_at: Cell<Option<u64>>,
    timer: Signal,
    trim: Trim,
    /// How far the records had grown when memory was last mapped ahead for them, bytes.
    mapped_at: Cell<u64>,
    /// No new connections.
    is_stopping: Cell<bool>,
    /// The core is about to leave its thread.
    is_over: Cell<bool>,
    stopped: Sender<CoreId>,
}

/// A core's main task: returns when the server is over.
pub(super) async fn run(start: Start) {
    let started = start.started.clone();
    let (core, inbox, listener) = match CoreLoop::new(start) {
        Ok(parts) => parts,
        Err(error) => return drop(started.send(Err(error))),
    };
    // Nobody listens only if the server has failed to start elsewhere: then `Exit` comes.
    let _ = started.send(Ok(()));
    let accepting = monoio::spawn(accept::run(Rc::clone(&core), Rc::clone(&listener)));
    let timing = monoio::spawn(keep_time(Rc::clone(&core)));
    core.read_mail(&inbox, &listener).await;

    // The runtime is not dropped (see `runtime`), and what its tasks own would be neither: each
    // ends by itself, and the last turn of the ring closes the descriptors.
    core.stop_accepting(&listener);
    core.program.end();
    drop((inbox, listener));
    accepting.await;
    core.is_over.set(true);
    core.timer.raise();
    timing.await;
    drop(core);
    monoio::spawn(async {}).await;
}

impl CoreLoop {
    /// Takes the descriptors that a core needs.
    fn new(start: Start) -> io::Result<(Rc<Self>, Inbox, Rc<Listener>)> {
        let Start { mut node, id, tuning, mailbox, outgoing, clock, listener, stopped, started: _ } = start;
        let inbox = Inbox::new(mailbox)?;
        let peak = inbox.peak();
        node.measure_with(move || sys::vitals(peak.load(Ordering::Relaxed)));
        let core = Self {
            id,
            tuning,
            node: RefCell::new(node),
            outbox: RefCell::default(),
            conns: RefCell::default(),
            outgoing,
            held_back: RefCell::default(),
            clock,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into()),
            always_ready: event_stream(1)?,
            program: Program::default(),
            wake_at: Cell::new(None),
            timer: Signal::default(),
            trim: Trim::default(),
            mapped_at: Cell::default(),
            is_stopping: Cell::new(false),
            is_over: Cell::new(false),
            stopped,
        };
        Ok((Rc::new(core), inbox, Rc::new(Listener::new(listener)?)))
    }

    /// Handles one input and carries out what follows from it.
    pub(super) fn drive(&self, input: Input<'_>) -> Option<ConnId> {
        // Half-changed data must not be served on, nor outputs carried out by halves: better
        // no server than a wrong one.
        catch_unwind(AssertUnwindSafe(|| self.handle(input))).unwrap_or_else(|_| {
            tracing::error!(core = %self.id, "a core's state is lost: ending the process");
            std::process::abort();
        })
    }

    fn handle(&self, input: Input<'_>) -> Option<ConnId> {
        let mut outbox = self.outbox.borrow_mut();
        let mut node = self.node.borrow_mut();
        node.handle(input, self.clock.now(), &mut outbox);
        self.map_ahead(node.grown_bytes());
        drop(node);
        let mut admitted = None;
        for output in outbox.drain() {
            match output {
                Output::Admitted(conn) => admitted = Some(conn),
                output => self.carry_out(output),
            }
        }
        if !self.outgoing.flush() {
            self.timer.raise();
        }
        admitted
    }

    /// Maps memory for records that will come as others have: many pages at once.
    fn map_ahead(&self, grown_bytes: u64) {
        /// As long as a text is a record's other memory, about.
        const PERIOD_BYTES: u64 = MAPPED_AHEAD_BYTES as u64 / 2;
        if grown_bytes - self.mapped_at.get() >= PERIOD_BYTES {
            self.mapped_at.set(grown_bytes);
            sys::map_ahead(MAPPED_AHEAD_BYTES);
        }
    }

    /// Reads from a socket into the scratch buffer and hands it to the node.
    pub(super) fn receive(&self, conn: ConnId, stream: &Stream) -> io::Result<usize> {
        let mut scratch = self.scratch.borrow_mut();
        let bytes = stream.receive(&mut scratch)?;
        if bytes > 0 {
            self.drive(Input::Bytes(conn, &mut scratch[..bytes]));
        }
        Ok(bytes)
    }

    /// Takes buffers back that have been written.
    pub(super) fn recycle(&self, chunks: Vec<Chunk>) {
        let mut outbox = self.outbox.borrow_mut();
        for chunk in chunks {
            match chunk {
                Chunk::Frames(buffer) | Chunk::Push { head: buffer, .. } => outbox.recycle(buffer),
                Chunk::Shared(_) => {}
            }
        }
    }

    /// Whether reading from a connection has to stop because another core's inbox is full. It
    /// is released when that is over: every mail that is held back raises `timer`, so that
    /// `keep_time` looks again after this.
    pub(super) fn holds_back(&self, conn: &Conn) -> bool {
        let is_congested = self.outgoing.is_congested();
        if is_congested && conn.hold_back() {
            self.held_back.borrow_mut().push(conn.id());
        }
        is_congested
    }

    fn release(&self) {
        for conn in self.held_back.take() {
            self.with_conn(conn, Conn::release);
        }
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::Admitted(_) => unreachable!("comes with an accepted connection only"),
            Output::Send(conn, chunk) => self.with_conn(conn, |conn| conn.send(chunk)),
            Output::Finish(conn) => self.with_conn(conn, Conn::finish),
            Output::Discard(conn) => self.with_conn(conn, Conn::discard),
            Output::Drop(conn) => self.with_conn(conn, Conn::cut),
            Output::Pause(conn) => self.with_conn(conn, |conn| conn.pause(true)),
            Output::Resume(conn) => self.with_conn(conn, |conn| conn.pause(false)),
            Output::Post(to, mail) => self.outgoing.post(to, mail),
            Output::WakeAt(at_ms) => {
                if self.wake_at.get().is_none_or(|earlier| at_ms < earlier) {
                    self.wake_at.set(Some(at_ms));
                    self.timer.raise();
                }
            }
            Output::Reply(number, reply) => self.program.reply(number, reply),
            Output::Result(number, body) => self.program.result(number, body),
            Output::Ended(number) => self.program.ended(number),
            Output::Event(listener, event) => self.program.event(listener, event),
            Output::Missed(listener, count) => self.program.missed(listener, count),
            Output::Fault(conn, cause) => {
                tracing::error!(core = %self.id, ?conn, cause, "a fault of the server: closing the connection");
            }
            Output::Stopped => {
                // Nobody listens only if the server has been dropped meanwhile.
                let _ = self.stopped.send(self.id);
            }
        }
    }

    fn with_conn(&self, id: ConnId, act: impl FnOnce(&Conn)) {
        let conns = self.conns.borrow();
        let conn = conns.get(id.slot as usize).and_then(Option::as_ref).filter(|conn| conn.id() == id);
        if let Some(conn) = conn {
            act(conn);
        }
    }

    /// A client has connected.
    ///
    /// # Errors
    /// When the driver refuses its socket.
    pub(super) fn admit(self: &Rc<Self>, socket: std::net::TcpStream, peer: IpAddr) -> io::Result<()> {
        // Answers are coalesced per turn already; waiting for more would only add latency.
        let _ = socket.set_nodelay(true);
        let stream = Stream::new(socket)?;
        let id = self.drive(Input::Accepted { peer }).expect("the node names every accepted connection");
        self.trim.begun();
        let conn = Rc::new(Conn::new(id, stream));
        let slot = id.slot as usize;
        let mut conns = self.conns.borrow_mut();
        if conns.len() <= slot {
            conns.resize_with(slot + 1, || None);
        }
        conns[slot] = Some(Rc::clone(&conn));
        drop(conns);
        if self.is_stopping.get() {
            conn.cut();
        }
        monoio::spawn(host(Rc::clone(self), conn));
        Ok(())
    }

    /// A connection's socket is done.
    fn dismiss(&self, id: ConnId) {
        self.conns.borrow_mut()[id.slot as usize] = None;
        self.drive(Input::Closed(id));
        if self.trim.ended(self.clock.now().mono_ms) {
            self.timer.raise();
        }
    }

    /// Gives the memory of those who have left back to the system.
    fn give_memory_back(&self) {
        let mut conns = self.conns.borrow_mut();
        let used = conns.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        conns.truncate(used);
        conns.shrink_to_fit();
        self.outbox.borrow_mut().shrink();
        sys::trim_memory();
    }

    /// Whether an error of the listener means that it is shut down.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.get()
    }

    /// The core, for the log.
    pub(super) fn id(&self) -> CoreId {
        self.id
    }

    fn stop_accepting(&self, listener: &Listener) {
        self.is_stopping.set(true);
        listener.shutdown();
    }

    async fn read_mail(&self, inbox: &Inbox, listener: &Listener) {
        // Counts over sleeps: a sender that is just as fast would never let this task sleep.
        let turn_budget = self.tuning.turn_budget as usize;
        let mut handled = 0;
        loop {
            inbox.note_length();
            while let Some(parcel) = inbox.next() {
                match parcel {
                    Parcel::Mail(from, mut mail) => {
                        handled += mail.iter().map(Mail::weight).sum::<usize>();
                        let more = !inbox.is_empty() && handled < turn_budget;
                        self.drive(Input::Posted { from, mail: &mut mail, more });
                        self.outgoing.recycle(mail);
                    }
                    Parcel::Ask(ask) => {
                        handled += 1;
                        self.program.ask(ask, |input| {
                            self.drive(input);
                        });
                    }
                    Parcel::Shutdown(grace_period_ms) => {
                        self.stop_accepting(listener);
                        self.drive(Input::Shutdown(grace_period_ms));
                    }
                    Parcel::Exit => return,
                }
                if handled >= turn_budget {
                    handled = 0;
                    self.yield_to_ring().await;
                    inbox.note_length();
                }
            }
            if !self.look_out_for_mail(inbox).await {
                inbox.arrived().await;
            }
        }
    }

    /// Looks for mail for as long as the operator wants; whether there is some.
    async fn look_out_for_mail(&self, inbox: &Inbox) -> bool {
        let Some(limit) = NonZeroU32::new(self.tuning.spin_us) else { return false };
        let spin = self.clock.stopwatch();
        while spin.elapsed_us() < limit.get() {
            self.yield_to_ring().await;
            if !inbox.is_empty() {
                return true;
            }
        }
        false
    }

    /// Lets I/O, timers and other tasks have their turn. A task that merely wakes itself would
    /// starve them all: monoio 0.2 puts it at the front of its queue.
    pub(super) async fn yield_to_ring(&self) {
        if monoio::utils::is_legacy() {
            monoio::spawn(async {}).await;
        } else {
            let _ = self.always_ready.readable(false).await;
        }
    }
}

/// A connection's task.
async fn host(core: Rc<CoreLoop>, conn: Rc<Conn>) {
    let id = conn.id();
    conn::serve(Rc::clone(&core), conn).await;
    core.dismiss(id);
}

/// Calls the node when it wants to be called, and tries full inboxes again.
async fn keep_time(core: Rc<CoreLoop>) {
    let mut was_held = false;
    while !core.is_over.get() {
        let is_held = core.outgoing.is_congested();
        if is_held != std::mem::replace(&mut was_held, is_held) {
            core.drive(Input::HeldBack(is_held)); // P-106: unread pongs are nobody's fault
        }
        if !is_held {
            core.release();
        }
        let now_ms = core.clock.now().mono_ms;
        if core.trim.take_due(now_ms) {
            core.give_memory_back();
        }
        let wake_at = core.wake_at.get().into_iter().chain(core.trim.due_ms()).min();
        let due = wake_at.map(|at_ms| at_ms.saturating_sub(now_ms));
        match (due, is_held) {
            (Some(0), _) => {
                core.wake_at.set(None);
                core.drive(Input::Tick);
                // What it does may take longer than until the next one is due.
                core.yield_to_ring().await;
            }
            (_, true) => {
                monoio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                core.outgoing.retry();
            }
            (Some(wait_ms), false) => {
                let sleep = monoio::time::sleep(Duration::from_millis(wait_ms.min(SLEEP_MS_MAX)));
                either(sleep, core.timer.wait()).await;
            }
            (None, false) => core.timer.wait().await,
        }
    }
}

/// Waits for the first of two events; both may be waited for again.
async fn either(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => b.as_mut().poll(cx),
    })
    .await;
}

/// An eventfd in the only monoio type whose `readable` works with both drivers.
fn event_stream(initial: u32) -> io::Result<TcpStream> {
    TcpStream::from_std(sys::eventfd(initial)?.into())
}
