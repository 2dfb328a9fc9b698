//! Masking (RFC 6455 §5.3): an exclusive or with four repeated bytes.

/// Unmasks `payload` in place, eight bytes at a time. `offset` is the position of its first
/// byte within the frame's payload. Masking is the same operation.
pub fn unmask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let mut rotated = key;
    rotated.rotate_left(offset % 4);
    let [a, b, c, d] = rotated;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let value = u64::from_ne_bytes((&*chunk).try_into().expect("eight bytes")) ^ wide;
        chunk.copy_from_slice(&value.to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(rotated.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::unmask;

    #[test]
    fn any_cut_gives_the_same() {
        let key = [1, 2, 3, 250];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = plain.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        for cut in 0..=plain.len() {
            let mut bytes = plain.clone();
            let (left, right) = bytes.split_at_mut(cut);
            unmask(left, key, 0);
            unmask(right, key, cut);
            assert_eq!(bytes, expected);
        }
    }
}
