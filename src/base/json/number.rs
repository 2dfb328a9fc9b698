//! Numbers: integers of 64 bits stay exact, everything else is a double (K-10).

use super::{Sink, digits};
use std::cmp::Ordering;

/// A JSON number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// An integer that fits, negative or not.
    Signed(i64),
    /// A positive integer beyond `i64`.
    Unsigned(u64),
    /// Any other finite number: no integer of 64 bits has this value.
    Double(f64),
}

impl Number {
    /// The number of that value. `1e3` and `1000` are one number (S-2), and have one text also where
    /// the shortest text of the double would have other digits (beyond 2^53).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be integral and in range"
    )]
    pub fn from_f64(n: f64) -> Self {
        /// 2^63 and 2^64 are doubles; the largest integers below them are not.
        const SIGNED_END: f64 = 9_223_372_036_854_775_808.0;
        const UNSIGNED_END: f64 = 18_446_744_073_709_551_616.0;
        if n.fract() != 0.0 {
            Self::Double(n)
        } else if (-SIGNED_END..SIGNED_END).contains(&n) {
            Self::Signed(n as i64)
        } else if (SIGNED_END..UNSIGNED_END).contains(&n) {
            Self::Unsigned(n as u64)
        } else {
            Self::Double(n)
        }
    }

    /// The number that a canonical text stands for; `None` if it is no number.
    pub fn from_canonical(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        if let Ok(n) = text.parse() {
            return Some(Self::Signed(n));
        }
        if let Ok(n) = text.parse() {
            return Some(Self::Unsigned(n));
        }
        text.parse().ok().map(Self::from_f64)
    }

    /// Compares by value, exactly: no integer is rounded to a double first (K-10).
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what an i128 holds")]
    pub fn compare(self, other: Self) -> Ordering {
        /// Beyond every integer of 64 bits.
        const BEYOND: f64 = 1e30;
        let integer = |number| match number {
            Self::Signed(n) => Ok(i128::from(n)),
            Self::Unsigned(n) => Ok(i128::from(n)),
            Self::Double(n) => Err(n),
        };
        // A double is never equal to an integer of 64 bits: that would be one of the others.
        let against = |n: i128, double: f64| {
            let floor = double.clamp(-BEYOND, BEYOND).floor() as i128;
            if n <= floor { Ordering::Less } else { Ordering::Greater }
        };
        match (integer(self), integer(other)) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(a), Err(b)) => against(a, b),
            (Err(a), Ok(b)) => against(b, a).reverse(),
            (Err(a), Err(b)) => a.total_cmp(&b),
        }
    }

    /// Its value as a double; integers beyond 2^53 are rounded.
    #[expect(clippy::cast_precision_loss, reason = "P-35: doubles are the protocol's numbers")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Signed(n) => n as f64,
            Self::Unsigned(n) => n as f64,
            Self::Double(n) => n,
        }
    }

    /// Its value as a positive integer, if it is one (`2.0` counts).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked to be integral and in range"
    )]
    pub fn as_positive_integer(self) -> Option<u64> {
        match self {
            Self::Signed(n) => u64::try_from(n).ok().filter(|n| *n >= 1),
            Self::Unsigned(n) => Some(n),
            Self::Double(n) if n.fract() == 0.0 && n >= 1.0 => {
                Some(if n >= u64::MAX as f64 { u64::MAX } else { n as u64 })
            }
            Self::Double(_) => None,
        }
    }

    /// Appends the canonical text (P-35).
    pub fn write(self, out: &mut impl Sink) {
        match self {
            Self::Signed(n) => {
                if n < 0 {
                    out.push(b'-');
                }
                digits(out, n.unsigned_abs());
            }
            Self::Unsigned(n) => digits(out, n),
            Self::Double(n) => match hundredths(n) {
                Some(hundredths) => write_hundredths(hundredths, out),
                None => out.extend_from_slice(ryu_js::Buffer::new().format(n).as_bytes()),
            },
        }
    }
}

