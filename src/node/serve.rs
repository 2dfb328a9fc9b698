//! From a text message to whoever answers it, in the order of 01 §5.

use super::fence::fence;
use super::outbox::{Outbox, Output};
use super::point::Point;
use super::{Core, Node};
use crate::access::{Authorized, Denied, Subject};
use crate::base::fault::{Code, Fault};
use crate::base::ids::ConnId;
use crate::base::json::{Number, Parser};
use crate::base::time::Now;
use crate::message::{Namespace, Op, Operation, Origin, Request, RulesCall};
use crate::protocol::{self, Envelope, Incoming};
use crate::router::{self, Plan};
use crate::session::{Due, Pending, Session, Stage, Target};
use crate::shard::Place;

/// The id of answers to messages whose envelope is broken (P-42).
const NO_ID: Number = Number::Signed(0);

impl Node {
    /// Takes one text message: serves it, or keeps it until those before it are answered.
    pub(super) fn text(&mut self, conn: ConnId, text: &str, now: Now, out: &mut Outbox) {
        let Some(session) = self.core.session(conn) else { return };
        let done = if session.backlog.is_empty() && !session.is_clogged() {
            self.serve(conn, text, now, out)
        } else {
            self.take_pong(conn, text)
        };
        if done {
            return;
        }
        if let Some(session) = self.core.session(conn) {
            session.backlog.push(text.into());
        }
        self.core.throttle(conn, out);
    }

    /// Serves what waits, as far as it goes.
    pub(super) fn serve_backlog(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        while let Some(session) = self.core.session(conn)
            && !session.is_clogged()
            && let Some(text) = session.backlog.pop()
        {
            if !self.serve(conn, &text, now, out) {
                let session = self.core.session(conn).expect("serving does not end a session");
                session.backlog.put_back(text);
                break;
            }
        }
        self.core.rest(conn, now, out);
    }

    /// Serves one message unless it has to wait, which changes nothing. False = it has to.
    fn serve(&mut self, conn: ConnId, text: &str, now: Now, out: &mut Outbox) -> bool {
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let core = &self.core;
        match fence((&mut self.parser, text), |(parser, text)| core.read(parser, conn, text, now)) {
            Ok(Read::Request(id, planned)) => self.core.request(conn, id, planned, bytes, now, out),
            Ok(Read::Found(id, place)) => {
                self.core.found(conn, id, place, now, out);
                true
            }
            Ok(Read::Elsewhere(id, point)) => self.core.look_up_elsewhere(conn, id, point, bytes, now, out),
            Ok(Read::Pong { timestamp }) => {
                self.core.pong(conn, timestamp);
                true
            }
            Ok(Read::Broken(fault)) => self.core.refuse(conn, NO_ID, &fault, out),
            Err(cause) => {
                self.parser = Parser::default();
                self.core.fail(conn, cause, now, out);
                true
            }
        }
    }

    /// Whether the message is a pong, which waits behind nothing (P-106).
    fn take_pong(&mut self, conn: ConnId, text: &str) -> bool {
        if memchr::memmem::find(text.as_bytes(), b"\"pong\"").is_none() {
            return false;
        }
        let pong = protocol::parse(&self.parser.parse(text)).ok().and_then(|incoming| match incoming {
            Incoming::Pong { timestamp } => Some(timestamp),
            Incoming::Request(_) => None,
        });
        if let Some(timestamp) = pong {
            self.core.pong(conn, timestamp);
        }
        pong.is_some()
    }
}

