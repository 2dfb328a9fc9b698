//! The opening handshake: which requests become WebSockets, and what all others are told (P-4…P-14).

use super::http::{self, HEAD_BYTES_MAX, HEADERS_MAX, Status};
use super::proxy::{self, Preface};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};
use std::net::IpAddr;

/// Appended to the key before hashing (RFC 6455 §1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Which upgrade requests a listener accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The only path that upgrades, compared exactly and case-sensitively (P-6).
    pub path: String,
    /// The origins that a request with an `Origin` header may have, compared exactly; `None` permits
    /// all. A request without the header is always permitted (P-7).
    pub allowed_origins: Option<Vec<String>>,
}

/// What the bytes received so far amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is not complete; the caller bounds the time it may take (P-11).
    Incomplete,
    /// A WebSocket from here on (P-14).
    Accepted {
        /// Where the client's first frame begins in the bytes just given (P-24).
        consumed: usize,
        /// The 101 response, to be sent before any frame.
        response: Vec<u8>,
        /// The value of `X-Forwarded-For`, to be believed of a trusted proxy only (P-3).
        forwarded_for: Option<Box<[u8]>>,
    },
    /// Well-formed HTTP that does not ask for an upgrade (P-10, K-13).
    ///
    /// The caller answers it if it knows the path — see [`http::plain_response`] — or else sends
    /// `response`; then it closes.
    Plain {
        /// Where the request's body would begin in the bytes just given.
        consumed: usize,
        /// The method, case-sensitive.
        method: String,
        /// The path of the target, without the query.
        path: String,
        /// The default answer: 426 on the WebSocket's path, 404 on any other. Without a body for `HEAD`.
        response: Vec<u8>,
    },
    /// Refused: send this and close (P-4, P-10, P-11). **Empty** when nothing is to be sent (P-6, P-9).
    Rejected {
        /// The complete response, or nothing.
        response: Vec<u8>,
    },
}

/// Judges the bytes received since the connection began (P-4).
///
/// Pure: the same bytes give the same answer. Never panics, whatever the bytes. `consumed` counts
/// from the start of `received`. When the head arrives in pieces use [`Handshake`], which does not
/// look at every byte again.
pub fn handshake(received: &[u8], policy: &Policy) -> Progress {
    judge(received, 0, policy)
}

/// The handshake of one connection whose head may arrive in pieces.
///
/// Owns memory only between the first piece of a head and its last, at most [`HEAD_BYTES_MAX`].
#[derive(Default)]
pub struct Handshake {
    received: Vec<u8>,
    /// Whether a PROXY header may still come.
    awaits_proxy: bool,
    source: Option<IpAddr>,
}

impl Handshake {
    /// A handshake of which nothing has arrived.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for a connection from a trusted proxy, which may send a PROXY header first.
    pub fn behind_proxy() -> Self {
        Self { awaits_proxy: true, ..Self::default() }
    }

    /// Whom the PROXY header named, if there was one.
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// Judges the next bytes; like [`handshake`] of all bytes so far, but linear in their number.
    ///
    /// `consumed` counts from the start of `bytes`: the head always ends in them, and what follows
    /// is left to the caller, to be decoded where it lies (P-24). Not to be called again once the
    /// answer was not [`Progress::Incomplete`].
    pub fn receive(&mut self, bytes: &[u8], policy: &Policy) -> Progress {
        // No HTTP request begins like a PROXY header.
        if self.received.is_empty() && bytes.first().is_some_and(|first| *first != b'\r') {
            self.awaits_proxy = false;
        }
        if self.awaits_proxy {
            return self.receive_proxy(bytes, policy);
        }
        if self.received.is_empty() {
            let progress = handshake(bytes, policy);
            if progress == Progress::Incomplete {
                self.received.extend_from_slice(bytes);
            }
            return progress;
        }
        let earlier = self.received.len();
        let room = HEAD_BYTES_MAX - earlier.min(HEAD_BYTES_MAX);
        self.received.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let mut progress = judge(&self.received, earlier, policy);
        if progress != Progress::Incomplete {
            self.received = Vec::new();
        }
        if let Progress::Accepted { consumed, .. } | Progress::Plain { consumed, .. } = &mut progress {
            *consumed -= earlier;
        }
        progress
    }

    /// Takes the PROXY header, and then what follows it.
    fn receive_proxy(&mut self, bytes: &[u8], policy: &Policy) -> Progress {
        let earlier = self.received.len();
        self.received.extend_from_slice(&bytes[..bytes.len().min(proxy::PROXY_BYTES_MAX + 1)]);
        match proxy::preface(&self.received) {
            Preface::Incomplete => Progress::Incomplete,
            Preface::Malformed => refused(Status::BadRequest),
            Preface::Complete(end, source) => {
                *self = Self { source, ..Self::default() };
                let from = end - earlier;
                let mut progress = self.receive(&bytes[from..], policy);
                if let Progress::Accepted { consumed, .. } | Progress::Plain { consumed, .. } = &mut progress
                {
                    *consumed += from;
                }
                progress
            }
        }
    }
}

/// The `Sec-WebSocket-Accept` value for a `Sec-WebSocket-Key` (P-14, RFC 6455 §4.2.2).
pub fn accept(key: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize())
}

/// Judges a head of which the first `scanned` bytes did not contain the end.
fn judge(received: &[u8], scanned: usize, policy: &Policy) -> Progress {
    // Without this, a TLS client would be left waiting for an answer (K-13: nothing hangs).
    if received.first().is_some_and(|byte| !http::is_token_byte(*byte)) {
        return refused(Status::BadRequest);
    }
    match http::head_end(received, scanned) {
        Some(end) if end <= HEAD_BYTES_MAX => judge_head(&received[..end], policy),
        None if received.len() < HEAD_BYTES_MAX => Progress::Incomplete,
        _ => refused(Status::HeadersTooLarge),
    }
}

