//! A stand-in server on one thread: answers the requests of the workloads from a tiny table.
//!
//! It exists to test this tool without a server, with faults on demand, and to find the tool's own ceiling:
//! it does as little as an honest answer allows. It checks nothing that it is sent and trusts its client.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use crate::machine;
use crate::poll::{Poll, Ready};
use crate::socket::Socket;
use crate::wire::frame::{self, Opcode};
use crate::wire::handshake;
use table::{Outcome, Table};

mod table;

/// The mark of the listener; connections have their index.
const LISTENER: usize = usize::MAX;
const WELCOME: &[u8] =
    br#"{"type":"welcome","version":"1.0.0","serverTime":1706745600000,"requiresAuth":false}"#;

/// What the peer does wrong, once, at [`Misdeed::at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers with another id.
    WrongId,
    /// Answers `null`.
    WrongBody,
    /// Answers with an error.
    Error,
    /// Answers twice.
    Twice,
    /// Does not answer.
    Drop,
    /// Answers after the next request of the connection.
    Late,
    /// Closes the connection instead of answering.
    Close,
    /// Sends no push from here on.
    NoPush,
}

/// A fault on demand.
#[derive(Clone, Copy, Debug)]
pub struct Misdeed {
    /// What happens.
    pub kind: Kind,
    /// At which request, counted from 1 over all connections.
    pub at: u64,
}

/// Serves on `listener` in a thread of its own, which lives as long as the process.
///
/// # Errors
/// The system refuses the epoll set.
pub fn spawn(listener: TcpListener, core: Option<usize>, misdeed: Option<Misdeed>) -> io::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let mut peer = Peer::new(listener, misdeed)?;
    thread::Builder::new().name("peer".to_owned()).spawn(move || {
        if let Some(Err(error)) = core.map(machine::pin) {
            eprintln!("peer: not pinned: {error}");
        }
        loop {
            if let Err(error) = peer.turn() {
                eprintln!("peer: {error}");
                return;
            }
        }
    })?;
    Ok(address)
}

struct Peer {
    listener: TcpListener,
    poll: Poll,
    ready: Vec<Ready>,
    connections: Vec<Option<Connection>>,
    table: Table,
    scratch: Vec<u8>,
    misdeed: Option<Misdeed>,
    requests: u64,
    pushing: bool,
}

struct Connection {
    socket: Socket,
    partial: Vec<u8>,
    /// Frames to be sent at the end of the turn.
    out: Vec<u8>,
    shaken: bool,
    subscriptions: Vec<u64>,
    /// An answer kept back by [`Kind::Late`].
    late: Vec<u8>,
    writable_watched: bool,
}

