//! The table `[auth]` (03 §14.1): who may log in.

use super::super::layer::Layer;
use super::server;
use super::table::Table;
use crate::node::{AuthSettings, StaticToken};
use sha2::{Digest, Sha256};
use toml::value::{Datetime, Offset};

/// Reads `[auth]`; without a mode `token` everybody may do everything.
pub(super) fn read(mut table: Table<'_>, layer: &mut Layer) {
    let mode = table.string("mode").unwrap_or("token");
    let required = table.boolean("required").unwrap_or(true);
    let tokens = validators(&mut table);
    match mode {
        "token" if required && tokens.is_empty() => {
            table.report.at(table.header(), "[auth] lists no token, so that nobody could log in");
        }
        "token" | "none" => {}
        "built-in" => table.complain("mode", "auth mode \"built-in\" is not supported by this version"),
        other => table.complain("mode", format!("Invalid mode: {other} (must be token or none)")),
    }
    server::trusted_proxies(&mut table, &mut layer.trusted_proxies); // 03 §14.1, A-17
    table.finish();
    layer.auth = (mode == "token").then_some(AuthSettings { required, tokens });
}

/// All tokens of all validators. The first validator that knows a token wins (03 §14.1), so
/// that a token given twice would silently have one meaning: an error.
fn validators(auth: &mut Table<'_>) -> Vec<StaticToken> {
    let mut tokens: Vec<(usize, StaticToken)> = Vec::new();
    for mut validator in auth.tables("validator") {
        match validator.string("type") {
            Some("static") => {}
            Some("jwt") => {
                validator.complain("type", "validator type \"jwt\" is not supported by this version")
            }
            Some(other) => {
                validator.complain("type", format!("Invalid type: {other} (must be static)"));
            }
            None => validator.missing("type"),
        }
        for table in validator.tables("token") {
            let (report, header) = (table.report, table.header());
            let Some(read) = token(table) else { continue };
            match tokens.iter().find(|(_, earlier)| earlier.sha256 == read.sha256) {
                Some((line, _)) => report.at(header, format!("this token is already given on line {line}")),
                None => tokens.push((report.line(&header), read)),
            }
        }
        validator.finish();
    }
    tokens.into_iter().map(|(_, token)| token).collect()
}

fn token(mut table: Table<'_>) -> Option<StaticToken> {
    let (plain, digest) = (table.string("token"), table.string("token_sha256"));
    let sha256 = match (plain, digest) {
        (Some(_), Some(_)) => {
            table.complain("token_sha256", "give either token or token_sha256, not both");
            None
        }
        (Some(""), None) => {
            table.complain("token", "a token must not be empty");
            None
        }
        (Some(plain), None) => Some(Sha256::digest(plain.as_bytes()).into()),
        (None, Some(digest)) => {
            let digest = from_hex(digest);
            if digest.is_none() {
                table.complain("token_sha256", "token_sha256 must be 64 hex digits");
            }
            digest
        }
        (None, None) => {
            if table.get("token").or(table.get("token_sha256")).is_none() {
                table.missing("token");
            }
            None
        }
    };
    let user_id = table.string("user_id");
    match user_id {
        Some("") => table.complain("user_id", "a user_id must not be empty"),
        None if table.get("user_id").is_none() => table.missing("user_id"),
        _ => {}
    }
    let roles = table.strings("roles").unwrap_or_default();
    for role in roles.iter().filter(|role| role.starts_with('@')) {
        table.complain("roles", format!("Invalid role: {role} (names beginning with @ are reserved)"));
    }
    let expires_at = expiry(&mut table);
    table.finish();
    Some(StaticToken { sha256: sha256?, user_id: user_id?.to_owned(), roles, expires_at })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A date with offset, or an integer: milliseconds since the Unix epoch.
fn expiry(table: &mut Table<'_>) -> Option<u64> {
    const KEY: &str = "expires_at";
    let Some(date) = table.get(KEY)?.get_ref().as_datetime() else {
        return table.integer(KEY, 0..=u64::MAX);
    };
    let unix_ms = unix_ms(date);
    if unix_ms.is_none() {
        table.complain(
            KEY,
            "expires_at needs a date from 1970 on, a time and an offset: 2030-01-01T00:00:00Z",
        );
    }
    unix_ms
}

fn unix_ms(datetime: &Datetime) -> Option<u64> {
    let (date, time) = (datetime.date?, datetime.time?);
    let offset_minutes = match datetime.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = days * 1_440 + i64::from(time.hour) * 60 + i64::from(time.minute) - offset_minutes;
    let ms = i64::from(time.nanosecond.unwrap_or(0) / 1_000_000);
    u64::try_from((minutes * 60 + i64::from(time.second.unwrap_or(0))) * 1_000 + ms).ok()
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so
/// that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // Day 0 of this count is 0000-03-01, 719 468 days before the epoch.
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::unix_ms;

    #[test]
    fn dates_become_milliseconds() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2030-01-01T00:00:00Z", Some(1_893_456_000_000)),
            ("2024-02-29T12:34:56.789+02:00", Some(1_709_202_896_789)),
            ("2000-03-01 00:00:00-00:30", Some(951_870_600_000)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("1969-12-31T23:59:59Z", None),
            ("2030-01-01T00:00:00", None),
            ("2030-01-01", None),
            ("00:00:00", None),
        ] {
            assert_eq!(unix_ms(&text.parse().unwrap()), expected, "{text}");
        }
    }
}
