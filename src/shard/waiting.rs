//! Who waits for undecided transactions, and in which order they go on.
//!
//! Nobody overtakes: an envelope also waits behind an earlier one that it conflicts
//! with, so that a stream of readers cannot starve a writer, and behind an earlier one
//! of its own connection, so that answers keep their order (P-121).

use super::{Posts, Shard};
use crate::base::ids::BucketId;
use crate::base::time::Now;
use crate::message::{Alteration, Key, Op, Origin, Prepare, Question, Read, Request, Step, Target, Verb};
use crate::store::Bucket;
use crate::txn::{Intent, Intents};
use std::collections::{BTreeSet, VecDeque};

/// Envelopes in order of arrival: at most one flight per connection, whose length is bounded
/// (`FLIGHT_REQUESTS_MAX`, `FLIGHT_BYTES_MAX`), one prepare per running transaction, and one
/// refresh per bucket.
#[derive(Default)]
pub(super) struct Waiting {
    queue: VecDeque<Waiter>,
    ahead: Ahead,
}

struct Waiter {
    envelope: Envelope,
    intents: Vec<Intent>,
}

enum Envelope {
    Request(Request),
    Prepare(Prepare),
    Alter(Alteration),
    /// Live queries of a bucket whose changes nobody has been told of yet.
    Refresh(BucketId),
}

/// What those who wait are going to do, and whose requests they are.
#[derive(Default)]
struct Ahead {
    intents: Intents,
    connections: BTreeSet<Origin>,
}

impl Envelope {
    fn origin(&self) -> Option<Origin> {
        match self {
            Self::Request(request) => Some(request.origin),
            Self::Prepare(_) | Self::Alter(_) | Self::Refresh(_) => None,
        }
    }
}

impl Ahead {
    fn add(&mut self, waiter: &Waiter) {
        self.intents.add(&waiter.intents);
        self.connections.extend(waiter.envelope.origin());
    }

    fn block(&self, intents: &[Intent], origin: Option<Origin>) -> bool {
        origin.is_some_and(|origin| self.connections.contains(&origin))
            || intents.iter().any(|intent| self.intents.exclude(intent))
    }
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    fn push(&mut self, envelope: Envelope, intents: Vec<Intent>) {
        let waiter = Waiter { envelope, intents };
        self.ahead.add(&waiter);
        self.queue.push_back(waiter);
    }
}

impl Shard {
    /// Keeps a request back if it has to wait, and returns it otherwise. Without transactions
    /// over several cores nothing is ever locked, and this costs two comparisons.
    pub(super) fn wait_or_go(&mut self, request: Request) -> Option<Request> {
        if self.is_free() {
            return Some(request);
        }
        let intents = match &request.op {
            Op::Data { bucket, verb } => self.intents_of(*bucket, verb).collect(),
            Op::Transaction(steps) => self.intents(steps.iter()),
            Op::Subscribe { bound, .. } => vec![Intent::ReadBucket(bound.bucket)],
            Op::Rules(_) => Vec::new(),
        };
        if !self.is_blocked(&intents, Some(request.origin)) {
            return Some(request);
        }
        self.waiting.push(Envelope::Request(request), intents);
        None
    }

    /// The same for phase one of a transaction.
    pub(super) fn prepare_or_wait(&mut self, prepare: Prepare) -> Option<Prepare> {
        if self.is_free() {
            return Some(prepare);
        }
        let intents = self.intents(prepare.steps.iter().map(|(_, step)| step));
        if !self.is_blocked(&intents, None) {
            return Some(prepare);
        }
        self.waiting.push(Envelope::Prepare(prepare), intents);
        None
    }

    /// The same for a change of a bucket, which nothing else that touches the bucket may
    /// straddle.
    pub(super) fn alter_or_wait(&mut self, alteration: Alteration) -> Option<Alteration> {
        let intents = vec![Intent::Whole(alteration.bucket())];
        if self.is_free() || !self.is_blocked(&intents, None) {
            return Some(alteration);
        }
        self.waiting.push(Envelope::Alter(alteration), intents);
        None
    }

    /// Brings the live queries of a bucket up to date when the writers that are undecided now
    /// have been decided. Writers that come later wait for it.
    pub(super) fn refresh_later(&mut self, bucket: BucketId) {
        self.waiting.push(Envelope::Refresh(bucket), vec![Intent::ReadBucket(bucket)]);
    }

    /// Runs everybody who waited for locks that are free now, in order. O(waiters).
    pub(super) fn resume(&mut self, now: Now, out: &mut Posts) {
        self.waiting.ahead = Ahead::default();
        for waiter in std::mem::take(&mut self.waiting.queue) {
            if self.is_blocked(&waiter.intents, waiter.envelope.origin()) {
                self.waiting.ahead.add(&waiter);
                self.waiting.queue.push_back(waiter);
                continue;
            }
            match waiter.envelope {
                Envelope::Request(request) => self.run(request, now, out),
                Envelope::Prepare(prepare) => self.run_prepare(prepare, waiter.intents, now, out),
                Envelope::Alter(alteration) => self.run_alteration(alteration, out),
                Envelope::Refresh(bucket) => self.refresh(bucket, out),
            }
        }
    }

    fn is_free(&self) -> bool {
        self.locks.is_empty() && self.waiting.queue.is_empty()
    }

    /// Whether a held lock, or somebody who waits already, is in the way.
    fn is_blocked(&self, intents: &[Intent], origin: Option<Origin>) -> bool {
        self.waiting.ahead.block(intents, origin)
            || intents.iter().any(|intent| self.locks.all().exclude(intent))
    }

    /// What the operations of a transaction touch.
    pub(super) fn intents<'a>(&self, steps: impl Iterator<Item = &'a Step<Target>>) -> Vec<Intent> {
        let known = |step: &'a Step<Target>| Some((*step.bucket.as_ref().ok()?, &step.verb));
        steps.filter_map(known).flat_map(|(bucket, verb)| self.intents_of(bucket, verb)).collect()
    }

    fn intents_of(&self, bucket: BucketId, verb: &Verb) -> impl Iterator<Item = Intent> {
        let (first, second) = match verb {
            Verb::Read(Question { read: Read::Get(key), .. }) => (Intent::ReadKey(bucket, key.clone()), None),
            Verb::Update(key, _) | Verb::Delete(key) => (Intent::WriteKey(bucket, key.clone()), None),
            Verb::Insert(data) => {
                let Some(definition) = self.buckets.get(&bucket).map(Bucket::definition) else {
                    return std::iter::once(Intent::Append(bucket)).chain(None); // it is gone
                };
                let field = &definition.fields()[definition.key_field()];
                let supplied = data.get(&field.quoted).map(|key| Key::from_slice(key.as_bytes()));
                let by_default = || field.default.as_deref().filter(|_| field.generated.is_none());
                let key = supplied.or_else(|| by_default().map(Key::from_slice));
                (Intent::Append(bucket), key.map(|key| Intent::WriteKey(bucket, key)))
            }
            Verb::Read(_) => (Intent::ReadBucket(bucket), None),
        };
        std::iter::once(first).chain(second)
    }
}
