//! Two-phase commit between cores, without messages: who coordinates decides what
//! comes next, who takes part holds locks until the decision.
//!
//! # Why it is right
//!
//! * **Atomic.** A participant that has voted holds everything it needs to commit, and
//!   committing is in memory and cannot fail. The coordinator decides once.
//! * **Strictly serialisable.** From its vote to the decision a participant lets nobody read
//!   or write what the transaction wrote, nor write what it read; live queries of a bucket wait
//!   like other readers. Whoever has seen an effect on one core and then asks another is either
//!   held up there or sees the effect too. A participant that votes no holds its locks alike, so
//!   that the failure that is reported is that of one state. Footprints are known before
//!   anything runs, so that a participant takes all of its locks at one instant. Only keys that
//!   it makes itself are not: nobody can have named one that is random before the vote tells it,
//!   and where keys can be guessed, whoever names one waits for undecided inserts.
//! * **Free of deadlock.** Participants are prepared one after the other in ascending core
//!   order, and nothing else holds locks over a message. A transaction that waits at core *k*
//!   waits for transactions that hold locks there, which can only wait at cores above *k*, or
//!   for those who came to *k* before it.
//! * **Fair.** Who waits is served in order of arrival, except by those it does not conflict
//!   with. A decision costs what it lets go on, however many wait for other things.
//! * **Last agent.** The last participant commits with its vote: all others have voted, so the
//!   outcome depends on it alone. That saves a message and its locks. A transaction over two
//!   cores that starts on the first of them takes two messages between cores, on the second
//!   three; no other protocol that answers from both sides takes fewer than two.
//!
//! * **Batches.** Transactions that one connection has sent ahead run one after the other (P-121), but
//!   those that wait for one that is under way then run together, as one transaction whose operations
//!   are all of theirs. What it does is what they would do in their order with nobody in between, which
//!   is one of the ways in which they may happen: all of them are under way until it is decided. If one of
//!   them would fail, the batch has done nothing, and they run one by one. So do those that read
//!   whole buckets, which would keep everybody else waiting together. Sixteen that change the
//!   same record cost one round of messages, not sixteen.
//! * **Appends.** The order of a bucket's records is there for all to see (S-70), so inserts into one
//!   bucket conflict; but nobody sees it while one of them is undecided. So transactions over
//!   several cores insert beside each other, and each core applies what is decided in the order of
//!   the moments at which the last agents committed ([`Sequence`]). At its moment a transaction holds all
//!   of its locks, so that this order is one of those that the locks allow. What commits at once,
//!   a single insert or a last agent, waits for those that are undecided: its moment is now, theirs
//!   may have been. A transaction that waits for its turn waits for others that are undecided, which
//!   in turn only wait at higher cores: that closes no circle.
//!
//! `tests/sim` has the proofs: random histories judged by a checker that knows nothing of all this,
//! every order of messages of two transactions, and [`sabotage`] that both must find.

mod coordinator;
mod intent;
mod locks;
pub mod sabotage;
mod sequence;

pub use coordinator::{Coordinator, Next, Operations, Outcomes};
pub use intent::Intent;
pub use locks::{Footprint, Locks, Ticket};
pub use sequence::Sequence;
