//! From bytes to messages: the upgrade, the frames, the client's close.

use super::outbox::{Outbox, Output};
use super::{Core, Node};
use crate::base::ids::ConnId;
use crate::base::limits::FRAGMENTS_MAX;
use crate::base::time::Now;
use crate::protocol;
use crate::session::{Session, Stage};
use crate::wire::{self, CloseCode, Handshake, Input, Limits, Message, Progress};
use std::net::IpAddr;

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
            Stage::Finishing | Stage::Closing | Stage::Gone => {}
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
            match decoder.next(&mut input, &limits) {
                Ok(None) => break,
                Ok(Some(Message::Text(text))) => {
                    self.text(conn, text, now, out);
                    self.settle(now, out);
                }
                Ok(Some(message)) => self.core.control(conn, &message, now, out),
                Err(violation) => self.core.close(conn, violation.close_code(), "", now, out),
            }
        }
        if let Some(session) = self.core.session(conn) {
            session.decoder = decoder;
        }
        self.core.throttle(conn, out);
    }
}

impl Core {
    /// A client has connected; nothing is sent before its upgrade request.
    pub(super) fn accept(&mut self, peer: IpAddr, now: Now, out: &mut Outbox) {
        let mut session = Session::new(peer);
        if self.settings.trusted_proxies.contain(peer) {
            session.stage = Stage::Handshake(Box::new(Handshake::behind_proxy()));
        }
        let (slot, generation) = self.sessions.insert(session);
        let conn = ConnId { slot, generation };
        out.push(Output::Admitted(conn));
        if self.closing.is_forced() {
            out.push(Output::Drop(conn));
        } else {
            self.closing.expect_upgrade(conn, now, out);
        }
    }

    /// Takes bytes of the upgrade request. When it is complete and good, the connection is
    /// ready, and the result says where frames begin in `bytes`.
    fn upgrade(&mut self, conn: ConnId, bytes: &[u8], now: Now, out: &mut Outbox) -> Option<usize> {
        let session = self.sessions.get_mut(conn.slot, conn.generation)?;
        let Stage::Handshake(handshake) = &mut session.stage else { return None };
        match handshake.receive(bytes, &self.handshake) {
            Progress::Incomplete => None,
            Progress::Accepted { response, consumed, forwarded_for } => {
                let trusted = &self.settings.trusted_proxies;
                let peer = handshake.source().unwrap_or(session.peer);
                session.peer = forwarded_for.map_or(peer, |hops| trusted.client(peer, &hops));
                session.stage = Stage::Ready;
                session.is_websocket = true;
                self.closing.count_websocket();
                session.unsent_bytes += response.len() as u64;
                out.frames(conn).extend_from_slice(&response);
                if self.closing.is_stopping() {
                    // P-15 row 1: no welcome.
                    self.close(conn, CloseCode::GOING_AWAY, "server_shutting_down", now, out);
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

    /// Sends one protocol message, unless the connection is past it (P-82).
    pub(super) fn frame(&mut self, conn: ConnId, out: &mut Outbox, write: impl FnOnce(&mut Vec<u8>)) {
        self.raw_frame(conn, out, |out| wire::encoder::text_with(out, write));
    }

    /// Sends one frame of any kind, unless the connection is past it.
    pub(super) fn raw_frame(&mut self, conn: ConnId, out: &mut Outbox, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(session) = self.sessions.get_mut(conn.slot, conn.generation) else { return };
        if !session.may_answer() {
            return;
        }
        let buffer = out.frames(conn);
        let before = buffer.len();
        write(buffer);
        session.unsent_bytes += (buffer.len() - before) as u64;
    }
}
