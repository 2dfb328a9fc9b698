//! A parser for the text that clients mostly send. It reads each byte once and notes which parts are
//! canonical already.
//!
//! It knows no errors: what it does not take (integers of many digits, escaped surrogates, what is
//! no JSON), simd-json judges.

use super::Number;
use super::tape::{Container, Node, Tape};
use super::value::{has_duplicates, name_bit};
use super::write::plain_prefix;
use crate::base::limits::JSON_DEPTH_MAX;
use smallvec::SmallVec;

/// Fills the tape with the value that `text` is. False, and a tape with anything on it, for text
/// that is not taken; it may be JSON nevertheless.
pub(super) fn scan(text: &str, tape: &mut Tape) -> bool {
    tape.clear();
    // No place in it or on its tape, which has no more nodes than it has bytes, needs more.
    if u32::try_from(text.len()).is_err() {
        return false;
    }
    Scanner { text, at: 0, tape, open: None, depth: 0, odd_until: 0, names: 0 }.document().is_some()
}

/// The text is not taken.
type Taken<T> = Option<T>;

/// Lives in registers: what changes it is compiled into one function, and what is not is called with copies.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    tape: &'a mut Tape,
    /// Where on the tape the innermost container is that has not ended.
    open: Option<u32>,
    depth: usize,
    /// No byte from here to `at` is other than canonical text has it.
    odd_until: usize,
    /// Of the innermost open object the [`name_bit`]s of its names so far, and [`TWICE`].
    names: u64,
}

/// Among the bits of names: some name may be there twice.
const TWICE: u64 = 1 << 63;

/// More digits may be too many for a `u64`.
const INTEGER_DIGITS_MAX: usize = 18;

/// Decimals of so many digits stand for different doubles, and are the quotient of two exact ones.
const DECIMAL_DIGITS_MAX: usize = 15;

/// The longest canonical text of a double has a sign, 17 digits, a point and an exponent, or zeros before them.
const DOUBLE_BYTES_MAX: usize = 32;

/// With more digits after the point, a number may be so small that its canonical text has an exponent.
const PLAIN_PLACES_MAX: usize = 6;

