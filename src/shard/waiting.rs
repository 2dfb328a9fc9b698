//! Who waits for undecided transactions, and how they go on.
//!
//! An envelope that has to wait stands in line for all that it touches, and for its place among
//! the requests of its connection, so that answers keep their order (P-121).

use super::transaction::Overlay;
use super::{Posts, Shard, answer};
use crate::base::fault::{Code, Fault};
use crate::base::ids::BucketId;
use crate::base::json::Object;
use crate::base::limits::WAITING_ENVELOPES_MAX;
use crate::base::time::Now;
use crate::message::{
    Alteration, Key, Mail, Op, Outcome, Prepare, Question, Read, Request, Step, Target, Verb, Vote,
};
use crate::store::{Bucket, Definition, Generated, touches_unique, unique_fields};
use crate::txn::{Footprint, Intent, Ticket};
use smallvec::{SmallVec, smallvec};
use std::collections::BTreeMap;

/// Those who wait: at most one flight per connection, whose length is bounded
/// (`FLIGHT_REQUESTS_MAX`, `FLIGHT_BYTES_MAX`), one prepare per running transaction, and one
/// refresh per bucket; and no more connections or transactions than `WAITING_ENVELOPES_MAX`.
pub(super) type Waiting = BTreeMap<Ticket, Box<Envelope>>;

/// What a request touches.
type Intents = SmallVec<[Intent; 3]>;

/// What waits.
pub(super) enum Envelope {
    Request(Request),
    Prepare(Prepare),
    Alter(Alteration),
    /// Live queries of a bucket whose changes nobody has been told of yet.
    Refresh(BucketId),
}

impl Shard {
    /// Whether requests run at once, whatever they touch: no transaction is undecided.
    pub fn is_unlocked(&self) -> bool {
        self.locks.is_free()
    }

    /// Takes one request. It runs at once unless an undecided transaction, or somebody who waits for
    /// one, stands in its way; then it waits its turn. Without transactions over several cores
    /// nothing is ever locked, and this costs one comparison.
    pub fn request(&mut self, request: Request, now: Now, out: &mut Posts) {
        if self.is_unlocked() {
            return self.run(request, now, out);
        }
        let intents = match &request.op {
            Op::Data { bucket, verb } => self.intents_of(*bucket, verb),
            Op::Transaction(steps) => self.intents(steps.iter()),
            Op::Subscribe { bound, .. } => smallvec![Intent::ReadBucket(bound.bucket)],
            Op::Rules(_) => Intents::new(),
        };
        let connection = (request.origin.core, request.origin.conn);
        let footprint = self.locks.footprint(&intents, Some(connection));
        if self.locks.admit(&footprint) {
            return self.run(request, now, out);
        }
        // Behind a request of its connection that waits it cannot be refused: answers keep their order.
        if self.waiting.len() >= WAITING_ENVELOPES_MAX && !self.locks.keep_waiting(connection) {
            return answer(out, request.origin, Outcome::Fault(Box::new(too_many())));
        }
        self.wait(Envelope::Request(request), footprint);
    }

    /// Phase one of a transaction: the locks until the decision and the vote, at once or when it
    /// is its turn. The last agent commits with its vote and locks nothing.
    pub fn prepare(&mut self, prepare: Prepare, now: Now, out: &mut Posts) {
        if prepare.commits && self.locks.is_free() {
            return self.run_prepare(prepare, None, now, out);
        }
        let mut intents = self.intents(prepare.steps.iter().map(|(_, step)| step));
        if !prepare.commits {
            self.append_in_sequence(&mut intents);
        }
        let footprint = self.locks.footprint(&intents, None);
        let is_admitted = self.locks.admit(&footprint);
        if is_admitted && prepare.commits {
            return self.run_prepare(prepare, None, now, out);
        }
        if !is_admitted && self.waiting.len() >= WAITING_ENVELOPES_MAX {
            return self.decline(prepare, out);
        }
        if is_admitted {
            let (ticket, _) = self.locks.acquire(footprint);
            self.run_prepare(prepare, Some(ticket), now, out);
        } else {
            self.wait(Envelope::Prepare(prepare), footprint);
        }
    }

    /// Keeps a change of a bucket back until nothing that touches the bucket is undecided.
    pub(super) fn alter_or_wait(&mut self, alteration: Alteration) -> Option<Alteration> {
        let footprint = self.locks.footprint(&[Intent::WriteBucket(alteration.bucket())], None);
        if self.locks.admit(&footprint) {
            return Some(alteration);
        }
        if let Alteration::Redefine(bucket, _) = alteration {
            self.redefining = Some(bucket);
        }
        self.wait(Envelope::Alter(alteration), footprint);
        None
    }

    /// Brings the live queries of a bucket up to date when the writers that are undecided now
    /// have been decided. Writers that come later wait for it.
    pub(super) fn refresh_later(&mut self, bucket: BucketId) {
        let footprint = self.locks.footprint(&[Intent::ReadBucket(bucket)], None);
        self.wait(Envelope::Refresh(bucket), footprint);
    }

