//! What the program that embeds the server asks for (02 §10.5, §10.6): requests in the client's
//! language and subscriptions, without a connection and past the gate, and some things that no
//! client can ask for.

use super::outbox::{Outbox, Output};
use super::serve::due;
use super::{Core, Node};
use crate::base::bytes::Body;
use crate::base::fault::{Code, Fault};
use crate::base::ids::{ConnId, CoreId, QueryId, SubscriptionId};
use crate::message::{AdminCall, AdminVerb, Mail, Op, Origin, Outcome, Request, SessionCall, Survey};
use crate::protocol::{self, Envelope, Incoming};
use crate::query;
use crate::router::Plan;
use crate::session::{Due, Subscription, Watched};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What an embedded request comes to: the result's `data` as JSON, or the error.
pub type Reply = Result<Vec<u8>, Fault>;

/// What the embedding program asks for.
pub enum Call<'a> {
    /// What a client could ask: one request as on the wire, with its `id`.
    Request(&'a str),
    /// To be told when everything committed so far has been told to all who watch it (S-207):
    /// `true`, or `false` if a transaction that is undecided still keeps something back.
    Settle,
    /// To remove the records that have expired, as many as go in one turn of each core: how many
    /// that were (S-191).
    Expire,
    /// To subscribe: a `store.subscribe` as on the wire. The result comes as [`Output::Result`]
    /// before the empty reply, later ones under the same number until [`Call::Unsubscribe`] or
    /// [`Output::Ended`].
    Subscribe(&'a str),
    /// To end the subscription of that number. There is no reply.
    Unsubscribe,
    /// To define a query that is a function of the program (S-125).
    DefineQuery(&'a str, query::Definition),
}

/// The program's subscriptions on this core.
#[derive(Default)]
pub(super) struct Embedded {
    /// By number; `None` while it is being made.
    subscriptions: BTreeMap<u32, Option<Subscription>>,
}

/// The place of embedded requests among the connections: no table grows to there.
const SLOT: u32 = u32::MAX;

/// The name by which the answer finds its way back.
fn name(number: u32) -> ConnId {
    ConnId { slot: SLOT, generation: number }
}

/// The number of that name, if it is one of the program's.
pub(super) fn number(conn: ConnId) -> Option<u32> {
    (conn.slot == SLOT).then_some(conn.generation)
}

impl Node {
    /// Takes a request of the embedding program; its answer is a [`Output::Reply`] with the number.
    pub(super) fn call(&mut self, number: u32, call: Call<'_>, out: &mut Outbox) {
        let conn = name(number);
        let outcome = match call {
            Call::Settle => {
                self.core.gather(conn, Survey::Settle, out);
                Ok(())
            }
            Call::Expire => {
                self.core.gather(conn, Survey::Expire, out);
                Ok(())
            }
            Call::DefineQuery(query, definition) => {
                let call = AdminCall { name: query.into(), verb: AdminVerb::RegisterQuery(definition) };
                self.core.administer(Origin { core: self.core.id, conn }, call, out);
                Ok(())
            }
            Call::Unsubscribe => {
                self.core.unsubscribe_embedded(number, out);
                Ok(())
            }
            Call::Request(text) => self.ask(text, |core, envelope| core.call(number, envelope, out)),
            Call::Subscribe(text) => self.ask(text, |core, envelope| core.subscribe(number, envelope, out)),
        };
        if let Err(fault) = outcome {
            out.push(Output::Reply(number, Err(fault)));
        }
    }

    fn ask(
        &mut self,
        text: &str,
        act: impl FnOnce(&mut Core, &Envelope<'_, '_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let document = self.parser.parse(text);
        match protocol::parse(&document)? {
            Incoming::Request(envelope) => act(&mut self.core, &envelope),
            Incoming::Pong { .. } => Err(needs_connection("pong")),
        }
    }
}

impl Core {
    /// Sends an embedded request on its way.
    fn call(&mut self, number: u32, envelope: &Envelope<'_, '_>, out: &mut Outbox) -> Result<(), Fault> {
        let conn = name(number);
        let origin = Origin { core: self.id, conn };
        match self.plan_authorized(self.gate.trust(envelope), 0)? {
            plan if due(&plan) == Due::Subscription => {
                return Err(needs_connection(envelope.name));
            }
            Plan::One { core, op } => self.post(core, Mail::Request(Request { origin, op }), out),
            Plan::Composite { .. } => return Err(needs_connection(envelope.name)),
            Plan::Several(steps) => self.coordinate(conn, steps),
            Plan::Admin(call) => self.administer(origin, call, out),
            Plan::Each(survey) => self.gather(conn, survey, out),
            Plan::Session(SessionCall::Buckets) => {
                out.push(Output::Reply(number, Ok(self.store_buckets())));
            }
            Plan::Session(SessionCall::BucketSchema { name }) => {
                out.push(Output::Reply(number, Ok(self.bucket_schema(name)?)));
            }
            Plan::Session(_) => return Err(needs_connection(envelope.name)),
        }
        Ok(())
    }

    /// Sends an embedded `store.subscribe` on its way. It takes a place like a client's.
    fn subscribe(&mut self, number: u32, envelope: &Envelope<'_, '_>, out: &mut Outbox) -> Result<(), Fault> {
        let conn = name(number);
        let plan = self.plan_authorized(self.gate.trust(envelope), 0)?;
        let is_query = matches!(plan, Plan::One { op: Op::Subscribe { .. }, .. } | Plan::Composite { .. });
        if !is_query {
            return Err(Fault::new(Code::UnknownOperation, "Only queries can be subscribed to"));
        }
        self.reserve(Due::Subscription)?;
        self.embedded.subscriptions.insert(number, None);
        match plan {
            Plan::One { core, op } => {
                let origin = Origin { core: self.id, conn };
                self.post(core, Mail::Request(Request { origin, op }), out);
            }
            Plan::Composite { query, plan } => self.join_composite(conn, query, *plan, out),
            _ => unreachable!("just seen"),
        }
        Ok(())
    }

    /// Takes the answer to an embedded request.
    pub(super) fn reply(&mut self, from: CoreId, number: u32, outcome: Outcome, out: &mut Outbox) {
        let reply = match outcome {
            Outcome::Data(json) | Outcome::Written { json, .. } => Ok(json.as_bytes().to_vec()),
            Outcome::Results(results) => {
                let mut text = Vec::new();
                protocol::transaction_results(&mut text, &results);
                Ok(text)
            }
            Outcome::Fault(fault) => {
                if self.embedded.subscriptions.remove(&number).is_some() {
                    self.shared.counters.release_subscription();
                }
                Err(*fault)
            }
            Outcome::Subscribed { query, live, body } => {
                self.begin_embedded(number, Watched::Query { keeper: from, live, query }, &body, out);
                Ok(Vec::new())
            }
            Outcome::Watching { .. } => unreachable!("the program subscribes to no patterns"),
        };
        out.push(Output::Reply(number, reply));
        if let Some(query) = self.embedded.query(number).filter(|query| !self.catalog.has_query(*query)) {
            self.end_embedded(query, out); // it was undefined meanwhile
        }
    }

    fn begin_embedded(&mut self, number: u32, watched: Watched, body: &Body, out: &mut Outbox) {
        let Watched::Query { keeper, live, query } = watched else { unreachable!("the caller says so") };
        let id = SubscriptionId(self.shared.counters.next_subscription());
        self.hub.add_query((keeper, live), query, Rc::new(body.clone()), name(number), id);
        self.embedded.subscriptions.insert(number, Some(Subscription { id, watched }));
        out.push(Output::Result(number, body.clone()));
    }

    /// The program has dropped a subscription; it may have ended before.
    fn unsubscribe_embedded(&mut self, number: u32, out: &mut Outbox) {
        if let Some(subscription) = self.embedded.subscriptions.remove(&number).flatten() {
            self.end_subscription(name(number), subscription, out);
        }
    }

    /// Ends the program's subscriptions to a query that is gone (S-229).
    pub(super) fn end_embedded(&mut self, query: QueryId, out: &mut Outbox) {
        let gone: Vec<u32> = self.embedded.of_query(query).collect();
        for number in gone {
            self.unsubscribe_embedded(number, out);
            out.push(Output::Ended(number));
        }
    }
}

impl Embedded {
    /// A subscription has ended with its bucket (S-157).
    pub(super) fn end(&mut self, number: u32) -> Subscription {
        self.subscriptions.remove(&number).flatten().expect("the hub knows the program's subscriptions")
    }

    fn query(&self, number: u32) -> Option<QueryId> {
        self.subscriptions.get(&number).and_then(|subscription| subscription.as_ref()).and_then(query_of)
    }

    fn of_query(&self, query: QueryId) -> impl Iterator<Item = u32> {
        let of = move |number: &u32| self.query(*number) == Some(query);
        self.subscriptions.keys().copied().filter(of)
    }
}

fn query_of(subscription: &Subscription) -> Option<QueryId> {
    match subscription.watched {
        Watched::Query { query, .. } => Some(query),
        Watched::Pattern(_) => None,
    }
}

fn needs_connection(name: &str) -> Fault {
    Fault::new(Code::UnknownOperation, format!("Operation \"{name}\" needs a connection"))
}
