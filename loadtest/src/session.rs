//! A connection while it is set up: blocking, one call at a time.
//!
//! [`Session::into_parts`] hands it over to the driver's loop.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::args::{Options, json_string};
use crate::dial::Dialer;
use crate::wire::frame::{self, Opcode};
use crate::wire::handshake;
use crate::wire::inbox::{Inbox, Incoming};
use crate::wire::message::{self, Message};

/// The masking key of every frame. Its purpose is to keep proxies from being fooled (RFC 6455 §10.3), for
/// which a load generator needs no randomness; the server's work is the same with any key but zero.
pub const MASK: [u8; 4] = [0x5A, 0xC3, 0x96, 0x0F];

/// Requests of the set-up that are sent together: far below what a server takes from one connection.
const CALLS_AT_ONCE: usize = 128;

/// Why a call of the set-up failed.
#[derive(Debug)]
pub enum CallError {
    /// The connection failed; also when an answer did not come in time.
    Io(io::Error),
    /// The server answered with an error.
    Refused {
        /// One of the protocol's error codes.
        code: String,
        /// The server's text.
        message: String,
    },
    /// The server does not keep to the protocol.
    Protocol(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The kernel's word for a read timeout, which would be misread.
            Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock => f.write_str("no answer in time"),
            Self::Io(error) => error.fmt(f),
            Self::Refused { code, message } => write!(f, "{code}: {message}"),
            Self::Protocol(text) => f.write_str(text),
        }
    }
}

impl CallError {
    /// The same with the step that failed in front of its text.
    pub fn context(self, step: &str) -> Self {
        match self {
            Self::Io(error) => Self::Io(io::Error::new(error.kind(), format!("{step}: {}", Self::Io(error)))),
            Self::Refused { code, message } => Self::Refused { code, message: format!("{message} ({step})") },
            Self::Protocol(text) => Self::Protocol(format!("{step}: {text}")),
        }
    }
}

impl std::error::Error for CallError {}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens sessions beside those that load the server: to prepare the data, and to look at it at the end.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// Where to.
    pub dialer: &'a Dialer,
    /// As whom.
    pub options: &'a Options,
}

impl Control<'_> {
    /// A fresh session.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open(&self) -> Result<Session, CallError> {
        Session::open(self.dialer, self.options, 0)
    }

    /// A fresh session of somebody who may define buckets and queries.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_as_admin(&self) -> Result<Session, CallError> {
        let token = self.options.admin_token.as_ref().or(self.options.token.as_ref()).cloned();
        Session::open(self.dialer, &Options { token, ..self.options.clone() }, 0)
    }
}

/// What is left of a session when the driver takes over.
#[derive(Debug)]
pub struct Parts {
    /// The connection, still blocking.
    pub stream: TcpStream,
    /// What has arrived of an unfinished message.
    pub inbox: Inbox,
    /// Messages that have arrived and were not asked for.
    pub backlog: VecDeque<Vec<u8>>,
    /// The id of the next request.
    pub next_id: u64,
}

/// An open connection: welcomed, and logged in if there is a token.
#[derive(Debug)]
pub struct Session {
    stream: TcpStream,
    inbox: Inbox,
    /// Text messages that have arrived and were not looked at.
    arrived: VecDeque<Vec<u8>>,
    backlog: VecDeque<Vec<u8>>,
    next_id: u64,
}

impl Session {
    /// Connects as connection `index` of the run, shakes hands, waits for the welcome, and logs in if `options` has a token.
    ///
    /// # Errors
    /// Any of these steps failed or took longer than the operator's patience.
    pub fn open(dialer: &Dialer, options: &Options, index: usize) -> Result<Self, CallError> {
        Self::begin(dialer.connect(index)?, options)
    }

    /// The same for somebody who is not going to read for a while ([`Dialer::connect_narrow`]).
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_narrow(dialer: &Dialer, options: &Options, index: usize) -> Result<Self, CallError> {
        Self::begin(dialer.connect_narrow(index)?, options)
    }

