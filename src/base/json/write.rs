//! Canonical text of strings, and what text is written to.

use smallvec::{Array, SmallVec};

/// Where JSON text is written to.
pub trait Sink {
    /// Appends one byte.
    fn push(&mut self, byte: u8);
    /// Appends several.
    fn extend_from_slice(&mut self, bytes: &[u8]);
    /// Appends the first `len` of eight.
    fn extend_from_word(&mut self, word: [u8; 8], len: usize);
}

impl Sink for Vec<u8> {
    fn push(&mut self, byte: u8) {
        self.push(byte);
    }

    fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn extend_from_word(&mut self, word: [u8; 8], len: usize) {
        self.extend_from_slice(&word); // one store, where a length that varies would be a call
        self.truncate(self.len() - (word.len() - len));
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

    #[inline]
    fn extend_from_word(&mut self, word: [u8; 8], len: usize) {
        self.extend_from_slice(&word); // one store, where a length that varies would be a call
        self.truncate(self.len() - (word.len() - len));
    }
}

/// Appends `text` as a JSON string with the fewest escapes (P-36).
pub fn string(out: &mut impl Sink, text: &str) {
    utf8(out, text.as_bytes());
}

/// The same for bytes that are known to be UTF-8.
pub(super) fn utf8(out: &mut impl Sink, text: &[u8]) {
    let mut rest = text;
    out.push(b'"');
    loop {
        let (plain, odd) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((byte, behind)) = odd.split_first() else { break };
        escape(out, *byte);
        rest = behind;
    }
    out.push(b'"');
}

/// How many bytes there are before the first one that stands with an escape in a string: a quote, a
/// backslash, a control character.
#[inline]
pub(super) fn plain_prefix(text: &[u8]) -> usize {
    let (words, _) = text.as_chunks::<{ size_of::<u64>() }>();
    let mut at = 0;
    for word in words {
        let odd = odd_bytes(u64::from_le_bytes(*word));
        if odd != 0 {
            return at + (odd.trailing_zeros() / u8::BITS) as usize;
        }
        at += word.len();
    }
    let is_odd = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    at + text[at..].iter().position(is_odd).unwrap_or(text.len() - at)
}

/// The highest bit of each byte that needs an escape; of those behind the first one perhaps also of
/// others, because a borrow runs that way.
fn odd_bytes(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let below = |word: u64, end: u8| word.wrapping_sub(EACH * u64::from(end)) & !word;
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (EACH << 7)
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
    use super::{plain_prefix, string};

    #[test]
    fn every_byte_is_found_at_every_place() {
        for odd in 0..=u8::MAX {
            for at in 0..20 {
                let mut text = [b'x'; 20];
                text[at] = odd;
                let is_odd = odd < 0x20 || odd == b'"' || odd == b'\\';
                assert_eq!(plain_prefix(&text), if is_odd { at } else { 20 }, "{odd} {at}");
                text[at + (19 - at) / 2] = b'"';
                let first = if is_odd { at } else { at + (19 - at) / 2 };
                assert_eq!(plain_prefix(&text), first, "{odd} {at}");
            }
        }
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        // P-36
        let mut out = Vec::new();
        string(&mut out, "a\"b\\c/\n\u{1}\u{7f}č\u{2028}😀");
        assert_eq!(std::str::from_utf8(&out).unwrap(), "\"a\\\"b\\\\c/\\n\\u0001\u{7f}č\u{2028}😀\"");
    }
}
