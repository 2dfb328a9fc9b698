//! Where a connection really comes from when a proxy stands in between.
//!
//! Only proxies that the operator trusts are believed (P-3): by the PROXY protocol, version 2, in
//! front of the HTTP head, or by the `X-Forwarded-For` header in it. The address found this way is
//! the one that limits count by and that the registry shows.

use ipnet::IpNet;
use ppp::v2::{Addresses, Header, ParseError};
use std::net::IpAddr;

/// The largest PROXY header that is taken, bytes. HAProxy sends 28 to 52 without extensions.
pub const PROXY_BYTES_MAX: usize = 1024;

/// What the first bytes of a connection from a trusted proxy are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Preface {
    /// Too few of them to say.
    Incomplete,
    /// A PROXY header of that length. Without an address the proxy speaks for itself
    /// (`LOCAL`, a health check) or for something that is not IP.
    Complete(usize, Option<IpAddr>),
    /// Something else.
    Malformed,
}

/// Reads the PROXY header at the beginning of `received`.
pub(super) fn preface(received: &[u8]) -> Preface {
    match Header::try_from(received) {
        Ok(header) if header.len() > PROXY_BYTES_MAX => Preface::Malformed,
        Ok(header) => {
            let source = match header.addresses {
                Addresses::IPv4(pair) => Some(IpAddr::V4(pair.source_address)),
                Addresses::IPv6(pair) => Some(IpAddr::V6(pair.source_address)),
                Addresses::Unspecified | Addresses::Unix(_) => None,
            };
            let is_local = header.command == ppp::v2::Command::Local;
            Preface::Complete(header.len(), source.filter(|_| !is_local))
        }
        Err(ParseError::Incomplete(_) | ParseError::Partial(..)) if received.len() <= PROXY_BYTES_MAX => {
            Preface::Incomplete
        }
        Err(_) => Preface::Malformed,
    }
}

/// The proxies that are believed, by address or network.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads addresses (`10.0.0.7`) and networks (`10.0.0.0/8`, `fd00::/8`).
    ///
    /// # Errors
    /// The entry that is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let parsed = entries.into_iter().map(|entry| {
            let address = entry.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| entry.parse()).map_err(|_| entry.to_owned())
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Whether what comes from that address is believed. O(entries).
    pub fn contain(&self, address: IpAddr) -> bool {
        // A dual-stack listener shows IPv4 peers in their mapped form.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind `peer`, by the value of `X-Forwarded-For`: each proxy appends whom it
    /// was asked by, so that the last address that is not itself a trusted proxy is the client.
    /// What stands left of it anybody may have written.
    pub fn client(&self, peer: IpAddr, forwarded_for: &[u8]) -> IpAddr {
        let mut client = peer;
        for hop in super::http::list(forwarded_for).rev() {
            if !self.contain(client) {
                break;
            }
            let hop = std::str::from_utf8(hop).ok().and_then(|hop| hop.parse().ok());
            let Some(hop) = hop else { break };
            client = hop;
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::{Preface, TrustedProxies, preface};
    use ppp::v2::{Builder, Command, Protocol, Version};
    use std::net::{IpAddr, SocketAddr};

    fn header(command: Command) -> Vec<u8> {
        let [source, destination] = ["203.0.113.9:1000", "10.0.0.1:80"].map(|text| text.parse().unwrap());
        let addresses: (SocketAddr, SocketAddr) = (source, destination);
        Builder::with_addresses(Version::Two | command, Protocol::Stream, addresses).build().unwrap()
    }

    #[test]
    fn a_proxy_header_names_the_client_however_it_is_cut() {
        let whole = header(Command::Proxy);
        for cut in 0..whole.len() {
            assert_eq!(preface(&whole[..cut]), Preface::Incomplete, "cut at {cut}");
        }
        let client = "203.0.113.9".parse().ok();
        assert_eq!(preface(&whole), Preface::Complete(whole.len(), client));
        assert_eq!(preface(&[&whole, &b"GET / "[..]].concat()), Preface::Complete(whole.len(), client));
        let local = header(Command::Local);
        assert_eq!(preface(&local), Preface::Complete(local.len(), None));
        assert_eq!(preface(b"\r\nGET / HTTP/1.1\r\n"), Preface::Malformed);
        let mut long = whole.clone();
        long[14..16].copy_from_slice(&60_000_u16.to_be_bytes());
        long.resize(2_000, 0);
        assert_eq!(preface(&long), Preface::Malformed);
    }

    #[test]
    fn the_last_untrusted_address_is_the_client() {
        // P-3: without trust nothing is believed.
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = TrustedProxies::parse(["10.0.0.0/8", "::1"]).unwrap();
        for (peer, header, client) in [
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "1.1.1.1, 198.51.100.1 ,10.9.9.9", "198.51.100.1"),
            ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "1.1.1.1, nonsense", "10.0.0.1"),
            ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
            ("::1", "2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(trusted.client(address(peer), header.as_bytes()), address(client), "{peer} {header}");
        }
        assert_eq!(TrustedProxies::parse(["10.0.0.0/33"]), Err("10.0.0.0/33".into()));
    }
}
