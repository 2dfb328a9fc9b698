//! Something that one task of a core waits for and others raise.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// A flag with room for one waiter; within one thread. It remembers one waker and no more,
/// so that a wait that is given up and begun again leaves nothing behind.
#[derive(Default)]
pub(super) struct Signal {
    is_raised: Cell<bool>,
    waiter: Cell<Option<Waker>>,
}

impl Signal {
    /// Wakes who waits, or lets the next wait return at once.
    pub(super) fn raise(&self) {
        self.is_raised.set(true);
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }

    /// Waits until it is raised, and lowers it. For one task at a time.
    pub(super) async fn wait(&self) {
        poll_fn(|cx| {
            if self.is_raised.replace(false) {
                return Poll::Ready(());
            }
            self.waiter.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::Signal;
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_raise_is_never_lost_and_counts_once() {
        let mut cx = Context::from_waker(Waker::noop());
        let signal = Signal::default();
        signal.raise();
        signal.raise();
        assert!(pin!(signal.wait()).poll(&mut cx).is_ready());
        let mut waiting = pin!(signal.wait());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        signal.raise();
        assert!(waiting.poll(&mut cx).is_ready());
    }

    #[test]
    fn waits_that_are_given_up_leave_one_waker() {
        let task = Arc::new(Nobody);
        let waker = Waker::from(Arc::clone(&task));
        let signal = Signal::default();
        for _ in 0..1_000 {
            assert!(pin!(signal.wait()).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(Arc::strong_count(&task), 3, "task, waker and the one registered");
    }
}
