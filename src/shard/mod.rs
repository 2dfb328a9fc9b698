//! One core's share of the data: mail in, mail out; one file per family of verbs.
//!
//! Everything that changes data goes through `commit.rs`, the one path by which a
//! change reaches the buckets, the live queries and, later, a journal.

mod admin;
mod commit;
mod data;
mod events;
mod expiry;
mod lent;
mod rules;
mod transaction;
mod waiting;
mod write;

use crate::base::ids::{BucketId, CoreId, LiveId, QueryId, TxnId};
use crate::base::moment::Sequencer;
use crate::base::random::Random;
use crate::base::time::Now;
use crate::message::{
    Answer, BucketFigures, Json, Leave, Mail, Op, Origin, Outcome, ReadFigures, Request, RulesFigures,
};
use crate::query::{self, Bound};
use crate::reactive::{Explanation, LiveQueries};
use crate::rules::Engine;
use crate::store::{Bucket, Definition, Remains, Scratch, View};
use crate::txn::{Locks, Sequence};
use commit::Untold;
pub use data::Place;
use events::Listeners;
pub use events::Told;
use hashbrown::HashMap;
use lent::Lent;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use transaction::{Overlay, Prepared};
use waiting::Waiting;

/// The data of one core and everything that watches it.
pub struct Shard {
    /// Only the buckets that live here.
    buckets: BTreeMap<BucketId, Bucket>,
    live: LiveQueries,
    /// Changes that the live queries of their bucket have not seen yet: those of the present input,
    /// and all while a writer of the bucket is undecided.
    untold: BTreeMap<BucketId, Untold>,
    /// Buckets whose live queries wait for the writers that are undecided.
    refreshing: BTreeSet<BucketId>,
    /// Buckets that were dropped from here and may still be asked for, by name.
    dropped: BTreeMap<BucketId, Box<str>>,
    /// The bucket whose redefinition waits.
    redefining: Option<BucketId>,
    /// When a record may expire at the earliest, milliseconds since the Unix epoch.
    expires_at: Option<u64>,
    listeners: Listeners,
    /// What live queries of dropped buckets have cost: examined, updated.
    live_of_dropped: (u64, u64),
    /// Of buckets that were cleared or dropped, to be freed.
    remains: Remains,
    /// Only on the core of facts and events.
    engine: Option<Engine>,
    locks: Locks,
    /// Transactions that have voted and await the decision.
    prepared: HashMap<TxnId, Prepared, ahash::RandomState>,
    /// Those of them that insert, in their order.
    sequence: Sequence<Prepared>,
    sequencer: Arc<Sequencer>,
    waiting: Waiting,
    lent: Lent,
    /// Text by which commits have made buckets longer, ever.
    grown_bytes: u64,
    random: Random,
    scratch: Scratch,
    /// Empty between transactions; only its allocation is kept.
    overlay: Overlay,
}

/// Where a shard puts what it has to say: (receiver, mail), in order.
pub type Posts = Vec<(CoreId, Mail)>;

/// What is left in a shard, for tests and statistics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Records in all buckets.
    pub records: usize,
    /// Distinct live queries.
    pub live_queries: usize,
    /// Distinct live topic patterns.
    pub live_patterns: usize,
    /// Transactions between their vote and the moment when their decision is carried out.
    pub prepared: usize,
    /// Envelopes that wait for locks.
    pub waiting: usize,
    /// Dropped buckets that somebody may still ask for.
    pub dropped: usize,
}

impl Shard {
    /// A shard without data. `engine` makes it the one with facts and events.
    pub fn new(engine: bool, mut random: Random, sequencer: Arc<Sequencer>) -> Self {
        Self {
            buckets: BTreeMap::new(),
            live: LiveQueries::new(random.next_u64()),
            untold: BTreeMap::new(),
            refreshing: BTreeSet::new(),
            dropped: BTreeMap::new(),
            redefining: None,
            expires_at: None,
            listeners: Listeners::default(),
            live_of_dropped: (0, 0),
            remains: Remains::default(),
            engine: engine.then(|| Engine::new(random.next_u64())),
            locks: Locks::new(random.next_u64()),
            prepared: HashMap::with_hasher(ahash::RandomState::with_seeds(0, 0, 0, random.next_u64())),
            sequence: Sequence::default(),
            sequencer,
            waiting: Waiting::default(),
            lent: Lent::default(),
            grown_bytes: 0,
            random,
            scratch: Scratch::default(),
            overlay: Overlay::default(),
        }
    }

    /// Defines a bucket that is to live here.
    pub fn define(&mut self, id: BucketId, definition: Definition) {
        let seed = self.random.next_u64();
        self.listeners.define(id, definition.name());
        self.buckets.insert(id, Bucket::new(definition, seed));
    }

