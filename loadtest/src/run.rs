//! One run from set-up to report.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::args::{Options, WorkloadArgs};
use crate::definitions;
use crate::dial::Dialer;
use crate::driver::{Driver, Load};
use crate::lane::{Lane, Shared};
use crate::machine;
use crate::observer::Observer;
use crate::processes;
use crate::report::{Measured, Report, Setting};
use crate::rounds;
use crate::session::{CallError, Control, Session};
use crate::spawn::SpawnedServer;
use crate::storm::Storm;
use crate::tally::{Counted, Fault, Tally};
use crate::timeline::Timeline;
use crate::workload::{self, Workload};

/// Connections of no use to the workload that are opened and closed for one that is: one in two is on a
/// given shard of two, one in eight of eight.
const TRIES_MAX: usize = 200;

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
/// Starts and stops the server if it is told to. Blocks for set-up, warm-up and duration, and for at most the
/// operator's patience at each end.
///
/// # Errors
/// See [`RunError`]. Wrong answers are no error here: the report tells them.
pub fn run(args: &WorkloadArgs) -> Result<Report, RunError> {
    let mut args = args.clone();
    let options = args.options_mut();
    if let Some(share) = options.worker {
        options.connections = share.count;
        options.rate = options.rate.map(|rate| rate / share.workers as f64);
        // The first process has started the server.
        options.spawn = None;
        return load(&args);
    }
    if options.spawn.is_some() && options.server_pid.is_some() {
        return Err(RunError::Arguments(
            "--spawn knows the server's process: leave --server-pid out".to_owned(),
        ));
    }
    let load = if options.processes > 1 { processes::run } else { load };
    let Some(command) = options.spawn.take() else { return load(&args) };
    let (mut server, url) =
        SpawnedServer::start(&command, &options.url, options.patience).map_err(RunError::Server)?;
    (options.url, options.server_pid) = (url, Some(server.pid()));
    load(&args).map_err(|error| match server.obituary() {
        Some(obituary) => RunError::Server(format!("{error}\n{obituary}")),
        None => error,
    })
}

/// Loads a server that runs.
fn load(args: &WorkloadArgs) -> Result<Report, RunError> {
    let options = args.options();
    if let Some(core) = options.core {
        machine::pin(core).map_err(|error| RunError::Arguments(format!("--core {core}: {error}")))?;
    }
    let mut observer = Observer::new(options.server_pid, options.worker.is_none())?;
    let Some(mut plan) = workload::plan(args) else { return storm(args, observer) };
    let opened = open(plan.as_mut(), options, &mut observer)?;
    let mut driver = opened.driver;
    if options.worker.is_some() {
        processes::wait_for_the_others()?;
    }

    driver.start();
    run_phase(&mut driver, "warm-up", options.warmup, Duration::ZERO, &mut observer)?;
    let mut notes = Vec::new();
    let measured = match opened.measured {
        Some(mut measured) => {
            run_phase(&mut driver, "hold", options.duration, Duration::ZERO, &mut observer)?;
            observer.remember_memory(&mut measured)?;
            measured
        }
        None if plan.stalled() > 0 => {
            let rounds = rounds::run(plan.as_mut(), options, &opened.dialer, &mut driver, &mut observer)?;
            notes = rounds.notes();
            rounds.measured
        }
        None => measure(&mut driver, options.duration, Duration::ZERO, &mut observer)?,
    };
    driver.drain(options.patience)?;
    conclude(plan.as_mut(), options, &opened.dialer, &mut driver)?;

    let mut report = Report::new(setting(args), &measured, driver.tally());
    notes.extend(plan.notes());
    report.notes.extend(notes.into_iter().map(|(name, text)| (name.to_owned(), text)));
    Ok(report)
}

/// The one workload whose connections have no roles.
fn storm(args: &WorkloadArgs, mut observer: Observer) -> Result<Report, RunError> {
    let options = args.options();
    let limit = machine::raise_descriptor_limit();
    let failed = |error: io::Error| RunError::Server(explain("", &error.into(), options, limit));
    let dialer = Dialer::new(options).map_err(failed)?;
    // Says at once, and better, that there is no server.
    drop(dialer.connect(0).map_err(failed)?);
    let mut storm = Storm::new(args, dialer)?;
    if options.worker.is_some() {
        processes::wait_for_the_others()?;
    }
    observer.begin()?;
    run_phase(&mut storm, "warm-up", options.warmup, Duration::ZERO, &mut observer).map_err(failed)?;
    let measured = measure(&mut storm, options.duration, Duration::ZERO, &mut observer)?;
    storm.drain()?;
    Ok(Report::new(setting(args), &measured, storm.tally()))
}

fn setting(args: &WorkloadArgs) -> Setting {
    let options = args.options();
    Setting {
        workload: args.name().to_owned(),
        url: options.url.to_string(),
        connections: options.connections,
        in_flight: options.in_flight,
        rate: options.rate,
    }
}

/// All connections, with their roles.
struct Opened {
    dialer: Dialer,
    driver: Driver,
    /// What opening them took, if that is what the workload counts.
    measured: Option<Measured>,
}

