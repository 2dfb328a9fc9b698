//! Why a call of the program has come to nothing.

use crate::base::fault::Fault;
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
