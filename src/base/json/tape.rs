//! Client text, parsed once into a tape that borrows it.
//!
//! The tape is built iteratively and bounded in depth, so that no input can
//! overflow the stack; a DOM built recursively can be made to abort the process
//! with a 10 KB message.

use super::{Number, Sink, write};
use crate::base::limits::JSON_DEPTH_MAX;
use simd_json::{Buffers, Node, StaticNode, Tape};

/// The text is no JSON, nests too deep, or holds a number beyond the double range (S-3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// Buffers that every parse of a core reuses.
pub struct Parser {
    buffers: Buffers,
    /// Empty between parses; only its allocation is kept.
    tape: Option<Tape<'static>>,
}

impl Default for Parser {
    fn default() -> Self {
        // A typical request; grows with the largest message seen.
        const INPUT_BYTES: usize = 512;
        Self { buffers: Buffers::with_max_depth(INPUT_BYTES, JSON_DEPTH_MAX), tape: None }
    }
}

impl Parser {
    /// Parses one JSON text; strings are unescaped in place (P-33).
    ///
    /// # Errors
    /// [`Malformed`] as described there.
    pub fn parse<'t>(&'t mut self, text: &'t mut [u8]) -> Result<Document<'t>, Malformed> {
        let mut tape: Tape<'t> = self.tape.take().map_or_else(|| Tape(Vec::new()), Tape::reset);
        // The empty text reaches no state in which simd-json would look at a byte.
        let parsed = !text.is_empty() && simd_json::fill_tape(text, &mut self.buffers, &mut tape).is_ok();
        let document = Document { tape, home: &mut self.tape };
        if parsed { Ok(document) } else { Err(Malformed) }
    }
}

/// A parsed text; gives its buffers back when dropped.
pub struct Document<'t> {
    tape: Tape<'t>,
    home: &'t mut Option<Tape<'static>>,
}

impl<'t> Document<'t> {
    /// The whole value.
    pub fn root(&self) -> Value<'_, 't> {
        Value(&self.tape.0)
    }
}

impl Drop for Document<'_> {
    fn drop(&mut self) {
        let tape = std::mem::replace(&mut self.tape, Tape(Vec::new()));
        *self.home = Some(tape.reset());
    }
}

/// One value of a document.
#[derive(Clone, Copy)]
pub struct Value<'a, 't>(&'a [Node<'t>]);

impl<'a, 't> Value<'a, 't> {
    /// Its text, if it is a string.
    pub fn as_str(self) -> Option<&'t str> {
        match self.0[0] {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    /// Its value, if it is a number.
    pub fn as_number(self) -> Option<Number> {
        match self.0[0] {
            Node::Static(StaticNode::I64(n)) => Some(Number::Signed(n)),
            Node::Static(StaticNode::U64(n)) => {
                Some(i64::try_from(n).map_or(Number::Unsigned(n), Number::Signed))
            }
            Node::Static(StaticNode::F64(n)) => Some(Number::from_f64(n)),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        matches!(self.0[0], Node::Static(StaticNode::Null))
    }

    /// Its members, if it is an object.
    pub fn as_object(self) -> Option<Members<'a, 't>> {
        match self.0[0] {
            Node::Object { len, .. } => Some(Members { rest: &self.0[1..], left: len }),
            _ => None,
        }
    }

    /// Its elements, if it is an array.
    pub fn as_array(self) -> Option<impl ExactSizeIterator<Item = Value<'a, 't>>> {
        let Node::Array { len, .. } = self.0[0] else { return None };
        let mut rest = &self.0[1..];
        Some((0..len).map(move |_| {
            let value = Value(rest);
            rest = &rest[value.width()..];
            value
        }))
    }

    /// The member of that name, if it is an object that has it; the last one wins (P-34).
    #[inline(always)] // so that comparing with a constant needs no call
    pub fn get(self, name: &str) -> Option<Value<'a, 't>> {
        self.as_object()?.filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }

    /// Appends the canonical text.
    pub fn write(self, out: &mut impl Sink) {
        match self.0[0] {
            Node::String(text) => write::string(out, text),
            Node::Static(StaticNode::Null) => out.extend_from_slice(b"null"),
            Node::Static(StaticNode::Bool(true)) => out.extend_from_slice(b"true"),
            Node::Static(StaticNode::Bool(false)) => out.extend_from_slice(b"false"),
            Node::Static(_) => self.as_number().expect("the other statics are numbers").write(out),
            Node::Array { .. } => self.write_array(out),
            Node::Object { .. } => self.write_object(out),
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
            write::string(out, key);
            out.push(b':');
            value.write(out);
        });
        out.push(b'}');
    }

    /// How many nodes the value takes on the tape.
    fn width(self) -> usize {
        match self.0[0] {
            Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
            _ => 1,
        }
    }
}

/// The members of an object in text order, duplicates included.
#[derive(Clone)]
pub struct Members<'a, 't> {
    rest: &'a [Node<'t>],
    left: usize,
}

