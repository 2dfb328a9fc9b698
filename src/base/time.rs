//! Time as a value: only the shell and the simulator read a clock.

/// One reading of both clocks; every input of a core comes with one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Wall clock, milliseconds since the Unix epoch; may jump. For what clients see.
    pub unix_ms: u64,
    /// Monotonic clock, milliseconds since some start; never goes back. For durations.
    pub mono_ms: u64,
}
