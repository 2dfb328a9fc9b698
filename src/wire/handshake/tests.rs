//! The handshake row by row (P-4), and cut anywhere.

use super::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn policy() -> Policy {
    Policy { path: "/ws".into(), allowed_origins: None }
}

fn origins(allowed: &[&str]) -> Policy {
    Policy { allowed_origins: Some(allowed.iter().map(|origin| (*origin).to_owned()).collect()), ..policy() }
}

/// A valid request in which each header line named in `changes` is replaced; without a value, removed.
fn request(line: &str, changes: &[&str]) -> String {
    let valid = [
        "Host: localhost:8080",
        "Connection: Upgrade",
        "Upgrade: websocket",
        &format!("Sec-WebSocket-Key: {KEY}"),
        "Sec-WebSocket-Version: 13",
    ];
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let kept = valid.iter().filter(|line| !changes.iter().any(|change| name(change) == name(line)));
    let added = changes.iter().filter(|change| change.contains(':'));
    let lines: Vec<&str> = kept.chain(added).copied().collect();
    format!("{line}\r\n{}\r\n\r\n", lines.join("\r\n"))
}

/// The response to a request, the same however it is cut; `None` for a silent close.
fn answer_under(policy: &Policy, request: &str) -> Option<String> {
    let whole = handshake(request.as_bytes(), policy);
    let response = match whole.clone() {
        Progress::Incomplete => panic!("the request is complete"),
        Progress::Accepted { consumed, response, .. } | Progress::Plain { consumed, response, .. } => {
            assert_eq!(consumed, request.len());
            response
        }
        Progress::Rejected { response } => response,
    };
    for size in [1, 2, 3, 7, 64, request.len()] {
        let mut machine = Handshake::new();
        let pieces: Vec<&[u8]> = request.as_bytes().chunks(size).collect();
        let answers = pieces.iter().map(|piece| machine.receive(piece, policy));
        let mut answer = answers.into_iter().find(|answer| *answer != Progress::Incomplete).unwrap();
        if let Progress::Accepted { consumed, .. } | Progress::Plain { consumed, .. } = &mut answer {
            assert_eq!(*consumed, pieces.last().unwrap().len(), "the head ends in the last piece");
            *consumed = request.len();
        }
        assert_eq!(answer, whole, "in pieces of {size}");
    }
    (!response.is_empty()).then(|| String::from_utf8(response).unwrap())
}

fn answer(request: &str) -> Option<String> {
    answer_under(&policy(), request)
}

fn check(line: &str, changes: &[&str], expected: &str) {
    let answer = answer(&request(line, changes)).unwrap_or_default();
    let start = answer.lines().next().unwrap_or_default();
    assert_eq!(start.strip_prefix("HTTP/1.1 ").unwrap_or(start), expected, "{line} {changes:?}");
}

/// The answer is a refusal in the form of P-5.
fn check_invalid(line: &str, changes: &[&str], status: &str, extra: &str, body: &str) {
    let expected = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: {}\r\n{extra}\r\n{body}",
        body.len()
    );
    assert_eq!(answer(&request(line, changes)).unwrap_or_default(), expected, "{line} {changes:?}");
}

const GET: &str = "GET /ws HTTP/1.1";
const SWITCHING: &str = "101 Switching Protocols";
const SILENT: &str = "";

// P-4 row 9, P-13, P-14: RFC 6455 §1.3's example.
#[test]
fn accepted() {
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(answer(&request(GET, &[])).unwrap(), expected);
    let offers = ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"];
    assert_eq!(answer(&request(GET, &offers)).unwrap(), expected, "no extension is ever negotiated");
}

// P-4 row 1, P-10, K-13
#[test]
fn row_1_not_an_upgrade() {
    for changes in [&["Upgrade"][..], &["Connection"], &["Connection: keep-alive"], &["Connection: upgraded"]]
    {
        check(GET, changes, "426 Upgrade Required");
        check("POST /ws HTTP/1.1", changes, "426 Upgrade Required");
        check("GET /other HTTP/1.1", changes, "404 Not Found");
        check("GET /ws/ HTTP/1.1", changes, "404 Not Found");
    }
    check("GET /ws HTTP/1.0", &[], "426 Upgrade Required");
    check("GET /healthz HTTP/1.0", &[], "404 Not Found");
}

