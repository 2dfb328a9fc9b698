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
//!   that the failure that is reported is that of one state.
//! * **Free of deadlock.** Participants are prepared one after the other in ascending core
//!   order, and nothing else holds locks over a message. A transaction that waits at core *k*
//!   waits for transactions that hold locks there, which can only wait at cores above *k*.
//! * **Last agent.** The last participant commits with its vote: all others have voted, so the
//!   outcome depends on it alone. That saves a message and its locks.

mod coordinator;
mod locks;
pub mod sabotage;

pub use coordinator::{Coordinator, Next, Part};
pub use locks::{Intent, Intents, Locks};
