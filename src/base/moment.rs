//! The order in which transactions over several cores take effect, as a number.

use std::sync::atomic::{AtomicU64, Ordering};

/// A moment in the life of the process. What happens at a later one was not over at an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Moment(u64);

/// Counts the moments; one for all cores, on a cache line of its own.
///
/// It is one atomic number, and whoever compares moments has learned of them by mail, which
/// orders memory; so relaxed operations suffice.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Sequencer(AtomicU64);

impl Sequencer {
    /// The latest moment so far.
    pub fn latest(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }

    /// A moment later than all before.
    pub fn next(&self) -> Moment {
        Moment(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Sequencer;

    #[test]
    fn a_moment_comes_once() {
        let sequencer = Sequencer::default();
        let before = sequencer.latest();
        let moments = [sequencer.next(), sequencer.next()];
        assert!(before < moments[0] && moments[0] < moments[1] && moments[1] == sequencer.latest());
    }
}