// P-4 row 1: a list, in any case, over several lines (Firefox).
#[test]
fn row_1_forms_of_connection() {
    for changes in [
        &["Connection: keep-alive, Upgrade"][..],
        &["Connection: UPGRADE,close"],
        &["Connection: keep-alive", "Connection: upgrade"],
        &["connection:upgrade"],
    ] {
        check(GET, changes, SWITCHING);
    }
}

// P-4 row 2, P-6
#[test]
fn row_2_path() {
    for target in ["/ws?token=x", "/ws?", "http://any/ws", "http://any/ws?x=/y"] {
        check(&format!("GET {target} HTTP/1.1"), &[], SWITCHING);
    }
    for target in
        ["/", "/ws/", "/WS", "/%77s", "/wsx", "/w", "//x/ws", "*", "ws", "http://", "http://any", "/?/ws"]
    {
        check(&format!("GET {target} HTTP/1.1"), &[], SILENT);
    }
    let root = Policy { path: "/".into(), allowed_origins: None };
    assert!(answer_under(&root, &request("GET /?x HTTP/1.1", &[])).unwrap().contains("101"));
}

// P-9, Q-5
#[test]
fn row_2_host() {
    check(GET, &["Host"], SWITCHING);
    check(GET, &["Host: [::1]:8080"], SWITCHING);
    for host in ["Host: [", "Host: a b", "Host: a:99999", "Host: %%%/", "Host:", "Host: http://x"] {
        check(GET, &[host], SILENT);
    }
    check(GET, &["Host: a", "Host: b"], SILENT);
    check("GET /other HTTP/1.1", &["Host: [", "Upgrade"], "404 Not Found");
}

// P-4 row 3, P-7, P-8
#[test]
fn row_3_origin() {
    let forbidden = Some("HTTP/1.1 403 Forbidden\r\n\r\n".to_owned());
    let listed = origins(&["https://a.example", "https://b.example"]);
    let under = |policy: &Policy, line: &str, changes: &[&str]| answer_under(policy, &request(line, changes));
    let accepted = |answer: Option<String>| answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 101"));
    assert!(accepted(under(&policy(), GET, &["Origin: https://any.example"])));
    assert!(accepted(under(&listed, GET, &[])), "without an Origin");
    assert!(accepted(under(&origins(&[]), GET, &[])), "without an Origin");
    assert!(accepted(under(&listed, GET, &["Origin: https://b.example"])));
    assert!(accepted(under(&origins(&["null"]), GET, &["Origin: null"])));
    for origin in ["https://A.example", "https://a.example/", "https://a.example:443", "null", "", "*"] {
        assert_eq!(under(&listed, GET, &[&format!("Origin: {origin}")]), forbidden, "{origin}");
    }
    assert_eq!(under(&listed, GET, &["Origin: https://a.example", "Origin: https://a.example"]), forbidden);
    assert_eq!(under(&origins(&[]), GET, &["Origin: https://a.example"]), forbidden);
    assert_eq!(under(&listed, "GET /other HTTP/1.1", &["Origin: null"]), None, "path before origin");
    assert_eq!(under(&listed, "POST /ws HTTP/1.1", &["Origin: null"]), forbidden, "origin before method");
}

// P-4 rows 4 and 5, P-5
#[test]
fn rows_4_and_5_method_and_upgrade() {
    for method in ["POST", "HEAD", "get", "OPTIONS"] {
        let line = format!("{method} /ws HTTP/1.1");
        check_invalid(&line, &["Upgrade: x"], "405 Method Not Allowed", "", "Invalid HTTP method");
    }
    check(GET, &["Upgrade: WebSocket"], SWITCHING);
    for upgrade in [&["Upgrade: h2c"][..], &["Upgrade: websocket, h2c"], &["Upgrade:"]] {
        let changes = [upgrade, &["Sec-WebSocket-Key"]].concat();
        check_invalid(GET, &changes, "400 Bad Request", "", "Invalid Upgrade header");
    }
}

