//! Every bound of the server in one place, with unit and reason.
//!
//! What an operator may tune is a field of [`Limits`]; what nobody should is a constant.

/// Nesting depth of JSON input, levels. P-38 asks for 128 at least; the writer of
/// canonical JSON recurses once per level with about 150 B of stack.
pub const JSON_DEPTH_MAX: usize = 512;

/// Fragments of one WebSocket message. A 1 MiB message in TCP-sized pieces needs about 730.
pub const FRAGMENTS_MAX: usize = 16_384;

/// Batches of mail that one core may have waiting at another. A full inbox makes the sender keep
/// its own backlog and stop reading from its connections; it never blocks.
pub const INBOX_BATCHES_MAX: usize = 1_024;

/// Messages in a batch between cores. More would not make a message cheaper, and the receiver hears
/// of the first when the sender has posted the last.
pub const MAIL_BATCH_MAX: usize = 64;

/// Messages of one connection that wait for their turn, at and above which no more is read from
/// it, and TCP pushes back on the client.
pub const BACKLOG_MESSAGES_MAX: usize = 1_024;

/// Result bytes up to which a push is copied behind its private head instead of being
/// sent as a second slice: a vectored write costs up to 20 % more than one slice.
pub const PUSH_COPY_BYTES_MAX: usize = 1_024;

/// Result bytes that are shared with the result before, at least, if any are: to copy fewer costs
/// less than a second slice. Few in tests, so that it happens.
pub const SHARED_BYTES_MIN: usize = if cfg!(test) { 64 } else { 2_048 };

/// The largest value, in bytes, that the compiler moves by instructions of its own.
pub const MOVED_INLINE_BYTES_MAX: usize = 128;

/// Subscribers of one live query up to which work is better done for each of them when its turn comes
/// than for all of them beforehand: comparing an answer, and sending it in two pieces instead of one.
pub const SUBSCRIBERS_FEW: usize = 8;

/// Nesting of `$and` and `$or` in a filter, levels. Reading and testing a filter recurse once per
/// level; people write two or three.
pub const FILTER_DEPTH_MAX: usize = 64;

/// Conditions of one filter, those of nested filters included. About as many as fit into a message
/// of the default size; each may cost a comparison per record.
pub const FILTER_TERMS_MAX: usize = 100_000;

/// Reads of one composite query. Each costs a message and keeps a part of the result.
pub const PLAN_READS_MAX: usize = 256;

/// Nesting of objects and arrays in a composite query's result, levels. Plans are walked recursively.
pub const PLAN_DEPTH_MAX: usize = 16;

/// Entries of one live query in the index from changes to live queries: one per combination of the
/// values that its `$in` terms allow. A term that would make more is only tested.
pub const LIVE_INDEX_ENTRIES_MAX: usize = 64;

/// Operations of one transaction. The whole list is in one message, so that the transport's
/// limit bounds it too; this bounds the time for which it holds its locks.
pub const TRANSACTION_OPERATIONS_MAX: usize = 10_000;

/// Records that one request may insert, change or remove (`insertMany`, `updateMany`,
/// `deleteMany`). Its core does nothing else meanwhile: about a tenth of a second. `clear`, which
/// looks at no record, has no bound.
pub const BULK_RECORDS_MAX: usize = 100_000;

/// Bytes of the buffer for records being written that a core keeps; a larger record's is freed.
pub const SCRATCH_BYTES_MAX: usize = 64 * 1024;

/// Records that expire in one turn of a core; the rest follows in the next one.
pub const EXPIRED_RECORDS_MAX: usize = 1_000;

/// Records of cleared and dropped buckets that are freed per turn of a core, and per millisecond if
/// there is nothing else to do: less than half a millisecond.
pub const FREED_RECORDS_MAX: usize = 2_048;

/// Records of such buckets that each write frees on top. More than one, so that clients who fill
/// buckets faster than those turns come do not fill the memory.
pub const FREED_RECORDS_PER_WRITE: usize = 2;

