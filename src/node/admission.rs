//! Who may be a connection, and how often it may ask (01 §1.3, §10).

use super::Core;
use super::deadlines::Deadline;
use super::outbox::{Outbox, Output};
use crate::base::fault::{Code, Fault};
use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::message::Refusal;
use crate::session::{Session, Stage};
use crate::wire::http::come_back_later;
use crate::wire::{CloseCode, Handshake};
use std::net::IpAddr;

/// Clients for whom there is no room are told to come back, spread over so many seconds.
const RETRY_SPREAD_S: u64 = 10;

impl Core {
    /// A client has connected; nothing is sent before its upgrade request, unless there are too
    /// many.
    pub(super) fn accept(&mut self, peer: IpAddr, now: Now, out: &mut Outbox) {
        self.traffic.accepted += 1;
        let mut session = Session::new(peer);
        if self.settings.trusted_proxies.contain(peer) {
            session.stage = Stage::Handshake(Box::new(Handshake::behind_proxy()));
        }
        let (slot, generation) = self.sessions.insert(session);
        let conn = ConnId { slot, generation };
        out.push(Output::Admitted(conn));
        let has_place = self.shared.counters.reserve_connection(self.settings.limits.connections_max);
        let session = self.session(conn).expect("just inserted");
        session.has_place = has_place;
        if self.closing.is_forced() {
            out.push(Output::Drop(conn));
        } else if has_place {
            self.set_deadline(Deadline::Upgrade, conn, now, out);
        } else {
            self.turn_away(conn, Refusal::Limit, "Too many connections\n", now, out);
        }
    }

    /// Whether an upgrade that is acceptable comes in a moment in which there are too many: then it
    /// is told when to try again.
    pub(super) fn is_over_rate(&mut self, conn: ConnId, now: Now, out: &mut Outbox) -> bool {
        let is_over = self.shared.ramp.as_ref().is_some_and(|ramp| !ramp.admit(now.mono_ms));
        if is_over {
            self.turn_away(conn, Refusal::Rate, "Too many connections at once\n", now, out);
        }
        is_over
    }

    /// Tells a client in HTTP to come back later, each at another time.
    fn turn_away(&mut self, conn: ConnId, why: Refusal, text: &str, now: Now, out: &mut Outbox) {
        self.count_refusal(why);
        let retry_after_s = 1 + self.random.next_u64() % RETRY_SPREAD_S;
        self.last_words(conn, &come_back_later(retry_after_s, text), now, out);
    }

    /// Admits a connection that has just been upgraded, or closes it without a welcome (P-15).
    pub(super) fn admit(&mut self, conn: ConnId, now: Now, out: &mut Outbox) -> bool {
        if self.closing.is_stopping() {
            self.count_refusal(Refusal::Stopping);
            self.close(conn, CloseCode::GOING_AWAY, "server_shutting_down", now, out);
            return false;
        }
        let session = self.sessions.get_mut(conn.slot, conn.generation).expect("just upgraded");
        if let Some(max) = self.settings.limits.connections_per_address_max
            && !self.shared.addresses.admit(session.peer, max)
        {
            self.count_refusal(Refusal::Address);
            self.close(conn, CloseCode::TOO_MANY_CONNECTIONS, "too_many_connections", now, out);
            return false;
        }
        session.number = self.shared.counters.next_connection();
        session.connected_at = now.unix_ms;
        self.traffic.admitted += 1;
        self.begin_heartbeat(conn, now, out);
        true
    }

    /// Forgets a connection that has ended and has nothing left to execute.
    pub(super) fn dismiss(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        self.release_rate_key(conn, now, out);
        self.sessions.remove(conn.slot, conn.generation);
    }

    /// The socket of a connection is gone: its places are free (P-16, P-168).
    pub(super) fn release_places(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(conn.slot, conn.generation) else { return };
        if std::mem::take(&mut session.has_place) {
            self.shared.counters.release_connection();
        }
        if session.number > 0 && self.settings.limits.connections_per_address_max.is_some() {
            self.shared.addresses.release(session.peer);
        }
    }

    /// Counts a request that is about to be executed (P-92, P-96, P-97).
    pub(super) fn charge(&mut self, conn: ConnId, now: Now) -> Result<(), Fault> {
        let Some(limiter) = &self.shared.limiter else { return Ok(()) };
        let session = self.sessions.get_mut(conn.slot, conn.generation).expect("requests come from sessions");
        let (identity, peer) = (&session.identity, session.peer);
        let key = session.rate_key.get_or_insert_with(|| match identity {
            Some(identity) => limiter.key(&identity.user_id),
            None => limiter.key(&peer.to_string()),
        });
        key.window().accept(now.mono_ms).map_err(|retry_ms| {
            Fault::new(Code::RateLimited, format!("Rate limit exceeded. Retry after {retry_ms}ms"))
                .with_details(format!("{{\"retryAfterMs\":{retry_ms}}}").into_bytes())
        })
    }

    /// The connection is somebody else from now on, or ends: it is charged to another key (P-96).
    pub(super) fn release_rate_key(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let Some(limiter) = &self.shared.limiter else { return };
        let session = self.sessions.get_mut(conn.slot, conn.generation);
        if let Some(key) = session.and_then(|session| session.rate_key.take()) {
            limiter.release(key, now.mono_ms, &mut self.released_keys);
            self.wake_to_forget_keys(out);
        }
    }

    /// Forgets keys that are idle (P-99).
    pub(super) fn forget_rate_keys(&mut self, now: Now, out: &mut Outbox) {
        if let Some(limiter) = &self.shared.limiter {
            limiter.forget(now.mono_ms, &mut self.released_keys);
            self.wake_to_forget_keys(out);
        }
    }

    fn wake_to_forget_keys(&self, out: &mut Outbox) {
        /// Keys are looked after in steps of so many milliseconds; nobody waits for it.
        const STEP_MS: u64 = 1_000;
        if let Some(due_ms) = self.released_keys.next_due() {
            out.push(Output::WakeAt(due_ms.next_multiple_of(STEP_MS)));
        }
    }
}
