//! `get`: each connection reads its own record again and again.

use memchr::memmem::Finder;
use serde_json::Value;

use super::{Role, Workload, record};
use crate::args::{Options, json_string};
use crate::session::{CallError, MASK, Session};
use crate::wire::template::Template;

#[derive(Debug)]
pub(super) struct Get {
    options: Options,
}

impl Get {
    pub(super) fn new(options: &Options) -> Self {
        Self { options: options.clone() }
    }
}

impl Workload for Get {
    fn lanes(&self) -> usize {
        self.options.connections
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        let key = format!("loadtest-{index}");
        record::ensure(session, &self.options, &key)?;
        Ok(Box::new(Reader::new(key, &self.options)))
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
    fn new(key: String, options: &Options) -> Self {
        let member = format!("\"id\":{}", json_string(&key));
        let template = Template::new(MASK, &record::get_members(options, &key));
        Self { key, key_member: Finder::new(member.as_bytes()).into_owned(), template }
    }
}

impl Role for Reader {
    fn request(&mut self, id: u64, out: &mut Vec<u8>) {
        self.template.append(id, out);
    }

    fn answer(&mut self, _id: u64, data: &[u8]) -> bool {
        // Only a server that puts spaces between members makes the second look necessary.
        self.key_member.find(data).is_some()
            || serde_json::from_slice::<Value>(data).is_ok_and(|record| record["id"] == self.key.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;

    #[test]
    fn only_its_own_record_is_right() {
        let cli = Cli::parse_from(["noex-loadtest", "get"]);
        let mut reader = Reader::new("loadtest-1".to_owned(), cli.workload.options());
        assert!(reader.answer(1, br#"{"title":"x","id":"loadtest-1","_version":1}"#));
        assert!(reader.answer(1, br#"{ "id" : "loadtest-1" }"#));
        for wrong in
            ["null", r#"{"id":"loadtest-10"}"#, r#"{"key":"loadtest-1"}"#, r#"{"a":"id loadtest-1"}"#]
        {
            assert!(!reader.answer(1, wrong.as_bytes()), "{wrong}");
        }
    }
}
