//! From a text message to whoever answers it, in the order of 01 §5.

use super::outbox::{Outbox, Output};
use super::{Core, Node};
use crate::access::{Authorized, Denied, Subject};
use crate::base::fault::{Code, Fault};
use crate::base::ids::{ConnId, SubscriptionId};
use crate::base::json::Number;
use crate::base::time::Now;
use crate::message::{Identity, Mail, Namespace, Op, Operation, Origin, Request, RulesCall, SessionCall};
use crate::protocol::{self, Envelope, Incoming};
use crate::router::{self, Plan};
use crate::session::{Due, Pending, Stage, Target};
use std::rc::Rc;

/// The id of answers to messages whose envelope is broken (P-42).
const NO_ID: Number = Number::Signed(0);

impl Node {
    /// Takes one text message: serves it, or keeps it until those before it are answered.
    pub(super) fn text(&mut self, conn: ConnId, text: &mut [u8], now: Now, out: &mut Outbox) {
        let Some(session) = self.core.session(conn) else { return };
        let is_clogged = session.is_clogged();
        if session.is_idle() && !is_clogged {
            let served = self.serve(conn, text, now, out);
            debug_assert!(served, "nothing is ahead of it");
            return;
        }
        // Reading a message unescapes it in place: what may have to wait is copied first.
        let copy: Box<[u8]> = (&*text).into();
        if session.backlog.is_empty() && !is_clogged {
            if self.serve(conn, text, now, out) {
                return;
            }
        } else if self.take_pong(text) {
            return;
        }
        if let Some(session) = self.core.session(conn) {
            session.backlog.push(copy);
        }
        self.core.throttle(conn, out);
    }

    /// Serves what waits, as far as it goes.
    pub(super) fn serve_backlog(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        while let Some(session) = self.core.session(conn)
            && !session.is_clogged()
            && let Some(mut text) = session.backlog.pop()
        {
            if session.flight.is_empty() {
                self.serve(conn, &mut text, now, out);
                continue;
            }
            let mut attempt = text.clone();
            if !self.serve(conn, &mut attempt, now, out) {
                let session = self.core.session(conn).expect("serving does not end a session");
                session.backlog.put_back(text);
                break;
            }
        }
        self.core.rest(conn, now, out);
    }

    /// Serves one message unless it has to wait, which changes nothing. False = it has to.
    fn serve(&mut self, conn: ConnId, text: &mut [u8], now: Now, out: &mut Outbox) -> bool {
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let document = self.parser.parse(text);
        match protocol::parse(&document) {
            Ok(Incoming::Request(envelope)) => self.core.request(conn, &envelope, bytes, now, out),
            // P-44; the heartbeat (01 §11) will take note of it here.
            Ok(Incoming::Pong { .. }) => true,
            Err(fault) => self.core.refuse(conn, NO_ID, &fault, out),
        }
    }

    /// Whether the message is a pong, which waits behind nothing (P-106).
    fn take_pong(&mut self, text: &mut [u8]) -> bool {
        memchr::memmem::find(text, b"\"pong\"").is_some()
            && matches!(protocol::parse(&self.parser.parse(text)), Ok(Incoming::Pong { .. }))
    }
}

impl Core {
    /// Sends a request on its way, or answers it, unless it has to wait.
    fn request(
        &mut self,
        conn: ConnId,
        envelope: &Envelope<'_, '_>,
        bytes: u32,
        now: Now,
        out: &mut Outbox,
    ) -> bool {
        let id = envelope.id;
        match self.plan(conn, envelope, now) {
            Ok(Plan::One { core, op }) => {
                let pending = Pending { id, due: due(&op), bytes };
                let departs = self.depart(conn, Target::Core(core), pending, out);
                if departs.is_ok() {
                    let origin = Origin { core: self.id, conn };
                    self.post(core, Mail::Request(Request { origin, op }), out);
                }
                departs.err().unwrap_or(true)
            }
            Ok(Plan::Composite { query, plan }) => {
                let pending = Pending { id, due: Due::Subscription, bytes };
                let departs = self.depart(conn, Target::Several, pending, out);
                if departs.is_ok() {
                    self.join_composite(conn, query, *plan, out);
                }
                departs.err().unwrap_or(true)
            }
            Ok(Plan::Several(steps)) => {
                let departs = self.depart_alone(conn, id, bytes);
                if departs {
                    self.coordinate(conn, steps, out);
                }
                departs
            }
            Ok(Plan::Admin(call)) => {
                let departs = self.depart_alone(conn, id, bytes);
                if departs {
                    self.administer(Origin { core: self.id, conn }, call, out);
                }
                departs
            }
            Ok(Plan::Each(question)) => {
                let departs = self.depart_alone(conn, id, bytes);
                if departs {
                    self.gather(conn, question, out);
                }
                departs
            }
            Ok(Plan::Session(call)) => self.session_call(conn, id, call, now, out),
            Err(Denied::Refused(fault)) => self.refuse(conn, id, &fault, out),
            Err(Denied::Expired(fault)) => {
                let refused = self.refuse(conn, id, &fault, out);
                if refused {
                    self.replace_identity(conn, None, out);
                }
                refused
            }
        }
    }

