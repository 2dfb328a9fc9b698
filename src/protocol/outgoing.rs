//! The messages that the server sends (01 §7), as JSON text without frames.

use crate::base::fault::Fault;
use crate::base::ids::SubscriptionId;
use crate::base::json::{self, Number};
use crate::message::{Identity, Json};

/// The version of the protocol (P-27).
const VERSION: &str = "1.0.0";

/// A push of a live query up to its subscription's number; the result and one brace follow.
pub const QUERY_HEAD: &str = r#"{"type":"push","channel":"subscription","subscriptionId":"sub-"#;

/// A push of an event up to its subscription's number.
pub const EVENT_HEAD: &str = r#"{"type":"push","channel":"event","subscriptionId":"sub-"#;

/// The first message of every connection (P-26, P-27).
pub fn welcome(out: &mut Vec<u8>, unix_ms: u64, requires_auth: bool) {
    out.extend_from_slice(br#"{"type":"welcome","version":""#);
    out.extend_from_slice(VERSION.as_bytes());
    out.extend_from_slice(br#"","serverTime":"#);
    json::digits(out, unix_ms);
    out.extend_from_slice(br#","requiresAuth":"#);
    out.extend_from_slice(if requires_auth { b"true}" } else { b"false}" });
}

/// A result whose `data` is there already (P-72).
pub fn result(out: &mut Vec<u8>, id: Number, data: &[u8]) {
    result_with(out, id, |out| out.extend_from_slice(data));
}

/// A result whose `data` is written on the way.
pub fn result_with(out: &mut Vec<u8>, id: Number, data: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(br#"{"id":"#);
    id.write(out);
    out.extend_from_slice(br#","type":"result","data":"#);
    data(out);
    out.push(b'}');
}

/// `data` of a transaction's answer (S-159).
pub fn transaction_results(out: &mut Vec<u8>, results: &[Json]) {
    out.reserve(results.iter().map(|result| result.as_bytes().len() + 24).sum());
    transaction_data(out, |out| {
        for (index, result) in results.iter().enumerate() {
            transaction_result(out, index, result.as_bytes());
        }
    });
}

/// The same with its results written on the way, by [`transaction_result`].
pub fn transaction_data(out: &mut Vec<u8>, results: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(br#"{"results":["#);
    results(out);
    out.extend_from_slice(b"]}");
}

/// What one operation of a transaction comes to; they come in order.
pub fn transaction_result(out: &mut Vec<u8>, index: usize, data: &[u8]) {
    out.extend_from_slice(if index == 0 { br#"{"index":"# } else { br#",{"index":"# });
    json::digits(out, index as u64);
    out.extend_from_slice(br#","data":"#);
    out.extend_from_slice(data);
    out.push(b'}');
}

/// An error (P-73, P-74). Failures of the envelope go out with id 0 (P-42).
pub fn error(out: &mut Vec<u8>, id: Number, fault: &Fault, expose_details: bool) {
    out.extend_from_slice(br#"{"id":"#);
    id.write(out);
    out.extend_from_slice(br#","type":"error","code":""#);
    out.extend_from_slice(fault.code.as_str().as_bytes());
    out.extend_from_slice(br#"","message":"#);
    json::string(out, &fault.message);
    if let Some(details) = fault.details.as_ref().filter(|_| expose_details) {
        out.extend_from_slice(br#","details":"#);
        out.extend_from_slice(details);
    }
    out.push(b'}');
}

/// `data` of `store.subscribe`: id and initial answer (P-140).
pub fn subscribed(out: &mut Vec<u8>, id: SubscriptionId, answer: &[u8]) {
    out.extend_from_slice(br#"{"subscriptionId":"sub-"#);
    json::digits(out, id.0);
    out.extend_from_slice(br#"","data":"#);
    out.extend_from_slice(answer);
    out.push(b'}');
}

/// `data` of `rules.subscribe` (R-52).
pub fn watching(out: &mut Vec<u8>, id: SubscriptionId) {
    out.extend_from_slice(br#"{"subscriptionId":"sub-"#);
    json::digits(out, id.0);
    out.extend_from_slice(br#""}"#);
}

/// `data` of both unsubscribe operations (P-143).
pub fn unsubscribed(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"unsubscribed":true}"#);
}

/// `data` of `auth.login` (A-24).
pub fn login(out: &mut Vec<u8>, identity: &Identity) {
    out.push(b'{');
    identity_members(out, identity);
    out.push(b'}');
}

/// `data` of `auth.logout` (A-31).
pub fn logged_out(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"loggedOut":true}"#);
}

/// `data` of `auth.whoami` (A-33).
pub fn whoami(out: &mut Vec<u8>, identity: Option<&Identity>) {
    let Some(identity) = identity else {
        out.extend_from_slice(br#"{"authenticated":false}"#);
        return;
    };
    out.extend_from_slice(br#"{"authenticated":true,"#);
    identity_members(out, identity);
    out.push(b'}');
}

/// A ping (P-79).
pub fn ping(out: &mut Vec<u8>, unix_ms: u64) {
    out.extend_from_slice(br#"{"type":"ping","timestamp":"#);
    json::digits(out, unix_ms);
    out.push(b'}');
}

/// The announcement of a graceful shutdown (P-80). Beyond the specification it says when to come
/// back: another time to each client, so that they do not all come at once.
pub fn shutdown(out: &mut Vec<u8>, grace_period_ms: u64, retry_after_ms: u64) {
    out.extend_from_slice(br#"{"type":"system","event":"shutdown","gracePeriodMs":"#);
    json::digits(out, grace_period_ms);
    out.extend_from_slice(br#","retryAfterMs":"#);
    json::digits(out, retry_after_ms);
    out.push(b'}');
}

fn identity_members(out: &mut Vec<u8>, identity: &Identity) {
    json::string_member(out, "userId", &identity.user_id);
    out.extend_from_slice(br#","roles":["#);
    for (at, role) in identity.roles.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::string(out, role);
    }
    out.extend_from_slice(br#"],"expiresAt":"#);
    match identity.expires_at {
        Some(at) => json::digits(out, at),
        None => out.extend_from_slice(b"null"),
    }
}
