//! Mail between cores: one bounded queue per receiving core, and a wake-up that costs
//! nothing while the receiver is awake.
//!
//! A sleeping core has raised its `armed` flag before it looked at its queue for the
//! last time; a sender looks at the flag after it has put its mail in. A full fence on
//! both sides makes at least one of them see the other, so that no wake-up is lost.
//! The wake-up is an eventfd, whose readability the runtime waits for. monoio's own
//! cross-thread wakers (feature `sync`) starve while a task is always ready.

use super::program::Ask;
use super::sys;
use crate::base::ids::CoreId;
use crate::base::limits::INBOX_MESSAGES_MAX;
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
    /// From another core.
    Mail(CoreId, Mail),
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
            let (sender, receiver) = bounded(INBOX_MESSAGES_MAX);
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

/// A core's way to all others: mail that finds a full inbox stays here, in order.
pub(super) struct Outgoing {
    me: CoreId,
    addresses: Vec<Address>,
    held: RefCell<Vec<VecDeque<Parcel>>>,
    /// How much is held back, for all receivers together.
    held_parcels: Cell<usize>,
    /// Receivers of what was sent since the last ring, in no order, possibly twice.
    due: RefCell<Vec<usize>>,
}

impl Outgoing {
    pub(super) fn new(me: CoreId, addresses: Vec<Address>) -> Self {
        let held = addresses.iter().map(|_| VecDeque::new()).collect();
        Self { me, addresses, held: RefCell::new(held), held_parcels: Cell::new(0), due: RefCell::default() }
    }

    /// Sends, or holds back behind what is held back already. Never waits: two cores that
    /// waited for each other would do so for ever.
    pub(super) fn post(&self, to: CoreId, mail: Mail) {
        let to = to.index();
        let held = &mut self.held.borrow_mut()[to];
        let parcel = Parcel::Mail(self.me, mail);
        let refused = if held.is_empty() { self.try_send(to, parcel).err() } else { Some(parcel) };
        if let Some(parcel) = refused {
            held.push_back(parcel);
            self.held_parcels.set(self.held_parcels.get() + 1);
        }
    }

    /// Wakes the receivers of what was sent since the last call.
    pub(super) fn ring(&self) {
        self.due.borrow_mut().drain(..).for_each(|to| self.addresses[to].ring());
    }

    /// Tries again to send what is held back.
    pub(super) fn retry(&self) {
        for (to, held) in self.held.borrow_mut().iter_mut().enumerate() {
            self.move_on(to, held);
        }
    }

    /// Whether some inbox is full: then no more is read from clients.
    pub(super) fn is_congested(&self) -> bool {
        self.held_parcels.get() > 0
    }

    fn move_on(&self, to: usize, held: &mut VecDeque<Parcel>) {
        let before = held.len();
        while let Some(parcel) = held.pop_front() {
            if let Err(parcel) = self.try_send(to, parcel) {
                held.push_front(parcel);
                break;
            }
        }
        self.held_parcels.set(self.held_parcels.get() + held.len() - before);
    }

    /// Puts a parcel into an inbox, or gives it back if that is full.
    #[expect(clippy::result_large_err, reason = "the parcel is what it is about; it is rarely refused")]
    fn try_send(&self, to: usize, parcel: Parcel) -> Result<(), Parcel> {
        match self.addresses[to].queue.try_send(parcel) {
            Ok(()) => {
                let mut due = self.due.borrow_mut();
                if due.last() != Some(&to) {
                    due.push(to);
                }
                Ok(())
            }
            Err(TrySendError::Full(parcel)) => Err(parcel),
            // The core has left its thread: the server is over, and nothing waits any more.
            Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }
}
