//! When records expire by themselves (K-12), and when what has gone in crowds is freed.

use super::Core;
use super::outbox::{Outbox, Output};
use crate::base::limits::EXPIRED_RECORDS_MAX;
use crate::base::time::Now;

/// Milliseconds between two looks at what has expired, so that many records with different
/// times go together. K-12 allows 50.
const EXPIRY_TICK_MS: u64 = 20;

impl Core {
    /// Asks for a tick when the next record expires, unless it has been asked for. O(1).
    pub(super) fn expect_expiry(&mut self, now: Now, out: &mut Outbox) {
        let Some(due) = self.shard.expires_at().filter(|_| self.settings.expires) else { return };
        let at_ms = now.mono_ms.saturating_add(due.saturating_sub(now.unix_ms));
        if self.expiry_at.is_none_or(|known| at_ms < known) {
            self.wake_for_expiry(at_ms, out);
        }
    }

    /// Time has passed: removes what has expired (S-189).
    pub(super) fn expire(&mut self, now: Now, out: &mut Outbox) {
        let Some(at_ms) = self.expiry_at else { return };
        if at_ms > now.mono_ms {
            return out.push(Output::WakeAt(at_ms));
        }
        let removed = self.shard.expire(now);
        self.expiry_at = None;
        if let Some(due) = self.shard.expires_at() {
            // What is left although it is due is kept by a transaction, or was too much at once.
            let pause_ms = if removed == EXPIRED_RECORDS_MAX { 1 } else { EXPIRY_TICK_MS };
            let wait_ms = due.saturating_sub(now.unix_ms).max(pause_ms);
            self.wake_for_expiry(now.mono_ms.saturating_add(wait_ms), out);
        }
    }

    /// Time has passed: frees some of what is left of cleared and dropped buckets.
    pub(super) fn free(&mut self) {
        if std::mem::take(&mut self.frees) {
            self.shard.free_remains();
        }
    }

    /// Asks for a tick if there is more to free, unless it has been asked for.
    pub(super) fn expect_to_free(&mut self, now: Now, out: &mut Outbox) {
        if self.shard.has_remains() && !std::mem::replace(&mut self.frees, true) {
            out.push(Output::WakeAt(now.mono_ms + 1));
        }
    }

    fn wake_for_expiry(&mut self, at_ms: u64, out: &mut Outbox) {
        self.expiry_at = Some(at_ms);
        out.push(Output::WakeAt(at_ms));
    }
}
