//! One connection in the driver's loop: its socket, its window, its role.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use crate::session::{MASK, Parts, Session, close_text, excerpt, pong};
use crate::socket::Socket;
use crate::tally::{Fault, Tally};
use crate::window::{Place, Window};
use crate::wire::frame::{self, Opcode};
use crate::wire::inbox::{Inbox, Incoming};
use crate::wire::message::{self, Message};
use crate::workload::{Moment, Role, Verdict};

/// What one read takes at most, in bytes.
const SCRATCH_BYTES: usize = 256 * 1024;

/// What all lanes of a driver share.
#[derive(Debug)]
pub struct Shared {
    /// What the run counts.
    pub tally: Tally,
    /// Lanes that may have something to send because of what another one received.
    pub wake: Vec<usize>,
    start: Instant,
    /// Requests that each sending lane keeps in flight, or has in flight at most in an open loop.
    in_flight: usize,
    /// Requests are sent when they are due, not when answers come.
    open_loop: bool,
    scratch: Vec<u8>,
    out: Vec<u8>,
}

impl Shared {
    /// Counts on in `tally`; time starts now.
    pub fn new(tally: Tally, in_flight: usize, open_loop: bool) -> Self {
        Self {
            tally,
            wake: Vec::new(),
            start: Instant::now(),
            in_flight,
            open_loop,
            scratch: vec![0; SCRATCH_BYTES],
            out: Vec::new(),
        }
    }

    /// Nanoseconds since the start.
    pub fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }
}

/// A connection with its role.
#[derive(Debug)]
pub struct Lane {
    socket: Socket,
    conversation: Conversation,
    inbox: Inbox,
    /// Reads nothing yet.
    stalled: bool,
}

/// What a lane knows about its requests; apart from the socket, so that messages are handled while the
/// inbox is borrowed.
#[derive(Debug)]
struct Conversation {
    window: Window,
    role: Box<dyn Role>,
    /// Open loop: when the requests that are not sent yet were due.
    due: VecDeque<u64>,
    /// Why the server ended the connection.
    end: Option<String>,
}

impl Lane {
    /// Takes over a prepared session.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn new(session: Session, role: Box<dyn Role>, shared: &mut Shared) -> io::Result<Self> {
        let Parts { stream, inbox, backlog, next_id } = session.into_parts();
        let window = Window::new(next_id);
        let mut lane = Self {
            socket: Socket::new(stream)?,
            stalled: role.stalls(),
            conversation: Conversation { window, role, due: VecDeque::new(), end: None },
            inbox,
        };
        let now = shared.now();
        shared.out.clear();
        for text in backlog {
            lane.conversation.text(&text, now, &mut shared.tally, &mut shared.wake, &mut shared.out);
        }
        lane.socket.send(&shared.out)?;
        Ok(lane)
    }

    /// Requests without an answer, sent or due.
    pub fn waiting(&self) -> usize {
        self.conversation.window.waiting() + self.conversation.due.len()
    }

    /// Requests that are due and not sent.
    pub fn behind(&self) -> usize {
        self.conversation.due.len()
    }

    /// What the lane waits for: bytes to read, room to write.
    pub fn interest(&self) -> (bool, bool) {
        (!self.stalled, self.socket.has_unsent())
    }

    /// Whether it ever sends by itself.
    pub fn sends(&self) -> bool {
        self.conversation.role.wants(0, 1) > 0
    }

    /// Whether what this lane saw last is the final state.
    pub fn settled(&self) -> bool {
        self.conversation.role.settled()
    }

    /// Begins to read, if it did not.
    pub fn resume(&mut self) {
        self.stalled = false;
    }

    /// Notes a request that was due at `due`; [`Lane::fill`] sends it.
    pub fn schedule(&mut self, due: u64) {
        self.conversation.due.push_back(due);
    }

    /// Sends as many requests as are missing to the number in flight, in one write.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn fill(&mut self, shared: &mut Shared) -> io::Result<()> {
        shared.out.clear();
        self.refill(shared);
        if shared.out.is_empty() { Ok(()) } else { self.socket.send(&shared.out) }
    }

    /// Reads once, handles what came, and sends the requests that replace the answered ones if `refill`.
    ///
    /// # Errors
    /// The connection has ended, or the server breaks RFC 6455.
    pub fn on_readable(&mut self, shared: &mut Shared, refill: bool) -> io::Result<()> {
        let Some(length) = self.socket.read(&mut shared.scratch)? else { return Ok(()) };
        let now = shared.now();
        shared.out.clear();
        let conversation = &mut self.conversation;
        let (tally, wake, out) = (&mut shared.tally, &mut shared.wake, &mut shared.out);
        let fed = self.inbox.feed(&shared.scratch[..length], |incoming| match incoming {
            Incoming::Text(text) => conversation.text(text, now, tally, wake, out),
            Incoming::Ping(payload) => frame::append(out, Opcode::Pong, Some(MASK), payload),
            Incoming::Close(payload) => conversation.end = Some(close_text(payload)),
            Incoming::Binary => tally.fault(Fault::Wrong, 1, || "binary message from the server".to_owned()),
        });
        fed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        if let Some(text) = self.conversation.end.take() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        if refill {
            self.refill(shared);
        }
        if shared.out.is_empty() { Ok(()) } else { self.socket.send(&shared.out) }
    }

    /// Sends what the kernel did not take before.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn on_writable(&mut self) -> io::Result<()> {
        self.socket.flush()
    }

    /// Appends the missing requests to `shared.out`.
    fn refill(&mut self, shared: &mut Shared) {
        let Conversation { window, role, due, .. } = &mut self.conversation;
        let wanted = role.wants(window.waiting(), shared.in_flight);
        if wanted == 0 {
            return;
        }
        // One clock reading for all requests of a write: they leave together.
        let now = shared.now();
        for _ in 0..wanted {
            let since = match shared.open_loop {
                false => now,
                true => match due.pop_front() {
                    Some(due) => due,
                    None => return,
                },
            };
            role.request(window.send(since), since, &mut shared.out);
        }
    }
}

