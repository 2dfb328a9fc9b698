//! Who is told what happens to records (02 §10.4): listeners of the embedding program.
//!
//! An event is made when a change is committed, so that its listeners hear of the changes of a
//! bucket in commit order and find them done (S-205). Nobody waits for a listener: what it gets is
//! an output like any other, and whoever carries it out bounds what waits there.

use super::Shard;
use crate::base::ids::{BucketId, ListenerId};
use crate::base::limits::EVENTS_WAITING_MAX;
use crate::store::{Bucket, Change, Definition, Event, EventKind, EventPattern};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The listeners of one core's buckets. Every listener is known to every core.
#[derive(Default)]
pub(super) struct Listeners {
    patterns: BTreeMap<ListenerId, EventPattern>,
    /// Only of buckets that somebody listens to.
    by_bucket: BTreeMap<BucketId, Heard>,
    told: Vec<Told>,
}

/// Who hears of a bucket, by [`EventKind`].
struct Heard {
    name: Arc<str>,
    by_kind: [Vec<ListenerId>; 3],
}

/// What a listener is to be told.
#[derive(Debug)]
pub enum Told {
    /// An event.
    Event(ListenerId, Event),
    /// That there were so many more at once than it could have waiting.
    Missed(ListenerId, u64),
}

impl Heard {
    fn new(name: &str, patterns: &BTreeMap<ListenerId, EventPattern>) -> Option<Self> {
        let by_kind = EventKind::ALL.map(|kind| {
            let matching = patterns.iter().filter(|(_, pattern)| pattern.matches(name, kind));
            matching.map(|(listener, _)| *listener).collect::<Vec<_>>()
        });
        by_kind.iter().any(|listeners| !listeners.is_empty()).then(|| Self { name: name.into(), by_kind })
    }

    fn tell(&self, definition: &Definition, change: &Change, told: &mut Vec<Told>) {
        let event = Event::new(&self.name, definition, change);
        let listeners = &self.by_kind[event.kind() as usize];
        told.extend(listeners.iter().map(|listener| Told::Event(*listener, event.clone())));
    }
}

impl Listeners {
    /// A bucket has come.
    pub(super) fn define(&mut self, id: BucketId, name: &str) {
        if let Some(heard) = Heard::new(name, &self.patterns) {
            self.by_bucket.insert(id, heard);
        }
    }

    /// A bucket has gone; nobody is told of its records (S-214).
    pub(super) fn drop_bucket(&mut self, id: BucketId) {
        self.by_bucket.remove(&id);
    }

    /// A record of a bucket has changed.
    pub(super) fn changed(&mut self, id: BucketId, definition: &Definition, change: &Change) {
        if let Some(heard) = self.by_bucket.get(&id) {
            heard.tell(definition, change, &mut self.told);
        }
    }

    /// Whether anybody is told of changes of the bucket.
    pub(super) fn hear(&self, id: BucketId) -> bool {
        !self.by_bucket.is_empty() && self.by_bucket.contains_key(&id)
    }

    /// A bucket is about to be cleared: one event for each record (S-96), as far as a listener can
    /// have them waiting. O(records), at most [`EVENTS_WAITING_MAX`].
    pub(super) fn clear(&mut self, id: BucketId, bucket: &Bucket) {
        let Some(heard) = self.by_bucket.get(&id) else { return };
        for change in bucket.removals().take(EVENTS_WAITING_MAX) {
            heard.tell(bucket.definition(), &change, &mut self.told);
        }
        let missed = bucket.len().saturating_sub(EVENTS_WAITING_MAX) as u64;
        if missed > 0 {
            let listeners = &heard.by_kind[EventKind::Deleted as usize];
            self.told.extend(listeners.iter().map(|listener| Told::Missed(*listener, missed)));
        }
    }
}

impl Shard {
    /// From now on a listener is told of the events that its pattern matches. O(buckets × listeners).
    pub fn listen(&mut self, listener: ListenerId, pattern: EventPattern) {
        self.listeners.patterns.insert(listener, pattern);
        self.find_listeners();
    }

    /// A listener has left.
    pub fn unlisten(&mut self, listener: ListenerId) {
        self.listeners.patterns.remove(&listener);
        self.find_listeners();
    }

    /// What listeners are to be told, in order.
    pub fn told(&mut self) -> impl Iterator<Item = Told> {
        self.listeners.told.drain(..)
    }

    fn find_listeners(&mut self) {
        self.listeners.by_bucket.clear();
        for (id, bucket) in &self.buckets {
            self.listeners.define(*id, bucket.definition().name());
        }
    }
}
