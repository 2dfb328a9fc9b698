//! From bytes to messages: the upgrade, the frames, the client's close.

use super::fence::fence;
use super::outbox::{Outbox, Output};
use super::{Core, Node};
use crate::base::ids::ConnId;
use crate::base::limits::FRAGMENTS_MAX;
use crate::base::time::Now;
use crate::message::{Refusal, Traffic};
use crate::protocol;
use crate::session::{Session, Stage};
use crate::wire::{self, CloseCode, Input, Limits, Message, Progress};

impl Node {
    pub(super) fn receive(&mut self, conn: ConnId, bytes: &mut [u8], now: Now, out: &mut Outbox) {
        let Some(session) = self.core.session(conn) else { return };
        match &mut session.stage {
            Stage::Ready => self.frames(conn, bytes, now, out),
            Stage::Handshake(_) => {
                // P-24: what follows the upgrade request at once is served.
                if let Some(consumed) = self.core.upgrade(conn, bytes, now, out) {
                    self.frames(conn, &mut bytes[consumed..], now, out);
                }
            }
            Stage::Scraping | Stage::Finishing | Stage::Closing | Stage::Gone => {}
        }
    }

    fn frames(&mut self, conn: ConnId, bytes: &mut [u8], now: Now, out: &mut Outbox) {
        let limits = Limits {
            payload_bytes_max: self.core.settings.limits.payload_bytes_max,
            fragments_max: FRAGMENTS_MAX,
            keeps_binary: false,
        };
        let Some(session) = self.core.session(conn) else { return };
        let mut decoder = std::mem::take(&mut session.decoder);
        let mut input = Input::new(bytes);
        while self.core.session(conn).is_some_and(|session| session.is_open()) {
            let message = fence((&mut decoder, &mut input), |(decoder, input)| decoder.next(input, &limits));
            let Ok(message) = message.map_err(|cause| self.core.fail(conn, cause, now, out)) else { break };
            self.core.traffic.messages_received += u64::from(matches!(message, Ok(Some(_))));
            match message {
                Ok(None) => break,
                Ok(Some(Message::Text(text))) => {
                    self.text(conn, text, now, out);
                    self.settle(now, out);
                }
                Ok(Some(message)) => self.core.control(conn, &message, now, out),
                Err(violation) => self.core.close(conn, violation.close_code(), "", now, out),
            }
        }
        if let Some(session) = self.core.session(conn).filter(|session| session.is_open()) {
            session.decoder = decoder;
        }
        self.core.throttle(conn, out);
    }
}

impl Core {
    /// Takes bytes of the upgrade request. When it is complete and good, the connection is
    /// ready, and the result says where frames begin in `bytes`.
    fn upgrade(&mut self, conn: ConnId, bytes: &[u8], now: Now, out: &mut Outbox) -> Option<usize> {
        let session = self.sessions.get_mut(conn.slot, conn.generation)?;
        let Stage::Handshake(handshake) = &mut session.stage else { return None };
        let policy = &self.handshake;
        let progress = match fence(&mut *handshake, |handshake| handshake.receive(bytes, policy)) {
            Ok(progress) => progress,
            Err(cause) => {
                out.push(Output::Fault(conn, cause));
                out.push(Output::Drop(conn)); // there is no WebSocket to close yet
                return None;
            }
        };
        let source = handshake.source();
        match progress {
            Progress::Incomplete => None,
            Progress::Accepted { .. } if self.is_over_rate(conn, now, out) => None,
            Progress::Accepted { response, consumed, forwarded_for } => {
                let session = self.sessions.get_mut(conn.slot, conn.generation)?;
                let trusted = &self.settings.trusted_proxies;
                let peer = source.unwrap_or(session.peer);
                session.peer = forwarded_for.map_or(peer, |hops| trusted.client(peer, &hops));
                session.stage = Stage::Ready;
                session.is_websocket = true;
                self.closing.count_websocket();
                self.send_bytes(conn, &response, out);
                if !self.admit(conn, now, out) {
                    return None;
                }
                let requires_login = self.gate.requires_login();
                self.frame(conn, out, |out| protocol::welcome(out, now.unix_ms, requires_login));
                Some(consumed)
            }
            Progress::Plain { method, path, response, .. } => {
                self.plain_http(conn, (&method, &path), response, now, out);
                None
            }
            Progress::Rejected { response } => {
                self.count_refusal(Refusal::Handshake);
                self.last_words(conn, &response, now, out);
                None
            }
        }
    }

    /// Everything but text (P-19, P-23, P-162).
    fn control(&mut self, conn: ConnId, message: &Message<'_>, now: Now, out: &mut Outbox) {
        match message {
            Message::Text(_) | Message::Pong(_) => {}
            Message::Ping(payload) => self.raw_frame(conn, out, |out| wire::encoder::pong(out, payload)),
            Message::Binary(_) => {
                self.close(conn, CloseCode::UNSUPPORTED_DATA, "binary_not_supported", now, out)
            }
            Message::Close(None) => {
                self.raw_frame(conn, out, |out| wire::encoder::close(out, None, ""));
                self.finish(conn, now, out);
            }
            Message::Close(Some((code, reason))) => self.close(conn, *code, reason, now, out),
        }
    }

    /// Sends what is no frame: an answer in HTTP.
    pub(super) fn send_bytes(&mut self, conn: ConnId, bytes: &[u8], out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        session.unsent_bytes += bytes.len() as u64;
        out.frames(conn).extend_from_slice(bytes);
    }

    /// Sends one protocol message, unless the connection is past it (P-82).
    pub(super) fn frame(&mut self, conn: ConnId, out: &mut Outbox, write: impl FnOnce(&mut Vec<u8>)) {
        self.raw_frame(conn, out, |out| wire::encoder::text_with(out, write));
    }

    /// Sends one frame of any kind, unless the connection is past it.
    pub(super) fn raw_frame(&mut self, conn: ConnId, out: &mut Outbox, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(session) = self.sessions.get_mut(conn.slot, conn.generation) {
            append(session, conn, &mut self.traffic, out, write);
        }
    }
}

/// The same for who has borrowed what else there is.
pub(super) fn append(
    session: &mut Session,
    conn: ConnId,
    traffic: &mut Traffic,
    out: &mut Outbox,
    write: impl FnOnce(&mut Vec<u8>),
) {
    if !session.may_answer() {
        return;
    }
    let buffer = out.frames(conn);
    let before = buffer.len();
    write(buffer);
    session.unsent_bytes += (buffer.len() - before) as u64;
    traffic.messages_sent += 1;
}
