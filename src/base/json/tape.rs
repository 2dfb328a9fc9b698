//! Client text, parsed once into a tape of nodes that point into it.
//!
//! The tape is built iteratively and bounded in depth, so that no input can
//! overflow the stack; a DOM built recursively can be made to abort the process
//! with a 10 KB message.

use super::scan::scan;
use super::{Number, Value};
use crate::base::limits::JSON_DEPTH_MAX;
use simd_json::{Buffers, StaticNode};

/// The text is no JSON, nests too deep, or holds a number beyond the double range (S-3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// One value, or a member's name, which comes before its value. Positions are bytes of the text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    Number(Number),
    /// Between its quotes in the text, where it is canonical: without escapes.
    String {
        start: u32,
        end: u32,
    },
    /// Among the strings of the tape, from one byte to another.
    Escaped {
        from: u32,
        until: u32,
        /// Between its quotes in the text, if it is canonical there; else 0.
        start: u32,
        end: u32,
    },
    /// Its members follow.
    Object(Container),
    /// Its elements follow.
    Array(Container),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Container {
    /// Where it is, brackets included, if that is canonical text; else `end` is 0.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Members, duplicates included, or elements.
    pub(super) len: u32,
    /// Nodes, its own included.
    pub(super) width: u32,
}

/// The nodes of one text.
#[derive(Default)]
pub(super) struct Tape {
    pub(super) nodes: Vec<Node>,
    /// Those that had escapes, one behind the other, without.
    pub(super) strings: String,
    /// Only while it is made: what is known of the names of the containers around the innermost open one.
    pub(super) names: Vec<u64>,
}

impl Tape {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.strings.clear();
        self.names.clear();
    }
}

/// Buffers that every parse of a core reuses.
#[derive(Default)]
pub struct Parser {
    tape: Tape,
    odd: Odd,
}

impl Parser {
    /// Parses one JSON text (P-33).
    ///
    /// # Errors
    /// [`Malformed`] as described there.
    pub fn parse<'t>(&'t mut self, text: &'t str) -> Result<Document<'t>, Malformed> {
        if !scan(text, &mut self.tape) {
            self.odd.parse(text, &mut self.tape)?;
        }
        Ok(Document { text, tape: &self.tape })
    }
}

/// A parsed text.
#[derive(Clone, Copy)]
pub struct Document<'t> {
    pub(super) text: &'t str,
    /// At least one node.
    pub(super) tape: &'t Tape,
}

impl<'t> Document<'t> {
    /// The whole value.
    pub fn root(&self) -> Value<'_, 't> {
        Value::at(self, 0)
    }
}

/// For text that [`scan`] does not take.
struct Odd {
    buffers: Buffers,
    /// What simd-json unescapes in place.
    input: Vec<u8>,
    /// Empty between parses; only its allocation is kept.
    tape: Option<simd_json::Tape<'static>>,
}

impl Default for Odd {
    fn default() -> Self {
        // A typical request; grows with the largest message seen.
        const INPUT_BYTES: usize = 512;
        Self { buffers: Buffers::with_max_depth(INPUT_BYTES, JSON_DEPTH_MAX), input: Vec::new(), tape: None }
    }
}

impl Odd {
    fn parse(&mut self, text: &str, tape: &mut Tape) -> Result<(), Malformed> {
        tape.clear();
        self.input.clear();
        self.input.extend_from_slice(text.as_bytes());
        let mut odd = self.tape.take().map_or_else(|| simd_json::Tape(Vec::new()), simd_json::Tape::reset);
        // The empty text reaches no state in which simd-json would look at a byte.
        let parsed =
            !text.is_empty() && simd_json::fill_tape(&mut self.input, &mut self.buffers, &mut odd).is_ok();
        if parsed {
            let Tape { nodes, strings, .. } = tape;
            nodes.extend(odd.0.iter().map(|node| moved(node, strings)));
        }
        self.tape = Some(odd.reset());
        if parsed { Ok(()) } else { Err(Malformed) }
    }
}