impl Peer {
    fn new(listener: TcpListener, misdeed: Option<Misdeed>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let poll = Poll::new()?;
        poll.watch(&listener, LISTENER, true)?;
        Ok(Self {
            listener,
            poll,
            ready: Vec::new(),
            connections: Vec::new(),
            table: Table::default(),
            scratch: vec![0; 256 * 1024],
            misdeed,
            requests: 0,
            pushing: true,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(&mut ready, None)?;
        for ready in &ready {
            match ready.mark {
                LISTENER => self.accept()?,
                index => self.serve(index),
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            let socket = Socket::new(stream)?;
            self.poll.watch(&socket, self.connections.len(), true)?;
            self.connections.push(Some(Connection {
                socket,
                partial: Vec::new(),
                out: Vec::new(),
                shaken: false,
                subscriptions: Vec::new(),
                late: Vec::new(),
                writable_watched: false,
            }));
        }
        Ok(())
    }

    /// Reads, answers, and sends to all whom it concerns; a connection that fails is dropped.
    fn serve(&mut self, index: usize) {
        let Some(mut connection) = self.connections[index].take() else { return };
        let mut pushes = Pushes::default();
        let served = self.read(&mut connection, &mut pushes);
        if served.is_ok() && self.send(index, &mut connection).is_ok() {
            self.connections[index] = Some(connection);
        }
        for (other, frames) in pushes.per_connection {
            let Some(mut connection) = self.connections[other].take() else { continue };
            connection.out.extend_from_slice(&frames);
            if self.send(other, &mut connection).is_ok() {
                self.connections[other] = Some(connection);
            }
        }
    }

    /// Handles all complete frames that have arrived.
    fn read(&mut self, connection: &mut Connection, pushes: &mut Pushes) -> io::Result<()> {
        let Some(length) = connection.socket.read(&mut self.scratch)? else { return Ok(()) };
        let mut bytes = std::mem::take(&mut connection.partial);
        bytes.extend_from_slice(&self.scratch[..length]);
        let mut used = 0;
        if !connection.shaken {
            let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") else {
                connection.partial = bytes;
                return Ok(());
            };
            used = end + 4;
            connection.shaken = true;
            connection.out.extend_from_slice(
                format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {}\r\n\r\n",
                    handshake::ACCEPT
                )
                .as_bytes(),
            );
            frame::append(&mut connection.out, Opcode::Text, None, WELCOME);
        }
        while let Some(frame) = frame::parse(&bytes[used..]).map_err(|_| io::ErrorKind::InvalidData)? {
            let (start, end) = (used + frame.payload.start, used + frame.payload.end);
            frame::apply_mask(&mut bytes[start..end], frame.mask.ok_or(io::ErrorKind::InvalidData)?);
            if frame.opcode == Opcode::Text {
                self.request(&bytes[start..end], connection, pushes)?;
            }
            used = end;
        }
        bytes.drain(..used);
        connection.partial = bytes;
        Ok(())
    }

    /// Answers one request, rightly or with the misdeed that is due.
    fn request(&mut self, text: &[u8], connection: &mut Connection, pushes: &mut Pushes) -> io::Result<()> {
        self.requests += 1;
        let out = &mut connection.out;
        let late = std::mem::take(&mut connection.late);
        let due = self.misdeed.filter(|misdeed| misdeed.at == self.requests).map(|misdeed| misdeed.kind);
        let mut answer = Vec::new();
        let target = if due.is_some() { &mut answer } else { &mut *out };
        let (id, outcome) = self.table.answer(text, target);
        match due {
            None => {}
            Some(Kind::WrongId) => {
                text_frame(out, &format!(r#"{{"id":{},"type":"result","data":{{}}}}"#, id + 1_000_000))
            }
            Some(Kind::WrongBody) => {
                text_frame(out, &format!(r#"{{"id":{id},"type":"result","data":null}}"#))
            }
            Some(Kind::Error) => {
                text_frame(
                    out,
                    &format!(r#"{{"id":{id},"type":"error","code":"INTERNAL_ERROR","message":"as told"}}"#),
                );
            }
            Some(Kind::Twice) => out.extend([answer.as_slice(), &answer].concat()),
            Some(Kind::Drop) => {}
            Some(Kind::Late) => connection.late = answer,
            Some(Kind::Close) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Kind::NoPush) => {
                self.pushing = false;
                out.extend_from_slice(&answer);
            }
        }
        connection.out.extend_from_slice(&late);
        match outcome {
            Outcome::Read => {}
            Outcome::Subscribed(subscription) => connection.subscriptions.push(subscription),
            Outcome::Changed if self.pushing => self.push(pushes),
            Outcome::Changed => {}
        }
        Ok(())
    }

    /// Notes the current result for every subscriber but the one that is being read, which is the writer.
    fn push(&self, pushes: &mut Pushes) {
        let subscribers = self.connections.iter().enumerate().filter_map(|(index, connection)| {
            let subscriptions = &connection.as_ref()?.subscriptions;
            (!subscriptions.is_empty()).then_some((index, subscriptions))
        });
        let mut result = String::new();
        for (index, subscriptions) in subscribers {
            if result.is_empty() {
                result = self.table.all();
            }
            for subscription in subscriptions {
                let text = format!(
                    r#"{{"type":"push","channel":"subscription","subscriptionId":"sub-{subscription}","data":{result}}}"#
                );
                text_frame(pushes.frames(index), &text);
            }
        }
    }

    /// Sends what is due and watches for room if the kernel does not take it all.
    fn send(&self, index: usize, connection: &mut Connection) -> io::Result<()> {
        if connection.socket.has_unsent() {
            connection.socket.flush()?;
        }
        if !connection.out.is_empty() {
            connection.socket.send(&connection.out)?;
            connection.out.clear();
        }
        let unsent = connection.socket.has_unsent();
        if unsent != connection.writable_watched {
            connection.writable_watched = unsent;
            self.poll.rewatch(&connection.socket, index, true, unsent)?;
        }
        Ok(())
    }
}

/// Pushes of one turn by connection, so that each is written to once.
#[derive(Default)]
struct Pushes {
    per_connection: std::collections::BTreeMap<usize, Vec<u8>>,
}

impl Pushes {
    fn frames(&mut self, connection: usize) -> &mut Vec<u8> {
        self.per_connection.entry(connection).or_default()
    }
}

fn text_frame(out: &mut Vec<u8>, text: &str) {
    frame::append(out, Opcode::Text, None, text.as_bytes());
}
