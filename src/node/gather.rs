//! Questions that every core answers a share of, as the asking core runs them.
//!
//! A question needs a variant of [`Survey`] and of [`Share`], an arm in [`Core::asked`]
//! (what one core knows) and one in [`Core::join`] (what the shares of all cores amount to).

use super::Core;
use super::outbox::Outbox;
use crate::base::ids::{ConnId, CoreId};
use crate::base::time::Now;
use crate::message::{Answer, ConnectionFigures, CoreFigures, Json, Mail, Outcome, Share, Survey};
use crate::protocol;
use std::collections::BTreeMap;

/// The questions that this core has asked.
#[derive(Default)]
pub(super) struct Gatherings {
    last: u64,
    /// At most one per connection: nothing else of it runs meanwhile.
    running: BTreeMap<u64, Gathering>,
}

struct Gathering {
    asker: Asker,
    question: Survey,
    /// In core order.
    shares: Vec<Option<Share>>,
    missing: usize,
}

/// Who has asked.
enum Asker {
    Conn(ConnId),
    /// Somebody who speaks HTTP, and whether it wants the head only.
    Scrape(ConnId, bool),
    /// A core that settles, and its number for that: this one waits for the decisions of transactions
    /// that have been answered.
    Settling(CoreId, u64),
    /// The same: its pushes are on their way, and whether nothing was kept back.
    Settled(CoreId, u64, bool),
}

impl Gatherings {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }
}

impl Core {
    /// Asks every core, this one included. The connection is answered when the last has told.
    pub(super) fn gather(&mut self, conn: ConnId, question: Survey, out: &mut Outbox) {
        self.ask_all(Asker::Conn(conn), question, out);
    }

    /// The same for somebody who speaks HTTP.
    pub(super) fn scrape(&mut self, conn: ConnId, is_head: bool, out: &mut Outbox) {
        self.ask_all(Asker::Scrape(conn, is_head), Survey::Metrics, out);
    }

    fn ask_all(&mut self, asker: Asker, question: Survey, out: &mut Outbox) {
        let cores = self.catalog.cores();
        let shares: Vec<Option<Share>> = (0..cores).map(|_| None).collect();
        self.gatherings.last += 1;
        let number = self.gatherings.last;
        let gathering = Gathering { asker, question: question.clone(), missing: shares.len(), shares };
        self.gatherings.running.insert(number, gathering);
        for core in 0..cores {
            self.post(CoreId(core), Mail::Ask { number, question: question.clone() }, out);
        }
    }

    /// Answers another core's question, or one of this core.
    pub(super) fn asked(&mut self, from: CoreId, number: u64, question: Survey, now: Now, out: &mut Outbox) {
        let share = match question {
            Survey::StoreStats => Share::Store(self.store_share()),
            Survey::Queries => Share::Queries(self.hub.by_query().collect()),
            Survey::ServerStats => Share::Server(Box::new(self.server_share(now))),
            Survey::Connections => Share::Connections(self.connection_figures(now)),
            Survey::TopLag => Share::Connections(self.lagging_figures(now)),
            Survey::Expire => Share::Expired(self.shard.expire(now) as u64),
            Survey::Metrics => Share::Metrics(Box::new(self.figures())),
            Survey::Flush => Share::Flushed,
            Survey::Locate(id) => Share::Located(self.locate(id)),
            Survey::Explain { found, .. } => Share::Explained(self.plan_share(&found.plan)),
            // When every core has answered this, the decisions that it had sent before are here.
            Survey::Settle => return self.ask_all(Asker::Settling(from, number), Survey::Flush, out),
        };
        self.post(from, Mail::Tell { number, share }, out);
    }

    /// Takes the share of a core.
    pub(super) fn told(&mut self, from: CoreId, number: u64, share: Share, now: Now, out: &mut Outbox) {
        let gathering = self.gatherings.running.get_mut(&number).expect("a share answers a question");
        let earlier = gathering.shares[from.index()].replace(share);
        assert!(earlier.is_none(), "a core tells once");
        gathering.missing -= 1;
        if gathering.missing > 0 {
            return;
        }
        let Gathering { asker, question, shares, .. } =
            self.gatherings.running.remove(&number).expect("just seen");
        let mut shares = shares.into_iter().flatten();
        let conn = match asker {
            Asker::Conn(conn) => conn,
            Asker::Scrape(conn, is_head) => {
                let metrics = self.join(&question, shares.collect());
                return self.scraped(conn, &metrics, is_head, now, out);
            }
            // Pushes are behind nothing but mail: when a question sent after them is answered, they
            // are with the connections.
            Asker::Settling(core, number) => {
                let is_settled = self.shard.is_settled() && self.composites.is_settled();
                return self.ask_all(Asker::Settled(core, number, is_settled), Survey::Flush, out);
            }
            Asker::Settled(core, number, is_settled) => {
                let share = Share::Settled(is_settled);
                return self.post(core, Mail::Tell { number, share }, out);
            }
        };
        let text = match question {
            Survey::Locate(id) => {
                let found =
                    shares.find_map(|share| if let Share::Located(found) = share { found } else { None });
                if let Some(found) = found {
                    return self.ask_all(asker, Survey::Explain { id, found }, out);
                }
                Err(protocol::no_such_subscription(&id.to_string()))
            }
            Survey::Explain { id, found } => {
                let of_plan = |share| if let Share::Explained(share) = share { Some(share) } else { None };
                self.explained(id, &found, shares.filter_map(of_plan))
            }
            question => Ok(self.join(&question, shares.collect())),
        };
        let outcome = match text {
            Ok(text) => Outcome::Data(Json::Text(text)),
            Err(fault) => Outcome::Fault(Box::new(fault)),
        };
        self.answer(self.id, Answer { conn, outcome }, out);
    }

    /// The answer's `data`, from the shares of all cores in core order.
    fn join(&self, question: &Survey, shares: Vec<Share>) -> Vec<u8> {
        match question {
            Survey::StoreStats => {
                let of_store = |share| if let Share::Store(share) = share { Some(share) } else { None };
                self.store_stats(shares.into_iter().filter_map(of_store))
            }
            Survey::Settle => {
                let is_settled = !shares.iter().any(|share| matches!(share, Share::Settled(false)));
                is_settled.to_string().into_bytes()
            }
            Survey::ServerStats => {
                let of_server = |share| if let Share::Server(share) = share { Some(*share) } else { None };
                self.server_stats(shares.into_iter().filter_map(of_server).collect())
            }
            Survey::Connections => self.connections(shares.into_iter().filter_map(of_connections)),
            Survey::TopLag => self.top_lag(shares.into_iter().filter_map(of_connections)),
            Survey::Expire => {
                let removed =
                    shares.iter().map(|share| if let Share::Expired(removed) = share { *removed } else { 0 });
                removed.sum::<u64>().to_string().into_bytes()
            }
            Survey::Metrics => {
                let of_core = |share| if let Share::Metrics(figures) = share { Some(*figures) } else { None };
                let cores: Vec<CoreFigures> = shares.into_iter().filter_map(of_core).collect();
                protocol::metrics(&cores).into_bytes()
            }
            Survey::Flush | Survey::Locate(_) | Survey::Explain { .. } => Vec::new(),
            Survey::Queries => {
                let of_queries = |share| if let Share::Queries(share) = share { Some(share) } else { None };
                self.queries(shares.into_iter().filter_map(of_queries))
            }
        }
    }
}

fn of_connections(share: Share) -> Option<Vec<ConnectionFigures>> {
    if let Share::Connections(share) = share { Some(share) } else { None }
}
