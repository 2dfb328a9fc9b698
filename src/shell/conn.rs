//! One socket: bytes in, chunks out, no protocol.
//!
//! An idle connection owns no buffer: it waits for readability, and what is there is
//! read into the core's one scratch buffer. A write exists as a future only while it is
//! in flight.

use super::core_loop::CoreLoop;
use super::stream::{Batch, Stream};
use crate::base::ids::ConnId;
use crate::base::limits::{CONN_BYTES_MAX, CONN_TASK_BYTES_MAX};
use crate::node::{Chunk, Input};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A connection as the core sees it.
pub(super) struct Conn {
    id: ConnId,
    stream: Stream,
    out: RefCell<VecDeque<Chunk>>,
    waker: Cell<Option<Waker>>,
    /// The task is being polled, and looks into the queue before it sleeps.
    is_polled: Cell<bool>,
    /// No more is read until the node says so.
    is_paused: Cell<bool>,
    /// No more is read until another core's inbox has room.
    is_held_back: Cell<bool>,
    /// Our direction ends when everything is out.
    is_finishing: Cell<bool>,
    /// It is over, whatever is unsent or unread.
    is_cut: Cell<bool>,
}

impl Conn {
    pub(super) fn new(id: ConnId, stream: Stream) -> Self {
        Self {
            id,
            stream,
            out: RefCell::new(VecDeque::new()),
            waker: Cell::new(None),
            is_polled: Cell::new(false),
            is_paused: Cell::new(false),
            is_held_back: Cell::new(false),
            is_finishing: Cell::new(false),
            is_cut: Cell::new(false),
        }
    }

    pub(super) fn id(&self) -> ConnId {
        self.id
    }

    /// Queues a chunk; it leaves when the connection's task runs, or behind what it is writing.
    pub(super) fn send(&self, chunk: Chunk) {
        self.out.borrow_mut().push_back(chunk);
        if !self.is_polled.get() && !self.stream.is_writing() {
            self.wake();
        }
    }

    /// Stops or resumes reading.
    pub(super) fn pause(&self, is_paused: bool) {
        self.is_paused.set(is_paused);
        self.wake();
    }

    /// Stops reading until [`Conn::release`]. True = it was not stopped before.
    pub(super) fn hold_back(&self) -> bool {
        !self.is_held_back.replace(true)
    }

    /// The other cores have room again.
    pub(super) fn release(&self) {
        self.is_held_back.set(false);
        self.wake();
    }

    /// What is written next. As a rule that is the queue itself with its buffer: a connection that
    /// has nothing to write owns none.
    fn next_chunks(&self) -> Vec<Chunk> {
        let mut out = self.out.borrow_mut();
        if out.len() <= Batch::CHUNKS_MAX {
            std::mem::take(&mut *out).into()
        } else {
            out.drain(..Batch::CHUNKS_MAX).collect()
        }
    }

    /// Ends our direction behind what is queued.
    pub(super) fn finish(&self) {
        self.is_finishing.set(true);
        self.wake();
    }

    /// Ends the connection: whatever is in flight returns.
    pub(super) fn cut(&self) {
        self.is_cut.set(true);
        self.stream.shutdown(libc::SHUT_RDWR);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Nobody will read what is queued. What is being written goes on.
    pub(super) fn discard(&self) {
        *self.out.borrow_mut() = VecDeque::new();
    }
}

// A hundred thousand idle connections have one each.
const _: () = assert!(size_of::<Conn>() <= CONN_BYTES_MAX);
const _: () = assert!(future_bytes(serve) <= CONN_TASK_BYTES_MAX);

const fn future_bytes<A, B, F: Future>(_: fn(A, B) -> F) -> usize {
    size_of::<F>()
}

/// What the task of a connection has to see to.
enum Event {
    Readable,
    End,
}

/// A connection's task between two reads.
struct Serving {
    core: Rc<CoreLoop>,
    conn: Rc<Conn>,
    /// Exists only while a write is in flight.
    write: Option<Pin<Box<dyn Future<Output = io::Result<()>>>>>,
    peer_has_ended: bool,
    /// Writing has failed: what the peer has sent before is still read (P-165).
    peer_is_deaf: bool,
}

/// Serves a connection until its socket is done. A panic ends this connection only (P-169).
pub(super) async fn serve(core: Rc<CoreLoop>, conn: Rc<Conn>) {
    let id = conn.id;
    let stream = Rc::clone(&conn);
    let mut serving = Serving { core, conn, write: None, peer_has_ended: false, peer_is_deaf: false };
    loop {
        let mut readable = pin!(stream.stream.readable());
        let event = poll_fn(|cx| {
            fenced(id, || serving.poll(readable.as_mut(), cx)).unwrap_or(Poll::Ready(Event::End))
        });
        match event.await {
            Event::Readable if fenced(id, || serving.read()).is_some_and(|read| read.is_ok()) => {}
            Event::Readable | Event::End => return,
        }
    }
}

/// Does something for a connection. `None` = it panicked, which is a fault of ours and logged.
fn fenced<T>(id: ConnId, act: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(act));
    if done.is_err() {
        tracing::error!(conn = ?id, "a panic while serving a connection: closing it");
    }
    done.ok()
}

