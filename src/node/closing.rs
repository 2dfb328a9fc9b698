//! How connections and the server end.

use super::Core;
use super::deadlines::{Deadline, Deadlines};
use super::outbox::{Outbox, Output};
use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::protocol;
use crate::session::{Session, Stage};
use crate::wire::{self, CloseCode};
use std::collections::VecDeque;

/// Clients are told to come back, after the grace period, spread over as many milliseconds for
/// each connection of the core: about a thousand a second, a tenth of what it can take.
const RETURN_MS_PER_CONNECTION: u64 = 1;

/// The shortest time over which they are spread, milliseconds.
const RETURN_SPREAD_MS_MIN: u64 = 1_000;

/// What ends when.
#[derive(Default)]
pub(super) struct Closing {
    deadlines: Deadlines,
    /// Connections that have something to serve, or to end, now that their answers are in.
    ready: VecDeque<ConnId>,
    /// Connections past their upgrade whose socket is there.
    websockets: usize,
    stop: Stop,
}

#[derive(Default)]
enum Stop {
    #[default]
    Running,
    /// Clients were told and may leave until that time.
    Grace { until_ms: u64 },
    /// Connections are being closed.
    Forced,
    /// Everybody has left.
    Stopped,
}

impl Closing {
    pub(super) fn is_stopping(&self) -> bool {
        !matches!(self.stop, Stop::Running)
    }

    pub(super) fn is_forced(&self) -> bool {
        matches!(self.stop, Stop::Forced | Stop::Stopped)
    }

    /// Connections past their upgrade whose socket is there.
    pub(super) fn websockets(&self) -> usize {
        self.websockets
    }

    /// A connection has been upgraded.
    pub(super) fn count_websocket(&mut self) {
        self.websockets += 1;
    }

    /// Whether no connection is to be served, and the server is not about to stop.
    pub(super) fn is_quiet(&self) -> bool {
        self.ready.is_empty() && !self.is_stopping()
    }

    pub(super) fn ready(&mut self, conn: ConnId) {
        self.ready.push_back(conn);
    }

    pub(super) fn next_ready(&mut self) -> Option<ConnId> {
        self.ready.pop_front()
    }
}

impl Core {
    /// Drops a connection unless that has happened in time.
    pub(super) fn set_deadline(&mut self, deadline: Deadline, conn: ConnId, now: Now, out: &mut Outbox) {
        let sessions = &self.sessions;
        let is_met = |deadline, conn: ConnId| {
            !sessions.get(conn.slot, conn.generation).is_some_and(|session| is_missed(session, deadline))
        };
        let at_ms = self.closing.deadlines.set(deadline, now.mono_ms, conn, is_met);
        out.push(Output::WakeAt(at_ms));
    }

    /// Closes a connection: a Close frame behind whatever is unsent, then the end of our side.
    pub(super) fn close(&mut self, conn: ConnId, code: CloseCode, reason: &str, now: Now, out: &mut Outbox) {
        self.raw_frame(conn, out, |out| wire::encoder::close(out, Some(code), reason));
        self.finish(conn, now, out);
    }

    /// Ends our side of a connection and gives the peer a moment to end its own.
    pub(super) fn finish(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        session.stage = Stage::Closing;
        if std::mem::take(&mut session.paused) {
            out.push(Output::Resume(conn)); // or the peer's end would go unnoticed
        }
        self.end_subscriptions(conn, out);
        out.push(Output::Finish(conn));
        self.set_deadline(Deadline::LastBytes, conn, now, out);
    }

    /// The socket is gone. Requests that were received complete are still executed (P-165).
    pub(super) fn closed(&mut self, conn: ConnId, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        session.stage = Stage::Gone;
        // Nobody will read it, and what waits for that may go on.
        let unsent_bytes = std::mem::take(&mut session.unsent_bytes);
        if std::mem::take(&mut session.is_websocket) {
            self.closing.websockets -= 1;
        }
        self.leave_budget(unsent_bytes);
        self.release_places(conn);
        self.end_subscriptions(conn, out);
        self.closing.ready(conn);
    }

