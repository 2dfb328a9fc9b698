//! The windows of all keys, shared by all cores (P-96, P-98, P-99).
//!
//! A connection looks its key up once and keeps the window; a request then touches nothing else.
//! The table is locked, a sixty-fourth at a time, when a connection makes its first request or its
//! first one after a login or logout, and when a key is forgotten: never on the way of other requests.

use super::window::{RateLimit, Window};
use crate::base::limits::{RATE_KEYS_MAX, RATE_LOG_BYTES_MAX};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Parts of the table, each with its own lock: far more than cores, so that they seldom meet.
const PARTS: usize = 64;

/// The rate limiter of a server.
#[derive(Debug)]
pub struct RateLimiter {
    limit: RateLimit,
    hasher: ahash::RandomState,
    parts: [Mutex<Keys>; PARTS],
    keys: AtomicUsize,
    keys_max: usize,
    /// Shared by all keys for which there is no room.
    overflow: Arc<Key>,
}

type Keys = HashMap<Arc<str>, Arc<Key>, ahash::RandomState>;

/// One key and its window.
#[derive(Debug)]
pub struct Key {
    name: Arc<str>,
    window: Window,
    /// Whether a core has it on its list of keys to be forgotten.
    is_listed: AtomicBool,
}

impl Key {
    fn new(name: &str, limit: RateLimit) -> Arc<Self> {
        Arc::new(Self { name: name.into(), window: Window::new(limit), is_listed: AtomicBool::new(false) })
    }

    /// Its window.
    pub fn window(&self) -> &Window {
        &self.window
    }
}

/// Keys that one core's connections have given back and whose windows are not empty yet.
#[derive(Default)]
pub struct Released {
    /// When to look, monotonic milliseconds, ascending, and at what.
    due: VecDeque<(u64, Arc<Key>)>,
}

impl Released {
    /// When to look again, if there is anything to look at.
    pub fn next_due(&self) -> Option<u64> {
        self.due.front().map(|(due_ms, _)| *due_ms)
    }

    fn pop_due(&mut self, now_ms: u64) -> Option<Arc<Key>> {
        let is_due = self.next_due().is_some_and(|due_ms| due_ms <= now_ms);
        is_due.then(|| self.due.pop_front())?.map(|(_, key)| key)
    }
}

impl RateLimiter {
    /// A limiter without keys. The seed keys the hashes.
    pub fn new(limit: RateLimit, seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(21), 0x9e37_79b9);
        let key_bytes = size_of::<Key>() + limit.max_requests * size_of::<u64>();
        Self {
            limit,
            parts: std::array::from_fn(|_| Mutex::new(HashMap::with_hasher(hasher.clone()))),
            hasher,
            keys: AtomicUsize::new(0),
            keys_max: (RATE_LOG_BYTES_MAX / key_bytes).clamp(1, RATE_KEYS_MAX),
            overflow: Key::new("", limit),
        }
    }

    /// The key of that name: a user, or an address (P-96). When there are too many, the others
    /// share one window: memory stays bounded, and nobody gets around the limit.
    pub fn key(&self, name: &str) -> Arc<Key> {
        let mut part = self.part(name);
        if let Some(key) = part.get(name) {
            return Arc::clone(key);
        }
        if self.keys.fetch_add(1, Ordering::Relaxed) >= self.keys_max {
            self.keys.fetch_sub(1, Ordering::Relaxed);
            return Arc::clone(&self.overflow);
        }
        let key = Key::new(name, self.limit);
        part.insert(Arc::clone(&key.name), Arc::clone(&key));
        key
    }

    /// A connection of the core that `released` belongs to does not use the key any more.
    pub fn release(&self, key: Arc<Key>, now_ms: u64, released: &mut Released) {
        if Arc::ptr_eq(&key, &self.overflow) || key.is_listed.swap(true, Ordering::AcqRel) {
            return;
        }
        released.due.push_back((now_ms, key));
        self.forget(now_ms, released);
    }

    /// Forgets the keys of the list that nobody uses and whose windows are empty (P-99). A key is
    /// on at most one list, and looked at once per window.
    pub fn forget(&self, now_ms: u64, released: &mut Released) {
        // Those that are put off go to the end, with a time to come.
        while let Some(key) = released.pop_due(now_ms) {
            let mut part = self.part(&key.name);
            // New users come from the table, which is locked, or are copies of those there are.
            let is_unused = Arc::strong_count(&key) == 2; // the table's and this one
            if is_unused && key.window.is_idle(now_ms) {
                part.remove(&key.name);
                self.keys.fetch_sub(1, Ordering::Relaxed);
            } else {
                released.due.push_back((now_ms + self.limit.window_ms, key.clone()));
            }
        }
    }

    /// How many keys are known.
    pub fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    fn part(&self, name: &str) -> MutexGuard<'_, Keys> {
        // The low bits choose the slot within the part.
        let part = usize::try_from(self.hasher.hash_one(name) >> 58).expect("six bits");
        self.parts[part].lock().expect("nothing panics while it is locked")
    }
}

const _: () = assert!(PARTS == 1 << 6, "six bits choose the part");

#[cfg(test)]
mod tests {
    use super::{RateLimit, RateLimiter, Released};
    use std::sync::Arc;

    const LIMIT: RateLimit = RateLimit { max_requests: 2, window_ms: 100 };

    #[test]
    fn one_name_is_one_key() {
        // P-96
        let limiter = RateLimiter::new(LIMIT, 1);
        let (a, b) = (limiter.key("ann"), limiter.key("ann"));
        assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &limiter.key("bob")));
        assert_eq!(limiter.keys(), 2);
    }

    #[test]
    fn keys_are_forgotten_when_idle_and_unused() {
        // P-99
        let limiter = RateLimiter::new(LIMIT, 1);
        let mut cores = [Released::default(), Released::default()];
        let (a, b) = (limiter.key("ann"), limiter.key("ann"));
        assert_eq!(a.window().accept(50), Ok(()));
        limiter.release(a, 60, &mut cores[0]);
        assert_eq!(cores[0].next_due(), Some(160), "its window is not empty");
        limiter.forget(160, &mut cores[0]);
        assert_eq!(limiter.keys(), 1, "somebody uses it");
        limiter.release(b, 170, &mut cores[1]);
        assert_eq!((cores[0].next_due(), cores[1].next_due()), (Some(260), None), "on one list only");
        limiter.forget(260, &mut cores[0]);
        assert_eq!((limiter.keys(), cores[0].next_due()), (0, None));
        let unused = limiter.key("bob");
        limiter.release(unused, 300, &mut cores[0]);
        assert_eq!(limiter.keys(), 0, "never charged, forgotten at once");
    }

    #[test]
    fn keys_are_bounded() {
        let limiter = RateLimiter { keys_max: 1, ..RateLimiter::new(LIMIT, 1) };
        let first = limiter.key("a");
        let (b, c) = (limiter.key("b"), limiter.key("c"));
        assert!(Arc::ptr_eq(&b, &c) && !Arc::ptr_eq(&first, &b));
        let mut released = Released::default();
        limiter.release(b, 0, &mut released);
        assert_eq!((limiter.keys(), released.next_due()), (1, None));
    }
}
