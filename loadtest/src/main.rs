//! `noex-loadtest`: parses the options, runs one workload, prints the report.
//!
//! Exit code 0: every answer and push was right. 1: some were not, or the run failed. 2: bad arguments.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use noex_loadtest::args::Cli;
use noex_loadtest::report::Report;
use noex_loadtest::run::{RunError, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = run(&cli.workload).and_then(|report| {
        show(&report, cli.workload.options().json.as_deref())?;
        Ok(report.ok)
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if matches!(error, RunError::Arguments(_)) { 2 } else { 1 })
        }
    }
}

/// Prints the report and writes the files that were asked for.
fn show(report: &Report, json: Option<&Path>) -> Result<(), RunError> {
    let instead_of_text = json.is_some_and(|path| path == Path::new("-"));
    let text = if instead_of_text { report.to_json() } else { report.to_text() };
    // A reader that closed the pipe (`| head -1`) has seen what it wanted.
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
    if let Some(path) = json.filter(|_| !instead_of_text) {
        write(path, &report.to_json())?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), RunError> {
    fs::write(path, format!("{text}\n"))
        .map_err(|error| RunError::Arguments(format!("{}: {error}", path.display())))
}