impl Scanner<'_> {
    #[inline(always)]
    fn document(&mut self) -> Taken<()> {
        loop {
            self.skip_space();
            if self.begin_value()? {
                continue;
            }
            while let Some(open) = self.open {
                if self.has_next(open)? {
                    break;
                }
            }
            if self.open.is_none() {
                self.skip_space();
                return (self.at == self.text.len()).then_some(());
            }
        }
    }

    /// Takes a scalar, or the beginning of a container up to its first value. True = that follows.
    #[inline(always)]
    fn begin_value(&mut self) -> Taken<bool> {
        match self.peek() {
            b'"' => self.string()?,
            b'{' | b'[' => return self.begin_container(),
            b't' => self.literal(b"true", Node::Boolean(true))?,
            b'f' => self.literal(b"false", Node::Boolean(false))?,
            b'n' => self.literal(b"null", Node::Null)?,
            _ => self.number()?,
        }
        Some(false)
    }

    #[inline(always)]
    fn begin_container(&mut self) -> Taken<bool> {
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return None;
        }
        let is_object = self.peek() == b'{';
        let start = position(self.at);
        // Until it ends, `width` says where the container around it is.
        let parent = self.open.map_or(0, |open| open + 1);
        let open = position(self.tape.nodes.len());
        let container = Container { start, end: 0, len: 0, width: parent };
        self.tape.nodes.push(if is_object { Node::Object(container) } else { Node::Array(container) });
        self.open = Some(open);
        self.tape.names.push(std::mem::take(&mut self.names));
        self.at += 1;
        self.skip_space();
        if self.peek() == if is_object { b'}' } else { b']' } {
            self.end_container(open);
            return Some(false);
        }
        if is_object {
            self.name()?;
        }
        Some(true)
    }

    /// Behind a value of an open container: whether there is another one, which then begins here.
    #[inline(always)]
    fn has_next(&mut self, open: u32) -> Taken<bool> {
        self.skip_space();
        let (is_object, container) = match &mut self.tape.nodes[open as usize] {
            Node::Object(container) => (true, container),
            Node::Array(container) => (false, container),
            _ => unreachable!("only containers are open"),
        };
        container.len += 1;
        match self.peek() {
            b',' => {
                self.at += 1;
                if is_object {
                    self.skip_space();
                    self.name()?;
                }
                Some(true)
            }
            end if end == if is_object { b'}' } else { b']' } => {
                self.end_container(open);
                Some(false)
            }
            _ => None,
        }
    }

    /// At the bracket that ends the container.
    #[inline(always)]
    fn end_container(&mut self, open: u32) {
        self.at += 1;
        self.depth -= 1;
        let nodes = &mut self.tape.nodes;
        let width = nodes.len() - open as usize;
        let (container, is_object) = match &mut nodes[open as usize] {
            Node::Object(container) => (container, true),
            Node::Array(container) => (container, false),
            _ => unreachable!("only containers are open"),
        };
        self.open = container.width.checked_sub(1);
        let names = std::mem::replace(&mut self.names, self.tape.names.pop().expect("one each"));
        container.width = position(width);
        let (start, len) = (container.start as usize, container.len as usize);
        // The outermost one is an envelope: nobody asks for its text.
        if start < self.odd_until || self.open.is_none() {
            return;
        }
        let is_doubtful = is_object && names & TWICE != 0;
        if is_doubtful && has_duplicates(&nodes[open as usize + 1..], len, &self.tape.strings, self.text) {
            self.odd_until = self.at;
            return;
        }
        if let Node::Object(container) | Node::Array(container) = &mut nodes[open as usize] {
            container.end = position(self.at);
        }
    }

    /// A member's name and its colon.
    #[inline(always)]
    fn name(&mut self) -> Taken<()> {
        let start = self.at + 1;
        self.string()?;
        // As it stands: of names that are the same, one that looks otherwise is not canonical.
        let bit = name_bit(&self.text.as_bytes()[start..self.at - 1]);
        self.names |= if self.names & bit == 0 { bit } else { TWICE };
        self.skip_space();
        if self.peek() != b':' {
            return None;
        }
        self.at += 1;
        Some(())
    }

    #[inline(always)]
    fn string(&mut self) -> Taken<()> {
        if self.peek() != b'"' {
            return None;
        }
        let start = self.at + 1;
        let text = self.text.as_bytes();
        let end = start + plain_prefix(&text[start..]);
        match text.get(end)? {
            b'"' => {
                self.at = end + 1;
                self.push(Node::String { start: position(start), end: position(end) })
            }
            b'\\' => self.escaped(start, end),
            _ => None,
        }
    }

    /// The rest of a string from its start on, whose first backslash is at `at`.
    #[inline(always)]
    fn escaped(&mut self, start: usize, at: usize) -> Taken<()> {
        let from = position(self.tape.strings.len());
        let (at, is_canonical) = unescape(self.text, &mut self.tape.strings, start, at)?;
        self.at = at + 1;
        if !is_canonical {
            self.odd_until = self.at;
        }
        let (start, end) = if is_canonical { (position(start), position(at)) } else { (0, 0) };
        self.push(Node::Escaped { start, end, from, until: position(self.tape.strings.len()) })
    }

    #[inline(always)]
    fn literal(&mut self, text: &[u8], node: Node) -> Taken<()> {
        if !self.text.as_bytes()[self.at..].starts_with(text) {
            return None;
        }
        self.at += text.len();
        self.push(node)
    }

    #[inline(always)]
    fn number(&mut self) -> Taken<()> {
        let start = self.at;
        let is_negative = self.peek() == b'-';
        self.at += usize::from(is_negative);
        let starts_with_zero = self.peek() == b'0';
        let digits_at = self.at;
        let whole = digits(self.text.as_bytes(), &mut self.at);
        let count = self.at - digits_at;
        if count == 0 || count > INTEGER_DIGITS_MAX || (starts_with_zero && count > 1) {
            return None;
        }
        if matches!(self.peek(), b'.' | b'e' | b'E') {
            let decimal = Decimal { start, is_negative, whole, digits: count };
            let (number, at, is_canonical) = decimal.read(self.text.as_bytes(), self.at)?;
            self.at = at;
            if !is_canonical {
                self.odd_until = at;
            }
            return self.push(Node::Number(number));
        }
        if is_negative && whole == 0 {
            self.odd_until = self.at;
        }
        self.push(Node::Number(Number::Signed(signed(is_negative, whole)?)))
    }

    /// Nodes are made where they stay: returning them through memory would make the processor wait.
    #[inline(always)]
    fn push(&mut self, node: Node) -> Taken<()> {
        self.tape.nodes.push(node);
        Some(())
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
            self.odd_until = self.at;
        }
    }

    /// The byte here, or 0, which no JSON text contains, at the end.
    #[inline(always)]
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }
}

