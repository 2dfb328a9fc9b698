//! Changes of what exists, one after the other, and how every core learns of them (02 §11).
//!
//! A client's call goes to the registrar, which checks it against the catalog. What concerns a
//! bucket's data is then done by the core where it lives, at one instant; only after that, the
//! registrar tells every core, and when all have acknowledged, it answers. So a bucket is there
//! before anybody can name it, and whoever has the answer finds the same on every core.
//!
//! A dropped bucket may still be named by requests on their way. Its core knows it for dropped
//! until the channels between it and every other core have been flushed, both ways, and until
//! nothing that waits there names it; then it forgets that there ever was one.

use super::Core;
use super::outbox::Outbox;
use crate::base::fault::{Code, Fault};
use crate::base::ids::{BucketId, CoreId};
use crate::base::json::{Object, Raw};
use crate::base::limits::{ADMIN_CALLS_MAX, BUCKETS_MAX, QUERIES_MAX};
use crate::message::{
    Admin, AdminCall, AdminVerb, Alteration, Answer, BucketDefinition, Change, Flush, Json, Mail, Origin,
    Outcome, REGISTRAR,
};
use crate::protocol;
use crate::query;
use std::collections::VecDeque;
use std::sync::Arc;

/// The changes that are asked for and under way. Only the registrar has any.
#[derive(Default)]
pub(super) struct Registrar {
    /// At most one call per connection: nothing else of it runs meanwhile.
    waiting: VecDeque<(Origin, AdminCall)>,
    running: Option<Running>,
}

struct Running {
    origin: Origin,
    /// The result's `data` when all is done.
    data: Vec<u8>,
    stage: Stage,
}

enum Stage {
    /// The bucket's core is at work; then this is to be told.
    Altering(Change),
    /// So many cores have not acknowledged yet; then a dropped bucket can be forgotten.
    Publishing { missing: u16, forget: Option<(CoreId, BucketId)> },
}

/// What a call comes to when it has been checked.
struct Checked {
    /// The member of the answer that says what was done.
    done: &'static str,
    /// What the bucket's core has to do first.
    alter: Option<(CoreId, Alteration)>,
    change: Change,
}

impl Registrar {
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }
}

impl Core {
    /// Sends a client's call to the registrar.
    pub(super) fn administer(&mut self, origin: Origin, call: AdminCall, out: &mut Outbox) {
        self.post(REGISTRAR, Mail::Admin(Admin::Call(origin, call)), out);
    }

    /// Takes a step of a change.
    pub(super) fn admin(&mut self, from: CoreId, admin: Admin, out: &mut Outbox) {
        match admin {
            Admin::Call(origin, _) if self.registrar.waiting.len() >= ADMIN_CALLS_MAX => {
                let message = format!("Too many administrative operations wait (max {ADMIN_CALLS_MAX})");
                self.answer_call(origin, Err(Fault::new(Code::RateLimited, message)), out);
            }
            Admin::Call(origin, call) => {
                self.registrar.waiting.push_back((origin, call));
                self.begin_next(out);
            }
            Admin::Alter(_) => unreachable!("the shard takes these"),
            Admin::Altered(outcome) => self.altered(outcome, out),
            Admin::Publish(change) => self.learn(change, out),
            Admin::Flush(flush) => self.post(from, Mail::Admin(Admin::Flushed(flush)), out),
            // What was planned before may still be sent by transactions that run here.
            Admin::Flushed(Flush::Ended) => {
                self.coordinators.flush_later(from);
                self.flush(out);
            }
            Admin::Flushed(Flush::Asked) => self.post(REGISTRAR, Mail::Admin(Admin::Published), out),
            Admin::Published => self.published(out),
        }
    }

