//! A hash that is the same on every core, in every run and on every machine.

/// FNV-1a with a finaliser over the name: decides on which core a bucket lives, so it may
/// never change.
///
/// Not for tables that clients fill: it is not keyed. Those use `ahash`.
pub fn stable(name: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = name.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    // FNV hardly mixes its low bits for short names, and they choose the core: MurmurHash3's
    // finaliser spreads every bit over all others.
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::stable;

    #[test]
    fn the_placement_of_a_name_never_changes() {
        assert_eq!(stable(b"orders"), 0x3252_0fbd_b4da_d5b9);
    }

    #[test]
    fn names_are_spread_evenly() {
        let mut per_core = [0; 8];
        for number in 0..800 {
            per_core[usize::try_from(stable(format!("bucket-{number}").as_bytes()) % 8).unwrap()] += 1;
        }
        assert!(per_core.iter().all(|count| (70..=130).contains(count)), "{per_core:?}");
    }
}
