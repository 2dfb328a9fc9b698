//! Why a call of the program has come to nothing.

use crate::base::fault::{Code, Fault};
use serde_json::Value;
use std::fmt;

/// The two ways in which a typed call can fail.
#[derive(Debug)]
pub enum Error {
    /// The operation has failed as it would for a client: code, text and details (S-209). Nothing
    /// has happened.
    Fault(Fault),
    /// What was given cannot be written as JSON, or what was answered is not of the type that was
    /// asked for; `serde_json` reads no more than 128 levels. In the second case the operation has been
    /// done.
    Shape(serde_json::Error),
}

impl Error {
    /// The code of the operation's failure.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Fault(fault) => Some(fault.code),
            Self::Shape(_) => None,
        }
    }

    /// What the operation's failure tells beside its text (02 §14), if anything: for a duplicate
    /// `bucket`, `field` and `value`, for a schema the list of issues.
    pub fn details(&self) -> Option<Value> {
        match self {
            Self::Fault(fault) => serde_json::from_slice(fault.details.as_deref()?).ok(),
            Self::Shape(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Shape(error) => write!(f, "not of the expected shape: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Shape(error)
    }
}
