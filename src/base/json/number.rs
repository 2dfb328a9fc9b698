//! Numbers: integers of 64 bits stay exact, everything else is a double (K-10).

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
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Signed(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
            Self::Unsigned(n) => out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()),
            // ECMAScript prints negative zero as `0`; ryu-js does too.
            Self::Double(n) => out.extend_from_slice(ryu_js::Buffer::new().format(n).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

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
    fn positive_integers() {
        // S-14
        assert_eq!(Number::Double(2.0).as_positive_integer(), Some(2));
        assert_eq!(Number::Double(1.5).as_positive_integer(), None);
        assert_eq!(Number::Signed(0).as_positive_integer(), None);
        assert_eq!(Number::Signed(-1).as_positive_integer(), None);
    }
}
