//! Pushes to subscribers: a private head, a shared body, and a mark instead of a queue
//! for those who lag.

use super::outbox::{Chunk, Outbox, Output};
use super::{Core, embedded};
use crate::base::bytes::{Body, LocalBody};
use crate::base::ids::{ConnId, CoreId, LiveId, SubscriptionId};
use crate::base::json;
use crate::base::limits::{PUSH_COPY_BYTES_MAX, SUBSCRIBERS_FEW};
use crate::base::time::Now;
use crate::message::{PushSet, Traffic};
use crate::protocol::{EVENT_HEAD, QUERY_HEAD};
use crate::session::{Delivered, Hub, Session, Subscriber, Watched};
use crate::wire::{self, Opcode};
use smallvec::SmallVec;
use std::rc::Rc;

/// A new answer of a live query.
#[derive(Clone)]
struct News {
    before: LocalBody,
    answer: LocalBody,
    is_for_few: bool,
}

impl Core {
    /// New answers of live queries, all of one commit.
    pub(super) fn push(&mut self, from: CoreId, set: PushSet, now: Now, out: &mut Outbox) {
        let mark = self.settings.limits.unsent_bytes_mark;
        let hasher = self.hub.hasher();
        let is_single = set.updates.len() == 1;
        let mut due = Vec::new();
        let mut expired = Vec::new();
        for (live, body) in set.updates {
            let answer: LocalBody = Rc::new(body);
            let query = (from, live);
            self.composites.touch(query);
            let Some((before, count, subscribers)) = self.hub.update(query, Rc::clone(&answer)) else {
                continue;
            };
            let news = News { before, answer, is_for_few: count <= SUBSCRIBERS_FEW };
            for subscriber in subscribers.filter(|subscriber| subscriber.stale.is_none()) {
                let conn = subscriber.conn;
                if let Some(number) = embedded::number(conn) {
                    out.push(Output::Result(number, (*news.answer).clone()));
                    continue;
                }
                let Some(session) = self.sessions.get_mut(conn.slot, conn.generation) else { continue };
                if session.has_expired(now.unix_ms) {
                    expired.push(conn);
                } else if !is_single {
                    due.push((subscriber.id, conn, query, news.clone()));
                } else {
                    push_or_mark(session, subscriber, &news, mark, &hasher, &mut self.traffic, out);
                }
            }
        }
        // P-126: the pushes of one commit leave in the order of their subscriptions.
        due.sort_by_key(|(id, ..)| *id);
        for (id, conn, query, news) in due {
            if let Some(session) = self.sessions.get_mut(conn.slot, conn.generation)
                && let Some((_, subscriber)) = self.hub.query_mut(query, id)
            {
                push_or_mark(session, subscriber, &news, mark, &hasher, &mut self.traffic, out);
            }
        }
        self.end_expired(&expired, out);
    }

    /// An event, for the subscribers of the patterns that it matches, in their order (P-129).
    pub(super) fn event(&mut self, patterns: &[LiveId], body: Body, now: Now, out: &mut Outbox) {
        let mark = self.settings.limits.unsent_bytes_mark;
        let body: LocalBody = Rc::new(body);
        let mut expired = Vec::new();
        for subscriber in patterns.iter().flat_map(|pattern| self.hub.pattern(*pattern)) {
            let conn = subscriber.conn;
            let Some(session) = self.sessions.get_mut(conn.slot, conn.generation) else { continue };
            if session.has_expired(now.unix_ms) {
                expired.push(conn);
            } else if session.withholds_pushes(mark) {
                self.traffic.events_dropped += 1;
                session.events_dropped += 1; // K-5: events are not state and cannot be conflated
            } else {
                send(session, conn, EVENT_HEAD, subscriber.id, &body, &mut self.traffic, out);
            }
        }
        self.end_expired(&expired, out);
    }

    /// The operating system has taken bytes: what waited for the client to read goes on, its own
    /// requests first.
    pub(super) fn sent(&mut self, conn: ConnId, bytes: u64, now: Now, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        let is_known = bytes <= session.unsent_bytes || !session.may_answer(); // given up on
        assert!(is_known, "only what was handed over can be sent");
        let known = bytes.min(session.unsent_bytes);
        session.unsent_bytes -= known;
        session.taken_bytes += bytes;
        session.pulse.sent(bytes);
        self.traffic.bytes_sent += bytes;
        self.leave_budget(known);
        let Some(session) = self.session(conn) else { return };
        let serves = session.is_held_up() && session.has_read_up() && session.flight.is_empty();
        if serves {
            self.closing.ready(conn);
        } else {
            self.catch_up(conn, now, out);
        }
        self.after_sent(conn, now, out);
    }

