//! The decoder against streams of frames, each whole, cut at every byte, and byte by byte.

use super::*;
use crate::wire::client::{masked, masked_head, masked_text};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: Limits = Limits { payload_bytes_max: 1000, fragments_max: 8, keeps_binary: false };
const UNLIMITED: Limits = Limits { payload_bytes_max: 0, fragments_max: 0, ..LIMITS };

/// A message that outlives the decoder.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Violation(Violation),
}

impl From<Message<'_>> for Seen {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(payload) => Self::Text(payload.as_bytes().to_vec()),
            Message::Binary(payload) => Self::Binary(payload.to_vec()),
            Message::Ping(payload) => Self::Ping(payload.to_vec()),
            Message::Pong(payload) => Self::Pong(payload.to_vec()),
            Message::Close(close) => Self::Close(close.map(|(code, reason)| (code.0, reason.to_owned()))),
        }
    }
}

fn text(payload: &str) -> Seen {
    Seen::Text(payload.as_bytes().to_vec())
}

/// Everything that one read gives, up to and including a violation.
fn feed(decoder: &mut Decoder, chunk: &[u8], limits: &Limits) -> Vec<Seen> {
    let mut chunk = chunk.to_vec();
    let mut input = Input::new(&mut chunk);
    let mut seen = Vec::new();
    loop {
        match decoder.next(&mut input, limits) {
            Ok(Some(message)) => seen.push(message.into()),
            Ok(None) => {
                assert!(input.is_empty(), "None means that the input is used up");
                return seen;
            }
            Err(violation) => {
                assert_eq!(decoder.next(&mut input, limits), Err(violation), "a violation is final");
                assert!(decoder.partial.is_none(), "and frees what was stored");
                seen.push(Seen::Violation(violation));
                return seen;
            }
        }
    }
}

fn run<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> Vec<Seen> {
    let mut decoder = Decoder::new();
    let mut seen = Vec::new();
    for chunk in chunks {
        seen.extend(feed(&mut decoder, chunk, limits));
        if let Some(Seen::Violation(_)) = seen.last() {
            return seen;
        }
    }
    assert!(decoder.is_idle() || !seen.iter().any(|seen| matches!(seen, Seen::Close(_))));
    seen
}

/// The stream gives these messages, however it is cut into two reads or into single bytes.
fn check(stream: &[u8], limits: &Limits, expected: &[Seen]) {
    assert_eq!(run([stream], limits), expected, "whole");
    for cut in 1..stream.len() {
        assert_eq!(run([&stream[..cut], &stream[cut..]], limits), expected, "cut at {cut}");
    }
    assert_eq!(run(stream.chunks(1), limits), expected, "byte by byte");
}

/// The number of bytes after which the stream, byte by byte, is refused.
fn refused_after(stream: &[u8], limits: &Limits) -> (usize, Violation) {
    let mut decoder = Decoder::new();
    for (at, byte) in stream.iter().enumerate() {
        if let Some(Seen::Violation(violation)) = feed(&mut decoder, &[*byte], limits).last() {
            return (at + 1, *violation);
        }
    }
    panic!("the stream was not refused");
}

