//! The string formats `email`, `url` and `iso-date` (02 §2.4).

/// What a string of a field has to look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Email,
    Url,
    IsoDate,
}

impl Format {
    /// The format of that name in definitions.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Email, Self::Url, Self::IsoDate].into_iter().find(|format| format.as_str() == name)
    }

    /// Its name in definitions and messages.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Url => "url",
            Self::IsoDate => "iso-date",
        }
    }

    /// Whether the text has it. O(text).
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Email => is_email(text),
            Self::Url => url::Url::parse(text).is_ok(), // S-58
            Self::IsoDate => is_iso_date(text.as_bytes()),
        }
    }
}

/// White space as in ECMAScript.
pub(super) fn is_space(c: char) -> bool {
    // Unicode counts U+0085 and ECMAScript does not; the byte order mark is the other way round.
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// S-57.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let has_inner_dot = domain.len() > 2 && domain.as_bytes()[1..domain.len() - 1].contains(&b'.');
    !local.is_empty() && !domain.contains('@') && has_inner_dot && !text.contains(is_space)
}

/// S-59, S-60: `YYYY-MM-DD`, a day of the calendar, then nothing or a time.
fn is_iso_date(text: &[u8]) -> bool {
    let mut rest = Digits(text);
    let date = (|| {
        let year = rest.number(4)?;
        let month = rest.after(b'-')?.number(2)?;
        let day = rest.after(b'-')?.number(2)?;
        Some((1..=days_of(year, month)).contains(&day))
    })();
    date == Some(true) && (rest.0.is_empty() || is_time(rest) == Some(true))
}

/// `T`, hours, minutes, seconds, perhaps a fraction, perhaps a zone.
fn is_time(mut rest: Digits<'_>) -> Option<bool> {
    let hour = rest.after(b'T')?.number(2)?;
    let minute = rest.after(b':')?.number(2)?;
    let second = rest.after(b':')?.number(2)?;
    if rest.after(b'.').is_some() {
        let digits = rest.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest.0 = &rest.0[digits..];
        if digits == 0 {
            return None;
        }
    }
    let is_zone = match rest.0 {
        [] | [b'Z'] => true,
        [b'+' | b'-', ..] => {
            rest.0 = &rest.0[1..];
            let (hour, minute) = (rest.number(2)?, rest.after(b':')?.number(2)?);
            hour <= 23 && minute <= 59 && rest.0.is_empty()
        }
        _ => false,
    };
    Some(is_zone && hour <= 23 && minute <= 59 && second <= 59)
}

/// How many days the month has; none if there is no such month.
fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Text that is read from its beginning.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    /// Takes a number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        if !head.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = rest;
        Some(head.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
    }

    /// Takes one byte, if it is that one.
    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    fn check(format: Format, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(format.accepts(text), "{text:?} is a good {}", format.as_str());
        }
        for text in bad {
            assert!(!format.accepts(text), "{text:?} is a bad {}", format.as_str());
        }
    }

    #[test]
    fn email() {
        // S-57
        check(
            Format::Email,
            &[
                "a@b.c",
                "a@b.c.",
                "a@.b.c",
                "\"@b.c",
                "ž@ř.č",
                "a.b+c@d-e.f",
                "a@b..c",
                "a@...",
                "a@b.\u{85}c",
            ],
            &[
                "",
                "a",
                "@",
                "a@b",
                "a b@c.d",
                "a@@b.c",
                "@b.c",
                "a@b.c@d.e",
                "a@.b",
                "a@b.",
                "a@.",
                "a@..",
                " a@b.c",
                "a@b.c\n",
                "a@b\u{a0}.c",
                "a@b.c\u{feff}",
                "a\u{2028}@b.c",
            ],
        );
    }

    #[test]
    fn url() {
        // S-58
        check(
            Format::Url,
            &[
                "mailto:x",
                "http://a",
                "https://a.b/c?d#e",
                "HTTP://A",
                "http:a",
                "ftp://u:p@h:21/",
                "data:,x",
                "urn:isbn:1",
                "http://[::1]:80/",
                "  http://a  ",
                "a:",
                "javascript:alert(1)",
                "http://ř.č/ž",
            ],
            &[
                "",
                "::",
                "a",
                "/a/b",
                "//a/b",
                "http://",
                "http://a:99999",
                "http://[::1",
                "1:a",
                "http://a b/",
                "www.a.b",
            ],
        );
    }

    #[test]
    fn iso_date() {
        // S-59, S-60
        check(
            Format::IsoDate,
            &[
                "2024-01-15",
                "2024-02-29",
                "2000-02-29",
                "0000-01-01",
                "0999-12-31",
                "9999-12-31",
                "2024-01-15T00:00:00",
                "2024-01-15T23:59:59",
                "2024-01-15T10:00:00.1",
                "2024-01-15T10:00:00.123456789",
                "2024-01-15T10:00:00Z",
                "2024-01-15T10:00:00.5Z",
                "2024-01-01T00:30:00+02:00",
                "2024-01-15T23:30:00-05:00",
                "2024-01-15T10:00:00+23:59",
                "2024-01-15T10:00:00-00:00",
            ],
            &[
                "",
                "2024",
                "2024-01",
                "2024-1-15",
                "2024-01-5",
                "24-01-15",
                "12024-01-15",
                "+2024-01-15",
                "2024-00-15",
                "2024-13-15",
                "2024-01-00",
                "2024-01-32",
                "2024-02-30",
                "2023-02-29",
                "1900-02-29",
                "2024-04-31",
                "2024-01-15T",
                "2024-01-15 10:00:00",
                "2024-01-15t10:00:00",
                "2024-01-15T10:00",
                "2024-01-15T10",
                "2024-01-15T24:00:00",
                "2024-01-15T10:60:00",
                "2024-01-15T10:00:60",
                "2024-01-15T1:00:00",
                "2024-01-15T10:00:00.",
                "2024-01-15T10:00:00,5",
                "2024-01-15T10:00:00z",
                "2024-01-15T10:00:00+0200",
                "2024-01-15T10:00:00+02",
                "2024-01-15T10:00:00+24:00",
                "2024-01-15T10:00:00+02:60",
                "2024-01-15T10:00:00ZZ",
                "2024-01-15T10:00:00+02:00Z",
                "2024-01-15\n",
                " 2024-01-15",
                "2024-01-15Z",
                "２024-01-15",
                "2024-01-15T10:00:00.٣",
            ],
        );
    }
}
