//! The thin half: sockets, threads, clocks, and nothing that decides anything.
//!
//! Each core is one thread with its own monoio runtime, listener, connections and
//! [`Node`](crate::node::Node). Cores speak to each other through bounded queues. This
//! is the only place that names monoio, crossbeam, a thread or a clock.

mod accept;
mod clock;
mod conn;
mod core_loop;
mod listener;
mod mesh;
mod program;
mod runtime;
mod server;
mod signal;
mod stream;
mod sys;
mod trim;
mod tuning;
mod watch;

pub use server::{Options, Server};
pub use sys::{available_cores, block_signals, raise_descriptor_limit, wait_for_signal};
pub use tuning::Tuning;
pub use watch::{Events, Results};