    /// Notes a request that is to be sent on. Otherwise the result says whether it was refused, or
    /// has to wait for earlier answers.
    fn depart(
        &mut self,
        conn: ConnId,
        target: Target,
        pending: Pending,
        out: &mut Outbox,
    ) -> Result<(), bool> {
        let session = self.session(conn).expect("requests come from sessions");
        if !session.flight.admits(target) {
            return Err(false);
        }
        if let Err(fault) = self.reserve(pending.due) {
            return Err(self.refuse(conn, pending.id, &fault, out));
        }
        self.session(conn).expect("just seen").flight.depart(target, pending);
        Ok(())
    }

    /// Notes a request that executes on several cores, unless earlier answers are due. False =
    /// they are.
    fn depart_alone(&mut self, conn: ConnId, id: Number, bytes: u32) -> bool {
        let session = self.session(conn).expect("requests come from sessions");
        let is_admitted = session.flight.admits(Target::Several);
        if is_admitted {
            session.flight.depart(Target::Several, Pending { id, due: Due::Data, bytes });
        }
        is_admitted
    }

    /// Stages B and D of 01 §5 up to the point where somebody has to be asked. Changes nothing.
    fn plan<'t>(&mut self, conn: ConnId, envelope: &Envelope<'_, 't>, now: Now) -> Result<Plan<'t>, Denied> {
        let session = self.sessions.get(conn.slot, conn.generation).expect("requests come from sessions");
        let subject =
            Subject { operation: envelope.name, tier: envelope.operation.and_then(Operation::tier) };
        let authorized = self.gate.admit(session.identity.as_deref(), subject, now.unix_ms, *envelope)?;
        self.plan_authorized(authorized, session.subscription_count()).map_err(Denied::Refused)
    }

