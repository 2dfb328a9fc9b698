//! UTF-8 that arrives in pieces (RFC 6455 §8.1): fails as soon as it is hopeless.

/// The beginning of a character whose rest has not arrived, at most three bytes.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Utf8 {
    carry: [u8; 3],
    len: u8,
}

/// The text can no longer become UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Invalid;

impl Utf8 {
    /// Checks the next piece; each byte is looked at once or twice.
    pub(super) fn feed(&mut self, mut piece: &[u8]) -> Result<(), Invalid> {
        while self.len > 0 && !piece.is_empty() {
            let mut character = [0; 4];
            let len = usize::from(self.len);
            character[..len].copy_from_slice(&self.carry[..len]);
            character[len] = piece[0];
            piece = &piece[1..];
            self.keep_tail(&character[..=len])?;
        }
        if simdutf8::basic::from_utf8(piece).is_ok() { Ok(()) } else { self.keep_tail(piece) }
    }

    /// Whether the text may end here.
    pub(super) fn is_complete(self) -> bool {
        self.len == 0
    }

    /// Checks bytes that may end within a character, which is then carried over.
    fn keep_tail(&mut self, bytes: &[u8]) -> Result<(), Invalid> {
        self.len = 0;
        let Err(error) = std::str::from_utf8(bytes) else { return Ok(()) };
        if error.error_len().is_some() {
            return Err(Invalid);
        }
        let tail = &bytes[error.valid_up_to()..];
        self.carry[..tail.len()].copy_from_slice(tail);
        self.len = u8::try_from(tail.len()).expect("at most three bytes");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8;

    #[test]
    fn pieces_agree_with_the_whole() {
        for text in ["aé€😀z", "", "😀"] {
            let bytes = text.as_bytes();
            for cut in 0..=bytes.len() {
                let mut state = Utf8::default();
                state.feed(&bytes[..cut]).unwrap();
                assert_eq!(state.is_complete(), text.is_char_boundary(cut));
                state.feed(&bytes[cut..]).unwrap();
                assert!(state.is_complete());
            }
        }
    }

    #[test]
    fn hopeless_text_fails_at_its_first_wrong_byte() {
        // é cut and continued wrongly; a surrogate; an overlong form; beyond U+10FFFF
        for (good, bad) in [
            (&[0xc3][..], &[0x28][..]),
            (&[0xed], &[0xa0]),
            (&[0xe0], &[0x80]),
            (&[0xf4], &[0x90]),
            (&[], &[0xff]),
        ] {
            let mut state = Utf8::default();
            state.feed(good).unwrap();
            assert!(state.feed(bad).is_err());
        }
    }
}
