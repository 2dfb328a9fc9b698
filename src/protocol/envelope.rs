//! The envelope of an incoming message: is it JSON, an object, what type, which id (01 §4).

use crate::base::fault::{Code, Fault};
use crate::base::json::{Document, Malformed, Number, Value};
use crate::message::Operation;

/// A request whose envelope is in order; its fields have not been looked at.
#[derive(Clone, Copy)]
pub struct Envelope<'a, 't> {
    /// Echoed in the answer (P-45).
    pub id: Number,
    /// The `type` as the client wrote it.
    pub name: &'t str,
    /// The operation of that name, if there is one.
    pub operation: Option<Operation>,
    /// The whole message.
    pub body: Value<'a, 't>,
    /// Its members that most requests have, of several of a name the last one (P-34).
    pub(super) bucket: Option<Value<'a, 't>>,
    pub(super) key: Option<Value<'a, 't>>,
    pub(super) data: Option<Value<'a, 't>>,
}

/// What a text message turned out to be.
pub enum Incoming<'a, 't> {
    /// A request.
    Request(Envelope<'a, 't>),
    /// The answer to a ping; gets none itself (P-44).
    Pong {
        /// As the client sent it (P-103).
        timestamp: f64,
    },
}

/// Checks the envelope in the order of P-42.
///
/// # Errors
/// The answer of the first failing row; it goes out with id 0.
pub fn parse<'a, 't>(document: &'a Result<Document<'t>, Malformed>) -> Result<Incoming<'a, 't>, Fault> {
    let document = document.as_ref().map_err(|Malformed| Fault::new(Code::ParseError, "Invalid JSON"))?;
    let body = document.root();
    let members =
        body.as_object().ok_or_else(|| Fault::new(Code::ParseError, "Message must be a JSON object"))?;
    let (mut name, mut id, mut timestamp) = (None, None, None);
    let (mut bucket, mut key, mut data) = (None, None, None);
    for (member, value) in members {
        match member {
            b"type" => name = value.as_str(),
            b"id" => id = value.as_number(),
            b"timestamp" => timestamp = value.as_number(),
            b"bucket" => bucket = Some(value),
            b"key" => key = Some(value),
            b"data" => data = Some(value),
            _ => {}
        }
    }
    let invalid = |text| Fault::new(Code::InvalidRequest, text);
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| invalid("Message must include non-empty string \"type\""))?;
    if name == "pong" {
        let timestamp = timestamp.ok_or_else(|| invalid("Pong must include finite numeric \"timestamp\""))?;
        return Ok(Incoming::Pong { timestamp: timestamp.as_f64() });
    }
    let id = id.ok_or_else(|| invalid("Request must include finite numeric \"id\""))?;
    let operation = Operation::parse(name);
    Ok(Incoming::Request(Envelope { id, name, operation, body, bucket, key, data }))
}

#[cfg(test)]
mod tests {
    use super::{Incoming, parse};
    use crate::base::json::Parser;

    fn outcome(text: &str) -> String {
        let mut parser = Parser::default();
        let document = parser.parse(text);
        match parse(&document) {
            Ok(Incoming::Pong { timestamp }) => format!("pong {timestamp}"),
            Ok(Incoming::Request(envelope)) => {
                let mut id = Vec::new();
                envelope.id.write(&mut id);
                format!("{} {}", String::from_utf8(id).unwrap(), envelope.name)
            }
            Err(fault) => format!("{} {}", fault.code.as_str(), fault.message),
        }
    }

    #[test]
    fn rows_in_order() {
        // P-42, P-43, P-44, P-34
        let no_type = "INVALID_REQUEST Message must include non-empty string \"type\"";
        let no_id = "INVALID_REQUEST Request must include finite numeric \"id\"";
        let bad_pong = "INVALID_REQUEST Pong must include finite numeric \"timestamp\"";
        let no_object = "PARSE_ERROR Message must be a JSON object";
        for (text, expected) in [
            ("", "PARSE_ERROR Invalid JSON"),
            ("{", "PARSE_ERROR Invalid JSON"),
            ("[]", no_object),
            ("null", no_object),
            ("7", no_object),
            ("{}", no_type),
            (r#"{"id":7,"type":""}"#, no_type),
            (r#"{"id":7,"type":5}"#, no_type),
            (r#"{"type":"pong"}"#, bad_pong),
            (r#"{"type":"pong","timestamp":"1"}"#, bad_pong),
            (r#"{"type":"pong","timestamp":17,"id":"x"}"#, "pong 17"),
            (r#"{"type":"a"}"#, no_id),
            (r#"{"type":"a","id":"1"}"#, no_id),
            (r#"{"type":"a","id":null}"#, no_id),
            (r#"{"type":"a","id":1,"id":2}"#, "2 a"),
        ] {
            assert_eq!(outcome(text), expected, "{text}");
        }
    }

    #[test]
    fn any_finite_number_is_an_id() {
        // P-45
        for (id, echoed) in
            [("0", "0"), ("-3", "-3"), ("1.50", "1.5"), ("1e3", "1000"), ("-0", "0"), ("-0.0", "0")]
        {
            assert_eq!(outcome(&format!("{{\"id\":{id},\"type\":\"a\"}}")), format!("{echoed} a"));
        }
    }
}
