//! `get`: each connection reads its own record again and again.

use memchr::memmem::Finder;
use serde_json::Value;

use super::{Moment, Role, Workload, record, side};
use crate::args::{RecordArgs, Target, json_string};
use crate::definitions::Definition;
use crate::session::{CallError, MASK, Session};
use crate::wire::template::Template;

#[derive(Debug)]
pub(super) struct Get {
    args: RecordArgs,
}

impl Get {
    pub(super) fn new(args: &RecordArgs) -> Self {
        Self { args: args.clone() }
    }
}

impl Workload for Get {
    fn lanes(&self) -> usize {
        self.args.options.connections
    }

    fn needs(&self) -> Vec<Definition> {
        vec![Definition::bucket(&self.args.target.bucket)]
    }

    fn suits(&self, session: &mut Session) -> Result<bool, CallError> {
        side::suits(&self.args, session)
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        let key = format!("loadtest-{index}");
        record::ensure(session, &self.args.target, &key)?;
        Ok(Box::new(Reader::new(key, &self.args.target)))
    }
}

#[derive(Debug)]
struct Reader {
    key: String,
    /// Finds the key as a member of the answer.
    key_member: Finder<'static>,
    template: Template,
}

impl Reader {
    fn new(key: String, target: &Target) -> Self {
        let member = format!("\"id\":{}", json_string(&key));
        let template = Template::new(MASK, &record::get_members(target, &key));
        Self { key, key_member: Finder::new(member.as_bytes()).into_owned(), template }
    }
}

impl Role for Reader {
    fn request(&mut self, id: u64, _now: u64, out: &mut Vec<u8>) {
        self.template.append(id, out);
    }

    fn answer(&mut self, _id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        // Only a server that puts spaces between members makes the second look necessary.
        self.key_member.find(data).is_some()
            || serde_json::from_slice::<Value>(data).is_ok_and(|record| record["id"] == self.key.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::{answers, target};
    use super::*;

    #[test]
    fn only_its_own_record_is_right() {
        let mut reader = Reader::new("loadtest-1".to_owned(), &target());
        assert!(answers(&mut reader, 1, r#"{"title":"x","id":"loadtest-1","_version":1}"#));
        assert!(answers(&mut reader, 1, r#"{ "id" : "loadtest-1" }"#));
        for wrong in
            ["null", r#"{"id":"loadtest-10"}"#, r#"{"key":"loadtest-1"}"#, r#"{"a":"id loadtest-1"}"#]
        {
            assert!(!answers(&mut reader, 1, wrong), "{wrong}");
        }
    }
}
