//! The syntax of ECMAScript's regular expressions without the flag `u` (ECMA-262 §22.2.1, B.1.2).

use super::set::{DIGITS, LINE_ENDS, SPACE, Set, WORD};
use crate::base::limits::{PATTERN_DEPTH_MAX, PATTERN_UNITS_MAX};
use std::ops::Range;

/// A pattern as a tree; as deep as its groups nest.
#[derive(Debug)]
pub(super) enum Node {
    /// One code unit out of a set.
    One(Set),
    Sequence(Vec<Node>),
    /// The first that leads to a match.
    Alternatives(Vec<Node>),
    Start,
    End,
    /// `\b`, or `\B` if negated.
    WordBoundary {
        negated: bool,
    },
    /// A capturing group and its number, from 1.
    Group(usize, Box<Node>),
    Repeat {
        node: Box<Node>,
        min: usize,
        max: usize,
        greedy: bool,
        groups: Range<usize>,
    },
    BackReference(usize),
    Look {
        node: Box<Node>,
        negated: bool,
        behind: bool,
    },
}

/// A whole pattern.
#[derive(Debug)]
pub(super) struct Syntax {
    pub(super) root: Node,
    /// How many capturing groups there are.
    pub(super) groups: usize,
}

pub(super) fn parse(source: &str) -> Result<Syntax, String> {
    let units: Vec<u16> = source.encode_utf16().collect();
    if units.len() > PATTERN_UNITS_MAX {
        return Err(format!("longer than {PATTERN_UNITS_MAX} characters"));
    }
    let names = group_names(&units);
    let mut parser = Parser { units: &units, at: 0, opened: 0, names: &names, depth: 0 };
    let root = parser.disjunction()?;
    if parser.at < units.len() {
        return Err("unmatched )".to_owned());
    }
    Ok(Syntax { root, groups: names.len() })
}

/// Per capturing group its name, empty if it has none: needed before the groups are read, since
/// it decides what `\1` and `\k` mean.
fn group_names(units: &[u16]) -> Vec<Vec<u16>> {
    let mut names = Vec::new();
    let (mut at, mut in_class) = (0, false);
    while let Some(unit) = units.get(at) {
        match char::from_u32(u32::from(*unit)) {
            Some('\\') => at += 1,
            Some('[') => in_class = true,
            Some(']') => in_class = false,
            Some('(') if !in_class => match &units[at + 1..] {
                [QUESTION, LESS, EQUALS | EXCLAMATION, ..] => {}
                [QUESTION, LESS, name @ ..] => {
                    names.push(name.iter().copied().take_while(|unit| *unit != GREATER).collect());
                }
                [QUESTION, ..] => {}
                _ => names.push(Vec::new()),
            },
            _ => {}
        }
        at += 1;
    }
    names
}

const QUESTION: u16 = b'?' as u16;
const LESS: u16 = b'<' as u16;
const GREATER: u16 = b'>' as u16;
const EQUALS: u16 = b'=' as u16;
const EXCLAMATION: u16 = b'!' as u16;

struct Parser<'a> {
    units: &'a [u16],
    at: usize,
    /// Capturing groups opened so far.
    opened: usize,
    names: &'a [Vec<u16>],
    depth: usize,
}

