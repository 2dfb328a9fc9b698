//! One bucket with all operations of 02 §3–§6 and A.5.

use super::Error;
use super::request::Request;
use crate::shell::Server;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::marker::PhantomData;

/// A bucket whose records are read as `T`. What `T` does not name is left out; what it names of
/// the metadata (`_version`, `_createdAt`, …) is there like any other property.
///
/// Keys, data and filters are given as anything that serialises to the JSON that a client would
/// send: a `json!` value, or a type of the program. The errors of each method are those of the
/// operation of the same name, and [`Error::Shape`].
pub struct Bucket<'s, T> {
    server: &'s Server,
    name: String,
    record: PhantomData<fn() -> T>,
}

/// One page (S-107).
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// Its records, in order.
    pub records: Vec<T>,
    /// Whether another one follows.
    pub has_more: bool,
    /// The key behind which that one begins; none if this page is empty.
    pub next_cursor: Option<Value>,
}

/// One group of [`Bucket::group_by`] (A.3).
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Group {
    /// The values that its records have in common, by property.
    pub key: Value,
    /// The aggregate over them.
    pub value: f64,
}

impl<'s, T: DeserializeOwned> Bucket<'s, T> {
    pub(super) fn new(server: &'s Server, name: &str) -> Self {
        Self { server, name: name.to_owned(), record: PhantomData }
    }

    /// Inserts a record, and returns it as stored (S-81).
    pub fn insert(&self, data: &impl Serialize) -> Result<T, Error> {
        self.ask(self.request("store.insert")?.field("data", data)?)
    }

    /// Inserts all or none (A.5).
    pub fn insert_many(&self, data: &[impl Serialize]) -> Result<Vec<T>, Error> {
        self.ask(self.request("store.insertMany")?.field("data", data)?)
    }

    /// Updates the record of the key that `data` names, or inserts it (A.5).
    pub fn upsert(&self, data: &impl Serialize) -> Result<T, Error> {
        self.ask(self.request("store.upsert")?.field("data", data)?)
    }

    /// The record of that key (S-84).
    pub fn get(&self, key: impl Serialize) -> Result<Option<T>, Error> {
        self.ask(self.request("store.get")?.field("key", &key)?)
    }

    /// Changes the properties that `data` names (S-85), and returns the record as it is then.
    pub fn update(&self, key: impl Serialize, data: &impl Serialize) -> Result<T, Error> {
        self.ask(self.request("store.update")?.field("key", &key)?.field("data", data)?)
    }

    /// The same if the record is at that version, else `CONFLICT`.
    pub fn update_at(&self, key: impl Serialize, version: u64, data: &impl Serialize) -> Result<T, Error> {
        let request = self.request("store.update")?.field("key", &key)?.field("data", data)?;
        self.ask(request.field("ifVersion", &version)?)
    }

    /// Changes the properties of all records that match; how many those are (A.5).
    pub fn update_many(&self, filter: &impl Serialize, data: &impl Serialize) -> Result<u64, Error> {
        self.ask(self.request("store.updateMany")?.field("filter", filter)?.field("data", data)?)
    }

    /// Removes the record of that key, if there is one (S-94).
    pub fn delete(&self, key: impl Serialize) -> Result<(), Error> {
        self.ask::<Value>(self.request("store.delete")?.field("key", &key)?).map(drop)
    }

    /// Removes all records that match; how many those are (A.5).
    pub fn delete_many(&self, filter: &impl Serialize) -> Result<u64, Error> {
        self.ask(self.request("store.deleteMany")?.field("filter", filter)?)
    }

    /// Removes all records (S-95).
    pub fn clear(&self) -> Result<(), Error> {
        self.ask::<Value>(self.request("store.clear")?).map(drop)
    }

    /// All records, in bucket order (S-97).
    pub fn all(&self) -> Result<Vec<T>, Error> {
        self.ask(self.request("store.all")?)
    }

    /// All records that match, in bucket order (S-98, `store.where`).
    pub fn find(&self, filter: &impl Serialize) -> Result<Vec<T>, Error> {
        self.ask(self.request("store.where")?.field("filter", filter)?)
    }

    /// The first record that matches (S-99).
    pub fn find_one(&self, filter: &impl Serialize) -> Result<Option<T>, Error> {
        self.ask(self.request("store.findOne")?.field("filter", filter)?)
    }

    /// How many records match; `&()` is all (S-100).
    pub fn count(&self, filter: &impl Serialize) -> Result<u64, Error> {
        self.ask(self.request("store.count")?.field("filter", filter)?)
    }

    /// The first `n`, at least one (S-106).
    pub fn first(&self, n: u64) -> Result<Vec<T>, Error> {
        self.ask(self.request("store.first")?.field("n", &n)?)
    }

    /// The last `n`, at least one, in ascending order (S-106).
    pub fn last(&self, n: u64) -> Result<Vec<T>, Error> {
        self.ask(self.request("store.last")?.field("n", &n)?)
    }

    /// A page of at most `limit` records behind that cursor (S-107…S-111).
    pub fn paginate(&self, limit: u64, after: Option<&Value>) -> Result<Page<T>, Error> {
        let request = self.request("store.paginate")?.field("limit", &limit)?;
        match after {
            Some(after) => self.ask(request.field("after", after)?),
            None => self.ask(request),
        }
    }

    /// The sum of a property's numbers over the records that match; `&()` is all (S-114).
    pub fn sum(&self, field: &str, filter: &impl Serialize) -> Result<f64, Error> {
        self.aggregate("store.sum", field, filter)
    }

    /// Their average (S-115).
    pub fn avg(&self, field: &str, filter: &impl Serialize) -> Result<f64, Error> {
        self.aggregate("store.avg", field, filter)
    }

    /// The smallest (S-116).
    pub fn min(&self, field: &str, filter: &impl Serialize) -> Result<Option<f64>, Error> {
        self.aggregate("store.min", field, filter)
    }

    /// The largest (S-117).
    pub fn max(&self, field: &str, filter: &impl Serialize) -> Result<Option<f64>, Error> {
        self.aggregate("store.max", field, filter)
    }

    /// An aggregate for each combination of values of these properties (A.3, A.5); `function` is
    /// `count`, `sum`, `avg`, `min` or `max`, all but the first with the property that it is of.
    pub fn group_by(&self, by: &[&str], function: &str, field: Option<&str>) -> Result<Vec<Group>, Error> {
        let aggregate = match field {
            Some(field) => serde_json::json!({"function": function, "field": field}),
            None => serde_json::json!({"function": function}),
        };
        self.ask(self.request("store.groupBy")?.field("field", by)?.field("aggregate", &aggregate)?)
    }

    fn aggregate<R: DeserializeOwned>(
        &self,
        operation: &str,
        field: &str,
        filter: &impl Serialize,
    ) -> Result<R, Error> {
        self.ask(self.request(operation)?.field("field", field)?.field("filter", filter)?)
    }

    fn request(&self, operation: &str) -> Result<Request, Error> {
        Request::new(operation).field("bucket", &self.name)
    }

    fn ask<R: DeserializeOwned>(&self, request: Request) -> Result<R, Error> {
        request.send(self.server)
    }
}
