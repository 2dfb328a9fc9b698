//! Canonical JSON text that is trusted: our own, read again without parsing.

use super::Number;
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::cmp::Ordering;

/// One canonical JSON value, borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raw<'a>(&'a [u8]);

/// The JSON type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean,
    /// any number
    Number,
    /// a string
    String,
    /// an array
    Array,
    /// an object
    Object,
}

impl Kind {
    /// The name used in validation messages (S-43); null never appears there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl<'a> Raw<'a> {
    /// Trusts that `text` is one canonical JSON value.
    pub fn trusted(text: &'a [u8]) -> Self {
        debug_assert!(!text.is_empty(), "a JSON value has at least one byte");
        Self(text)
    }

    /// The text itself.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its type, told by its first byte.
    pub fn kind(self) -> Kind {
        match self.0[0] {
            b'"' => Kind::String,
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b't' | b'f' => Kind::Boolean,
            b'n' => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Whether it is null, a boolean, a number or a string: what can be strictly equal (S-4).
    pub fn is_scalar(self) -> bool {
        !matches!(self.0[0], b'{' | b'[')
    }

    /// Its value, if it is a number.
    pub fn as_number(self) -> Option<Number> {
        if self.kind() == Kind::Number { Number::from_canonical(self.0) } else { None }
    }

    /// How it stands to another number or string: numbers by value, strings by UTF-16 code units
    /// (S-237, S-250). `None` for anything else and for values of different types (S-252).
    pub fn compare(self, other: Raw<'_>) -> Option<Ordering> {
        match (self.kind(), other.kind()) {
            (Kind::Number, Kind::Number) => Some(self.as_number()?.compare(other.as_number()?)),
            (Kind::String, Kind::String) => {
                let (a, b) = (self.unescaped(), other.unescaped());
                Some(by_utf16(&a, &b))
            }
            _ => None,
        }
    }

    /// Its text without escapes, if it is a string.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let text = std::str::from_utf8(inner).expect("canonical text is UTF-8");
        Some(if inner.contains(&b'\\') { Cow::Owned(unescape(text)) } else { Cow::Borrowed(text) })
    }

    /// The bytes of a string without its quotes and escapes.
    fn unescaped(self) -> Cow<'a, [u8]> {
        let inner = &self.0[1..self.0.len() - 1];
        match memchr(b'\\', inner) {
            None => Cow::Borrowed(inner),
            Some(_) => Cow::Owned(self.display().into_owned().into_bytes()),
        }
    }

    /// The text that JavaScript's string conversion gives, for messages (S-7).
    pub fn display(self) -> Cow<'a, str> {
        match self.kind() {
            Kind::String => self.as_str().expect("a string"),
            Kind::Object => Cow::Borrowed("[object Object]"),
            Kind::Array => Cow::Owned(join(self)),
            _ => Cow::Borrowed(std::str::from_utf8(self.0).expect("canonical text is UTF-8")),
        }
    }

    /// The members of an object as (name with its quotes, value), in order.
    /// Yields nothing for other values.
    pub fn members(self) -> impl Iterator<Item = (&'a [u8], Raw<'a>)> {
        let mut items = Items::inside(self.0, b'{');
        std::iter::from_fn(move || {
            let name = items.next_value()?;
            items.at += 1; // the colon
            Some((name, Raw(items.next_value()?)))
        })
    }

    /// The value of the member with that name (with quotes), if it is an object that has it. Scans.
    pub fn get(self, quoted_name: &[u8]) -> Option<Raw<'a>> {
        self.members().find(|(name, _)| *name == quoted_name).map(|(_, value)| value)
    }

    /// The elements of an array, in order. Yields nothing for other values.
    pub fn elements(self) -> impl Iterator<Item = Raw<'a>> {
        let mut items = Items::inside(self.0, b'[');
        std::iter::from_fn(move || items.next_value().map(Raw))
    }
}

/// Order by UTF-16 code units. It is that of the bytes of UTF-8, but for the planes beyond the
/// first: their surrogates stand before U+E000.
fn by_utf16(a: &[u8], b: &[u8]) -> Ordering {
    /// The first byte of U+E000 and above in the first plane: 0xEE or 0xEF. Bytes that continue a
    /// character are smaller.
    fn rank(byte: u8) -> u8 {
        if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { byte }
    }
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => rank(*a).cmp(&rank(*b)),
        None => a.len().cmp(&b.len()),
    }
}