    /// A client that has caught up gets the current answer of every query that went stale
    /// meanwhile, if it differs from what it has (K-4).
    pub(super) fn catch_up(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let mark = self.settings.limits.unsent_bytes_mark;
        let Some(session) = self.sessions.get_mut(conn.slot, conn.generation) else { return };
        if session.stale_subscriptions == 0 || session.withholds_pushes(mark) {
            return;
        }
        if session.has_expired(now.unix_ms) {
            self.end_subscriptions(conn, out);
        } else {
            catch_up(session, &mut self.hub, mark, &mut self.traffic, out);
        }
    }

    /// A-38: nothing is pushed on behalf of a session that has expired, even if its client is
    /// silent; its subscriptions end.
    fn end_expired(&mut self, conns: &[ConnId], out: &mut Outbox) {
        conns.iter().for_each(|conn| self.end_subscriptions(*conn, out));
    }
}

/// Sends a push, or notes that the subscriber has to catch up later.
fn push_or_mark(
    session: &mut Session,
    subscriber: &mut Subscriber,
    news: &News,
    mark: u64,
    hasher: &ahash::RandomState,
    traffic: &mut Traffic,
    out: &mut Outbox,
) {
    if session.withholds_push(mark, subscriber.pushed_to) {
        // What is withheld below the mark is so because the answer before is still on its way: to keep
        // it takes no memory while it is. Afterwards it is kept only if the mark is passed meanwhile,
        // and then all that are kept of a connection, but for one that is out in part, have been below
        // its mark together.
        let is_kept = news.is_for_few && !session.withholds_pushes(mark);
        subscriber.stale = Some(Delivered::new(&news.before, is_kept, hasher));
        subscriber.conflations = subscriber.conflations.saturating_add(1);
        session.stale_subscriptions += 1;
        session.conflations = session.conflations.saturating_add(1);
        traffic.conflations += 1;
    } else {
        send_result(session, subscriber, &news.answer, traffic, out);
    }
}

fn catch_up(session: &mut Session, hub: &mut Hub, mark: u64, traffic: &mut Traffic, out: &mut Outbox) {
    let hasher = hub.hasher();
    let count = session.subscriptions.len();
    let from = session.catch_up_from as usize;
    for at in (from..from + count).map(|at| at % count) {
        let subscription = session.subscriptions[at];
        let Watched::Query { keeper, live, .. } = subscription.watched else { continue };
        let (latest, subscriber) =
            hub.query_mut((keeper, live), subscription.id).expect("the session's list and the hub agree");
        if subscriber.stale.is_none() {
            continue;
        }
        if session.withholds_pushes(mark) {
            session.catch_up_from = u32::try_from(at).expect("fewer than 2^32 subscriptions");
            return;
        }
        if session.withholds_push(mark, subscriber.pushed_to) {
            continue;
        }
        let Some(delivered) = subscriber.stale.take() else { continue };
        session.stale_subscriptions -= 1;
        if !delivered.is(latest, &hasher) {
            send_result(session, subscriber, latest, traffic, out);
        }
    }
}

fn send_result(
    session: &mut Session,
    subscriber: &mut Subscriber,
    body: &LocalBody,
    traffic: &mut Traffic,
    out: &mut Outbox,
) {
    let before = session.unsent_bytes;
    send(session, subscriber.conn, QUERY_HEAD, subscriber.id, body, traffic, out);
    subscriber.pushed_bytes += session.unsent_bytes - before;
    subscriber.pushed_to = session.taken_bytes + session.unsent_bytes;
}

/// Sends one push. Small results are copied behind their head, so that frames of one
/// connection join into one piece; large ones stay shared.
fn send(
    session: &mut Session,
    conn: ConnId,
    head: &str,
    id: SubscriptionId,
    body: &LocalBody,
    traffic: &mut Traffic,
    out: &mut Outbox,
) {
    if !session.is_open() {
        return;
    }
    traffic.pushes += 1;
    traffic.messages_sent += 1;
    let mut number: SmallVec<[u8; 20]> = SmallVec::new();
    json::digits(&mut number, id.0);
    let tail = br#"","data":"#;
    let payload = head.len() + number.len() + tail.len() + body.len();
    let header = wire::frame::header(Opcode::Text, payload);
    let write_head = |buffer: &mut Vec<u8>| {
        for part in [header.as_ref(), head.as_bytes(), &number, tail] {
            buffer.extend_from_slice(part);
        }
    };
    session.unsent_bytes += (header.as_ref().len() + payload) as u64;
    if body.len() <= PUSH_COPY_BYTES_MAX {
        let buffer = out.frames(conn);
        write_head(buffer);
        body.pieces().into_iter().for_each(|piece| buffer.extend_from_slice(piece));
        return;
    }
    let mut head = out.buffer();
    write_head(&mut head);
    out.push(Output::Send(conn, Chunk::Push { head, body: Rc::clone(body) }));
}

