//! What the port answers to plain HTTP (K-13): whether the server lives and serves. Everything
//! else has been answered with its proper status by `wire::handshake` already.

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::wire::http::{Status, plain_response};

/// Media type of the short answers.
const TEXT: &str = "text/plain; charset=utf-8";

impl Core {
    /// Answers a request that asks for no upgrade, and closes.
    pub(super) fn plain_http(
        &mut self,
        conn: ConnId,
        (method, path): (&str, &str),
        otherwise: Vec<u8>,
        now: Now,
        out: &mut Outbox,
    ) {
        let response = match (path, method) {
            ("/healthz" | "/readyz", "GET" | "HEAD") => {
                let (status, body) = self.health(path);
                let mut response = plain_response(status, TEXT, body);
                if method == "HEAD" {
                    response.truncate(response.len() - body.len());
                }
                response
            }
            ("/healthz" | "/readyz", _) => {
                plain_response(Status::MethodNotAllowed, TEXT, "only GET and HEAD\n")
            }
            _ => otherwise,
        };
        self.last_words(conn, &response, now, out);
    }

    /// Sends an HTTP answer as the last bytes of a connection.
    pub(super) fn last_words(&mut self, conn: ConnId, response: &[u8], now: Now, out: &mut Outbox) {
        self.send_bytes(conn, response, out);
        self.finish(conn, now, out);
    }

    /// A server that stops lives on, but wants no new clients.
    fn health(&self, path: &str) -> (Status, &'static str) {
        match path {
            "/readyz" if self.closing.is_stopping() => (Status::ServiceUnavailable, "draining\n"),
            "/readyz" => (Status::Ok, "ready\n"),
            _ => (Status::Ok, "ok\n"),
        }
    }
}
