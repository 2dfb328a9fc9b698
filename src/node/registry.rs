//! What is told of the server and its connections (01 §15).

use super::Core;
use crate::base::time::Now;
use crate::message::{ConnectionFigures, ConnectionTotals, ServerShare};
use crate::protocol::{self, ServerStats};
use crate::session::{Session, Watched};
use std::cmp::Reverse;
use std::sync::Arc;

/// Connections that `server.topLag` names.
const TOP_LAG: usize = 20;

impl Core {
    /// What this core knows of itself. O(connections).
    pub(super) fn server_share(&self, now: Now) -> ServerShare {
        let mut totals = ConnectionTotals::default();
        for session in self.admitted() {
            let (store, rules) = subscriptions(session);
            totals.active += 1;
            totals.authenticated += u64::from(is_authenticated(session, now));
            totals.store_subscriptions += store;
            totals.rules_subscriptions += rules;
        }
        ServerShare {
            store: self.store_share(),
            rules: self.shard.rules_figures(),
            connections: totals,
            load: self.load(),
        }
    }

    /// The connections of this core. O(connections).
    pub(super) fn connection_figures(&self, now: Now) -> Vec<ConnectionFigures> {
        let figures = self.admitted().map(|session| {
            let (store_subscriptions, rules_subscriptions) = subscriptions(session);
            let identity = session.identity.as_deref().filter(|_| is_authenticated(session, now));
            ConnectionFigures {
                number: session.number,
                peer: session.peer,
                connected_at: session.connected_at,
                identity: identity.cloned().map(Arc::new),
                store_subscriptions,
                rules_subscriptions,
                unsent_bytes: session.unsent_bytes,
                conflations: session.conflations.into(),
                events_dropped: session.events_dropped,
            }
        });
        figures.collect()
    }

    /// The part of `server.topLag` that this core can contribute at most.
    pub(super) fn lagging_figures(&self, now: Now) -> Vec<ConnectionFigures> {
        let mut figures = self.connection_figures(now);
        figures.retain(|figures| lag(figures) > (0, 0, 0));
        figures.sort_by_key(|figures| (Reverse(lag(figures)), figures.number));
        figures.truncate(TOP_LAG);
        figures
    }

    /// `data` of `server.stats` (P-154).
    pub(super) fn server_stats(&self, mut shares: Vec<ServerShare>) -> Vec<u8> {
        let mut connections = ConnectionTotals::default();
        for share in &shares {
            connections.active += share.connections.active;
            connections.authenticated += share.connections.authenticated;
            connections.store_subscriptions += share.connections.store_subscriptions;
            connections.rules_subscriptions += share.connections.rules_subscriptions;
        }
        let store = self.store_stats(shares.iter_mut().map(|share| share.store.clone()));
        let mut out = Vec::new();
        let stats = ServerStats {
            name: &self.settings.name,
            auth_enabled: self.gate.is_configured(),
            rate_limit_enabled: self.settings.rate_limit.is_some(),
            store: &store,
            rules: shares.iter().find_map(|share| share.rules),
            connections,
            shards: &shares,
        };
        protocol::server_stats(&mut out, &stats);
        out
    }

    /// `data` of `server.connections` (P-152, P-153), from every core's list in core order.
    pub(super) fn connections(&self, shares: impl Iterator<Item = Vec<ConnectionFigures>>) -> Vec<u8> {
        let mut connections = with_core(shares);
        connections.sort_by_key(|(_, figures)| figures.number);
        let mut out = Vec::new();
        protocol::connections(&mut out, &connections);
        out
    }

    /// `data` of `server.topLag`: the clients with the most unsent, withheld and dropped.
    pub(super) fn top_lag(&self, shares: impl Iterator<Item = Vec<ConnectionFigures>>) -> Vec<u8> {
        let mut connections = with_core(shares);
        connections.sort_by_key(|(_, figures)| (Reverse(lag(figures)), figures.number));
        connections.truncate(TOP_LAG);
        let mut out = Vec::new();
        protocol::top_lag(&mut out, &connections);
        out
    }

    /// Connections that were admitted and have not terminated (P-147, P-151).
    fn admitted(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().map(|(_, session)| session).filter(|session| session.number > 0)
    }
}

fn with_core(shares: impl Iterator<Item = Vec<ConnectionFigures>>) -> Vec<(u64, ConnectionFigures)> {
    let numbered = (0..).zip(shares).flat_map(|(core, share)| share.into_iter().map(move |one| (core, one)));
    numbered.collect()
}

fn lag(figures: &ConnectionFigures) -> (u64, u64, u64) {
    (figures.unsent_bytes, figures.conflations, figures.events_dropped)
}

fn is_authenticated(session: &Session, now: Now) -> bool {
    session.identity.is_some() && !session.has_expired(now.unix_ms)
}

/// Active subscriptions to queries and to events.
fn subscriptions(session: &Session) -> (u64, u64) {
    let is_pattern = |watched: &Watched| matches!(watched, Watched::Pattern(_));
    let rules = session.subscriptions.iter().filter(|subscription| is_pattern(&subscription.watched)).count();
    ((session.subscriptions.len() - rules) as u64, rules as u64)
}
