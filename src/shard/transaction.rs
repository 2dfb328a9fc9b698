//! Transactions: on this core alone, or as a participant of one over several cores.

use super::data::read;
use super::write::{DELETED, Writer};
use super::{Posts, Shard};
use crate::base::fault::{Code, Fault};
use crate::base::ids::{BucketId, TxnId};
use crate::base::limits::TRANSACTION_RESULT_BYTES_MAX;
use crate::base::moment::Moment;
use crate::base::time::Now;
use crate::message::{Data, Mail, PlacedResults, Prepare, Step, Target, Verb, Vote};
use crate::store::{Delta, View, Writes};
use crate::txn::{Intent, Ticket};
use smallvec::SmallVec;

/// The net writes of a transaction by bucket, buckets in order of first access.
#[derive(Default)]
pub(super) struct Overlay(Vec<(BucketId, Delta)>);

/// Buckets up to which the list is kept for the next transaction.
const KEPT_BUCKETS_MAX: usize = 16;

/// A participant that has voted: after a yes it can commit without looking at anything again.
pub(super) struct Prepared {
    overlay: Overlay,
    ticket: Ticket,
    /// If it inserts: the last moment before its vote.
    voted_after: Option<Moment>,
}

impl Overlay {
    fn delta(&mut self, id: BucketId) -> &mut Delta {
        let at = self.0.iter().position(|(bucket, _)| *bucket == id).unwrap_or_else(|| {
            self.0.push((id, Delta::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// Takes the writes out.
    fn drain(&mut self) -> impl Iterator<Item = (BucketId, Writes)> {
        self.0.drain(..).map(|(id, delta)| (id, delta.into_writes()))
    }
}

impl Shard {
    /// A transaction whose buckets all live here: one message, one atomic change set. The caller has
    /// seen that nobody stands in the way. `result` is shown what each operation comes to, in order, before
    /// anybody else can see it.
    ///
    /// # Errors
    /// Why nothing was done; then what `result` was shown never was.
    pub fn transaction(
        &mut self,
        steps: &[Step<Target>],
        now: Now,
        result: impl FnMut(usize, Data<'_>),
    ) -> Result<(), Fault> {
        let mut overlay = std::mem::take(&mut self.overlay);
        let done = self.execute(&mut overlay, steps.iter().enumerate(), now, result);
        match done {
            Ok(()) => self.commit(overlay.drain()),
            Err(_) => overlay.0.clear(),
        }
        if overlay.0.capacity() <= KEPT_BUCKETS_MAX {
            self.overlay = overlay;
        }
        done.map_err(|(_, fault)| fault)
    }

    /// Executes a part on an overlay and votes; with a ticket, it is held under its locks until the
    /// decision, else it is the last agent and committed at once. A no holds locks too: others
    /// are still asked, and the failure that is reported must be that of one state.
    pub(super) fn run_prepare(
        &mut self,
        prepare: Prepare,
        ticket: Option<Ticket>,
        now: Now,
        out: &mut Posts,
    ) {
        let Prepare { txn, steps, is_batch, .. } = prepare;
        let executed = match is_batch && !self.may_batch(&steps) {
            false => {
                let mut results = PlacedResults::with_capacity(steps.len());
                let placed = steps.iter().map(|(place, step)| (*place, step));
                let mut overlay = Overlay::default();
                self.execute(&mut overlay, placed, now, |place, data| results.push((place, data.share())))
                    .map(|()| (results, overlay))
            }
            true => Err((0, Fault::new(Code::InternalError, "to be split"))),
        };
        let (vote, mut overlay) = match executed {
            Ok((results, overlay)) => (Ok(results), overlay),
            Err(failure) => (Err(failure), Overlay::default()),
        };
        let is_commit = ticket.is_none() && vote.is_ok();
        let committed = is_commit.then(|| self.sequencer.next());
        out.push((txn.coordinator, Mail::Vote(Vote { txn, vote, committed, done: steps })));
        match ticket {
            None => self.commit(overlay.drain()),
            Some(ticket) => self.hold(txn, ticket, overlay),
        }
    }

    /// Whether nobody can tell transactions with these operations from one with all of them: not where
    /// each evicts records at its end (S-179), nor where events tell what each has changed (S-183).
    fn may_batch(&self, steps: &[(usize, Step<Target>)]) -> bool {
        steps.iter().filter(|(_, step)| !matches!(step.verb, Verb::Read(_))).all(|(_, step)| {
            let Ok(id) = step.bucket else { return true };
            let evicts = self.buckets.get(&id).is_some_and(|bucket| bucket.definition().max_size().is_some());
            !evicts && !self.listeners.hear(id)
        })
    }

    /// Keeps what a transaction did here until its decision.
    pub(super) fn hold(&mut self, txn: TxnId, ticket: Ticket, overlay: Overlay) {
        // Keys that were made on the way are locked by name too.
        let makes_keys = |bucket: &BucketId| {
            let definition = self.buckets[bucket].definition();
            definition.fields()[definition.key_field()].generated.is_some()
        };
        let made = overlay
            .0
            .iter()
            .filter(|(bucket, _)| makes_keys(bucket))
            .flat_map(|(bucket, delta)| delta.keys().map(|key| Intent::WriteKey(*bucket, key.clone())));
        let made = self.locks.footprint(&made.collect::<SmallVec<[Intent; 2]>>(), None);
        self.locks.extend(ticket, made);
        let inserts = overlay.0.iter().any(|(_, delta)| delta.inserts());
        let voted_after = inserts.then(|| self.sequencer.latest());
        if let Some(voted_after) = voted_after {
            self.sequence.enter(txn, voted_after);
        }
        self.prepared.insert(txn, Prepared { overlay, ticket, voted_after });
    }

    /// Phase two. Those who waited for the transaction's locks run when it has been applied: at
    /// once, or when it is its turn among those that insert.
    ///
    /// # Panics
    /// If the transaction is not prepared here: a decision answers a prepare.
    pub fn decide(&mut self, txn: TxnId, commit: Option<Moment>, now: Now, out: &mut Posts) {
        let prepared = self.prepared.remove(&txn).expect("a decision answers a prepare");
        match (commit, prepared.voted_after) {
            (Some(at), Some(voted_after)) => self.sequence.decide(txn, voted_after, at, prepared),
            (Some(_), None) => self.apply(prepared),
            (None, voted_after) => {
                self.locks.release(prepared.ticket);
                if let Some(voted_after) = voted_after {
                    self.sequence.leave(txn, voted_after);
                }
            }
        }
        while let Some(prepared) = self.sequence.take_next() {
            self.apply(prepared);
        }
        self.resume(now, out);
    }

    fn apply(&mut self, Prepared { mut overlay, ticket, .. }: Prepared) {
        self.locks.release(ticket);
        self.commit(overlay.drain());
    }

    /// Runs operations in order on an overlay; each sees what came before (S-169).
    fn execute<'a>(
        &mut self,
        overlay: &mut Overlay,
        steps: impl Iterator<Item = (usize, &'a Step<Target>)>,
        now: Now,
        mut result: impl FnMut(usize, Data<'_>),
    ) -> Result<(), (usize, Fault)> {
        let mut bytes = 0;
        for (place, Step { bucket, verb }) in steps {
            let answer = |data: Data<'_>| {
                bytes += data.as_bytes().len();
                if bytes <= TRANSACTION_RESULT_BYTES_MAX {
                    result(place, data);
                }
            };
            let done = match bucket {
                Ok(id) => match self.gone(*id) {
                    None => self.step(overlay, *id, verb, now, answer),
                    // S-174 [PIN]
                    Some(fault) => Err(Fault { code: Code::InternalError, ..fault }),
                },
                Err(name) => Err(Fault { code: Code::InternalError, ..Fault::bucket_not_defined(name) }),
            };
            done.map_err(|fault| (place, fault))?;
            if bytes > TRANSACTION_RESULT_BYTES_MAX {
                return Err((place, too_large(place)));
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        overlay: &mut Overlay,
        id: BucketId,
        verb: &Verb,
        now: Now,
        answer: impl FnOnce(Data<'_>),
    ) -> Result<(), Fault> {
        let bucket = self.buckets.get_mut(&id).expect("requests name buckets that live here");
        let (random, scratch, lent) = (&mut self.random, &self.scratch, &mut self.lent);
        let mut writer = Writer { bucket, random, unix_ms: now.unix_ms, scratch, lent };
        let delta = overlay.delta(id);
        match verb {
            Verb::Insert(data) => writer.insert_in(delta, data, answer)?,
            Verb::Update { key, data, if_version } => {
                writer.update_in(delta, key.clone(), data, *if_version, answer)?;
            }
            Verb::Delete { key, if_version } => {
                writer.delete_in(delta, key.clone(), *if_version)?;
                answer(DELETED);
            }
            Verb::Read(question) => read(View::with(writer.bucket, delta), question, answer),
            other => unreachable!("S-163: no transaction has {other:?}"),
        }
        Ok(())
    }
}

/// A few operations on large buckets could ask for more than there is memory.
fn too_large(place: usize) -> Fault {
    Fault::validation(format!(
        "operations[{place}]: the results together exceed {TRANSACTION_RESULT_BYTES_MAX} bytes"
    ))
}
