//! A proxy that passes everything on, except for one lie about what the server said.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use memchr::memmem;
use noex_loadtest::wire::frame::{self, Opcode};

/// What becomes of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    /// It is not delivered.
    Drop,
    /// Neither it nor what follows it on its connection is delivered.
    Silence,
    /// It is delivered twice.
    Twice,
    /// It is delivered after the next one of its kind.
    Swap,
    /// A text in it is another one.
    Replace(&'static str, &'static str),
    /// Its data are those of the first of its kind.
    Replay,
}

/// Which message the lie is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    /// What a message of the kind has in it.
    pub(crate) kind: &'static str,
    /// Which of its kind, counted from 1 over all connections.
    pub(crate) at: u64,
}

/// Serves `server` under another address, in threads that end with their connections.
pub(crate) fn lie(server: SocketAddr, occasion: Occasion, lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(server) else { return };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            pass_on(client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            let liar =
                Liar { occasion, lie, seen: Arc::clone(&seen), kept: None, first: None, silent: false };
            thread::spawn(move || liar.run(server, client));
        }
    });
    address
}

/// Passes requests on as they are.
fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

struct Liar {
    occasion: Occasion,
    lie: Lie,
    /// Messages of the kind so far, over all connections.
    seen: Arc<AtomicU64>,
    /// A message that waits for the next one.
    kept: Option<Vec<u8>>,
    first: Option<Vec<u8>>,
    silent: bool,
}

impl Liar {
    fn run(mut self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = Vec::new();
        let mut upgraded = false;
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..length]);
            let (mut out, mut used) = (Vec::new(), 0);
            if !upgraded && let Some(end) = memmem::find(&bytes, b"\r\n\r\n") {
                upgraded = true;
                used = end + 4;
                out.extend_from_slice(&bytes[..used]);
            }
            while upgraded && let Ok(Some(frame)) = frame::parse(&bytes[used..]) {
                let whole = &bytes[used..used + frame.payload.end];
                let text = &whole[frame.payload.start..];
                match frame.opcode {
                    Opcode::Text => self.text(text, &mut out),
                    _ => out.extend_from_slice(whole),
                }
                used += frame.payload.end;
            }
            bytes.drain(..used);
            if to.write_all(&out).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut say = |text: &[u8]| frame::append(out, Opcode::Text, None, text);
        if memmem::find(text, self.occasion.kind.as_bytes()).is_none() {
            return say(text);
        }
        let due = self.seen.fetch_add(1, Ordering::Relaxed) + 1 == self.occasion.at;
        let first = self.first.get_or_insert_with(|| text.to_vec());
        match self.lie {
            _ if self.silent => {}
            _ if !due => {
                say(text);
                if let Some(kept) = self.kept.take() {
                    say(&kept);
                }
            }
            Lie::Drop => {}
            Lie::Silence => self.silent = true,
            Lie::Twice => {
                say(text);
                say(text);
            }
            Lie::Swap => self.kept = Some(text.to_vec()),
            Lie::Replace(from, to) => {
                let told = String::from_utf8_lossy(text).replacen(from, to, 1);
                assert_ne!(told.as_bytes(), text, "a lie");
                say(told.as_bytes());
            }
            Lie::Replay => {
                let data = |text: &[u8]| memmem::find(text, b"\"data\":").expect("data");
                say(&[&text[..data(text)], &first[data(first)..]].concat());
            }
        }
    }
}
