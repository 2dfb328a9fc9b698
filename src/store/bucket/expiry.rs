//! When records go by themselves (02 §10.1).

use super::slots::SlotNumber;
use crate::base::json::Raw;
use crate::store::Record;
use std::collections::BTreeSet;

/// The records of a bucket with `ttl` that expire, soonest first.
#[derive(Default)]
pub(super) struct Expiry {
    due: BTreeSet<(u64, SlotNumber)>,
}

impl Expiry {
    /// Enters a record, if it expires at all. O(log n).
    pub(super) fn insert(&mut self, record: &Record, slot: SlotNumber) {
        self.due.extend(expires_at_ms(record).map(|at| (at, slot)));
    }

    /// Takes a record out. O(log n).
    pub(super) fn remove(&mut self, record: &Record, slot: SlotNumber) {
        if let Some(at) = expires_at_ms(record) {
            self.due.remove(&(at, slot));
        }
    }

    /// Frees at most so many entries of what nobody will use again; how many.
    pub(super) fn shed(&mut self, count: usize) -> usize {
        std::iter::from_fn(|| self.due.pop_first()).take(count).count()
    }

    /// When the first record expires, milliseconds since the Unix epoch.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What has expired by then (S-189), soonest first.
    pub(super) fn due(&self, unix_ms: u64) -> impl Iterator<Item = SlotNumber> {
        self.due.range(..=(unix_ms, SlotNumber::MAX)).map(|(_, slot)| *slot)
    }
}

/// The first whole millisecond at which the record has expired; null and what is no number is
/// never (S-186, S-187).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "beyond u64 is never"
)]
fn expires_at_ms(record: &Record) -> Option<u64> {
    let at = record.expires_at().and_then(Raw::as_number)?.as_f64().ceil();
    (at < u64::MAX as f64).then_some(at.max(0.0) as u64)
}
