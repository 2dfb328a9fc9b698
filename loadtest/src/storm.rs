//! `connect-storm`: many connections are opened at once, welcomed, and closed, again and again.
//!
//! This is the one workload without lanes: a connection lives only until its welcome.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::args::{Options, WorkloadArgs};
use crate::dial::Dialer;
use crate::driver::Load;
use crate::poll::{Poll, Ready};
use crate::session::{close_text, excerpt};
use crate::tally::{Counted, Fault, Tally};
use crate::wire::handshake;
use crate::wire::inbox::{Inbox, Incoming};
use crate::wire::message::{self, Message};

/// What one read takes at most, in bytes: head and welcome are far smaller.
const SCRATCH_BYTES: usize = 16 * 1024;

/// Connections that are being opened, each in a slot.
#[derive(Debug)]
pub struct Storm {
    dialer: Dialer,
    request: Vec<u8>,
    poll: Poll,
    ready: Vec<Ready>,
    slots: Vec<Option<Attempt>>,
    /// Attempts so far; their number decides which address they come from.
    attempts: usize,
    tally: Tally,
    scratch: Vec<u8>,
    patience: Duration,
}

/// A connection on its way to the welcome.
#[derive(Debug)]
struct Attempt {
    stream: TcpStream,
    since: Instant,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    /// What has arrived of the answer's head.
    Upgrading(Vec<u8>),
    AwaitingWelcome(Inbox),
}

impl Storm {
    /// Nothing is opened yet; `--connections` will be at once.
    ///
    /// # Errors
    /// The system refuses the epoll set.
    pub fn new(args: &WorkloadArgs, dialer: Dialer) -> io::Result<Self> {
        let options: &Options = args.options();
        Ok(Self {
            dialer,
            request: handshake::request(&options.url).into_bytes(),
            poll: Poll::new()?,
            ready: Vec::new(),
            slots: (0..options.connections).map(|_| None).collect(),
            attempts: 0,
            tally: Tally::new(Counted::Connections),
            scratch: vec![0; SCRATCH_BYTES],
            patience: options.patience,
        })
    }

    /// Waits for those that are still on their way; who is not welcomed is counted as missing.
    ///
    /// # Errors
    /// The wait itself failed.
    pub fn drain(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + self.patience;
        while self.slots.iter().any(Option::is_some) && Instant::now() < deadline {
            self.turn(deadline.saturating_duration_since(Instant::now()), false)?;
        }
        let missing = self.slots.iter().flatten().count() as u64;
        self.tally.fault(Fault::Missing, missing, || format!("{missing} connections were not welcomed"));
        Ok(())
    }

    fn turn(&mut self, timeout: Duration, refill: bool) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(&mut ready, Some(timeout))?;
        for event in &ready {
            let Some(mut attempt) = self.slots[event.mark].take() else { continue };
            match attempt.go_on(&self.request, &mut self.scratch) {
                Ok(Progress::Wait) => {
                    if matches!(attempt.phase, Phase::Upgrading(_)) && event.writable {
                        self.poll.rewatch(&attempt.stream, event.mark, true, false)?;
                    }
                    self.slots[event.mark] = Some(attempt);
                    continue;
                }
                Ok(Progress::Welcomed) => {
                    let latency = attempt.since.elapsed().as_nanos();
                    self.tally.connection(u64::try_from(latency).unwrap_or(u64::MAX));
                }
                Err(error) => self.tally.fault(Fault::Closed, 1, || format!("not welcomed: {error}")),
            }
            if refill {
                self.begin(event.mark)?;
            }
        }
        self.ready = ready;
        Ok(())
    }

    /// Opens the next connection in a slot.
    fn begin(&mut self, slot: usize) -> io::Result<()> {
        let stream = self.dialer.begin(self.attempts)?;
        self.attempts += 1;
        self.poll.watch(&stream, slot, false)?;
        self.poll.rewatch(&stream, slot, false, true)?;
        self.slots[slot] = Some(Attempt { stream, since: Instant::now(), phase: Phase::Connecting });
        Ok(())
    }
}

impl Load for Storm {
    fn run_for(&mut self, duration: Duration) -> io::Result<Duration> {
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_none() {
                self.begin(slot)?;
            }
        }
        let start = Instant::now();
        loop {
            let elapsed = start.elapsed();
            if elapsed >= duration {
                return Ok(elapsed);
            }
            self.turn(duration - elapsed, true)?;
        }
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }
}

/// What came of a step.
enum Progress {
    Wait,
    Welcomed,
}

impl Attempt {
    /// Does what the socket allows.
    fn go_on(&mut self, request: &[u8], scratch: &mut [u8]) -> io::Result<Progress> {
        if matches!(self.phase, Phase::Connecting) {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            // A fresh socket takes a request of a few hundred bytes at once.
            self.stream.write_all(request)?;
            self.phase = Phase::Upgrading(Vec::new());
            return Ok(Progress::Wait);
        }
        let length = match self.stream.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(Progress::Wait);
            }
            Err(error) => return Err(error),
        };
        self.received(&scratch[..length])
    }

    fn received(&mut self, bytes: &[u8]) -> io::Result<Progress> {
        match &mut self.phase {
            Phase::Connecting => Ok(Progress::Wait),
            Phase::Upgrading(head) => {
                head.extend_from_slice(bytes);
                let Some(end) = handshake::parse_answer(head).map_err(io::Error::other)? else {
                    return Ok(Progress::Wait);
                };
                // The welcome may stand in the same segment.
                let rest = head[end..].to_vec();
                let mut inbox = Inbox::default();
                let progress = welcome(&mut inbox, &rest);
                self.phase = Phase::AwaitingWelcome(inbox);
                progress
            }
            Phase::AwaitingWelcome(inbox) => welcome(inbox, bytes),
        }
    }
}

/// Looks for the welcome (P-26).
fn welcome(inbox: &mut Inbox, bytes: &[u8]) -> io::Result<Progress> {
    let mut outcome = Ok(Progress::Wait);
    let fed = inbox.feed(bytes, |incoming| {
        outcome = match incoming {
            Incoming::Text(text) if message::read(text) == Message::Notice => Ok(Progress::Welcomed),
            Incoming::Text(text) => Err(io::Error::other(format!("no welcome: {}", excerpt(text)))),
            Incoming::Close(payload) => Err(io::Error::other(close_text(payload))),
            _ => return,
        };
    });
    fed.map_err(|error| io::Error::other(error.to_string()))?;
    outcome
}
