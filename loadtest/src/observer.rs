//! What is watched while the connections work: the server's process, this one, and the clock.

use std::io;
use std::time::Duration;

use crate::machine;
use crate::progress::Progress;
use crate::report::{Measured, ServerMeasured};
use crate::run::RunError;
use crate::server_process::ServerProcess;
use crate::tally::Tally;

/// Watches one run.
#[derive(Debug)]
pub struct Observer {
    server: Option<Watched>,
    client_cpu: Duration,
    progress: Progress,
}

#[derive(Debug)]
struct Watched {
    process: ServerProcess,
    /// CPU time when the phase began.
    cpu: Duration,
    resident_before_bytes: u64,
    resident_peak_bytes: u64,
}

impl Observer {
    /// Watches the server's process `pid`, if it is known; `talks`: says on the terminal how far the run is.
    ///
    /// # Errors
    /// There is no such process.
    pub fn new(pid: Option<u32>, talks: bool) -> Result<Self, RunError> {
        let observe = |pid| match ServerProcess::observe(pid) {
            Ok(process) => {
                Ok(Watched { process, cpu: Duration::ZERO, resident_before_bytes: 0, resident_peak_bytes: 0 })
            }
            Err(error) => Err(RunError::Arguments(format!("--server-pid {pid}: {error}"))),
        };
        let server = pid.map(observe).transpose()?;
        Ok(Self { server, client_cpu: Duration::ZERO, progress: Progress::new(talks) })
    }

    /// The line on the terminal.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The connections are about to be opened.
    ///
    /// # Errors
    /// The server's process has ended.
    pub fn begin(&mut self) -> io::Result<()> {
        if let Some(server) = &mut self.server {
            server.resident_before_bytes = server.process.resident_bytes()?;
        }
        self.begin_phase()
    }

    /// The measured phase begins.
    ///
    /// # Errors
    /// The server's process has ended.
    pub fn begin_phase(&mut self) -> io::Result<()> {
        if let Some(server) = &mut self.server {
            server.cpu = server.process.cpu_time()?;
        }
        self.client_cpu = machine::thread_cpu_time();
        Ok(())
    }

    /// Looks at the figures: a slot that took `took` has ended `since_start` of a phase of length `whole`.
    ///
    /// # Errors
    /// The server's process has ended.
    pub fn look(
        &mut self,
        tally: &mut Tally,
        phase: &str,
        whole: Duration,
        since_start: Duration,
        took: Duration,
    ) -> io::Result<()> {
        let mut resident_bytes = None;
        if let Some(server) = &mut self.server {
            // Also to see threads before they end.
            server.process.cpu_time()?;
            let bytes = server.process.resident_bytes()?;
            server.resident_peak_bytes = server.resident_peak_bytes.max(bytes);
            resident_bytes = Some(bytes);
        }
        let mut text = format!("{:.1} of {:.1} s", since_start.as_secs_f64(), whole.as_secs_f64());
        if tally.recording()
            && let Some(slot) = tally.timeline().end_slot(since_start, took, resident_bytes)
        {
            text = format!("{text}   {:.0} ops/s   p99 {:.1} us", slot.throughput, slot.p99_us);
        }
        self.progress.show(phase, since_start.as_secs_f64(), whole.as_secs_f64(), &text);
        Ok(())
    }

    /// The measured phase has ended after `elapsed`.
    ///
    /// # Errors
    /// The server's process has ended.
    pub fn end(&mut self, elapsed: Duration, behind: u64) -> io::Result<Measured> {
        let client_cpu = machine::thread_cpu_time().saturating_sub(self.client_cpu);
        let mut measured = Measured { elapsed, client_cpu, behind, server: None };
        if let Some(server) = &mut self.server {
            measured.server = Some(ServerMeasured {
                cpu: server.process.cpu_time()?.saturating_sub(server.cpu),
                source: server.process.source(),
                resident_before_bytes: server.resident_before_bytes,
                resident_bytes: 0,
                resident_peak_bytes: 0,
            });
        }
        self.remember_memory(&mut measured)?;
        Ok(measured)
    }

    /// Puts the server's memory as it is into `measured`.
    ///
    /// # Errors
    /// The server's process has ended.
    pub fn remember_memory(&self, measured: &mut Measured) -> io::Result<()> {
        if let (Some(server), Some(measured)) = (&self.server, &mut measured.server) {
            measured.resident_bytes = server.process.resident_bytes()?;
            measured.resident_peak_bytes = server.resident_peak_bytes.max(measured.resident_bytes);
        }
        Ok(())
    }
}
