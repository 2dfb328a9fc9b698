//! Buckets that come, change and go (02 §11), and live queries that go with them.
//!
//! A change of a bucket excludes everything else that touches it: transactions that have voted
//! finish first, what comes later finds the bucket changed, or gone.

use super::{Posts, Shard};
use crate::base::fault::Fault;
use crate::base::ids::{BucketId, CoreId, LiveId};
use crate::message::{Admin, Alteration, Mail, REGISTRAR};
use crate::store::View;
use std::collections::BTreeMap;

impl Shard {
    /// Changes a bucket, when nobody who is undecided or waits stands in the way.
    pub fn alter(&mut self, alteration: Alteration, out: &mut Posts) {
        if let Some(alteration) = self.alter_or_wait(alteration) {
            self.run_alteration(alteration, out);
        }
    }

    pub(super) fn run_alteration(&mut self, alteration: Alteration, out: &mut Posts) {
        let outcome = match alteration {
            Alteration::Define(bucket, definition) => {
                self.define(bucket, (*definition).clone());
                Ok(())
            }
            Alteration::Redefine(id, definition) => {
                self.redefining = None; // there is one change at a time
                self.publish_bucket(id, out); // under the definition under which it changed
                let bucket = self.buckets.get_mut(&id).expect("the registrar knows what exists");
                let outcome = bucket.redefine((*definition).clone());
                self.live.redefined(id, View::committed(bucket));
                self.note_expiry(id); // there may be a first `ttl`
                outcome
            }
            Alteration::Drop(bucket) => {
                self.drop_bucket(bucket, out);
                Ok(())
            }
            Alteration::Forget(bucket) => {
                self.dropped.remove(&bucket).expect("what is forgotten was dropped");
                return;
            }
        };
        out.push((REGISTRAR, Mail::Admin(Admin::Altered(outcome.map_err(Box::new)))));
    }

    /// S-214: records, indexes and dependent subscriptions go; nobody is told of the records.
    fn drop_bucket(&mut self, id: BucketId, out: &mut Posts) {
        self.publish_bucket(id, out);
        let mut bucket = self.buckets.remove(&id).expect("the registrar knows what exists");
        self.listeners.drop_bucket(id);
        self.dropped.insert(id, bucket.definition().name().into());
        let cost = self.live.statistics(id);
        self.live_of_dropped.0 += cost.examined;
        self.live_of_dropped.1 += cost.updated;
        bucket.clear(&mut self.remains);
        let mut ended: BTreeMap<CoreId, Vec<LiveId>> = BTreeMap::new();
        for (live, core) in self.live.end_bucket(id) {
            ended.entry(core).or_default().push(live);
        }
        out.extend(ended.into_iter().map(|(core, live)| (core, Mail::Ended(live))));
    }

    /// The answer for a bucket that has been dropped while the request was on its way.
    pub(super) fn gone(&self, bucket: BucketId) -> Option<Fault> {
        self.dropped.get(&bucket).map(|name| Fault::bucket_not_defined(name))
    }
}