/// Client frames in a row: opcode, FIN, payload.
fn frames(frames: &[(Opcode, bool, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (opcode, fin, payload) in frames {
        masked(&mut out, *opcode, *fin, payload, KEY);
    }
    out
}

use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};

// P-18, P-19, P-23, P-162: one of everything, each length form, every cut.
#[test]
fn messages_do_not_depend_on_the_cuts() {
    let (middle, long) = ("ž".repeat(100), "x".repeat(66_000));
    let stream = frames(&[
        (Text, true, b"one"),
        (Text, true, b""),
        (Ping, true, b"p"),
        (Pong, true, b""),
        (Text, true, middle.as_bytes()),
        (Binary, true, b"\xff\xfe"),
        (Binary, true, b""),
        (Text, false, b"fr"),
        (Continuation, false, b""),
        (Ping, true, &[7; 125]),
        (Continuation, false, "ag\u{20ac}".as_bytes()),
        (Continuation, true, b"ment"),
        (Close, true, b"\x03\xe8bye"),
    ]);
    let expected = [
        text("one"),
        text(""),
        Seen::Ping(b"p".to_vec()),
        Seen::Pong(Vec::new()),
        text(&middle),
        Seen::Binary(Vec::new()),
        Seen::Binary(Vec::new()),
        Seen::Ping(vec![7; 125]),
        text("frag€ment"),
        Seen::Close(Some((1000, "bye".into()))),
    ];
    check(&stream, &LIMITS, &expected);
    let stream = frames(&[(Text, true, long.as_bytes()), (Text, true, b"after")]);
    let cuts = (1..30).chain(65_990..stream.len());
    for cut in cuts {
        assert_eq!(run([&stream[..cut], &stream[cut..]], &UNLIMITED), [text(&long), text("after")]);
    }
}

// P-18: a code point cut by a fragment and by control frames is valid.
#[test]
fn a_character_may_be_spread_over_fragments() {
    let stream = frames(&[
        (Text, false, b"\xf0"),
        (Ping, true, b"1"),
        (Continuation, false, b"\x9f\x98"),
        (Pong, true, b"2"),
        (Continuation, true, b"\x80"),
    ]);
    check(&stream, &LIMITS, &[Seen::Ping(b"1".to_vec()), Seen::Pong(b"2".to_vec()), text("😀")]);
}

// P-19: a fragmented binary message is reported once it is complete, and nothing of it is kept.
#[test]
fn binary_messages_are_reported_when_complete() {
    let stream = frames(&[
        (Binary, false, b"\xff"),
        (Continuation, false, &[0xff; 300]),
        (Ping, true, b""),
        (Continuation, true, b""),
        (Text, true, b"next"),
    ]);
    check(&stream, &LIMITS, &[Seen::Ping(Vec::new()), Seen::Binary(Vec::new()), text("next")]);
    let mut decoder = Decoder::new();
    feed(&mut decoder, &stream[..100], &LIMITS);
    assert!(decoder.partial.as_mut().unwrap().payload(Text).is_empty());
}

// What an echo peer for Autobahn rests on.
#[test]
fn binary_payloads_can_be_kept() {
    let limits = Limits { keeps_binary: true, ..LIMITS };
    let stream = frames(&[(Binary, true, b"\xff\0"), (Binary, false, b"a"), (Continuation, true, b"\x80")]);
    let kept = |payload: &[u8]| Seen::Binary(payload.to_vec());
    check(&stream, &limits, &[kept(b"\xff\0"), kept(b"a\x80")]);
}

// P-162
#[test]
fn closes() {
    check(&frames(&[(Close, true, b"")]), &LIMITS, &[Seen::Close(None)]);
    check(&frames(&[(Close, true, b"\x0f\xa1")]), &LIMITS, &[Seen::Close(Some((4001, String::new())))]);
}

// P-22, P-13: each violation by itself, behind a good message, and cut anywhere.
#[test]
fn protocol_violations() {
    let good = frames(&[(Text, true, b"good")]);
    let fragment = frames(&[(Text, false, b"start")]);
    let mut huge = Vec::new();
    masked_head(&mut huge, Close, true, 70_000, KEY);
    let bad: [(&str, Vec<u8>); 17] = [
        ("RSV1", vec![0xc1, 0x80, 0, 0, 0, 0]),
        ("RSV2", vec![0xa1, 0x80, 0, 0, 0, 0]),
        ("RSV3", vec![0x91, 0x80, 0, 0, 0, 0]),
        ("reserved data opcode", vec![0x83, 0x80, 0, 0, 0, 0]),
        ("reserved control opcode", vec![0x8b, 0x80, 0, 0, 0, 0]),
        ("not masked", vec![0x81, 0x02, b'h', b'i']),
        ("empty and not masked", vec![0x81, 0x00]),
        ("fragmented control frame", frames(&[(Ping, false, b"")])),
        ("control frame of 126 bytes", frames(&[(Ping, true, &[0; 126])])),
        ("control frame of 70,000 bytes", huge),
        ("continuation of nothing", frames(&[(Continuation, true, b"x")])),
        ("continuation of nothing, not final", frames(&[(Continuation, false, b"x")])),
        ("text within a message", [&fragment[..], &frames(&[(Text, true, b"x")])].concat()),
        ("binary within a message", [&fragment[..], &frames(&[(Binary, false, b"x")])].concat()),
        ("close of one byte", frames(&[(Close, true, b"\x03")])),
        ("close with 1005", frames(&[(Close, true, b"\x03\xed")])),
        ("length not minimal", vec![0x81, 0xfe, 0, 5, 0, 0, 0, 0]),
    ];
    for (_what, bytes) in bad {
        check(&bytes, &LIMITS, &[Seen::Violation(Violation::Protocol)]);
        check(
            &[good.clone(), bytes].concat(),
            &LIMITS,
            &[text("good"), Seen::Violation(Violation::Protocol)],
        );
    }
}

// P-22: a control frame with bad contents ends a message under way too.
#[test]
fn a_bad_close_between_fragments() {
    let stream = frames(&[(Text, false, b"start"), (Close, true, b"\x03\xe8\xff")]);
    check(&stream, &LIMITS, &[Seen::Violation(Violation::InvalidUtf8)]);
}

// P-21
#[test]
fn invalid_text() {
    check(&frames(&[(Text, true, b"ab\xff")]), &LIMITS, &[Seen::Violation(Violation::InvalidUtf8)]);
    check(&frames(&[(Text, true, b"ab\xe2\x82")]), &LIMITS, &[Seen::Violation(Violation::InvalidUtf8)]);
    let fragments = frames(&[(Text, false, b"a\xe2"), (Continuation, true, b"")]);
    check(&fragments, &LIMITS, &[Seen::Violation(Violation::InvalidUtf8)]);
}

// P-21, Autobahn 6.4: refused at the wrong byte, not at the end of its frame or message.
#[test]
fn invalid_text_is_refused_as_soon_as_it_arrives() {
    let valid = "κόσμε".as_bytes();
    let text = [valid, b"\xf4\x90", valid].concat();
    let one_frame = frames(&[(Text, true, &text)]);
    let at = 6 + valid.len() + 2;
    assert_eq!(refused_after(&one_frame, &LIMITS), (at, Violation::InvalidUtf8));
    let fragments =
        frames(&[(Text, false, valid), (Continuation, false, b"\xf4"), (Continuation, true, b"\x90edited")]);
    let at = 6 + valid.len() + 7 + 7;
    assert_eq!(refused_after(&fragments, &LIMITS), (at, Violation::InvalidUtf8));
}

// P-20: exactly the limit is accepted, one byte more is not; the sum over fragments counts.
#[test]
fn payload_limit() {
    let limits = Limits { payload_bytes_max: 10, ..LIMITS };
    let too_big = [Seen::Violation(Violation::TooBig)];
    check(&frames(&[(Text, true, b"0123456789")]), &limits, &[text("0123456789")]);
    check(&frames(&[(Text, true, b"0123456789x")]), &limits, &too_big);
    check(&frames(&[(Binary, true, b"0123456789")]), &limits, &[Seen::Binary(Vec::new())]);
    check(&frames(&[(Binary, true, b"0123456789x")]), &limits, &too_big);
    let exact = frames(&[(Text, false, b"01234"), (Ping, true, &[0; 125]), (Continuation, true, b"56789")]);
    check(&exact, &limits, &[Seen::Ping(vec![0; 125]), text("0123456789")]);
    let above =
        frames(&[(Text, false, b"01234"), (Continuation, false, b"56789"), (Continuation, true, b"x")]);
    check(&above, &limits, &too_big);
    let again = frames(&[(Text, true, b"0123456789"), (Text, true, b"0123456789")]);
    check(&again, &limits, &[text("0123456789"), text("0123456789")]);
    check(
        &frames(&[(Text, true, &[b'x'; 3000])]),
        &Limits { payload_bytes_max: 0, ..LIMITS },
        &[text(&"x".repeat(3000))],
    );
}

// P-20: known from the header alone.
#[test]
fn the_payload_limit_is_checked_before_the_payload_arrives() {
    let mut head = Vec::new();
    masked_head(&mut head, Text, true, 1 << 40, KEY);
    assert_eq!(refused_after(&head, &LIMITS), (14, Violation::TooBig));
    let mut second = frames(&[(Text, false, &[b'x'; 999])]);
    masked_head(&mut second, Continuation, true, 2, KEY);
    assert_eq!(refused_after(&second, &LIMITS), (second.len(), Violation::TooBig));
}

// P-20: our bound on the number of fragments.
#[test]
fn fragment_limit() {
    let limits = Limits { payload_bytes_max: 0, fragments_max: 3, ..LIMITS };
    let mut parts = vec![
        (Text, false, &b""[..]),
        (Ping, true, b""),
        (Continuation, false, b"a"),
        (Continuation, true, b"b"),
    ];
    check(&frames(&parts), &limits, &[Seen::Ping(Vec::new()), text("ab")]);
    parts.insert(2, (Continuation, false, b""));
    check(&frames(&parts), &limits, &[Seen::Ping(Vec::new()), Seen::Violation(Violation::TooBig)]);
}

// P-20: a claimed length costs nothing, and nothing is kept between messages.
#[test]
fn memory_follows_what_arrived() {
    let mut decoder = Decoder::new();
    let mut stream = Vec::new();
    masked_head(&mut stream, Text, true, 1 << 20, KEY);
    feed(&mut decoder, &stream, &UNLIMITED);
    assert!(!decoder.is_idle());
    let mut payload = vec![b'x'; 1 << 20];
    unmask(&mut payload, KEY, 0);
    assert_eq!(feed(&mut decoder, &payload, &UNLIMITED).len(), 1);
    assert!(decoder.is_idle() && decoder.partial.is_none(), "the storage is gone after the message");
    for stream in [frames(&[(Ping, true, b"ping")]), frames(&[(Text, true, b"text")])] {
        for cut in 1..stream.len() {
            feed(&mut decoder, &stream[..cut], &UNLIMITED);
            assert!(!decoder.is_idle());
            feed(&mut decoder, &stream[cut..], &UNLIMITED);
            assert!(decoder.partial.is_none());
        }
    }
}

// P-24, P-165: what follows a message is untouched until the caller asks for it.
#[test]
fn later_bytes_stay_untouched() {
    let first = frames(&[(Text, true, b"first")]);
    let second = frames(&[(Close, true, b"")]);
    let mut bytes = [&first[..], &second, b"garbage"].concat();
    let mut input = Input::new(&mut bytes);
    let mut decoder = Decoder::new();
    assert_eq!(decoder.next(&mut input, &LIMITS), Ok(Some(Message::Text("first"))));
    assert_eq!(input.rest(), [&second[..], b"garbage"].concat());
    assert_eq!(decoder.next(&mut input, &LIMITS), Ok(Some(Message::Close(None))));
    assert_eq!((input.rest(), input.consumed()), (&b"garbage"[..], first.len() + second.len()));
}

// P-22, Q-15: a violation is final, and frees what was stored.
#[test]
fn a_violation_is_final() {
    let mut decoder = Decoder::new();
    feed(&mut decoder, &frames(&[(Text, false, b"stored")]), &LIMITS);
    assert_eq!(feed(&mut decoder, &[0xff], &LIMITS), [Seen::Violation(Violation::Protocol)]);
    assert!(decoder.partial.is_none());
    let mut good = Vec::new();
    masked_text(&mut good, b"good", KEY);
    assert_eq!(feed(&mut decoder, &good, &LIMITS), [Seen::Violation(Violation::Protocol)]);
}

// K-14: tokens do not reach logs by way of `Debug`.
#[test]
fn debug_output_shows_no_payload() {
    let shown = format!("{:?}", Message::Text("secret"));
    assert_eq!(shown, "Text(6 bytes)");
    let close = Message::Close(Some((CloseCode::NORMAL, "secret")));
    assert_eq!(format!("{close:?}"), "Close(1000, 6 bytes)");
}

/// The work done for a text of 1 MiB that was fed in these pieces and is still incomplete.
fn work(pieces: impl Iterator<Item = Vec<u8>>) -> crate::wire::text::Work {
    let mut decoder = Decoder::new();
    for mut piece in pieces {
        let mut input = Input::new(&mut piece);
        assert_eq!(decoder.next(&mut input, &UNLIMITED), Ok(None));
    }
    decoder.partial.unwrap().text.work
}

// P-18: linear cost for a 1 MiB message in 1-byte fragments, and in one frame that arrives byte by byte.
#[test]
fn a_message_in_single_bytes_costs_linear_work() {
    const BYTES: usize = 1 << 20;
    let text = "€".repeat(BYTES / 3);
    let fragments = text.bytes().enumerate().map(|(at, byte)| {
        let opcode = if at == 0 { Text } else { Continuation };
        frames(&[(opcode, false, &[byte])])
    });
    let mut head = Vec::new();
    masked_head(&mut head, Text, true, BYTES, KEY);
    let bytes = text.bytes().enumerate().map(|(at, byte)| vec![byte ^ KEY[at % 4]]);
    for work in [work(fragments), work(std::iter::once(head).chain(bytes))] {
        assert!(work.validated <= 3 * BYTES, "{work:?}: each byte at most until its character is complete");
        assert!(work.moved <= 2 * BYTES, "{work:?}: amortised growth");
    }
}
