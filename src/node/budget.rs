//! The memory that clients who do not read may take together, on one core.
//!
//! Nobody is closed for being slow as long as there is room (P-114). When all queues together
//! exceed the budget, those with the longest are emptied and closed, until a quarter is free: so
//! the search through all connections is paid for by many bytes that come after it.

use super::Core;
use super::outbox::{Outbox, Output};
use crate::base::ids::ConnId;
use crate::base::time::Now;
use crate::wire::CloseCode;
use std::cmp::Reverse;

impl Core {
    /// Takes note of bytes that are to be sent.
    pub(super) fn enter_budget(&mut self, bytes: u64) {
        self.unsent_bytes += bytes;
    }

    /// Whether there is more than there is room for.
    pub(super) fn is_over_budget(&self) -> bool {
        self.unsent_bytes > self.settings.limits.unsent_bytes_per_core_max
    }

    /// Gives up on the longest queues. O(connections × log).
    pub(super) fn make_room(&mut self, now: Now, out: &mut Outbox) {
        let max = self.settings.limits.unsent_bytes_per_core_max;
        let mut queues: Vec<(u64, ConnId)> = Vec::new();
        for ((slot, generation), session) in self.sessions.iter() {
            if session.may_answer() && session.unsent_bytes > 0 {
                queues.push((session.unsent_bytes, ConnId { slot, generation }));
            }
        }
        queues.sort_by_key(|(bytes, conn)| (Reverse(*bytes), *conn));
        for (_, conn) in queues {
            if self.unsent_bytes <= max - max / 4 {
                break;
            }
            self.give_up_on(conn, now, out);
        }
    }

    /// Closes a connection whose queue is too long. What is in it is lost: the client would have
    /// to read all of it before it could learn why.
    fn give_up_on(&mut self, conn: ConnId, now: Now, out: &mut Outbox) {
        let Some(session) = self.session(conn) else { return };
        let abandoned = std::mem::take(&mut session.unsent_bytes);
        self.leave_budget(abandoned);
        self.traffic.slow_consumers += 1;
        out.push(Output::Discard(conn));
        self.close(conn, CloseCode::TRY_AGAIN_LATER, "slow_consumer", now, out);
    }

    /// The operating system has taken bytes of a connection, or nobody will.
    pub(super) fn leave_budget(&mut self, bytes: u64) {
        self.unsent_bytes = self.unsent_bytes.saturating_sub(bytes);
    }
}
