//! What a connection's own core answers by itself: who is logged in, the end of a subscription.

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::{ConnId, SubscriptionId};
use crate::base::json::Number;
use crate::base::time::Now;
use crate::message::{Identity, SessionCall};
use crate::protocol;
use std::rc::Rc;

impl Core {
    /// Answers what concerns the connection alone. Everything before it is answered.
    pub(super) fn session_call(
        &mut self,
        conn: ConnId,
        id: Number,
        call: SessionCall<'_>,
        now: Now,
        out: &mut Outbox,
    ) {
        match call {
            SessionCall::Login { token } => match self.gate.validate(token, now.unix_ms) {
                Ok(identity) => {
                    self.replace_identity(conn, Some(Rc::clone(&identity)), now, out);
                    self.result(conn, id, out, |out| protocol::login(out, &identity));
                }
                // a failed login leaves the session in force.
                Err(fault) => self.error(conn, id, &fault, out),
            },
            SessionCall::Logout => {
                self.replace_identity(conn, None, now, out);
                self.result(conn, id, out, protocol::logged_out);
            }
            SessionCall::Whoami => {
                let identity = self.session(conn).and_then(|session| session.identity.clone());
                // an expired session is reported as none, not as an error.
                let identity = identity.filter(|identity| !identity.is_expired(now.unix_ms));
                if identity.is_none() {
                    self.replace_identity(conn, None, now, out);
                }
                self.result(conn, id, out, |out| protocol::whoami(out, identity.as_deref()));
            }
            SessionCall::Buckets => {
                let names = self.store_buckets();
                self.result(conn, id, out, |out| out.extend_from_slice(&names));
            }
            SessionCall::BucketSchema { name } => match self.bucket_schema(name) {
                Ok(schema) => self.result(conn, id, out, |out| out.extend_from_slice(&schema)),
                Err(fault) => self.error(conn, id, &fault, out),
            },
            SessionCall::Unsubscribe { id: name } => self.unsubscribe(conn, id, name, true, out),
            SessionCall::UnsubscribeEvents { id: name } => self.unsubscribe(conn, id, name, false, out),
        }
    }

    /// S-151, S-152, R-61: no push of the subscription follows the answer.
    fn unsubscribe(&mut self, conn: ConnId, id: Number, name: &str, is_query: bool, out: &mut Outbox) {
        let number = SubscriptionId::parse(name);
        let found =
            number.zip(self.session(conn)).and_then(|(id, session)| session.unsubscribe(id, is_query));
        let Some(subscription) = found else {
            if is_query && number.is_some_and(|number| self.hub.forget_ended(conn, number)) {
                return self.result(conn, id, out, protocol::unsubscribed);
            }
            return self.error(conn, id, &protocol::no_such_subscription(name), out);
        };
        self.end_subscription(conn, subscription, out);
        self.result(conn, id, out, protocol::unsubscribed);
    }

    /// Puts another identity, or none, in place. What the old one subscribed to ends with it
    /// (A-37, S-158), unless the user stays the same or anybody may subscribe.
    pub(super) fn replace_identity(
        &mut self,
        conn: ConnId,
        identity: Option<Rc<Identity>>,
        now: Now,
        out: &mut Outbox,
    ) {
        self.release_rate_key(conn, now, out);
        let Some(session) = self.session(conn) else { return };
        let user =
            |identity: &Option<Rc<Identity>>| identity.as_ref().map(|identity| identity.user_id.clone());
        let changes = session.identity.is_some() && user(&session.identity) != user(&identity);
        session.identity = identity;
        if changes && self.gate.requires_login() {
            self.end_subscriptions(conn, out);
        }
    }
}
