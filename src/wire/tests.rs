//! The module as a whole: against an independent implementation, and against noise.

use super::client::{self, ServerFrames};
use super::{Decoder, Handshake, Input, Limits, Message, Policy, Progress, encoder};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use tungstenite::protocol::frame::{Frame, coding::Data, coding::OpCode};

const LIMITS: Limits = Limits { payload_bytes_max: 1 << 20, fragments_max: 1000, keeps_binary: false };

fn policy() -> Policy {
    Policy { path: "/ws".into(), allowed_origins: None }
}

/// A seeded generator (SplitMix64): a failure is repeated by its seed.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed >> 33) % bound as u64).unwrap()
    }

    /// Text with characters of all lengths, so that cuts fall within some.
    fn text(&mut self, chars: usize) -> String {
        (0..chars).map(|_| ['a', 'ž', '€', '😀'][self.below(4)]).collect()
    }
}

/// Both directions of a connection in memory, seen from the client.
#[derive(Default)]
struct Duplex {
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
}

impl Read for Duplex {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.to_client.is_empty() {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            self.to_client.read(buffer)
        }
    }
}

impl Write for Duplex {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_server.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Socket = tungstenite::WebSocket<Duplex>;

fn connected(seed: &mut Seeded) -> Socket {
    let attempt = tungstenite::client("ws://localhost/ws", Duplex::default());
    let Err(tungstenite::HandshakeError::Interrupted(mut waiting)) = attempt else { panic!("no answer yet") };
    let request: Vec<u8> = waiting.get_mut().get_mut().to_server.drain(..).collect();
    let mut handshake = Handshake::new();
    for piece in request.chunks(1 + seed.below(50)) {
        if let Progress::Accepted { response, .. } = handshake.receive(piece, &policy()) {
            waiting.get_mut().get_mut().to_client.extend(response);
        }
    }
    waiting.handshake().expect("tungstenite accepts our 101").0
}

/// Reads what the client sent, in pieces of random size, and sends every message back.
fn serve(socket: &mut Socket, decoder: &mut Decoder, seed: &mut Seeded) {
    let mut received: Vec<u8> = socket.get_mut().to_server.drain(..).collect();
    let mut rest = &mut received[..];
    let mut out = Vec::new();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at_mut((1 + seed.below(5000)).min(rest.len()));
        rest = later;
        let mut input = Input::new(piece);
        while let Some(message) = decoder.next(&mut input, &LIMITS).expect("tungstenite breaks no rule") {
            match message {
                Message::Text(text) => {
                    encoder::text_with(&mut out, |out| out.extend_from_slice(text.as_bytes()))
                }
                Message::Binary(_) => encoder::text(&mut out, b"binary"),
                Message::Ping(payload) => encoder::pong(&mut out, payload),
                Message::Pong(_) => {}
                Message::Close(None) => encoder::close(&mut out, None, ""),
                Message::Close(Some((code, reason))) => encoder::close(&mut out, Some(code), reason),
            }
        }
    }
    socket.get_mut().to_client.extend(out);
}

/// Sends one message in random fragments, with a Ping between some of them.
fn send_fragmented(socket: &mut Socket, text: &str, seed: &mut Seeded) -> usize {
    let (mut rest, mut opcode, mut pings) = (text.as_bytes(), Data::Text, 0);
    loop {
        let (part, later) = rest.split_at(seed.below(rest.len() + 1));
        let fin = later.is_empty();
        let frame = Frame::message(part.to_vec(), OpCode::Data(opcode), fin);
        socket.write(tungstenite::Message::Frame(frame)).unwrap();
        if fin {
            return pings;
        }
        if seed.below(3) == 0 {
            socket.write(tungstenite::Message::Ping(b"between"[..].into())).unwrap();
            pings += 1;
        }
        (rest, opcode) = (later, Data::Continue);
    }
}

// P-14, P-18, P-23, P-162: tungstenite as the client, with messages of all length forms.
#[test]
fn an_independent_client_is_understood_and_understands() {
    for seed in 0..20 {
        let seed = &mut Seeded(seed);
        let mut socket = connected(seed);
        let mut decoder = Decoder::new();
        for _ in 0..20 {
            let chars = [3, 60, 500, 30_000][seed.below(4)];
            let text = {
                let chars = seed.below(chars);
                seed.text(chars)
            };
            let mut pongs = send_fragmented(&mut socket, &text, seed);
            socket.flush().unwrap();
            serve(&mut socket, &mut decoder, seed);
            loop {
                match socket.read().unwrap() {
                    tungstenite::Message::Pong(payload) => {
                        assert_eq!(&payload[..], b"between");
                        pongs -= 1;
                    }
                    answer => break assert_eq!(answer, tungstenite::Message::text(text)),
                }
            }
            assert_eq!(pongs, 0, "every Ping is answered before the message around it");
            assert!(decoder.is_idle());
        }
        close(&mut socket, &mut decoder, seed);
    }
}

