//! Who waits for undecided transactions, and in which order they go on.
//!
//! Nobody overtakes: an envelope also waits behind an earlier one that it conflicts
//! with, so that a stream of readers cannot starve a writer, and behind an earlier one
//! of its own connection, so that answers keep their order (P-121).

use super::{Posts, Shard};
use crate::base::ids::BucketId;
use crate::base::time::Now;
use crate::message::{Key, Op, Origin, Prepare, Request, Step, Target, Verb};
use crate::txn::{Intent, conflict};
use std::collections::VecDeque;

/// Envelopes in order of arrival: at most one flight per connection, whose length is bounded
/// (`PIPELINE_REQUESTS_MAX`), and one prepare per running transaction.
#[derive(Default)]
pub(super) struct Waiting(VecDeque<Waiter>);

struct Waiter {
    envelope: Envelope,
    intents: Vec<Intent>,
}

enum Envelope {
    Request(Request),
    Prepare(Prepare),
}

impl Envelope {
    fn origin(&self) -> Option<Origin> {
        match self {
            Self::Request(request) => Some(request.origin),
            Self::Prepare(_) => None,
        }
    }
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, envelope: Envelope, intents: Vec<Intent>) {
        self.0.push_back(Waiter { envelope, intents });
    }
}

impl Shard {
    /// Keeps a request back if it has to wait, and returns it otherwise. Without transactions
    /// over several cores nothing is ever locked, and this costs two comparisons.
    pub(super) fn wait_or_go(&mut self, request: Request) -> Option<Request> {
        if self.locks.is_empty() && self.waiting.0.is_empty() {
            return Some(request);
        }
        let intents = match &request.op {
            Op::Data { bucket, verb } => vec![self.intent(*bucket, verb)],
            Op::Transaction(steps) => self.intents(steps.iter()),
            Op::Subscribe(question) => vec![Intent::ReadBucket(question.bucket)],
            Op::Rules(_) => Vec::new(),
        };
        if !self.stands_behind(&intents, Some(request.origin), self.waiting.0.len()) {
            return Some(request);
        }
        self.waiting.push(Envelope::Request(request), intents);
        None
    }

    /// The same for phase one of a transaction.
    pub(super) fn prepare_or_wait(&mut self, prepare: Prepare) -> Option<Prepare> {
        if self.locks.is_empty() && self.waiting.0.is_empty() {
            return Some(prepare);
        }
        let intents = self.intents(prepare.steps.iter().map(|(_, step)| step));
        if !self.stands_behind(&intents, None, self.waiting.0.len()) {
            return Some(prepare);
        }
        self.waiting.push(Envelope::Prepare(prepare), intents);
        None
    }

    /// Runs everybody who waited for locks that are free now, in order.
    pub(super) fn resume(&mut self, now: Now, out: &mut Posts) {
        let mut at = 0;
        while let Some(waiter) = self.waiting.0.get(at) {
            if self.stands_behind(&waiter.intents, waiter.envelope.origin(), at) {
                at += 1;
                continue;
            }
            match self.waiting.0.remove(at).expect("just seen").envelope {
                Envelope::Request(request) => self.run(request, now, out),
                Envelope::Prepare(prepare) => self.run_prepare(prepare, now, out),
            }
        }
    }

    /// Whether a held lock, or one of the first `ahead` waiters, is in the way.
    fn stands_behind(&self, intents: &[Intent], origin: Option<Origin>, ahead: usize) -> bool {
        let behind = |waiter: &Waiter| {
            (origin.is_some() && waiter.envelope.origin() == origin)
                || waiter.intents.iter().any(|theirs| intents.iter().any(|mine| conflict(mine, theirs)))
        };
        intents.iter().any(|intent| self.locks.excludes(intent))
            || self.waiting.0.iter().take(ahead).any(behind)
    }

    /// What the operations of a transaction touch.
    pub(super) fn intents<'a>(&self, steps: impl Iterator<Item = &'a Step<Target>>) -> Vec<Intent> {
        let known = |step: &'a Step<Target>| Some((*step.bucket.as_ref().ok()?, &step.verb));
        steps.filter_map(known).map(|(bucket, verb)| self.intent(bucket, verb)).collect()
    }

    fn intent(&self, bucket: BucketId, verb: &Verb) -> Intent {
        match verb {
            Verb::Get(key) => Intent::ReadKey(bucket, key.clone()),
            Verb::Update(key, _) | Verb::Delete(key) => Intent::WriteKey(bucket, key.clone()),
            Verb::Insert(data) => {
                let definition = self.buckets[&bucket].definition();
                let field = &definition.fields()[definition.key_field()];
                let supplied = data.get(&field.quoted).map(|key| Key::from_slice(key.as_bytes()));
                let by_default = || field.default.as_deref().filter(|_| field.generated.is_none());
                match supplied.or_else(|| by_default().map(Key::from_slice)) {
                    Some(key) => Intent::WriteKey(bucket, key),
                    None => Intent::WriteNew(bucket),
                }
            }
            Verb::Where(_) | Verb::FindOne(_) | Verb::Count(_) | Verb::First(_) | Verb::Last(_) => {
                Intent::ReadBucket(bucket)
            }
        }
    }
}
