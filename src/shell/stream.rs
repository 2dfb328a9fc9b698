//! A client's socket as monoio needs it: read readiness and one write at a time, both in
//! flight together. The only file that implements monoio's buffer traits.
#![allow(unsafe_code)]

use crate::node::Chunk;
use monoio::buf::{IoBuf, IoVecBuf};
use monoio::io::AsyncWriteRent;
use monoio::net::UnixStream;
use std::cell::{Cell, UnsafeCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A connected socket, owned by its connection.
///
/// In monoio's type for Unix sockets, whatever it is: its operations are the same, and it is the
/// descriptor alone, where the one for TCP has room for two addresses, 72 B per connection.
pub(super) struct Stream {
    /// In a cell, because waiting for readability takes `&` and writing takes `&mut`, and both
    /// are in flight at once.
    socket: UnsafeCell<UnixStream>,
    is_writing: Cell<bool>,
}

impl Stream {
    /// Takes a socket into the core's runtime.
    ///
    /// # Errors
    /// When the driver refuses it.
    pub(super) fn new(socket: std::net::TcpStream) -> io::Result<Self> {
        // The ring waits by itself; what does not block it would not wait for.
        socket.set_nonblocking(monoio::utils::is_legacy())?;
        let socket = UnixStream::from_std(OwnedFd::from(socket).into())?;
        Ok(Self { socket: UnsafeCell::new(socket), is_writing: Cell::new(false) })
    }

    /// Waits until there is something to read, or the peer has ended. Consumes nothing: the
    /// future can be dropped.
    pub(super) async fn readable(&self) -> io::Result<()> {
        // SAFETY: `readable` polls the descriptor; it shares no state with a write in flight
        // but the reference count of the descriptor. monoio's own `Split` does the same.
        unsafe { &*self.socket.get() }.readable(false).await
    }

    /// Reads what is there without waiting.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        super::sys::receive(self.as_fd(), buffer)
    }

    /// Writes as much of the batch as the socket takes; at least one byte.
    ///
    /// # Panics
    /// If a write is in flight already: frames would interleave.
    pub(super) async fn write(&self, batch: Batch) -> (io::Result<usize>, Batch) {
        assert!(!self.is_writing.replace(true), "one write in flight per connection");
        // SAFETY: the flag makes this the only `&mut`; see `readable` for the `&` beside it.
        let socket = unsafe { &mut *self.socket.get() };
        let result = if batch.single().is_some() {
            let (written, Single(batch)) = socket.write(Single(batch)).await;
            (written, batch)
        } else {
            socket.writev(batch).await
        };
        self.is_writing.set(false);
        result
    }

    /// Whether a write is in flight.
    pub(super) fn is_writing(&self) -> bool {
        self.is_writing.get()
    }

    /// Ends a direction; operations in flight return.
    pub(super) fn shutdown(&self, how: i32) {
        super::sys::shutdown(&self.as_fd(), how);
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor stays open as long as the stream, which the result borrows;
        // reading its number touches nothing that a write changes.
        unsafe { BorrowedFd::borrow_raw((*self.socket.get()).as_raw_fd()) }
    }
}

/// Chunks on their way out, as one write.
pub(super) struct Batch {
    chunks: Vec<Chunk>,
    /// None if all is one slice.
    slices: Vec<libc::iovec>,
    /// The first slice that is not written completely; of a single one, how much is.
    at: usize,
}

impl Batch {
    /// Chunks per vectored write; more gains nothing.
    pub(super) const CHUNKS_MAX: usize = 64;

    pub(super) fn new(chunks: Vec<Chunk>) -> Self {
        if let [Chunk::Frames(_) | Chunk::Shared(_)] = *chunks {
            return Self { chunks, slices: Vec::new(), at: 0 };
        }
        let mut slices = Vec::with_capacity(chunks.len() * 3);
        let mut add = |bytes: &[u8]| {
            slices.push(libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
        };
        for chunk in &chunks {
            match chunk {
                Chunk::Frames(bytes) => add(bytes),
                Chunk::Shared(bytes) => add(bytes),
                Chunk::Push { head, body } => {
                    add(head);
                    body.pieces().into_iter().filter(|piece| !piece.is_empty()).for_each(&mut add);
                }
            }
        }
        Self { chunks, slices, at: 0 }
    }

    /// What is not written yet of a single slice.
    fn single(&self) -> Option<&[u8]> {
        match &*self.chunks {
            [Chunk::Frames(bytes)] => Some(&bytes[self.at..]),
            [Chunk::Shared(bytes)] => Some(&bytes[self.at..]),
            _ => None,
        }
    }

    /// Takes note of written bytes. True = everything is out.
    pub(super) fn advance(&mut self, mut written: usize) -> bool {
        if let Some(left) = self.single().map(<[u8]>::len) {
            self.at += written;
            return written == left;
        }
        while let Some(slice) = self.slices.get_mut(self.at) {
            if written < slice.iov_len {
                // SAFETY: stays within the slice, which `chunks` keeps alive.
                slice.iov_base = unsafe { slice.iov_base.cast::<u8>().add(written) }.cast();
                slice.iov_len -= written;
                return false;
            }
            written -= slice.iov_len;
            self.at += 1;
        }
        debug_assert_eq!(written, 0, "no more is written than there is");
        true
    }

    /// The chunks, for reuse of their buffers.
    pub(super) fn into_chunks(self) -> Vec<Chunk> {
        self.chunks
    }
}

// SAFETY: the slices point into buffers on the heap that `chunks` owns or shares and nobody
// changes; moving the batch moves neither those buffers nor the heap array of slices.
unsafe impl IoVecBuf for Batch {
    fn read_iovec_ptr(&self) -> *const libc::iovec {
        self.slices[self.at..].as_ptr()
    }

    fn read_iovec_len(&self) -> usize {
        self.slices.len() - self.at
    }
}

/// A batch of a single slice: the kernel has no vector to import, which is a tenth of a small write.
struct Single(Batch);

// SAFETY: the slice is in a buffer on the heap, see the batch.
unsafe impl IoBuf for Single {
    fn read_ptr(&self) -> *const u8 {
        self.0.single().unwrap_or_default().as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.0.single().unwrap_or_default().len()
    }
}
