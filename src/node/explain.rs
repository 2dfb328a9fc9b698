//! `server.explainSubscription`: what stands behind a subscription, whatever core it is on.
//!
//! Two questions to every core. The first finds the core of the subscription's connection, which
//! knows what it watches; the second gathers what is known of that: the cores that keep the live
//! queries tell how they work, every core how many share them.

use super::Core;
use crate::base::fault::Fault;
use crate::base::ids::{CoreId, LiveId, SubscriptionId};
use crate::message::{Found, LivePlan, PlanShare, ReadFigures};
use crate::protocol;
use crate::session::Watched;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Core {
    /// A subscription to a query, if a connection of this core has it. O(connections).
    pub(super) fn locate(&mut self, id: SubscriptionId) -> Option<Box<Found>> {
        let watched = self.sessions.iter().find_map(|(_, session)| session.watched(id))?;
        let Watched::Query { keeper, live, query } = watched else { return None };
        let (_, subscriber) = self.hub.query_mut((keeper, live), id)?;
        let (pushed_bytes, conflations) = (subscriber.pushed_bytes, subscriber.conflations);
        let (plan, evaluations) = match self.composites.find(live) {
            Some((plan, evaluations)) => (plan, Some(evaluations)),
            None => (LivePlan::Read((keeper, live)), None),
        };
        Some(Box::new(Found { query, plan: Arc::new(plan), evaluations, pushed_bytes, conflations }))
    }

    /// What this core knows of a plan. O(reads + composite queries of this core).
    pub(super) fn plan_share(&self, plan: &LivePlan) -> PlanShare {
        let mine = plan.leaves().into_iter().filter(|(core, _)| *core == self.id);
        let figures = |read: &(CoreId, LiveId)| Some((*read, self.shard.read_figures(read.1)?));
        PlanShare {
            reads: mine.filter_map(figures).collect(),
            subscribers: self.composites.subscribers_to(plan),
        }
    }

    /// `data` of `server.explainSubscription`, from the shares of all cores.
    ///
    /// # Errors
    /// `NOT_FOUND` if it has ended meanwhile.
    pub(super) fn explained(
        &self,
        id: SubscriptionId,
        found: &Found,
        shares: impl Iterator<Item = PlanShare>,
    ) -> Result<Vec<u8>, Fault> {
        let mut reads: BTreeMap<(CoreId, LiveId), ReadFigures> = BTreeMap::new();
        let mut subscribers = 0;
        for share in shares {
            reads.extend(share.reads);
            subscribers += share.subscribers;
        }
        let ended = || protocol::no_such_subscription(&id.to_string());
        let mut queries = self.catalog.queries();
        let (_, query, _) = queries.find(|(query, ..)| *query == found.query).ok_or_else(ended)?;
        let figures = found.plan.leaves().into_iter().map(|read| Some((*read, reads.get(read)?.clone())));
        let figures: Vec<_> = figures.collect::<Option<_>>().ok_or_else(ended)?;
        if let LivePlan::Read(_) = &*found.plan {
            subscribers = figures[0].1.subscribers;
        }
        let mut out = Vec::new();
        protocol::explained(&mut out, id, query, found, subscribers, &figures);
        Ok(out)
    }
}
