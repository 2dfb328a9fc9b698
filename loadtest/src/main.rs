//! `noex-loadtest`: parses the options, runs one workload, prints the report.
//!
//! Exit code 0: every answer and push was right. 1: some were not, or the run failed. 2: bad arguments.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use noex_loadtest::args::Cli;
use noex_loadtest::run::{RunError, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let options = cli.workload.options();
    match run(&cli.workload) {
        Ok(report) => {
            let text = if options.json { report.to_json() } else { report.to_text() };
            // A reader that closed the pipe (`| head -1`) has seen what it wanted.
            let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
            if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if matches!(error, RunError::Arguments(_)) { 2 } else { 1 })
        }
    }
}
