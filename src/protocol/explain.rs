//! What the server tells of one subscription, as JSON text.

use super::registry::number;
use crate::base::ids::{CoreId, LiveId, SubscriptionId};
use crate::base::json;
use crate::message::{Found, LivePlan, ReadFigures};

/// `data` of `server.explainSubscription`. `figures` are those of the plan's live queries, in order;
/// `subscribers` share the whole.
pub fn explained(
    out: &mut Vec<u8>,
    id: SubscriptionId,
    query: &str,
    found: &Found,
    subscribers: u64,
    figures: &[((CoreId, LiveId), ReadFigures)],
) {
    out.push(b'{');
    json::string_member(out, "subscriptionId", &id.to_string());
    out.push(b',');
    json::string_member(out, "query", query);
    out.extend_from_slice(br#","plan":"#);
    plan(&found.plan, &mut figures.iter(), out);
    number(out, "sharedBy", subscribers);
    let evaluations = figures.iter().map(|(_, read)| read.evaluations).sum();
    number(out, "evaluations", found.evaluations.unwrap_or(evaluations));
    number(out, "bytesSent", found.pushed_bytes);
    number(out, "conflated", found.conflations.into());
    out.extend_from_slice(br#","reads":["#);
    for (at, ((core, _), figures)) in figures.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        read(*core, figures, out);
    }
    out.extend_from_slice(b"]}");
}

/// Puts the reads in their places. Recurses as deep as the plan nests, which is bounded
/// (`PLAN_DEPTH_MAX`).
fn plan<'a>(
    shape: &LivePlan,
    reads: &mut impl Iterator<Item = &'a ((CoreId, LiveId), ReadFigures)>,
    out: &mut Vec<u8>,
) {
    let separate = |out: &mut Vec<u8>, at| {
        if at > 0 {
            out.push(b',');
        }
    };
    match shape {
        LivePlan::Read(_) => out.extend_from_slice(&reads.next().expect("figures of every read").1.plan),
        LivePlan::Array(plans) => {
            out.push(b'[');
            for (at, shape) in plans.iter().enumerate() {
                separate(out, at);
                plan(shape, reads, out);
            }
            out.push(b']');
        }
        LivePlan::Object(members) => {
            out.push(b'{');
            for (at, (name, shape)) in members.iter().enumerate() {
                separate(out, at);
                json::string(out, name);
                out.push(b':');
                plan(shape, reads, out);
            }
            out.push(b'}');
        }
    }
}

fn read(core: CoreId, read: &ReadFigures, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"shard":"#);
    json::digits(out, core.0.into());
    out.extend_from_slice(br#","index":"#);
    match &read.index {
        None => out.extend_from_slice(b"null"),
        Some(names) => {
            out.push(b'[');
            out.extend_from_slice(&names.join(&b','));
            out.push(b']');
        }
    }
    out.push(b',');
    json::string_member(out, "upkeep", read.upkeep);
    number(out, "sharedBy", read.subscribers);
    number(out, "evaluations", read.evaluations);
    number(out, "updates", read.updates);
    out.push(b'}');
}