/// Arrays print their elements joined by commas, null as nothing; nested ones print flat. One pass,
/// whatever the depth.
fn join(array: Raw<'_>) -> String {
    let mut out = String::new();
    let mut rest = array.0;
    while let Some(first) = rest.first() {
        let len = match first {
            b'[' | b']' => 1,
            b',' => {
                out.push(',');
                1
            }
            b'n' => 4,
            _ => {
                let len = width(rest);
                out.push_str(&Raw(&rest[..len]).display());
                len
            }
        };
        rest = &rest[len..];
    }
    out
}

/// Walks over the values inside an array or object.
struct Items<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    fn inside(text: &'a [u8], open: u8) -> Self {
        let inner = if text[0] == open { &text[1..text.len() - 1] } else { &[] };
        Self { text: inner, at: 0 }
    }

    /// The value at the current place, skipping a comma before it.
    fn next_value(&mut self) -> Option<&'a [u8]> {
        if self.text.get(self.at) == Some(&b',') {
            self.at += 1;
        }
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = width(rest);
        self.at += len;
        Some(&rest[..len])
    }
}

/// Length of the value at the beginning of `text`.
fn width(text: &[u8]) -> usize {
    match text[0] {
        b'"' => string_width(text),
        b'{' | b'[' => nested_width(text),
        _ => text.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b':')).unwrap_or(text.len()),
    }
}

/// Length of the string at the beginning of `text`, quotes included.
fn string_width(text: &[u8]) -> usize {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', &text[at..]).expect("canonical strings end");
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2; // a backslash and what it escapes
    }
}

fn nested_width(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match text[at] {
            b'"' => {
                at += string_width(&text[at..]);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
}

/// Resolves the escapes that [`super::string`] writes.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next().expect("an escape has a second character") {
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            'u' => {
                let code = chars.by_ref().take(4).fold(0, |code, c| code * 16 + c.to_digit(16).unwrap_or(0));
                char::from_u32(code).expect("only control characters are written as \\u")
            }
            other => other,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Kind, Raw};

    #[test]
    fn members_and_elements() {
        let raw = Raw::trusted(br#"{"a":"x\"},","b":[1,{"c":null},"]"],"d":-1.5,"e":{}}"#);
        let members: Vec<_> = raw
            .members()
            .map(|(name, value)| {
                (std::str::from_utf8(name).unwrap(), std::str::from_utf8(value.as_bytes()).unwrap())
            })
            .collect();
        assert_eq!(
            members,
            [
                ("\"a\"", "\"x\\\"},\""),
                ("\"b\"", "[1,{\"c\":null},\"]\"]"),
                ("\"d\"", "-1.5"),
                ("\"e\"", "{}"),
            ]
        );
        let array = raw.members().nth(1).unwrap().1;
        let kinds: Vec<_> = array.elements().map(Raw::kind).collect();
        assert_eq!(kinds, [Kind::Number, Kind::Object, Kind::String]);
        assert_eq!(Raw::trusted(b"[]").elements().count(), 0);
        assert_eq!(Raw::trusted(b"{}").members().count(), 0);
        assert_eq!(Raw::trusted(b"7").members().count(), 0);
    }

    #[test]
    fn strings_compare_by_utf16_code_units() {
        // S-237
        let ascending = [
            "",
            "\\u0001",
            "\\n",
            " ",
            "!",
            "\\\"",
            "#",
            "Z",
            "\\\\",
            "a",
            "ab",
            "é",
            "\u{d7ff}",
            "😀",
            "\u{10ffff}",
            "\u{e000}",
            "\u{ffff}",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (bt, b) in ascending.iter().enumerate() {
                let (a, b) = (format!("\"{a}\""), format!("\"{b}\""));
                let order = Raw::trusted(a.as_bytes()).compare(Raw::trusted(b.as_bytes()));
                assert_eq!(order, Some(at.cmp(&bt)), "{a} {b}");
            }
        }
        for (a, b) in [("1", "\"1\""), ("null", "null"), ("true", "false"), ("[1]", "[1]")] {
            assert_eq!(Raw::trusted(a.as_bytes()).compare(Raw::trusted(b.as_bytes())), None);
        }
    }

    #[test]
    fn display_is_the_javascript_conversion() {
        // S-7
        for (text, shown) in [
            ("\"a\\\"b\\n\\u0001\"", "a\"b\n\u{1}"),
            ("1.5", "1.5"),
            ("true", "true"),
            ("null", "null"),
            ("{\"a\":1}", "[object Object]"),
            ("[1,null,[\"x\",true]]", "1,,x,true"),
        ] {
            assert_eq!(Raw::trusted(text.as_bytes()).display(), shown);
        }
    }
}
