//! What the port answers to plain HTTP (K-13): whether the server lives and serves, and what it
//! counts. Everything else has been answered with its proper status by `wire::handshake` already.

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::protocol::METRICS_TYPE;
use crate::session::Stage;
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
        let is_head = method == "HEAD";
        let response = match (path, method) {
            ("/healthz" | "/readyz", "GET" | "HEAD") => {
                let (status, body) = self.health(path);
                page(status, TEXT, body, is_head)
            }
            ("/metrics", "GET" | "HEAD") => {
                self.session(conn).expect("it has just asked").stage = Stage::Scraping;
                return self.scrape(conn, is_head, out);
            }
            ("/healthz" | "/readyz" | "/metrics", _) => {
                plain_response(Status::MethodNotAllowed, TEXT, "only GET and HEAD\n")
            }
            _ => otherwise,
        };
        self.last_words(conn, &response, now, out);
    }

    /// All cores have told what they count. Whoever asked may have left meanwhile.
    pub(super) fn scraped(
        &mut self,
        conn: ConnId,
        metrics: &[u8],
        is_head: bool,
        now: Now,
        out: &mut Outbox,
    ) {
        if self.session(conn).is_some_and(|session| matches!(session.stage, Stage::Scraping)) {
            let body = std::str::from_utf8(metrics).expect("metrics are text");
            self.last_words(conn, &page(Status::Ok, METRICS_TYPE, body, is_head), now, out);
        }
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

fn page(status: Status, content_type: &str, body: &str, is_head: bool) -> Vec<u8> {
    let mut response = plain_response(status, content_type, body);
    if is_head {
        response.truncate(response.len() - body.len());
    }
    response
}
