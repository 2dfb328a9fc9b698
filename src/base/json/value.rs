//! What a parsed text says.

use super::tape::{Container, Document, Node};
use super::{Number, Sink, Span, write};

/// One value of a document.
#[derive(Clone, Copy)]
pub struct Value<'a, 't> {
    document: &'a Document<'t>,
    at: usize,
}

impl<'a, 't> Value<'a, 't> {
    /// The value at that place of the tape.
    pub(super) fn at(document: &'a Document<'t>, at: usize) -> Self {
        Self { document, at }
    }

    /// Its text, if it is a string.
    pub fn as_str(self) -> Option<&'t str> {
        match *self.node() {
            Node::String { start, end } => Some(&self.document.text[start as usize..end as usize]),
            Node::Escaped { from, until, .. } => {
                Some(&self.document.tape.strings[from as usize..until as usize])
            }
            _ => None,
        }
    }

    /// It with its quotes, if it is a string that is canonical as it stands in the text.
    pub fn plain_string(self) -> Option<&'t [u8]> {
        match *self.node() {
            Node::String { start, end } => Some(self.bytes(start - 1, end + 1)),
            _ => None,
        }
    }

    /// Its value, if it is a number.
    pub fn as_number(self) -> Option<Number> {
        match *self.node() {
            Node::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        matches!(self.node(), Node::Null)
    }

    /// Its members, if it is an object.
    pub fn as_object(self) -> Option<Members<'a, 't>> {
        match self.node() {
            Node::Object(object) => {
                let (at, left, distinct) = (self.at + 1, object.len as usize, object.end != 0);
                Some(Members { document: self.document, at, left, distinct })
            }
            _ => None,
        }
    }

    /// Its elements, if it is an array.
    pub fn as_array(self) -> Option<impl ExactSizeIterator<Item = Value<'a, 't>>> {
        let Node::Array(array) = self.node() else { return None };
        let mut at = self.at + 1;
        Some((0..array.len).map(move |_| {
            let value = Value::at(self.document, at);
            at += value.node().width();
            value
        }))
    }

    /// The member of that name, if it is an object that has it; the last one wins (P-34).
    #[inline(always)] // so that comparing with a constant needs no call
    pub fn get(self, name: &str) -> Option<Value<'a, 't>> {
        self.as_object()?.filter(|(key, _)| *key == name.as_bytes()).last().map(|(_, value)| value)
    }

    /// It as an object that is canonical text already, if it is one.
    pub(super) fn plain_object(self) -> Option<Plain<'t>> {
        let Document { text, tape } = *self.document;
        match *self.node() {
            Node::Object(object) if object.end != 0 => {
                Some(Plain { text: text.as_bytes(), nodes: &tape.nodes[self.at + 1..], object })
            }
            _ => None,
        }
    }

    /// Appends the canonical text.
    pub fn write(self, out: &mut impl Sink) {
        match *self.node() {
            Node::Null => out.extend_from_slice(b"null"),
            Node::Boolean(true) => out.extend_from_slice(b"true"),
            Node::Boolean(false) => out.extend_from_slice(b"false"),
            Node::Number(number) => number.write(out),
            Node::Escaped { from, until, end: 0, .. } => {
                write::string(out, &self.document.tape.strings[from as usize..until as usize]);
            }
            // With its quotes.
            Node::String { start, end } | Node::Escaped { start, end, .. } => {
                out.extend_from_slice(self.bytes(start - 1, end + 1));
            }
            Node::Array(container) | Node::Object(container) => match self.plain(container) {
                Some(text) => out.extend_from_slice(text),
                None if matches!(self.node(), Node::Array(_)) => self.write_array(out),
                None => self.write_object(out),
            },
        }
    }

    fn write_array(self, out: &mut impl Sink) {
        out.push(b'[');
        for (index, element) in self.as_array().into_iter().flatten().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            element.write(out);
        }
        out.push(b']');
    }

    fn write_object(self, out: &mut impl Sink) {
        let members = self.as_object().expect("an object");
        out.push(b'{');
        let mut first = true;
        members.for_each_last(|key, value| {
            if !first {
                out.push(b',');
            }
            first = false;
            write::utf8(out, key);
            out.push(b':');
            value.write(out);
        });
        out.push(b'}');
    }

    fn node(self) -> &'t Node {
        &self.document.tape.nodes[self.at]
    }

    fn bytes(self, start: u32, end: u32) -> &'t [u8] {
        &self.document.text.as_bytes()[start as usize..end as usize]
    }

    fn plain(self, container: Container) -> Option<&'t [u8]> {
        (container.end != 0).then(|| self.bytes(container.start, container.end))
    }
}

