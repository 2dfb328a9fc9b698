//! A hash that is the same on every core, in every run and on every machine.

/// FNV-1a over the name: decides on which core a bucket lives, so it may never change.
///
/// Not for tables that clients fill: it is not keyed. Those use `ahash`.
pub fn stable(name: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = name.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    // FNV mixes its low bits badly for short names; fold the high half in.
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::stable;

    #[test]
    fn the_placement_of_a_name_never_changes() {
        assert_eq!(stable(b"orders"), stable(b"orders"));
        assert_eq!(stable(b""), 0xcbf2_9ce4_8422_2325 ^ 0xcbf2_9ce4);
    }
}
