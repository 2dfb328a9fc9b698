//! All cores of a server on one thread, under a seed, with hostile schedules: bytes cut
//! anywhere, mail and acknowledgements delayed, clients that vanish, shutdown in flight.
//!
//! `SIM_SEEDS=1000 cargo test --test sim` runs more seeds than the default; a failure names
//! its seed.

mod admin;
#[allow(dead_code, reason = "tests/client uses the rest of what they share")]
mod client;
#[allow(dead_code, reason = "tests/client uses the rest of what they share")]
mod cluster;
mod explore;
mod held;
mod history;
mod isolation;
mod ledger;
mod market;
mod random;
mod scenarios;
#[expect(dead_code, reason = "tests/client uses the rest of what they share")]
mod script;
mod shop;
mod shutdown;
mod watchers;

/// The seeds of a scenario: from 1 up to the number in `SIM_SEEDS`, or the default.
pub(crate) fn seeds(default: u64) -> std::ops::RangeInclusive<u64> {
    let count = std::env::var("SIM_SEEDS").ok().and_then(|count| count.parse().ok());
    1..=count.unwrap_or(default)
}
