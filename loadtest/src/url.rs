//! The server's address: `ws://host[:port][/path]`.

use std::fmt;
use std::str::FromStr;

/// A parsed `ws://` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Host without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// Path and query, beginning with `/`.
    target: String,
}

impl Url {
    /// Host and port as a socket address is looked up.
    pub fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// `host:port` as the `Host` header has it.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Path and query: what the request line asks for.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}{}", self.authority(), self.target)
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("wss://") {
            return Err("wss:// is not supported: address the server behind its TLS proxy".to_owned());
        }
        let rest = text.strip_prefix("ws://").ok_or("expected ws://host[:port][/path]")?;
        // A space or line break would end up in the request line.
        if rest.chars().any(|c| c.is_ascii_control() || c == ' ' || c == '#') || !rest.is_ascii() {
            return Err("spaces, control characters, fragments and non-ASCII are not allowed".to_owned());
        }
        let target_at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(target_at);
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let (host, port) = split_authority(authority)?;
        if host.is_empty() || host.contains('@') {
            return Err("expected a host name or address".to_owned());
        }
        let port = match port {
            None => 80,
            Some(text) => match text.parse() {
                Ok(0) | Err(_) => return Err(format!("invalid port \"{text}\"")),
                Ok(port) => port,
            },
        };
        Ok(Self { host: host.to_owned(), port, target })
    }
}

/// Host and port text of an authority; the brackets of an IPv6 address are removed.
fn split_authority(authority: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("missing ] after the IPv6 address")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("unexpected text after ]".to_owned()),
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => Err("put an IPv6 address in brackets".to_owned()),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted() {
        for (text, full) in [
            ("ws://localhost", "ws://localhost:80/"),
            ("ws://127.0.0.1:8080/ws?a=b", "ws://127.0.0.1:8080/ws?a=b"),
            ("ws://h?x", "ws://h:80/?x"),
            ("ws://[::1]:9/", "ws://[::1]:9/"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), full);
        }
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "h:1",
            "wss://h",
            "ws://",
            "ws://:1",
            "ws://h:0",
            "ws://h:x",
            "ws://h:70000",
            "ws://::1",
            "ws://[::1",
            "ws://h/ a",
            "ws://u@h",
            "ws://h/#f",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
