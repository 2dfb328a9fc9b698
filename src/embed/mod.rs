//! The store as a Rust program around the server uses it (02 §10.6): typed, with `serde`.
//!
//! Everything here is put into a request as a client would send it, past authentication, and
//! answered alike: [`Server::request`](crate::shell::Server::request) is the whole of it. So what
//! is true of the protocol is true here, the order of checks and the texts of errors too.
//!
//! ```
//! use noex_server::embed::Store;
//! use noex_server::node::{QueryDefinition, Settings};
//! use noex_server::shell::{Options, Server, Tuning};
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize, PartialEq, Debug)]
//! struct Item {
//!     name: String,
//!     stock: u32,
//!     #[serde(rename = "_version")]
//!     version: u64,
//! }
//!
//! let options = Options { address: "127.0.0.1:0".parse()?, shards: 2, pin_cores: false, tuning: Tuning::default() };
//! let server = Server::start(&Settings::default(), &options)?;
//! let store = Store::of(&server);
//!
//! let config = json!({"key": "name", "schema": {"name": {"type": "string"}, "stock": {"type": "number", "min": 0}}});
//! store.define_bucket("items", &config)?;
//! store.define_query("empty", QueryDefinition::program(|q, _| q.bucket("items").filter(r#"{"stock":0}"#).count()))?;
//! let mut empty = store.watch::<u64>("empty", &())?;
//! assert_eq!(empty.next().transpose()?, Some(0));
//!
//! let items = store.bucket::<Item>("items");
//! items.insert(&json!({"name": "hub", "stock": 1}))?;
//! let sold = store.transaction(|tx| {
//!     let hub = tx.update::<Item>("items", "hub", &json!({"stock": 0}));
//!     Ok::<_, noex_server::embed::Error>(hub)
//! })?;
//! assert_eq!(sold.get(&sold.value)?, Item { name: "hub".into(), stock: 0, version: 2 });
//! assert_eq!(empty.next().transpose()?, Some(1));
//! server.stop(0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bucket;
mod error;
mod request;
mod transaction;
mod watch;

pub use bucket::{Bucket, Group, Page};
pub use error::Error;
pub use transaction::{Committed, Place, Transaction};
pub use watch::Watch;

use crate::base::fault::Code;
use crate::node::QueryDefinition;
use crate::shell::{Events, Server};
use request::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The store of a running server.
///
/// Each call waits for its answer. From several threads at once it is used like from one.
#[derive(Clone, Copy)]
pub struct Store<'s>(&'s Server);

impl<'s> Store<'s> {
    /// Of that server.
    pub fn of(server: &'s Server) -> Self {
        Self(server)
    }

