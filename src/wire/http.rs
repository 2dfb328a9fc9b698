//! Just enough HTTP/1.1 to upgrade to a WebSocket and to refuse everything else (P-1, P-10).
//!
//! `httparse` reads the request line and the headers; here is what is around it: where the head
//! ends, what header values mean, and how answers look.

use memchr::memchr_iter;
use std::borrow::Cow;

/// The largest request head, its empty line included, in bytes (P-11). More is answered with 431.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The largest number of header lines of a request (P-11). More are answered with 431.
///
/// A browser sends about 15; a proxy adds a few.
pub const HEADERS_MAX: usize = 64;

/// The HTTP statuses that this server answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200: for `/healthz`, `/readyz` and `/metrics` (K-13).
    Ok,
    /// 400: unparsable HTTP, or an invalid upgrade request (P-4, P-10).
    BadRequest,
    /// 403: the origin is not permitted (P-7).
    Forbidden,
    /// 404: nothing at this path (K-13).
    NotFound,
    /// 405: upgrade with another method than `GET` (P-4).
    MethodNotAllowed,
    /// 426: plain HTTP on the WebSocket's path (P-10).
    UpgradeRequired,
    /// 431: a head above [`HEAD_BYTES_MAX`] or [`HEADERS_MAX`] (P-11).
    HeadersTooLarge,
    /// 503: for `/readyz` while the server is not ready (K-13), and for clients that there is no room for.
    ServiceUnavailable,
}

impl Status {
    /// Code and reason phrase as they stand in the status line, e.g. `404 Not Found`.
    pub fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::UpgradeRequired => "426 Upgrade Required",
            Self::HeadersTooLarge => "431 Request Header Fields Too Large",
            Self::ServiceUnavailable => "503 Service Unavailable",
        }
    }
}

/// A complete answer to a plain HTTP request, after which the connection is closed (P-5, P-10).
///
/// `content_type` is the value of `Content-Type` and contains no line break. For a `HEAD` request
/// send only the part up to the empty line.
pub fn plain_response(status: Status, content_type: &str, body: &str) -> Vec<u8> {
    response(status, content_type, "", body)
}

/// The answer to somebody who is to come back after so many seconds.
pub fn come_back_later(retry_after_s: u64, body: &str) -> Vec<u8> {
    let header = format!("Retry-After: {retry_after_s}\r\n");
    response(Status::ServiceUnavailable, "text/plain; charset=utf-8", &header, body)
}

/// An answer with further header lines, each of them ended by CRLF.
pub(super) fn response(status: Status, content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {}\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        status.line(),
        body.len()
    )
    .into_bytes()
}

/// Where the head ends that begins `received`: just behind its empty line.
///
/// The bytes before `scanned` were found earlier not to end it.
pub(super) fn head_end(received: &[u8], scanned: usize) -> Option<usize> {
    // An empty line is two line ends with nothing or a CR between; the first may lie 2 bytes back.
    let from = scanned.saturating_sub(2);
    memchr_iter(b'\n', &received[from..]).find_map(|at| {
        let behind = from + at + 1;
        match received[behind..] {
            [b'\n', ..] => Some(behind + 1),
            [b'\r', b'\n', ..] => Some(behind + 2),
            _ => None,
        }
    })
}

/// Whether `byte` may stand in a token such as a method or a subprotocol (RFC 9110 §5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The value of a header; several lines of the same name count as one list (RFC 9110 §5.3).
pub(super) fn value<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let first = Cow::Borrowed(lines.next()?.value);
    Some(lines.fold(first, |joined, line| Cow::Owned([&joined, line.value].join(&b", "[..]))))
}

/// The members of a comma-separated list, without the white space around them.
pub(super) fn list(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// The path of a request target, without query and fragment (P-6).
///
/// An absolute-form target (`http://any/ws`) counts by its path. Dot segments and escapes are not
/// resolved; `//x/ws` is a path of its own.
pub(super) fn path(target: &str) -> &str {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    let Some(rest) = without_scheme(target) else { return target };
    rest.find('/').map_or("/", |slash| &rest[slash..])
}

fn without_scheme(target: &str) -> Option<&str> {
    ["http://", "https://", "ws://", "wss://"].iter().find_map(|scheme| {
        let start = target.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &target[scheme.len()..])
    })
}

/// Whether a `Host` value is a host with an optional port (P-9, RFC 3986 §3.2.2).
pub(super) fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !value[colon..].contains(&b']') => (&value[..colon], &value[colon + 1..]),
        _ => (value, &b""[..]),
    };
    is_port(port) && (is_name(host) || is_ip_literal(host))
}

fn is_port(port: &[u8]) -> bool {
    let number = port.iter().try_fold(0_u32, |number, byte| {
        let number = number * 10 + u32::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        (number <= 0xffff).then_some(number)
    });
    number.is_some()
}

fn is_name(host: &[u8]) -> bool {
    !host.is_empty()
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte))
}

fn is_ip_literal(host: &[u8]) -> bool {
    match host {
        [b'[', address @ .., b']'] => {
            address.contains(&b':')
                && address.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-11: found wherever the pieces are cut, with CRLF and with bare LF.
    #[test]
    fn the_end_of_a_head_is_found_behind_any_cut() {
        for head in
            [&b"GET / HTTP/1.1\r\nA: b\r\n\r\n"[..], b"GET / HTTP/1.1\nA: b\n\n", b"G\r\n\n", b"G\n\r\n"]
        {
            let received = [head, b"frames\n\n"].concat();
            for cut in 0..head.len() {
                assert_eq!(head_end(&received[..cut], 0), None);
                assert_eq!(head_end(&received, cut), Some(head.len()), "{cut}");
            }
        }
    }

    // P-6, Q-5
    #[test]
    fn paths() {
        let cases = [
            ("/ws", "/ws"),
            ("/ws?token=x", "/ws"),
            ("/ws#x", "/ws"),
            ("/ws?a#b?c", "/ws"),
            ("/ws/", "/ws/"),
            ("/%77s", "/%77s"),
            ("//x/ws", "//x/ws"),
            ("http://any/ws?x", "/ws"),
            ("WS://any:80/ws", "/ws"),
            ("http://any", "/"),
            ("http://any?x/ws", "/"),
            ("*", "*"),
            ("?", ""),
            ("", ""),
        ];
        for (target, expected) in cases {
            assert_eq!(path(target), expected, "{target}");
        }
    }

    // P-9
    #[test]
    fn hosts() {
        for host in ["localhost", "a.example:8080", "a:", "127.0.0.1:65535", "[::1]", "[::1]:80", "x_y"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "", ":80", "[", "[]", "[::1", "::1]", "a b", "a/b", "a@b", "a:65536", "a:x", "a:1:2", "[::1]x",
            "ž",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    // P-5, K-13
    #[test]
    fn plain_responses_state_their_length_and_close() {
        let expected = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";
        assert_eq!(plain_response(Status::Ok, "text/plain", "ok\n"), expected.as_bytes());
    }
}
