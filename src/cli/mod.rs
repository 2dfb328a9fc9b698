//! What the operator types: flags as typed → configuration as meant, once (01 §21).
//!
//! [`parse`] reads the command line (`flags`), then the configuration file it names
//! (`toml_file`, or `json_file` for the reference's format) into a `layer`, and puts the
//! two together (`resolve`). Whatever is wrong ends here, with the text for standard
//! error; nobody behind this module meets a value that has not been checked.

mod flags;
mod json_file;
mod layer;
mod limit_flags;
mod report;
mod resolve;
mod toml_file;
mod tuning;
mod unsupported;

pub use report::{banner, rate_limit_warning};

use crate::node::Settings;
use crate::shell::Tuning;
use flags::Flags;
use layer::Layer;
use std::ffi::OsString;
use std::path::Path;

/// What the program is asked to do. Texts go to standard output as they are, line ends
/// included; exit status 0.
#[derive(Debug)]
pub enum Command {
    /// Print how to use it.
    Help(String),
    /// Print which version it is.
    Version(String),
    /// The configuration is valid; print what it amounts to.
    CheckConfig(String),
    /// Serve.
    Run(Box<Config>),
}

/// A configuration as meant.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub host: String,
    /// TCP port; 0 = a free one.
    pub port: u16,
    /// Shards, 1 to [`CORES_MAX`](crate::base::limits::CORES_MAX), one thread each.
    pub shards: usize,
    /// Whether each shard's thread is pinned to a core.
    pub pin_cores: bool,
    /// The finer points of the shell.
    pub tuning: Tuning,
    /// What clients get to leave on shutdown, milliseconds.
    pub grace_period_ms: u64,
    /// What to log: a `tracing` filter, known to be valid.
    pub log: String,
    /// What the pure half is told.
    pub settings: Settings,
}

/// Why nothing was done: lines for standard error; exit status 1 (P-193, P-194).
#[derive(PartialEq, Eq, Debug)]
pub struct Failure {
    /// Without line ends.
    pub lines: Vec<String>,
}

/// A value, or what was written instead of one, for the message.
type Typed<T> = Result<T, String>;

/// Reads the command line, the program's own name first, and the file it names (P-191).
///
/// # Errors
/// Everything that is wrong, as far as it can be told at once.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Command, Failure> {
    let flags = flags::parse(args)?;
    if flags.help {
        return Ok(Command::Help(flags::help()));
    }
    if flags.version {
        return Ok(Command::Version(format!("{}\n", report::VERSION)));
    }
    // Respects the affinity mask and the quota of a container.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let file = flags.config.as_deref().map(|path| load(path, &flags, cores)).transpose()?;
    let config = resolve::resolve(&flags, file.unwrap_or_default(), cores)?;
    if flags.check_config {
        return Ok(Command::CheckConfig(report::checked(&config, flags.config.as_deref())));
    }
    Ok(Command::Run(Box::new(config)))
}

/// Reads a configuration file; its extension says in which language (P-188, K-15).
fn load(path: &Path, flags: &Flags, cores: usize) -> Result<Layer, Failure> {
    let shown = path.display().to_string();
    let failure = |reason: &dyn std::fmt::Display| format!("Error loading config file: {shown}: {reason}");
    let bytes = std::fs::read(path).map_err(|error| Failure { lines: vec![failure(&error)] })?;
    let text = String::from_utf8(bytes).map_err(|_| Failure { lines: vec![failure(&"not valid UTF-8")] })?;
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        let shards = toml_file::Shards {
            typed: resolve::typed_shards(flags),
            default: resolve::default_shards(cores),
        };
        return toml_file::read(&shown, &text, shards).map_err(|lines| Failure { lines });
    }
    let reasons = |reasons: Vec<String>| reasons.iter().map(|reason| failure(reason)).collect();
    json_file::read(&text).map_err(|errors| Failure { lines: reasons(errors) })
}

#[cfg(test)]
mod tests;
