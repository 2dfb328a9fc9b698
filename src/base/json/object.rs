//! An object in canonical form together with where its members are.

use super::{Raw, Value, write};
use smallvec::SmallVec;

/// Where a piece of text begins and ends, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The piece of `text` from `start` to its present end. `text` is below 4 GiB.
    pub fn from(start: usize, text: &[u8]) -> Self {
        let at = |position: usize| u32::try_from(position).expect("a record is below 4 GiB");
        Self { start: at(start), end: at(text.len()) }
    }

    /// The piece itself.
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }

    /// How many bytes [`Self::to_bytes`] gives.
    pub const BYTES: usize = 8;

    /// For keeping it beside the text.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        (u64::from(self.start) | u64::from(self.end) << 32).to_ne_bytes()
    }

    /// What was kept; `None` for zeros, which no value inside an object gives.
    #[expect(clippy::cast_possible_truncation, reason = "taking the halves apart")]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let both = u64::from_ne_bytes(bytes);
        (both != 0).then_some(Self { start: both as u32, end: (both >> 32) as u32 })
    }
}

/// A client's object (`data`, `filter`), owned: travels to the core that needs it.
///
/// One pass over the tape writes the text and notes the members, so that nobody
/// has to parse it again.
#[derive(Clone, Debug, Default)]
pub struct Object {
    text: Vec<u8>,
    members: SmallVec<[(Span, Span); 6]>,
}

impl Object {
    /// Copies an object from the tape; `None` if the value is none.
    pub fn from_value(value: Value<'_, '_>) -> Option<Self> {
        let members = value.as_object()?;
        let mut object = Self { text: Vec::with_capacity(128), members: SmallVec::new() };
        object.text.push(b'{');
        members.for_each_last(|name, value| {
            object.add(name, |out| value.write(out));
        });
        object.text.push(b'}');
        Some(object)
    }

    /// The canonical text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members as (name with its quotes, value), in order.
    pub fn members(&self) -> impl Iterator<Item = (&[u8], Raw<'_>)> {
        self.members.iter().map(|(name, value)| (name.of(&self.text), Raw::trusted(value.of(&self.text))))
    }

    /// The value of the member with that name (with quotes, canonical).
    pub fn get(&self, quoted_name: &[u8]) -> Option<Raw<'_>> {
        self.members().find(|(name, _)| *name == quoted_name).map(|(_, value)| value)
    }

    fn add(&mut self, name: &str, write_value: impl FnOnce(&mut Vec<u8>)) {
        if !self.members.is_empty() {
            self.text.push(b',');
        }
        let name_at = self.text.len();
        write::string(&mut self.text, name);
        let name = Span::from(name_at, &self.text);
        self.text.push(b':');
        let value_at = self.text.len();
        write_value(&mut self.text);
        self.members.push((name, Span::from(value_at, &self.text)));
    }
}

#[cfg(test)]
mod tests {
    use super::Object;
    use crate::base::json::Parser;

    #[test]
    fn members_are_found_without_parsing() {
        let mut text = br#" {"a": 1, "b\n": "x", "a": {"c" : [ ]}} "#.to_vec();
        let mut parser = Parser::default();
        let document = parser.parse(&mut text).unwrap();
        let object = Object::from_value(document.root()).unwrap();
        assert_eq!(object.text(), br#"{"a":{"c":[]},"b\n":"x"}"#);
        assert_eq!(object.get(br#""b\n""#).unwrap().as_bytes(), b"\"x\"");
        assert!(object.get(b"\"c\"").is_none());
        assert_eq!(object.len(), 2);
    }

    #[test]
    fn only_objects_are_objects() {
        let mut parser = Parser::default();
        let mut text = b"[1]".to_vec();
        assert!(Object::from_value(parser.parse(&mut text).unwrap().root()).is_none());
    }
}
