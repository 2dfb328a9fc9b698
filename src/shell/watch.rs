//! What the embedding program holds while it watches: results of a subscription, store events.

use super::mesh::{Address, Parcel};
use super::program::Ask;
use crate::base::bytes::Body;
use crate::base::ids::ListenerId;
use crate::node::Event;
use crossbeam_channel::Receiver;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The results of a live query, as JSON: first the present one, then each later one.
///
/// Holds one result that has not been taken; a later one takes its place, so that a program that
/// is slow skips results and always gets the latest (K-4). Iterating waits for the next one and
/// ends when the subscription does: with its bucket, with its query, or with the server. Dropping
/// it unsubscribes.
#[derive(Debug)]
pub struct Results {
    number: u32,
    core: Address,
    results: Receiver<Body>,
}

impl Results {
    pub(super) fn new(number: u32, core: Address, results: Receiver<Body>) -> Self {
        Self { number, core, results }
    }

    /// The next result if there is one now.
    pub fn try_next(&mut self) -> Option<String> {
        self.results.try_recv().ok().map(text)
    }

    /// Waits for the next result, so long at most.
    pub fn next_within(&mut self, time: Duration) -> Option<String> {
        self.results.recv_timeout(time).ok().map(text)
    }
}

impl Iterator for Results {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.results.recv().ok().map(text)
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        self.core.send(Parcel::Ask(Ask::Unsubscribe(self.number)));
    }
}

/// Store events (S-204) that match a pattern, those of one bucket in the order of their commits.
///
/// At most [`EVENTS_WAITING_MAX`](crate::base::limits::EVENTS_WAITING_MAX) wait to be taken; what
/// comes on top is dropped and counted, so that a slow listener holds nobody up (S-205). Iterating
/// waits for the next one and ends with the server. Dropping it ends the listening.
#[derive(Debug)]
pub struct Events {
    listener: ListenerId,
    cores: Vec<Address>,
    events: Receiver<Event>,
    missed: Arc<AtomicU64>,
    /// Its count is that of all listeners.
    _place: Arc<AtomicU64>,
}

impl Events {
    pub(super) fn new(
        listener: ListenerId,
        cores: Vec<Address>,
        events: Receiver<Event>,
        missed: Arc<AtomicU64>,
        place: Arc<AtomicU64>,
    ) -> Self {
        Self { listener, cores, events, missed, _place: place }
    }

    /// The next event if there is one now.
    pub fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Waits for the next event, so long at most.
    pub fn next_within(&mut self, time: Duration) -> Option<Event> {
        self.events.recv_timeout(time).ok()
    }

    /// How many events have been dropped since the last time this was asked. They are missing
    /// behind those that wait now.
    pub fn missed(&mut self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.events.recv().ok()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        for core in &self.cores {
            core.send(Parcel::Ask(Ask::Unlisten(self.listener)));
        }
    }
}

fn text(body: Body) -> String {
    String::from_utf8(body.json().into_owned()).expect("JSON is UTF-8")
}
