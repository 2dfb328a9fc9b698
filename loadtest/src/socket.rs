//! A non-blocking TCP stream that keeps what the kernel does not take yet.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

/// A non-blocking stream with its unsent bytes.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Socket {
    /// Makes `stream` non-blocking.
    ///
    /// # Errors
    /// The system refuses the socket options.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unsent: Vec::new() })
    }

    /// Reads once into `buffer`; `None` if nothing has arrived.
    ///
    /// # Errors
    /// The connection has ended; also when the other side ended it properly.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(Some(length)),
            Err(error) if is_transient(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends `bytes` behind what is still unsent.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        if self.unsent.is_empty() {
            written = self.write(bytes)?;
        }
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Sends what is still unsent; to be called when the socket is writable.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn flush(&mut self) -> io::Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        let written = self.write(&unsent)?;
        self.unsent = unsent;
        self.unsent.drain(..written);
        Ok(())
    }

    /// Whether [`Socket::flush`] is due once the socket is writable.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Writes until the kernel takes no more; returns how much it took.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(length) => written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn more_than_the_kernel_takes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let mut socket = Socket::new(stream).unwrap();
        assert_eq!(socket.read(&mut [0; 8]).unwrap(), None);
        let bytes: Vec<u8> = (0..32 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
        socket.send(&bytes).unwrap();
        socket.send(b"end").unwrap();
        assert!(socket.has_unsent(), "32 MiB fit no socket buffer");
        let reader = std::thread::spawn(move || {
            let mut got = vec![0; (32 << 20) + 3];
            other.read_exact(&mut got).map(|()| got)
        });
        while socket.has_unsent() {
            socket.flush().unwrap();
        }
        let got = reader.join().unwrap().unwrap();
        assert!(got[..bytes.len()] == bytes && &got[bytes.len()..] == b"end");
        drop(socket);
    }
}
