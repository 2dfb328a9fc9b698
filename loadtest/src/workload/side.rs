//! Connections on the bucket's shard, or on another one.

use serde_json::Value;

use crate::args::{RecordArgs, Side};
use crate::session::{CallError, Session};

/// Whether a connection is where the operator wants it. Nobody else may connect meanwhile: the server does not
/// tell a client which connection it is, only which one is the latest.
pub(super) fn suits(args: &RecordArgs, session: &mut Session) -> Result<bool, CallError> {
    let Some(side) = args.side else { return Ok(true) };
    let connections = session.call(r#""type":"server.connections""#)?;
    let stats = session.call(r#""type":"store.stats""#)?;
    let latest = connections.as_array().and_then(|all| all.last()).unwrap_or(&Value::Null);
    let (own, bucket) = (&latest["x"]["shard"], &stats["x"]["shard"][&args.target.bucket]);
    if !own.is_u64() || !bucket.is_u64() {
        return Err(CallError::Protocol("--side: the server does not tell its shards".to_owned()));
    }
    Ok((own == bucket) == (side == Side::Local))
}
