//! Defaults that the embedding program computes (S-38).

use crate::base::fault::{Code, Fault};
use crate::base::json::Parser;
use std::fmt;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Makes a value as JSON, or none. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct DefaultFunction(Arc<Function>);

type Function = dyn Fn() -> Option<String> + Send + Sync + RefUnwindSafe;

impl DefaultFunction {
    pub(super) fn new(function: impl Fn() -> Option<String> + Send + Sync + RefUnwindSafe + 'static) -> Self {
        Self(Arc::new(function))
    }

    /// The value as canonical JSON.
    ///
    /// # Errors
    /// `INTERNAL_ERROR` if the function panics, or makes something else than JSON: the insert fails,
    /// and nothing else.
    pub(in crate::store) fn call(&self) -> Result<Option<Vec<u8>>, Fault> {
        let failed = || Fault::new(Code::InternalError, "Internal server error");
        let Some(text) = catch_unwind(|| (self.0)()).map_err(|_| failed())? else { return Ok(None) };
        let mut canonical = Vec::new();
        Parser::default().parse(&text).map_err(|_| failed())?.root().write(&mut canonical);
        Ok(Some(canonical))
    }
}

impl fmt::Debug for DefaultFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}