impl Parser<'_> {
    /// Recurses once per group; the depth is bounded.
    fn disjunction(&mut self) -> Result<Node, String> {
        if self.depth == PATTERN_DEPTH_MAX {
            return Err(format!("groups nested deeper than {PATTERN_DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let mut alternatives = vec![self.sequence()?];
        while self.take("|") {
            alternatives.push(self.sequence()?);
        }
        self.depth -= 1;
        let only = if alternatives.len() == 1 { alternatives.pop() } else { None };
        Ok(only.unwrap_or(Node::Alternatives(alternatives)))
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        while !matches!(self.peek(), None | Some('|' | ')')) {
            nodes.push(self.term()?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn term(&mut self) -> Result<Node, String> {
        let before = self.opened;
        let node = match self.peek() {
            Some('*' | '+' | '?') => return Err("nothing to repeat".to_owned()),
            Some('{') if self.braces().is_some() => return Err("nothing to repeat".to_owned()),
            Some('(') => self.group()?,
            Some('[') => self.class()?,
            Some('\\') => self.escape()?,
            _ => match self.next() {
                0x5e => Node::Start,
                0x24 => Node::End,
                0x2e => Node::One(Set::new(LINE_ENDS.to_vec()).complement()),
                unit => one(unit),
            },
        };
        // Only look-aheads are repeatable among what takes no text (B.1.2).
        let is_repeatable = !matches!(
            node,
            Node::Start | Node::End | Node::WordBoundary { .. } | Node::Look { behind: true, .. }
        );
        match self.quantifier()? {
            None => Ok(node),
            Some(_) if !is_repeatable => Err("nothing to repeat".to_owned()),
            Some((min, max)) => {
                let greedy = !self.take("?");
                let groups = before + 1..self.opened + 1;
                Ok(Node::Repeat { node: Box::new(node), min, max, greedy, groups })
            }
        }
    }

    fn quantifier(&mut self) -> Result<Option<(usize, usize)>, String> {
        let (range, units) = match self.peek() {
            Some('*') => ((0, usize::MAX), 1),
            Some('+') => ((1, usize::MAX), 1),
            Some('?') => ((0, 1), 1),
            Some('{') => match self.braces() {
                Some(braces) => braces,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.at += units;
        if range.0 > range.1 {
            return Err("numbers out of order in {} quantifier".to_owned());
        }
        Ok(Some(range))
    }

    /// `{n}`, `{n,}` or `{n,m}` at the present place, and its length; else the brace is a character.
    fn braces(&self) -> Option<((usize, usize), usize)> {
        let rest = &self.units[self.at + 1..];
        let (min, digits) = number(rest)?;
        let mut len = digits;
        let mut max = min;
        if rest.get(len) == Some(&u16::from(b',')) {
            len += 1;
            max = usize::MAX;
            if let Some((number, digits)) = number(&rest[len..]) {
                max = number;
                len += digits;
            }
        }
        (rest.get(len) == Some(&u16::from(b'}'))).then_some(((min, max), len + 2))
    }

    fn group(&mut self) -> Result<Node, String> {
        let look = |negated, behind| Some((negated, behind));
        let (look, capturing) = if self.take("(?=") {
            (look(false, false), false)
        } else if self.take("(?!") {
            (look(true, false), false)
        } else if self.take("(?<=") {
            (look(false, true), false)
        } else if self.take("(?<!") {
            (look(true, true), false)
        } else if self.take("(?:") {
            (None, false)
        } else if self.take("(?<") {
            self.group_name()?;
            (None, true)
        } else if self.take("(?") {
            return Err("invalid group".to_owned());
        } else {
            self.at += 1;
            (None, true)
        };
        self.opened += usize::from(capturing);
        let number = self.opened;
        let node = Box::new(self.disjunction()?);
        if !self.take(")") {
            return Err("unterminated group".to_owned());
        }
        Ok(match look {
            Some((negated, behind)) => Node::Look { node, negated, behind },
            None if capturing => Node::Group(number, node),
            None => *node,
        })
    }

    /// The name of the group that is being opened, which no other has, and `>`.
    fn group_name(&mut self) -> Result<(), String> {
        let name = &self.names[self.opened];
        let text = String::from_utf16_lossy(name);
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let is_name = text.chars().all(is_part) && text.starts_with(|c: char| !c.is_ascii_digit());
        self.at += name.len();
        if !is_name || !self.take(">") {
            return Err("invalid capture group name".to_owned());
        }
        if self.names.iter().filter(|other| *other == name).count() > 1 {
            return Err("duplicate capture group name".to_owned());
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<Node, String> {
        let rest = &self.units[self.at + 1..];
        let Some(escaped) = rest.first() else { return Err("\\ at end of pattern".to_owned()) };
        match u8::try_from(*escaped) {
            Ok(letter @ (b'b' | b'B')) => {
                self.at += 2;
                return Ok(Node::WordBoundary { negated: letter == b'B' });
            }
            Ok(b'1'..=b'9') => {
                let (group, digits) = number(rest).expect("a digit");
                if group <= self.names.len() {
                    self.at += 1 + digits;
                    return Ok(Node::BackReference(group));
                }
            }
            Ok(b'k') if self.names.iter().any(|name| !name.is_empty()) => return self.named_reference(),
            _ => {}
        }
        Ok(match self.character_escape() {
            Escaped::Unit(unit) => one(unit),
            Escaped::Set(set) => Node::One(set),
        })
    }

    fn named_reference(&mut self) -> Result<Node, String> {
        let invalid = || "invalid named reference".to_owned();
        let rest = self.units[self.at + 2..].strip_prefix(&[LESS]).ok_or_else(invalid)?;
        let end = rest.iter().position(|unit| *unit == GREATER).ok_or_else(invalid)?;
        let group =
            self.names.iter().position(|name| end > 0 && **name == rest[..end]).ok_or_else(invalid)?;
        self.at += 3 + end + 1;
        Ok(Node::BackReference(group + 1))
    }

    /// An escape that means the same inside and outside of a class; there is a unit after the `\`.
    fn character_escape(&mut self) -> Escaped {
        let rest = &self.units[self.at + 1..];
        let escaped = rest[0];
        let set = |ranges: &[(u16, u16)]| Escaped::Set(Set::new(ranges.to_vec()));
        let other = |ranges: &[(u16, u16)]| Escaped::Set(Set::new(ranges.to_vec()).complement());
        let unit = |unit: u8| Escaped::Unit(u16::from(unit));
        let (meaning, len) = match u8::try_from(escaped).unwrap_or(0xff) {
            b'd' => (set(DIGITS), 1),
            b'D' => (other(DIGITS), 1),
            b'w' => (set(WORD), 1),
            b'W' => (other(WORD), 1),
            b's' => (set(SPACE), 1),
            b'S' => (other(SPACE), 1),
            b't' => (unit(b'\t'), 1),
            b'n' => (unit(b'\n'), 1),
            b'v' => (unit(0x0b), 1),
            b'f' => (unit(0x0c), 1),
            b'r' => (unit(b'\r'), 1),
            b'c' => match rest.get(1).filter(|unit| is_letter(**unit)) {
                Some(letter) => (Escaped::Unit(letter % 32), 2),
                None => (unit(b'\\'), 0),
            },
            b'x' => hex(&rest[1..], 2).map_or((unit(b'x'), 1), |code| (Escaped::Unit(code), 3)),
            b'u' => hex(&rest[1..], 4).map_or((unit(b'u'), 1), |code| (Escaped::Unit(code), 5)),
            b'0'..=b'7' => {
                let (code, digits) = octal(rest);
                (Escaped::Unit(code), digits)
            }
            _ => (Escaped::Unit(escaped), 1),
        };
        self.at += 1 + len;
        meaning
    }

    fn class(&mut self) -> Result<Node, String> {
        self.at += 1;
        let negated = self.take("^");
        let mut ranges = Vec::new();
        while !self.take("]") {
            let low = self.class_atom()?;
            let is_range = self.peek() == Some('-')
                && self.units.get(self.at + 1).is_some_and(|unit| *unit != u16::from(b']'));
            if !is_range {
                low.add_to(&mut ranges);
                continue;
            }
            self.at += 1;
            match (low, self.class_atom()?) {
                (Escaped::Unit(low), Escaped::Unit(high)) if low <= high => ranges.push((low, high)),
                (Escaped::Unit(_), Escaped::Unit(_)) => {
                    return Err("range out of order in character class".to_owned());
                }
                // B.1.2: with a set at one end the dash is a character.
                (low, high) => {
                    low.add_to(&mut ranges);
                    high.add_to(&mut ranges);
                    ranges.push((u16::from(b'-'), u16::from(b'-')));
                }
            }
        }
        let set = Set::new(ranges);
        Ok(Node::One(if negated { set.complement() } else { set }))
    }

    fn class_atom(&mut self) -> Result<Escaped, String> {
        match (self.peek(), self.units.get(self.at + 1)) {
            (None, _) | (Some('\\'), None) => Err("unterminated character class".to_owned()),
            (Some('\\'), Some(0x62)) => {
                self.at += 2;
                Ok(Escaped::Unit(0x08))
            }
            // B.1.2: in a class, `\c` takes digits and `_` too.
            (Some('\\'), Some(0x63)) => match self.units.get(self.at + 2) {
                Some(unit) if super::set::is_word(*unit) => {
                    self.at += 3;
                    Ok(Escaped::Unit(unit % 32))
                }
                _ => Ok(self.character_escape()),
            },
            (Some('\\'), Some(_)) => Ok(self.character_escape()),
            _ => Ok(Escaped::Unit(self.next())),
        }
    }

    /// The next unit if it may mean something; anything beyond ASCII is a character of its own.
    fn peek(&self) -> Option<char> {
        self.units.get(self.at).map(|unit| u8::try_from(*unit).map_or('\u{fffd}', char::from))
    }

    fn next(&mut self) -> u16 {
        self.at += 1;
        self.units[self.at - 1]
    }

    fn take(&mut self, wanted: &str) -> bool {
        let is_next = self.units[self.at..].iter().copied().take(wanted.len()).eq(wanted.encode_utf16());
        self.at += if is_next { wanted.len() } else { 0 };
        is_next
    }
}

/// What an escape stands for.
enum Escaped {
    Unit(u16),
    Set(Set),
}

impl Escaped {
    fn add_to(&self, ranges: &mut Vec<(u16, u16)>) {
        match self {
            Self::Unit(unit) => ranges.push((*unit, *unit)),
            Self::Set(set) => ranges.extend(set.ranges()),
        }
    }
}

fn one(unit: u16) -> Node {
    Node::One(Set::new(vec![(unit, unit)]))
}

fn is_letter(unit: u16) -> bool {
    u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_alphabetic())
}

fn digit(unit: u16, radix: u32) -> Option<u16> {
    let digit = char::from_u32(u32::from(unit))?.to_digit(radix)?;
    u16::try_from(digit).ok()
}

/// A decimal number at the beginning and its length; beyond all bounds it is the largest.
fn number(units: &[u16]) -> Option<(usize, usize)> {
    let digits = units.iter().map_while(|unit| digit(*unit, 10));
    let (number, len) = digits.fold((0_usize, 0), |(number, len), digit| {
        (number.saturating_mul(10).saturating_add(usize::from(digit)), len + 1)
    });
    (len > 0).then_some((number, len))
}

fn hex(units: &[u16], len: usize) -> Option<u16> {
    let digits = units.get(..len)?;
    digits.iter().try_fold(0, |code, unit| Some(code * 16 + digit(*unit, 16)?))
}

/// One to three octal digits, below 256 (B.1.2).
fn octal(units: &[u16]) -> (u16, usize) {
    let (mut code, mut len) = (0, 0);
    while let Some(digit) = units.get(len).and_then(|unit| digit(*unit, 8)) {
        if len == 3 || code * 8 + digit > 0xff {
            break;
        }
        code = code * 8 + digit;
        len += 1;
    }
    (code, len)
}