/// Prepares the workload, opens all connections and gives them their roles.
fn open(plan: &mut dyn Workload, options: &Options, observer: &mut Observer) -> Result<Opened, RunError> {
    let limit = machine::raise_descriptor_limit();
    let failed = |error: CallError| RunError::Server(explain("", &error, options, limit));
    let dialer = Dialer::new(options).map_err(|error| failed(error.into()))?;
    let control = Control { dialer: &dialer, options };
    if options.define {
        let define = |mut session| definitions::define(&mut session, &plan.needs());
        control.open_as_admin().and_then(define).map_err(failed)?;
    }
    plan.prepare(&control).map_err(failed)?;
    observer.begin()?;

    let mut shared = Shared::new(Tally::new(plan.counted()), options.in_flight, options.rate.is_some());
    shared.tally.record(plan.counted() == Counted::Connections);
    let (start, count) = (Instant::now(), plan.lanes());
    let first = options.worker.map_or(0, |share| share.first);
    let mut lanes = Vec::with_capacity(count);
    for index in first..first + count {
        let failed = |error: CallError| {
            RunError::Server(explain(&format!("connection {index}: "), &error, options, limit))
        };
        let start = Instant::now();
        let mut session = suitable(plan, &dialer, options, index).map_err(failed)?;
        shared.tally.connection(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let role = plan.role(index, &mut session).map_err(failed)?;
        lanes.push(Lane::new(session, role, &mut shared)?);
        if index % 256 == 0 {
            observer.progress().show("connect", index as f64, count as f64, &format!("{index} of {count}"));
        }
    }
    let measured = match shared.tally.recording() {
        true => Some(observer.end(start.elapsed(), 0)?),
        false => None,
    };
    shared.tally.record(false);
    Ok(Opened { dialer, driver: Driver::new(lanes, shared, options.rate)?, measured })
}

/// Opens connections until the workload has a use for one.
fn suitable(
    plan: &dyn Workload,
    dialer: &Dialer,
    options: &Options,
    index: usize,
) -> Result<Session, CallError> {
    for _ in 0..TRIES_MAX {
        let mut session = Session::open(dialer, options, index)?;
        if plan.suits(&mut session)? {
            return Ok(session);
        }
    }
    Err(CallError::Protocol(format!("none of {TRIES_MAX} connections is of use: has the server one shard?")))
}

/// What went wrong while connections were opened, with what can be done about it.
fn explain(step: &str, error: &CallError, options: &Options, limit: Option<u64>) -> String {
    let hint = match error {
        CallError::Io(io_error) => match io_error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::MFILE) => {
                let limit = limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
                format!(" (this process may open {limit} descriptors: ulimit -n)")
            }
            Some(Errno::ADDRNOTAVAIL) => {
                " (no local port is left, or --source is not of this machine)".into()
            }
            Some(Errno::CONNREFUSED) => " (does the server run?)".to_owned(),
            _ => String::new(),
        },
        CallError::Refused { code, .. } if code == "UNAUTHORIZED" && options.token.is_none() => {
            " (--token logs in)".to_owned()
        }
        CallError::Refused { code, .. } if code.ends_with("_NOT_DEFINED") && !options.define => {
            " (--define makes what the workload needs, or start the server with examples/loadtest.toml)"
                .into()
        }
        _ => String::new(),
    };
    format!("{}: {step}{error}{hint}", options.url)
}

/// Runs the measured phase, or a stretch of it that begins at `since_start`.
pub(crate) fn measure(
    driver: &mut impl Load,
    duration: Duration,
    since_start: Duration,
    observer: &mut Observer,
) -> Result<Measured, RunError> {
    observer.begin_phase()?;
    driver.tally().record(true);
    let elapsed = run_phase(driver, "measure", duration, since_start, observer)?;
    driver.tally().record(false);
    Ok(observer.end(elapsed, driver.behind())?)
}

/// Runs for `duration`, with a look at the figures now and then.
pub(crate) fn run_phase(
    driver: &mut impl Load,
    phase: &str,
    duration: Duration,
    since_start: Duration,
    observer: &mut Observer,
) -> io::Result<Duration> {
    let (start, slot) = (Instant::now(), Timeline::slot_length(duration));
    loop {
        let left = duration.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(start.elapsed());
        }
        // A last slot that is too short shows chance.
        let took = driver.run_for(if left < slot * 3 / 2 { left } else { slot })?;
        observer.look(driver.tally(), phase, duration, since_start + start.elapsed(), took)?;
    }
}

/// Compares the final state with what was answered and pushed.
fn conclude(
    plan: &mut dyn Workload,
    options: &Options,
    dialer: &Dialer,
    driver: &mut Driver,
) -> Result<(), RunError> {
    let failed = |error: CallError| RunError::Server(format!("the final state cannot be read: {error}"));
    let mut findings = plan.conclude(&Control { dialer, options }).map_err(failed)?;
    findings.extend(plan.watch(driver.tally().timeline().slots()));
    driver.settle(options.patience)?;
    let tally = driver.tally();
    for finding in findings {
        tally.fault(finding.fault, finding.count, || finding.text);
    }
    if plan.counted() == Counted::Pushes && !tally.any_push() {
        tally
            .fault(Fault::Missing, 1, || "no push was delivered: does the query show the record?".to_owned());
    }
    Ok(())
}
