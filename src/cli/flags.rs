//! The command line as typed (P-188): nothing is judged here but its grammar.

use super::limit_flags::LimitFlags;
use super::{Failure, unsupported};
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// A sharded, thread-per-core JSON-over-WebSocket data server.
///
/// Numbers are kept as text, because what is wrong with them is reported together with
/// everything else that is wrong (P-193). No `Debug`: it holds a secret (K-14).
#[derive(Parser, Default)]
#[command(
    name = "noex-server",
    about = "A sharded, thread-per-core JSON-over-WebSocket data server",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    max_term_width = 100
)]
pub(super) struct Flags {
    /// TCP port; 0 takes a free one [default: 8080]
    #[arg(short, long, value_name = "PORT", allow_negative_numbers = true)]
    pub(super) port: Option<String>,
    /// Address to listen on [default: 0.0.0.0]
    #[arg(short = 'H', long, value_name = "ADDRESS")]
    pub(super) host: Option<String>,
    /// Configuration: a .toml file, or the JSON file of the reference implementation
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Name shown in statistics [default: noex-server]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// WebSocket path [default: /]
    #[arg(long, value_name = "PATH")]
    pub(super) path: Option<String>,
    /// Shards, one thread each [default: the cores available]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) shards: Option<String>,
    /// Pin each shard to a core [default if there are enough cores]
    #[arg(long, overrides_with = "no_pin_cores")]
    pub(super) pin_cores: bool,
    /// Let the operating system move shards between cores
    #[arg(long)]
    pub(super) no_pin_cores: bool,
    /// Time that clients get to leave on shutdown, milliseconds [default: 0]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub(super) grace_period: Option<String>,
    /// What to log, as a tracing filter [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(super) log: Option<String>,
    /// Where data is kept: memory, file or sqlite [default: memory]
    #[arg(long, value_name = "TYPE")]
    pub(super) persistence: Option<String>,
    /// Directory of `--persistence file` [default: ./data]
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) data_dir: Option<String>,
    /// File of `--persistence sqlite` [default: ./noex.db]
    #[arg(long, value_name = "FILE")]
    pub(super) db: Option<String>,
    /// Switch on built-in identity
    #[arg(long)]
    pub(super) auth: bool,
    /// Secret of the built-in administrator
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub(super) admin_secret: Option<String>,
    /// Run without a rule engine
    #[arg(long)]
    pub(super) no_rules: bool,
    /// Switch on the audit log
    #[arg(long)]
    pub(super) audit: bool,
    /// Leave `details` out of errors
    #[arg(long)]
    pub(super) no_error_details: bool,
    /// Origins that browsers may come from, separated by commas [default: any]
    #[arg(long, value_name = "LIST")]
    pub(super) allowed_origins: Option<String>,
    /// Proxies whose word on a client's address counts, by address or network, separated by
    /// commas [default: none]
    #[arg(long, value_name = "LIST")]
    pub(super) trusted_proxies: Option<String>,
    #[command(flatten)]
    pub(super) limits: LimitFlags,
    #[command(flatten)]
    pub(super) tuning: TuningFlags,
    /// Check the configuration and exit
    #[arg(long)]
    pub(super) check_config: bool,
    /// Print this help
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) help: bool,
    /// Print the version
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) version: bool,
}

/// The finer points, see `shell::Tuning`.
#[derive(clap::Args, Default)]
pub(super) struct TuningFlags {
    /// Operations that one turn of a core hands to the kernel at once [default: 1024]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Tuning")]
    pub(super) ring_entries: Option<String>,
    /// How long a core looks for mail before it sleeps, microseconds [default: 0]
    #[arg(long, value_name = "US", allow_negative_numbers = true, help_heading = "Tuning")]
    pub(super) spin_us: Option<String>,
    /// Mail that a core handles before its connections get their turn [default: 256]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Tuning")]
    pub(super) turn_budget: Option<String>,
    /// Send buffer of a client's socket; 0 = the system's [default: 0]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, help_heading = "Tuning")]
    pub(super) send_buffer_bytes: Option<String>,
    /// Receive buffer of a client's socket; 0 = the system's [default: 0]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, help_heading = "Tuning")]
    pub(super) receive_buffer_bytes: Option<String>,
}

