//! An echo peer on the server's own WebSocket code, for the Autobahn fuzzing client: the product
//! itself answers requests and refuses binary messages, so that it cannot be fuzzed as an echo.
//!
//! `cargo run --example autobahn-echo` listens on 127.0.0.1:9001, or on the address given.

use noex_server::wire::{
    CloseCode, Decoder, Handshake, Input, Limits, Message, Opcode, Policy, Progress, encoder, frame,
};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// As many bytes as Autobahn's largest message has, and as many fragments.
const LIMITS: Limits = Limits { payload_bytes_max: 16 << 20, fragments_max: 1 << 20, keeps_binary: true };

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || {
            // A fuzzing client breaks connections on purpose.
            let _ = serve(stream);
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut out = Vec::new();
    let mut handshake = Some(Handshake::default());
    let mut decoder = Decoder::new();
    loop {
        let mut count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut from = 0;
        if let Some(greeting) = &mut handshake {
            match greeting.receive(&buffer[..count], &Policy { path: "/".into(), allowed_origins: None }) {
                Progress::Incomplete => continue,
                Progress::Accepted { response, consumed, .. } => {
                    stream.write_all(&response)?;
                    from = consumed;
                    handshake = None;
                }
                Progress::Plain { response, .. } | Progress::Rejected { response } => {
                    return stream.write_all(&response);
                }
            }
        }
        count -= from;
        let goes_on = echo(&mut decoder, &mut buffer[from..from + count], &mut out);
        stream.write_all(&out)?;
        out.clear();
        if !goes_on {
            stream.shutdown(Shutdown::Write)?;
            while stream.read(&mut buffer)? > 0 {}
            return Ok(());
        }
    }
}

/// Answers everything that has arrived; false = the connection is closed.
fn echo(decoder: &mut Decoder, bytes: &mut [u8], out: &mut Vec<u8>) -> bool {
    let mut input = Input::new(bytes);
    loop {
        match decoder.next(&mut input, &LIMITS) {
            Ok(None) => return true,
            Ok(Some(Message::Text(text))) => encoder::text(out, text.as_bytes()),
            Ok(Some(Message::Binary(payload))) => {
                out.extend_from_slice(frame::header(Opcode::Binary, payload.len()).as_ref());
                out.extend_from_slice(payload);
            }
            Ok(Some(Message::Ping(payload))) => encoder::pong(out, payload),
            Ok(Some(Message::Pong(_))) => {}
            Ok(Some(Message::Close(close))) => {
                let (code, reason) = close.map_or((None, ""), |(code, reason)| (Some(code), reason));
                encoder::close(out, code, reason);
                return false;
            }
            Err(violation) => {
                let code: CloseCode = violation.close_code();
                encoder::close(out, Some(code), "");
                return false;
            }
        }
    }
}
