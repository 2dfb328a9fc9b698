//! Reads and writes of one bucket (02 §3–§5, A.5).

use super::Shard;
use super::write::{DELETED, Writer};
use crate::base::fault::Fault;
use crate::base::ids::BucketId;
use crate::base::limits::BULK_RECORDS_MAX;
use crate::base::time::Now;
use crate::message::{Filter, Json, Key, Outcome, Question, Read, Verb};
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
    /// ([`Shard::is_unlocked`], or its locks).
    pub fn data(&mut self, id: BucketId, verb: Verb, now: Now) -> Outcome {
        if let Some(fault) = self.gone(id) {
            return Outcome::Fault(Box::new(fault));
        }
        match verb {
            Verb::Read(question) => Outcome::Data(read(View::committed(&self.buckets[&id]), &question)),
            Verb::Clear => {
                self.clear(id);
                Outcome::Data(Json::Fixed(r#"{"cleared":true}"#))
            }
            verb => match self.write(id, verb, now) {
                Ok((outcome, writes)) => {
                    self.commit([(id, writes)]);
                    outcome
                }
                Err(fault) => Outcome::Fault(Box::new(fault)),
            },
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

    /// The answer to a write, and what is to be committed for it.
    fn write(&mut self, id: BucketId, verb: Verb, now: Now) -> Result<(Outcome, Writes), Fault> {
        let bucket = self.buckets.get_mut(&id).expect("requests name buckets that live here");
        let (random, scratch, lent) = (&mut self.random, &self.scratch, &mut self.lent);
        let mut writer = Writer { bucket, random, unix_ms: now.unix_ms, scratch, lent };
        let (json, writes) = match verb {
            Verb::Insert(data) => {
                let record = writer.insert(&data)?;
                let json = Json::Record(record.clone());
                return Ok((Outcome::Written { json, spent: data }, smallvec![Write::Insert(record)]));
            }
            Verb::Update { key, data, if_version } => {
                let view = View::committed(writer.bucket);
                let record = writer.update(view, &key, &data, if_version)?;
                let json = Json::Record(record.clone());
                return Ok((Outcome::Written { json, spent: data }, smallvec![Write::Update(record)]));
            }
            Verb::Delete { key, if_version } => {
                let is_there = writer.delete(View::committed(writer.bucket), &key, if_version)?;
                (DELETED, is_there.then(|| Write::delete(key)).into_iter().collect())
            }
            Verb::Upsert(data) => {
                let (record, writes) = writer.upsert(&data)?;
                return Ok((Outcome::Written { json: Json::Record(record), spent: data }, writes));
            }
            Verb::InsertMany(data) => {
                let (records, writes) = writer.insert_many(&data)?;
                (array(&records), writes)
            }
            Verb::UpdateMany(what) => {
                let (filter, data) = *what;
                let keys = matching(writer.bucket, &filter)?;
                (number(keys.len()), writer.update_many(keys, &data)?)
            }
            Verb::DeleteMany(filter) => {
                let keys = matching(writer.bucket, &filter)?;
                (number(keys.len()), keys.into_iter().map(Write::delete).collect())
            }
            Verb::Clear | Verb::Read(_) => unreachable!("nothing to be committed"),
        };
        Ok((Outcome::Data(json), writes))
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

fn number(n: usize) -> Json {
    Json::Text(n.to_string().into_bytes())
}

fn array(records: &[Record]) -> Json {
    let mut text = Vec::new();
    store::write_records(records, &mut text);
    Json::Text(text)
}

/// Answers a question; a single record is shared, not copied.
pub(super) fn read(view: View<'_>, question: &Question) -> Json {
    match question.read {
        Read::Get(_) | Read::One => match question.find(view) {
            Some(record) => Json::Record(record.clone()),
            None => Json::Fixed("null"),
        },
        _ => {
            let mut text = Vec::new();
            question.evaluate(view, &mut text);
            Json::Text(text)
        }
    }
}