    /// Runs everybody who waited for locks that are free now.
    pub(super) fn resume(&mut self, now: Now, out: &mut Posts) {
        while let Some(ticket) = self.locks.next_ready() {
            let envelope = *self.waiting.remove(&ticket).expect("whoever holds a place waits");
            match envelope {
                Envelope::Prepare(prepare) if !prepare.commits => {
                    self.run_prepare(prepare, Some(ticket), now, out);
                    continue;
                }
                // What runs to its end here and now needs no locks for it.
                _ => self.locks.release(ticket),
            }
            match envelope {
                Envelope::Request(request) => self.run(request, now, out),
                Envelope::Prepare(prepare) => self.run_prepare(prepare, None, now, out),
                Envelope::Alter(alteration) => self.run_alteration(alteration, out),
                Envelope::Refresh(bucket) => self.refresh(bucket, out),
            }
        }
    }

    fn wait(&mut self, envelope: Envelope, footprint: Footprint) {
        let (ticket, is_granted) = self.locks.acquire(footprint);
        debug_assert!(!is_granted, "only who must wait does");
        self.waiting.insert(ticket, Box::new(envelope));
    }

    /// Votes no, without looking at the data.
    fn decline(&mut self, prepare: Prepare, out: &mut Posts) {
        let Prepare { txn, steps, commits, .. } = prepare;
        let place = steps.first().map_or(0, |(place, _)| *place);
        out.push((
            txn.coordinator,
            Mail::Vote(Vote { txn, vote: Err((place, too_many())), committed: None, done: steps }),
        ));
        if !commits {
            let (ticket, _) = self.locks.acquire(self.locks.footprint(&[], None));
            self.hold(txn, ticket, Overlay::default());
        }
    }

    /// What the operations of a transaction touch.
    pub(super) fn intents<'a>(&self, steps: impl Iterator<Item = &'a Step<Target>>) -> Intents {
        let known = |step: &'a Step<Target>| Some((*step.bucket.as_ref().ok()?, &step.verb));
        steps.filter_map(known).flat_map(|(bucket, verb)| self.intents_of(bucket, verb)).collect()
    }

    /// Lets a transaction that will be decided later insert beside others that do likewise; but not
    /// where values are counted, since they tell in which order they were given (S-180).
    fn append_in_sequence(&self, intents: &mut Intents) {
        for intent in intents {
            if let Intent::Append(bucket) = *intent
                && self.buckets[&bucket].definition().autoincrement().is_empty()
            {
                *intent = Intent::AppendInSequence(bucket);
            }
        }
    }

    /// What an operation touches. Who names a bucket that is gone keeps it from being forgotten;
    /// behind a redefinition that waits nobody knows yet which fields are unique.
    fn intents_of(&self, bucket: BucketId, verb: &Verb) -> Intents {
        let Some(definition) = self.buckets.get(&bucket).map(Bucket::definition) else {
            return smallvec![Intent::ReadBucket(bucket)];
        };
        if self.redefining == Some(bucket) {
            return smallvec![Intent::WriteBucket(bucket)];
        }
        // Somebody may name a key before it is made, if it can be guessed.
        let guessable = [Some(Generated::Autoincrement), Some(Generated::Timestamp)];
        let key_field = &definition.fields()[definition.key_field()];
        let end = guessable.contains(&key_field.generated).then_some(Intent::ReadEnd(bucket));
        let is_unique = unique_fields(definition).next().is_some();
        match verb {
            Verb::Read(Question { read: Read::Get(key), .. }) => {
                std::iter::once(Intent::ReadKey(bucket, key.clone())).chain(end).collect()
            }
            Verb::Read(_) => smallvec![Intent::ReadBucket(bucket)],
            Verb::Update { key, data, .. } => {
                let claim = touches_unique(definition, data).then_some(Intent::Claim(bucket));
                std::iter::once(Intent::WriteKey(bucket, key.clone())).chain(end).chain(claim).collect()
            }
            Verb::Delete { key, .. } => {
                let free = is_unique.then_some(Intent::Free(bucket));
                std::iter::once(Intent::WriteKey(bucket, key.clone())).chain(end).chain(free).collect()
            }
            Verb::Insert(data) | Verb::Upsert(data) => {
                inserts(definition, bucket, std::slice::from_ref(data))
            }
            Verb::InsertMany(data) => inserts(definition, bucket, data),
            Verb::UpdateMany(_) | Verb::DeleteMany(_) | Verb::Clear => {
                smallvec![Intent::WriteBucket(bucket)]
            }
        }
    }
}

fn inserts(definition: &Definition, bucket: BucketId, data: &[Object]) -> Intents {
    if definition.max_size().is_some() {
        return smallvec![Intent::WriteBucket(bucket)]; // whichever record may have to go
    }
    let field = &definition.fields()[definition.key_field()];
    let by_default = || field.default.as_deref().filter(|_| field.generated.is_none()).map(Key::from_slice);
    let key = |data: &Object| {
        let supplied = data.get(&field.quoted).map(|key| Key::from_slice(key.as_bytes()));
        supplied.or_else(by_default).map(|key| Intent::WriteKey(bucket, key))
    };
    let claim = unique_fields(definition).next().map(|_| Intent::Claim(bucket));
    let whole = std::iter::once(Intent::Append(bucket)).chain(claim);
    whole.chain(data.iter().filter_map(key)).collect()
}

/// More wait than the server keeps waiting; to be tried again later.
fn too_many() -> Fault {
    Fault::new(Code::RateLimited, "Too many requests wait for transactions")
}
