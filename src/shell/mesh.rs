//! Mail between cores: one bounded queue per receiving core, and a wake-up that costs
//! nothing while the receiver is awake.
//!
//! All mail to one core that follows from one input travels as one batch: what passes between cores
//! costs both of them, and most of that is the same for one message as for many. The lists that
//! batches come in are kept by whoever received them, for the batches that go back.
//!
//! A sleeping core has raised its `armed` flag before it looked at its queue for the
//! last time; a sender looks at the flag after it has put its mail in. A full fence on
//! both sides makes at least one of them see the other, so that no wake-up is lost.
//! The wake-up is an eventfd, whose readability the runtime waits for. monoio's own
//! cross-thread wakers (feature `sync`) starve while a task is always ready.

use super::program::Ask;
use super::sys;
use crate::base::ids::CoreId;
use crate::base::limits::{INBOX_BATCHES_MAX, MAIL_BATCH_MAX};
use crate::node::Mail;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use monoio::net::TcpStream;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// What arrives in a core's inbox.
pub(super) enum Parcel {
    /// From another core: up to [`MAIL_BATCH_MAX`] messages, in the order in which it posted them.
    Mail(CoreId, Vec<Mail>),
    /// From the embedding program.
    Ask(Ask),
    /// From the server: stop serving, with this grace period in milliseconds.
    Shutdown(u64),
    /// From the server: everybody has stopped; leave the thread.
    Exit,
}

/// The sending side of one core's inbox; shared by everybody.
#[derive(Clone, Debug)]
pub(super) struct Address {
    queue: Sender<Parcel>,
    bell: Arc<Bell>,
}

#[derive(Debug)]
struct Bell {
    armed: AtomicBool,
    event: OwnedFd,
}

impl Address {
    /// Sends from outside the mesh, waiting for room.
    pub(super) fn send(&self, parcel: Parcel) {
        // A core that has left its thread needs nothing any more.
        if self.queue.send(parcel).is_ok() {
            self.ring();
        }
    }

    /// Wakes the receiver if it sleeps. Once per batch.
    fn ring(&self) {
        fence(Ordering::SeqCst); // pairs with the fence in `Inbox::arrived`
        if self.bell.armed.load(Ordering::Relaxed) && self.bell.armed.swap(false, Ordering::AcqRel) {
            sys::eventfd_signal(self.bell.event.as_fd());
        }
    }
}

/// The receiving side, before it has moved to its thread.
pub(super) struct Mailbox {
    queue: Receiver<Parcel>,
    bell: Arc<Bell>,
}

/// One inbox per core.
pub(super) fn mesh(cores: usize) -> io::Result<(Vec<Address>, Vec<Mailbox>)> {
    let pairs: io::Result<Vec<_>> = (0..cores)
        .map(|_| {
            let (sender, receiver) = bounded(INBOX_BATCHES_MAX);
            let bell = Arc::new(Bell { armed: AtomicBool::new(false), event: sys::eventfd(0)? });
            let address = Address { queue: sender, bell: Arc::clone(&bell) };
            Ok((address, Mailbox { queue: receiver, bell }))
        })
        .collect();
    Ok(pairs?.into_iter().unzip())
}

/// The receiving side within its core.
pub(super) struct Inbox {
    mailbox: Mailbox,
    /// The most parcels that were found waiting.
    peak: Arc<AtomicU64>,
    /// A second descriptor of the eventfd, in the only monoio type whose `readable` works with
    /// both drivers.
    event: TcpStream,
}

impl Inbox {
    pub(super) fn new(mailbox: Mailbox) -> io::Result<Self> {
        let event = mailbox.bell.event.try_clone()?;
        Ok(Self { mailbox, peak: Arc::default(), event: TcpStream::from_std(event.into())? })
    }

    /// Where the most parcels that were found waiting are noted, by [`Inbox::note_length`].
    pub(super) fn peak(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.peak)
    }

    /// Takes note of how many parcels wait. Once per batch.
    pub(super) fn note_length(&self) {
        let length = self.mailbox.queue.len() as u64;
        // Nobody else writes it.
        if length > self.peak.load(Ordering::Relaxed) {
            self.peak.store(length, Ordering::Relaxed);
        }
    }

    /// The next parcel, if there is one.
    pub(super) fn next(&self) -> Option<Parcel> {
        self.mailbox.queue.try_recv().ok()
    }

    /// Whether nothing has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.mailbox.queue.is_empty()
    }

    /// Sleeps until something may have arrived.
    pub(super) async fn arrived(&self) {
        let Bell { armed, event } = &*self.mailbox.bell;
        armed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst); // pairs with the fence in `Address::ring`
        if !self.mailbox.queue.is_empty() {
            // A ring that is under way causes one wake-up too many, which is harmless.
            armed.store(false, Ordering::Relaxed);
            return;
        }
        // An error would be that of an event counter that is gone, which it never is.
        let _ = self.event.readable(false).await;
        sys::eventfd_clear(event.as_fd());
    }
}

