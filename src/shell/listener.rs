//! The listening sockets: one per core on the same port, shared out by the kernel.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Connections that the kernel keeps until they are accepted; it caps this by
/// `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;

/// Binds one listener per core to the address; port 0 takes a free one for all of them (P-2).
///
/// # Errors
/// When the address is taken, also by another server that shares ports: the first bind
/// is exclusive.
pub(super) fn bind(address: SocketAddr, cores: usize) -> io::Result<Vec<TcpListener>> {
    let exclusive = socket(address, false)?;
    let address = local(&exclusive)?;
    drop(exclusive);
    (0..cores).map(|_| socket(address, true).map(TcpListener::from)).collect()
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&SockAddr::from(address))?;
    if shared {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("not an internet address"))
}

#[cfg(test)]
mod tests {
    use super::bind;

    #[test]
    fn a_port_is_ours_alone() {
        // P-2, P-183
        let listeners = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert_ne!(address.port(), 0);
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
        assert_eq!(bind(address, 1).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
}
