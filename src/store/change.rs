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
    /// Makes one change, which has been checked. O(1), and what indexes take. Returns the record's
    /// place in bucket order and what was there before.
    ///
    /// # Panics
    /// If the record to be updated or deleted is not there.
    pub fn apply(&mut self, write: Write) -> (u64, Option<Record>) {
        match write {
            Write::Insert(record) => (self.append(record), None),
            Write::Update(record) => {
                let (place, before) = self.replace(record);
                (place, Some(before))
            }
            Write::Delete(key) => {
                let (place, before) = self.remove(&key).expect("deleting what was there when it was checked");
                (place, Some(before))
            }
        }
    }

    /// The same, for those who watch.
    pub fn apply_watched(&mut self, write: Write) -> Change {
        let after = match &write {
            Write::Insert(record) | Write::Update(record) => Some(record.clone()),
            Write::Delete(_) => None,
        };
        let (place, before) = self.apply(write);
        Change { place, before, after }
    }
}