    /// A subscriber on core `from` has left.
    pub fn leave(&mut self, from: CoreId, leave: Leave) {
        match leave {
            Leave::Query(live) => self.live.leave(live, from),
            Leave::Pattern(live) => {
                self.engine.as_mut().expect("patterns live where the engine is").unsubscribe(live, from);
            }
        }
    }

    /// Whether everybody who watches has been told of all whose commit this core knows of.
    pub fn is_settled(&self) -> bool {
        self.untold.is_empty() && self.sequence.is_empty()
    }

    /// What is counted in the rule engine, if it lives here.
    pub fn rules_figures(&self) -> Option<RulesFigures> {
        let engine = self.engine.as_ref()?;
        Some(RulesFigures { facts: engine.facts_len() as u64, events: engine.events_processed() })
    }

    /// How a live query that is kept here works; `None` if it has ended.
    pub fn read_figures(&self, live: LiveId) -> Option<ReadFigures> {
        let Explanation { bound, index, upkeep, subscribers, evaluations, updates } =
            self.live.explain(live)?;
        let definition = self.buckets.get(&bound.bucket)?.definition();
        let mut plan = Vec::new();
        query::describe(definition.name(), &bound.question, &mut plan);
        let name = |name: &[u8]| match name {
            b"" => definition.fields()[definition.key_field()].quoted.clone(),
            name => name.into(),
        };
        let index = index.map(|names| names.into_iter().map(name).collect());
        Some(ReadFigures { plan: plan.into(), index, upkeep, subscribers, evaluations, updates })
    }

    /// What is counted of the buckets that live here. O(buckets).
    pub fn figures(&self) -> impl Iterator<Item = (BucketId, BucketFigures)> {
        self.buckets.iter().map(|(id, bucket)| {
            let live = self.live.statistics(*id);
            let figures = BucketFigures {
                records: bucket.len() as u64,
                indexes: bucket.definition().indexes().len() as u64,
                live_examined: live.examined,
                live_updated: live.updated,
            };
            (*id, figures)
        })
    }

    /// What live queries of buckets that were dropped have cost: how many were examined for a
    /// change, and updated.
    pub fn live_of_dropped(&self) -> (u64, u64) {
        self.live_of_dropped
    }

    /// What is left.
    pub fn census(&self) -> Census {
        Census {
            records: self.buckets.values().map(Bucket::len).sum(),
            live_queries: self.live.len(),
            live_patterns: self.engine.as_ref().map_or(0, Engine::patterns_len),
            prepared: self.prepared.len() + self.sequence.len(),
            waiting: self.waiting.len(),
            dropped: self.dropped.len(),
        }
    }

    fn run(&mut self, request: Request, now: Now, out: &mut Posts) {
        let Request { origin, op } = request;
        match op {
            Op::Data { bucket, mut verb } => {
                let mut json = Json::Fixed("");
                let outcome = match self.data(bucket, &mut verb, now, |data| json = data.share()) {
                    Ok(()) => match verb.into_data() {
                        Some(spent) => Outcome::Written { json, spent },
                        None => Outcome::Data(json),
                    },
                    Err(fault) => Outcome::Fault(Box::new(fault)),
                };
                answer(out, origin, outcome);
            }
            Op::Transaction(steps) => {
                let mut results = SmallVec::with_capacity(steps.len());
                let outcome = match self.transaction(&steps, now, |_, data| results.push(data.share())) {
                    Ok(()) => Outcome::Results(results),
                    Err(fault) => Outcome::Fault(Box::new(fault)),
                };
                answer(out, origin, outcome);
            }
            Op::Subscribe { query, bound } => self.subscribe(origin, query, *bound, out),
            Op::Rules(call) => self.rules(origin, *call, now, out),
        }
    }

    fn subscribe(&mut self, origin: Origin, query: QueryId, bound: Bound, out: &mut Posts) {
        if let Some(fault) = self.gone(bound.bucket) {
            return answer(out, origin, Outcome::Fault(Box::new(fault)));
        }
        self.publish_bucket(bound.bucket, out); // what the others' state lacks is in the new one's already
        let view = View::committed(&self.buckets[&bound.bucket]);
        let (live, body) = self.live.subscribe(bound, view, origin.core);
        answer(out, origin, Outcome::Subscribed { query, live, body });
    }
}

/// Posts the answer to a request.
fn answer(out: &mut Posts, origin: Origin, outcome: Outcome) {
    out.push((origin.core, Mail::Answer(Answer { conn: origin.conn, outcome })));
}