/// What a text message turned out to be.
enum Read<'t> {
    /// A request: its id and what is to be done, if it passed the gate.
    Request(Number, Result<Planned<'t>, Denied>),
    /// A `store.get` that could be looked up at once: its id and where the record is, if there is one.
    Found(Number, Option<Place>),
    /// One whose bucket lives on another core.
    Elsewhere(Number, Point<'t>),
    Pong {
        timestamp: f64,
    },
    Broken(Fault),
}

/// Stage D of a request up to the point where somebody has to be asked.
type Planned<'t> = Result<Plan<'t>, Fault>;

impl Core {
    /// Stage A of a message (01 §5), and what [`Core::plan`] makes of it. Changes nothing but the
    /// parser, so that a fault of ours in here costs no more than the connection.
    fn read<'t>(&self, parser: &'t mut Parser, conn: ConnId, text: &'t str, now: Now) -> Read<'t> {
        match protocol::parse(&parser.parse(text)) {
            Ok(Incoming::Request(envelope)) => self.plan(conn, &envelope, now),
            Ok(Incoming::Pong { timestamp }) => Read::Pong { timestamp },
            Err(fault) => Read::Broken(fault),
        }
    }

    /// Sends a request on its way, or answers it, unless it has to wait.
    fn request(
        &mut self,
        conn: ConnId,
        id: Number,
        planned: Result<Planned<'_>, Denied>,
        bytes: u32,
        now: Now,
        out: &mut Outbox,
    ) -> bool {
        let planned = match planned {
            Ok(planned) => planned,
            // P-50: not charged.
            Err(Denied::Refused(fault)) => return self.refuse(conn, id, &fault, out),
            Err(Denied::Expired(fault)) => {
                let refused = self.refuse(conn, id, &fault, out);
                if refused {
                    self.replace_identity(conn, None, now, out);
                }
                return refused;
            }
        };
        let Some(session) = self.session(conn) else { return true };
        let target = planned.as_ref().ok().and_then(|plan| target(plan, session));
        let admits = |target| session.flight.admits(target);
        if !target.map_or(session.flight.is_empty(), admits) {
            return false;
        }
        let planned = planned.and_then(|plan| self.reserve(due(&plan)).map(|()| plan));
        if planned.is_err() && !self.is_free(conn) {
            return false;
        }
        let is_reserved = planned.as_ref().is_ok_and(|plan| due(plan) == Due::Subscription);
        // P-97: whatever becomes of it. A rejection leaves no trace, so that it may wait.
        let charged = self.charge(conn, now).inspect_err(|_| self.unreserve(is_reserved));
        let is_over_rate = charged.is_err();
        let plan = match charged.and(planned) {
            Ok(plan) => plan,
            Err(fault) => {
                let is_refused = self.refuse(conn, id, &fault, out);
                self.traffic.rate_limited += u64::from(is_refused && is_over_rate);
                return is_refused;
            }
        };
        let pending = Pending { id, due: due(&plan), bytes };
        self.send_on(conn, target, pending, plan, now, out);
        true
    }

    /// Sends a request on its way that has been admitted and charged.
    fn send_on(
        &mut self,
        conn: ConnId,
        target: Option<Target>,
        pending: Pending,
        plan: Plan<'_>,
        now: Now,
        out: &mut Outbox,
    ) {
        let id = pending.id;
        let plan = match plan {
            // What runs at once need not be carried away and back. It is answered next: those before it are
            // for the same core, and would be waiting there for what is locked.
            Plan::One { core, op: op @ (Op::Data { .. } | Op::Transaction(_)) }
                if self.is_next(core) && self.shard.is_unlocked() =>
            {
                debug_assert!(self.is_free(conn), "earlier requests are answered or wait");
                return self.run_here(conn, id, op, now, out);
            }
            plan => plan,
        };
        if let Some(target) = target {
            self.session(conn).expect("just seen").flight.depart(target, pending);
        }
        match plan {
            Plan::One { core, op: op @ (Op::Data { .. } | Op::Transaction(_)) } if core != self.id => {
                out.run(core, conn).push(id, op);
            }
            Plan::One { core, op } => {
                let origin = Origin { core: self.id, conn };
                self.post_request(core, Request { origin, op }, now, out);
            }
            Plan::Composite { query, plan } => self.join_composite(conn, query, *plan, out),
            Plan::Several(steps) => self.coordinate(conn, steps),
            Plan::Admin(call) => self.administer(Origin { core: self.id, conn }, call, out),
            Plan::Each(question) => self.gather(conn, question, out),
            Plan::Session(call) => self.session_call(conn, id, call, now, out),
        }
    }

    /// Stages B and D of 01 §5 up to the point where somebody has to be asked. Changes nothing.
    fn plan<'t>(&self, conn: ConnId, envelope: &Envelope<'_, 't>, now: Now) -> Read<'t> {
        if let Some(probe) = self.settings.probe {
            probe(envelope.name);
        }
        let session = self.sessions.get(conn.slot, conn.generation).expect("requests come from sessions");
        let subject =
            Subject { operation: envelope.name, tier: envelope.operation.and_then(Operation::tier) };
        let authorized = match self.gate.admit(session.identity.as_deref(), subject, now.unix_ms, envelope) {
            Ok(authorized) => authorized,
            Err(denied) => return Read::Request(envelope.id, Err(denied)),
        };
        let point = self.point(&authorized);
        if let Some(point) = point.filter(|point| point.core != self.id) {
            return Read::Elsewhere(envelope.id, point);
        }
        if let Some(place) = point.and_then(|point| self.look_up(conn, point)) {
            return Read::Found(envelope.id, place);
        }
        Read::Request(envelope.id, Ok(self.plan_authorized(authorized, session.subscription_count())))
    }

    /// The same for a request that has passed the gate, of somebody with so many subscriptions.
    pub(super) fn plan_authorized<'t>(
        &self,
        request: Authorized<&Envelope<'_, 't>>,
        subscriptions: u64,
    ) -> Planned<'t> {
        let Envelope { name, operation, .. } = *request.request();
        self.check_namespace(name)?;
        let operation = operation.ok_or_else(|| protocol::unknown(name))?;
        if matches!(operation, Operation::StoreSubscribe | Operation::RulesSubscribe) {
            self.check_subscription_limits(subscriptions)?;
        }
        request
            .try_map(|envelope| protocol::decode(operation, envelope))
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
        if self.shared.counters.active_subscriptions() >= limits.subscriptions_total_max {
            return Err(self.too_many_subscriptions());
        }
        Ok(())
    }

    /// Takes a place for a subscription that is about to be made (P-120).
    pub(super) fn reserve(&self, due: Due) -> Result<(), Fault> {
        let is_free = due != Due::Subscription
            || self.shared.counters.reserve_subscription(self.settings.limits.subscriptions_total_max);
        if is_free { Ok(()) } else { Err(self.too_many_subscriptions()) }
    }

    fn unreserve(&self, is_reserved: bool) {
        if is_reserved {
            self.shared.counters.release_subscription();
        }
    }

    fn too_many_subscriptions(&self) -> Fault {
        let max = self.settings.limits.subscriptions_total_max;
        Fault::new(Code::RateLimited, format!("Global subscription limit reached (max {max})"))
    }

    /// Sends an error unless earlier answers are due. False = they are, and nothing was sent.
    pub(super) fn refuse(&mut self, conn: ConnId, id: Number, fault: &Fault, out: &mut Outbox) -> bool {
        let is_free = self.is_free(conn);
        if is_free {
            self.error(conn, id, fault, out);
        }
        is_free
    }

    pub(super) fn is_free(&self, conn: ConnId) -> bool {
        let session = self.sessions.get(conn.slot, conn.generation);
        session.is_none_or(|session| session.flight.is_empty())
    }

    /// Sends an error.
    pub(super) fn error(&mut self, conn: ConnId, id: Number, fault: &Fault, out: &mut Outbox) {
        let write = self.failed(id, fault);
        self.frame(conn, out, write);
    }

    /// Counts an error; what writes it.
    pub(super) fn failed<'f>(&mut self, id: Number, fault: &'f Fault) -> impl FnOnce(&mut Vec<u8>) + use<'f> {
        self.traffic.errors[fault.code as usize] += 1;
        let expose = self.settings.expose_error_details;
        move |out| protocol::error(out, id, fault, expose)
    }

    /// Sends a result.
    pub(super) fn result(
        &mut self,
        conn: ConnId,
        id: Number,
        out: &mut Outbox,
        data: impl FnOnce(&mut Vec<u8>),
    ) {
        self.traffic.results += 1;
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

/// Where it executes; `None` = at its own connection, or nowhere.
fn target(plan: &Plan<'_>, session: &Session) -> Option<Target> {
    match plan {
        Plan::One { core, .. } => Some(Target::Core(*core)),
        // P-127: where it could matter, the pushes that one causes come before the answer to the next.
        Plan::Several(steps) if session.subscription_count() == 0 => {
            Some(Target::transaction(steps.iter().map(|(core, _)| *core)))
        }
        Plan::Composite { .. } | Plan::Several(_) | Plan::Admin(_) | Plan::Each(_) => Some(Target::Several),
        Plan::Session(_) => None,
    }
}

/// What its answer brings.
pub(super) fn due(plan: &Plan<'_>) -> Due {
    match plan {
        Plan::One { op: Op::Rules(call), .. } if matches!(**call, RulesCall::Subscribe(_)) => {
            Due::Subscription
        }
        Plan::One { op: Op::Subscribe { .. }, .. } | Plan::Composite { .. } => Due::Subscription,
        Plan::One { op: Op::Transaction(_), .. } | Plan::Several(_) => Due::Transaction,
        _ => Due::Data,
    }
}
