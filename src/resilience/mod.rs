//! What keeps one client's excess from becoming everybody's problem: rate limits, the heartbeat,
//! counts per address, connections per second. Functions of `now`; what cores share is atomics and, on the way in and out
//! of a connection only, a short lock.

mod addresses;
mod limiter;
mod pulse;
mod ramp;
mod wheel;
mod window;

pub use addresses::Addresses;
pub use limiter::{Key, RateLimiter, Released};
pub use pulse::{Heartbeat, Pulse, Verdict};
pub use ramp::Ramp;
pub use wheel::Wheel;
pub use window::{RateLimit, Window};
