//! The program as an operator runs it: arguments, output, signals, exit status.

use crate::DEADLINE;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

const BINARY: &str = env!("CARGO_BIN_EXE_noex-server");
pub(crate) const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ecommerce.toml");

/// The last line of the banner begins with this (P-197).
const BANNER_END: &str = "  Max conn/IP:";

/// A running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// The banner's lines.
    pub(crate) banner: Vec<String>,
}

/// The program with the shop on two shards of a free port.
pub(crate) fn shop() -> Command {
    let mut command = Command::new(BINARY);
    command.args(["--config", SHOP, "--port", "0", "--shards", "2"]);
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    Command::new(BINARY).args(args).output().expect("a program")
}

impl Program {
    /// Starts it and reads its banner.
    pub(crate) fn start(command: Command) -> Self {
        Self::start_and_read(command, false)
    }

    /// Starts it, reads its banner, and then closes its standard output.
    pub(crate) fn start_and_stop_reading(command: Command) -> Self {
        Self::start_and_read(command, true)
    }

    fn start_and_read(mut command: Command, banner_only: bool) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a program");
        let stdout = lines(child.stdout.take().expect("piped"), banner_only);
        let stderr = lines(child.stderr.take().expect("piped"), false);
        let mut program = Self { child, stdout, stderr, banner: Vec::new() };
        while !program.banner.last().is_some_and(|line| line.starts_with(BANNER_END)) {
            let line = program.stdout_line().unwrap_or_else(|| panic!("ended: {}", program.log()));
            program.banner.push(line);
        }
        program
    }

    /// Where it listens, as the banner says.
    pub(crate) fn address(&self) -> SocketAddr {
        let url = self.banner[1].strip_prefix("  URL:          ws://").expect("a URL");
        url.parse().expect("an address")
    }

    /// The next line of standard output; `None` at its end.
    pub(crate) fn stdout_line(&self) -> Option<String> {
        match self.stdout.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("neither a line nor an end"),
        }
    }

    /// Waits until standard error has a line with that text.
    pub(crate) fn logs(&self, text: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.stderr.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return,
                Ok(_) => {}
                Err(error) => panic!("no {text:?} in the log: {error}"),
            }
        }
    }

    /// What else it has written to standard error.
    pub(crate) fn log(&self) -> String {
        self.stderr.try_iter().collect::<Vec<_>>().join("\n")
    }

    /// Sends a signal, by its short name.
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success());
    }

    /// Waits for its end; the rest of its output, and its exit status.
    pub(crate) fn end(mut self) -> (Vec<String>, Option<i32>) {
        let rest = std::iter::from_fn(|| self.stdout_line()).collect();
        // Standard error ends with the process, whoever reads standard output.
        while self
            .stderr
            .recv_timeout(DEADLINE)
            .map_err(|end| assert_eq!(end, RecvTimeoutError::Disconnected))
            .is_ok()
        {}
        (rest, self.child.wait().expect("a process").code())
    }

    /// Processor time that it has used, in ticks of 10 ms.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a process");
        // The name before the last parenthesis may contain anything.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let field = |at: usize| fields.split_whitespace().nth(at - 3).expect("a field").parse::<u64>();
        field(14).expect("utime") + field(15).expect("stime")
    }

    /// Its memory that is resident.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).expect("a process");
        statm.split_whitespace().nth(1).expect("a field").parse::<u64>().expect("pages") * 4_096
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("a process").count()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream as they come, so that they can be waited for.
fn lines(stream: impl Read + Send + 'static, banner_only: bool) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let ends = banner_only && line.starts_with(BANNER_END);
            if sender.send(line).is_err() || ends {
                return;
            }
        }
    });
    receiver
}
