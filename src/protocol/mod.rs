//! Messages to requests, and answers and pushes to messages: the only place that
//! knows the JSON envelopes of the protocol (01 §3–§8).

mod decode;
mod envelope;
mod explain;
mod fields;
mod metrics;
mod outgoing;
mod registry;
mod stats;
mod store;
mod transaction;

pub use decode::{decode, no_such_subscription, point, unknown};
pub use envelope::{Envelope, Incoming, parse};
pub use explain::explained;
pub use metrics::{METRICS_TYPE, metrics};
pub use outgoing::{
    EVENT_HEAD, QUERY_HEAD, error, logged_out, login, ping, result, result_with, shutdown, subscribed,
    transaction_data, transaction_result, transaction_results, unsubscribed, watching, welcome, whoami,
};
pub use registry::{ServerStats, connections, server_stats, top_lag};
pub use stats::{QueryEntry, StoreStats, administered, bucket_schema, buckets, queries, store_stats};
