//! `mixed` and `soak`: each connection reads and updates its own record and inserts others.

use std::collections::VecDeque;

use memchr::memmem::Finder;

use super::record::{self, Versions, get_members};
use super::update::update_template;
use super::{Finding, Moment, Role, Workload};
use crate::args::{MixedArgs, SoakArgs, json_string};
use crate::definitions::Definition;
use crate::random::Random;
use crate::session::{CallError, MASK, Session};
use crate::timeline::Slot;
use crate::wire::template::Template;

#[derive(Debug)]
pub(super) struct Mixed {
    args: MixedArgs,
}

impl Mixed {
    pub(super) fn new(args: &MixedArgs) -> Self {
        Self { args: args.clone() }
    }
}

/// What must not grow while the load stays the same.
#[derive(Debug)]
pub(super) struct Soak {
    load: Mixed,
    growth_percent: u64,
}

impl Soak {
    pub(super) fn new(args: &SoakArgs) -> Self {
        let SoakArgs { updates, growth, target, options } = args.clone();
        let load = Mixed { args: MixedArgs { updates, inserts: 0, seed: 1, target, options } };
        Self { load, growth_percent: growth }
    }
}

impl Workload for Soak {
    fn lanes(&self) -> usize {
        self.load.lanes()
    }

    fn needs(&self) -> Vec<Definition> {
        self.load.needs()
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        self.load.role(index, session)
    }

    fn watch(&self, timeline: &[Slot]) -> Vec<Finding> {
        let resident: Vec<u64> = timeline.iter().filter_map(|slot| slot.resident_bytes).collect();
        let (Some(&settled), Some(&end)) = (resident.get(resident.len() / 4), resident.last()) else {
            return vec![Finding::inconsistent("the server's memory is not known (--server-pid)".to_owned())];
        };
        if end <= settled + settled / 100 * self.growth_percent {
            return Vec::new();
        }
        vec![Finding::inconsistent(format!(
            "the server's memory has grown from {settled} to {end} bytes after the first quarter"
        ))]
    }
}

impl Workload for Mixed {
    fn lanes(&self) -> usize {
        self.args.options.connections
    }

    fn needs(&self) -> Vec<Definition> {
        vec![Definition::bucket(&self.args.target.bucket)]
    }

    fn role(&mut self, index: usize, session: &mut Session) -> Result<Box<dyn Role>, CallError> {
        let (target, key) = (&self.args.target, format!("loadtest-{index}"));
        let version = record::version(&record::ensure(session, target, &key)?)?;
        let insert = format!(
            r#""type":"store.insert","bucket":{},"data":{}"#,
            json_string(&target.bucket),
            target.record.object()
        );
        Ok(Box::new(User {
            get: Template::new(MASK, &get_members(target, &key)),
            update: update_template(target, &key, &target.record),
            insert: Template::new(MASK, &insert),
            updates_below: self.args.updates,
            inserts_below: self.args.updates + self.args.inserts,
            key_member: Finder::new(&format!("\"id\":\"{key}\"")).into_owned(),
            random: Random::new(self.args.seed ^ index as u64),
            waiting: VecDeque::new(),
            updates: 0,
            versions: Versions::new(version, 0, 1),
        }))
    }
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    /// The update with this number.
    Update(u64),
    Insert,
}

#[derive(Debug)]
struct User {
    get: Template,
    update: Template,
    insert: Template,
    /// In percent.
    updates_below: u64,
    inserts_below: u64,
    key_member: Finder<'static>,
    random: Random,
    /// What is in flight, by id.
    waiting: VecDeque<(u64, Kind)>,
    updates: u64,
    versions: Versions,
}

impl User {
    fn take(&mut self, id: u64) -> Option<Kind> {
        let at = self.waiting.iter().position(|(waiting, _)| *waiting == id)?;
        self.waiting.remove(at).map(|(_, kind)| kind)
    }
}

impl Role for User {
    fn request(&mut self, id: u64, _now: u64, out: &mut Vec<u8>) {
        let chance = self.random.below(100);
        let (kind, template) = if chance < self.updates_below {
            self.updates += 1;
            (Kind::Update(self.updates - 1), &mut self.update)
        } else if chance < self.inserts_below {
            (Kind::Insert, &mut self.insert)
        } else {
            (Kind::Get, &mut self.get)
        };
        template.append(id, out);
        self.waiting.push_back((id, kind));
    }

    fn answer(&mut self, id: u64, data: &[u8], _moment: &mut Moment<'_>) -> bool {
        match self.take(id) {
            Some(Kind::Get) => {
                // It sees what the update before it made (P-122); others that come later are not there yet.
                self.key_member.find(data).is_some()
            }
            Some(Kind::Update(number)) => {
                self.versions.check(number, data) && self.key_member.find(data).is_some()
            }
            Some(Kind::Insert) => record::version_in(data, 1) == Some(1),
            None => false,
        }
    }

    fn refused(&mut self, id: u64) {
        if let Some(Kind::Update(_)) = self.take(id) {
            self.versions.refused();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::target;
    use super::*;
    use crate::args::{Cli, Command, WorkloadArgs};
    use clap::Parser;

    fn check_soak(resident: &[u64], findings: usize) {
        let Command::Run(WorkloadArgs::Soak(args)) = Cli::parse_from(["noex-loadtest", "soak"]).command
        else {
            panic!("not soak")
        };
        let slot = |bytes: &u64| Slot {
            seconds: 0.0,
            throughput: 0.0,
            p50_us: 0.0,
            p99_us: 0.0,
            max_us: 0.0,
            resident_bytes: Some(*bytes),
        };
        let timeline: Vec<Slot> = resident.iter().map(slot).collect();
        assert_eq!(Soak::new(&args).watch(&timeline).len(), findings, "{resident:?}");
    }

    #[test]
    fn memory_may_grow_in_the_first_quarter_only() {
        check_soak(&[1_000, 5_000, 5_100, 5_200], 0);
        check_soak(&[1_000, 5_000, 6_000, 7_000], 1);
        check_soak(&[], 1);
    }

    #[test]
    fn each_kind_is_answered_in_its_own_way() {
        let mut user = User {
            get: Template::new(MASK, ""),
            update: update_template(&target(), "k", &target().record),
            insert: Template::new(MASK, ""),
            updates_below: 0,
            inserts_below: 0,
            key_member: Finder::new("\"id\":\"k\"").into_owned(),
            random: Random::new(1),
            waiting: VecDeque::from([(4, Kind::Update(0)), (5, Kind::Get), (6, Kind::Insert)]),
            updates: 1,
            versions: Versions::new(1, 0, 1),
        };
        let mut answer =
            |id, data: &str| user.answer(id, data.as_bytes(), &mut Moment::new(0, &mut Vec::new()));
        assert!(answer(4, r#"{"id":"k","_version":2}"#));
        assert!(!answer(5, r#"{"id":"other","_version":2}"#));
        assert!(answer(6, r#"{"id":"new","_version":1}"#));
        assert!(!answer(6, r#"{"id":"new","_version":1}"#), "answered already");
    }
}
