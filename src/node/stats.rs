//! What is told of the store: `store.buckets`, `store.stats` (02 §7).

use super::Core;
use crate::base::ids::BucketId;
use crate::message::{BucketFigures, StoreShare};
use crate::protocol::{self, StoreStats};
use std::collections::HashMap;

/// The store's name (S-120): the first and only one of the process, and nobody names it.
const STORE_NAME: &str = "store-1";

/// The reference's interval of expiry checks, milliseconds. Reported for compatibility (K-12):
/// records expire when they are due.
const TTL_CHECK_INTERVAL_MS: u64 = 1_000;

impl Core {
    /// `data` of `store.buckets` (S-118).
    pub(super) fn store_buckets(&self) -> Vec<u8> {
        let mut out = Vec::new();
        protocol::buckets(&mut out, self.catalog.buckets().map(|(name, _)| name));
        out
    }

    /// What this core knows of the store.
    pub(super) fn store_share(&self) -> StoreShare {
        StoreShare { buckets: self.shard.figures().collect(), subscriptions: self.hub.by_query().collect() }
    }

    /// `data` of `store.stats` (S-119), from every core's share. A bucket that is being defined or
    /// dropped is left out altogether. O(buckets + queries × cores).
    pub(super) fn store_stats(&self, shares: impl IntoIterator<Item = StoreShare>) -> Vec<u8> {
        let mut figures: HashMap<BucketId, BucketFigures> = HashMap::new();
        let mut subscriptions = 0;
        for share in shares {
            figures.extend(share.buckets);
            subscriptions += share.subscriptions.iter().map(|(_, count)| count).sum::<u64>();
        }
        let known = self.catalog.buckets();
        let buckets = known.filter_map(|(name, placed)| Some((name, *figures.get(&placed.bucket)?)));
        let mut out = Vec::new();
        let stats = StoreStats {
            name: STORE_NAME,
            buckets: buckets.collect(),
            queries: self.catalog.queries_len() as u64,
            subscriptions,
            ttl_check_interval_ms: TTL_CHECK_INTERVAL_MS,
        };
        protocol::store_stats(&mut out, &stats);
        out
    }
}
