//! One run from set-up to report.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::args::{Options, WorkloadArgs};
use crate::driver::Driver;
use crate::lane::{Lane, Shared};
use crate::machine;
use crate::report::{Measured, Report, ServerMeasured, Setting};
use crate::server_process::ServerProcess;
use crate::session::{CallError, Session};
use crate::tally::Fault;
use crate::workload::{self, Counted, Workload};

/// Why a run has no report.
#[derive(Debug)]
pub enum RunError {
    /// An argument names what does not exist here: a core, a process.
    Arguments(String),
    /// The server does not let the workload be set up, or its final state cannot be read.
    Server(String),
    /// The machine ended the run, or all connections have ended.
    Io(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(text) | Self::Server(text) => f.write_str(text),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs the workload and returns its figures.
///
/// Blocks for set-up, warm-up and duration, and for at most the operator's patience at the end.
///
/// # Errors
/// See [`RunError`]. Wrong answers are no error here: the report tells them.
pub fn run(args: &WorkloadArgs) -> Result<Report, RunError> {
    let options = args.options();
    let server = observe_server(options)?;
    if let Some(core) = options.core {
        machine::pin(core).map_err(|error| RunError::Arguments(format!("--core {core}: {error}")))?;
    }
    let mut plan = workload::plan(args);
    let mut driver = prepare(plan.as_mut(), options)?;

    driver.start();
    driver.run_for(options.warmup)?;
    let measured = measure(&mut driver, options.duration, server.as_ref())?;
    driver.drain(options.patience)?;
    let state = plan.final_state().map_err(|error| RunError::Server(format!("the final state: {error}")))?;
    if let Some(state) = state {
        driver.settle(&state, options.patience)?;
    }

    let tally = driver.tally();
    if plan.counted() == Counted::Pushes && !tally.any_push() {
        tally
            .fault(Fault::Missing, 1, || "no push was delivered: does the query show the record?".to_owned());
    }
    let setting = Setting {
        workload: args.name(),
        url: options.url.to_string(),
        connections: options.connections,
        in_flight: options.in_flight,
    };
    Ok(Report::new(setting, plan.counted(), &measured, tally))
}

fn observe_server(options: &Options) -> Result<Option<ServerProcess>, RunError> {
    let Some(pid) = options.server_pid else { return Ok(None) };
    match ServerProcess::observe(pid) {
        Ok(process) => Ok(Some(process)),
        Err(error) => Err(RunError::Arguments(format!("--server-pid {pid}: {error}"))),
    }
}

/// Opens all connections and gives them their roles.
fn prepare(plan: &mut dyn Workload, options: &Options) -> Result<Driver, RunError> {
    let limit = machine::raise_descriptor_limit();
    let mut shared = Shared::new(options.in_flight);
    let mut lanes = Vec::new();
    for index in 0..plan.lanes() {
        let failed = |error: CallError| {
            let limit = limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
            let hint = match &error {
                CallError::Io(error)
                    if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) =>
                {
                    format!(" (this process may open {limit} descriptors)")
                }
                _ => String::new(),
            };
            RunError::Server(format!("connection {index} to {}: {error}{hint}", options.url))
        };
        let mut session = Session::open(options).map_err(failed)?;
        let role = plan.role(index, &mut session).map_err(failed)?;
        lanes.push(Lane::new(session, role, &mut shared)?);
    }
    Ok(Driver::new(lanes, shared)?)
}

/// Runs the measured phase.
fn measure(
    driver: &mut Driver,
    duration: Duration,
    server: Option<&ServerProcess>,
) -> Result<Measured, RunError> {
    let server_cpu = || server.map(ServerProcess::cpu_time).transpose();
    let (server_before, client_before) = (server_cpu()?, machine::thread_cpu_time());
    driver.tally().record(true);
    let elapsed = driver.run_for(duration)?;
    driver.tally().record(false);
    let (server_after, client_after) = (server_cpu()?, machine::thread_cpu_time());
    let server = match (server, server_before, server_after) {
        (Some(server), Some(before), Some(after)) => Some(ServerMeasured {
            // The time of threads that end in between is lost.
            cpu: after.saturating_sub(before),
            source: server.source(),
            resident_bytes: server.resident_bytes()?,
        }),
        _ => None,
    };
    Ok(Measured { elapsed, client_cpu: client_after.saturating_sub(client_before), server })
}
