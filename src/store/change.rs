//! What a commit does to one record.

use super::bucket::Bucket;
use super::overlay::Write;
use super::record::Record;

/// One record before and after a commit; both absent is impossible.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its place in bucket order: larger than that of every record inserted before it.
    pub place: u64,
    /// The committed record, if there was one.
    pub before: Option<Record>,
    /// The record now, if there is one.
    pub after: Option<Record>,
}

impl Bucket {
    /// Makes one change, which has been checked. O(1), and what indexes take.
    ///
    /// # Panics
    /// If the record to be updated or deleted is not there.
    pub fn apply(&mut self, write: Write) -> Change {
        match write {
            Write::Insert(record) => {
                let place = self.append(record.clone());
                Change { place, before: None, after: Some(record) }
            }
            Write::Update(record) => {
                let (place, before) = self.replace(record.clone());
                Change { place, before: Some(before), after: Some(record) }
            }
            Write::Delete(key) => {
                let (place, before) = self.remove(&key).expect("deleting what was there when it was checked");
                Change { place, before: Some(before), after: None }
            }
        }
    }
}
