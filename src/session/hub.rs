//! Who on this core subscribes to what, wherever it is kept.
//!
//! A shard sends one mail per core and commit; here it fans out. The hub keeps the
//! latest answer of each live query once, so that a subscriber that lags holds nothing but a mark,
//! beside the answer that is on its way to it, and gets the current one when it has caught up (K-4).

use super::Watched;
use super::subscribers::{Subscriber, Subscribers};
use crate::base::bytes::LocalBody;
use crate::base::ids::{ConnId, CoreId, LiveId, QueryId, SubscriptionId};
use crate::base::limits::ENDED_SUBSCRIPTIONS_MAX;
use std::collections::{BTreeMap, HashMap};

/// The subscribers of one core.
pub struct Hub {
    queries: HashMap<(CoreId, LiveId), Watchers, ahash::RandomState>,
    patterns: BTreeMap<LiveId, Subscribers>,
    /// Subscriptions by the named query that they were asked for by.
    by_query: BTreeMap<QueryId, u64>,
    /// Subscriptions that have ended with their bucket or query, the latest last (S-157).
    ended: BTreeMap<ConnId, Vec<SubscriptionId>>,
    /// For digests of answers.
    hasher: ahash::RandomState,
}

struct Watchers {
    latest: LocalBody,
    subscribers: Subscribers,
}

impl Hub {
    /// Nobody yet. The seed keys the hashes.
    pub fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(8), 0x1f83_d9ab_fb41_bd6b);
        Self {
            queries: HashMap::with_hasher(hasher.clone()),
            patterns: BTreeMap::new(),
            by_query: BTreeMap::new(),
            ended: BTreeMap::new(),
            hasher,
        }
    }

    /// For digests of answers that are to be compared with each other.
    pub fn hasher(&self) -> ahash::RandomState {
        self.hasher.clone()
    }

    /// Enters a subscriber to a live query with the answer it has been given.
    pub fn add_query(
        &mut self,
        live: (CoreId, LiveId),
        query: QueryId,
        answer: LocalBody,
        conn: ConnId,
        id: SubscriptionId,
    ) {
        let fresh = || Watchers { latest: answer, subscribers: Subscribers::default() };
        self.queries.entry(live).or_insert_with(fresh).subscribers.push(conn, id);
        *self.by_query.entry(query).or_default() += 1;
    }

    /// Enters a subscriber to a live pattern.
    pub fn add_pattern(&mut self, pattern: LiveId, conn: ConnId, id: SubscriptionId) {
        self.patterns.entry(pattern).or_default().push(conn, id);
    }

    /// Takes a subscriber out; whether its pushes were being withheld.
    ///
    /// # Panics
    /// If it is not there: sessions and hub agree.
    pub fn remove(&mut self, watched: Watched, id: SubscriptionId) -> bool {
        match watched {
            Watched::Query { keeper, live, query } => {
                let watchers = self.queries.get_mut(&(keeper, live)).expect("subscribed to a known query");
                let subscriber = take(&mut watchers.subscribers, id);
                if watchers.subscribers.is_empty() {
                    self.queries.remove(&(keeper, live));
                }
                self.count_out(query);
                subscriber.stale.is_some()
            }
            Watched::Pattern(live) => {
                let subscribers = self.patterns.get_mut(&live).expect("subscribed to a known pattern");
                take(subscribers, id);
                if subscribers.is_empty() {
                    self.patterns.remove(&live);
                }
                false
            }
        }
    }

    /// Takes a live query out that has ended, with its subscribers; none if the last has left
    /// meanwhile. The caller counts each of them out.
    pub fn end_query(&mut self, live: (CoreId, LiveId)) -> impl Iterator<Item = Subscriber> + use<> {
        let watchers = self.queries.remove(&live);
        watchers.into_iter().flat_map(|watchers| watchers.subscribers.into_values())
    }

    /// Whether anybody subscribes to a named query.
    pub fn has_subscribers_to(&self, query: QueryId) -> bool {
        self.by_query.contains_key(&query)
    }

    /// Replaces the latest answer of a live query. Returns the one before, and how many subscribers
    /// there are and who; `None` if the last of them has left meanwhile.
    pub fn update(
        &mut self,
        query: (CoreId, LiveId),
        answer: LocalBody,
    ) -> Option<(LocalBody, usize, impl Iterator<Item = &mut Subscriber>)> {
        let watchers = self.queries.get_mut(&query)?;
        let before = std::mem::replace(&mut watchers.latest, answer);
        Some((before, watchers.subscribers.len(), watchers.subscribers.iter_mut()))
    }

    /// The latest answer of a live query and one of its subscribers.
    pub fn query_mut(
        &mut self,
        query: (CoreId, LiveId),
        id: SubscriptionId,
    ) -> Option<(&LocalBody, &mut Subscriber)> {
        let watchers = self.queries.get_mut(&query)?;
        Some((&watchers.latest, watchers.subscribers.get_mut(id)?))
    }

    /// The subscribers to a live pattern; none if the last has left meanwhile.
    pub fn pattern(&self, pattern: LiveId) -> impl Iterator<Item = &Subscriber> {
        self.patterns.get(&pattern).into_iter().flat_map(Subscribers::iter)
    }

    /// How many subscriptions to queries there are. O(named queries).
    pub fn queries_len(&self) -> u64 {
        self.by_query.values().sum()
    }

    /// Active subscriptions by named query, those without any left out.
    pub fn by_query(&self) -> impl Iterator<Item = (QueryId, u64)> {
        self.by_query.iter().map(|(query, count)| (*query, *count))
    }

    /// Whether nobody subscribes to anything.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
            && self.patterns.is_empty()
            && self.by_query.is_empty()
            && self.ended.is_empty()
    }

    /// Notes that a subscription has ended with its bucket or query.
    pub fn note_ended(&mut self, conn: ConnId, id: SubscriptionId) {
        let ended = self.ended.entry(conn).or_default();
        if ended.len() >= ENDED_SUBSCRIPTIONS_MAX {
            ended.remove(0);
        }
        ended.push(id);
    }

    /// Whether a subscription has ended without its client; says so once (S-157).
    pub fn forget_ended(&mut self, conn: ConnId, id: SubscriptionId) -> bool {
        let Some(ended) = self.ended.get_mut(&conn) else { return false };
        let Some(at) = ended.iter().position(|ended| *ended == id) else { return false };
        ended.remove(at);
        if ended.is_empty() {
            self.ended.remove(&conn);
        }
        true
    }

    /// Forgets what has ended of a connection.
    pub fn forget_all_ended(&mut self, conn: ConnId) {
        self.ended.remove(&conn);
    }

    /// Notes that a subscription to a named query is gone.
    pub fn count_out(&mut self, query: QueryId) {
        let count = self.by_query.get_mut(&query).expect("every subscription was counted");
        *count -= 1;
        if *count == 0 {
            self.by_query.remove(&query);
        }
    }
}

fn take(subscribers: &mut Subscribers, id: SubscriptionId) -> Subscriber {
    subscribers.remove(id).expect("the session's list and the hub agree")
}