    fn begin(stream: TcpStream, options: &Options) -> Result<Self, CallError> {
        let mut session = Self {
            stream,
            inbox: Inbox::default(),
            arrived: VecDeque::new(),
            backlog: VecDeque::new(),
            next_id: 1,
        };
        session.shake_hands(options)?;
        let welcome = session.next_message()?;
        match serde_json::from_slice::<Value>(&welcome) {
            Ok(value) if value["type"] == "welcome" => {}
            _ => return Err(protocol("the first message is not the welcome", &welcome)),
        }
        if let Some(token) = &options.token {
            let login = session.call(&format!(r#""type":"auth.login","token":{}"#, json_string(token)));
            login.map_err(|error| error.context("login"))?;
        }
        Ok(session)
    }

    /// Sends the request `{"id":…,<members>}` and waits for its result's data.
    ///
    /// # Errors
    /// The server answers with an error, with anything else, or not in time.
    pub fn call(&mut self, members: &str) -> Result<Value, CallError> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(Opcode::Text, format!("{{\"id\":{id},{members}}}").as_bytes())?;
        self.result(id)
    }

    /// Waits for the result of request `id`.
    fn result(&mut self, id: u64) -> Result<Value, CallError> {
        loop {
            let text = self.next_message()?;
            match message::read(&text) {
                Message::Result { id: got, data } if got == id => {
                    return serde_json::from_slice(data).map_err(|_| protocol("answer is not JSON", &text));
                }
                Message::Error { id: got } if got == id => return Err(refusal(&text)),
                Message::Push { .. } => self.backlog.push_back(text),
                Message::Ping { timestamp } => self.send(Opcode::Text, &pong(timestamp))?,
                Message::Notice => {}
                _ => return Err(protocol("unexpected message", &text)),
            }
        }
    }

    /// Sends all requests, a few hundred at a time, and waits for their results.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub fn call_all(&mut self, requests: impl Iterator<Item = String>) -> Result<(), CallError> {
        let mut requests = requests.peekable();
        while requests.peek().is_some() {
            let (first, mut bytes) = (self.next_id, Vec::new());
            for members in requests.by_ref().take(CALLS_AT_ONCE) {
                let text = format!("{{\"id\":{},{members}}}", self.next_id);
                frame::append(&mut bytes, Opcode::Text, Some(MASK), text.as_bytes());
                self.next_id += 1;
            }
            self.stream.write_all(&bytes)?;
            for id in first..self.next_id {
                self.result(id)?;
            }
        }
        Ok(())
    }

    /// The id of the next request.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Gives the connection away, with all that it has received.
    pub fn into_parts(mut self) -> Parts {
        self.backlog.append(&mut self.arrived);
        Parts { stream: self.stream, inbox: self.inbox, backlog: self.backlog, next_id: self.next_id }
    }

    fn shake_hands(&mut self, options: &Options) -> Result<(), CallError> {
        self.stream.write_all(handshake::request(&options.url).as_bytes())?;
        let mut head = Vec::new();
        loop {
            self.read_more(&mut head)?;
            if let Some(end) = handshake::parse_answer(&head).map_err(CallError::Protocol)? {
                // The welcome may stand in the same segment.
                return self.feed(&head[end..]);
            }
        }
    }

    /// The next text message.
    fn next_message(&mut self) -> Result<Vec<u8>, CallError> {
        let mut bytes = Vec::new();
        loop {
            if let Some(text) = self.arrived.pop_front() {
                return Ok(text);
            }
            bytes.clear();
            self.read_more(&mut bytes)?;
            self.feed(&bytes)?;
        }
    }

    fn read_more(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let start = bytes.len();
        bytes.resize(start + 16 * 1024, 0);
        let length = self.stream.read(&mut bytes[start..])?;
        bytes.truncate(start + length);
        if length == 0 {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the server"))
        } else {
            Ok(())
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), CallError> {
        let mut pongs = Vec::new();
        let mut end = None;
        let arrived = &mut self.arrived;
        let fed = self.inbox.feed(bytes, |incoming| match incoming {
            Incoming::Text(text) => arrived.push_back(text.to_vec()),
            Incoming::Ping(payload) => frame::append(&mut pongs, Opcode::Pong, Some(MASK), payload),
            Incoming::Close(payload) => end = Some(close_text(payload)),
            Incoming::Binary => end = Some("binary message from the server".to_owned()),
        });
        fed.map_err(|error| CallError::Protocol(error.to_string()))?;
        // What came before the close is still read: it may be the answer.
        match end {
            Some(text) if self.arrived.is_empty() => Err(CallError::Protocol(text)),
            _ => Ok(self.stream.write_all(&pongs)?),
        }
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, opcode, Some(MASK), payload);
        self.stream.write_all(&bytes)
    }
}

/// The answer to the application's heartbeat.
pub fn pong(timestamp: &[u8]) -> Vec<u8> {
    [br#"{"type":"pong","timestamp":"#, timestamp, b"}"].concat()
}

/// What a close frame says, for the operator.
pub fn close_text(payload: &[u8]) -> String {
    match payload {
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            format!("closed by the server: {code} {}", String::from_utf8_lossy(reason)).trim_end().to_owned()
        }
        _ => "closed by the server".to_owned(),
    }
}

/// The beginning of a message, for the operator.
pub fn excerpt(text: &[u8]) -> String {
    const SHOWN: usize = 200;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
    if text.len() > SHOWN { format!("{shown}…") } else { shown.into_owned() }
}

fn refusal(text: &[u8]) -> CallError {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    let member = |name: &str| value[name].as_str().unwrap_or("?").to_owned();
    CallError::Refused { code: member("code"), message: member("message") }
}

fn protocol(what: &str, text: &[u8]) -> CallError {
    CallError::Protocol(format!("{what}: {}", excerpt(text)))
}
