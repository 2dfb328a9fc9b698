//! The listening sockets: one per core on the same port, shared out by the kernel.

use super::sys;
use super::tuning::Tuning;
use monoio::net::TcpStream;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{self, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

/// Connections that the kernel keeps until they are accepted; it caps this by
/// `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;

/// Binds one listener per core to the address; port 0 takes a free one for all of them (P-2).
///
/// # Errors
/// When the address is taken, also by another server that shares ports: the first bind
/// is exclusive.
pub(super) fn bind(address: SocketAddr, cores: usize, tuning: &Tuning) -> io::Result<Vec<TcpListener>> {
    let exclusive = socket(address, false)?;
    let address = local(&exclusive)?;
    drop(exclusive);
    let listener = |_| {
        let listener = socket(address, true)?;
        // Accepted sockets inherit both; the kernel doubles them for its own bookkeeping.
        let set = |bytes: u32, set: fn(&Socket, usize) -> io::Result<()>| match bytes {
            0 => Ok(()),
            bytes => set(&listener, bytes as usize),
        };
        set(tuning.send_buffer_bytes, Socket::set_send_buffer_size)?;
        set(tuning.receive_buffer_bytes, Socket::set_recv_buffer_size)?;
        listener.listen(BACKLOG)?;
        Ok(TcpListener::from(listener))
    };
    (0..cores).map(listener).collect()
}

/// A listening socket within its core. What is waited for is that there is somebody; accepting
/// itself never waits, so that no connection can be lost in an operation that is given up.
pub(super) struct Listener {
    socket: TcpListener,
    /// A second descriptor of it, in the only monoio type whose `readable` works with both drivers.
    event: TcpStream,
}

impl Listener {
    pub(super) fn new(socket: TcpListener) -> io::Result<Self> {
        let event = OwnedFd::from(socket.try_clone()?);
        Ok(Self { socket, event: TcpStream::from_std(event.into())? })
    }

    /// Takes the next connection; `WouldBlock` = nobody is there.
    pub(super) fn accept(&self) -> io::Result<(net::TcpStream, SocketAddr)> {
        self.socket.accept()
    }

    /// Waits until somebody may be there, or the listener has been shut down.
    pub(super) async fn readable(&self) {
        // What is wrong with the socket is said by `accept`.
        let _ = self.event.readable(false).await;
    }

    /// Nobody is accepted any more; who waits for somebody goes on.
    pub(super) fn shutdown(&self) {
        sys::shutdown(&self.socket, libc::SHUT_RDWR);
    }
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an internet address"))
}

#[cfg(test)]
mod tests {
    use super::{Tuning, bind};

    #[test]
    fn a_port_is_ours_alone() {
        // P-2, P-183
        let listeners = bind("127.0.0.1:0".parse().unwrap(), 3, &Tuning::default()).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert_ne!(address.port(), 0);
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
        assert_eq!(bind(address, 1, &Tuning::default()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
}
