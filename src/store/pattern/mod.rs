//! The regular expressions of `pattern` (S-55): ECMAScript without flags, with bounded time.
//!
//! A search runs on UTF-16 code units, as ECMAScript does without the flag `u`, and gives up when
//! its budget of steps is used; the value then counts as not matching. No engine on crates.io has
//! both: `regress` speaks ECMAScript without a bound on its time (it is the oracle of the tests
//! here), and engines with a bound speak another language: other `\d`, `\s`, `$` and `.`, code
//! points, back-references that fail where ECMAScript's match nothing.
//!
//! Not possible: flags and modifiers such as `(?i:…)`, `\p{…}` and other parts of the Unicode mode
//! (without the flag they mean the letter), group names with escapes, two groups of one name.

mod compile;
mod parse;
mod run;
mod set;

use std::sync::Arc;

/// A compiled pattern; cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    source: Box<str>,
    program: Arc<compile::Program>,
}

impl Pattern {
    /// Compiles a pattern. O(source), which has a bound, and so has its nesting.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        let syntax = parse::parse(source)?;
        Ok(Self { source: source.into(), program: Arc::new(compile::compile(&syntax)) })
    }

    /// As it was written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the text contains a match. Takes the steps that it needs from `steps`, and fails
    /// when there are no more.
    pub(super) fn is_match(&self, text: &str, steps: &mut u64) -> bool {
        run::search(&self.program, text, steps)
    }
}

#[cfg(test)]
mod tests;
