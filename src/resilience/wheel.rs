//! A timer wheel: many things that are due within a bounded time, in coarse ticks.

/// Things by the tick at which they are due. Adding one costs O(1) and its size in memory, and
/// nothing is due between two ticks: whoever drives the wheel wakes at most once per tick.
#[derive(Debug)]
pub struct Wheel<T> {
    tick_ms: u64,
    /// What is due at tick `n` is in slot `n mod len`.
    slots: Box<[Vec<T>]>,
    /// All ticks before this one are over.
    next: u64,
    count: usize,
}

impl<T> Wheel<T> {
    /// A wheel for delays up to `span_ms`, which turns every `tick_ms`.
    pub fn new(span_ms: u64, tick_ms: u64) -> Self {
        // One for rounding up, and one that may be over only in part.
        let slots = span_ms.div_ceil(tick_ms) + 2;
        Self { tick_ms, slots: (0..slots).map(|_| Vec::new()).collect(), next: 0, count: 0 }
    }

    /// Adds something that is due `after_ms` from `now_ms` on, rounded up to a tick; at most the wheel's span.
    /// Returns when, monotonic milliseconds.
    pub fn add(&mut self, item: T, after_ms: u64, now_ms: u64) -> u64 {
        if self.count == 0 {
            self.next = self.next.max(now_ms / self.tick_ms);
        }
        let tick = (now_ms + after_ms).div_ceil(self.tick_ms);
        // A tick that is over, for a delay of nothing, is made up for at the next.
        let tick = tick.clamp(self.next, self.next + self.slots.len() as u64 - 1);
        let at = self.at(tick);
        self.slots[at].push(item);
        self.count += 1;
        tick * self.tick_ms
    }

    /// Takes out what has been due longest, and when it was due. `None` = nothing is due.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<(u64, Vec<T>)> {
        while self.count > 0 && self.next * self.tick_ms <= now_ms {
            let due_ms = self.next * self.tick_ms;
            let at = self.at(self.next);
            self.next += 1;
            if !self.slots[at].is_empty() {
                let due = std::mem::take(&mut self.slots[at]);
                self.count -= due.len();
                return Some((due_ms, due));
            }
        }
        None
    }

    /// When something is due next, monotonic milliseconds. O(ticks until then).
    pub fn next_due(&self) -> Option<u64> {
        let ticks = self.next..self.next + self.slots.len() as u64;
        let due = ticks.filter(|_| self.count > 0).find(|tick| !self.slots[self.at(*tick)].is_empty());
        due.map(|tick| tick * self.tick_ms)
    }

    fn at(&self, tick: u64) -> usize {
        usize::try_from(tick % self.slots.len() as u64).expect("below the number of slots")
    }
}

#[cfg(test)]
mod tests {
    use super::Wheel;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_comes_once_in_its_tick(
            tick_ms in 1_u64..50,
            steps in prop::collection::vec((0_u64..1_000, 0_u64..300), 1..200),
        ) {
            let mut wheel = Wheel::new(1_000, tick_ms);
            let mut pending = Vec::new();
            let mut now = 17;
            for (number, (after, step)) in steps.into_iter().enumerate() {
                let due = wheel.add(number, after, now);
                prop_assert!(due >= now + after && due < now + after + tick_ms || due <= now + tick_ms);
                pending.push((due, number));
                prop_assert_eq!(wheel.next_due(), pending.iter().map(|(due, _)| *due).min());
                now += step;
                let mut before = 0;
                while let Some((due, items)) = wheel.pop_due(now) {
                    prop_assert!(due <= now && due >= before);
                    before = due;
                    for item in items {
                        let at = pending.iter().position(|entry| *entry == (due, item));
                        pending.remove(at.expect("once, when it is due"));
                    }
                }
                prop_assert!(pending.iter().all(|(due, _)| *due > now));
            }
        }
    }
}
