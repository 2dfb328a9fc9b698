//! Canonical text of strings, and what text is written to.

use smallvec::{Array, SmallVec};

/// Where JSON text is written to.
pub trait Sink {
    /// Appends one byte.
    fn push(&mut self, byte: u8);
    /// Appends several.
    fn extend_from_slice(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn push(&mut self, byte: u8) {
        self.push(byte);
    }

    fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// For short values that need no allocation.
impl<A: Array<Item = u8>> Sink for SmallVec<A> {
    fn push(&mut self, byte: u8) {
        self.push(byte);
    }

    fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends `text` as a JSON string with the fewest escapes (P-36).
pub fn string(out: &mut impl Sink, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        escape(out, *byte);
        plain_from = at + 1;
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

/// `text` as a JSON string: how names stand in records.
pub fn quoted(text: &str) -> Box<[u8]> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    string(&mut quoted, text);
    quoted.into()
}

/// Appends `"name":"text"`; `name` needs no escapes.
pub fn string_member(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    string(out, text);
}

fn escape(out: &mut impl Sink, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn only_what_must_be_escaped_is() {
        // P-36
        let mut out = Vec::new();
        string(&mut out, "a\"b\\c/\n\u{1}\u{7f}č\u{2028}😀");
        assert_eq!(std::str::from_utf8(&out).unwrap(), "\"a\\\"b\\\\c/\\n\\u0001\u{7f}č\u{2028}😀\"");
    }
}