    /// Starts the next call, unless one is under way. Calls that fail their checks are answered
    /// on the way.
    fn begin_next(&mut self, out: &mut Outbox) {
        while self.registrar.running.is_none()
            && let Some((origin, AdminCall { name, verb })) = self.registrar.waiting.pop_front()
        {
            let Checked { done, alter, change } = match self.check(&name, &verb) {
                Ok(checked) => checked,
                Err(fault) => {
                    self.answer_call(origin, Err(fault), out);
                    continue;
                }
            };
            let mut data = Vec::new();
            protocol::administered(&mut data, &name, done);
            let stage = Stage::Altering(change);
            self.registrar.running = Some(Running { origin, data, stage });
            match alter {
                Some((core, alteration)) => self.post(core, Mail::Admin(Admin::Alter(alteration)), out),
                None => self.altered(Ok(()), out),
            }
        }
    }

    /// The bucket's core has done its part, or found that it cannot: then nothing has changed.
    fn altered(&mut self, outcome: Result<(), Box<Fault>>, out: &mut Outbox) {
        let running = self.registrar.running.as_mut().expect("an alteration is part of a call");
        if let Err(fault) = outcome {
            let origin = running.origin;
            self.registrar.running = None;
            self.answer_call(origin, Err(*fault), out);
            return self.begin_next(out);
        }
        let missing = self.catalog.cores();
        let Stage::Altering(change) =
            std::mem::replace(&mut running.stage, Stage::Publishing { missing, forget: None })
        else {
            unreachable!("a bucket is altered once per call");
        };
        if let Change::NoBucket(bucket, core) = change {
            running.stage = Stage::Publishing { missing, forget: Some((core, bucket)) };
        }
        for core in 0..missing {
            self.post(CoreId(core), Mail::Admin(Admin::Publish(change.clone())), out);
        }
    }

    /// Enters a change into this core's catalog and acknowledges it.
    fn learn(&mut self, change: Change, out: &mut Outbox) {
        let dropped_from = match change {
            Change::NoBucket(_, core) => Some(core),
            _ => None,
        };
        let gone_query = match change {
            Change::NoQuery(query) => Some(query),
            _ => None,
        };
        self.catalog.apply(change);
        if let Some(query) = gone_query {
            self.end_query(query, out);
        }
        match dropped_from {
            // Live queries of several buckets may be read again until they are known to have ended.
            Some(core) => self.post(core, Mail::Admin(Admin::Flush(Flush::Ended)), out),
            None => self.post(REGISTRAR, Mail::Admin(Admin::Published), out),
        }
    }

    /// Flushes the channel to a dropped bucket's core for the last time, if that is due.
    pub(super) fn flush(&mut self, out: &mut Outbox) {
        if let Some(core) = self.coordinators.flush_due() {
            self.post(core, Mail::Admin(Admin::Flush(Flush::Asked)), out);
        }
    }

    /// One more core has acknowledged the change; the last one ends the call.
    fn published(&mut self, out: &mut Outbox) {
        let running = self.registrar.running.as_mut().expect("an acknowledgement is part of a call");
        let Stage::Publishing { missing, .. } = &mut running.stage else {
            unreachable!("what is acknowledged was published");
        };
        *missing -= 1;
        if *missing > 0 {
            return;
        }
        let Some(Running { origin, data, stage: Stage::Publishing { forget, .. } }) =
            self.registrar.running.take()
        else {
            unreachable!("just seen");
        };
        if let Some((core, bucket)) = forget {
            self.post(core, Mail::Admin(Admin::Alter(Alteration::Forget(bucket))), out);
        }
        self.answer_call(origin, Ok(data), out);
        self.begin_next(out);
    }

    fn answer_call(&mut self, origin: Origin, outcome: Result<Vec<u8>, Fault>, out: &mut Outbox) {
        let outcome = match outcome {
            Ok(data) => Outcome::Data(Json::Text(data)),
            Err(fault) => Outcome::Fault(Box::new(fault)),
        };
        self.post(origin.core, Mail::Answer(Answer { conn: origin.conn, outcome }), out);
    }