/// A node of simd-json's tape, and what it points at.
fn moved(node: &simd_json::Node<'_>, strings: &mut String) -> Node {
    let at = |position: usize| u32::try_from(position).expect("a message is below 4 GiB");
    let container = |len, count| Container { start: 0, end: 0, len: at(len), width: at(count + 1) };
    match node {
        simd_json::Node::String(text) => {
            let from = at(strings.len());
            strings.push_str(text);
            Node::Escaped { from, until: at(strings.len()), start: 0, end: 0 }
        }
        simd_json::Node::Object { len, count } => Node::Object(container(*len, *count)),
        simd_json::Node::Array { len, count } => Node::Array(container(*len, *count)),
        simd_json::Node::Static(StaticNode::Null) => Node::Null,
        simd_json::Node::Static(StaticNode::Bool(value)) => Node::Boolean(*value),
        simd_json::Node::Static(StaticNode::I64(n)) => Node::Number(Number::Signed(*n)),
        simd_json::Node::Static(StaticNode::U64(n)) => {
            Node::Number(i64::try_from(*n).map_or(Number::Unsigned(*n), Number::Signed))
        }
        simd_json::Node::Static(StaticNode::F64(n)) => Node::Number(Number::from_f64(*n)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, JSON_DEPTH_MAX, Odd, Parser, Tape};
    use crate::base::json::Object;
    use proptest::prelude::*;
    use proptest::{collection, prop_oneof};

    fn canonical(text: &str) -> Option<String> {
        let mut parser = Parser::default();
        let document = parser.parse(text).ok()?;
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

    /// What simd-json alone makes of the text.
    fn judged(text: &str) -> Option<String> {
        let mut tape = Tape::default();
        let mut odd = Odd::default();
        odd.parse(text, &mut tape).ok()?;
        let document = Document { text, tape: &tape };
        let mut out = Vec::new();
        document.root().write(&mut out);
        Some(String::from_utf8(out).unwrap())
    }

    /// Pieces that make JSON now and then, and otherwise nearly.
    const PIECES: [&str; 45] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "{\"a\":",
        ",\"b\":",
        ",\"a\":",
        "\"ab\"",
        "\"\"",
        "\"čau 😀\"",
        "\"12345678\"",
        "\"x\\n\"",
        "\"\\u0041\\/\"",
        "\"\\u001f\\\\\"",
        "\"\\u001F\"",
        "\"\\ud83d\\ude00\"",
        "{\"\\t\":",
        ",\"\\u0061\":",
        "\"\u{1}\"",
        "\"",
        "0",
        "-0",
        "-0.0",
        "1",
        "-17",
        "01",
        "19.99",
        "2.50",
        "0.000001",
        "0.0000001",
        "1.0",
        "1e3",
        "1.5E-7",
        "-",
        "1.",
        "999999999999999999",
        "9999999999999999999",
        "123456789012.345",
        "1234567890123.456",
        "true",
        "false",
        "null",
        " ",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_scanner_and_simd_json_agree(
            pieces in collection::vec(0..PIECES.len(), 0..12), value in json(), places in 0_usize..12, names in repeated(),
        ) {
            // P-33…P-36
            let soup: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            let compact = value.to_string();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let odd: String = compact.chars().enumerate().flat_map(|(at, c)| {
                let spaced = at % 12 == places && matches!(c, '{' | ',' | ':');
                [Some(c), spaced.then_some(' ')].into_iter().flatten()
            }).collect();
            for text in [soup, compact, pretty, odd, names] {
                let expected = judged(&text);
                prop_assert_eq!(&canonical(&text), &expected, "{}", text);
                // Written anew, it is canonical, and its members are found in the other way.
                if let Some(canonical) = expected {
                    prop_assert_eq!(object(&text), object(&canonical), "{}", text);
                }
            }
        }
    }

    /// The text and the members of an object, when it is an element of something.
    fn object(text: &str) -> Option<[Vec<Vec<u8>>; 2]> {
        let mut parser = Parser::default();
        let text = format!("[{text},\"next\"]");
        let document = parser.parse(&text).expect("JSON");
        let object = Object::from_value(document.root().as_array()?.next()?)?;
        let members = object.members().flat_map(|(name, value)| [name.to_vec(), value.as_bytes().to_vec()]);
        Some([vec![object.text().to_vec()], members.collect()])
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            (any::<i32>(), 0..9).prop_map(|(n, places)| (f64::from(n) / 10_f64.powi(places)).into()),
            any::<f64>().prop_map(serde_json::Value::from),
            "[a-z\"\\\\é\u{1}]{0,12}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 40, 8, |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                collection::btree_map("[a-c]{0,3}", inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The text of objects in objects whose names are often the same, and may look otherwise.
    fn repeated() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            Just("a"),
            Just("b"),
            Just("ab"),
            Just("\\u0061"),
            Just("\\t"),
            Just("\\u0009"),
            Just("")
        ];
        Just("0".to_owned()).prop_recursive(4, 40, 6, move |inner| {
            let members = collection::vec((name.clone(), inner), 0..6);
            (members, any::<bool>()).prop_map(|(members, is_object)| {
                let member = |(name, value): &(&str, String)| match is_object {
                    true => format!("\"{name}\":{value}"),
                    false => value.clone(),
                };
                let members: Vec<String> = members.iter().map(member).collect();
                let [open, close] = if is_object { ["{", "}"] } else { ["[", "]"] };
                format!("{open}{}{close}", members.join(","))
            })
        })
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
        assert!(parser.parse("[1").is_err());
        let document = parser.parse("{\"a\":{\"b\":[1,2]},\"c\":3}").unwrap();
        let c = document.root().get("c").unwrap();
        assert_eq!(c.as_number().unwrap().as_f64(), 3.0);
        assert!(document.root().get("b").is_none());
    }
}
