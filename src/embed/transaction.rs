//! Transactions as lists of operations (02 §9).

use super::Error;
use super::request::Request;
use crate::shell::Server;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::marker::PhantomData;

/// The operations of a transaction that is being put together. Nothing has happened yet.
#[derive(Default)]
pub struct Transaction {
    operations: Vec<String>,
    /// The first operand that could not be written.
    broken: Option<Error>,
}

/// Where an operation's result, a `T`, will be when the transaction has committed.
#[derive(Debug)]
pub struct Place<T> {
    index: usize,
    result: PhantomData<fn() -> T>,
}

/// A transaction that has happened.
#[derive(Debug)]
pub struct Committed<R> {
    /// What the procedure has returned.
    pub value: R,
    results: Vec<Value>,
}

impl Transaction {
    /// Reads the record of that key, as it is then: `Option<T>`.
    pub fn get<T>(&mut self, bucket: &str, key: impl Serialize) -> Place<Option<T>> {
        self.add("get", bucket, |request| request.field("key", &key))
    }

    /// Inserts a record. A key that exists is a `CONFLICT` (S-176).
    pub fn insert<T>(&mut self, bucket: &str, data: &impl Serialize) -> Place<T> {
        self.add("insert", bucket, |request| request.field("data", data))
    }

    /// Changes the properties that `data` names.
    pub fn update<T>(&mut self, bucket: &str, key: impl Serialize, data: &impl Serialize) -> Place<T> {
        self.add("update", bucket, |request| request.field("key", &key)?.field("data", data))
    }

    /// The same if the record is at that version, else `CONFLICT` (S-177).
    pub fn update_at<T>(
        &mut self,
        bucket: &str,
        key: impl Serialize,
        version: u64,
        data: &impl Serialize,
    ) -> Place<T> {
        self.add("update", bucket, |request| {
            request.field("key", &key)?.field("data", data)?.field("ifVersion", &version)
        })
    }

    /// Removes the record of that key, if there is one.
    pub fn delete(&mut self, bucket: &str, key: impl Serialize) {
        self.add::<Value>("delete", bucket, |request| request.field("key", &key));
    }

    /// Reads all records that match (`where`).
    pub fn find<T>(&mut self, bucket: &str, filter: &impl Serialize) -> Place<Vec<T>> {
        self.add("where", bucket, |request| request.field("filter", filter))
    }

    /// Reads the first record that matches.
    pub fn find_one<T>(&mut self, bucket: &str, filter: &impl Serialize) -> Place<Option<T>> {
        self.add("findOne", bucket, |request| request.field("filter", filter))
    }

    /// Counts the records that match; `&()` is all.
    pub fn count(&mut self, bucket: &str, filter: &impl Serialize) -> Place<u64> {
        self.add("count", bucket, |request| request.field("filter", filter))
    }

    fn add<T>(
        &mut self,
        op: &str,
        bucket: &str,
        operands: impl FnOnce(Request) -> Result<Request, Error>,
    ) -> Place<T> {
        let place = Place { index: self.operations.len(), result: PhantomData };
        match Request::operation(op).field("bucket", bucket).and_then(operands) {
            Ok(request) => self.operations.push(request.text()),
            Err(error) => {
                self.operations.push(String::new());
                self.broken.get_or_insert(error);
            }
        }
        place
    }

    /// Sends it; the results in the order of the operations. Without any, nothing is done.
    pub(super) fn commit(self, server: &Server) -> Result<Vec<Value>, Error> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if self.operations.is_empty() {
            return Ok(Vec::new());
        }
        let operations = format!("[{}]", self.operations.join(","));
        let mut answer: Value =
            Request::new("store.transaction").json("operations", &operations).send(server)?;
        let Value::Array(results) = answer["results"].take() else { unreachable!("S-159: {answer}") };
        Ok(results.into_iter().map(|mut result| result["data"].take()).collect())
    }
}

impl<R> Committed<R> {
    pub(super) fn new(value: R, results: Vec<Value>) -> Self {
        Self { value, results }
    }

    /// The result of an operation.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is no `T`: the transaction has happened all the same.
    ///
    /// # Panics
    /// If the place is of a longer transaction.
    pub fn get<T: DeserializeOwned>(&self, place: &Place<T>) -> Result<T, Error> {
        Ok(T::deserialize(&self.results[place.index])?)
    }
}
