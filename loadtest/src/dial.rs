//! Connecting: to which address, and from which.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

use crate::args::Options;

/// Connections from one address to one server, at most: the kernel's default range has 28,232 ports, some of
/// which others use.
const PORTS_PER_SOURCE: usize = 25_000;

/// What a slow reader's machine holds unread, in bytes; the kernel doubles it.
const NARROW_BUFFER_BYTES: usize = 16 * 1024;

/// Knows where the connections go and where they come from.
#[derive(Clone, Debug)]
pub struct Dialer {
    target: SocketAddr,
    /// As the operator gave them; empty: chosen here.
    sources: Vec<IpAddr>,
    patience: Duration,
}

impl Dialer {
    /// Looks the server's name up; if it has several addresses, takes the first that accepts a connection.
    ///
    /// # Errors
    /// The name is unknown, or nobody listens at any of several addresses.
    pub fn new(options: &Options) -> io::Result<Self> {
        let targets: Vec<SocketAddr> = options.url.host_and_port().to_socket_addrs()?.collect();
        let dialer = |target| Self { target, sources: options.source.clone(), patience: options.patience };
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for &target in &targets {
            let dialer = dialer(target);
            match if targets.len() == 1 { Ok(()) } else { dialer.connect(0).map(drop) } {
                Ok(()) => return Ok(dialer),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Begins to connect: the stream is non-blocking, and writable once it is connected or has failed.
    ///
    /// # Errors
    /// No descriptor or port is left, or the source address is not one of this machine.
    pub fn begin(&self, index: usize) -> io::Result<TcpStream> {
        self.dial(self.socket(index)?)
    }

    /// Connects connection `index`; the stream is blocking, and gives up after the operator's patience.
    ///
    /// # Errors
    /// As [`Dialer::begin`]; nobody listens; or it took too long.
    pub fn connect(&self, index: usize) -> io::Result<TcpStream> {
        self.complete(self.begin(index)?)
    }

    /// The same with a kernel that holds as little as possible of what is not read. It must know before it
    /// connects: a sender that has seen a wide window sends into one that became narrow at the pace of TCP's
    /// persist timer, seconds after its reader has woken up.
    ///
    /// # Errors
    /// As [`Dialer::connect`].
    pub fn connect_narrow(&self, index: usize) -> io::Result<TcpStream> {
        let socket = self.socket(index)?;
        sockopt::set_socket_recv_buffer_size(&socket, NARROW_BUFFER_BYTES)?;
        self.complete(self.dial(socket)?)
    }

    fn socket(&self, index: usize) -> io::Result<OwnedFd> {
        let family = if self.target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        if let Some(source) = self.source(index) {
            bind(&socket, &SocketAddr::new(source, 0))?;
        }
        Ok(socket)
    }

    fn dial(&self, socket: OwnedFd) -> io::Result<TcpStream> {
        match connect(&socket, &self.target) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
            Err(error) => Err(error.into()),
        }
    }

    fn complete(&self, stream: TcpStream) -> io::Result<TcpStream> {
        let timeout = Timespec {
            tv_sec: i64::try_from(self.patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: self.patience.subsec_nanos().into(),
        };
        if poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&timeout))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        Ok(stream)
    }

    /// Where connection `index` comes from; `None`: the kernel chooses.
    fn source(&self, index: usize) -> Option<IpAddr> {
        if !self.sources.is_empty() {
            return Some(self.sources[index % self.sources.len()]);
        }
        let block = u8::try_from(index / PORTS_PER_SOURCE % 250).expect("below 250");
        (block > 0 && self.target.ip() == Ipv4Addr::LOCALHOST)
            .then(|| Ipv4Addr::new(127, 0, 0, block + 1).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialer(target: &str, sources: &[&str]) -> Dialer {
        let sources = sources.iter().map(|source| source.parse().unwrap()).collect();
        Dialer { target: target.parse().unwrap(), sources, patience: Duration::from_secs(1) }
    }

    #[test]
    fn sources_are_taken_as_needed() {
        let loopback = dialer("127.0.0.1:1", &[]);
        for (index, expect) in
            [(0, None), (24_999, None), (25_000, Some("127.0.0.2")), (75_000, Some("127.0.0.4"))]
        {
            assert_eq!(loopback.source(index), expect.map(|text| text.parse().unwrap()), "{index}");
        }
        assert_eq!(dialer("192.0.2.1:1", &[]).source(99_999), None);
        let given = dialer("192.0.2.1:1", &["192.0.2.7", "192.0.2.8"]);
        assert_eq!(given.source(3), Some("192.0.2.8".parse().unwrap()));
    }

    #[test]
    fn from_another_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let stream = dialer(&target, &["127.0.0.9"]).connect(0).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip().to_string(), "127.0.0.9");
        let elsewhere = dialer(&target, &["192.0.2.1"]).connect(0).unwrap_err();
        assert_eq!(elsewhere.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
