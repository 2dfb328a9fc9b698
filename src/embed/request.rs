//! Requests as text, field by field, in the order in which they are given.

use super::Error;
use crate::shell::Server;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One request that is being written.
pub(super) struct Request(String);

impl Request {
    /// Begins with what every request has. The id is the same for all: answers are not mixed up.
    pub(super) fn new(operation: &str) -> Self {
        Self(format!(r#"{{"id":1,"type":"{operation}""#))
    }

    /// Begins an operation of a transaction, which has its name elsewhere.
    pub(super) fn operation(op: &str) -> Self {
        Self(format!(r#"{{"op":"{op}""#))
    }

    /// Adds a field; `name` needs no escapes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the value is no JSON.
    pub(super) fn field<V: Serialize + ?Sized>(mut self, name: &str, value: &V) -> Result<Self, Error> {
        let value = serde_json::to_string(value)?;
        self.0.extend([",\"", name, "\":", &value]);
        Ok(self)
    }

    /// Adds a field that is JSON already.
    pub(super) fn json(mut self, name: &str, json: &str) -> Self {
        self.0.extend([",\"", name, "\":", json]);
        self
    }

    /// All of it.
    pub(super) fn text(mut self) -> String {
        self.0.push('}');
        self.0
    }

    /// Sends it, and reads the answer.
    ///
    /// # Errors
    /// Those of the operation; [`Error::Shape`].
    pub(super) fn send<R: DeserializeOwned>(self, server: &Server) -> Result<R, Error> {
        Ok(serde_json::from_str(&server.request(&self.text())?)?)
    }
}