// P-19, P-162
fn close(socket: &mut Socket, decoder: &mut Decoder, seed: &mut Seeded) {
    socket.send(tungstenite::Message::binary(vec![0xff; 70_000])).unwrap();
    let code = tungstenite::protocol::frame::coding::CloseCode::Library(4321);
    let sent = tungstenite::protocol::CloseFrame { code, reason: "žádný".into() };
    socket.close(Some(sent.clone())).unwrap();
    serve(socket, decoder, seed);
    assert_eq!(socket.read().unwrap(), tungstenite::Message::text("binary"));
    assert_eq!(socket.read().unwrap(), tungstenite::Message::Close(Some(sent)));
}

// P-24: our own client, whose first message comes in one piece with the request.
#[test]
fn our_client_and_our_server_agree() {
    let mut bytes = client::request("localhost", "/ws", "dGhlIHNhbXBsZSBub25jZQ==");
    client::masked_text(&mut bytes, b"early", [1, 2, 3, 4]);
    let Progress::Accepted { consumed, mut response, .. } = Handshake::new().receive(&bytes, &policy())
    else {
        panic!("our own request is accepted")
    };
    let mut decoder = Decoder::new();
    let mut input = Input::new(&mut bytes[consumed..]);
    let Ok(Some(Message::Text(text))) = decoder.next(&mut input, &LIMITS) else { panic!("one message") };
    encoder::text(&mut response, text.as_bytes());
    let answer = client::answer(&response).unwrap().unwrap();
    assert_eq!((answer.status, answer.accept.as_deref()), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    let mut frames = ServerFrames::new();
    frames.feed(&response[answer.consumed..]);
    assert_eq!(frames.next(), Ok(Some((super::Opcode::Text, &b"early"[..]))));
}

/// What a stream amounts to, in words, when it comes in pieces of `size`.
fn decoded(stream: &[u8], size: usize) -> Vec<String> {
    let mut decoder = Decoder::new();
    let limits = Limits { payload_bytes_max: 300, fragments_max: 4, ..LIMITS };
    let mut seen = Vec::new();
    for piece in stream.chunks(size) {
        let mut piece = piece.to_vec();
        let mut input = Input::new(&mut piece);
        loop {
            match decoder.next(&mut input, &limits) {
                Ok(Some(Message::Text(text))) => seen.push(text.to_owned()),
                Ok(Some(message)) => seen.push(format!("{message:?}")),
                Ok(None) => break,
                Err(violation) => {
                    seen.push(format!("{violation:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

/// Frames that are mostly right: any opcode, some without FIN, some with damage.
fn mostly_frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (0_usize..24, any::<bool>(), prop::collection::vec(any::<u8>(), 0..200), any::<bool>());
    prop::collection::vec(frame, 0..8).prop_map(|frames| {
        let mut out = Vec::new();
        for (opcode, fin, mut payload, ascii) in frames {
            use super::Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
            let opcodes = [Text, Continuation, Binary, Ping, Pong, Close, Text, Continuation];
            if ascii {
                payload.iter_mut().for_each(|byte| *byte &= 0x7f);
            }
            let start = out.len();
            client::masked(&mut out, opcodes[opcode % 8], fin, &payload, [9, 8, 7, 6]);
            if opcode > 21 {
                out[start] ^= payload.first().copied().unwrap_or_default();
            }
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    // P-22, Q-5: noise never panics, and means the same however it is cut.
    #[test]
    fn noise_does_not_panic_the_decoder(
        stream in prop_oneof![prop::collection::vec(any::<u8>(), 0..400), mostly_frames()],
        size in 1_usize..50,
    ) {
        let whole = decoded(&stream, stream.len().max(1));
        prop_assert_eq!(&decoded(&stream, size), &whole);
        prop_assert_eq!(&decoded(&stream, 1), &whole);
    }

    // P-9, P-10, Q-5
    #[test]
    fn noise_does_not_panic_the_handshake(
        noise in prop::collection::vec(any::<u8>(), 0..40),
        at in 0_usize..170,
        size in 1_usize..60,
    ) {
        let mut bytes = client::request("localhost:8080", "/ws", "dGhlIHNhbXBsZSBub25jZQ==");
        let at = at.min(bytes.len());
        bytes.splice(at..(at + noise.len() / 2).min(bytes.len()), noise.clone());
        let whole = super::handshake::handshake(&bytes, &policy());
        let mut handshake = Handshake::new();
        let mut earlier = 0;
        let mut piecewise = Progress::Incomplete;
        for piece in bytes.chunks(size) {
            piecewise = handshake.receive(piece, &policy());
            if piecewise != Progress::Incomplete {
                break;
            }
            earlier += piece.len();
        }
        if let Progress::Accepted { consumed, .. } | Progress::Plain { consumed, .. } = &mut piecewise {
            *consumed += earlier;
        }
        prop_assert_eq!(piecewise, whole);
        super::handshake::handshake(&noise, &policy());
        client::answer(&noise).ok();
    }
}
