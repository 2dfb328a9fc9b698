//! One connection in the driver's loop: its socket, its window, its role.

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
use crate::workload::{FinalState, Role};

/// What one read takes at most, in bytes.
const SCRATCH_BYTES: usize = 256 * 1024;

/// What all lanes of a driver share.
#[derive(Debug)]
pub struct Shared {
    /// What the run counts.
    pub tally: Tally,
    start: Instant,
    /// Requests that each sending lane keeps in flight.
    in_flight: usize,
    scratch: Vec<u8>,
    out: Vec<u8>,
}

impl Shared {
    /// Nothing counted; time starts now.
    pub fn new(in_flight: usize) -> Self {
        Self {
            tally: Tally::new(),
            start: Instant::now(),
            in_flight,
            scratch: vec![0; SCRATCH_BYTES],
            out: Vec::new(),
        }
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }
}

/// A connection with its role.
#[derive(Debug)]
pub struct Lane {
    socket: Socket,
    conversation: Conversation,
    inbox: Inbox,
}

/// What a lane knows about its requests; apart from the socket, so that messages are handled while the
/// inbox is borrowed.
#[derive(Debug)]
struct Conversation {
    window: Window,
    role: Box<dyn Role>,
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
        let window = Window::new(next_id, shared.in_flight);
        let mut lane = Self {
            socket: Socket::new(stream)?,
            conversation: Conversation { window, role, end: None },
            inbox,
        };
        shared.out.clear();
        for text in backlog {
            lane.conversation.text(&text, 0, &mut shared.tally, &mut shared.out);
        }
        lane.socket.send(&shared.out)?;
        Ok(lane)
    }

    /// Requests without an answer.
    pub fn waiting(&self) -> usize {
        self.conversation.window.waiting()
    }

    /// Whether the lane waits for its socket to take more bytes.
    pub fn has_unsent(&self) -> bool {
        self.socket.has_unsent()
    }

    /// Whether what this lane saw last is the final state.
    pub fn settled(&self, state: &FinalState) -> bool {
        self.conversation.role.settled(state)
    }

    /// Sends as many requests as are missing to the number in flight, in one write.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn fill(&mut self, shared: &mut Shared) -> io::Result<()> {
        shared.out.clear();
        self.refill(shared);
        self.socket.send(&shared.out)
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
        let (tally, out) = (&mut shared.tally, &mut shared.out);
        let fed = self.inbox.feed(&shared.scratch[..length], |incoming| match incoming {
            Incoming::Text(text) => conversation.text(text, now, tally, out),
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
        let Conversation { window, role, .. } = &mut self.conversation;
        if !role.sends() || window.waiting() >= shared.in_flight {
            return;
        }
        // One clock reading for all requests of a write: they leave together.
        let now = shared.now();
        while window.waiting() < shared.in_flight {
            role.request(window.send(now), &mut shared.out);
        }
    }
}

impl Conversation {
    /// Handles a text message that was read at `now`; what must be replied at once goes to `out`.
    fn text(&mut self, text: &[u8], now: u64, tally: &mut Tally, out: &mut Vec<u8>) {
        match message::read(text) {
            Message::Result { id, data } => {
                let Some(latency) = self.place(id, now, tally, text) else { return };
                if self.role.answer(id, data) {
                    tally.answer(latency);
                } else {
                    tally.fault(Fault::Wrong, 1, || format!("wrong answer: {}", excerpt(text)));
                }
            }
            Message::Error { id } => {
                if self.place(id, now, tally, text).is_some() {
                    self.role.refused();
                }
                tally.fault(Fault::Error, 1, || format!("error answer: {}", excerpt(text)));
            }
            Message::Push { data } if self.role.push(data) => tally.push(),
            Message::Push { .. } | Message::Invalid => {
                tally.fault(Fault::Wrong, 1, || format!("unexpected message: {}", excerpt(text)));
            }
            Message::Ping { timestamp } => frame::append(out, Opcode::Text, Some(MASK), &pong(timestamp)),
            Message::Notice => {}
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
