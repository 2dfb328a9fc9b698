//! One connection's life: handshake, ready, closing, gone; which answers are due and
//! which messages wait; what it subscribes to and how far its client lags behind.

mod backlog;
mod flight;
mod hub;
mod subscribers;

pub use backlog::Backlog;
pub use flight::{Due, Flight, Pending, Target};
pub use hub::Hub;
pub use subscribers::{Delivered, Subscriber};

use crate::access::Identity;
use crate::base::ids::{CoreId, LiveId, QueryId, SubscriptionId};
use crate::base::limits::{SESSION_BYTES_MAX, UNSENT_ANSWER_BYTES_MAX, UNSENT_PUSH_BYTES_FREE};
use crate::resilience::{Key, Pulse};
use crate::wire::{Decoder, Handshake};
use smallvec::SmallVec;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// One connection of this core.
pub struct Session {
    /// Where in its life it is.
    pub stage: Stage,
    /// Bytes to messages; keeps a partial frame between reads.
    pub decoder: Decoder,
    /// Who is logged in.
    pub identity: Option<Rc<Identity>>,
    /// Requests that are executing.
    pub flight: Flight,
    /// Messages that wait for their turn, in order of arrival.
    pub backlog: Backlog,
    /// What it subscribes to, in order of creation.
    pub subscriptions: SmallVec<[Subscription; 1]>,
    /// Bytes handed to the shell that the operating system has not taken yet.
    pub unsent_bytes: u64,
    /// Bytes that the operating system has taken since the beginning.
    pub taken_bytes: u64,
    /// Query subscriptions whose pushes were withheld.
    pub stale_subscriptions: u32,
    /// Where the next catching-up begins, so that one busy query cannot keep the others waiting.
    pub catch_up_from: u32,
    /// Query pushes withheld for slowness (K-4); goes no higher than it can.
    pub conflations: u32,
    /// Event pushes dropped for slowness (K-5).
    pub events_dropped: u64,
    /// Whether the shell was told to stop reading.
    pub paused: bool,
    /// Whether it has been upgraded.
    pub is_websocket: bool,
    /// Whether it counts among all connections.
    pub has_place: bool,
    /// Where it comes from (P-3).
    pub peer: IpAddr,
    /// The n of its `conn-<n>` (P-29); 0 = not admitted.
    pub number: u64,
    /// When it was admitted, milliseconds since the Unix epoch.
    pub connected_at: u64,
    /// What its requests are charged to, once it has made one (P-96).
    pub rate_key: Option<Arc<Key>>,
    /// Pings and pongs.
    pub pulse: Pulse,
}

// A hundred thousand idle connections hold one each.
const _: () = assert!(size_of::<Session>() <= SESSION_BYTES_MAX);

/// The stages of a connection, in order.
pub enum Stage {
    /// Waiting for the upgrade request.
    Handshake(Box<Handshake>),
    /// It has asked for `/metrics`, which are being gathered; input is discarded.
    Scraping,
    /// Speaking the protocol.
    Ready,
    /// The server stops: requests already received are answered, input is discarded.
    Finishing,
    /// Our Close frame is out, or on its way behind the last answers; input is discarded.
    Closing,
    /// The socket is gone; requests that were received complete are still executed (P-165).
    Gone,
}

/// One subscription of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Its name for the client.
    pub id: SubscriptionId,
    /// What it watches.
    pub watched: Watched,
}

/// What a subscription watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    /// A live query.
    Query {
        /// The core that keeps it.
        keeper: CoreId,
        /// Its name there.
        live: LiveId,
        /// The named query that it was asked for by.
        query: QueryId,
    },
    /// A live topic pattern.
    Pattern(LiveId),
}

impl Session {
    /// A connection from that address that has sent nothing yet.
    pub fn new(peer: IpAddr) -> Self {
        Self {
            stage: Stage::Handshake(Box::default()),
            decoder: Decoder::new(),
            identity: None,
            flight: Flight::default(),
            backlog: Backlog::default(),
            subscriptions: SmallVec::new(),
            unsent_bytes: 0,
            taken_bytes: 0,
            stale_subscriptions: 0,
            catch_up_from: 0,
            conflations: 0,
            events_dropped: 0,
            paused: false,
            is_websocket: false,
            has_place: false,
            peer,
            number: 0,
            connected_at: 0,
            rate_key: None,
            pulse: Pulse::default(),
        }
    }