/// Judges a complete head: parsable, an upgrade, permitted — in the order of P-4.
fn judge_head(head: &[u8], policy: &Policy) -> Progress {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(end)) if end == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return refused(Status::HeadersTooLarge),
        _ => return refused(Status::BadRequest),
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return refused(Status::BadRequest);
    };
    if !is_upgrade(&request) {
        return plain(head.len(), method, http::path(target), policy);
    }
    match check(method, target, request.headers, policy) {
        Ok(()) => Progress::Accepted {
            consumed: head.len(),
            response: switching(request.headers),
            forwarded_for: http::value(request.headers, "X-Forwarded-For").map(|value| value.into()),
        },
        Err(response) => Progress::Rejected { response },
    }
}

/// Row 1 of P-4: HTTP/1.1, `upgrade` among the tokens of `Connection`, and an `Upgrade` header.
fn is_upgrade(request: &httparse::Request<'_, '_>) -> bool {
    let connection = http::value(request.headers, "Connection").unwrap_or_default();
    request.version == Some(1)
        && http::list(&connection).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
        && http::value(request.headers, "Upgrade").is_some()
}

/// Rows 2 to 8 of P-4; fails with the response to be sent.
fn check(
    method: &str,
    target: &str,
    headers: &[httparse::Header<'_>],
    policy: &Policy,
) -> Result<(), Vec<u8>> {
    let value = |name| http::value(headers, name);
    if http::path(target) != policy.path || value("Host").is_some_and(|host| !http::is_host(&host)) {
        return Err(Vec::new());
    }
    if value("Origin").is_some_and(|origin| !is_permitted(&origin, policy)) {
        return Err(format!("HTTP/1.1 {}\r\n\r\n", Status::Forbidden.line()).into_bytes());
    }
    if method != "GET" {
        return Err(invalid(Status::MethodNotAllowed, "", "Invalid HTTP method"));
    }
    if !value("Upgrade").is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(b"websocket")) {
        return Err(invalid(Status::BadRequest, "", "Invalid Upgrade header"));
    }
    if !value("Sec-WebSocket-Key").is_some_and(|key| is_key(&key)) {
        return Err(invalid(Status::BadRequest, "", "Missing or invalid Sec-WebSocket-Key header"));
    }
    if !value("Sec-WebSocket-Version").is_some_and(|version| matches!(&version[..], b"13" | b"8")) {
        let supported = "Sec-WebSocket-Version: 13, 8\r\n";
        let body = "Missing or invalid Sec-WebSocket-Version header";
        return Err(invalid(Status::BadRequest, supported, body));
    }
    if value("Sec-WebSocket-Protocol").is_some_and(|offer| !is_offer(&offer)) {
        return Err(invalid(Status::BadRequest, "", "Invalid Sec-WebSocket-Protocol header"));
    }
    Ok(())
}

/// P-7.
fn is_permitted(origin: &[u8], policy: &Policy) -> bool {
    let allowed = policy.allowed_origins.as_ref();
    allowed.is_none_or(|allowed| allowed.iter().any(|allowed| allowed.as_bytes() == origin))
}

/// Row 6 of P-4: 22 base64 characters and `==`.
fn is_key(key: &[u8]) -> bool {
    key.strip_suffix(b"==").is_some_and(|digits| {
        digits.len() == 22 && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte))
    })
}

/// Row 8 of P-4: a list of different tokens.
fn is_offer(offer: &[u8]) -> bool {
    let mut protocols: Vec<&[u8]> = http::list(offer).collect();
    let all_tokens = protocols.iter().all(|protocol| is_token(protocol));
    // Sorted, since a head has room for thousands of them.
    protocols.sort_unstable();
    all_tokens && protocols.windows(2).all(|pair| pair[0] != pair[1])
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| http::is_token_byte(*byte))
}

/// The 101 response: no extension (P-13), the first subprotocol offered (P-12).
fn switching(headers: &[httparse::Header<'_>]) -> Vec<u8> {
    let key = http::value(headers, "Sec-WebSocket-Key").unwrap_or_default();
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
        accept(&key)
    )
    .into_bytes();
    let offer = http::value(headers, "Sec-WebSocket-Protocol");
    if let Some(first) = offer.as_deref().and_then(|offer| http::list(offer).next()) {
        response.extend_from_slice(b"Sec-WebSocket-Protocol: ");
        response.extend_from_slice(first);
        response.extend_from_slice(b"\r\n");
    }
    response.extend_from_slice(b"\r\n");
    response
}

/// The answer to a request that asks for no upgrade (P-10, K-13).
fn plain(consumed: usize, method: &str, path: &str, policy: &Policy) -> Progress {
    let status = if path == policy.path { Status::UpgradeRequired } else { Status::NotFound };
    let headers = if status == Status::UpgradeRequired { "Upgrade: websocket\r\n" } else { "" };
    let mut response = http::response(status, "text/plain", headers, status.line());
    if method == "HEAD" {
        response.truncate(response.len() - status.line().len());
    }
    Progress::Plain { consumed, method: method.to_owned(), path: path.to_owned(), response }
}

fn refused(status: Status) -> Progress {
    Progress::Rejected { response: http::plain_response(status, "text/plain", status.line()) }
}

/// The form that the reference's library gives to its refusals (P-5).
fn invalid(status: Status, headers: &str, body: &str) -> Vec<u8> {
    http::response(status, "text/html", headers, body)
}

#[cfg(test)]
mod tests;