    /// A bucket whose records are read as `T`. Whether there is one is seen when it is used.
    pub fn bucket<T: DeserializeOwned>(self, name: &str) -> Bucket<'s, T> {
        Bucket::new(self.0, name)
    }

    /// Defines a bucket (S-213); `config` is its definition (02 §2.1).
    ///
    /// # Errors
    /// Those of `store.defineBucket`.
    pub fn define_bucket(self, name: &str, config: &impl Serialize) -> Result<(), Error> {
        self.administer("store.defineBucket", name, Some(("config", config)))
    }

    /// Adds to a bucket's definition (S-217).
    ///
    /// # Errors
    /// Those of `store.updateBucket`.
    pub fn update_bucket(self, name: &str, updates: &impl Serialize) -> Result<(), Error> {
        self.administer("store.updateBucket", name, Some(("updates", updates)))
    }

    /// Removes a bucket with all that is in it (S-214).
    ///
    /// # Errors
    /// `BUCKET_NOT_DEFINED`.
    pub fn drop_bucket(self, name: &str) -> Result<(), Error> {
        self.administer("store.dropBucket", name, None::<(_, &())>)
    }

    /// A bucket's definition as it was supplied (S-223), if there is such a bucket.
    ///
    /// # Errors
    /// If the server has stopped.
    pub fn definition(self, name: &str) -> Result<Option<Value>, Error> {
        match self.ask::<Value>(Request::new("store.getBucketSchema").field("name", name)?) {
            Ok(mut answer) => Ok(Some(answer["config"].take())),
            Err(Error::Fault(fault)) if fault.code == Code::BucketNotDefined => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether there is a bucket of that name.
    ///
    /// # Errors
    /// If the server has stopped.
    pub fn has_bucket(self, name: &str) -> Result<bool, Error> {
        Ok(self.definition(name)?.is_some())
    }

    /// Defines a query that is a function of this program: a plan, not a closure over data (K-3).
    ///
    /// # Errors
    /// `ALREADY_EXISTS` (S-124).
    pub fn define_query(self, name: &str, query: QueryDefinition) -> Result<(), Error> {
        Ok(self.0.define_query(name, query)?)
    }

    /// Defines a declarative query (S-225, 02 §12).
    ///
    /// # Errors
    /// Those of `store.defineQuery`.
    pub fn define_declarative(self, name: &str, config: &impl Serialize) -> Result<(), Error> {
        self.administer("store.defineQuery", name, Some(("config", config)))
    }

    /// Removes a query of either kind, and ends its subscriptions (S-229).
    ///
    /// # Errors
    /// `QUERY_NOT_DEFINED`.
    pub fn undefine_query(self, name: &str) -> Result<(), Error> {
        self.administer("store.undefineQuery", name, None::<(_, &())>)
    }

    /// The queries as `store.listQueries` shows them (S-231).
    ///
    /// # Errors
    /// If the server has stopped.
    pub fn queries(self) -> Result<Vec<Value>, Error> {
        match self.ask::<Value>(Request::new("store.listQueries"))?["queries"].take() {
            Value::Array(queries) => Ok(queries),
            other => unreachable!("S-231: {other}"),
        }
    }

    /// The figures of `store.stats` (S-119).
    ///
    /// # Errors
    /// If the server has stopped.
    pub fn stats(self) -> Result<Value, Error> {
        self.ask(Request::new("store.stats"))
    }

    /// Subscribes to a query: its present result, then each later one. `()` or `null` as `params`
    /// is none.
    ///
    /// # Errors
    /// Those of `store.subscribe`.
    pub fn watch<T: DeserializeOwned>(self, query: &str, params: &impl Serialize) -> Result<Watch<T>, Error> {
        let request = Request::new("store.subscribe").field("query", query)?.field("params", params)?;
        Ok(Watch::new(self.0.subscribe(&request.text())?))
    }

    /// A query's present result, once.
    ///
    /// # Errors
    /// Those of `store.subscribe`; [`Error::Shape`] if the result is no `T`.
    pub fn run<T: DeserializeOwned>(self, query: &str, params: &impl Serialize) -> Result<T, Error> {
        self.watch(query, params)?.next().expect("a subscription begins with a result")
    }

    /// Listens to store events; see [`Server::events`].
    ///
    /// # Errors
    /// If the server has stopped.
    pub fn events(self, pattern: &str) -> Result<Events, Error> {
        Ok(self.0.events(pattern)?)
    }

    /// Runs a procedure that makes a list of operations, and commits them all at once if it
    /// succeeds (02 §9). If it fails, or if one of them does, nothing has happened.
    ///
    /// Like a query function (K-3), the procedure describes and does not do: it runs here, not
    /// where the data is, holds no locks however long it takes, and sees no results but those of
    /// the commit. What it has to know first is read before; what must not have changed since is
    /// written with [`Transaction::update_at`], which fails with `CONFLICT` otherwise (S-177).
    ///
    /// # Errors
    /// The procedure's own; those of `store.transaction`.
    pub fn transaction<R, E: From<Error>>(
        self,
        procedure: impl FnOnce(&mut Transaction) -> Result<R, E>,
    ) -> Result<Committed<R>, E> {
        let mut transaction = Transaction::default();
        let value = procedure(&mut transaction)?;
        let results = transaction.commit(self.0)?;
        Ok(Committed::new(value, results))
    }

    fn administer(
        self,
        operation: &str,
        name: &str,
        what: Option<(&str, &impl Serialize)>,
    ) -> Result<(), Error> {
        let mut request = Request::new(operation).field("name", name)?;
        if let Some((field, value)) = what {
            request = request.field(field, value)?;
        }
        self.ask::<Value>(request).map(drop)
    }

    fn ask<R: DeserializeOwned>(self, request: Request) -> Result<R, Error> {
        request.send(self.0)
    }
}