    /// Whether the client is served and gets pushes.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }

    /// Whether its identity has ended.
    pub fn has_expired(&self, unix_ms: u64) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.is_expired(unix_ms))
    }

    /// Whether answers may still be sent to the client (P-82).
    pub fn may_answer(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Finishing)
    }

    /// Whether nothing is executing and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.flight.is_empty() && self.backlog.is_empty()
    }

    /// Whether the client has so much to read that none of its requests is served for now.
    pub fn is_clogged(&self) -> bool {
        self.unsent_bytes >= UNSENT_ANSWER_BYTES_MAX
    }

    /// Whether messages wait, or are not read, until the client has read more.
    pub fn is_held_up(&self) -> bool {
        self.paused || !self.backlog.is_empty()
    }

    /// Whether pushes are withheld: from the mark on (P-110), and while the client's own requests
    /// wait for it to read, since pushes would keep them waiting for ever.
    pub fn withholds_pushes(&self, mark: u64) -> bool {
        self.unsent_bytes >= mark || (self.is_held_up() && !self.has_read_up())
    }

    /// Whether one more push of a query subscription is withheld, whose last one ends at
    /// `pushed_to` in the stream: also as long as that one is on its way to a client that does not
    /// keep up. So a client that has stalled costs one result per subscription, not the mark's worth
    /// of outdated ones; what it gets in the end is the same (P-132, S-144).
    pub fn withholds_push(&self, mark: u64, pushed_to: u64) -> bool {
        self.withholds_pushes(mark)
            || (self.unsent_bytes >= UNSENT_PUSH_BYTES_FREE && pushed_to > self.taken_bytes)
    }

    /// Whether it is time to stop reading: more has been sent, or asked, than is worth keeping.
    pub fn is_flooded(&self) -> bool {
        self.backlog.is_full() || self.is_clogged()
    }

    /// Whether enough of the flood is served and sent to read on.
    pub fn is_ebbed(&self) -> bool {
        self.backlog.is_half_empty() && self.has_read_up()
    }

    /// Whether the client has read enough of its answers to be served on.
    pub fn has_read_up(&self) -> bool {
        self.unsent_bytes <= UNSENT_ANSWER_BYTES_MAX / 2
    }

    /// Active subscriptions and those that are being made (P-115).
    pub fn subscription_count(&self) -> u64 {
        (self.subscriptions.len() + self.flight.subscribing()) as u64
    }

    /// Takes a subscription off the list that has ended.
    ///
    /// # Panics
    /// If it is not on the list: the hub agrees with it.
    pub fn end_subscription(&mut self, id: SubscriptionId) -> Subscription {
        let at = self.subscriptions.binary_search_by_key(&id, |subscription| subscription.id);
        self.subscriptions.remove(at.expect("the session's list and the hub agree"))
    }

    /// Forgets what was received and not served.
    pub fn discard_input(&mut self) {
        self.decoder = Decoder::new();
        self.backlog = Backlog::default();
    }

    /// What a subscription watches, if it is one of this connection.
    pub fn watched(&self, id: SubscriptionId) -> Option<Watched> {
        let at = self.subscriptions.binary_search_by_key(&id, |subscription| subscription.id).ok()?;
        Some(self.subscriptions[at].watched)
    }

    /// Takes a subscription off the list, if it is there and watches that kind of thing (P-138).
    pub fn unsubscribe(&mut self, id: SubscriptionId, is_query: bool) -> Option<Subscription> {
        let at = self.subscriptions.binary_search_by_key(&id, |subscription| subscription.id).ok()?;
        let found = self.subscriptions[at];
        (matches!(found.watched, Watched::Query { .. }) == is_query).then(|| self.subscriptions.remove(at))
    }
}
