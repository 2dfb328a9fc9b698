//! What is asserted of arbitrary bytes: no panic, and the same result however they are cut.

use noex_server::base::ids::{ConnId, CoreId};
use noex_server::base::time::Now;
use noex_server::node::{
    BucketDefinition, Chunk, Input as NodeInput, Node, Outbox, Output, Settings, Shared,
};
use noex_server::wire::{Decoder, Handshake, Input, Limits, Policy, Progress, encoder, frame};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;

/// Where the input is cut, besides not at all.
const PIECES: [usize; 3] = [1, 3, 64];

/// The opening handshake, with and without a proxy in front.
pub(crate) fn handshake(bytes: &[u8]) {
    let policy = Policy { path: "/".into(), allowed_origins: Some(vec!["https://a".into()]) };
    for new in [Handshake::new, Handshake::behind_proxy] {
        let outcome = |size: usize| {
            let mut handshake = new();
            let mut before = 0;
            for piece in bytes.chunks(size) {
                match handshake.receive(piece, &policy) {
                    Progress::Incomplete => before += piece.len(),
                    Progress::Accepted { consumed, response, .. } => return (before + consumed, response),
                    Progress::Plain { consumed, response, .. } => return (before + consumed, response),
                    Progress::Rejected { response } => return (0, response),
                }
            }
            (usize::MAX, Vec::new())
        };
        let whole = outcome(bytes.len().max(1));
        for size in PIECES {
            assert_eq!(outcome(size), whole, "in pieces of {size}");
        }
    }
}

/// The frame decoder.
pub(crate) fn frames(bytes: &[u8]) {
    let limits = Limits { payload_bytes_max: 4096, fragments_max: 64, keeps_binary: true };
    let messages = |size: usize| {
        let mut decoder = Decoder::new();
        let mut seen = Vec::new();
        for piece in bytes.chunks(size) {
            let mut piece = piece.to_vec();
            let mut input = Input::new(&mut piece);
            loop {
                match decoder.next(&mut input, &limits) {
                    Ok(None) => break,
                    Ok(Some(message)) => seen.push(format!("{message:?}")),
                    Err(violation) => {
                        seen.push(format!("{violation:?}"));
                        return seen;
                    }
                }
            }
        }
        seen
    };
    let whole = messages(bytes.len().max(1));
    for size in PIECES {
        assert_eq!(messages(size), whole, "in pieces of {size}");
    }
}

/// A text message to a server that holds a record: it gets one answer or none, and the next
/// request is answered as ever.
pub(crate) fn request(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut server = Server::new();
    let answers = server.send(text);
    assert!(answers.len() <= MANY, "one message was answered {} bytes", answers.len());
    let answer = server.send(r#"{"id":7,"type":"store.buckets"}"#);
    let answer = String::from_utf8(answer).expect("the server sends UTF-8 behind short headers");
    assert!(answer.contains(r#"{"id":7,"type":"result""#), "{answer}");
}

/// More than any answer to a message of a fuzzer's size.
const MANY: usize = 1 << 20;

/// A server of one core with one client that is logged in to nothing.
struct Server {
    node: Node,
    outbox: Outbox,
    conn: ConnId,
}

impl Server {
    fn new() -> Self {
        let definition = br#"{"key":"k","schema":{"k":{"type":"string"},"n":{"type":"number","unique":true},"s":{"type":"string","pattern":"^a+$"}},"indexes":["s"],"ttl":"1h","maxSize":10}"#;
        let definition = noex_server::base::json::Raw::trusted(definition);
        let definition = BucketDefinition::parse("b", definition).expect("a good definition");
        let settings = Settings { buckets: vec![definition], ..Settings::default() };
        let shared = Shared::new(&settings, 7);
        let node = Node::new(CoreId(0), 1, Rc::new(settings), Arc::new(shared), [7; 32]);
        let mut server = Self { node, outbox: Outbox::default(), conn: ConnId { slot: 0, generation: 0 } };
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        server.node.handle(NodeInput::Accepted { peer }, Now::default(), &mut server.outbox);
        for output in server.outbox.drain() {
            if let Output::Admitted(conn) = output {
                server.conn = conn;
            }
        }
        server.feed(
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                .to_vec(),
        );
        let seeded = server.send(r#"{"id":1,"type":"store.insert","bucket":"b","data":{"k":"a","n":1}}"#);
        assert!(seeded.windows(8).any(|part| part == b"\"result\""), "the record is stored");
        server
    }

    /// Sends one message as a client would, masked with zeros; what comes back without the headers
    /// of its frames is close enough to text for the assertions here.
    fn send(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        encoder::text(&mut bytes, text.as_bytes());
        let header = frame::header(noex_server::wire::Opcode::Text, text.len()).as_ref().len();
        bytes[1] |= 0x80;
        bytes.splice(header..header, [0; 4]);
        let received = self.feed(bytes);
        received.into_iter().filter(|byte| byte.is_ascii()).collect()
    }

    fn feed(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let now = Now { unix_ms: 1_706_745_600_000, mono_ms: 1 };
        self.node.handle(NodeInput::Bytes(self.conn, &mut bytes), now, &mut self.outbox);
        let mut received = Vec::new();
        for output in self.outbox.drain() {
            match output {
                Output::Send(_, Chunk::Frames(bytes)) => received.extend(bytes),
                Output::Send(_, Chunk::Push { head, body }) => {
                    received.extend(head);
                    received.extend_from_slice(&body.pieces().concat());
                }
                _ => {}
            }
        }
        let sent = received.len();
        self.node.handle(NodeInput::Sent(self.conn, sent), now, &mut self.outbox);
        self.outbox.drain().for_each(drop);
        received
    }
}
