//! Deliberate faults of the protocol, so that its proofs can show that they would find them.
//!
//! They exist where debug assertions do: a release build has none of this in it.

use super::intent::Intent;

/// A fault that `tests/sim` must find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Participants give their locks back with the vote instead of with the decision.
    ReleaseBeforeDecision,
    /// Predicates and reads of whole buckets lock nothing.
    PredicatesUnlocked,
    /// Reads of keys lock nothing.
    ReadsUnlocked,
    /// Inserts do not exclude each other.
    AppendsUnlocked,
    /// Inserts of prepared transactions are applied as their decisions come.
    AppendsOutOfSequence,
    /// Participants are prepared in the order in which the client names them.
    PrepareOutOfOrder,
    /// Every participant commits with its vote, whatever the others will say.
    CommitBeforeVotes,
    /// A batch that is split is carried out all the same where it was prepared.
    SplitsCommitted,
}

#[cfg(debug_assertions)]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<Sabotage>> = const { std::cell::Cell::new(None) };
}

/// Makes all nodes of this thread faulty, or sound again.
#[cfg(debug_assertions)]
pub fn choose(sabotage: Option<Sabotage>) {
    CHOSEN.set(sabotage);
}

/// Whether this fault was chosen.
#[cfg(debug_assertions)]
pub(crate) fn is(sabotage: Sabotage) -> bool {
    CHOSEN.get() == Some(sabotage)
}

/// Never, in a release build.
#[cfg(not(debug_assertions))]
pub(crate) const fn is(_: Sabotage) -> bool {
    false
}

/// Whether something is not to be locked, against all reason.
pub(super) fn forgets(intent: &Intent) -> bool {
    match intent {
        Intent::ReadKey(..) => is(Sabotage::ReadsUnlocked),
        Intent::Append(_) | Intent::AppendInSequence(_) => is(Sabotage::AppendsUnlocked),
        Intent::ReadBucket(_) => is(Sabotage::PredicatesUnlocked),
        _ => false,
    }
}
