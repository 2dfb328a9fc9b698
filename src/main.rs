//! The program: what was asked for, a server, its end.

use noex_server::cli::{self, Command, Config};
use noex_server::shell::{self, Options, Server};
use std::io::{self, Write};
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let outcome = match cli::parse(std::env::args_os()) {
        Ok(Command::Help(text) | Command::Version(text) | Command::CheckConfig(text)) => print(&text),
        Ok(Command::Run(config)) => run(&config),
        Err(failure) => {
            failure.lines.iter().for_each(|line| eprintln!("{line}"));
            return ExitCode::FAILURE;
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Fatal: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or SIGINT (P-197, P-198).
fn run(config: &Config) -> io::Result<()> {
    // Before any thread exists: they all inherit it.
    shell::block_signals()?;
    let filter = EnvFilter::try_new(&config.log).map_err(io::Error::other)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let descriptors = shell::raise_descriptor_limit()?;
    let options = Options {
        address: (config.host.as_str(), config.port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::other(format!("no address for host {}", config.host)))?,
        shards: u16::try_from(config.shards).map_err(io::Error::other)?,
        pin_cores: config.pin_cores,
        tuning: config.tuning,
    };
    let server = Server::start(&config.settings, &options)?;
    // From here on a reader of our output who has left is no reason to fail, least of all to
    // leave without telling the clients.
    if let Some(warning) = cli::rate_limit_warning(config) {
        let _ = writeln!(io::stderr(), "{warning}");
    }
    tracing::info!(shards = options.shards, pinned = options.pin_cores, descriptors, "serving");
    let _ = print(&cli::banner(config, server.address().port()));
    shell::wait_for_signal()?;
    let _ = print("\nShutting down...\n");
    // Who asks twice does not want to wait for clients.
    std::thread::spawn(|| shell::wait_for_signal().map(|_| std::process::exit(0)));
    server.stop(config.grace_period_ms);
    Ok(())
}

/// Prints to standard output at once, also when it is a pipe.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
