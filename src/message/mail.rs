//! What travels between cores, and between the two halves of one core.
//!
//! Mail from one core to another arrives in the order in which it was sent. Answers
//! to one connection's requests come back in the order of the requests, so that they
//! need no numbers.

use super::admin::Admin;
use super::call::{RulesCall, Step, Verb};
use super::gather::{Share, Survey};
use super::run::Run;
use crate::base::bytes::Body;
use crate::base::fault::Fault;
use crate::base::ids::{BucketId, ConnId, CoreId, LiveId, QueryId, TxnId};
use crate::base::json::Object;
use crate::base::moment::Moment;
use crate::query::Bound;
use crate::store::Record;
use smallvec::SmallVec;

/// Anything that one core tells another, or itself.
#[derive(Debug)]
pub enum Mail {
    /// To the shard that owns the data.
    Request(Request),
    /// Back to the connection's core.
    Answer(Answer),
    /// Requests of one connection that run at once, to the shard that owns the data.
    Run(Box<Run>),
    /// Back to the connection's core, with the answers.
    Ran(Box<Run>),
    /// New answers of live queries, to a core with subscribers.
    Push(PushSet),
    /// An event, to a core with subscribers.
    Event {
        /// The live patterns that match, in the order of P-129.
        patterns: SmallVec<[LiveId; 2]>,
        /// The push's `data`.
        body: Body,
    },
    /// Live queries that have ended with their bucket, to a core with subscribers (S-157).
    Ended(Vec<LiveId>),
    /// A subscriber has left.
    Leave(Leave),
    /// Phase one of a transaction, to a participant.
    Prepare(Prepare),
    /// The participant's answer, to the coordinator.
    Vote(Vote),
    /// Phase two, to a participant that has voted yes.
    Decide {
        /// Which transaction.
        txn: TxnId,
        /// When it happened, if it does.
        commit: Option<Moment>,
    },
    /// A step of a change of what exists.
    Admin(Admin),
    /// Asks a core for its share of an answer.
    Ask {
        /// Which of the sender's gatherings.
        number: u64,
        /// What is asked.
        question: Survey,
    },
    /// That share, back to the core that asked.
    Tell {
        /// Which of the receiver's gatherings.
        number: u64,
        /// The share.
        share: Share,
    },
}

impl Mail {
    /// How many requests or other messages that is.
    pub fn weight(&self) -> usize {
        match self {
            Self::Run(run) | Self::Ran(run) => run.len(),
            _ => 1,
        }
    }
}

/// One request for the data of a core.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub origin: Origin,
    /// What.
    pub op: Op,
}

/// Where an answer goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// The connection's core.
    pub core: CoreId,
    /// The connection there.
    pub conn: ConnId,
}

/// A request with every name resolved.
#[derive(Debug)]
pub enum Op {
    /// One read or write of one bucket.
    Data {
        /// The bucket.
        bucket: BucketId,
        /// What to do.
        verb: Verb,
    },
    /// A transaction whose buckets all live on the core.
    Transaction(Vec<Step<Target>>),
    /// Start or join a live query.
    Subscribe {
        /// The named query that it comes from; goes back with the answer.
        query: QueryId,
        /// What is asked.
        bound: Box<Bound>,
    },
    /// Facts and events.
    Rules(Box<RulesCall>),
}

/// The bucket of a transaction's operation, or its name if there is none: that fails when
/// the operation is reached (S-174).
pub type Target = Result<BucketId, Box<str>>;

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The connection that asked.
    pub conn: ConnId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The result's `data`.
    Data(Json),
    /// The same of a write.
    Written {
        /// The result's `data`.
        json: Json,
        /// The request's, back on the core whose memory it is: freeing that of another core is dear.
        spent: Object,
    },
    /// The results of a transaction's operations, in their order.
    Results(SmallVec<[Json; 3]>),
    /// An error answer.
    Fault(Box<Fault>),
    /// A live query was started or joined; this is its state now.
    Subscribed {
        /// The named query.
        query: QueryId,
        /// The live query.
        live: LiveId,
        /// Its answer.
        body: Body,
    },
    /// A topic pattern is watched.
    Watching {
        /// The live pattern.
        live: LiveId,
    },
}

/// JSON text on its way out.
#[derive(Debug)]
pub enum Json {
    /// The same for everybody.
    Fixed(&'static str),
    /// A stored record, shared, not copied.
    Record(Record),
    /// Made for this answer.
    Text(Vec<u8>),
}

impl Json {
    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Fixed(text) => text.as_bytes(),
            Self::Record(record) => record.text(),
            Self::Text(text) => text,
        }
    }
}

/// The `data` of a result, where it stands.
#[derive(Debug)]
pub enum Data<'a> {
    /// The same for everybody.
    Fixed(&'static str),
    /// A stored record, or one that is about to be.
    Record(&'a Record),
    /// Made for this answer.
    Text(Vec<u8>),
}

impl Data<'_> {
    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Fixed(text) => text.as_bytes(),
            Self::Record(record) => record.text(),
            Self::Text(text) => text,
        }
    }

    /// For an answer that travels. A record is shared, which is two locked instructions in all, and the
    /// second core's to undo.
    pub fn share(self) -> Json {
        match self {
            Self::Fixed(text) => Json::Fixed(text),
            Self::Record(record) => Json::Record(record.clone()),
            Self::Text(text) => Json::Text(text),
        }
    }
}

/// All live queries of one commit whose answers are new, in the order of their creation.
#[derive(Debug)]
pub struct PushSet {
    /// Live query and answer.
    pub updates: SmallVec<[(LiveId, Body); 1]>,
}

/// One subscriber on the sending core has left a live query or a live pattern.
#[derive(Clone, Copy, Debug)]
pub enum Leave {
    /// A live query.
    Query(LiveId),
    /// A live pattern.
    Pattern(LiveId),
}

/// Asks a participant to execute its part on an overlay and hold it.
#[derive(Debug)]
pub struct Prepare {
    /// Which transaction.
    pub txn: TxnId,
    /// What is asked.
    pub steps: PlacedSteps,
    /// Whether a yes is the commit (last agent).
    pub commits: bool,
    /// Whether it is several that were put together, and may be split again.
    pub is_batch: bool,
}

/// A participant's vote.
#[derive(Debug)]
pub struct Vote {
    /// Which transaction.
    pub txn: TxnId,
    /// Yes with results by place, or no with the place that fails and the reason.
    pub vote: Result<PlacedResults, (usize, Fault)>,
    /// When the transaction happened, if this yes was the commit.
    pub committed: Option<Moment>,
    /// What was asked, back on the core whose memory it is: freeing that of another core is dear.
    pub done: PlacedSteps,
}

/// Operations with their places in the client's list, ascending.
pub type PlacedSteps = Vec<(usize, Step<Target>)>;

/// Results with their places in the client's list, ascending.
pub type PlacedResults = SmallVec<[(usize, Json); 1]>;
