//! What `store.updateBucket` does to a definition (02 §11.3).

use super::field::Field;
use super::rules::Level;
use super::schema::unquoted;
use super::{Definition, Wrong, names};
use crate::base::fault::Fault;
use crate::base::json::{Kind, Raw};
use crate::store::ttl;

impl Definition {
    /// The definition with `updates` (an object) merged in: `addFields`, `addIndexes` and `ttl`;
    /// anything else is ignored (S-217). Fields that exist keep their numbers.
    ///
    /// Whether existing records allow a `unique` field (S-222) is for their owner to check.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with the texts of S-219, in its order.
    pub fn updated(&self, updates: Raw<'_>) -> Result<Self, Fault> {
        let updates = Updates::parse(updates).map_err(|wrong| wrong.fault(&self.name))?;
        if let Some((quoted, _)) = updates.fields().find(|(quoted, _)| self.field_number(quoted).is_some()) {
            let message =
                format!("Field \"{}\" already exists in bucket \"{}\"", unquoted(quoted), self.name);
            return Err(Fault::validation(message));
        }
        let is_known = |name: &&[u8]| {
            self.field_number(name).is_some() || updates.fields().any(|(quoted, _)| quoted == *name)
        };
        if let Some(unknown) = updates.indexes.iter().find(|name| !is_known(name)) {
            return Err(super::unknown_index(&self.name, unknown));
        }
        for (quoted, field) in updates.fields() {
            Field::parse(quoted, field, Level::TOP)
                .map_err(|wrong| wrong.under(&unquoted(quoted)).under("addFields").fault(&self.name))?;
        }
        if let Some(ttl) = updates.ttl.filter(|ttl| ttl.kind() != Kind::Null) {
            ttl::parse(ttl, &self.name)?;
        }
        let default_functions = self.default_functions.clone();
        Ok(Self { default_functions, ..Self::parse(&self.name, Raw::trusted(&self.merged(&updates)))? })
    }

    /// S-223: the definition as supplied, with the updates in it.
    fn merged(&self, updates: &Updates<'_>) -> Vec<u8> {
        let mut text = vec![b'{'];
        let mut indexes = names(Raw::trusted(&self.text).get(INDEXES)).unwrap_or_default();
        for name in &updates.indexes {
            if !indexes.contains(name) {
                indexes.push(name);
            }
        }
        for (name, value) in Raw::trusted(&self.text).members() {
            match name {
                INDEXES => {}
                TTL if updates.ttl.is_some() => {}
                SCHEMA => {
                    member(&mut text, SCHEMA, b"{");
                    for (name, field) in value.members().chain(updates.fields()) {
                        member(&mut text, name, field.as_bytes());
                    }
                    text.push(b'}');
                }
                _ => member(&mut text, name, value.as_bytes()),
            }
        }
        if !indexes.is_empty() {
            member(&mut text, INDEXES, &[b"[", &indexes.join(&b',')[..], b"]"].concat());
        }
        if let Some(ttl) = updates.ttl.filter(|ttl| ttl.kind() != Kind::Null) {
            member(&mut text, TTL, ttl.as_bytes());
        }
        text.push(b'}');
        text
    }
}

const SCHEMA: &[u8] = b"\"schema\"";
const INDEXES: &[u8] = b"\"indexes\"";
const TTL: &[u8] = b"\"ttl\"";

/// Appends a member to an object whose brace is open.
fn member(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if text.last() != Some(&b'{') {
        text.push(b',');
    }
    text.extend_from_slice(name);
    text.push(b':');
    text.extend_from_slice(value);
}

/// The object `updates`, its members being of the right kind.
struct Updates<'a> {
    add_fields: Option<Raw<'a>>,
    /// Names with quotes.
    indexes: Vec<&'a [u8]>,
    /// Null removes it.
    ttl: Option<Raw<'a>>,
}

impl<'a> Updates<'a> {
    fn parse(json: Raw<'a>) -> Result<Self, Wrong> {
        let given = |name: &[u8]| json.get(name).filter(|value| value.kind() != Kind::Null);
        let add_fields = given(b"\"addFields\"");
        if add_fields.is_some_and(|fields| fields.kind() != Kind::Object) {
            return Err(Wrong::new("addFields", "expected object"));
        }
        let indexes = names(given(b"\"addIndexes\"")).map_err(|wrong| wrong.under("addIndexes"))?;
        Ok(Self { add_fields, indexes, ttl: json.get(TTL) })
    }

    fn fields(&self) -> impl Iterator<Item = (&'a [u8], Raw<'a>)> {
        self.add_fields.into_iter().flat_map(Raw::members)
    }
}
