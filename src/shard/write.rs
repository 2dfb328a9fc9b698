//! Writes of one record, stand-alone and inside transactions (02 §3, §9.3).

use super::lent::Lent;
use crate::base::fault::{Code, Fault};
use crate::base::json::{self, Number, Object, Raw};
use crate::base::random::Random;
use crate::message::{Data, Key};
use crate::store::{self, Bucket, Delta, Record, Scratch, Stamp, View, Write, Writes};

/// What a delete answers, whether or not there was a record (S-94).
pub(super) const DELETED: Data<'static> = Data::Fixed(r#"{"deleted":true}"#);

/// A bucket that a request writes to. Nothing is changed but the counter: what comes out are
/// records and changes to be committed.
pub(super) struct Writer<'a> {
    pub(super) bucket: &'a mut Bucket,
    pub(super) random: &'a mut Random,
    pub(super) unix_ms: u64,
    pub(super) scratch: &'a Scratch,
    pub(super) lent: &'a mut Lent,
}

impl Writer<'_> {
    /// S-81; the record to be stored.
    pub(super) fn insert(&mut self, data: &Object) -> Result<Record, Fault> {
        let record = self.prepare(data)?;
        store::check_insert(View::committed(self.bucket), &record)?;
        Ok(record)
    }

    /// S-85…S-93.
    pub(super) fn update(
        &self,
        view: View<'_>,
        key: &Key,
        data: &Object,
        if_version: Option<Number>,
    ) -> Result<Record, Fault> {
        let old = view.get(key).ok_or_else(|| unknown_key(self.bucket, key))?;
        check_version(self.bucket, key, if_version, Some(old))?;
        let record = store::update(self.bucket.definition(), old, data, self.unix_ms, self.scratch)?;
        store::check_update(view, old, &record)?;
        Ok(record)
    }

    /// S-94; whether there is a record to go.
    pub(super) fn delete(
        &self,
        view: View<'_>,
        key: &Key,
        if_version: Option<Number>,
    ) -> Result<bool, Fault> {
        let old = view.get(key);
        check_version(self.bucket, key, if_version, old)?;
        Ok(old.is_some())
    }

    /// An insert of a transaction: a key that exists is a conflict (S-176).
    pub(super) fn insert_in(
        &mut self,
        delta: &mut Delta,
        data: &Object,
        answer: impl FnOnce(Data<'_>),
    ) -> Result<(), Fault> {
        let record = self.prepare(data)?;
        let key = self.bucket.key_of(&record);
        let view = View::with(self.bucket, delta);
        if view.get(&key).is_some() {
            return Err(key_conflict(self.bucket, &key));
        }
        store::check_besides_key(view, &record)?;
        answer(Data::Record(&record));
        self.note_insert(delta, key, record);
        Ok(())
    }

    /// An update of a transaction.
    pub(super) fn update_in(
        &mut self,
        delta: &mut Delta,
        key: Key,
        data: &Object,
        if_version: Option<Number>,
        answer: impl FnOnce(Data<'_>),
    ) -> Result<(), Fault> {
        let record = self.update(View::with(self.bucket, delta), &key, data, if_version)?;
        answer(Data::Record(&record));
        if let Some(replaced) = delta.update(self.bucket.definition(), key, record) {
            self.lent.free(replaced);
        }
        Ok(())
    }

    /// A delete of a transaction.
    pub(super) fn delete_in(
        &self,
        delta: &mut Delta,
        key: Key,
        if_version: Option<Number>,
    ) -> Result<(), Fault> {
        if self.delete(View::with(self.bucket, delta), &key, if_version)? {
            let is_committed = self.bucket.get(&key).is_some();
            delta.delete(self.bucket.definition(), key, is_committed);
        }
        Ok(())
    }

    /// A.5: all records, or the first failure.
    pub(super) fn insert_many(&mut self, data: &[Object]) -> Result<(Vec<Record>, Writes), Fault> {
        let mut delta = Delta::default();
        let mut records = Vec::with_capacity(data.len());
        for data in data {
            let record = self.prepare(data)?;
            store::check_insert(View::with(self.bucket, &delta), &record)?;
            let key = self.bucket.key_of(&record);
            self.note_insert(&mut delta, key, record.clone());
            records.push(record);
        }
        Ok((records, delta.into_writes()))
    }

    /// A.5: the records are chosen before any is changed.
    pub(super) fn update_many(&mut self, keys: Vec<Key>, data: &Object) -> Result<Writes, Fault> {
        let mut delta = Delta::default();
        for key in keys {
            self.update_in(&mut delta, key, data, None, |_| {})?;
        }
        Ok(delta.into_writes())
    }

    /// A.5: an update if the data names a key that exists, otherwise an insert.
    pub(super) fn upsert(&mut self, data: &Object) -> Result<Write, Fault> {
        let definition = self.bucket.definition();
        let key = data.get(&definition.fields()[definition.key_field()].quoted);
        match key.filter(|key| self.bucket.get(key.as_bytes()).is_some()) {
            Some(key) => {
                let key = Key::from_slice(key.as_bytes());
                self.update(View::committed(self.bucket), &key, data, None).map(Write::Update)
            }
            None => self.insert(data).map(Write::Insert),
        }
    }

    fn prepare(&mut self, data: &Object) -> Result<Record, Fault> {
        let autoincrement = self.bucket.advance();
        let mut stamp =
            Stamp { unix_ms: self.unix_ms, random: self.random, autoincrement, scratch: self.scratch };
        store::insert(self.bucket, data, &mut stamp)
    }

    /// Later inserts of the same transaction count on (S-169, S-180).
    fn note_insert(&mut self, delta: &mut Delta, key: Key, record: Record) {
        self.bucket.catch_up(&record);
        delta.insert(self.bucket.definition(), key, record);
    }
}

/// Answers with a version that is not the expected one are conflicts, as S-177 words them.
fn check_version(
    bucket: &Bucket,
    key: &Key,
    expected: Option<Number>,
    record: Option<&Record>,
) -> Result<(), Fault> {
    let Some(expected) = expected else { return Ok(()) };
    let text = |number: Number| {
        let mut text = Vec::new();
        number.write(&mut text);
        String::from_utf8(text).expect("digits")
    };
    let expected = text(expected);
    let actual = record.map_or("null".to_owned(), |record| record.version().to_string());
    if actual == expected {
        return Ok(());
    }
    let mut details = bucket_and_key(bucket.definition().name(), key);
    details.pop();
    details.extend_from_slice(format!(",\"expected\":{expected},\"actual\":{actual}}}").as_bytes());
    let reason = format!("Version mismatch: expected {expected}, got {actual}");
    Err(conflict(bucket, key, &reason).with_details(details))
}

/// S-92.
fn unknown_key(bucket: &Bucket, key: &Key) -> Fault {
    let name = bucket.definition().name();
    let shown = Raw::trusted(key).display();
    Fault::new(Code::NotFound, format!("Record with key \"{shown}\" not found in bucket \"{name}\""))
        .with_details(bucket_and_key(name, key))
}

/// S-176.
fn key_conflict(bucket: &Bucket, key: &Key) -> Fault {
    let shown = Raw::trusted(key).display();
    conflict(bucket, key, &format!("Record with key \"{shown}\" already exists"))
}

fn conflict(bucket: &Bucket, key: &Key, reason: &str) -> Fault {
    let name = bucket.definition().name();
    let shown = Raw::trusted(key).display();
    let message = format!("Transaction conflict in bucket \"{name}\" for key \"{shown}\": {reason}");
    Fault::new(Code::Conflict, message).with_details(bucket_and_key(name, key))
}

/// `{"bucket":…,"key":…}`
fn bucket_and_key(bucket: &str, key: &[u8]) -> Vec<u8> {
    let mut details = vec![b'{'];
    json::string_member(&mut details, "bucket", bucket);
    details.extend_from_slice(b",\"key\":");
    details.extend_from_slice(key);
    details.push(b'}');
    details
}
