//! Reads and writes of one bucket, one record at a time (02 §3–§5).

use super::{Posts, Shard, answer, commit};
use crate::base::fault::{Code, Fault};
use crate::base::ids::BucketId;
use crate::base::json::{self, Object, Raw};
use crate::base::time::Now;
use crate::message::{Json, Key, Origin, Outcome, Question, Read, Verb};
use crate::store::{self, Bucket, Stamp, View, Write};
use smallvec::smallvec;

/// What a delete answers, whether or not there was a record (S-94).
pub(super) const DELETED: Json = Json::Fixed(r#"{"deleted":true}"#);

impl Shard {
    pub(super) fn data(&mut self, origin: Origin, id: BucketId, verb: Verb, now: Now, out: &mut Posts) {
        let result = match verb {
            Verb::Insert(data) => self.insert(id, &data, now),
            Verb::Update(key, data) => self.update(id, &key, &data, now),
            Verb::Delete(key) => self.delete(id, key),
            Verb::Read(question) => {
                let json = read(View::committed(&self.buckets[&id]), &question);
                answer(out, origin, Outcome::Data(json));
                return;
            }
        };
        match result {
            Ok((json, write)) => {
                answer(out, origin, Outcome::Data(json));
                self.commit(write.map(|write| (id, smallvec![write] as commit::Writes)));
            }
            Err(fault) => answer(out, origin, Outcome::Fault(Box::new(fault))),
        }
    }

    /// S-81; the answer is the stored record.
    fn insert(&mut self, id: BucketId, data: &Object, now: Now) -> Result<(Json, Option<Write>), Fault> {
        let bucket = self.buckets.get_mut(&id).expect("requests name buckets that live here");
        let autoincrement = bucket.advance();
        let mut stamp = Stamp { unix_ms: now.unix_ms, random: &mut self.random, autoincrement };
        let record = store::insert(bucket.definition(), data, &mut stamp)?;
        let key = record.key(bucket.definition());
        if bucket.get(key.as_bytes()).is_some() {
            return Err(duplicate_key(bucket, key));
        }
        Ok((Json::Record(record.clone()), Some(Write::Insert(record))))
    }

    /// S-85…S-93.
    fn update(
        &self,
        id: BucketId,
        key: &Key,
        data: &Object,
        now: Now,
    ) -> Result<(Json, Option<Write>), Fault> {
        let bucket = &self.buckets[&id];
        let old = bucket.get(key).ok_or_else(|| unknown_key(bucket, key))?;
        let record = store::update(bucket.definition(), old, data, now.unix_ms)?;
        Ok((Json::Record(record.clone()), Some(Write::Update(record))))
    }

    /// S-94.
    fn delete(&self, id: BucketId, key: Key) -> Result<(Json, Option<Write>), Fault> {
        let is_there = self.buckets[&id].get(&key).is_some();
        Ok((DELETED, is_there.then_some(Write::Delete(key))))
    }
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

/// S-92.
pub(super) fn unknown_key(bucket: &Bucket, key: &Key) -> Fault {
    let name = bucket.definition().name();
    let shown = Raw::trusted(key).display();
    Fault::new(Code::NotFound, format!("Record with key \"{shown}\" not found in bucket \"{name}\""))
        .with_details(bucket_and_key(name, key))
}

/// `{"bucket":…,"key":…}`
pub(super) fn bucket_and_key(bucket: &str, key: &[u8]) -> Vec<u8> {
    let mut details = vec![b'{'];
    json::string_member(&mut details, "bucket", bucket);
    details.extend_from_slice(b",\"key\":");
    details.extend_from_slice(key);
    details.push(b'}');
    details
}

/// S-68: the key field behaves as if it were unique.
fn duplicate_key(bucket: &Bucket, key: Raw<'_>) -> Fault {
    let definition = bucket.definition();
    let (name, field) = (definition.name(), &definition.fields()[definition.key_field()].name);
    let mut details = vec![b'{'];
    json::string_member(&mut details, "bucket", name);
    details.push(b',');
    json::string_member(&mut details, "field", field);
    details.extend_from_slice(b",\"value\":");
    details.extend_from_slice(key.as_bytes());
    details.push(b'}');
    let shown = key.display();
    let message = format!(
        "Unique constraint violation in bucket \"{name}\": field \"{field}\" already has value \"{shown}\""
    );
    Fault::new(Code::AlreadyExists, message).with_details(details)
}
