//! The masking of client payloads (RFC 6455 §5.3): XOR with a repeated four-byte key.

/// Removes — or, being an XOR, applies — the mask of a payload, in place (P-18, P-22).
///
/// `offset` is the position of `payload[0]` within its frame's payload, in bytes: 0 for a whole
/// payload, the number of bytes seen before for one that arrives in pieces. O(n), eight bytes per
/// step and vectorised by the compiler.
pub fn unmask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let [a, b, c, d] = rotated(key, offset);
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

/// The key as seen by the byte at `offset`.
fn rotated(mut key: [u8; 4], offset: usize) -> [u8; 4] {
    key.rotate_left(offset % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x11, 0xa2, 0x33, 0xf4];

    fn one_by_one(payload: &[u8], offset: usize) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[(offset + i) % 4]).collect()
    }

    // P-18: every length around the word size and every phase of the key.
    #[test]
    fn equals_the_definition_for_every_length_and_offset() {
        let payload: Vec<u8> = (0..70).map(|i: u8| i.wrapping_mul(37)).collect();
        for len in 0..payload.len() {
            for offset in 0..9 {
                let mut bytes = payload[..len].to_vec();
                unmask(&mut bytes, KEY, offset);
                assert_eq!(bytes, one_by_one(&payload[..len], offset), "{len} bytes at {offset}");
            }
        }
    }

    // P-18: a payload in two pieces.
    #[test]
    fn pieces_equal_the_whole() {
        let payload: Vec<u8> = (0..50).collect();
        for cut in 0..payload.len() {
            let mut bytes = payload.clone();
            let (head, tail) = bytes.split_at_mut(cut);
            unmask(head, KEY, 0);
            unmask(tail, KEY, cut);
            assert_eq!(bytes, one_by_one(&payload, 0), "cut at {cut}");
        }
    }
}
