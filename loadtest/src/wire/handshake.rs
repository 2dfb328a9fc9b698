//! The opening handshake (RFC 6455 §4.1), client side.

use crate::url::Url;

/// The nonce of every handshake, from RFC 6455 §1.3.
///
/// It proves that the answer comes from a WebSocket server, which a constant does as well; it protects nothing.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What a server must make of the nonce that [`request`] sends.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The longest answer head that is accepted, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The upgrade request for `url`.
pub fn request(url: &Url) -> String {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n",
        url.target(),
        url.authority()
    )
}

/// Looks for the end of the answer's head in `bytes`; frames begin at the returned index.
///
/// `None` if more bytes are needed.
///
/// # Errors
/// The server does not upgrade; the text says what it answered.
pub fn parse_answer(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        if bytes.len() > HEAD_BYTES_MAX {
            return Err("the answer to the handshake does not end".to_owned());
        }
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(format!("the server refuses the handshake: {status}"));
    }
    let accepted = lines
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT);
    if !accepted {
        return Err("the server's Sec-WebSocket-Accept is missing or wrong".to_owned());
    }
    Ok(Some(end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_line_and_host() {
        let text = request(&"ws://h:1/ws?a".parse().unwrap());
        assert!(text.starts_with("GET /ws?a HTTP/1.1\r\nHost: h:1\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"));
    }

    #[test]
    fn answers() {
        let good = format!("HTTP/1.1 101 Switching\r\nsec-websocket-ACCEPT: {ACCEPT}\r\n\r\n\x01");
        let good = good.as_bytes();
        for cut in 0..good.len() - 1 {
            assert_eq!(parse_answer(&good[..cut]), Ok(None));
        }
        assert_eq!(parse_answer(good), Ok(Some(good.len() - 1)));
        assert!(parse_answer(b"HTTP/1.1 403 Forbidden\r\n\r\n").unwrap_err().contains("403"));
        assert!(parse_answer(b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: no\r\n\r\n").is_err());
        assert!(parse_answer(&vec![b'x'; HEAD_BYTES_MAX + 1]).is_err());
    }
}
