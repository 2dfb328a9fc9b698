//! `insert`: each connection inserts records whose ids the server generates.

use super::{Moment, Role, Workload, record, side};
use crate::args::{RecordArgs, json_string};
use crate::definitions::Definition;
use crate::session::{CallError, MASK, Session};
use crate::wire::template::Template;

#[derive(Debug)]
pub(super) struct Insert {
    args: RecordArgs,
}

impl Insert {
    pub(super) fn new(args: &RecordArgs) -> Self {
        Self { args: args.clone() }
    }
}

impl Workload for Insert {
    fn lanes(&self) -> usize {
        self.args.options.connections
    }

    fn needs(&self) -> Vec<Definition> {
        vec![Definition::bucket(&self.args.target.bucket)]
    }

    fn suits(&self, session: &mut Session) -> Result<bool, CallError> {
        side::suits(&self.args, session)
    }

    fn role(&mut self, _index: usize, _session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        let members = format!(
            r#""type":"store.insert","bucket":{},"data":{}"#,
            json_string(&self.args.target.bucket),
            self.args.target.record.object()
        );
        Ok(Box::new(Inserter { template: Template::new(MASK, &members) }))
    }
}

#[derive(Debug)]
struct Inserter {
    template: Template,
}

impl Role for Inserter {
    fn request(&mut self, id: u64, _now: u64, out: &mut Vec<u8>) {
        self.template.append(id, out);
    }

    /// A new record is answered complete, in its first version (S-81, S-61).
    fn answer(&mut self, _id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        record::version_in(data, 1) == Some(1)
    }
}