impl Conversation {
    /// Handles a text message that was read at `now`; what must be replied at once goes to `out`.
    fn text(&mut self, text: &[u8], now: u64, tally: &mut Tally, wake: &mut Vec<usize>, out: &mut Vec<u8>) {
        match message::read(text) {
            Message::Result { id, data } => {
                let Some(latency) = self.place(id, now, tally, text) else { return };
                if self.role.answer(id, data, &mut Moment::new(now, wake)) {
                    tally.answer(latency);
                } else {
                    tally.fault(Fault::Wrong, 1, || format!("wrong answer: {}", excerpt(text)));
                }
            }
            Message::Error { id } => {
                if self.place(id, now, tally, text).is_some() {
                    self.role.refused(id);
                }
                tally.fault(Fault::Error, 1, || format!("error answer: {}", excerpt(text)));
            }
            Message::Push { channel, subscription, data } => {
                let moment = &mut Moment::new(now, wake);
                let (fault, what) = match self.role.push(channel, subscription, data, moment) {
                    Verdict::Right { latency_ns, conflated } => return tally.push(latency_ns, conflated),
                    Verdict::Wrong => (Fault::Wrong, "wrong push"),
                    Verdict::Duplicated => (Fault::Duplicated, "push without news"),
                    Verdict::OutOfOrder => (Fault::OutOfOrder, "push of an older state"),
                };
                tally.fault(fault, 1, || format!("{what}: {}", excerpt(text)));
            }
            Message::Ping { timestamp } => frame::append(out, Opcode::Text, Some(MASK), &pong(timestamp)),
            Message::Notice => {}
            Message::Invalid => {
                tally.fault(Fault::Wrong, 1, || format!("unexpected message: {}", excerpt(text)));
            }
        }
    }

    /// Checks an answer's id; its latency if it was waited for.
    fn place(&mut self, id: u64, now: u64, tally: &mut Tally, text: &[u8]) -> Option<u64> {
        match self.window.answer(id, now) {
            Place::InOrder(latency) => Some(latency),
            Place::Late(latency) => {
                tally.fault(Fault::OutOfOrder, 1, || format!("out of order: {}", excerpt(text)));
                Some(latency)
            }
            Place::Duplicate => {
                tally.fault(Fault::Duplicated, 1, || format!("answered twice: {}", excerpt(text)));
                None
            }
            Place::Unknown => {
                tally.fault(Fault::Wrong, 1, || format!("answer to no request: {}", excerpt(text)));
                None
            }
        }
    }
}

impl AsFd for Lane {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