// P-4 row 6, P-5
#[test]
fn row_6_key() {
    let duplicate = format!("Sec-WebSocket-Key: {KEY}");
    let keys: [&[&str]; 6] = [
        &["Sec-WebSocket-Key"],
        &["Sec-WebSocket-Key:"],
        &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="],
        &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQQQ"],
        &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j_Q=="],
        &[&duplicate, &duplicate],
    ];
    for key in keys {
        let changes = [key, &["Sec-WebSocket-Version: 1"]].concat();
        check_invalid(GET, &changes, "400 Bad Request", "", "Missing or invalid Sec-WebSocket-Key header");
    }
}

// P-4 row 7, P-5
#[test]
fn row_7_version() {
    check(GET, &["Sec-WebSocket-Version: 8"], SWITCHING);
    for version in ["Sec-WebSocket-Version", "Sec-WebSocket-Version: 12", "Sec-WebSocket-Version: 13, 8"] {
        let changes = [version, "Sec-WebSocket-Protocol: ,"];
        let body = "Missing or invalid Sec-WebSocket-Version header";
        check_invalid(GET, &changes, "400 Bad Request", "Sec-WebSocket-Version: 13, 8\r\n", body);
    }
}

// P-4 row 8, P-5, P-12
#[test]
fn row_8_subprotocol() {
    for (offer, selected) in [
        (&["Sec-WebSocket-Protocol: chat"][..], "chat"),
        (&["Sec-WebSocket-Protocol: b , a"], "b"),
        (&["Sec-WebSocket-Protocol: v2.x", "Sec-WebSocket-Protocol: v1"], "v2.x"),
    ] {
        let answer = answer(&request(GET, offer)).unwrap();
        assert!(answer.contains(&format!("\r\nSec-WebSocket-Protocol: {selected}\r\n\r\n")), "{answer}");
    }
    for offer in ["", "a,", ",a", "a,,b", "a b", "a, a", "a;b", "ž"] {
        let changes = [&format!("Sec-WebSocket-Protocol: {offer}")[..]];
        check_invalid(GET, &changes, "400 Bad Request", "", "Invalid Sec-WebSocket-Protocol header");
    }
}

// P-10: unparsable HTTP; refused without waiting for an end that may never come.
#[test]
fn unparsable() {
    for bytes in [
        &b"GET\r\n\r\n"[..],
        b"GET /ws\r\n\r\n",
        b"GET /ws HTTP/2.0\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00", // TLS
        b"{\"id\":1}",
    ] {
        let Progress::Rejected { response } = handshake(bytes, &policy()) else { panic!("{bytes:?}") };
        let response = String::from_utf8(response).unwrap();
        assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"), "{bytes:?}");
    }
}

// P-10, K-13: the default answers, and what a caller needs for its own.
#[test]
fn plain_requests() {
    let bytes = b"GET /healthz?verbose HTTP/1.1\r\nHost: x\r\n\r\nrest";
    let Progress::Plain { consumed, method, path, response } = handshake(bytes, &policy()) else { panic!() };
    assert_eq!((&bytes[consumed..], &method[..], &path[..]), (&b"rest"[..], "GET", "/healthz"));
    let expected = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                    Content-Length: 13\r\n\r\n404 Not Found";
    assert_eq!(String::from_utf8(response).unwrap(), expected);
    let expected = "HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                    Content-Length: 20\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(answer("HEAD /ws HTTP/1.1\r\n\r\n").unwrap(), expected);
    assert_eq!(answer("GET /ws HTTP/1.1\n\n").unwrap(), format!("{expected}426 Upgrade Required"));
}

