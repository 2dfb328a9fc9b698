//! Answers on their way back to the client, and subscriptions as they begin and end.

use super::Core;
use super::outbox::Outbox;
use crate::base::bytes::LocalBody;
use crate::base::ids::{ConnId, CoreId, SubscriptionId};
use crate::message::{Answer, Outcome};
use crate::protocol;
use crate::session::{Due, Subscription, Watched};
use std::rc::Rc;

impl Core {
    /// Takes the answer to the oldest request of a connection that is executing.
    pub(super) fn answer(&mut self, from: CoreId, answer: Answer, out: &mut Outbox) {
        let Answer { conn, outcome } = answer;
        let session = self.session(conn).expect("a session outlives the requests that it sent");
        let pending = session.flight.land();
        let is_open = session.is_open();
        match outcome {
            Outcome::Data(json) => {
                self.frame(conn, out, |out| protocol::result(out, pending.id, json.as_bytes()));
            }
            Outcome::Fault(fault) => {
                if pending.due == Due::Subscription {
                    self.counters.release_subscription();
                }
                self.error(conn, pending.id, &fault, out);
            }
            Outcome::Subscribed { query, live, body } => {
                let body: LocalBody = Rc::new(body);
                let id = self.begin_subscription(conn, Watched::Query { keeper: from, live, query });
                self.hub.add_query((from, live), query, Rc::clone(&body), conn, id);
                self.result(conn, pending.id, out, |out| protocol::subscribed(out, id, body.json()));
            }
            Outcome::Watching { live } => {
                let id = self.begin_subscription(conn, Watched::Pattern(live));
                self.hub.add_pattern(live, conn, id);
                self.result(conn, pending.id, out, |out| protocol::watching(out, id));
            }
        }
        if !is_open {
            // Whatever was subscribed to meanwhile ends with its answer (P-49, P-168).
            self.end_subscriptions(conn, out);
        }
        let session = self.session(conn).expect("answering does not end a session");
        if session.flight.is_empty() && (session.is_held_up() || !session.is_open()) {
            self.closing.ready(conn);
        }
        self.throttle(conn, out);
    }

    fn begin_subscription(&mut self, conn: ConnId, watched: Watched) -> SubscriptionId {
        let id = SubscriptionId(self.counters.next_subscription());
        let session = self.session(conn).expect("the caller has it");
        session.subscriptions.push(Subscription { id, watched });
        id
    }

    /// Ends a subscription that is off its session's list: no push follows, its place is free.
    pub(super) fn end_subscription(&mut self, conn: ConnId, subscription: Subscription, out: &mut Outbox) {
        let was_stale = self.hub.remove(subscription.watched, subscription.id);
        if let Some(session) = self.session(conn).filter(|_| was_stale) {
            session.stale_subscriptions -= 1;
        }
        self.counters.release_subscription();
        self.post_leave(subscription.watched, out);
    }

    /// Ends all subscriptions of a connection, silently (P-168).
    pub(super) fn end_subscriptions(&mut self, conn: ConnId, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        for subscription in std::mem::take(&mut session.subscriptions) {
            self.end_subscription(conn, subscription, out);
        }
    }
}
