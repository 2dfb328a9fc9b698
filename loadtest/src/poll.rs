//! Waiting for many sockets at once: epoll, level-triggered.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// Ready sockets that one wait reports at most.
const READY_MAX: usize = 512;

/// A socket that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The mark that it was watched with.
    pub mark: usize,
    /// It can be read, or reading tells how it ended.
    pub readable: bool,
    /// It takes bytes again.
    pub writable: bool,
}

/// A set of sockets, each with a mark; a socket leaves the set when it is closed.
#[derive(Debug)]
pub struct Poll {
    epoll: OwnedFd,
}

impl Poll {
    /// An empty set.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Watches whether `socket` can be read, unless it is not to be `readable` yet. That it has ended is
    /// reported anyway.
    ///
    /// # Errors
    /// The system refuses, e.g. because it is watched already.
    pub fn watch(&self, socket: impl AsFd, mark: usize, readable: bool) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(mark as u64), flags(readable, false))?)
    }

    /// Changes what is watched for: that `socket` can be read, that it takes bytes.
    ///
    /// # Errors
    /// The socket is not watched.
    pub fn rewatch(&self, socket: impl AsFd, mark: usize, readable: bool, writable: bool) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(mark as u64), flags(readable, writable))?)
    }

    /// Waits until a socket is ready or `timeout` has passed; replaces what is in `ready`.
    ///
    /// # Errors
    /// Never for a sane set; an interruption by a signal counts as a timeout.
    pub fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        ready.clear();
        let mut events = [const { MaybeUninit::<Event>::uninit() }; READY_MAX];
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let (events, _) = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            waited => waited?,
        };
        ready.extend(events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            Ready {
                mark: usize::try_from(data.u64()).unwrap_or(usize::MAX),
                readable: flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP),
                writable: flags.contains(EventFlags::OUT),
            }
        }));
        Ok(())
    }
}

fn flags(readable: bool, writable: bool) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, readable);
    flags.set(EventFlags::OUT, writable);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn readable_and_writable() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        let poll = Poll::new().unwrap();
        let mut ready = Vec::new();
        poll.watch(&other, 7, true).unwrap();
        poll.wait(&mut ready, Some(Duration::ZERO)).unwrap();
        assert!(ready.is_empty());
        poll.rewatch(&other, 7, true, true).unwrap();
        stream.write_all(b"x").unwrap();
        poll.wait(&mut ready, None).unwrap();
        assert_eq!(ready.iter().map(|ready| ready.mark).collect::<Vec<_>>(), [7]);
        assert!(ready[0].writable);
        poll.rewatch(&other, 7, true, false).unwrap();
        poll.wait(&mut ready, None).unwrap();
        assert!(ready[0].readable && !ready[0].writable);
    }
}
