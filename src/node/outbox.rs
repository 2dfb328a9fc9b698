//! What a core wants from the world, in order.

use super::embedded::Reply;
use crate::base::bytes::{Body, LocalBody};
use crate::base::ids::{ConnId, CoreId, ListenerId};
use crate::base::limits::MOVED_INLINE_BYTES_MAX;
use crate::message::{Mail, Run};
use crate::store::Event;
use std::rc::Rc;

/// One effect.
#[derive(Debug)]
pub enum Output {
    /// The name of the connection just accepted: the first output of its `Accepted`.
    Admitted(ConnId),
    /// Send these bytes behind all earlier ones. Their number comes back as `Sent` when the
    /// operating system has taken them.
    Send(ConnId, Chunk),
    /// When all bytes are out, end our direction of the stream and wait for the peer's end.
    Finish(ConnId),
    /// End the connection now, whatever is still unsent.
    Drop(ConnId),
    /// Forget what is queued for the connection, whole chunks of which nothing has been sent yet.
    /// Their bytes do not come back as `Sent`.
    Discard(ConnId),
    /// Stop reading: the client has sent more than it has room for.
    Pause(ConnId),
    /// Read on.
    Resume(ConnId),
    /// Mail to another core.
    Post(CoreId, Mail),
    /// Call with `Tick` at this monotonic time at the latest, milliseconds.
    WakeAt(u64),
    /// The answer to the embedding program's request of that number.
    Reply(u32, Reply),
    /// The result of the embedding program's subscription of that number. Only the latest counts.
    Result(u32, Body),
    /// That subscription has ended with its bucket or query (S-157).
    Ended(u32),
    /// A store event, for a listener of the embedding program. Whoever carries it out does not wait
    /// for the listener.
    Event(ListenerId, Event),
    /// So many events more for that listener, at once, than it could have waiting.
    Missed(ListenerId, u64),
    /// For the log: the connection has met a fault of ours, described here, and is being closed.
    Fault(ConnId, String),
    /// After a shutdown: the last connection is gone.
    Stopped,
}

// What is larger is moved by a call, which waits: it reads in larger pieces what was just written in smaller ones.
const _: () = assert!(size_of::<Output>() <= MOVED_INLINE_BYTES_MAX);

/// A piece of a connection's stream.
#[derive(Debug)]
pub enum Chunk {
    /// Whole frames.
    Frames(Vec<u8>),
    /// One frame that many connections get as it is.
    Shared(Rc<[u8]>),
    /// One frame whose payload ends in a shared result: sent as slices, never copied.
    Push {
        /// Frame header and the beginning of the payload.
        head: Vec<u8>,
        /// The rest of the payload, with its closing brace.
        body: LocalBody,
    },
}

impl Chunk {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Frames(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
            Self::Push { head, body } => head.len() + body.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Collects the effects of one input; reuses its buffers.
#[derive(Default)]
pub struct Outbox {
    outputs: Vec<Output>,
    spare: Vec<Vec<u8>>,
    /// What they hold.
    spare_bytes: usize,
    #[expect(clippy::vec_box, reason = "they travel as boxes")]
    spare_runs: Vec<Box<Run>>,
}

impl Outbox {
    /// Takes everything out, in order. The caller drains it after every input.
    pub fn drain(&mut self) -> impl Iterator<Item = Output> {
        self.outputs.drain(..)
    }

    /// Whether nothing is left to be done.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// Gives a sent buffer back for reuse.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        /// Buffers kept for reuse; a core rarely has more connections writing at once.
        const SPARE_BUFFERS_MAX: usize = 256;
        /// Bytes of all of them.
        const SPARE_BYTES_MAX: usize = 4 * 1024 * 1024;
        /// Bytes of one of them: a read full of requests is answered within it. A larger one is
        /// freed, so that one large answer does not stay for ever.
        const BUFFER_BYTES_MAX: usize = 64 * 1024;
        let bytes = buffer.capacity();
        let has_room = self.spare.len() < SPARE_BUFFERS_MAX && self.spare_bytes + bytes <= SPARE_BYTES_MAX;
        if bytes <= BUFFER_BYTES_MAX && has_room {
            buffer.clear();
            self.spare_bytes += bytes;
            self.spare.push(buffer);
        }
    }

    /// Frees what is kept for reuse, between two inputs.
    pub fn shrink(&mut self) {
        debug_assert!(self.is_empty(), "drained after every input");
        *self = Self::default();
    }

    /// Bytes to be sent to clients.
    pub(super) fn sends_bytes(&self) -> u64 {
        let bytes = self.outputs.iter().map(|output| match output {
            Output::Send(_, chunk) => chunk.len() as u64,
            _ => 0,
        });
        bytes.sum()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let buffer = self.spare.pop().unwrap_or_default();
        self.spare_bytes -= buffer.capacity();
        buffer
    }

    /// The list that the next request of a connection for another core is appended to: consecutive ones
    /// travel together.
    pub(super) fn run(&mut self, to: CoreId, conn: ConnId) -> &mut Run {
        let joins = matches!(self.outputs.last(), Some(Output::Post(last, Mail::Run(run))) if *last == to && run.conn() == conn);
        if !joins {
            let frames = self.buffer();
            let run = match self.spare_runs.pop() {
                Some(mut run) => {
                    run.renew(conn, frames);
                    run
                }
                None => Box::new(Run::new(conn, frames)),
            };
            self.outputs.push(Output::Post(to, Mail::Run(run)));
        }
        match self.outputs.last_mut() {
            Some(Output::Post(_, Mail::Run(run))) => run,
            _ => unreachable!("just pushed"),
        }
    }

    /// Keeps a list that is done for reuse. What it still holds is freed now, on the core that has made it.
    pub(super) fn keep(&mut self, mut run: Box<Run>) {
        /// Lists kept for reuse; a core rarely has more connections that ask other cores at once.
        const SPARE_RUNS_MAX: usize = 64;
        /// Bytes that one of them may keep: a flight of requests of common size is within it.
        const RUN_BYTES_MAX: usize = 32 * 1024;
        run.renew(run.conn(), Vec::new());
        if self.spare_runs.len() < SPARE_RUNS_MAX && run.kept_bytes() <= RUN_BYTES_MAX {
            self.spare_runs.push(run);
        }
    }

    /// Sends frames that are there already.
    pub(super) fn send(&mut self, conn: ConnId, frames: Vec<u8>) {
        match self.outputs.last_mut() {
            Some(Output::Send(last, Chunk::Frames(buffer))) if *last == conn => {
                buffer.extend_from_slice(&frames);
                self.recycle(frames);
            }
            _ => self.push(Output::Send(conn, Chunk::Frames(frames))),
        }
    }

    /// The buffer that the next frame for a connection is appended to: consecutive frames
    /// for one connection leave as one piece.
    pub(super) fn frames(&mut self, conn: ConnId) -> &mut Vec<u8> {
        let joins =
            matches!(self.outputs.last(), Some(Output::Send(last, Chunk::Frames(_))) if *last == conn);
        if !joins {
            let buffer = self.buffer();
            self.outputs.push(Output::Send(conn, Chunk::Frames(buffer)));
        }
        match self.outputs.last_mut() {
            Some(Output::Send(_, Chunk::Frames(buffer))) => buffer,
            _ => unreachable!("just pushed"),
        }
    }
}
