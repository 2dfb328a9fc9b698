//! The loop over all lanes: an epoll set, one thread.
//!
//! Contract: [`Driver::start`] once, then [`Driver::run_for`] for each phase with requests, then
//! [`Driver::drain`], then [`Driver::settle`].

use std::io;
use std::time::{Duration, Instant};

use crate::lane::{Lane, Shared};
use crate::poll::{Poll, Ready};
use crate::schedule::Schedule;
use crate::tally::{Fault, Tally};

/// Something that loads the server for a while.
pub trait Load {
    /// Goes on with its requests for `duration`; returns how long it took.
    ///
    /// # Errors
    /// All connections have ended, or the wait itself failed.
    fn run_for(&mut self, duration: Duration) -> io::Result<Duration>;

    /// What was counted so far.
    fn tally(&mut self) -> &mut Tally;

    /// Open loop: requests that are due and not sent, because the server has too many in flight already.
    fn behind(&self) -> u64 {
        0
    }
}

/// All lanes with the epoll set that watches them; a lane's mark is its index.
#[derive(Debug)]
pub struct Driver {
    poll: Poll,
    ready: Vec<Ready>,
    /// `None` once a connection has ended.
    lanes: Vec<Option<Lane>>,
    shared: Shared,
    /// Open loop: when requests are due.
    schedule: Option<Schedule>,
    /// Lanes that have just got a request that is due.
    filled: Vec<usize>,
}

impl Driver {
    /// Watches `lanes`, which were made with `shared`; `rate` is that of an open loop, in requests per second.
    ///
    /// # Errors
    /// The system refuses the epoll set.
    pub fn new(lanes: Vec<Lane>, shared: Shared, rate: Option<f64>) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (index, lane) in lanes.iter().enumerate() {
            poll.watch(lane, index, lane.interest().0)?;
        }
        let senders: Vec<usize> = (0..lanes.len()).filter(|&index| lanes[index].sends()).collect();
        let schedule = rate.map(|rate| Schedule::new(rate, senders));
        let lanes = lanes.into_iter().map(Some).collect();
        Ok(Self { poll, ready: Vec::new(), lanes, shared, schedule, filled: Vec::new() })
    }

    /// What the lanes share, for one that is about to join.
    pub fn shared(&mut self) -> &mut Shared {
        &mut self.shared
    }

    /// Watches more lanes, which send nothing by themselves.
    ///
    /// # Errors
    /// The system refuses.
    pub fn adopt(&mut self, lanes: Vec<Lane>) -> io::Result<()> {
        for lane in lanes {
            self.poll.watch(&lane, self.lanes.len(), lane.interest().0)?;
            self.lanes.push(Some(lane));
        }
        Ok(())
    }

    /// Sends the first requests of every lane, or begins the schedule.
    pub fn start(&mut self) {
        match &mut self.schedule {
            Some(schedule) => schedule.start(self.shared.now()),
            None => (0..self.lanes.len()).for_each(|index| self.act(index, Lane::fill)),
        }
    }

    /// Lets the lanes read that did not, sends nothing more but what is due, and waits at most `patience` for
    /// the answers still outstanding; those that do not come are counted as missing.
    ///
    /// # Errors
    /// The wait itself failed.
    pub fn drain(&mut self, patience: Duration) -> io::Result<()> {
        let open_loop = self.schedule.take().is_some();
        for index in 0..self.lanes.len() {
            self.act(index, |lane, _| {
                lane.resume();
                Ok(())
            });
        }
        let waiting = |driver: &Self| driver.lanes.iter().flatten().map(Lane::waiting).sum::<usize>();
        let deadline = Instant::now() + patience;
        while waiting(self) > 0 && Instant::now() < deadline {
            self.turn(deadline.saturating_duration_since(Instant::now()), open_loop)?;
        }
        let missing = waiting(self) as u64;
        self.shared.tally.fault(Fault::Missing, missing, || format!("{missing} requests were not answered"));
        Ok(())
    }

    /// Waits at most `patience` until every lane has seen the final state; those that do not are counted as
    /// stale.
    ///
    /// # Errors
    /// The wait itself failed.
    pub fn settle(&mut self, patience: Duration) -> io::Result<()> {
        let settled = |lane: &Option<Lane>| lane.as_ref().is_none_or(Lane::settled);
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
        self.shared.tally.fault(Fault::Stale, stale, || {
            format!("{stale} connections did not see the final state, the first is number {}", unsettled[0])
        });
        Ok(())
    }

    /// Waits for ready lanes, at most `timeout`, and lets each of them act.
    fn turn(&mut self, mut timeout: Duration, refill: bool) -> io::Result<()> {
        if self.schedule.is_some() {
            timeout = timeout.min(self.issue_due());
        }
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
        while let Some(index) = self.shared.wake.pop() {
            if refill {
                self.act(index, Lane::fill);
            }
        }
        Ok(())
    }

    /// Sends the requests that are due; returns how long to wait for the next one.
    fn issue_due(&mut self) -> Duration {
        let Some(schedule) = &mut self.schedule else { return Duration::MAX };
        let now = self.shared.now();
        while let Some((lane, due)) = schedule.next(now, |index| self.lanes[index].is_some()) {
            if let Some(lane) = &mut self.lanes[lane] {
                lane.schedule(due);
            }
            self.filled.push(lane);
        }
        let wait = schedule.wait(now);
        let mut filled = std::mem::take(&mut self.filled);
        for index in filled.drain(..) {
            self.act(index, Lane::fill);
        }
        self.filled = filled;
        wait
    }

    /// Lets a lane act, then watches for what it waits for; a lane that fails is closed and counted.
    fn act(&mut self, index: usize, action: impl FnOnce(&mut Lane, &mut Shared) -> io::Result<()>) {
        let Some(lane) = &mut self.lanes[index] else { return };
        let watched = lane.interest();
        let mut acted = action(lane, &mut self.shared);
        let (readable, writable) = lane.interest();
        if acted.is_ok() && (readable, writable) != watched {
            acted = self.poll.rewatch(&*lane, index, readable, writable);
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

impl Load for Driver {
    fn run_for(&mut self, duration: Duration) -> io::Result<Duration> {
        let start = Instant::now();
        loop {
            if self.lanes.iter().all(Option::is_none) {
                let text = self.shared.tally.first_fault().unwrap_or("closed by the server");
                return Err(io::Error::other(format!("all connections have ended; first fault: {text}")));
            }
            // A thousand lanes are not looked through every turn.
            for _ in 0..256 {
                let elapsed = start.elapsed();
                if elapsed >= duration {
                    return Ok(elapsed);
                }
                self.turn(duration - elapsed, true)?;
            }
        }
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.shared.tally
    }

    fn behind(&self) -> u64 {
        self.lanes.iter().flatten().map(|lane| lane.behind() as u64).sum()
    }
}
