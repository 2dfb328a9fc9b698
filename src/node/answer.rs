//! Answers on their way back to the client, and subscriptions as they begin and end.

use super::outbox::{Outbox, Output};
use super::{Core, composite, embedded};
use crate::base::bytes::LocalBody;
use crate::base::ids::{ConnId, CoreId, LiveId, QueryId, SubscriptionId};
use crate::base::json::Number;
use crate::message::{Answer, Outcome};
use crate::protocol;
use crate::session::{Due, Pending, Subscription, Watched};
use std::rc::Rc;

impl Core {
    /// Takes the answer to the oldest request of a connection that is executing.
    pub(super) fn answer(&mut self, from: CoreId, answer: Answer, out: &mut Outbox) {
        let Answer { conn, outcome } = answer;
        if let Some(number) = composite::number(conn) {
            return self.composite_answer(from, number, outcome, out);
        }
        if let Some(number) = embedded::number(conn) {
            return self.reply(from, number, outcome, out);
        }
        let session = self.session(conn).expect("a session outlives the requests that it sent");
        let Pending { id, due, .. } = session.flight.land();
        self.complete(from, conn, (id, due), outcome, out);
    }

    /// Sends a client what became of its oldest request, which has left the flight or never was in it.
    pub(super) fn complete(
        &mut self,
        from: CoreId,
        conn: ConnId,
        (id, due): (Number, Due),
        outcome: Outcome,
        out: &mut Outbox,
    ) {
        let session = self.session(conn).expect("a session outlives the requests that it sent");
        let is_open = session.is_open();
        match outcome {
            Outcome::Data(json) | Outcome::Written { json, .. } => {
                self.traffic.results += 1;
                self.frame(conn, out, |out| protocol::result(out, id, json.as_bytes()));
            }
            Outcome::Results(results) => {
                self.traffic.transactions_committed += 1;
                self.result(conn, id, out, |out| protocol::transaction_results(out, &results));
            }
            Outcome::Fault(fault) => {
                self.traffic.transactions_aborted += u64::from(due == Due::Transaction);
                if due == Due::Subscription {
                    self.shared.counters.release_subscription();
                }
                self.error(conn, id, &fault, out);
            }
            Outcome::Subscribed { query, live, body } => {
                let body: LocalBody = Rc::new(body);
                let name = self.begin_subscription(conn, Watched::Query { keeper: from, live, query });
                self.hub.add_query((from, live), query, Rc::clone(&body), conn, name);
                self.result(conn, id, out, |out| protocol::subscribed(out, name, &body.json()));
                if !self.catalog.has_query(query) {
                    self.end_subscriptions_to(conn, query, out); // it was undefined meanwhile
                }
            }
            Outcome::Watching { live } => {
                let name = self.begin_subscription(conn, Watched::Pattern(live));
                self.hub.add_pattern(live, conn, name);
                self.result(conn, id, out, |out| protocol::watching(out, name));
            }
        }
        if !is_open {
            // Whatever was subscribed to meanwhile ends with its answer (P-49, P-168).
            self.end_subscriptions(conn, out);
        }
        self.after_answer(conn, out);
    }

    /// What is to be done when a request has been answered.
    pub(super) fn after_answer(&mut self, conn: ConnId, out: &mut Outbox) {
        let session = self.session(conn).expect("answering does not end a session");
        if session.flight.is_empty() && (session.is_held_up() || !session.is_open()) {
            self.closing.ready(conn);
        }
        self.throttle(conn, out);
    }

    fn begin_subscription(&mut self, conn: ConnId, watched: Watched) -> SubscriptionId {
        let id = SubscriptionId(self.shared.counters.next_subscription());
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
        self.shared.counters.release_subscription();
        self.post_leave(subscription.watched, out);
    }

    /// Ends every subscription of this core to a query that is gone (S-157, S-229).
    /// O(connections), if there are any such subscriptions.
    pub(super) fn end_query(&mut self, query: QueryId, out: &mut Outbox) {
        if self.hub.has_subscribers_to(query) {
            for conn in self.conns() {
                self.end_subscriptions_to(conn, query, out);
            }
            self.end_embedded(query, out);
        }
    }

    fn end_subscriptions_to(&mut self, conn: ConnId, query: QueryId, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        let is_of = |subscription: &Subscription| matches!(subscription.watched, Watched::Query { query: of, .. } if of == query);
        let gone: Vec<Subscription> = session.subscriptions.iter().copied().filter(is_of).collect();
        for Subscription { id, .. } in gone {
            let session = self.session(conn).expect("just seen");
            let subscription = session.end_subscription(id);
            self.hub.note_ended(conn, id);
            self.end_subscription(conn, subscription, out);
        }
    }

    /// Takes notice that live queries of core `keeper` have ended with their bucket (S-157): their
    /// subscriptions end, their places are free (D-18), no client is told.
    pub(super) fn end_live(&mut self, keeper: CoreId, live: &[LiveId], out: &mut Outbox) {
        for live in live {
            for subscriber in self.hub.end_query((keeper, *live)) {
                let conn = subscriber.conn;
                let subscription = match embedded::number(conn) {
                    Some(number) => {
                        out.push(Output::Ended(number));
                        self.embedded.end(number)
                    }
                    None => {
                        let session = self.sessions.get_mut(conn.slot, conn.generation);
                        let session = session.expect("subscribers are sessions");
                        session.stale_subscriptions -= u32::from(subscriber.stale.is_some());
                        self.hub.note_ended(conn, subscriber.id);
                        session.end_subscription(subscriber.id)
                    }
                };
                if let Watched::Query { query, .. } = subscription.watched {
                    self.hub.count_out(query);
                }
                self.shared.counters.release_subscription();
            }
        }
    }

    /// Ends all subscriptions of a connection, silently (P-168).
    pub(super) fn end_subscriptions(&mut self, conn: ConnId, out: &mut Outbox) {
        self.hub.forget_all_ended(conn);
        let Some(session) = self.session(conn) else { return };
        for subscription in std::mem::take(&mut session.subscriptions) {
            self.end_subscription(conn, subscription, out);
        }
    }
}