/// Appends a string from its start on, whose first backslash is at `at`. Where its last quote is, and
/// whether all is as canonical text has it.
#[inline(never)]
fn unescape(text: &str, strings: &mut String, start: usize, mut at: usize) -> Taken<(usize, bool)> {
    let bytes = text.as_bytes();
    let (mut copied, mut is_canonical) = (start, true);
    while bytes.get(at)? == &b'\\' {
        strings.push_str(&text[copied..at]);
        let escape = Escape::read(&bytes[at + 1..])?;
        strings.push(escape.character);
        is_canonical &= escape.is_canonical;
        copied = at + 1 + escape.bytes;
        at = copied + plain_prefix(&bytes[copied..]);
    }
    if bytes[at] != b'"' {
        return None;
    }
    strings.push_str(&text[copied..at]);
    Some((at, is_canonical))
}

/// The value of the digits at `at`, modulo 2^64, which then is behind them.
#[inline(always)]
fn digits(text: &[u8], at: &mut usize) -> u64 {
    let mut value = 0_u64;
    while let Some(digit @ b'0'..=b'9') = text.get(*at) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        *at += 1;
    }
    value
}

/// A number whose digits before its point or exponent have been read.
struct Decimal {
    start: usize,
    is_negative: bool,
    whole: u64,
    digits: usize,
}

impl Decimal {
    /// From where its point or its exponent is: the number, where it ends, and whether it is canonical text.
    #[inline(never)]
    #[expect(clippy::cast_precision_loss, reason = "of at most 15 digits")]
    fn read(self, text: &[u8], mut at: usize) -> Taken<(Number, usize, bool)> {
        let (mut places, mut fraction) = (0, 0);
        if text[at] == b'.' {
            at += 1;
            let start = at;
            fraction = digits(text, &mut at);
            places = at - start;
            if places == 0 {
                return None;
            }
        }
        if self.digits + places > DECIMAL_DIGITS_MAX || matches!(text.get(at), Some(b'e' | b'E')) {
            return double(text, self.start, at);
        }
        let scale = power_of_ten(places);
        let mantissa = signed(self.is_negative, self.whole * scale + fraction)?;
        let is_canonical = places <= PLAIN_PLACES_MAX && !fraction.is_multiple_of(10);
        Some((Number::from_f64(mantissa as f64 / scale as f64), at, is_canonical))
    }
}

/// The same for a number that is not simply a quotient, from behind its digits.
fn double(text: &[u8], start: usize, mut at: usize) -> Taken<(Number, usize, bool)> {
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let exponent_at = at;
        digits(text, &mut at);
        if at == exponent_at {
            return None;
        }
    }
    let text = &text[start..at];
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let number = Number::from_f64(value);
    let mut canonical: SmallVec<[u8; DOUBLE_BYTES_MAX]> = SmallVec::new();
    number.write(&mut canonical);
    Some((number, at, canonical.as_slice() == text))
}

/// What follows a backslash.
struct Escape {
    character: char,
    /// Without the backslash.
    bytes: usize,
    /// Whether canonical text has it like that.
    is_canonical: bool,
}

impl Escape {
    fn read(text: &[u8]) -> Taken<Self> {
        let short = |character| Some(Self { character, bytes: 1, is_canonical: character != '/' });
        match text.first()? {
            b'"' => short('"'),
            b'\\' => short('\\'),
            b'/' => short('/'),
            b'b' => short('\u{8}'),
            b'f' => short('\u{c}'),
            b'n' => short('\n'),
            b'r' => short('\r'),
            b't' => short('\t'),
            b'u' => {
                let digits = text.get(1..5)?;
                let digit = |code: u32, digit: &u8| Some(code * 16 + char::from(*digit).to_digit(16)?);
                let character = char::from_u32(digits.iter().try_fold(0, digit)?)?;
                let has_short_form = matches!(character, '\u{8}' | '\u{c}' | '\n' | '\r' | '\t');
                let is_canonical =
                    character < ' ' && !has_short_form && !digits.iter().any(u8::is_ascii_uppercase);
                Some(Self { character, bytes: 5, is_canonical })
            }
            _ => None,
        }
    }
}

fn signed(is_negative: bool, magnitude: u64) -> Taken<i64> {
    let magnitude = i64::try_from(magnitude).ok()?;
    Some(if is_negative { -magnitude } else { magnitude })
}

#[expect(clippy::cast_possible_truncation, reason = "longer texts are not taken")]
fn position(at: usize) -> u32 {
    at as u32
}

fn power_of_ten(exponent: usize) -> u64 {
    const POWERS: [u64; INTEGER_DIGITS_MAX + 1] = {
        let mut powers = [1; INTEGER_DIGITS_MAX + 1];
        let mut at = 1;
        while at < powers.len() {
            powers[at] = powers[at - 1] * 10;
            at += 1;
        }
        powers
    };
    POWERS[exponent]
}
