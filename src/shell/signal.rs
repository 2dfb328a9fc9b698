//! Something that one task of a core waits for and another one raises.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// A flag with waiters; within one thread.
#[derive(Default)]
pub(super) struct Signal {
    is_raised: Cell<bool>,
    waiters: RefCell<Vec<Waker>>,
}

impl Signal {
    /// Wakes everybody who waits, or the next one who will.
    pub(super) fn raise(&self) {
        self.is_raised.set(true);
        for waiter in self.waiters.borrow_mut().drain(..) {
            waiter.wake();
        }
    }

    /// Waits until it is raised, and lowers it.
    pub(super) async fn wait(&self) {
        poll_fn(|cx| {
            if self.is_raised.replace(false) {
                return Poll::Ready(());
            }
            self.waiters.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Registers a task to be woken at the next raise.
    pub(super) fn wake_on_raise(&self, waker: &Waker) {
        self.waiters.borrow_mut().push(waker.clone());
    }
}
