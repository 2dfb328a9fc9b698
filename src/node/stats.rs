//! What is told of the store and its queries (02 §7, §11.4, §11.7).

use super::Core;
use super::registrar::no_such_bucket;
use crate::base::fault::Fault;
use crate::base::ids::{BucketId, QueryId};
use crate::base::json::Raw;
use crate::message::{BucketFigures, StoreShare};
use crate::protocol::{self, QueryEntry, StoreStats};
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

    /// `data` of `store.getBucketSchema`: every core has every definition.
    ///
    /// # Errors
    /// S-224.
    pub(super) fn bucket_schema(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let (_, definition) = self.catalog.definition(name).ok_or_else(|| no_such_bucket(name))?;
        let mut out = Vec::new();
        protocol::bucket_schema(&mut out, name, definition.text());
        Ok(out)
    }

    /// `data` of `store.listQueries` (S-231), from every core's counts.
    pub(super) fn queries(&self, shares: impl IntoIterator<Item = Vec<(QueryId, u64)>>) -> Vec<u8> {
        let mut subscriptions: HashMap<QueryId, u64> = HashMap::new();
        for (query, count) in shares.into_iter().flatten() {
            *subscriptions.entry(query).or_default() += count;
        }
        let entries = self.catalog.queries().map(|(query, name, definition)| QueryEntry {
            name,
            subscriptions: subscriptions.get(&query).copied().unwrap_or_default(),
            config: definition.config().map(Raw::as_bytes),
        });
        let mut out = Vec::new();
        protocol::queries(&mut out, entries);
        out
    }

    /// What this core knows of the store.
    pub(super) fn store_share(&self) -> StoreShare {
        StoreShare { buckets: self.shard.figures().collect(), subscriptions: self.hub.queries_len() }
    }

    /// `data` of `store.stats` (S-119), from every core's share. A bucket that is being defined or
    /// dropped is left out altogether. O(buckets).
    pub(super) fn store_stats(&self, shares: impl IntoIterator<Item = StoreShare>) -> Vec<u8> {
        let mut figures: HashMap<BucketId, BucketFigures> = HashMap::new();
        let mut subscriptions = 0;
        for share in shares {
            figures.extend(share.buckets);
            subscriptions += share.subscriptions;
        }
        let known = self.catalog.buckets();
        let buckets =
            known.filter_map(|(name, placed)| Some((name, placed.core, *figures.get(&placed.bucket)?)));
        let mut out = Vec::new();
        let stats = StoreStats {
            name: STORE_NAME,
            buckets: buckets.collect(),
            queries: self.catalog.queries().len() as u64,
            subscriptions,
            ttl_check_interval_ms: if self.settings.expires { TTL_CHECK_INTERVAL_MS } else { 0 },
        };
        protocol::store_stats(&mut out, &stats);
        out
    }
}
