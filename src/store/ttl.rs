//! How long records live (02 §10.1).

use super::format::is_space;
use crate::base::fault::Fault;
use crate::base::json::{Kind, Raw};

/// Reads a bucket's `ttl`, a number or a string, in milliseconds: positive and finite (S-184).
///
/// # Errors
/// `VALIDATION_ERROR` with the texts of S-185.
pub(super) fn parse(json: Raw<'_>, bucket: &str) -> Result<f64, Fault> {
    let positive = |ttl: f64| {
        let message = || format!("TTL must be a positive finite number, got {}", json.display());
        if ttl > 0.0 { Ok(ttl) } else { Err(Fault::validation(message())) }
    };
    match json.kind() {
        Kind::Number => positive(json.as_number().expect("a number").as_f64()),
        Kind::String => duration(&json.as_str().expect("a string")),
        _ => Err(Fault::validation(format!(
            "Invalid definition for bucket \"{bucket}\": ttl: expected number or string"
        ))),
    }
}

fn duration(text: &str) -> Result<f64, Fault> {
    let (amount, unit_ms) = split(text).ok_or_else(|| {
        Fault::validation(format!(
            "Invalid TTL format \"{text}\". Expected a number (ms) or string like \"30s\", \"5m\", \"1h\", \"7d\"."
        ))
    })?;
    let ttl = amount * unit_ms;
    if ttl == 0.0 {
        return Err(Fault::validation(format!("TTL value must be positive, got \"{text}\"")));
    }
    if ttl.is_infinite() {
        return Err(Fault::validation("TTL must be a positive finite number, got Infinity"));
    }
    Ok(ttl)
}

/// The amount and the length of its unit.
fn split(text: &str) -> Option<(f64, f64)> {
    const UNITS_MS: [(char, f64); 4] = [('s', 1e3), ('m', 60e3), ('h', 3_600e3), ('d', 86_400e3)];
    let (amount, unit_ms) = UNITS_MS.iter().find_map(|(unit, ms)| Some((text.strip_suffix(*unit)?, *ms)))?;
    let amount = amount.trim_end_matches(is_space);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = match amount.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(amount),
    };
    is_decimal.then(|| amount.parse().ok().map(|amount| (amount, unit_ms)))?
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::base::json::Raw;

    #[test]
    fn what_a_ttl_may_be() {
        // S-184
        for (json, ms) in [
            ("300", 300.0),
            ("0.5", 0.5),
            ("1e+300", 1e300),
            ("\"30s\"", 30e3),
            ("\"1.5h\"", 5_400e3),
            ("\"5 s\"", 5e3),
            ("\"5\\t\u{a0}m\"", 300e3),
            ("\"007d\"", 604_800e3),
        ] {
            assert_eq!(parse(Raw::trusted(json.as_bytes()), "b"), Ok(ms), "{json}");
        }
    }

    #[test]
    fn what_it_may_not_be() {
        // S-185
        let fault = |json: &str| parse(Raw::trusted(json.as_bytes()), "b").unwrap_err().message;
        for bad in
            ["", "10", "h", "-1s", "5ms", "1w", "1H", " 1s", "1s ", "1.s", ".5s", "1e3s", "1.2.3s", "+1s"]
        {
            let message = format!(
                "Invalid TTL format \"{bad}\". Expected a number (ms) or string like \"30s\", \"5m\", \"1h\", \"7d\"."
            );
            assert_eq!(fault(&format!("\"{bad}\"")), message);
        }
        assert_eq!(fault("0"), "TTL must be a positive finite number, got 0");
        assert_eq!(fault("-1.5"), "TTL must be a positive finite number, got -1.5");
        assert_eq!(fault("\"0s\""), "TTL value must be positive, got \"0s\"");
        assert_eq!(fault("\"0.0 d\""), "TTL value must be positive, got \"0.0 d\"");
        let huge = format!("\"{}d\"", "9".repeat(400));
        assert_eq!(fault(&huge), "TTL must be a positive finite number, got Infinity");
        assert_eq!(fault("true"), "Invalid definition for bucket \"b\": ttl: expected number or string");
    }
}
