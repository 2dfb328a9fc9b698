//! What this core counts of itself, and what its shell measures of it.

use super::Core;
use crate::message::{CoreFigures, Load, Refusal};

impl Core {
    /// How busy this core is.
    pub(super) fn load(&self) -> Load {
        Load { turns: self.inputs, unsent_bytes: self.unsent_bytes, vitals: (self.vitals)() }
    }

    /// This core's part of `/metrics`. O(buckets + named queries), whatever the number of connections.
    pub(super) fn figures(&self) -> CoreFigures {
        let mut figures = CoreFigures {
            connections: self.closing.websockets() as u64,
            subscriptions: self.hub.queries_len(),
            load: self.load(),
            traffic: self.traffic,
            ..CoreFigures::default()
        };
        (figures.live_examined, figures.live_updated) = self.shard.live_of_dropped();
        for (_, bucket) in self.shard.figures() {
            figures.buckets += 1;
            figures.records += bucket.records;
            figures.live_examined += bucket.live_examined;
            figures.live_updated += bucket.live_updated;
        }
        figures
    }

    /// Takes note of a connection that is not welcome.
    pub(super) fn count_refusal(&mut self, why: Refusal) {
        self.traffic.refused[why as usize] += 1;
    }
}