    /// Everything that can be checked without looking at data. Changes nothing (S-25, S-220).
    fn check(&self, name: &str, verb: &AdminVerb) -> Result<Checked, Fault> {
        match verb {
            AdminVerb::DefineBucket(config) => self.check_define_bucket(name, config),
            AdminVerb::DropBucket => {
                let (placed, _) = self.catalog.definition(name).ok_or_else(|| no_such_bucket(name))?;
                Ok(Checked {
                    done: "dropped",
                    alter: Some((placed.core, Alteration::Drop(placed.bucket))),
                    change: Change::NoBucket(placed.bucket, placed.core),
                })
            }
            AdminVerb::UpdateBucket(updates) => {
                let (placed, definition) =
                    self.catalog.definition(name).ok_or_else(|| Fault::bucket_not_defined(name))?;
                let definition = Arc::new(definition.updated(Raw::trusted(updates.text()))?);
                Ok(Checked {
                    done: "updated",
                    alter: Some((placed.core, Alteration::Redefine(placed.bucket, Arc::clone(&definition)))),
                    change: Change::Definition(placed.bucket, definition),
                })
            }
            AdminVerb::DefineQuery(config) => self.check_define_query(name, config),
            AdminVerb::RegisterQuery(definition) => self.check_query(name, definition.clone()),
            AdminVerb::UndefineQuery => {
                let (query, _) = self.catalog.query(name).ok_or_else(|| Fault::query_not_defined(name))?;
                Ok(Checked { done: "undefined", alter: None, change: Change::NoQuery(query) })
            }
        }
    }

    /// S-213: S-23, then the definition.
    fn check_define_bucket(&self, name: &str, config: &Object) -> Result<Checked, Fault> {
        if self.catalog.bucket(name).is_some() {
            return Err(Fault::new(Code::AlreadyExists, format!("Bucket \"{name}\" already exists")));
        }
        let definition = Arc::new(BucketDefinition::parse(name, Raw::trusted(config.text()))?);
        if self.catalog.buckets().len() >= BUCKETS_MAX {
            return Err(Fault::new(Code::RateLimited, format!("Bucket limit reached (max {BUCKETS_MAX})")));
        }
        let placed = self.catalog.next_bucket(name);
        Ok(Checked {
            done: "created",
            alter: Some((placed.core, Alteration::Define(placed.bucket, Arc::clone(&definition)))),
            change: Change::Bucket(placed.bucket, placed.core, definition),
        })
    }

    /// S-226 before S-227 before the rest of S-228.
    fn check_define_query(&self, name: &str, config: &Object) -> Result<Checked, Fault> {
        let config = Raw::trusted(config.text());
        let bucket = config.get(b"\"bucket\"").and_then(Raw::as_str).filter(|bucket| !bucket.is_empty());
        if let Some(bucket) = bucket
            && self.catalog.bucket(&bucket).is_none()
        {
            return Err(Fault::bucket_not_defined(&bucket));
        }
        self.check_query_name(name)?;
        self.check_query(name, query::Definition::parse(name, config)?)
    }

    /// S-124.
    fn check_query_name(&self, name: &str) -> Result<(), Fault> {
        let is_free = self.catalog.query(name).is_none();
        let taken = || Fault::new(Code::AlreadyExists, format!("Query \"{name}\" is already defined"));
        is_free.then_some(()).ok_or_else(taken)
    }

    fn check_query(&self, name: &str, definition: query::Definition) -> Result<Checked, Fault> {
        self.check_query_name(name)?;
        if self.catalog.queries().len() >= QUERIES_MAX {
            return Err(Fault::new(Code::RateLimited, format!("Query limit reached (max {QUERIES_MAX})")));
        }
        let query = self.catalog.next_query();
        let change = Change::Query(query, name.into(), definition);
        Ok(Checked { done: "defined", alter: None, change })
    }
}

/// S-215, S-224.
pub(super) fn no_such_bucket(name: &str) -> Fault {
    Fault::new(Code::BucketNotDefined, format!("Bucket \"{name}\" does not exist"))
}
