//! Requests of one connection that are executing, and which others may join them.
//!
//! Requests are observably processed one after the other (P-121). Consecutive requests
//! for one core may be on their way together all the same: a core's inbox and its
//! answers are first in, first out. So may consecutive transactions over the same cores, which
//! follow each other from core to core.

use crate::base::ids::CoreId;
use crate::base::json::Number;
use crate::base::limits::{FLIGHT_BYTES_MAX, FLIGHT_REQUESTS_MAX};
use std::collections::VecDeque;

/// Requests that the queue of a burst has room for from the beginning.
const BURST_REQUESTS: usize = 16;

/// Where a request executes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// One shard.
    Core(CoreId),
    /// A transaction over these shards, a bit each.
    Cores(u64),
    /// Several: nothing else of the connection runs meanwhile.
    Several,
}

impl Target {
    /// That of a transaction over these shards. Where there are more shards than bits, one over any
    /// of the others runs alone.
    pub fn transaction(cores: impl Iterator<Item = CoreId>) -> Self {
        let bit = |core: CoreId| 1_u64.checked_shl(u32::from(core.0));
        let all = cores.map(bit).try_fold(0, |cores, bit| bit.map(|bit| cores | bit));
        all.map_or(Self::Several, Self::Cores)
    }
}

/// A request whose answer is due.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Echoed in the answer.
    pub id: Number,
    /// What the answer brings.
    pub due: Due,
    /// Length of its message.
    pub bytes: u32,
}

/// What an answer brings besides itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Nothing.
    Data,
    /// A subscription, for which a place is reserved.
    Subscription,
    /// What a transaction comes to.
    Transaction,
}

/// The requests of a connection that are executing, in order.
///
/// A client that waits for each answer never needs an allocation; one that does not has a queue
/// for the length of its burst.
#[derive(Default)]
pub struct Flight {
    target: Option<Target>,
    first: Option<Pending>,
    /// Those behind the first; none if it is absent.
    #[expect(clippy::box_collection, reason = "rare, and a word instead of four in every connection")]
    rest: Option<Box<VecDeque<Pending>>>,
    bytes: usize,
}

impl Flight {
    /// Whether nothing is executing.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether a request for `target` may be sent on before the answers are in.
    pub fn admits(&self, target: Target) -> bool {
        self.is_empty()
            || (self.target == Some(target)
                && target != Target::Several
                && 1 + self.rest.as_ref().map_or(0, |rest| rest.len()) < FLIGHT_REQUESTS_MAX
                && self.bytes < FLIGHT_BYTES_MAX)
    }

    /// Notes a request that was sent on.
    pub fn depart(&mut self, target: Target, pending: Pending) {
        debug_assert!(self.admits(target), "a request waits for those before it");
        self.target = Some(target);
        self.bytes += pending.bytes as usize;
        match self.first {
            Some(_) => {
                let rest = self.rest.get_or_insert_with(|| Box::new(VecDeque::with_capacity(BURST_REQUESTS)));
                rest.push_back(pending);
            }
            None => self.first = Some(pending),
        }
    }

    /// The request that the next answer belongs to.
    ///
    /// # Panics
    /// If none is due: answers come one to one.
    pub fn land(&mut self) -> Pending {
        let pending = self.first.take().expect("an answer belongs to a request");
        self.bytes -= pending.bytes as usize;
        self.first = self.rest.as_mut().and_then(|rest| rest.pop_front());
        if self.first.is_none() {
            self.rest = None; // an idle connection owns no buffer
        }
        pending
    }

    /// How many subscriptions are being made.
    pub fn subscribing(&self) -> usize {
        let pending = self.first.iter().chain(self.rest.iter().flat_map(|rest| rest.iter()));
        pending.filter(|pending| pending.due == Due::Subscription).count()
    }
}

#[cfg(test)]
mod tests {
    use super::{Due, Flight, Pending, Target};
    use crate::base::ids::CoreId;
    use crate::base::json::Number;

    #[test]
    fn only_requests_for_the_same_core_join() {
        // P-121, P-122
        let mut flight = Flight::default();
        let (a, b) = (Target::Core(CoreId(0)), Target::Core(CoreId(1)));
        let pending = Pending { id: Number::Signed(1), due: Due::Data, bytes: 10 };
        assert!(flight.admits(a) && flight.admits(Target::Several));
        flight.depart(a, pending);
        assert!(flight.admits(a) && !flight.admits(b) && !flight.admits(Target::Several));
        flight.land();
        flight.depart(Target::Several, pending);
        assert!(!flight.admits(Target::Several) && !flight.admits(a));
        flight.land();
        assert!(flight.is_empty() && flight.admits(b));
    }

    #[test]
    fn transactions_over_the_same_cores_join() {
        // P-121
        let over = |cores: &[u16]| Target::transaction(cores.iter().map(|core| CoreId(*core)));
        let mut flight = Flight::default();
        flight.depart(over(&[0, 1]), Pending { id: Number::Signed(1), due: Due::Data, bytes: 10 });
        assert!(flight.admits(over(&[1, 0, 1])));
        assert!(!flight.admits(over(&[0, 1, 2])) && !flight.admits(Target::Core(CoreId(0))));
        assert_eq!((over(&[0, 64]), over(&[1_000, 1])), (Target::Several, Target::Several));
        assert_eq!(over(&[63]), Target::Cores(1 << 63));
    }
}
