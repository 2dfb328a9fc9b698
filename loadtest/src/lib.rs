//! Load generator for servers of the noex protocol.
//!
//! # Map
//!
//! A run goes through these files, top to bottom:
//!
//! | File | Says |
//! |---|---|
//! | [`args`] | what the operator typed, checked |
//! | [`run`] | one run from set-up to report: prepare, warm up, measure, drain, conclude |
//! | [`processes`] | one load from several processes |
//! | [`spawn`] | a server that is started for the run |
//! | [`dial`] | connecting, from which address |
//! | [`session`] | a connection while it is set up: handshake, welcome, login, one blocking call at a time |
//! | [`workload`] | what each connection sends and what it must get back, one file per workload |
//! | [`definitions`] | the buckets and queries that the workloads use |
//! | [`driver`] | the epoll loop over all connections |
//! | [`storm`] | the loop of `connect-storm`, whose connections end with their welcome |
//! | [`schedule`] | the open loop: which request is due when |
//! | [`lane`] | one connection in the loop: its socket, its window, its role |
//! | [`window`] | which ids are in flight, since when, and in which order they must be answered |
//! | [`poll`], [`socket`] | epoll and non-blocking sockets |
//! | [`tally`], [`timeline`] | what is counted: answers, pushes, latencies, faults; the same over time |
//! | [`observer`], [`progress`] | what is watched meanwhile: CPU time and memory, the line on the terminal |
//! | [`rounds`] | the measured phase with and without slow readers in turn |
//! | [`report`] | the figures, as text and as JSON |
//! | [`random`] | a seeded generator: the same seed asks the same questions |
//! | [`wire`] | frames, messages and request templates; pure |
//! | [`machine`], [`server_process`] | this process's core and descriptors; the server's CPU time and memory |
//! | [`check`] | whether a recorded history is strictly serialisable; pure, `tests/sim` uses it too |
//! | [`peer`] | a tiny stand-in server, to test this tool and to find its own ceiling |
//!
//! # Deliberately absent
//!
//! There is one thread: a second one would make the client's own cost harder to see. Where one is not enough,
//! several processes share the load. TLS is absent because the protocol leaves it to a proxy.

pub mod args;
pub mod check;
pub mod definitions;
pub mod dial;
pub mod driver;
pub mod lane;
pub mod machine;
pub mod observer;
pub mod peer;
pub mod poll;
pub mod processes;
pub mod progress;
pub mod random;
pub mod report;
pub mod rounds;
pub mod run;
pub mod schedule;
pub mod server_process;
pub mod session;
pub mod socket;
pub mod spawn;
pub mod storm;
pub mod tally;
pub mod timeline;
pub mod url;
pub mod window;
pub mod wire;
pub mod workload;
