//! The closed loop: an epoll set over all lanes, one thread.
//!
//! Contract: [`Driver::start`] once, then [`Driver::run_for`] for each phase with requests, then
//! [`Driver::drain`], then [`Driver::settle`] if the workload has a final state.

use std::io;
use std::time::{Duration, Instant};

use crate::lane::{Lane, Shared};
use crate::poll::{Poll, Ready};
use crate::tally::{Fault, Tally};
use crate::workload::FinalState;

/// All lanes with the epoll set that watches them; a lane's mark is its index.
#[derive(Debug)]
pub struct Driver {
    poll: Poll,
    ready: Vec<Ready>,
    /// `None` once a connection has ended.
    lanes: Vec<Option<Lane>>,
    shared: Shared,
}

impl Driver {
    /// Watches `lanes`, which were made with `shared`.
    ///
    /// # Errors
    /// The system refuses the epoll set.
    pub fn new(lanes: Vec<Lane>, shared: Shared) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (index, lane) in lanes.iter().enumerate() {
            poll.watch(lane, index)?;
        }
        let lanes = lanes.into_iter().map(Some).collect();
        Ok(Self { poll, ready: Vec::new(), lanes, shared })
    }

    /// What was counted so far.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.shared.tally
    }

    /// Sends the first requests of every lane.
    pub fn start(&mut self) {
        for index in 0..self.lanes.len() {
            self.act(index, Lane::fill);
        }
    }

    /// Keeps every lane's requests in flight for `duration`; returns how long it took.
    ///
    /// # Errors
    /// All connections have ended, or the wait itself failed.
    pub fn run_for(&mut self, duration: Duration) -> io::Result<Duration> {
        let start = Instant::now();
        while start.elapsed() < duration {
            if self.lanes.iter().all(Option::is_none) {
                let text = self.shared.tally.first_fault().unwrap_or("closed by the server");
                return Err(io::Error::other(format!("all connections have ended; first fault: {text}")));
            }
            self.turn(duration.saturating_sub(start.elapsed()), true)?;
        }
        Ok(start.elapsed())
    }

    /// Sends nothing more and waits at most `patience` for the answers still outstanding; those that do not
    /// come are counted as missing.
    ///
    /// # Errors
    /// The wait itself failed.
    pub fn drain(&mut self, patience: Duration) -> io::Result<()> {
        let waiting = |driver: &Self| driver.lanes.iter().flatten().map(Lane::waiting).sum::<usize>();
        let deadline = Instant::now() + patience;
        while waiting(self) > 0 && Instant::now() < deadline {
            self.turn(deadline.saturating_duration_since(Instant::now()), false)?;
        }
        let missing = waiting(self) as u64;
        self.shared.tally.fault(Fault::Missing, missing, || format!("{missing} requests were not answered"));
        Ok(())
    }

    /// Waits at most `patience` until every lane has seen `state`; those that do not are counted as stale.
    ///
    /// # Errors
    /// The wait itself failed.
    pub fn settle(&mut self, state: &FinalState, patience: Duration) -> io::Result<()> {
        let settled = |lane: &Option<Lane>| lane.as_ref().is_none_or(|lane| lane.settled(state));
        let deadline = Instant::now() + patience;
        let mut unsettled: Vec<usize> = (0..self.lanes.len()).collect();
        loop {
            unsettled.retain(|&index| !settled(&self.lanes[index]));
            if unsettled.is_empty() || Instant::now() >= deadline {
                break;
            }
            self.turn(deadline.saturating_duration_since(Instant::now()), false)?;
        }
        let stale = unsettled.len() as u64;
        self.shared.tally.fault(Fault::Stale, stale, || format!("{stale} lanes did not see the final state"));
        Ok(())
    }

    /// Waits for ready lanes, at most `timeout`, and lets each of them act.
    fn turn(&mut self, timeout: Duration, refill: bool) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(&mut ready, Some(timeout))?;
        for &Ready { mark, readable, writable } in &ready {
            if writable {
                self.act(mark, |lane, _| lane.on_writable());
            }
            if readable {
                self.act(mark, |lane, shared| lane.on_readable(shared, refill));
            }
        }
        self.ready = ready;
        Ok(())
    }

    /// Lets a lane act, then watches for what it waits for; a lane that fails is closed and counted.
    fn act(&mut self, index: usize, action: impl FnOnce(&mut Lane, &mut Shared) -> io::Result<()>) {
        let Some(lane) = &mut self.lanes[index] else { return };
        let waited_for_room = lane.has_unsent();
        let mut acted = action(lane, &mut self.shared);
        if acted.is_ok() && lane.has_unsent() != waited_for_room {
            acted = self.poll.watch_writable(&*lane, index, !waited_for_room);
        }
        if let Err(error) = acted {
            let tally = &mut self.shared.tally;
            tally.fault(Fault::Closed, 1, || format!("connection {index}: {error}"));
            let missing = lane.waiting() as u64;
            tally.fault(Fault::Missing, missing, String::new);
            // Dropping the lane closes its descriptor, which leaves the epoll set by itself.
            self.lanes[index] = None;
        }
    }
}