    /// The same for a request that has passed the gate, of somebody with so many subscriptions.
    pub(super) fn plan_authorized<'t>(
        &self,
        request: Authorized<Envelope<'_, 't>>,
        subscriptions: u64,
    ) -> Result<Plan<'t>, Fault> {
        let Envelope { name, operation, .. } = *request.request();
        self.check_namespace(name)?;
        let operation = operation.ok_or_else(|| protocol::unknown(name))?;
        if matches!(operation, Operation::StoreSubscribe | Operation::RulesSubscribe) {
            self.check_subscription_limits(subscriptions)?;
        }
        request
            .try_map(|envelope| protocol::decode(operation, &envelope))
            .and_then(|call| router::plan(&self.catalog, self.id, call))
    }

    /// P-62: a namespace that is not configured says so whatever the name is.
    fn check_namespace(&self, name: &str) -> Result<(), Fault> {
        match Namespace::of(name) {
            Namespace::Rules if self.catalog.rules().is_none() => {
                Err(Fault::new(Code::RulesNotAvailable, "Rule engine is not configured"))
            }
            Namespace::Auth if !self.gate.is_configured() => {
                Err(Fault::new(Code::UnknownOperation, "Authentication is not configured"))
            }
            _ => Ok(()),
        }
    }

    /// P-115…P-117: before any field is looked at.
    fn check_subscription_limits(&self, on_connection: u64) -> Result<(), Fault> {
        let limits = &self.settings.limits;
        let max = limits.subscriptions_per_connection_max;
        if on_connection >= max {
            let text = format!("Subscription limit reached (max {max} per connection)");
            return Err(Fault::new(Code::RateLimited, text));
        }
        if self.counters.active_subscriptions() >= limits.subscriptions_total_max {
            return Err(self.too_many_subscriptions());
        }
        Ok(())
    }

    /// Takes a place for a subscription that is about to be made (P-120).
    fn reserve(&self, due: Due) -> Result<(), Fault> {
        let is_free = due != Due::Subscription
            || self.counters.reserve_subscription(self.settings.limits.subscriptions_total_max);
        if is_free { Ok(()) } else { Err(self.too_many_subscriptions()) }
    }

    fn too_many_subscriptions(&self) -> Fault {
        let max = self.settings.limits.subscriptions_total_max;
        Fault::new(Code::RateLimited, format!("Global subscription limit reached (max {max})"))
    }

    /// Answers what concerns the connection alone, once everything before it is answered.
    fn session_call(
        &mut self,
        conn: ConnId,
        id: Number,
        call: SessionCall<'_>,
        now: Now,
        out: &mut Outbox,
    ) -> bool {
        if !self.session(conn).is_some_and(|session| session.flight.is_empty()) {
            return false;
        }
        match call {
            SessionCall::Login { token } => match self.gate.validate(token, now.unix_ms) {
                Ok(identity) => {
                    self.replace_identity(conn, Some(Rc::clone(&identity)), out);
                    self.result(conn, id, out, |out| protocol::login(out, &identity));
                }
                // a failed login leaves the session in force.
                Err(fault) => return self.refuse(conn, id, &fault, out),
            },
            SessionCall::Logout => {
                self.replace_identity(conn, None, out);
                self.result(conn, id, out, protocol::logged_out);
            }
            SessionCall::Whoami => {
                let identity = self.session(conn).and_then(|session| session.identity.clone());
                // an expired session is reported as none, not as an error.
                let identity = identity.filter(|identity| !identity.is_expired(now.unix_ms));
                if identity.is_none() {
                    self.replace_identity(conn, None, out);
                }
                self.result(conn, id, out, |out| protocol::whoami(out, identity.as_deref()));
            }
            SessionCall::Buckets => {
                let names = self.store_buckets();
                self.result(conn, id, out, |out| out.extend_from_slice(&names));
            }
            SessionCall::BucketSchema { name } => match self.bucket_schema(name) {
                Ok(schema) => self.result(conn, id, out, |out| out.extend_from_slice(&schema)),
                Err(fault) => return self.refuse(conn, id, &fault, out),
            },
            SessionCall::Unsubscribe { id: name } => return self.unsubscribe(conn, id, name, true, out),
            SessionCall::UnsubscribeEvents { id: name } => {
                return self.unsubscribe(conn, id, name, false, out);
            }
        }
        true
    }

    /// S-151, S-152, R-61: no push of the subscription follows the answer.
    fn unsubscribe(
        &mut self,
        conn: ConnId,
        id: Number,
        name: &str,
        is_query: bool,
        out: &mut Outbox,
    ) -> bool {
        let number = SubscriptionId::parse(name);
        let found =
            number.zip(self.session(conn)).and_then(|(id, session)| session.unsubscribe(id, is_query));
        let Some(subscription) = found else {
            if is_query && number.is_some_and(|number| self.hub.forget_ended(conn, number)) {
                self.result(conn, id, out, protocol::unsubscribed);
                return true;
            }
            let fault = Fault::new(Code::NotFound, format!("Subscription \"{name}\" not found"));
            return self.refuse(conn, id, &fault, out);
        };
        self.end_subscription(conn, subscription, out);
        self.result(conn, id, out, protocol::unsubscribed);
        true
    }

    /// Puts another identity, or none, in place. What the old one subscribed to ends with it
    /// (A-37, S-158), unless the user stays the same or anybody may subscribe.
    fn replace_identity(&mut self, conn: ConnId, identity: Option<Rc<Identity>>, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        let user =
            |identity: &Option<Rc<Identity>>| identity.as_ref().map(|identity| identity.user_id.clone());
        let changes = session.identity.is_some() && user(&session.identity) != user(&identity);
        session.identity = identity;
        if changes && self.gate.requires_login() {
            self.end_subscriptions(conn, out);
        }
    }

    /// Sends an error unless earlier answers are due. False = they are, and nothing was sent.
    fn refuse(&mut self, conn: ConnId, id: Number, fault: &Fault, out: &mut Outbox) -> bool {
        let is_free = self.session(conn).is_none_or(|session| session.flight.is_empty());
        if is_free {
            self.error(conn, id, fault, out);
        }
        is_free
    }

    /// Sends an error.
    pub(super) fn error(&mut self, conn: ConnId, id: Number, fault: &Fault, out: &mut Outbox) {
        let expose = self.settings.expose_error_details;
        self.frame(conn, out, |out| protocol::error(out, id, fault, expose));
    }

    /// Sends a result.
    pub(super) fn result(
        &mut self,
        conn: ConnId,
        id: Number,
        out: &mut Outbox,
        data: impl FnOnce(&mut Vec<u8>),
    ) {
        self.frame(conn, out, |out| protocol::result_with(out, id, data));
    }

    /// Stops reading from a client that floods us, with messages or by not reading its answers.
    pub(super) fn throttle(&mut self, conn: ConnId, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        if session.is_open() && session.is_flooded() && !session.paused {
            session.paused = true;
            out.push(Output::Pause(conn));
        }
    }

    /// What is to be done when requests of a connection have been served.
    fn rest(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        if session.paused && session.is_ebbed() {
            session.paused = false;
            out.push(Output::Resume(conn));
        }
        self.catch_up(conn, now, out);
        let Some(session) = self.session(conn) else { return };
        if session.is_idle() && !matches!(session.stage, Stage::Ready) {
            self.after_last_answer(conn, now, out);
        }
    }
}

/// What the answer to a request brings.
pub(super) fn due(op: &Op) -> Due {
    match op {
        Op::Subscribe { .. } | Op::Rules(RulesCall::Subscribe(_)) => Due::Subscription,
        _ => Due::Data,
    }
}
