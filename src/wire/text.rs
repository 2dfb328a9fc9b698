//! The text of a message that arrives in pieces: stored once, validated once, as it comes.

use super::violation::Violation;

/// The first allocation for a text, in bytes, unless the message is known to be shorter.
///
/// Small, so that a header which claims a megabyte and sends nothing costs the server little.
const FIRST_BYTES: usize = 1024;

/// Unmasked text so far, valid UTF-8 except that its last character may be incomplete.
#[derive(Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    /// Length of the part known to be valid; at most three bytes follow it.
    validated: usize,
    /// Work done, so that a test can prove the cost linear.
    #[cfg(test)]
    pub(super) work: Work,
}

/// What [`Text`] did, in bytes.
#[cfg(test)]
#[derive(Default, Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) validated: usize,
    pub(super) moved: usize,
}

impl Text {
    /// Appends a piece and fails as soon as the text cannot become valid any more (P-21).
    ///
    /// `message_bytes` is the length of the whole message when the frame at hand is its last; it
    /// keeps the storage from growing beyond what can come. Amortised O(piece).
    pub(super) fn push(&mut self, piece: &[u8], message_bytes: Option<usize>) -> Result<(), Violation> {
        self.make_room(piece.len(), message_bytes);
        self.bytes.extend_from_slice(piece);
        self.validate()
    }

    /// Appends a piece of a binary message, which may be anything.
    pub(super) fn push_binary(&mut self, piece: &[u8], message_bytes: Option<usize>) {
        self.make_room(piece.len(), message_bytes);
        self.bytes.extend_from_slice(piece);
    }

    /// The complete text; fails when it ends within a character (P-21).
    pub(super) fn check_end(&self) -> Result<(), Violation> {
        if self.validated == self.bytes.len() { Ok(()) } else { Err(Violation::InvalidUtf8) }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Validates what was not validated before; an incomplete last character waits for its rest.
    fn validate(&mut self) -> Result<(), Violation> {
        let new = &self.bytes[self.validated..];
        #[cfg(test)]
        {
            self.work.validated += new.len();
        }
        match simdutf8::compat::from_utf8(new) {
            Ok(_) => self.validated = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.validated += error.valid_up_to(),
            Err(_) => return Err(Violation::InvalidUtf8),
        }
        Ok(())
    }

    /// Doubles the storage, but not beyond the end of the message where that is known.
    fn make_room(&mut self, piece: usize, message_bytes: Option<usize>) {
        let needed = self.bytes.len() + piece;
        if needed <= self.bytes.capacity() {
            return;
        }
        let generous = needed.max(self.bytes.capacity() * 2).max(FIRST_BYTES);
        let target = message_bytes.map_or(generous, |end| generous.min(end.max(needed)));
        #[cfg(test)]
        {
            self.work.moved += self.bytes.len();
        }
        self.bytes.reserve_exact(target - self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(pieces: &[&[u8]]) -> Result<Vec<u8>, Violation> {
        let mut text = Text::default();
        for piece in pieces {
            text.push(piece, None)?;
        }
        text.check_end()?;
        Ok(text.as_slice().to_vec())
    }

    // P-21: a character cut anywhere is whole again when its rest arrives.
    #[test]
    fn characters_may_be_cut() {
        let text = "až€😀z".as_bytes();
        for cut in 0..=text.len() {
            assert_eq!(pushed(&[&text[..cut], &text[cut..]]).unwrap(), text, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(pushed(&single).unwrap(), text);
    }

    // P-21: refused at the first byte that no valid text can have, not at the end.
    #[test]
    fn invalid_text_is_refused_at_its_first_wrong_byte() {
        let wrong: [&[u8]; 8] = [
            b"\x80",             // continuation without a start
            b"\xc0",             // overlong
            b"\xe0\x80",         // overlong
            b"\xed\xa0",         // surrogate
            b"\xf4\x90",         // above U+10FFFF
            b"\xf5",             // above U+10FFFF
            b"\xe2\x82a",        // cut short
            b"\xf0\x9f\x98\xc3", // cut short
        ];
        for bytes in wrong {
            let mut text = Text::default();
            text.push(b"ok ", None).unwrap();
            let (last, before) = bytes.split_last().unwrap();
            for byte in before {
                text.push(&[*byte], None).unwrap();
            }
            assert_eq!(text.push(&[*last], None), Err(Violation::InvalidUtf8), "{bytes:x?}");
        }
    }

    // P-21
    #[test]
    fn text_must_not_end_within_a_character() {
        assert_eq!(pushed(&[b"a\xe2\x82"]), Err(Violation::InvalidUtf8));
    }

    // P-20: what a header claims is not allocated, what arrives is not over-allocated at the end.
    #[test]
    fn storage_follows_what_arrived() {
        let mut text = Text::default();
        text.push(b"x", Some(1 << 20)).unwrap();
        assert_eq!(text.bytes.capacity(), FIRST_BYTES);
        text.push(&[b'x'; 5000], Some(1 << 20)).unwrap();
        assert_eq!(text.bytes.capacity(), 5001);
        text.push(&[b'x'; 2000], Some(7001)).unwrap();
        assert_eq!(text.bytes.capacity(), 7001);
    }
}
