//! The upgrade request and its answer (RFC 6455 §4.2; P-4…P-14).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Length of a request head, bytes (P-11).
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header fields of a request; browsers send about 15.
const HEADERS_MAX: usize = 64;

/// What a server accepts.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The path, compared exactly (P-6).
    pub path: String,
    /// Origins that are let in; `None` = all (P-7).
    pub allowed_origins: Option<Vec<String>>,
}

/// How far an upgrade has come.
#[derive(PartialEq, Eq, Debug)]
pub enum Progress {
    /// The head has not arrived completely.
    Incomplete,
    /// The connection speaks WebSocket once the response is sent.
    Accepted {
        /// `101 Switching Protocols`
        response: Vec<u8>,
        /// What the client sent behind its request already (P-24).
        rest: Vec<u8>,
    },
    /// The connection ends once the response is sent; an empty one is a silent end.
    Rejected {
        /// The whole HTTP response.
        response: Vec<u8>,
    },
}

/// The request head as it arrives.
#[derive(Default, Debug)]
pub struct Handshake {
    received: Vec<u8>,
}

impl Handshake {
    /// Takes more bytes. Each is looked at once until the head is complete.
    pub fn receive(&mut self, bytes: &[u8], policy: &Policy) -> Progress {
        const END: &[u8] = b"\r\n\r\n";
        let searched = self.received.len().saturating_sub(END.len() - 1);
        self.received.extend_from_slice(bytes);
        let end = memchr::memmem::find(&self.received[searched..], END).map(|at| searched + at + END.len());
        match end {
            None if self.received.len() > HEAD_BYTES_MAX => rejected(TOO_LARGE, ""),
            None => Progress::Incomplete,
            Some(end) if end > HEAD_BYTES_MAX => rejected(TOO_LARGE, ""),
            Some(end) => match answer(&self.received[..end], policy) {
                Ok(response) => Progress::Accepted { response, rest: self.received.split_off(end) },
                Err(response) => Progress::Rejected { response },
            },
        }
    }
}

const BAD_REQUEST: &str = "400 Bad Request";
const NOT_FOUND: &str = "404 Not Found";
const METHOD_NOT_ALLOWED: &str = "405 Method Not Allowed";
const UPGRADE_REQUIRED: &str = "426 Upgrade Required";
const TOO_LARGE: &str = "431 Request Header Fields Too Large";

/// The answer to a complete head, good or bad, in the order of P-4.
fn answer(head: &[u8], policy: &Policy) -> Result<Vec<u8>, Vec<u8>> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(head);
    if parsed == Err(httparse::Error::TooManyHeaders) {
        return Err(response(TOO_LARGE, "", ""));
    }
    let (Ok(httparse::Status::Complete(_)), Some(method), Some(target)) =
        (parsed, request.method, request.path)
    else {
        return Err(response(BAD_REQUEST, "", ""));
    };
    let fields = Fields(request.headers);
    let is_path = path(target) == Some(policy.path.as_str());
    let is_upgrade =
        request.version == Some(1) && fields.has_token("connection", "upgrade") && fields.any("upgrade");
    if !is_upgrade {
        // P-10, K-13: plain HTTP gets a proper status.
        return Err(if is_path {
            response(UPGRADE_REQUIRED, "Upgrade: websocket\r\n", "")
        } else {
            response(NOT_FOUND, "", "")
        });
    }
    if !is_path || !fields.is_host_sound() {
        return Err(Vec::new()); // P-6, P-8, P-9: silently
    }
    if !is_origin_allowed(&fields, policy) {
        return Err(b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec());
    }
    if method != "GET" {
        return Err(response(METHOD_NOT_ALLOWED, "", "Invalid HTTP method"));
    }
    let bad = |extra, body| Err(response(BAD_REQUEST, extra, body));
    if !fields.one("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return bad("", "Invalid Upgrade header");
    }
    let Some(key) = fields.one("sec-websocket-key").filter(|key| is_key(key)) else {
        return bad("", "Missing or invalid Sec-WebSocket-Key header");
    };
    if !matches!(fields.one("sec-websocket-version"), Some("13" | "8")) {
        return bad("Sec-WebSocket-Version: 13, 8\r\n", "Missing or invalid Sec-WebSocket-Version header");
    }
    let Ok(protocol) = fields.subprotocol() else {
        return bad("", "Invalid Sec-WebSocket-Protocol header");
    };
    Ok(switching(key, protocol))
}

/// P-12…P-14.
fn switching(key: &str, protocol: Option<&str>) -> Vec<u8> {
    const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let accept = STANDARD.encode(Sha1::new_with_prefix(key).chain_update(MAGIC).finalize());
    let mut out = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
    );
    if let Some(protocol) = protocol {
        out.push_str("Sec-WebSocket-Protocol: ");
        out.push_str(protocol);
        out.push_str("\r\n");
    }
    out.push_str("\r\n");
    out.into_bytes()
}

/// P-5.
fn response(status: &str, extra: &str, body: &str) -> Vec<u8> {
    let body = if body.is_empty() { status.split_once(' ').map_or("", |(_, text)| text) } else { body };
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/html\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn rejected(status: &str, body: &str) -> Progress {
    Progress::Rejected { response: response(status, "", body) }
}

/// The path of a request target without its query; `None` if it is no path.
fn path(target: &str) -> Option<&str> {
    let path = target.split(['?', '#']).next().unwrap_or("");
    (path.starts_with('/') && !path.starts_with("//")).then_some(path)
}

/// 16 bytes in base 64.
fn is_key(key: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix("==").is_some_and(|digits| digits.len() == 22 && digits.bytes().all(is_base64))
}

/// P-7: a request without an origin comes from no browser.
fn is_origin_allowed(fields: &Fields<'_, '_>, policy: &Policy) -> bool {
    let Some(allowed) = &policy.allowed_origins else { return true };
    let mut origins = fields.values("origin").peekable();
    if origins.peek().is_none() {
        return true;
    }
    origins.all(|origin| allowed.iter().any(|allowed| Some(allowed.as_str()) == origin))
}

/// Header fields by lower-case name.
struct Fields<'a, 'h>(&'a [httparse::Header<'h>]);

impl<'h> Fields<'_, 'h> {
    /// The values of all fields of that name, trimmed; `None` for one that is no text.
    fn values(&self, name: &str) -> impl Iterator<Item = Option<&'h str>> {
        self.0
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| std::str::from_utf8(field.value).ok().map(str::trim))
    }

    fn any(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The value, if the field occurs exactly once.
    fn one(&self, name: &str) -> Option<&'h str> {
        let mut values = self.values(name);
        let value = values.next()??;
        values.next().is_none().then_some(value)
    }

    /// Whether a comma-separated list holds the token.
    fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .flatten()
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// P-9: a missing `Host` is accepted, a malformed one is not.
    fn is_host_sound(&self) -> bool {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte);
        self.values("host").all(|host| host.is_some_and(|host| !host.is_empty() && host.bytes().all(legal)))
    }

    /// The first subprotocol offered (P-12), if the list is in order: tokens, no duplicates.
    fn subprotocol(&self) -> Result<Option<&'h str>, ()> {
        let mut offered: Vec<&str> = Vec::new();
        for value in self.values("sec-websocket-protocol") {
            for item in value.ok_or(())?.split(',').map(str::trim) {
                let is_token = !item.is_empty() && item.bytes().all(is_token_byte);
                if !is_token || offered.contains(&item) {
                    return Err(());
                }
                offered.push(item);
            }
        }
        Ok(offered.first().copied())
    }
}

/// RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
