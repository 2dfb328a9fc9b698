//! What has to have happened by when: upgrades, the ends of connections.

use crate::base::ids::ConnId;
use std::collections::VecDeque;

/// What has to have happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deadline {
    /// The client has asked for its upgrade (P-11).
    Upgrade,
    /// The peer has read what was unsent when we ended our side.
    LastBytes,
    /// The peer has ended its side after our Close frame (P-163 allows up to 30 s; a living peer
    /// needs one round trip).
    Linger,
    /// The last requests are answered when the server stops (P-170).
    LastRequests,
}

impl Deadline {
    const ALL: [Self; 4] = [Self::Upgrade, Self::LastBytes, Self::Linger, Self::LastRequests];

    /// How long it may take, milliseconds.
    fn after_ms(self) -> u64 {
        match self {
            Self::Upgrade => 10_000,
            Self::LastBytes | Self::LastRequests => 5_000,
            Self::Linger => 2_000,
        }
    }
}

/// Connections by deadline. Those of one kind all get the same time, so that a queue for each kind
/// has them in order: 16 B per connection, and O(1).
#[derive(Default)]
pub(super) struct Deadlines {
    queues: [VecDeque<(u64, ConnId)>; Deadline::ALL.len()],
}

impl Deadlines {
    /// Sets a deadline, and returns when it is, monotonic milliseconds.
    ///
    /// `is_met` says which need not be waited for: those at the front are forgotten, so that
    /// connections that come and go quickly leave nothing behind.
    pub(super) fn set(
        &mut self,
        deadline: Deadline,
        now_ms: u64,
        conn: ConnId,
        is_met: impl Fn(Deadline, ConnId) -> bool,
    ) -> u64 {
        /// More than one, so that a crowd is forgotten faster than the next one comes.
        const FORGOTTEN_PER_SET: usize = 2;
        let queue = &mut self.queues[deadline as usize];
        for _ in 0..FORGOTTEN_PER_SET {
            if queue.front().is_some_and(|(_, conn)| is_met(deadline, *conn)) {
                queue.pop_front();
            }
        }
        let at_ms = now_ms + deadline.after_ms();
        queue.push_back((at_ms, conn));
        at_ms
    }

    /// Takes one out that is due; it may have been met.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<(Deadline, ConnId)> {
        /// Room that an empty queue keeps; more was a crowd.
        const KEPT: usize = 64;
        Deadline::ALL.into_iter().find_map(|deadline| {
            let queue = &mut self.queues[deadline as usize];
            let is_due = queue.front().is_some_and(|(at_ms, _)| *at_ms <= now_ms);
            let due = is_due.then(|| queue.pop_front()).flatten();
            if queue.is_empty() {
                queue.shrink_to(KEPT);
            }
            due.map(|(_, conn)| (deadline, conn))
        })
    }

    /// When the next one is due, monotonic milliseconds.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.queues.iter().filter_map(|queue| queue.front()).map(|(at_ms, _)| *at_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadline, Deadlines};
    use crate::base::ids::ConnId;

    fn conn(slot: u32) -> ConnId {
        ConnId { slot, generation: 1 }
    }

    #[test]
    fn each_comes_when_it_is_due() {
        // P-11, P-163
        let mut deadlines = Deadlines::default();
        let mut set = |deadline, now_ms, slot| deadlines.set(deadline, now_ms, conn(slot), |_, _| false);
        assert_eq!(set(Deadline::Upgrade, 100, 1), 10_100);
        assert_eq!((set(Deadline::Linger, 5_000, 2), set(Deadline::LastBytes, 5_000, 3)), (7_000, 10_000));
        assert_eq!(deadlines.next_due(), Some(7_000));
        assert_eq!(deadlines.pop_due(6_999), None);
        assert_eq!(deadlines.pop_due(7_000), Some((Deadline::Linger, conn(2))));
        let rest = [deadlines.pop_due(20_000), deadlines.pop_due(20_000), deadlines.pop_due(20_000)];
        assert_eq!(rest, [Some((Deadline::Upgrade, conn(1))), Some((Deadline::LastBytes, conn(3))), None]);
    }

    #[test]
    fn who_comes_and_goes_leaves_nothing_behind() {
        let mut deadlines = Deadlines::default();
        for slot in 0..1_000 {
            deadlines.set(Deadline::Upgrade, 0, conn(slot), |_, _| false);
        }
        for slot in 1_000..2_000 {
            deadlines.set(Deadline::Upgrade, 1, conn(slot), |_, conn| conn.slot < 1_990);
        }
        assert_eq!(deadlines.queues[Deadline::Upgrade as usize].len(), 10);
    }
}