impl Serving {
    /// Reads and writes at the same time: a client that is slow to read is still heard.
    fn poll(&mut self, readable: Pin<&mut impl Future>, cx: &mut Context<'_>) -> Poll<Event> {
        self.conn.is_polled.set(true);
        if self.conn.is_cut.get() {
            return Poll::Ready(Event::End);
        }
        self.write(cx);
        if self.write.is_none() {
            if self.peer_has_ended {
                return Poll::Ready(Event::End);
            }
            if self.conn.is_finishing.replace(false) {
                self.conn.stream.shutdown(libc::SHUT_WR);
            }
        }
        // From a peer that takes nothing any more there is only an end to come, which must be seen
        // even if it is not to be read from.
        let is_paused = self.conn.is_paused.get() && !self.peer_is_deaf;
        let reads = !self.peer_has_ended && !is_paused && !self.core.holds_back(&self.conn);
        if reads && readable.poll(cx).is_ready() {
            return Poll::Ready(Event::Readable);
        }
        let waker = self.conn.waker.take().filter(|waker| waker.will_wake(cx.waker()));
        self.conn.waker.set(Some(waker.unwrap_or_else(|| cx.waker().clone())));
        self.conn.is_polled.set(false);
        Poll::Pending
    }

    /// Writes what is queued as far as it goes at present.
    fn write(&mut self, cx: &mut Context<'_>) {
        while !self.peer_is_deaf && (self.write.is_some() || !self.conn.out.borrow().is_empty()) {
            let (core, conn) = (&self.core, &self.conn);
            let write = self.write.get_or_insert_with(|| Box::pin(flush(Rc::clone(core), Rc::clone(conn))));
            let Poll::Ready(result) = write.as_mut().poll(cx) else { return };
            self.write = None;
            if result.is_err() {
                self.peer_is_deaf = true;
                // Reading goes on up to the end of what has arrived, and no further.
                self.conn.stream.shutdown(libc::SHUT_RDWR);
            }
        }
        if self.peer_is_deaf {
            self.conn.discard();
        }
    }

    fn read(&mut self) -> io::Result<()> {
        match self.core.receive(self.conn.id, &self.conn.stream) {
            Ok(0) => self.peer_has_ended = true,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Writes everything queued, a batch at a time, and tells the node how much is out.
async fn flush(core: Rc<CoreLoop>, conn: Rc<Conn>) -> io::Result<()> {
    loop {
        let chunks = conn.next_chunks();
        if chunks.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new(chunks);
        loop {
            let (result, back) = conn.stream.write(batch).await;
            batch = back;
            let written = result?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            core.drive(Input::Sent(conn.id, written));
            if batch.advance(written) {
                break;
            }
        }
        core.recycle(batch.into_chunks());
    }
}

#[cfg(test)]
mod tests {
    use super::fenced;
    use crate::base::ids::ConnId;

    const ID: ConnId = ConnId { slot: 7, generation: 1 };

    #[test]
    fn a_panic_stays_in_its_connection() {
        // P-169
        assert_eq!(fenced(ID, || 1), Some(1));
        assert_eq!(fenced(ID, || -> i32 { panic!("a fault of ours") }), None);
    }
}
