//! Decimal digits, eight at a time and in registers.
//!
//! What is written to memory in pieces of one or two bytes and then read in one of eight, which is what copying
//! digits out of a buffer is, makes the processor wait until all the pieces have arrived: longer than the
//! digits themselves take.

use super::Sink;

/// Appends the digits of a whole number. O(1).
pub fn digits(out: &mut impl Sink, n: u64) {
    if n < WORD {
        return leading(out, n);
    }
    if n < WORD * WORD {
        leading(out, n / WORD);
    } else {
        leading(out, n / WORD / WORD);
        out.extend_from_slice(&text(spread(n / WORD % WORD)));
    }
    out.extend_from_slice(&text(spread(n % WORD)));
}

/// The first number that takes more than a word of digits.
const WORD: u64 = 100_000_000;

/// A number below [`WORD`] without zeros before it.
fn leading(out: &mut impl Sink, n: u64) {
    let spread = spread(n);
    let zeros = (spread.trailing_zeros() / 8).min(7);
    out.extend_from_word(text(spread >> (8 * zeros)), 8 - zeros as usize);
}

/// The eight digits of a number below [`WORD`], one per byte, the first one lowest: halves are split side by
/// side, divisions are multiplications whose error is too small to matter.
fn spread(n: u64) -> u64 {
    debug_assert!(n < WORD, "has eight digits");
    let fours = (n / 10_000) | ((n % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// Digits as characters.
fn text(spread: u64) -> [u8; 8] {
    (spread | u64::from_le_bytes(*b"00000000")).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{WORD, digits, spread};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn written(n: u64) -> String {
        let mut out = vec![b'#'];
        digits(&mut out, n);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_half_of_a_word() {
        // P-35
        for n in (0..10_000).flat_map(|half| [half, half * 10_000, WORD - 1 - half]) {
            let bytes = spread(n).to_le_bytes().map(|digit| digit + b'0');
            assert_eq!(str::from_utf8(&bytes).unwrap(), format!("{n:08}"));
        }
    }

    #[test]
    fn every_length() {
        // P-35
        let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
        for n in powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX, 1_706_745_600_000]) {
            assert_eq!(written(n), format!("#{n}"));
        }
    }

    proptest! {
        #[test]
        fn any_number(n in any::<u64>(), shift in 0..64) {
            // P-35
            prop_assert_eq!(written(n >> shift), format!("#{}", n >> shift));
        }
    }
}