/// `n` in hundredths, if a decimal with one or two places stands for exactly that double: sums of money
/// mostly are, and writing them takes a fraction of what the shortest digits of any double take.
///
/// Decimals of up to 15 digits stand for different doubles, so that no shorter one stands for it.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "below 10^15")]
fn hundredths(n: f64) -> Option<i64> {
    const END: f64 = 1e13;
    if !(-END..END).contains(&n) {
        return None;
    }
    let hundredths = (n * 100.0).round() as i64;
    (hundredths as f64 / 100.0 == n && hundredths % 100 != 0).then_some(hundredths)
}

fn write_hundredths(hundredths: i64, out: &mut impl Sink) {
    const DIGITS: &[u8; 10] = b"0123456789";
    if hundredths < 0 {
        out.push(b'-');
    }
    let (whole, places) = (hundredths.unsigned_abs() / 100, (hundredths.unsigned_abs() % 100) as usize);
    digits(out, whole);
    let fraction = [b'.', DIGITS[places / 10], DIGITS[places % 10]];
    out.extend_from_slice(if places % 10 == 0 { &fraction[..2] } else { &fraction });
}

#[cfg(test)]
mod tests {
    use super::Number;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn numbers_print_as_the_shortest_that_reads_back(
            hundredths in any::<i64>(), shift in 0_u32..64, divisor in 1_u32..100_000, bits in any::<u64>(),
        ) {
            // P-35
            let money = (hundredths >> shift) as f64 / f64::from(divisor);
            for n in [money, (hundredths >> shift) as f64 / 100.0, f64::from_bits(bits)] {
                if let (true, Number::Double(n)) = (n.is_finite(), Number::from_f64(n)) {
                    let expected = ryu_js::Buffer::new().format(n).to_owned();
                    prop_assert_eq!(text(Number::Double(n)), expected);
                }
            }
        }
    }

    fn text(number: Number) -> String {
        let mut out = Vec::new();
        number.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_print_as_in_ecmascript() {
        // P-35, K-10
        for (value, expected) in [
            (45.0, "45"),
            (1_152_921_504_606_846_976.0, "1152921504606846976"),
            (9_223_372_036_854_775_808.0, "9223372036854775808"),
            (-9_223_372_036_854_775_808.0, "-9223372036854775808"),
            (1.5, "1.5"),
            (-0.0, "0"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (1e20, "100000000000000000000"),
            (0.000_001, "0.000001"),
        ] {
            assert_eq!(text(Number::from_f64(value)), expected);
        }
        assert_eq!(text(Number::Signed(9_007_199_254_740_993)), "9007199254740993");
        assert_eq!(text(Number::Unsigned(u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn comparison_is_exact() {
        // K-10
        let ascending = [
            Number::Double(-1e300),
            Number::Signed(i64::MIN),
            Number::Signed(-1),
            Number::Double(-0.5),
            Number::Signed(0),
            Number::Double(0.5),
            Number::Signed(1),
            Number::Signed(9_007_199_254_740_992),
            Number::Signed(9_007_199_254_740_993),
            Number::Signed(i64::MAX),
            Number::Unsigned(1 << 63),
            Number::Unsigned(u64::MAX),
            Number::from_f64(18_446_744_073_709_551_616.0),
            Number::Double(1e300),
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (bt, b) in ascending.iter().enumerate() {
                assert_eq!(a.compare(*b), at.cmp(&bt), "{a:?} {b:?}");
            }
            assert_eq!(Number::from_canonical(text(*a).as_bytes()), Some(*a));
        }
        assert_eq!(Number::from_canonical(b"true"), None);
    }

    #[test]
    fn positive_integers() {
        // S-14
        assert_eq!(Number::Double(2.0).as_positive_integer(), Some(2));
        assert_eq!(Number::Double(1.5).as_positive_integer(), None);
        assert_eq!(Number::Signed(0).as_positive_integer(), None);
        assert_eq!(Number::Signed(-1).as_positive_integer(), None);
    }
}