    /// A connection past its ready stage has nothing left to execute.
    pub(super) fn after_last_answer(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        match session.stage {
            Stage::Gone => {
                self.dismiss(conn, now, out);
            }
            Stage::Finishing => self.close(conn, CloseCode::NORMAL, "server_shutdown", now, out),
            Stage::Handshake(_) | Stage::Scraping | Stage::Ready | Stage::Closing => {}
        }
    }

    /// Time has passed: who has lingered too long is dropped.
    pub(super) fn tick(&mut self, now: Now, out: &mut Outbox) {
        while let Some((deadline, conn)) = self.closing.deadlines.pop_due(now.mono_ms) {
            if self.session(conn).is_some_and(|session| is_missed(session, deadline)) {
                out.push(Output::Drop(conn));
            }
        }
        if let Some(at_ms) = self.closing.deadlines.next_due() {
            out.push(Output::WakeAt(at_ms));
        }
        self.beat(now, out);
        self.forget_rate_keys(now, out);
        if let Stop::Grace { until_ms } = self.closing.stop {
            if until_ms <= now.mono_ms { self.force(now, out) } else { out.push(Output::WakeAt(until_ms)) }
        }
    }

    /// A peer that has been sent its Close is given the time to answer it.
    pub(super) fn after_sent(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let is_closed =
            |session: &mut Session| matches!(session.stage, Stage::Closing) && session.unsent_bytes == 0;
        if self.session(conn).is_some_and(is_closed) {
            self.set_deadline(Deadline::Linger, conn, now, out);
        }
    }

    /// Begins to stop (P-170). A second call changes nothing.
    pub(super) fn shutdown(&mut self, grace_period_ms: u64, now: Now, out: &mut Outbox) {
        if self.closing.is_stopping() {
            return;
        }
        if grace_period_ms == 0 {
            self.force(now, out);
            return;
        }
        let until_ms = now.mono_ms + grace_period_ms;
        self.closing.stop = Stop::Grace { until_ms };
        let conns = self.conns();
        let spread_ms = (conns.len() as u64 * RETURN_MS_PER_CONNECTION).max(RETURN_SPREAD_MS_MIN);
        for conn in conns {
            if self.session(conn).is_some_and(|session| session.is_open()) {
                let retry_after_ms = grace_period_ms + self.random.next_u64() % spread_ms;
                self.frame(conn, out, |out| protocol::shutdown(out, grace_period_ms, retry_after_ms));
            }
        }
        out.push(Output::WakeAt(until_ms));
    }

    /// Goes on with a stop as far as it can: when the last WebSocket has left, the grace period is
    /// over (P-172, P-173); when the last connection has, the shell is told, once.
    pub(super) fn proceed_with_stop(&mut self, now: Now, out: &mut Outbox) {
        if matches!(self.closing.stop, Stop::Grace { .. }) && self.closing.websockets == 0 {
            self.force(now, out);
        }
        if matches!(self.closing.stop, Stop::Forced) && self.sessions.is_empty() {
            self.closing.stop = Stop::Stopped;
            out.push(Output::Stopped);
        }
    }

    /// Closes every connection, each when its last request is answered.
    fn force(&mut self, now: Now, out: &mut Outbox) {
        self.closing.stop = Stop::Forced;
        for conn in self.conns() {
            let Some(session) = self.session(conn) else { continue };
            match session.stage {
                Stage::Handshake(_) | Stage::Scraping => out.push(Output::Drop(conn)),
                Stage::Ready if session.is_idle() => {
                    self.close(conn, CloseCode::NORMAL, "server_shutdown", now, out);
                }
                Stage::Ready => {
                    session.stage = Stage::Finishing;
                    self.end_subscriptions(conn, out);
                    self.set_deadline(Deadline::LastRequests, conn, now, out);
                }
                Stage::Finishing | Stage::Closing | Stage::Gone => {}
            }
        }
    }

    pub(super) fn conns(&self) -> Vec<ConnId> {
        self.sessions.iter().map(|((slot, generation), _)| ConnId { slot, generation }).collect()
    }
}

fn is_missed(session: &Session, deadline: Deadline) -> bool {
    match deadline {
        Deadline::Upgrade => matches!(session.stage, Stage::Handshake(_)),
        Deadline::LastBytes | Deadline::Linger | Deadline::LastRequests => {
            !matches!(session.stage, Stage::Gone)
        }
    }
}
