//! A well-behaved client: JSON requests over tungstenite.

use crate::DEADLINE;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tungstenite::client::client_with_config;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

/// Requests that are written together leave in one write, if they are smaller than this.
const WRITE_BYTES: usize = 4 << 20;

/// One connection. Pushes that arrive while an answer is waited for are kept.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
    pushes: VecDeque<Value>,
    last_id: u64,
}

impl Client {
    /// Connects and takes the welcome (P-26, P-27).
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a listening server");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Self::over(stream)
    }

    /// Speaks over a stream that is connected already.
    pub(crate) fn over(stream: TcpStream) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .write_buffer_size(WRITE_BYTES)
            .max_write_buffer_size(2 * WRITE_BYTES);
        let (socket, _) =
            client_with_config("ws://localhost/", stream, Some(config)).expect("an upgrade (P-14)");
        let mut client = Self { socket, pushes: VecDeque::new(), last_id: 0 };
        let welcome = client.receive();
        assert_eq!((&welcome["type"], &welcome["version"]), (&json!("welcome"), &json!("1.0.0")));
        client
    }

    /// Sends a request without waiting; the answer's id is returned.
    pub(crate) fn send(&mut self, request: Value) -> u64 {
        let id = self.write(request);
        self.socket.flush().expect("a connection");
        id
    }

    /// Queues a request for the next flush.
    fn write(&mut self, mut request: Value) -> u64 {
        self.last_id += 1;
        request["id"] = json!(self.last_id);
        self.socket.write(Message::text(request.to_string())).expect("a connection");
        self.last_id
    }

    /// Sends all requests in one write, and takes all answers, which come in order (P-121).
    pub(crate) fn pipeline(&mut self, requests: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let ids: Vec<u64> = requests.into_iter().map(|request| self.write(request)).collect();
        self.socket.flush().expect("a connection");
        ids.into_iter().map(|id| self.answer(id)).collect()
    }

    /// Sends a request and takes its result.
    pub(crate) fn ask(&mut self, request: Value) -> Value {
        let id = self.send(request);
        let mut answer = self.answer(id);
        assert_eq!(answer["type"], "result", "{answer}");
        answer["data"].take()
    }

    /// Sends a request that is refused, and takes the code.
    pub(crate) fn refused(&mut self, request: Value) -> String {
        let id = self.send(request);
        let answer = self.answer(id);
        assert_eq!(answer["type"], "error", "{answer}");
        answer["code"].as_str().expect("a code").to_owned()
    }

    /// The next answer, which must be the one with this id.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.receive();
            if message["type"] == "push" {
                self.pushes.push_back(message);
                continue;
            }
            if message["type"] == "ping" {
                self.pong(&message["timestamp"]);
                continue;
            }
            assert_eq!(message["id"], id, "{message}");
            return message;
        }
    }

    /// Answers a ping (P-102).
    fn pong(&mut self, timestamp: &Value) {
        let pong = json!({"type": "pong", "timestamp": timestamp});
        self.socket.send(Message::text(pong.to_string())).expect("a connection");
    }

    /// The next push.
    pub(crate) fn push(&mut self) -> Value {
        self.pushes.pop_front().unwrap_or_else(|| {
            let message = self.receive();
            assert_eq!(message["type"], "push", "{message}");
            message
        })
    }

    /// How many pushes have arrived that nobody has taken.
    pub(crate) fn pushes_left(&self) -> usize {
        self.pushes.len()
    }

    /// Whether the server answers: a request that changes nothing.
    pub(crate) fn is_served(&mut self) {
        let answer = self.pipeline([json!({"type": "store.count", "bucket": "products"})]);
        assert_eq!(answer[0]["type"], "result", "{}", answer[0]);
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> Value {
        match self.socket.read().expect("a message before the deadline") {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// Waits that long for a message which must not come.
    pub(crate) fn hears_nothing_for(&mut self, time: Duration) {
        self.socket.get_ref().set_read_timeout(Some(time)).expect("a timeout");
        match self.socket.read() {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => panic!("expected silence, got {other:?}"),
        }
        self.socket.get_ref().set_read_timeout(Some(DEADLINE)).expect("a timeout");
    }

    /// Lets time pass, and answers a ping that comes meanwhile.
    pub(crate) fn waits(&mut self, time: Duration) {
        self.socket.get_ref().set_read_timeout(Some(time)).expect("a timeout");
        let message = self.socket.read();
        self.socket.get_ref().set_read_timeout(Some(DEADLINE)).expect("a timeout");
        if let Ok(Message::Text(text)) = message {
            let message: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(message["type"], "ping", "{message}");
            self.pong(&message["timestamp"]);
        }
    }

    /// The server's Close frame; then the connection ends on both sides (P-161).
    pub(crate) fn closed(mut self) -> (u16, String) {
        let frame = loop {
            match self.socket.read().expect("a close before the deadline") {
                Message::Close(frame) => break frame.expect("a code"),
                Message::Text(_) => {}
                other => panic!("expected a close, got {other:?}"),
            }
        };
        match self.socket.read() {
            Err(Error::ConnectionClosed) => {}
            other => panic!("expected the end, got {other:?}"),
        }
        (frame.code.into(), frame.reason.to_string())
    }

    /// Closes like a good client (P-162).
    pub(crate) fn leave(mut self) {
        self.socket.close(None).expect("a connection");
        loop {
            match self.socket.read() {
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return,
                Err(error) => panic!("expected the end, got {error}"),
            }
        }
    }
}