/// A core's way to all others: batches that find a full inbox stay here, in order.
pub(super) struct Outgoing {
    me: CoreId,
    addresses: Vec<Address>,
    /// What has been posted since the last flush, by receiver.
    posted: RefCell<Vec<Vec<Mail>>>,
    /// The receivers of that, possibly twice.
    due: RefCell<Vec<usize>>,
    held: RefCell<Vec<VecDeque<Parcel>>>,
    /// How much is held back, for all receivers together.
    held_parcels: Cell<usize>,
    /// Empty lists for later batches.
    spare: RefCell<Vec<Vec<Mail>>>,
}

impl Outgoing {
    pub(super) fn new(me: CoreId, addresses: Vec<Address>) -> Self {
        Self {
            me,
            posted: RefCell::new(addresses.iter().map(|_| Vec::new()).collect()),
            due: RefCell::default(),
            held: RefCell::new(addresses.iter().map(|_| VecDeque::new()).collect()),
            held_parcels: Cell::new(0),
            spare: RefCell::default(),
            addresses,
        }
    }

    /// Takes mail that leaves with the next [`Outgoing::flush`], or before that in a batch that is full.
    pub(super) fn post(&self, to: CoreId, mail: Mail) {
        let to = to.index();
        let mut posted = self.posted.borrow_mut();
        let batch = &mut posted[to];
        if batch.is_empty() {
            self.due.borrow_mut().push(to);
            *batch = self.spare.borrow_mut().pop().unwrap_or_default();
        }
        batch.push(mail);
        if batch.len() >= MAIL_BATCH_MAX {
            self.send(to, std::mem::take(batch));
        }
    }

    /// Sends what has been posted, and wakes the receivers. Whether all of it has found room.
    pub(super) fn flush(&self) -> bool {
        for to in self.due.borrow_mut().drain(..) {
            let batch = std::mem::take(&mut self.posted.borrow_mut()[to]);
            if !batch.is_empty() {
                self.send(to, batch);
            }
            self.addresses[to].ring();
        }
        !self.is_congested()
    }

    /// Takes the list of a batch back that has been read.
    pub(super) fn recycle(&self, list: Vec<Mail>) {
        /// Lists kept for reuse; more batches are rarely under way at once.
        const SPARE_LISTS_MAX: usize = 64;
        debug_assert!(list.is_empty(), "what has been read");
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_LISTS_MAX {
            spare.push(list);
        }
    }

    /// Tries again to send what is held back.
    pub(super) fn retry(&self) {
        for (to, held) in self.held.borrow_mut().iter_mut().enumerate() {
            let before = held.len();
            while let Some(parcel) = held.pop_front() {
                if let Err(parcel) = self.try_send(to, parcel) {
                    held.push_front(parcel);
                    break;
                }
            }
            self.held_parcels.set(self.held_parcels.get() + held.len() - before);
            if held.len() < before {
                self.addresses[to].ring();
            }
        }
    }

    /// Whether some inbox is full: then no more is read from clients.
    pub(super) fn is_congested(&self) -> bool {
        self.held_parcels.get() > 0
    }

    /// Sends a batch, or holds it back behind what is held back already. Never waits: two cores that
    /// waited for each other would do so for ever.
    fn send(&self, to: usize, batch: Vec<Mail>) {
        let held = &mut self.held.borrow_mut()[to];
        let parcel = Parcel::Mail(self.me, batch);
        let refused = if held.is_empty() { self.try_send(to, parcel).err() } else { Some(parcel) };
        if let Some(parcel) = refused {
            held.push_back(parcel);
            self.held_parcels.set(self.held_parcels.get() + 1);
        }
    }

    /// Puts a parcel into an inbox, or gives it back if that is full.
    fn try_send(&self, to: usize, parcel: Parcel) -> Result<(), Parcel> {
        match self.addresses[to].queue.try_send(parcel) {
            Err(TrySendError::Full(parcel)) => Err(parcel),
            // Disconnected: the core has left its thread; the server is over, and nothing waits any more.
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }
}
