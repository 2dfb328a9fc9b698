//! What a text message of the server is: an answer, a push, a heartbeat.
//!
//! The order of members is not significant (P-40), but every server known emits the order of the examples. So
//! that order is read by comparing prefixes, without a DOM; any other order is read by a JSON parser.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a push belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A live query (`store.subscribe`).
    Subscription,
    /// A topic pattern (`rules.subscribe`).
    Event,
}

/// A message of the server; `data` is JSON text as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The answer to a request that succeeded.
    Result {
        /// The request's id.
        id: u64,
        /// What was answered; `null` if there is none.
        data: &'a [u8],
    },
    /// The answer to a request that failed.
    Error {
        /// The request's id, or 0 if the server could not read it.
        id: u64,
    },
    /// A subscription's new result, or an event.
    Push {
        /// What was pushed.
        channel: Channel,
        /// The subscription's id as text, without quotes.
        subscription: &'a [u8],
        /// The complete new result, or topic and event.
        data: &'a [u8],
    },
    /// The application's heartbeat; the connection ends unless it is answered.
    Ping {
        /// To be returned as it is.
        timestamp: &'a [u8],
    },
    /// `welcome` and `system`, which ask for nothing.
    Notice,
    /// None of the protocol's messages.
    Invalid,
}

const RESULT: &[u8] = br#","type":"result","data":"#;
const PUSH: &[u8] = br#"{"type":"push","channel":""#;
const SUBSCRIPTION: &[u8] = br#"subscription","subscriptionId":""#;
const EVENT: &[u8] = br#"event","subscriptionId":""#;

/// Reads a text message.
pub fn read(text: &[u8]) -> Message<'_> {
    read_usual(text).unwrap_or_else(|| read_any(text))
}

/// Reads the frequent messages in their usual order; `None` for all others.
fn read_usual(text: &[u8]) -> Option<Message<'_>> {
    if let Some(rest) = text.strip_prefix(b"{\"id\":") {
        let (id, rest) = digits(rest)?;
        let data = rest.strip_prefix(RESULT)?.strip_suffix(b"}")?;
        return Some(Message::Result { id, data });
    }
    let rest = text.strip_prefix(PUSH)?;
    let (channel, rest) = match rest.strip_prefix(SUBSCRIPTION) {
        Some(rest) => (Channel::Subscription, rest),
        None => (Channel::Event, rest.strip_prefix(EVENT)?),
    };
    let (subscription, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
    let data = rest.strip_prefix(br#"","data":"#)?.strip_suffix(b"}")?;
    Some(Message::Push { channel, subscription, data })
}

/// The number at the beginning of `text` and what follows it.
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    // 2^53, the largest integer of the protocol, has 16 digits: no overflow below.
    let length = text.iter().take(17).take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || length > 16 {
        return None;
    }
    let number = text[..length].iter().fold(0, |number, byte| number * 10 + u64::from(byte - b'0'));
    Some((number, &text[length..]))
}

/// The members of any message, in any order.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    id: Option<u64>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    channel: Option<&'a str>,
    #[serde(rename = "subscriptionId")]
    subscription: Option<&'a str>,
}

fn read_any(text: &[u8]) -> Message<'_> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(text) else { return Message::Invalid };
    let data = envelope.data.map_or(&b"null"[..], |data| data.get().as_bytes());
    match (&*envelope.kind, envelope.id, envelope.timestamp) {
        ("result", Some(id), _) => Message::Result { id, data },
        ("error", Some(id), _) => Message::Error { id },
        ("push", _, _) => push(&envelope, data),
        ("ping", _, Some(timestamp)) => Message::Ping { timestamp: timestamp.get().as_bytes() },
        ("welcome" | "system", _, _) => Message::Notice,
        _ => Message::Invalid,
    }
}

fn push<'a>(envelope: &Envelope<'a>, data: &'a [u8]) -> Message<'a> {
    let channel = match envelope.channel {
        Some("subscription") => Channel::Subscription,
        Some("event") => Channel::Event,
        _ => return Message::Invalid,
    };
    match envelope.subscription {
        Some(subscription) => Message::Push { channel, subscription: subscription.as_bytes(), data },
        None => Message::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Message<'_>) {
        assert_eq!(read(text.as_bytes()), expect, "{text}");
    }

    #[test]
    fn usual_order_needs_no_parser() {
        for text in [
            r#"{"id":12,"type":"result","data":{"a":1}}"#,
            r#"{"type":"push","channel":"subscription","subscriptionId":"sub-1","data":[1]}"#,
            r#"{"type":"push","channel":"event","subscriptionId":"sub-2","data":{"topic":"t"}}"#,
        ] {
            assert_eq!(read_usual(text.as_bytes()), Some(read_any(text.as_bytes())), "{text}");
        }
    }

    #[test]
    fn results() {
        check(r#"{"id":7,"type":"result","data":null}"#, Message::Result { id: 7, data: b"null" });
        check(r#"{"id":7,"type":"result"}"#, Message::Result { id: 7, data: b"null" });
        check(r#" {"type": "result", "data": [1], "id": 7}"#, Message::Result { id: 7, data: b"[1]" });
        check(
            r#"{"id":9007199254740992,"type":"result","data":1}"#,
            Message::Result { id: 9_007_199_254_740_992, data: b"1" },
        );
    }

    #[test]
    fn others() {
        check(r#"{"id":7,"type":"error","code":"NOT_FOUND","message":"x"}"#, Message::Error { id: 7 });
        check(r#"{"type":"ping","timestamp":17}"#, Message::Ping { timestamp: b"17" });
        check(r#"{"type":"system","event":"shutdown"}"#, Message::Notice);
        check(r#"{"type":"welcome","version":"1.0.0"}"#, Message::Notice);
        check(
            r#"{"data":[2],"subscriptionId":"sub-7","type":"push","channel":"event"}"#,
            Message::Push { channel: Channel::Event, subscription: b"sub-7", data: b"[2]" },
        );
    }

    #[test]
    fn invalid() {
        const PUSH_WITHOUT_ID: &str = r#"{"type":"push","channel":"event","data":1}"#;
        for text in [
            "",
            "{",
            "7",
            r#"{"id":1}"#,
            r#"{"type":"result","data":1}"#,
            r#"{"type":"fly"}"#,
            PUSH_WITHOUT_ID,
        ] {
            check(text, Message::Invalid);
        }
        // More digits than any id has.
        check(r#"{"id":99999999999999999999,"type":"result","data":1}"#, Message::Invalid);
    }
}
