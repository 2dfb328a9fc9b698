//! Reads and writes of one bucket (02 §3–§5, A.5).

use super::Shard;
use super::write::{DELETED, Writer};
use crate::base::fault::Fault;
use crate::base::ids::BucketId;
use crate::base::limits::BULK_RECORDS_MAX;
use crate::base::time::Now;
use crate::message::{Data, Filter, Key, Question, Read, Verb};
use crate::store::{self, Bucket, Record, SlotNumber, View, Write, Writes};
use smallvec::smallvec;

/// Where a record is, until the next change.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    bucket: BucketId,
    slot: SlotNumber,
}

impl Shard {
    /// Reads or writes one bucket that lives here. The caller has seen that nobody stands in the way
    /// ([`Shard::is_unlocked`], or its locks). `answer` is shown what the request comes to, before
    /// anybody else can see it; what of the verb is not needed any more stays in it.
    ///
    /// # Errors
    /// Why nothing was done; then `answer` was not called.
    pub fn data(
        &mut self,
        id: BucketId,
        verb: &mut Verb,
        now: Now,
        answer: impl FnOnce(Data<'_>),
    ) -> Result<(), Fault> {
        if let Some(fault) = self.gone(id) {
            return Err(fault);
        }
        match verb {
            Verb::Read(question) => read(View::committed(&self.buckets[&id]), question, answer),
            Verb::Clear => {
                self.clear(id);
                answer(Data::Fixed(r#"{"cleared":true}"#));
            }
            verb => {
                let writes = self.write(id, verb, now, answer)?;
                self.commit([(id, writes)]);
            }
        }
        Ok(())
    }

    /// The record of that key, if there is one. The caller has seen that nobody stands in the way. O(1).
    ///
    /// # Errors
    /// If the bucket has been dropped.
    pub fn get(&self, id: BucketId, key: &[u8]) -> Result<Option<&Record>, Fault> {
        match self.gone(id) {
            Some(fault) => Err(fault),
            None => Ok(self.buckets[&id].get(key)),
        }
    }

    /// Where the record of that key is, if there is one, for who need not wait. `None` = who asks is to
    /// ask in the ordinary way: transactions are undecided, or the bucket is not here. O(1).
    pub fn look_up(&self, id: BucketId, key: &[u8]) -> Option<Option<Place>> {
        let bucket = self.buckets.get(&id).filter(|_| self.is_unlocked())?;
        Some(bucket.find(key).map(|slot| Place { bucket: id, slot }))
    }

    /// The record that has just been looked up. O(1).
    ///
    /// # Panics
    /// If it has been removed since.
    pub fn looked_up(&self, place: Place) -> &Record {
        self.buckets[&place.bucket].at(place.slot)
    }

    /// What is to be committed for a write.
    fn write(
        &mut self,
        id: BucketId,
        verb: &mut Verb,
        now: Now,
        answer: impl FnOnce(Data<'_>),
    ) -> Result<Writes, Fault> {
        let bucket = self.buckets.get_mut(&id).expect("requests name buckets that live here");
        let (random, scratch, lent) = (&mut self.random, &self.scratch, &mut self.lent);
        let mut writer = Writer { bucket, random, unix_ms: now.unix_ms, scratch, lent };
        let write = match verb {
            Verb::Insert(data) => Write::Insert(writer.insert(data)?),
            Verb::Update { key, data, if_version } => {
                let view = View::committed(writer.bucket);
                Write::Update(writer.update(view, key, data, *if_version)?)
            }
            Verb::Upsert(data) => writer.upsert(data)?,
            Verb::Delete { key, if_version } => {
                let is_there = writer.delete(View::committed(writer.bucket), key, *if_version)?;
                answer(DELETED);
                return Ok(is_there.then(|| Write::delete(std::mem::take(key))).into_iter().collect());
            }
            Verb::InsertMany(data) => {
                let (records, writes) = writer.insert_many(data)?;
                answer(array(&records));
                return Ok(writes);
            }
            Verb::UpdateMany(what) => {
                let (filter, data) = &**what;
                let keys = matching(writer.bucket, filter)?;
                let number = number(keys.len());
                let writes = writer.update_many(keys, data)?;
                answer(number);
                return Ok(writes);
            }
            Verb::DeleteMany(filter) => {
                let keys = matching(writer.bucket, filter)?;
                answer(number(keys.len()));
                return Ok(keys.into_iter().map(Write::delete).collect());
            }
            Verb::Clear | Verb::Read(_) => unreachable!("nothing to be committed"),
        };
        if let Write::Insert(record) | Write::Update(record) = &write {
            answer(Data::Record(record));
        }
        Ok(smallvec![write])
    }
}

/// The keys of the records that match, in bucket order.
fn matching(bucket: &Bucket, filter: &Filter) -> Result<Vec<Key>, Fault> {
    let matcher = filter.matcher(bucket.definition());
    let records = View::committed(bucket).candidates(filter).filter(|record| matcher.matches(record));
    let keys: Vec<Key> = records.take(BULK_RECORDS_MAX + 1).map(|record| bucket.key_of(record)).collect();
    if keys.len() > BULK_RECORDS_MAX {
        return Err(Fault::validation(format!("\"filter\" matches more than {BULK_RECORDS_MAX} records")));
    }
    Ok(keys)
}

fn number(n: usize) -> Data<'static> {
    Data::Text(n.to_string().into_bytes())
}

fn array(records: &[Record]) -> Data<'static> {
    let mut text = Vec::new();
    store::write_records(records, &mut text);
    Data::Text(text)
}

/// Answers a question.
pub(super) fn read(view: View<'_>, question: &Question, answer: impl FnOnce(Data<'_>)) {
    answer(match question.read {
        Read::Get(_) | Read::One => question.find(view).map_or(Data::Fixed("null"), Data::Record),
        _ => {
            let mut text = Vec::new();
            question.evaluate(view, &mut text);
            Data::Text(text)
        }
    });
}