/// Listeners of the embedding program at a time. Each is asked about every change of a bucket that
/// its pattern matches.
pub const EVENT_LISTENERS_MAX: usize = 1_024;

/// Store events of one listener of the embedding program that wait to be taken; one more per core
/// may come on top. Further ones are dropped and counted (S-205): a listener that is slow costs
/// memory up to here, and never time. A quarter of a second of a core's writes.
pub const EVENTS_WAITING_MAX: usize = 65_536;

/// Bytes of all results of one transaction on one core. Ten thousand reads of a large bucket
/// would otherwise ask for more than there is memory.
pub const TRANSACTION_RESULT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Operations of transactions over several cores that run together, as one. They hold all of their
/// locks together; a transaction with more of them runs alone.
pub const BATCH_OPERATIONS_MAX: usize = 256;

/// Record versions that were replaced while an answer has them, which their core keeps until they can be
/// freed there. More than there are answers on their way.
pub const LENT_VERSIONS_MAX: usize = 4_096;

/// Bytes of the JSON of one of them. Larger ones are few, and freed wherever they are let go.
pub const LENT_VERSION_BYTES_MAX: usize = 1_024;

/// Requests of one connection that execute together, for one core. Enough to hide the way
/// there and back; each may have a large answer.
pub const FLIGHT_REQUESTS_MAX: usize = 128;

/// Bytes of those requests.
pub const FLIGHT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of answers that are written on the core of the data and not shared, for requests that travel
/// together; the last one may exceed it.
pub const RUN_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Connections and transactions that wait for undecided transactions on one core, together. Each
/// may keep a flight of requests in memory, and behind so many nobody's turn comes soon.
pub const WAITING_ENVELOPES_MAX: usize = 65_536;

/// Memory that a core has mapped at a time for records that will come, bytes: 24 pages. Less than what
/// glibc takes from the system by itself (128 KiB), and than what it gives back to it at once.
pub const MAPPED_AHEAD_BYTES: usize = 96 * 1024;

/// Bytes of messages of one connection that wait for their turn, at and above which no more is
/// read from it. What one read holds may come on top.
pub const BACKLOG_BYTES_MAX: usize = 1024 * 1024;

/// Unsent bytes of one connection at and above which none of its requests is served: a client
/// that asks and does not read would otherwise fill the memory with answers. Answers that are
/// there are neither dropped nor delayed (P-111).
pub const UNSENT_ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Unsent bytes of one connection up to which every push is queued. Above, a query subscription
/// has at most one push under way, and its client gets the current result after that one. Enough
/// for a burst of small pushes to a client that reads; little, since small pushes are copies.
pub const UNSENT_PUSH_BYTES_FREE: u64 = 8 * 1024;

/// Memory of one connection's state, bytes, without what it rarely needs. Checked at compile
/// time: servers hold a hundred thousand idle ones.
pub const SESSION_BYTES_MAX: usize = 256;

/// Memory of one connection's socket and queue in the shell, bytes, when nothing is written.
pub const CONN_BYTES_MAX: usize = 96;

/// Memory of the task that serves one connection, bytes, when nothing is written.
pub const CONN_TASK_BYTES_MAX: usize = 240;

/// Buckets of one store. An empty one takes about 1 KiB on its core and 100 B on every other.
pub const BUCKETS_MAX: usize = 65_536;

/// Named queries of one store.
pub const QUERIES_MAX: usize = 65_536;

/// Changes of what exists that wait for one another. They are made one at a time, each in a few
/// ways between the cores.
pub const ADMIN_CALLS_MAX: usize = 4_096;

/// Subscriptions of one connection that ended with their bucket or query and that it has not
/// unsubscribed from yet (S-157): above this the oldest are forgotten.
pub const ENDED_SUBSCRIPTIONS_MAX: usize = 1_024;

/// Requests of one key within the window of the rate limit: its log has a slot of 8 B for each.
pub const RATE_REQUESTS_MAX: usize = 1_000_000;

/// Keys of the rate limiter, users and addresses; further ones share one window.
pub const RATE_KEYS_MAX: usize = 1_000_000;

