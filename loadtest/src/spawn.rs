//! A server that is started for the run and stopped after it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::url::Url;

/// Lines of the server's output that are kept, for the case that it fails.
const LINES_KEPT: usize = 20;

/// The longest line that is looked at, in bytes.
const LINE_BYTES_MAX: u64 = 4096;

/// How often a silent server is looked at while it starts.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running server; stopped when dropped.
#[derive(Debug)]
pub struct SpawnedServer {
    child: Child,
    /// The addresses that it prints; disconnected when it has ended.
    addresses: Receiver<Url>,
    last_lines: LastLines,
    patience: Duration,
}

type LastLines = Arc<Mutex<VecDeque<String>>>;

impl SpawnedServer {
    /// Starts `command` by the shell and waits until it listens: until it prints a `ws://` address, or until
    /// `url` accepts connections. Returns the server and the address to load.
    ///
    /// # Errors
    /// It cannot be started, ends at once, or does not listen after `patience`.
    pub fn start(command: &str, url: &Url, patience: Duration) -> Result<(Self, Url), String> {
        // Somebody else's server there would be taken for ours.
        let taken = accepts(url);
        // `exec`: the process that is observed and stopped is the server, not its shell.
        let mut child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("--spawn: sh: {error}"))?;
        let (sender, addresses) = channel();
        let last_lines = LastLines::default();
        follow(child.stdout.take(), Arc::clone(&last_lines), sender.clone());
        follow(child.stderr.take(), Arc::clone(&last_lines), sender);
        let mut server = Self { child, addresses, last_lines, patience };
        let url = server.wait_until_it_listens(url, taken)?;
        Ok((server, url))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed last, if it has ended by itself.
    pub fn obituary(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        // Its last words may still be on their way.
        while self.addresses.recv_timeout(LOOK_EVERY).is_ok() {}
        let lines = self.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        Some(format!("the server has ended ({status}); it said:\n{}", lines.join("\n")))
    }

    fn wait_until_it_listens(&mut self, url: &Url, taken: bool) -> Result<Url, String> {
        let deadline = Instant::now() + self.patience;
        while Instant::now() < deadline {
            if let Ok(address) = self.addresses.recv_timeout(LOOK_EVERY) {
                return Ok(address);
            }
            if let Some(obituary) = self.obituary() {
                return Err(obituary);
            }
            if !taken && accepts(url) {
                return Ok(url.clone());
            }
        }
        let hint = if taken { format!("; {url} is another server's") } else { String::new() };
        Err(format!("the server does not listen after {:?}{hint}", self.patience))
    }
}

impl Drop for SpawnedServer {
    /// Asks it to end, waits as long as the operator's patience, then kills it.
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + self.patience;
        // Its end closes its output.
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if matches!(self.addresses.recv_timeout(left), Err(RecvTimeoutError::Disconnected)) {
                break;
            }
        }
        if !matches!(self.child.try_wait(), Ok(Some(_))) && Instant::now() >= deadline {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Whether somebody listens there.
fn accepts(url: &Url) -> bool {
    url.host_and_port()
        .to_socket_addrs()
        .is_ok_and(|mut addresses| addresses.any(|address| TcpStream::connect(address).is_ok()))
}

/// Reads lines in a thread of its own until the pipe ends, so that the server never waits for its reader.
fn follow(pipe: Option<impl Read + Send + 'static>, last_lines: LastLines, addresses: Sender<Url>) {
    let Some(pipe) = pipe else { return };
    let mut pipe = BufReader::new(pipe);
    let mut read_line = move || {
        let mut line = Vec::new();
        let read = pipe.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.is_ok_and(|length| length > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    };
    thread::spawn(move || {
        while let Some(line) = read_line() {
            let address = line.split_whitespace().find_map(|word| word.parse::<Url>().ok());
            let mut lines = last_lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES_KEPT {
                lines.pop_front();
            }
            lines.push_back(line);
            drop(lines);
            if let Some(address) = address {
                let _ = addresses.send(address);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: &str = "ws://127.0.0.1:1/";

    fn start(command: &str, patience_ms: u64) -> Result<(SpawnedServer, Url), String> {
        SpawnedServer::start(command, &NOWHERE.parse().unwrap(), Duration::from_millis(patience_ms))
    }

    #[test]
    fn its_address_is_taken_from_its_output() {
        let (server, url) =
            start("sh -c 'echo hello; echo \"  URL: ws://127.0.0.1:77/x\"; exec tail -f /dev/null'", 5000)
                .unwrap();
        assert_eq!(url.to_string(), "ws://127.0.0.1:77/x");
        let pid = server.pid();
        assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
        drop(server);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_server_that_ends_at_once() {
        let error = start("sh -c 'echo port in use >&2; exit 3'", 5000).unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("port in use"), "{error}");
    }

    #[test]
    fn a_server_that_never_listens() {
        let error = start("tail -f /dev/null", 60).unwrap_err();
        assert!(error.contains("does not listen"), "{error}");
    }
}