/// Reads the arguments, the program's own name first as the operating system gives it.
///
/// # Errors
/// The two lines of P-194 for a bad command line.
pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Flags, Failure> {
    Flags::try_parse_from(args).map_err(|error| {
        // clap appends tips and a usage text; the protocol of P-194 is one line.
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = match error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "missing argument",
            _ => first.strip_prefix("error: ").unwrap_or(first),
        };
        Failure {
            lines: vec![
                format!("Error: {message}"),
                "Run \"noex-server --help\" for usage information.".into(),
            ],
        }
    })
}

/// The usage text of `--help`.
pub(super) fn help() -> String {
    let missing = unsupported::names().join(", ");
    let after = format!(
        "The command line overrides the configuration file, which overrides the defaults.\n\
         Not supported by this version: {missing}."
    );
    Flags::command().after_help(after).render_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::{Flags, help, parse};
    use std::ffi::OsString;

    fn flags(line: &str) -> Result<Flags, Vec<String>> {
        let args = std::iter::once("noex-server").chain(line.split_whitespace()).map(OsString::from);
        parse(args).map_err(|failure| failure.lines)
    }

    #[test]
    fn every_option_of_the_reference_is_taken() {
        // P-188
        let all = "-p 1 -H h -c f --name n --persistence file --data-dir d --db x --auth --admin-secret s \
                   --no-rules --audit --no-error-details --allowed-origins a,b --max-connections-per-ip 2 -h -v";
        let flags = flags(all).unwrap_or_else(|lines| panic!("{lines:?}"));
        assert_eq!((flags.port.as_deref(), flags.host.as_deref()), (Some("1"), Some("h")));
        assert!(flags.auth && flags.audit && flags.no_rules && flags.no_error_details);
        assert!(flags.help && flags.version);
    }

    #[test]
    fn a_bad_command_line_is_two_lines() {
        // P-188, P-194
        for (line, message) in [
            ("serve", "Error: unexpected argument 'serve' found"),
            ("--prot 1", "Error: unexpected argument '--prot' found"),
            ("--port", "Error: a value is required for '--port <PORT>' but none was supplied"),
            ("--auth=yes", "Error: unexpected value 'yes' for '--auth' found; no more were expected"),
            ("--help extra", "Error: unexpected argument 'extra' found"),
        ] {
            let lines = flags(line).err().expect(line);
            assert_eq!(lines, [message, "Run \"noex-server --help\" for usage information."], "{line}");
        }
    }

    #[test]
    fn the_last_of_repeated_options_counts() {
        let flags = flags("--port 1 --port -2 --pin-cores --no-pin-cores --no-pin-cores --pin-cores")
            .unwrap_or_else(|lines| panic!("{lines:?}"));
        assert_eq!(flags.port.as_deref(), Some("-2"));
        assert!(flags.pin_cores && !flags.no_pin_cores);
    }

    #[test]
    fn the_help_names_every_option() {
        let help = help();
        for option in [
            "--port",
            "--config",
            "--shards",
            "--no-pin-cores",
            "--check-config",
            "--log",
            "--version",
            "version: --auth",
        ] {
            assert!(help.contains(option), "{option} in {help}");
        }
    }

    #[test]
    fn text_that_is_not_unicode_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let args = ["noex-server", "--name"].map(OsString::from).into_iter();
        let lines = parse(args.chain([OsString::from_vec(vec![0xff])])).err().expect("an error").lines;
        assert_eq!(lines[0], "Error: invalid UTF-8 was detected in one or more arguments");
    }
}
