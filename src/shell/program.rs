//! What the embedding program has under way on one core: where its answers, results and events go.
//!
//! A core never waits for the program. An answer has a place of its own; of a subscription's
//! results only the latest is kept; events wait in a queue up to a bound and are counted above it.

use crate::base::bytes::Body;
use crate::base::fault::Fault;
use crate::base::ids::ListenerId;
use crate::base::limits::EVENTS_WAITING_MAX;
use crate::node::{Call, Event, EventPattern, Input, QueryDefinition, Reply};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use slab::Slab;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the program asks of a core.
pub(super) enum Ask {
    /// A request as on the wire.
    Request(String, Sender<Reply>),
    Settle(Sender<Reply>),
    Expire(Sender<Reply>),
    DefineQuery(Box<str>, QueryDefinition, Sender<Reply>),
    /// A `store.subscribe` as on the wire.
    Subscribe(String, Sender<Subscribed>),
    /// The subscription of that number has been dropped.
    Unsubscribe(u32),
    Listen(Listener, Sender<()>),
    Unlisten(ListenerId),
}

/// A subscription's number and where its results come, or why there is none.
pub(super) type Subscribed = Result<(u32, Receiver<Body>), Fault>;

/// Somebody who listens to events, on all cores alike.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) id: ListenerId,
    pub(super) pattern: EventPattern,
    pub(super) queue: Sender<Event>,
    /// Events that found the queue full.
    pub(super) missed: Arc<AtomicU64>,
}

/// The program's affairs on one core.
#[derive(Default)]
pub(super) struct Program {
    /// By number.
    calls: RefCell<Slab<Waiting>>,
    listeners: RefCell<BTreeMap<ListenerId, Listener>>,
}

enum Waiting {
    Reply(Sender<Reply>),
    Subscribe(Sender<Subscribed>, Latest),
    Results(Latest),
    /// The subscription has ended; its number is taken until it has been dropped.
    Ended,
}

/// Room for one result: a later one takes its place.
struct Latest {
    sender: Sender<Body>,
    receiver: Receiver<Body>,
}

impl Latest {
    fn new() -> Self {
        let (sender, receiver) = bounded(1);
        Self { sender, receiver }
    }

    /// Only this core puts results in, so that the second try finds room at the latest.
    fn put(&self, body: Body) {
        if let Err(TrySendError::Full(body)) = self.sender.try_send(body) {
            let _ = self.receiver.try_recv();
            let _ = self.sender.try_send(body);
        }
    }
}

impl Program {
    /// Hands what the program asks to the node.
    pub(super) fn ask(&self, ask: Ask, mut drive: impl FnMut(Input<'_>)) {
        let mut call = |waiting: Waiting, call: Call<'_>| {
            let number = self.calls.borrow_mut().insert(waiting);
            drive(Input::Call(u32::try_from(number).expect("fewer than 2^32 calls at once"), call));
        };
        match ask {
            Ask::Request(text, answer) => call(Waiting::Reply(answer), Call::Request(&text)),
            Ask::Settle(answer) => call(Waiting::Reply(answer), Call::Settle),
            Ask::Expire(answer) => call(Waiting::Reply(answer), Call::Expire),
            Ask::DefineQuery(name, definition, answer) => {
                call(Waiting::Reply(answer), Call::DefineQuery(&name, definition));
            }
            Ask::Subscribe(text, answer) => {
                call(Waiting::Subscribe(answer, Latest::new()), Call::Subscribe(&text));
            }
            Ask::Unsubscribe(number) => {
                self.calls.borrow_mut().remove(number as usize);
                drive(Input::Call(number, Call::Unsubscribe));
            }
            Ask::Listen(listener, heard) => {
                let (id, pattern) = (listener.id, listener.pattern.clone());
                self.listeners.borrow_mut().insert(id, listener);
                drive(Input::Listen(id, pattern));
                // Nobody waits any more if the program's thread is gone; then `Unlisten` comes.
                let _ = heard.send(());
            }
            Ask::Unlisten(listener) => {
                self.listeners.borrow_mut().remove(&listener);
                drive(Input::Unlisten(listener));
            }
        }
    }

    /// The core leaves its thread: nobody is told anything any more.
    pub(super) fn end(&self) {
        self.calls.take();
        self.listeners.take();
    }

    /// The answer to the call of that number.
    pub(super) fn reply(&self, number: u32, reply: Reply) {
        let mut calls = self.calls.borrow_mut();
        let entry = calls.get_mut(number as usize).expect("an answer belongs to a call");
        // Nobody listens any more if the program's thread is gone.
        match std::mem::replace(entry, Waiting::Ended) {
            Waiting::Reply(answer) => {
                calls.remove(number as usize);
                let _ = answer.send(reply);
            }
            Waiting::Subscribe(answer, latest) => match reply {
                Ok(_) => {
                    let results = latest.receiver.clone();
                    *entry = Waiting::Results(latest);
                    let _ = answer.send(Ok((number, results)));
                }
                Err(fault) => {
                    calls.remove(number as usize);
                    let _ = answer.send(Err(fault));
                }
            },
            Waiting::Results(_) | Waiting::Ended => unreachable!("a call is answered once"),
        }
    }

    /// A subscription's result.
    pub(super) fn result(&self, number: u32, body: Body) {
        match self.calls.borrow().get(number as usize) {
            Some(Waiting::Subscribe(_, latest) | Waiting::Results(latest)) => latest.put(body),
            _ => unreachable!("results belong to a subscription"),
        }
    }

    /// A subscription has ended without having been dropped.
    pub(super) fn ended(&self, number: u32) {
        self.calls.borrow_mut()[number as usize] = Waiting::Ended;
    }

    /// An event for a listener.
    pub(super) fn event(&self, listener: ListenerId, event: Event) {
        let listeners = self.listeners.borrow();
        let Some(Listener { queue, missed, .. }) = listeners.get(&listener) else { return };
        if queue.len() >= EVENTS_WAITING_MAX {
            missed.fetch_add(1, Ordering::Relaxed);
        } else {
            // The listener has been dropped; `Unlisten` is on its way.
            let _ = queue.send(event);
        }
    }

    /// Events that could not be made, for a listener.
    pub(super) fn missed(&self, listener: ListenerId, count: u64) {
        if let Some(listener) = self.listeners.borrow().get(&listener) {
            listener.missed.fetch_add(count, Ordering::Relaxed);
        }
    }
}
