//! `update`: each connection updates its own record, whose `_version` grows by one each time (S-90).

use super::{FinalState, Role, Workload, record};
use crate::args::{Options, json_string};
use crate::session::{CallError, MASK, Session};
use crate::wire::template::Template;

#[derive(Debug)]
pub(super) struct Update {
    options: Options,
}

impl Update {
    pub(super) fn new(options: &Options) -> Self {
        Self { options: options.clone() }
    }
}

impl Workload for Update {
    fn lanes(&self) -> usize {
        self.options.connections
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        Ok(Box::new(Writer::prepare(session, &self.options, &format!("loadtest-{index}"))?))
    }
}

/// The only writer of a record.
#[derive(Debug)]
pub(super) struct Writer {
    template: Template,
    /// The highest version that was answered.
    version: u64,
    /// What an id and the version that its update makes differ by, modulo 2^64. Taken from ids, not from the
    /// answer before: an answer that is missing or late is one fault, not also a wrong version of the next.
    version_minus_id: u64,
}

impl Writer {
    /// Makes sure that the record `key` exists and begins at its version.
    pub(super) fn prepare(session: &mut Session, options: &Options, key: &str) -> Result<Self, CallError> {
        let version = record::version(&record::ensure(session, options, key)?)?;
        Ok(Self::new(options, key, version, session.next_id()))
    }

    fn new(options: &Options, key: &str, version: u64, next_id: u64) -> Self {
        let members = format!(
            r#""type":"store.update","bucket":{},"key":{},"data":{}"#,
            json_string(&options.bucket),
            json_string(key),
            options.record.object()
        );
        Self {
            template: Template::new(MASK, &members),
            version,
            version_minus_id: (version + 1).wrapping_sub(next_id),
        }
    }
}

impl Role for Writer {
    fn request(&mut self, id: u64, out: &mut Vec<u8>) {
        self.template.append(id, out);
    }

    fn answer(&mut self, id: u64, data: &[u8]) -> bool {
        let expected = id.wrapping_add(self.version_minus_id);
        let Some(version) = record::version_in(data, expected) else { return false };
        self.version = self.version.max(version);
        // Goes on from what the server says: one wrong step is one fault.
        self.version_minus_id = version.wrapping_sub(id);
        version == expected
    }

    fn refused(&mut self) {
        self.version_minus_id = self.version_minus_id.wrapping_sub(1);
    }

    fn settled(&self, state: &FinalState) -> bool {
        state.record["_version"] == self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;

    /// A writer of a record in version 4 whose next request has the id 1.
    fn writer() -> Writer {
        let cli = Cli::parse_from(["noex-loadtest", "update"]);
        Writer::new(cli.workload.options(), "k", 4, 1)
    }

    /// Answers request `id` with `version` and checks whether that is right.
    fn check(writer: &mut Writer, id: u64, version: &str, right: bool) {
        let data = format!(r#"{{"id":"k","_version":{version}}}"#);
        assert_eq!(writer.answer(id, data.as_bytes()), right, "id {id} version {version}");
    }

    #[test]
    fn versions_grow_by_one() {
        let mut writer = writer();
        for (id, version, right) in [
            (1, "5", true),
            (2, "6", true),
            (3, "6", false),
            (4, "7", true),
            (5, "9", false),
            (6, "10", true),
        ] {
            check(&mut writer, id, version, right);
        }
        check(&mut writer, 7, "null", false);
        check(&mut writer, 8, "12", true);
        let state = |version: u64| FinalState {
            record: serde_json::json!({ "_version": version }),
            result: serde_json::Value::Null,
        };
        assert!(writer.settled(&state(12)) && !writer.settled(&state(13)));
    }

    #[test]
    fn late_missing_and_refused_answers_are_no_wrong_versions() {
        let mut writer = writer();
        check(&mut writer, 2, "6", true);
        check(&mut writer, 1, "5", true);
        check(&mut writer, 4, "8", true);
        writer.refused();
        check(&mut writer, 6, "9", true);
        assert_eq!(writer.version, 9);
    }
}
