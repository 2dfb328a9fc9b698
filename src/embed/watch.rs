//! Results of a live query, typed.

use super::Error;
use crate::shell::Results;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A subscription: see [`Results`], of which each is read as `T`. What is to be done with each
/// result is the body of a loop over it, as a rule on a thread of its own.
#[derive(Debug)]
pub struct Watch<T> {
    results: Results,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Watch<T> {
    pub(super) fn new(results: Results) -> Self {
        Self { results, result: PhantomData }
    }

    /// The next result if there is one now.
    pub fn try_next(&mut self) -> Option<Result<T, Error>> {
        self.results.try_next().map(|text| Ok(serde_json::from_str(&text)?))
    }
}

impl<T: DeserializeOwned> Iterator for Watch<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.results.next().map(|text| Ok(serde_json::from_str(&text)?))
    }
}
