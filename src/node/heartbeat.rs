//! Pings to all connections, and the end of those that do not answer (01 §11, K-6).
//!
//! Every connection stands on the core's wheel once: with its next ping, or with the time when the
//! answer to its last one is due. Those that are due together get the same ping, made once.

use super::Core;
use super::outbox::{Chunk, Outbox, Output};
use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::protocol;
use crate::resilience::{Heartbeat, Verdict};
use crate::wire::{self, CloseCode};
use std::rc::Rc;

/// Whether clients are being read from at all.
#[derive(Clone, Copy, Default)]
pub(super) struct Hearing {
    is_held_back: bool,
    /// Since when they are again, monotonic milliseconds; `None` = they always were.
    since_ms: Option<u64>,
}

impl Core {
    /// The shell stops reading from all clients, or reads on.
    pub(super) fn hold_back(&mut self, is_held_back: bool, now: Now) {
        self.hearing = Hearing { is_held_back, since_ms: Some(now.mono_ms) };
    }

    /// Whether what a client has sent in time has been read by now.
    fn is_up_to_date(&self, now: Now) -> bool {
        let tick_ms = self.settings.heartbeat.tick_ms();
        let Hearing { is_held_back, since_ms } = self.hearing;
        !is_held_back && since_ms.is_none_or(|since_ms| now.mono_ms - since_ms > tick_ms)
    }

    /// A connection has been admitted: its first ping is one interval away (P-101).
    pub(super) fn begin_heartbeat(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let due_ms = self.wheel.add(conn, self.settings.heartbeat.interval_ms, now.mono_ms);
        out.push(Output::WakeAt(due_ms));
    }

    /// A client has sent a pong (P-103).
    pub(super) fn pong(&mut self, conn: ConnId, timestamp: f64) {
        if let Some(session) = self.session(conn) {
            session.pulse.pong(timestamp);
        }
    }

    /// Does what is due on the wheel.
    pub(super) fn beat(&mut self, now: Now, out: &mut Outbox) {
        let mut ping = None;
        while let Some((due_ms, conns)) = self.wheel.pop_due(now.mono_ms) {
            for conn in conns {
                self.beat_one(conn, due_ms, &mut ping, now, out);
            }
        }
        if let Some(due_ms) = self.wheel.next_due() {
            out.push(Output::WakeAt(due_ms));
        }
    }

    fn beat_one(
        &mut self,
        conn: ConnId,
        due_ms: u64,
        ping: &mut Option<Rc<[u8]>>,
        now: Now,
        out: &mut Outbox,
    ) {
        let Heartbeat { interval_ms, .. } = self.settings.heartbeat;
        let patience_ms = self.settings.heartbeat.patience_ms();
        let tick_ms = self.settings.heartbeat.tick_ms();
        let is_up_to_date = self.is_up_to_date(now);
        let Some(session) = self.sessions.get_mut(conn.slot, conn.generation).filter(|s| s.is_open()) else {
            return; // it has left the wheel with this
        };
        // From when on, and after how long, it is this connection's turn again.
        let mut next = (now.mono_ms, patience_ms);
        if session.pulse.is_pinged() {
            // A core that was busy when this was due has not read what came meanwhile (P-106).
            let is_late = now.mono_ms - due_ms > tick_ms;
            match session.pulse.judge(is_up_to_date && !session.paused, session.unsent_bytes) {
                // From when it was due, so that delays do not add up.
                Verdict::Alive if interval_ms > patience_ms => next = (due_ms, interval_ms - patience_ms),
                Verdict::Alive => self.ping(conn, ping, now, out),
                Verdict::Unheard => {}
                Verdict::Dead if is_late => next = (now.mono_ms, tick_ms),
                Verdict::Dead => {
                    self.traffic.heartbeat_timeouts += 1;
                    return self.close(conn, CloseCode::HEARTBEAT_TIMEOUT, "heartbeat_timeout", now, out);
                }
            }
        } else {
            self.ping(conn, ping, now, out);
        }
        self.wheel.add(conn, next.1, next.0);
    }

    fn ping(&mut self, conn: ConnId, ping: &mut Option<Rc<[u8]>>, now: Now, out: &mut Outbox) {
        let frame = ping.get_or_insert_with(|| {
            let mut frame = Vec::new();
            wire::encoder::text_with(&mut frame, |out| protocol::ping(out, now.unix_ms));
            frame.into()
        });
        let Some(session) = self.sessions.get_mut(conn.slot, conn.generation) else { return };
        session.unsent_bytes += frame.len() as u64;
        session.pulse.ping(now.unix_ms, session.unsent_bytes);
        self.traffic.messages_sent += 1;
        out.push(Output::Send(conn, Chunk::Shared(Rc::clone(frame))));
    }
}
