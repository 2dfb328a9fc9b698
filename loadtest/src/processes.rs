//! One load from several processes: where one core, or one process's descriptors, are not enough.
//!
//! This process starts the workers, lets them begin together, and adds their figures up. A worker is the same
//! program with the same arguments and `--worker`: it says when its connections are open, waits for a line on
//! its standard input, and prints its report.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use crate::args::WorkloadArgs;
use crate::report::Report;
use crate::run::RunError;

/// What a worker prints when its connections are open.
const READY: &str = "ready";

/// What it is told then.
const GO: &str = "go";

/// A worker's share of the connections: `FIRST+COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The number of its first connection among those of all workers.
    pub first: usize,
    /// How many it opens.
    pub count: usize,
    /// How many workers there are.
    pub workers: usize,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<usize>> = text.split('+').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[first, count, workers]) if workers > 0 => Ok(Self { first, count, workers }),
            _ => Err("expected FIRST+COUNT+WORKERS".to_owned()),
        }
    }
}

/// Runs the workload in `--processes` workers and adds their figures up.
///
/// # Errors
/// The connections of the workload know of each other; or a worker cannot be started, or fails.
pub fn run(args: &WorkloadArgs) -> Result<Report, RunError> {
    let options = args.options();
    if !args.can_be_shared_out() {
        let text = "--processes: the connections of this workload know of each other and need one process";
        return Err(RunError::Arguments(text.to_owned()));
    }
    let shares = shares(options.connections, options.processes);
    let start = |share: &Share| Worker::start(args, *share);
    let mut workers = shares.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    workers.iter_mut().try_for_each(Worker::wait_until_ready)?;
    workers.iter_mut().try_for_each(Worker::go)?;
    let reports = workers.into_iter().map(Worker::report).collect::<Result<Vec<_>, _>>()?;
    Ok(Report::sum(&reports))
}

/// A worker's side: says that it is ready and waits for the others.
///
/// # Errors
/// The process that started it has gone.
pub fn wait_for_the_others() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{READY}")?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    if line.trim() == GO { Ok(()) } else { Err(io::Error::other("the first process has gone")) }
}

/// Connections shared out evenly, over at most as many workers as there are connections.
fn shares(connections: usize, processes: usize) -> Vec<Share> {
    let workers = processes.min(connections);
    let mut first = 0;
    let share = |at: usize| {
        let count = connections / workers + usize::from(at < connections % workers);
        first += count;
        Share { first: first - count, count, workers }
    };
    (0..workers).map(share).collect()
}

/// A process that opens a share of the connections; killed when dropped before its report.
struct Worker {
    child: Child,
    output: BufReader<Box<dyn Read>>,
}

impl Worker {
    fn start(args: &WorkloadArgs, share: Share) -> Result<Self, RunError> {
        let options = args.options();
        let Share { first, count, workers } = share;
        let mut command = Command::new(env::current_exe()?);
        // Later options win: the server may have been started here.
        command.args(env::args_os().skip(1));
        command.arg(format!("--worker={first}+{count}+{workers}")).arg(format!("--url={}", options.url));
        if let Some(pid) = options.server_pid {
            command.arg(format!("--server-pid={pid}"));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output: Box<dyn Read> = Box::new(child.stdout.take().expect("piped"));
        Ok(Self { child, output: BufReader::new(output) })
    }

    fn wait_until_ready(&mut self) -> Result<(), RunError> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.trim() == READY { Ok(()) } else { Err(failed()) }
    }

    fn go(&mut self) -> Result<(), RunError> {
        let pipe = self.child.stdin.as_mut().expect("piped");
        Ok(writeln!(pipe, "{GO}")?)
    }

    fn report(mut self) -> Result<Report, RunError> {
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        self.child.wait()?;
        serde_json::from_str(&text).map_err(|_| failed())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It has said itself, on standard error, what was wrong.
fn failed() -> RunError {
    RunError::Server("a worker has failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_are_shared_out() {
        let counts = |connections, processes| -> Vec<(usize, usize)> {
            shares(connections, processes).iter().map(|share| (share.first, share.count)).collect()
        };
        assert_eq!(counts(7, 3), [(0, 3), (3, 2), (5, 2)]);
        assert_eq!(counts(2, 5), [(0, 1), (1, 1)]);
        assert_eq!("5+2+3".parse(), Ok(Share { first: 5, count: 2, workers: 3 }));
        for bad in ["", "1+2", "1+2+0", "a+1+1"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }
}
