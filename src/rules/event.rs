//! Events: what a client asks for, and the object that everybody gets.

use super::topics::Delivery;
use crate::base::json::{Number, Object, string, string_member};

/// Random digits of an event id, always all written: 41 bits, against a repetition after a
/// restart within the same millisecond.
const ID_RANDOM_DIGITS: u32 = 8;

/// A request to emit an event, its fields checked (R-39, R-40).
#[derive(Clone, Debug, Default)]
pub struct Emission {
    /// Not empty.
    pub topic: String,
    /// The payload; `None` is `{}`.
    pub data: Option<Object>,
    /// Links the events of one business flow; not empty.
    pub correlation_id: Option<String>,
    /// What caused the event; dropped without a correlation id (R-28).
    pub causation_id: Option<String>,
}

/// What an accepted event leads to.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// The event object as canonical JSON: the answer to `rules.emit` (R-41).
    pub event: Vec<u8>,
    /// Its topic.
    pub topic: String,
    /// Who hears of it, ascending by core. The messages go out before the answer (P-128).
    pub deliveries: Vec<Delivery>,
}

impl Emitted {
    /// `data` of every push of this event (R-56): built once, shared by all subscribers.
    pub fn push_data(&self) -> Vec<u8> {
        // Around topic and event: 21 bytes, and the brace that a shared body appends.
        let mut out = Vec::with_capacity(22 + self.topic.len() + self.event.len());
        out.extend_from_slice(b"{\"topic\":");
        string(&mut out, &self.topic);
        out.extend_from_slice(b",\"event\":");
        out.extend_from_slice(&self.event);
        out.push(b'}');
        out
    }
}

/// What makes an event's id unique: `<milliseconds>-<random><number>`, all base 36 (R-31).
#[derive(Clone, Copy)]
pub(super) struct EventId {
    pub(super) unix_ms: u64,
    pub(super) random: u64,
    /// Counts the events of the engine, so that no two have the same id.
    pub(super) number: u64,
}

impl EventId {
    fn write(self, out: &mut Vec<u8>) {
        base36(out, self.unix_ms, 1);
        out.push(b'-');
        base36(out, self.random % 36_u64.pow(ID_RANDOM_DIGITS), ID_RANDOM_DIGITS as usize);
        base36(out, self.number, 1);
    }
}

/// Appends `number` with at least so many digits.
fn base36(out: &mut Vec<u8>, mut number: u64, digits_min: usize) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let start = out.len();
    while number > 0 || out.len() - start < digits_min {
        out.push(DIGITS[(number % 36) as usize]);
        number /= 36;
    }
    out[start..].reverse();
}

/// The event object (§4) of a client's emission.
pub(super) fn event(id: EventId, emission: &Emission) -> Vec<u8> {
    let data = emission.data.as_ref().map_or(&b"{}"[..], Object::text);
    let mut out = Vec::with_capacity(128 + emission.topic.len() + data.len());
    out.extend_from_slice(b"{\"id\":\"");
    id.write(&mut out);
    out.extend_from_slice(b"\",");
    string_member(&mut out, "topic", &emission.topic);
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(data);
    out.extend_from_slice(b",\"timestamp\":");
    Number::Unsigned(id.unix_ms).write(&mut out);
    if let Some(correlation_id) = &emission.correlation_id {
        out.push(b',');
        string_member(&mut out, "correlationId", correlation_id);
        if let Some(causation_id) = &emission.causation_id {
            out.push(b',');
            string_member(&mut out, "causationId", causation_id);
        }
    }
    out.extend_from_slice(b",\"source\":\"api\"}");
    out
}

#[cfg(test)]
mod tests {
    use super::{Emission, Emitted, EventId, base36, event};
    use crate::base::json::{Object, Parser};

    fn check(emission: &Emission, expected: &str) {
        let id = EventId { unix_ms: 1_795_224_603_883, random: 36, number: 37 };
        let event = event(id, emission);
        assert_eq!(str::from_utf8(&event).unwrap(), format!(r#"{{"id":"mwpqdlnv-0000001011",{expected}}}"#));
    }

    fn object(text: &str) -> Option<Object> {
        Object::from_value(Parser::default().parse(text).unwrap().root())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn members_stand_in_the_order_of_the_specification() {
        // R-41
        check(
            &Emission {
                topic: "order.placed".to_owned(),
                data: object(r#"{ "orderId": "o-1" }"#),
                correlation_id: some("o-1"),
                causation_id: some("click-9"),
            },
            r#""topic":"order.placed","data":{"orderId":"o-1"},"timestamp":1795224603883,"correlationId":"o-1","causationId":"click-9","source":"api""#,
        );
    }

    #[test]
    fn absent_members_are_omitted() {
        // R-28, R-39
        check(
            &Emission { topic: "a\"b".to_owned(), ..Emission::default() },
            r#""topic":"a\"b","data":{},"timestamp":1795224603883,"source":"api""#,
        );
        check(
            &Emission { topic: "t".to_owned(), correlation_id: some("c"), ..Emission::default() },
            r#""topic":"t","data":{},"timestamp":1795224603883,"correlationId":"c","source":"api""#,
        );
    }

    #[test]
    fn a_cause_without_correlation_is_dropped() {
        // R-28, R-40
        check(
            &Emission { topic: "t".to_owned(), causation_id: some("c"), ..Emission::default() },
            r#""topic":"t","data":{},"timestamp":1795224603883,"source":"api""#,
        );
    }

    #[test]
    fn the_push_repeats_the_topic() {
        // R-56
        let emitted =
            Emitted { event: br#"{"id":"x"}"#.to_vec(), topic: "a\\".to_owned(), deliveries: Vec::new() };
        assert_eq!(emitted.push_data(), br#"{"topic":"a\\","event":{"id":"x"}}"#);
    }

    #[test]
    fn base_36() {
        let text = |number, digits_min| {
            let mut out = Vec::new();
            base36(&mut out, number, digits_min);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0, 1), "0");
        assert_eq!(text(35, 1), "z");
        assert_eq!(text(36, 3), "010");
        assert_eq!(text(u64::MAX, 1), "3w5e11264sgsf");
    }
}
