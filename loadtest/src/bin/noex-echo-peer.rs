//! `noex-echo-peer`: the stand-in server as a process, to find the load generator's own ceiling.
//!
//! Prints its address and process id, then serves until it is killed.

use std::io;
use std::net::TcpListener;

use clap::Parser;
use noex_loadtest::peer;

/// Stand-in server for noex-loadtest: answers from a tiny table, on one thread.
#[derive(Debug, Parser)]
#[command(name = "noex-echo-peer", version)]
struct Cli {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Pin the serving thread to one core
    #[arg(long, value_name = "N")]
    core: Option<usize>,
}

fn main() -> io::Result<()> {
    let cli = Cli::parse();
    noex_loadtest::machine::raise_descriptor_limit();
    let listener = TcpListener::bind(("127.0.0.1", cli.port))?;
    let address = peer::spawn(listener, cli.core, None)?;
    println!("ws://{address}/ pid {}", std::process::id());
    loop {
        std::thread::park();
    }
}
