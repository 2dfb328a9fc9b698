//! A hash table that grows in small steps (linear hashing).
//!
//! A table that doubles at once stops its core for tens of milliseconds when a bucket has a
//! million records. This one is made of parts of bounded size, of which one is split at a time.

use hashbrown::HashTable;

/// Values by a hash; the caller knows when two of them are the same. Hashes are kept beside the
/// values, so that growing touches no record.
pub(super) struct Table<T> {
    /// At least one.
    parts: Vec<HashTable<(u32, T)>>,
    len: usize,
}

/// Values per part on average. A part that is to be split next holds up to twice as many, which
/// is just within the load limit of 4,096 places. Splitting it takes tens of microseconds; smaller
/// parts are so many that finding one leaves the cache.
const PART_VALUES: usize = 1_700;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { parts: vec![HashTable::new()], len: 0 }
    }
}

impl<T> Table<T> {
    /// The value of that hash that `is_it`. O(1).
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        let part = &self.parts[self.part_of(hash)];
        part.find(spread(hash), |(other, value)| *other == hash && is_it(value)).map(|(_, value)| value)
    }

    /// The same, to be changed; what [`Self::find`] compares must stay.
    pub(super) fn find_mut(&mut self, hash: u32, mut is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let at = self.part_of(hash);
        let part = &mut self.parts[at];
        part.find_mut(spread(hash), |(other, value)| *other == hash && is_it(value)).map(|(_, value)| value)
    }

    /// Puts a value in, whether or not there is another one like it. O(1).
    pub(super) fn insert(&mut self, hash: u32, value: T) {
        self.len += 1;
        if self.len > self.parts.len() * PART_VALUES {
            self.split();
        }
        let at = self.part_of(hash);
        self.parts[at].insert_unique(spread(hash), (hash, value), |(hash, _)| spread(*hash));
    }

    /// Takes the value of that hash out that `is_it`. O(1).
    pub(super) fn remove(&mut self, hash: u32, mut is_it: impl FnMut(&T) -> bool) -> Option<T> {
        let at = self.part_of(hash);
        let part = &mut self.parts[at];
        let found =
            part.find_entry(spread(hash), |(other, value)| *other == hash && is_it(value)).ok()?.remove().0;
        self.len -= 1;
        Some(found.1)
    }

    /// Takes a part of a table that nobody will use again, and at most twice [`PART_VALUES`].
    pub(super) fn pop_part(&mut self) -> Option<impl ExactSizeIterator<Item = T> + use<T>> {
        self.parts.pop().map(|part| part.into_iter().map(|(_, value)| value))
    }

    fn part_of(&self, hash: u32) -> usize {
        part_of(hash, self.parts.len())
    }

    /// Adds a part, to which half of the values of one other part move. O(1).
    fn split(&mut self) {
        let added = self.parts.len();
        let split = added - (1 << added.ilog2());
        let mut part = HashTable::with_capacity(PART_VALUES);
        for (hash, value) in self.parts[split].extract_if(|(hash, _)| part_of(*hash, added + 1) == added) {
            part.insert_unique(spread(hash), (hash, value), |(hash, _)| spread(*hash));
        }
        self.parts.push(part);
    }
}

/// The lowest bits name the part; those that name parts not yet split off are left out.
fn part_of(hash: u32, parts: usize) -> usize {
    let ceiling = parts.next_power_of_two();
    let at = hash as usize & (ceiling - 1);
    if at < parts { at } else { at - ceiling / 2 }
}

/// Inside a part all have their lowest bits in common: place and tag come from the others.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::Table;

    /// Hashes that look random, some of them the same.
    fn hash(n: u32) -> u32 {
        (n / 2).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b)
    }

    #[test]
    fn everything_is_found_while_it_grows() {
        let mut table = Table::default();
        for n in 0..20_000_u32 {
            table.insert(hash(n), n);
            assert_eq!(table.find(hash(n), |other| *other == n), Some(&n));
        }
        assert!(table.parts.len() >= 10);
        assert!(table.parts.iter().all(|part| part.len() <= 4_000), "values are spread evenly");
        for n in (0..20_000).step_by(3) {
            assert_eq!(table.remove(hash(n), |other| *other == n), Some(n));
            assert_eq!(table.remove(hash(n), |other| *other == n), None);
        }
        for n in 0..20_000 {
            let there = table.find(hash(n), |other| *other == n).copied();
            assert_eq!(there, (n % 3 != 0).then_some(n));
        }
        assert!(table.find_mut(hash(1), |other| *other == 20_001).is_none());
        assert_eq!(table.len, table.parts.iter().map(hashbrown::HashTable::len).sum::<usize>());
    }
}
