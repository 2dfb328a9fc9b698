//! `update`: each connection updates its own record, whose `_version` grows by one each time (S-90).

use super::record::Versions;
use super::{Moment, Role, Workload, record, side};
use crate::args::{Record, RecordArgs, Target, json_string};
use crate::definitions::Definition;
use crate::session::{CallError, MASK, Session};
use crate::wire::template::Template;

#[derive(Debug)]
pub(super) struct Update {
    args: RecordArgs,
}

impl Update {
    pub(super) fn new(args: &RecordArgs) -> Self {
        Self { args: args.clone() }
    }
}

impl Workload for Update {
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
        let (target, key) = (&self.args.target, format!("loadtest-{index}"));
        let version = record::version(&record::ensure(session, target, &key)?)?;
        Ok(Box::new(Writer {
            template: update_template(target, &key, &target.record),
            versions: Versions::new(version, session.next_id(), 1),
        }))
    }
}

/// The request that updates record `key` with the data of `record`.
pub(super) fn update_template(target: &Target, key: &str, record: &Record) -> Template {
    let members = format!(
        r#""type":"store.update","bucket":{},"key":{},"data":{}"#,
        json_string(&target.bucket),
        json_string(key),
        record.object()
    );
    Template::new(MASK, &members)
}

/// The only writer of a record.
#[derive(Debug)]
struct Writer {
    template: Template,
    versions: Versions,
}

impl Role for Writer {
    fn request(&mut self, id: u64, _now: u64, out: &mut Vec<u8>) {
        self.template.append(id, out);
    }

    fn answer(&mut self, id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        self.versions.check(id, data)
    }

    fn refused(&mut self, _id: u64) {
        self.versions.refused();
    }
}