/// Bytes of all logs of the rate limiter; lowers the number of keys for high limits.
pub const RATE_LOG_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Milliseconds between two pings, and for an answer to one: a day. A longer one would be the
/// same as none.
pub const HEARTBEAT_MS_MAX: u64 = 86_400_000;

/// Connections per second that an operator may ask for: more than any machine accepts.
pub const ACCEPT_RATE_MAX: u64 = 1_000_000;

/// Cores of one server. Far above any machine it runs on; an id has 16 bits.
pub const CORES_MAX: usize = 1_024;

/// Fields of one schema, nested ones counted by themselves. Every record notes where each field
/// of its bucket stands.
pub const SCHEMA_FIELDS_MAX: usize = 1_000;

/// Bytes of one bucket definition; every core keeps it. Room for an enum of ten thousand members.
pub const DEFINITION_BYTES_MAX: usize = 256 * 1024;

/// Nesting of `properties` and `items` in a schema, levels (appendix A.2); validation recurses.
pub const SCHEMA_DEPTH_MAX: usize = 10;

/// UTF-16 code units of one `pattern`. Its program is as long as its source.
pub const PATTERN_UNITS_MAX: usize = 16_384;

/// Nesting of groups in a `pattern`, levels; reading it recurses.
pub const PATTERN_DEPTH_MAX: usize = 64;

/// Steps that matching patterns may take for one record, all its strings together, besides
/// [`PATTERN_STEPS_PER_BYTE`]; what has not matched by then does not match. A catastrophic pattern
/// uses them up in 1 to 10 ms, for which its core serves nobody else.
pub const PATTERN_STEPS_MAX: u64 = 200_000;

/// Steps more for each byte of a string that is matched: enough for a run of one class over it.
pub const PATTERN_STEPS_PER_BYTE: u64 = 2;

/// Bytes of the issues of one record, above which further ones are left out. An array of a
/// hundred thousand wrong elements would otherwise be answered with as many sentences.
pub const ISSUE_BYTES_MAX: usize = 256 * 1024;

/// What an operator may tune (configuration table `[limits]`).
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Payload of one incoming message, bytes; 0 = unlimited (P-20).
    pub payload_bytes_max: usize,
    /// Active subscriptions of one connection (P-115).
    pub subscriptions_per_connection_max: u64,
    /// Active subscriptions of all connections (P-116, K-7).
    pub subscriptions_total_max: u64,
    /// Bytes accepted for a connection but not yet taken by the operating system, at and
    /// above which its pushes are withheld (P-110): `maxBufferedBytes × highWaterMark`.
    pub unsent_bytes_mark: u64,
    /// Bytes that all connections of one core have unsent together, above which those with the
    /// most are closed.
    pub unsent_bytes_per_core_max: u64,
    /// Connections of all cores, whether or not they speak WebSocket yet; `None` = as many as
    /// the operating system allows (P-17).
    pub connections_max: Option<u64>,
    /// Admitted connections from one address; `None` = any number (P-16).
    pub connections_per_address_max: Option<u64>,
    /// Connections that may begin per second, over all cores, 1 to [`ACCEPT_RATE_MAX`]; `None` = any number. The others are
    /// told when to come back.
    pub connections_per_second_max: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes_max: 1_048_576,
            subscriptions_per_connection_max: 100,
            subscriptions_total_max: 1_000_000,
            // 1 MiB × 0.8 = 838 860.8: 838 860 is below, 838 861 is above.
            unsent_bytes_mark: 838_861,
            // Some hundred clients that have stopped reading: neither the others' memory nor
            // a reason to close anybody while there are fewer.
            unsent_bytes_per_core_max: 256 * 1024 * 1024,
            connections_max: None,
            connections_per_address_max: None,
            connections_per_second_max: None,
        }
    }
}

const _: () = assert!(JSON_DEPTH_MAX >= 128, "P-38");
const _: () = assert!(CORES_MAX <= u16::MAX as usize, "a CoreId has 16 bits");
