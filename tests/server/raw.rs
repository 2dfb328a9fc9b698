//! A client that does what it likes: bytes on a TCP stream.

use crate::DEADLINE;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A TCP connection without manners.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a listening server");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        Self(stream)
    }

    /// Connects, upgrades and takes the welcome.
    pub(crate) fn upgraded(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address);
        raw.send(UPGRADE);
        assert!(raw.head().starts_with("HTTP/1.1 101 "));
        let (opcode, welcome) = raw.frame();
        assert!(opcode == 1 && welcome.starts_with(b"{\"type\":\"welcome\""));
        raw
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("a connection");
    }

    /// The head of the HTTP response.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.take::<1>());
        }
        String::from_utf8(head).expect("ASCII")
    }

    /// The next frame of the server: opcode and payload.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let [first, length] = self.take::<2>();
        assert!(first & 0xf0 == 0x80 && length < 128, "whole, plain and unmasked");
        let length = match length {
            126 => usize::from(u16::from_be_bytes(self.take())),
            127 => usize::try_from(u64::from_be_bytes(self.take())).expect("64 bits"),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).expect("a payload");
        (first & 0xf, payload)
    }

    /// The server's Close frame, past everything else.
    pub(crate) fn closed(&mut self) -> (u16, String) {
        loop {
            let (opcode, payload) = self.frame();
            if opcode == 8 {
                let (code, reason) = payload.split_first_chunk().expect("a code");
                return (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("UTF-8"));
            }
        }
    }

    /// Everything up to the server's end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("an orderly end");
        rest
    }

    /// Vanishes: the server gets a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).expect("an option");
    }

    /// Vanishes when the server's system has taken everything that was sent.
    pub(crate) fn reset_when_delivered(self) {
        let port = format!(":{:04X} ", self.0.local_addr().expect("an address").port());
        let is_delivered = || {
            let table = std::fs::read_to_string("/proc/net/tcp").expect("a table of connections");
            let mut mine =
                table.lines().filter(|line| line.get(..24).is_some_and(|start| start.contains(&port)));
            mine.all(|line| {
                line.split_whitespace().nth(4).is_some_and(|queues| queues.starts_with("00000000:"))
            })
        };
        let begin = std::time::Instant::now();
        while !is_delivered() {
            assert!(begin.elapsed() < DEADLINE, "the server does not read");
        }
        self.reset();
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).expect("bytes before the deadline");
        bytes
    }
}

/// A client's frame, masked; `first` has the FIN bit and the opcode.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let payload = payload.as_ref();
    let mut frame = header(first, payload.len() as u64);
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The header of a client's frame, without the masking key.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    if let Ok(length) = u8::try_from(length)
        && length < 126
    {
        header.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(length) {
        header.push(0x80 | 126);
        header.extend(length.to_be_bytes());
    } else {
        header.push(0x80 | 127);
        header.extend(length.to_be_bytes());
    }
    header
}

/// A client's text frame.
pub(crate) fn text(text: &str) -> Vec<u8> {
    masked(0x81, text)
}
