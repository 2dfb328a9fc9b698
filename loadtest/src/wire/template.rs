//! A request rendered ahead as a masked frame; only the digits of its id are written per request.

use super::frame::{self, Opcode};

/// What stands before the id.
const BEFORE_ID: &[u8] = b"{\"id\":";
/// As many digits as the largest `u64` has.
const DIGITS_MAX: usize = 20;

/// One kind of request of one connection.
#[derive(Debug)]
pub struct Template {
    mask: [u8; 4],
    /// The request behind its id, from the comma to the closing brace.
    after_id: String,
    /// The masked frame with room for `digits` digits.
    frame: Vec<u8>,
    /// Where the digits stand in `frame`.
    digits_at: usize,
    digits: usize,
}

impl Template {
    /// A request `{"id":…,<members>}`; `members` is the rest of the object without its brace.
    pub fn new(mask: [u8; 4], members: &str) -> Self {
        let mut template =
            Self { mask, after_id: format!(",{members}}}"), frame: Vec::new(), digits_at: 0, digits: 0 };
        template.render(1);
        template
    }

    /// Appends the request with `id` to `out`.
    ///
    /// Allocates only where the id gets one more digit, and where `out` has to grow.
    pub fn append(&mut self, id: u64, out: &mut Vec<u8>) {
        let mut text = [0; DIGITS_MAX];
        let digits = decimal(id, &mut text);
        if digits.len() != self.digits {
            self.render(digits.len());
        }
        for (at, digit) in digits.iter().enumerate() {
            self.frame[self.digits_at + at] = digit ^ self.mask[(BEFORE_ID.len() + at) % 4];
        }
        out.extend_from_slice(&self.frame);
    }

    /// Renders the frame anew for ids with `digits` digits; the length is part of its head.
    fn render(&mut self, digits: usize) {
        let mut payload = BEFORE_ID.to_vec();
        payload.resize(BEFORE_ID.len() + digits, b'0');
        payload.extend_from_slice(self.after_id.as_bytes());
        self.frame.clear();
        frame::append(&mut self.frame, Opcode::Text, Some(self.mask), &payload);
        self.digits_at = self.frame.len() - payload.len() + BEFORE_ID.len();
        self.digits = digits;
    }
}

/// The decimal digits of `number`, written into the end of `text`.
fn decimal(mut number: u64, text: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut at = DIGITS_MAX;
    loop {
        at -= 1;
        text[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return &text[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_every_length() {
        let mut template = Template::new([9, 8, 7, 6], r#""type":"store.get","key":"k""#);
        let powers = (0..20).map(|power| 10u64.pow(power));
        // Down again as well: a shorter id after a longer one.
        for id in powers.clone().flat_map(|id| [id - 1, id]).chain([u64::MAX]).chain(powers.rev()) {
            let mut bytes = b"before".to_vec();
            template.append(id, &mut bytes);
            let frame = frame::parse(&bytes[6..]).unwrap().expect("complete");
            assert_eq!(frame.payload.end, bytes.len() - 6);
            let mut payload = bytes[6..][frame.payload].to_vec();
            frame::apply_mask(&mut payload, frame.mask.expect("masked"));
            let text = String::from_utf8(payload).unwrap();
            assert_eq!(text, format!(r#"{{"id":{id},"type":"store.get","key":"k"}}"#));
        }
    }

    #[test]
    fn head_grows_with_the_id() {
        // 7 + 1 digit + 110 + … crosses the 125 bytes of the short head as ids grow.
        let members = format!(r#""type":"{}""#, "x".repeat(106));
        let mut template = Template::new([1, 2, 3, 4], &members);
        for id in [1, 10_000, 1_000_000_000] {
            let mut bytes = Vec::new();
            template.append(id, &mut bytes);
            let frame = frame::parse(&bytes).unwrap().expect("complete");
            assert_eq!(frame.payload.end, bytes.len());
        }
    }
}