// P-11: the size of the head, its empty line included, and the number of its lines.
#[test]
fn head_limits() {
    let sized = |bytes: usize| {
        let rest = request(GET, &["X: "]).len();
        request(GET, &[&format!("X: {}", "x".repeat(bytes - rest))])
    };
    assert_eq!(sized(HEAD_BYTES_MAX).len(), HEAD_BYTES_MAX);
    assert!(answer(&sized(HEAD_BYTES_MAX)).unwrap().contains(SWITCHING));
    assert!(answer(&sized(HEAD_BYTES_MAX + 1)).unwrap().starts_with("HTTP/1.1 431 "));
    let endless = vec![b'x'; HEAD_BYTES_MAX];
    assert_eq!(handshake(&endless[1..], &policy()), Progress::Incomplete);
    assert!(matches!(handshake(&endless, &policy()), Progress::Rejected { .. }));
    let lines = |count: usize| vec!["X: y"; count - 5];
    check(GET, &lines(HEADERS_MAX), SWITCHING);
    check(GET, &lines(HEADERS_MAX + 1), "431 Request Header Fields Too Large");
}

// P-24: the first frames, sent behind the request without waiting.
#[test]
fn bytes_behind_the_head_are_left_to_the_caller() {
    let stream = [request(GET, &[]).as_bytes(), b"\r\n\r\nframes"].concat();
    for cut in 0..stream.len() {
        let mut machine = Handshake::new();
        let (first, second) = stream.split_at(cut);
        let (progress, given) = match machine.receive(first, &policy()) {
            Progress::Incomplete => (machine.receive(second, &policy()), stream.len() - second.len()),
            progress => (progress, 0),
        };
        let Progress::Accepted { consumed, .. } = progress else { panic!("cut at {cut}") };
        assert_eq!(&stream[given + consumed..], b"\r\n\r\nframes", "cut at {cut}");
        assert_eq!(machine.received.capacity(), 0, "nothing is kept");
    }
}

// P-3: a trusted proxy may name its client in front of the head, or in it.
#[test]
fn a_proxy_header_may_come_first() {
    let addresses = ("203.0.113.9:1000".parse().unwrap(), "10.0.0.1:80".parse().unwrap());
    let addresses: (std::net::SocketAddr, std::net::SocketAddr) = addresses;
    let version = ppp::v2::Version::Two | ppp::v2::Command::Proxy;
    let builder = ppp::v2::Builder::with_addresses(version, ppp::v2::Protocol::Stream, addresses);
    let preface = builder.build().unwrap();
    let head = request("GET /ws HTTP/1.1", &["X-Forwarded-For: 1.2.3.4"]);
    let bytes = [&preface, head.as_bytes(), b"next"].concat();
    for size in [1, 5, preface.len(), bytes.len()] {
        let mut machine = Handshake::behind_proxy();
        let mut before = 0;
        let done = bytes.chunks(size).find_map(|piece| match machine.receive(piece, &policy()) {
            Progress::Incomplete => {
                before += piece.len();
                None
            }
            Progress::Accepted { consumed, forwarded_for, .. } => Some((before + consumed, forwarded_for)),
            other => panic!("{other:?}"),
        });
        let expected = (preface.len() + head.len(), Some(b"1.2.3.4"[..].into()));
        assert_eq!(done, Some(expected), "in pieces of {size}");
        assert_eq!(machine.source(), Some("203.0.113.9".parse().unwrap()));
    }
    let mut untrusted = Handshake::new();
    assert!(matches!(untrusted.receive(&bytes, &policy()), Progress::Rejected { .. }));
    let mut plain = Handshake::behind_proxy();
    let (first, rest) = head.as_bytes().split_at(1);
    assert_eq!(plain.receive(first, &policy()), Progress::Incomplete);
    assert!(matches!(plain.receive(rest, &policy()), Progress::Accepted { .. }));
    assert!(matches!(Handshake::behind_proxy().receive(b"\r\nGET", &policy()), Progress::Rejected { .. }));
}