impl Node {
    /// How many nodes the value takes on the tape.
    fn width(&self) -> usize {
        match self {
            Self::Object(container) | Self::Array(container) => container.width as usize,
            _ => 1,
        }
    }
}

/// The members of an object in text order, duplicates included, as (name, value).
#[derive(Clone)]
pub struct Members<'a, 't> {
    document: &'a Document<'t>,
    at: usize,
    left: usize,
    /// Whether it is known that no name is there twice.
    distinct: bool,
}

impl<'a, 't> Iterator for Members<'a, 't> {
    type Item = (&'t [u8], Value<'a, 't>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Document { text, tape } = *self.document;
        let name = name(&tape.nodes[self.at], &tape.strings, text);
        let value = Value::at(self.document, self.at + 1);
        self.at += 1 + value.node().width();
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Members<'_, '_> {}

impl<'a, 't> Members<'a, 't> {
    /// Visits each name once, at its first place and with its last value (P-34).
    pub fn for_each_last(self, mut visit: impl FnMut(&'t [u8], Value<'a, 't>)) {
        let Document { text, tape } = *self.document;
        if self.distinct || !has_duplicates(&tape.nodes[self.at..], self.left, &tape.strings, text) {
            return self.for_each(|(key, value)| visit(key, value));
        }
        let mut last: std::collections::HashMap<&[u8], Value<'a, 't>, ahash::RandomState> =
            self.clone().collect();
        for (key, _) in self {
            if let Some(value) = last.remove(key) {
                visit(key, value);
            }
        }
    }
}

/// An object that is canonical text already.
pub(super) struct Plain<'t> {
    /// Of the whole document.
    text: &'t [u8],
    /// Of the members.
    nodes: &'t [Node],
    object: Container,
}

impl<'t> Plain<'t> {
    /// Itself.
    pub(super) fn text(&self) -> &'t [u8] {
        &self.text[self.object.start as usize..self.object.end as usize]
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.object.len as usize
    }

    /// Where its members are in that, as [name with its quotes, value]. Without white space, a colon
    /// is between them, and a comma or the brace behind them.
    pub(super) fn spans(&self) -> impl Iterator<Item = [Span; 2]> {
        let Container { start: base, end, len, .. } = self.object;
        let mut name = self.nodes;
        (0..len).map(move |_| {
            let (Node::String { start, end: name_end } | Node::Escaped { start, end: name_end, .. }) =
                name[0]
            else {
                unreachable!("a member begins with its name")
            };
            name = &name[1 + name[1].width()..];
            let value_end = match name.first() {
                Some(Node::String { start: next, .. } | Node::Escaped { start: next, .. })
                    if (start..end).contains(next) =>
                {
                    *next - 2
                }
                _ => end - 1,
            };
            let between = |start: u32, end: u32| Span::between(start - base, end - base);
            [between(start - 1, name_end + 1), between(name_end + 2, value_end)]
        })
    }
}

/// Whether an object whose members begin at the beginning of `nodes` has a name twice; `true` also
/// if it has so many members that finding out is as much work as what has to be done then.
pub(super) fn has_duplicates(nodes: &[Node], members: usize, strings: &str, text: &str) -> bool {
    /// More members than this are hardly ever told apart by one of 64 bits each.
    const TOLD_APART_MAX: usize = 16;
    if members > TOLD_APART_MAX {
        return true;
    }
    let names = || {
        let mut at = 0;
        (0..members).map(move |_| {
            let name = name(&nodes[at], strings, text);
            at += 1 + nodes[at + 1].width();
            name
        })
    };
    let mut seen = 0_u64;
    for (number, name) in names().enumerate() {
        let bit = name_bit(name);
        if seen & bit != 0 && names().take(number).any(|earlier| earlier == name) {
            return true;
        }
        seen |= bit;
    }
    false
}

/// One of the lower 63 bits, for names that are the same the same one.
#[inline(always)] // once per name of every message
pub(super) fn name_bit(name: &[u8]) -> u64 {
    let [first, last] = [name.first(), name.last()].map(|byte| byte.copied().unwrap_or(0));
    1 << ((name.len() * 29 + usize::from(first) * 7 + usize::from(last)) % 64).min(62)
}

#[inline]
fn name<'t>(node: &Node, strings: &'t str, text: &'t str) -> &'t [u8] {
    match *node {
        Node::String { start, end } => &text.as_bytes()[start as usize..end as usize],
        Node::Escaped { from, until, .. } => &strings.as_bytes()[from as usize..until as usize],
        _ => unreachable!("a member begins with its name"),
    }
}