#[cfg(test)]
mod tests {
    use super::{News, catch_up, push_or_mark};
    use crate::base::bytes::{Body, LocalBody};
    use crate::base::ids::{ConnId, CoreId, LiveId, QueryId, SubscriptionId};
    use crate::message::Traffic;
    use crate::node::Outbox;
    use crate::session::{Delivered, Hub, Session, Stage, Subscription, Watched};
    use proptest::prelude::{
        ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };
    use std::net::{IpAddr, Ipv4Addr};
    use std::rc::Rc;

    const CONN: ConnId = ConnId { slot: 0, generation: 1 };
    const QUERY: QueryId = QueryId(0);
    const KEEPER: CoreId = CoreId(0);
    const SUBSCRIPTIONS: u64 = 12;
    const RESULT_BYTES_MAX: usize = 9_000;
    const MARK: u64 = 48 * 1024;

    /// What happens to the client, who subscribes to several queries.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// The result of one of them is another one, of so many bytes.
        Changes(u64, usize),
        /// The operating system takes that much of what is unsent, in 256ths.
        Takes(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..SUBSCRIPTIONS, 100..RESULT_BYTES_MAX).prop_map(|(at, bytes)| Step::Changes(at, bytes)),
            1 => any::<u8>().prop_map(Step::Takes),
        ]
    }

    fn body(bytes: usize, number: usize) -> LocalBody {
        Rc::new(Body::new(&mut format!("\"{number:bytes$}\"").into_bytes()))
    }

    fn live(at: u64) -> (CoreId, LiveId) {
        (KEEPER, LiveId(at))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        // P-110, P-132, K-4
        #[test]
        fn what_is_kept_of_a_client_stays_below_its_mark(steps in proptest::collection::vec(step(), 1..300)) {
            let (mut traffic, mut out, mut hub) = (Traffic::default(), Outbox::default(), Hub::new(1));
            let hasher = hub.hasher();
            let mut session = Session::new(IpAddr::V4(Ipv4Addr::LOCALHOST));
            session.stage = Stage::Ready;
            for at in 0..SUBSCRIPTIONS {
                hub.add_query(live(at), QUERY, body(10, 0), CONN, SubscriptionId(at));
                let watched = Watched::Query { keeper: KEEPER, live: LiveId(at), query: QUERY };
                session.subscriptions.push(Subscription { id: SubscriptionId(at), watched });
            }
            for (number, step) in steps.into_iter().chain([Step::Takes(255); 64]).enumerate() {
                match step {
                    Step::Changes(at, bytes) => {
                        let answer = body(bytes, number);
                        let (before, _, subscribers) = hub.update(live(at), Rc::clone(&answer)).expect("is there");
                        let news = News { before, answer, is_for_few: true };
                        for subscriber in subscribers.filter(|subscriber| subscriber.stale.is_none()) {
                            push_or_mark(&mut session, subscriber, &news, MARK, &hasher, &mut traffic, &mut out);
                        }
                    }
                    Step::Takes(part) => {
                        let bytes = (session.unsent_bytes * u64::from(part)).div_ceil(255);
                        session.unsent_bytes -= bytes;
                        session.taken_bytes += bytes;
                        if session.stale_subscriptions > 0 && !session.withholds_pushes(MARK) {
                            catch_up(&mut session, &mut hub, MARK, &mut traffic, &mut out);
                        }
                    }
                }
                out.drain().for_each(drop);
                let mut kept = 0;
                for at in 0..SUBSCRIPTIONS {
                    let (_, subscriber) = hub.query_mut(live(at), SubscriptionId(at)).expect("is there");
                    if let Some(Delivered::Answer(answer)) = &subscriber.stale {
                        kept += answer.len() as u64;
                    }
                }
                // One may be out in part, which is as good as not at all to whoever waits for its end.
                prop_assert!(kept <= MARK + RESULT_BYTES_MAX as u64, "{kept} bytes are kept");
            }
            prop_assert_eq!((session.unsent_bytes, session.stale_subscriptions), (0, 0), "all have caught up");
        }
    }
}
