//! A WebSocket client over a cluster's link, independent of the server's own wire code.

use crate::cluster::Cluster;
use noex_server::base::fault::Code;
use serde_json::Value;

/// What a client has been sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    Json(Value),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// One client.
pub(crate) struct Client {
    pub(crate) link: usize,
    seen: usize,
    upgraded: bool,
    pub(crate) http: String,
}

impl Client {
    /// Connects to a core and asks for the upgrade; nothing has happened yet.
    pub(crate) fn connect(cluster: &mut Cluster, core: usize) -> Self {
        let link = cluster.connect(core);
        Self::upgrade(cluster, link)
    }

    /// Asks for the upgrade of a connection that is there.
    pub(crate) fn upgrade(cluster: &mut Cluster, link: usize) -> Self {
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        cluster.send(link, request.as_bytes());
        Self { link, seen: 0, upgraded: false, http: String::new() }
    }

    /// Connects, and waits for the welcome.
    pub(crate) fn welcomed(cluster: &mut Cluster, core: usize) -> Self {
        let mut client = Self::connect(cluster, core);
        cluster.settle();
        let received = client.receive(cluster);
        let [Received::Json(welcome)] = &received[..] else { panic!("no welcome: {received:?}") };
        assert_eq!(welcome["type"], "welcome");
        client
    }

    pub(crate) fn send(&self, cluster: &mut Cluster, text: &str) {
        cluster.send(self.link, &frame(0x81, text.as_bytes()));
    }

    pub(crate) fn send_raw(&self, cluster: &mut Cluster, bytes: &[u8]) {
        cluster.send(self.link, bytes);
    }

    /// The complete messages that have arrived since the last call.
    pub(crate) fn receive(&mut self, cluster: &Cluster) -> Vec<Received> {
        let bytes = &cluster.links[self.link].to_client;
        if !self.upgraded {
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Vec::new();
            };
            self.http = String::from_utf8_lossy(bytes).into_owned();
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return Vec::new();
            }
            self.upgraded = true;
            self.seen = end + 4;
        }
        let mut messages = Vec::new();
        while let Some((message, len)) = parse(&bytes[self.seen..]) {
            self.seen += len;
            messages.push(message);
        }
        messages
    }

    /// The JSON messages among them; anything else fails.
    pub(crate) fn json(&mut self, cluster: &Cluster) -> Vec<Value> {
        let json = |message| match message {
            Received::Json(value) => value,
            other => panic!("not JSON: {other:?}"),
        };
        self.receive(cluster).into_iter().map(json).collect()
    }
}

/// A masked client frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | u8::try_from(len).expect("below 126")),
        len @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(len).expect("below 65,536").to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// P-71, P-81, P-83: whatever is played, no other kinds of messages and codes of errors are ever sent.
fn known_message(payload: &[u8]) -> Value {
    const KINDS: [&str; 6] = ["result", "error", "push", "welcome", "ping", "system"];
    let message: Value = serde_json::from_slice(payload).expect("the server sends JSON");
    assert!(KINDS.iter().any(|kind| message["type"] == *kind), "{message}");
    assert_eq!(
        message["type"] == "result" || message["type"] == "error",
        message["id"].is_number(),
        "{message}"
    );
    if message["type"] == "error" {
        assert!(Code::ALL.iter().any(|code| message["code"] == code.as_str()), "{message}");
    }
    message
}

/// One server frame and its length, if it is there completely.
fn parse(bytes: &[u8]) -> Option<(Received, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "servers do not mask");
    assert_eq!(first & 0xf0, 0x80, "the server sends whole messages without reserved bits");
    let (len, head) = match second {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(head..head + len)?;
    let message = match first & 0x0f {
        1 => Received::Json(known_message(payload)),
        8 if payload.is_empty() => Received::Close(None, String::new()),
        8 => {
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            Received::Close(Some(code), String::from_utf8(payload[2..].to_vec()).expect("UTF-8"))
        }
        10 => Received::Pong(payload.to_vec()),
        other => panic!("the server sends no opcode {other}"),
    };
    Some((message, head + len))
}
