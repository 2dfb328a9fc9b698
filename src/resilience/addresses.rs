//! How many admitted connections each address has, for all cores (P-16).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

/// Parts of the table, each with its own lock.
const PARTS: usize = 16;

/// Admitted connections by address. Touched when a connection begins or ends, not in between.
#[derive(Debug)]
pub struct Addresses {
    parts: [Mutex<HashMap<IpAddr, u64, ahash::RandomState>>; PARTS],
    hasher: ahash::RandomState,
}

impl Addresses {
    /// None yet. The seed keys the hashes.
    pub fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(33), 0x85eb_ca6b);
        Self { parts: std::array::from_fn(|_| Mutex::new(HashMap::with_hasher(hasher.clone()))), hasher }
    }

    /// Counts one more connection, unless the address has `max` already.
    pub fn admit(&self, address: IpAddr, max: u64) -> bool {
        let mut part = self.part(address);
        let has_room = part.get(&address).is_none_or(|count| *count < max) && max > 0;
        if has_room {
            *part.entry(address).or_default() += 1;
        }
        has_room
    }

    /// A connection that was admitted has ended.
    ///
    /// # Panics
    /// If none was: every end answers a beginning.
    pub fn release(&self, address: IpAddr) {
        let mut part = self.part(address);
        let count = part.get_mut(&address).expect("an admitted connection was counted");
        *count -= 1;
        if *count == 0 {
            part.remove(&address);
        }
    }

    fn part(&self, address: IpAddr) -> MutexGuard<'_, HashMap<IpAddr, u64, ahash::RandomState>> {
        let part = usize::try_from(self.hasher.hash_one(address) >> 60).expect("four bits");
        self.parts[part].lock().expect("nothing panics while it is locked")
    }
}

const _: () = assert!(PARTS == 1 << 4, "four bits choose the part");

#[cfg(test)]
mod tests {
    use super::Addresses;

    #[test]
    fn each_address_has_its_own_places() {
        // P-15, P-16
        let addresses = Addresses::new(1);
        let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        assert!(addresses.admit(a, 2) && addresses.admit(a, 2) && addresses.admit(b, 2));
        assert!(!addresses.admit(a, 2));
        addresses.release(a);
        assert!(addresses.admit(a, 2));
        assert!(!addresses.admit([10, 0, 0, 3].into(), 0), "a limit of 0 rejects everything");
        [a, a, b].into_iter().for_each(|address| addresses.release(address));
        assert!(addresses.parts.iter().all(|part| part.lock().unwrap().is_empty()));
    }
}
