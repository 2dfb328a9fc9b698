//! `noex-loadtest`: parses the options, runs one workload, prints the report.
//!
//! Exit code 0: every answer and push was right. 1: some were not, or the run failed. 2: bad arguments.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use noex_loadtest::args::{Cli, Command, CompareArgs, Options, WorkloadArgs};
use noex_loadtest::report::{Report, compare};
use noex_loadtest::run::{RunError, run};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(workload) => load(&workload),
        Command::Compare(sides) => compare(&sides),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if matches!(error, RunError::Arguments(_)) { 2 } else { 1 })
        }
    }
}

/// Runs a workload; whether nothing was wrong.
fn load(workload: &WorkloadArgs) -> Result<bool, RunError> {
    let report = run(workload)?;
    if workload.options().worker.is_some() {
        print(&report.to_json());
        return Ok(true);
    }
    let report = report.without_counts();
    show(&report, workload.options())?;
    Ok(report.ok)
}

/// Prints the report and writes the files that were asked for.
fn show(report: &Report, options: &Options) -> Result<(), RunError> {
    let json_only = options.json.as_deref() == Some(Path::new("-"));
    print(&if json_only { report.to_json() } else { report.to_text() });
    if let Some(path) = options.json.as_deref().filter(|_| !json_only) {
        write(path, &(report.to_json() + "\n"))?;
    }
    if let Some(path) = &options.csv {
        write(path, &report.to_csv())?;
    }
    if let Some(path) = &options.plot {
        write(path, &report.to_svg())?;
    }
    Ok(())
}

fn compare(sides: &CompareArgs) -> Result<bool, RunError> {
    let (before, after) = (read(&sides.before)?, read(&sides.after)?);
    print(&compare::compare(&before, &after).map_err(RunError::Arguments)?);
    Ok(true)
}

fn read(paths: &[PathBuf]) -> Result<Vec<Report>, RunError> {
    let mut reports = Vec::new();
    for path in paths {
        let failed = |error: String| RunError::Arguments(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        reports.extend(compare::parse(&text).map_err(failed)?);
    }
    Ok(reports)
}

/// A reader that closed the pipe (`| head -1`) has seen what it wanted.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

fn write(path: &Path, text: &str) -> Result<(), RunError> {
    fs::write(path, text).map_err(|error| RunError::Arguments(format!("{}: {error}", path.display())))
}
