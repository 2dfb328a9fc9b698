//! One socket: bytes in, chunks out, no protocol.
//!
//! An idle connection owns no buffer: it waits for readability, and what is there is
//! read into the core's one scratch buffer. A write exists as a future only while it is
//! in flight.

use super::core_loop::CoreLoop;
use super::stream::{Batch, Stream};
use crate::base::ids::ConnId;
use crate::node::{Chunk, Input};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A connection as the core sees it.
pub(super) struct Conn {
    id: ConnId,
    stream: Stream,
    out: RefCell<VecDeque<Chunk>>,
    waker: Cell<Option<Waker>>,
    /// No more is read until the node says so.
    is_paused: Cell<bool>,
    /// Our direction ends when everything is out.
    is_finishing: Cell<bool>,
}

impl Conn {
    pub(super) fn new(id: ConnId, stream: Stream) -> Self {
        Self {
            id,
            stream,
            out: RefCell::new(VecDeque::new()),
            waker: Cell::new(None),
            is_paused: Cell::new(false),
            is_finishing: Cell::new(false),
        }
    }

    pub(super) fn id(&self) -> ConnId {
        self.id
    }

    /// Queues a chunk; it leaves when the connection's task runs.
    pub(super) fn send(&self, chunk: Chunk) {
        self.out.borrow_mut().push_back(chunk);
        self.wake();
    }

    /// Stops or resumes reading.
    pub(super) fn pause(&self, is_paused: bool) {
        self.is_paused.set(is_paused);
        self.wake();
    }

    /// Ends our direction behind what is queued.
    pub(super) fn finish(&self) {
        self.is_finishing.set(true);
        self.wake();
    }

    /// Ends the connection: whatever is in flight returns.
    pub(super) fn cut(&self) {
        self.is_paused.set(false);
        self.stream.shutdown(libc::SHUT_RDWR);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
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
}

/// Serves a connection until its socket is done.
pub(super) async fn serve(core: Rc<CoreLoop>, conn: Rc<Conn>) {
    let mut serving = Serving { core, conn, write: None, peer_has_ended: false };
    let stream = Rc::clone(&serving.conn);
    loop {
        let mut readable = pin!(stream.stream.readable());
        match poll_fn(|cx| serving.poll(readable.as_mut(), cx)).await {
            Event::Readable if serving.read().is_ok() => {}
            Event::Readable | Event::End => return,
        }
    }
}

impl Serving {
    /// Reads and writes at the same time: a client that is slow to read is still heard.
    fn poll(&mut self, readable: Pin<&mut impl Future>, cx: &mut Context<'_>) -> Poll<Event> {
        while self.write.is_some() || !self.conn.out.borrow().is_empty() {
            let (core, conn) = (&self.core, &self.conn);
            let write = self.write.get_or_insert_with(|| Box::pin(flush(Rc::clone(core), Rc::clone(conn))));
            match write.as_mut().poll(cx) {
                Poll::Pending => break,
                Poll::Ready(Err(_)) => return Poll::Ready(Event::End),
                Poll::Ready(Ok(())) => self.write = None,
            }
        }
        if self.write.is_none() {
            if self.peer_has_ended {
                return Poll::Ready(Event::End);
            }
            if self.conn.is_finishing.replace(false) {
                self.conn.stream.shutdown(libc::SHUT_WR);
            }
        }
        let reads = !self.peer_has_ended && !self.conn.is_paused.get() && !self.core.is_congested(cx.waker());
        if reads && readable.poll(cx).is_ready() {
            return Poll::Ready(Event::Readable);
        }
        self.conn.waker.set(Some(cx.waker().clone()));
        Poll::Pending
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
        let chunks: Vec<Chunk> = {
            let mut out = conn.out.borrow_mut();
            let count = out.len().min(Batch::CHUNKS_MAX);
            out.drain(..count).collect()
        };
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
