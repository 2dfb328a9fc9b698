//! A named query as defined.

use super::builder::{Builder, Params};
use super::declarative;
use super::plan::{Leaf, Plan};
use crate::base::fault::Fault;
use crate::base::json::Raw;
use crate::store::Question;
use std::fmt;
use std::panic::RefUnwindSafe;
use std::sync::Arc;

/// A named query (S-123). Cheap to clone.
#[derive(Clone)]
pub struct Definition(Kind);

#[derive(Clone)]
enum Kind {
    Declarative(Arc<Declarative>),
    Programmatic(Arc<Program>),
}

struct Declarative {
    config: Box<[u8]>,
    plan: Plan,
}

/// Builds a plan; reads nothing.
type Program = dyn Fn(&Builder, Params<'_>) -> Result<Plan, Fault> + Send + Sync + RefUnwindSafe;

impl Definition {
    /// Reads a declarative query from canonical JSON (02 §12), and `first` or `last` with a number,
    /// which 02 §12 lacks and K-3 asks for.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with the text of S-228.
    pub fn parse(name: &str, json: Raw<'_>) -> Result<Self, Fault> {
        let leaf = declarative::parse(json).map_err(|invalid| {
            Fault::validation(format!("Invalid query definition \"{name}\": {invalid}"))
        })?;
        let declarative = Declarative { config: json.as_bytes().into(), plan: Plan::Read(leaf) };
        Ok(Self(Kind::Declarative(Arc::new(declarative))))
    }

    /// A programmatic query of the embedding program: a function that builds a plan from the
    /// parameters (K-3). It runs on the subscriber's core with every subscribe, so it must be
    /// quick, and its plan must depend on nothing but the parameters.
    ///
    /// A `Fault` that it returns is the answer to the subscribe (S-139). Its panic ends the
    /// connection of the client that asked, and nothing else (P-169): hence `RefUnwindSafe`.
    pub fn program(
        build: impl Fn(&Builder, Params<'_>) -> Result<Plan, Fault> + Send + Sync + RefUnwindSafe + 'static,
    ) -> Self {
        Self(Kind::Programmatic(Arc::new(build)))
    }

    /// The configuration as supplied, canonical JSON, if the query is declarative (S-231).
    pub fn config(&self) -> Option<Raw<'_>> {
        match &self.0 {
            Kind::Declarative(declarative) => Some(Raw::trusted(&declarative.config)),
            Kind::Programmatic(_) => None,
        }
    }

    /// The bucket that it reads, if the query is declarative.
    pub fn bucket(&self) -> Option<&str> {
        match &self.0 {
            Kind::Declarative(declarative) => declarative.plan.leaves().first().map(|leaf| &*leaf.bucket),
            Kind::Programmatic(_) => None,
        }
    }

    /// The plan with parameters in their places and `place` put to every leaf: bucket name and
    /// question. O(plan).
    ///
    /// # Errors
    /// Of the query function (S-139), `VALIDATION_ERROR` for parameters (S-254), those of `place`.
    pub fn bind<M>(
        &self,
        params: Option<Raw<'_>>,
        mut place: impl FnMut(&str, Question) -> Result<M, Fault>,
    ) -> Result<Plan<M>, Fault> {
        let mut bind = |leaf: &Leaf| place(&leaf.bucket, leaf.bind(params)?);
        match &self.0 {
            Kind::Declarative(declarative) => declarative.plan.try_map(&mut bind),
            Kind::Programmatic(build) => build(&Builder, Params::new(params))?.checked()?.try_map(&mut bind),
        }
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.config() {
            Some(config) => f.write_str(&String::from_utf8_lossy(config.as_bytes())),
            None => f.write_str("programmatic"),
        }
    }
}
