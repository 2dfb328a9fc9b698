//! The server's process as `/proc` shows it: CPU time and resident memory.
//!
//! Wall time is noise on small and shared machines; CPU time per operation is what can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a CPU time was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CpuSource {
    /// `/proc/<pid>/task/*/schedstat`: nanoseconds, summed over the threads that live.
    Schedstat,
    /// `/proc/<pid>/stat`: user and system time in clock ticks (10 ms), all threads ever.
    Stat,
}

/// A process that is observed during the run.
#[derive(Clone, Debug)]
pub struct ServerProcess {
    pid: u32,
    source: CpuSource,
    /// What each living thread has used, in nanoseconds.
    threads: BTreeMap<String, u64>,
    /// What threads had used when they were last seen, and are not any more.
    ended_ns: u64,
}

impl ServerProcess {
    /// Begins to observe process `pid`.
    ///
    /// # Errors
    /// There is no such process, or its figures cannot be read.
    pub fn observe(pid: u32) -> io::Result<Self> {
        // A kernel without schedstat shows no file or zeros; one source is kept for the whole run.
        let threads = thread_times(pid)?;
        let source =
            if threads.values().any(|time| *time > 0) { CpuSource::Schedstat } else { CpuSource::Stat };
        let mut process = Self { pid, source, threads, ended_ns: 0 };
        process.cpu_time()?;
        Ok(process)
    }

    /// Where [`ServerProcess::cpu_time`] comes from.
    pub fn source(&self) -> CpuSource {
        self.source
    }

    /// User and system time used so far; never less than before. What a thread uses between the last look and
    /// its end is not seen where single threads are read.
    ///
    /// # Errors
    /// The process has ended.
    pub fn cpu_time(&mut self) -> io::Result<Duration> {
        match self.source {
            CpuSource::Schedstat => {
                let threads = thread_times(self.pid)?;
                let before = std::mem::replace(&mut self.threads, threads);
                // Less than before: another thread with the same number.
                let goes_on = |(thread, time): &(&String, &u64)| {
                    self.threads.get(*thread).is_some_and(|now| now >= *time)
                };
                self.ended_ns +=
                    before.iter().filter(|thread| !goes_on(thread)).map(|(_, time)| time).sum::<u64>();
                Ok(Duration::from_nanos(self.ended_ns + self.threads.values().sum::<u64>()))
            }
            CpuSource::Stat => {
                let text = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
                let ticks = stat_ticks(&text).ok_or(io::ErrorKind::InvalidData)?;
                let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
                Ok(Duration::from_millis(ticks * 1000 / ticks_per_second))
            }
        }
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// The process has ended.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        status_resident(&status).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// What each living thread has used, in nanoseconds.
fn thread_times(pid: u32) -> io::Result<BTreeMap<String, u64>> {
    let mut times = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        let time = text.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0);
        times.insert(task.file_name().to_string_lossy().into_owned(), time);
    }
    Ok(times)
}

/// `utime + stime`: the 14th and 15th field. The 2nd, the command, may itself contain spaces and brackets.
fn stat_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn status_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_an_awkward_command() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 2 3 4 120 30 0 0 20 0 1 0 5";
        assert_eq!(stat_ticks(stat), Some(150));
        assert_eq!(stat_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory() {
        assert_eq!(status_resident("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(status_resident("Name:\tx\n"), None);
    }

    #[test]
    fn this_process() {
        let mut process = ServerProcess::observe(std::process::id()).unwrap();
        assert!(process.resident_bytes().unwrap() > 0);
        let before = process.cpu_time().unwrap();
        let mut sum = 0u64;
        while process.cpu_time().unwrap() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(process.cpu_time().unwrap() > before);
    }

    #[test]
    fn the_time_of_threads_that_have_ended_is_kept() {
        let mut process = ServerProcess::observe(std::process::id()).unwrap();
        let before = process.cpu_time().unwrap();
        process.threads.insert("0".to_owned(), 3_600_000_000_000);
        assert!(process.cpu_time().unwrap() >= before + Duration::from_secs(3600));
    }

    #[test]
    fn no_such_process() {
        assert!(ServerProcess::observe(u32::MAX).is_err());
    }
}