impl<'a, 't> Iterator for Members<'a, 't> {
    type Item = (&'t str, Value<'a, 't>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Node::String(key) = self.rest[0] else { unreachable!("a member begins with its name") };
        let value = Value(&self.rest[1..]);
        self.rest = &self.rest[1 + value.width()..];
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Members<'_, '_> {}

impl<'a, 't> Members<'a, 't> {
    /// Visits each name once, at its first place and with its last value (P-34).
    pub fn for_each_last(self, mut visit: impl FnMut(&'t str, Value<'a, 't>)) {
        if !self.clone().has_duplicates() {
            return self.for_each(|(key, value)| visit(key, value));
        }
        let mut last: std::collections::HashMap<&str, Value<'a, 't>, ahash::RandomState> =
            self.clone().collect();
        for (key, _) in self {
            if let Some(value) = last.remove(key) {
                visit(key, value);
            }
        }
    }

    /// Whether a name is there twice; `true` also for objects with so many members that finding
    /// out is as much work as what has to be done then.
    fn has_duplicates(self) -> bool {
        /// More members than this are hardly ever told apart by one of 64 bits each.
        const TOLD_APART_MAX: usize = 16;
        if self.left > TOLD_APART_MAX {
            return true;
        }
        let mut seen = 0_u64;
        for (at, (key, _)) in self.clone().enumerate() {
            let [first, last] = [key.bytes().next(), key.bytes().next_back()].map(|byte| byte.unwrap_or(0));
            let bit = 1 << ((key.len() * 29 + usize::from(first) * 7 + usize::from(last)) % 64);
            if seen & bit != 0 && self.clone().take(at).any(|(earlier, _)| earlier == key) {
                return true;
            }
            seen |= bit;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{JSON_DEPTH_MAX, Parser};

    fn canonical(text: &str) -> Option<String> {
        let mut parser = Parser::default();
        let mut bytes = text.as_bytes().to_vec();
        let document = parser.parse(&mut bytes).ok()?;
        let mut out = Vec::new();
        document.root().write(&mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn canonical_text() {
        // P-33…P-36, K-10
        for (input, expected) in [
            (" { \"a\" : [ 1 , 2.50 , -0 , 1e3 ] } ", "{\"a\":[1,2.5,0,1000]}"),
            ("\"\\u0041\\/\\u000a\"", "\"A/\\n\""),
            ("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709552000"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1.0", "1"),
            ("{}", "{}"),
            ("[]", "[]"),
            ("[null,true,false]", "[null,true,false]"),
        ] {
            assert_eq!(canonical(input).as_deref(), Some(expected), "{input}");
        }
    }

    #[test]
    fn malformed_text() {
        // P-33, S-3, P-37
        for input in
            ["", " ", "{", "{\"a\":1,}", "{'a':1}", "NaN", "01", "1e400", "\"\\ud800\"", "1 2", "\u{feff}1"]
        {
            assert_eq!(canonical(input), None, "{input:?}");
        }
    }

    #[test]
    fn many_duplicates_use_the_table() {
        // P-34
        let members: Vec<String> = (0..40).map(|n| format!("\"k{}\":{n}", n % 20)).collect();
        let expected: Vec<String> = (0..20).map(|n| format!("\"k{n}\":{}", n + 20)).collect();
        let text = |members: &[String]| format!("{{{}}}", members.join(","));
        assert_eq!(canonical(&text(&members)), Some(text(&expected)));
    }

    #[test]
    fn depth_is_bounded() {
        // P-38: 128 is accepted, far too deep is an error and no crash.
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(canonical(&nested(128)).is_some());
        assert!(canonical(&nested(JSON_DEPTH_MAX - 1)).is_some());
        assert!(canonical(&nested(JSON_DEPTH_MAX + 1)).is_none());
        assert!(canonical(&nested(500_000)).is_none());
    }

    #[test]
    fn a_parser_is_reusable_after_a_failure() {
        let mut parser = Parser::default();
        assert!(parser.parse(&mut b"[1".to_vec()).is_err());
        let mut good = b"{\"a\":{\"b\":[1,2]},\"c\":3}".to_vec();
        let document = parser.parse(&mut good).unwrap();
        let c = document.root().get("c").unwrap();
        assert_eq!(c.as_number().unwrap().as_f64(), 3.0);
        assert!(document.root().get("b").is_none());
    }
}
