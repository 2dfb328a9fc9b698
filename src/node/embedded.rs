//! Requests of the program that embeds the server (02 §10.5, §10.6): in the client's language,
//! without a connection, past the gate.

use super::outbox::{Outbox, Output};
use super::serve::due;
use super::{Core, Node};
use crate::base::fault::{Code, Fault};
use crate::base::ids::ConnId;
use crate::message::{Answer, Mail, Origin, Outcome, Request, SessionCall, Survey};
use crate::protocol::{self, Envelope, Incoming};
use crate::router::Plan;
use crate::session::Due;

/// What an embedded request comes to: the result's `data` as JSON, or the error.
pub type Reply = Result<Vec<u8>, Fault>;

/// What the embedding program asks for.
pub enum Call<'a> {
    /// What a client could ask: one request as on the wire, with its `id`. It may be changed in
    /// place.
    Request(&'a mut [u8]),
    /// To be told when everything committed so far has been told to all who watch it (S-207):
    /// `true`, or `false` if a transaction that is undecided still keeps something back.
    Settle,
}

/// The place of embedded requests among the connections: no table grows to there.
const SLOT: u32 = u32::MAX;

/// The name by which the answer finds its way back.
fn name(number: u32) -> ConnId {
    ConnId { slot: SLOT, generation: number }
}

impl Node {
    /// Takes a request of the embedding program; its answer is a [`Output::Reply`] with the number.
    pub(super) fn call(&mut self, number: u32, call: Call<'_>, out: &mut Outbox) {
        let outcome = match call {
            Call::Settle => {
                self.core.gather(name(number), Survey::Settle, out);
                Ok(())
            }
            Call::Request(text) => {
                let document = self.parser.parse(text);
                match protocol::parse(&document) {
                    Ok(Incoming::Request(envelope)) => self.core.call(number, &envelope, out),
                    Ok(Incoming::Pong { .. }) => Err(needs_connection("pong")),
                    Err(fault) => Err(fault),
                }
            }
        };
        if let Err(fault) = outcome {
            out.push(Output::Reply(number, Err(fault)));
        }
    }
}

impl Core {
    /// Sends an embedded request on its way.
    fn call(&mut self, number: u32, envelope: &Envelope<'_, '_>, out: &mut Outbox) -> Result<(), Fault> {
        let conn = name(number);
        let origin = Origin { core: self.id, conn };
        match self.plan_authorized(self.gate.trust(*envelope), 0)? {
            plan if due(&plan) == Due::Subscription => {
                return Err(needs_connection(envelope.name));
            }
            Plan::One { core, op } => self.post(core, Mail::Request(Request { origin, op }), out),
            Plan::Composite { .. } => return Err(needs_connection(envelope.name)),
            Plan::Several(steps) => self.coordinate(conn, steps, out),
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

    /// Takes the answer to an embedded request, and gives back any other.
    pub(super) fn reply(&self, answer: Answer, out: &mut Outbox) -> Option<Answer> {
        if answer.conn.slot != SLOT {
            return Some(answer);
        }
        let reply = match answer.outcome {
            Outcome::Data(json) => Ok(json.as_bytes().to_vec()),
            Outcome::Fault(fault) => Err(*fault),
            Outcome::Subscribed { .. } | Outcome::Watching { .. } => {
                unreachable!("the program does not subscribe")
            }
        };
        out.push(Output::Reply(answer.conn.generation, reply));
        None
    }
}

fn needs_connection(name: &str) -> Fault {
    Fault::new(Code::UnknownOperation, format!("Operation \"{name}\" needs a connection"))
}
