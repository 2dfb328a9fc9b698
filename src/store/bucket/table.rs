//! A hash table that grows in small steps (linear hashing).
//!
//! A table that doubles at once stops its core for tens of milliseconds when a bucket has a
//! million records. This one is made of cache lines, of which one is split at a time. What a large
//! bucket's lookup costs is waiting for memory, and here that is one line, whose address follows
//! from the hash alone.

use super::lines::Line;
use crate::base::chunks::Chunks;
use crate::base::prefetch::prefetch;

/// Numbers by a hash; the caller knows when two of them are the same. Hashes are kept beside the
/// numbers, so that growing touches no record.
///
/// Numbers whose hashes name the same home line stand there, and when it is full in a chain of
/// lines behind it. All lines of a chain are full but the last one: a number goes into the
/// last line, and the last number of the chain fills the place of one that is taken out. So nothing
/// is ever searched for beyond its own chain, and no mark of what was there is left behind.
pub(super) struct Table {
    /// At least one.
    homes: Chunks<Line>,
    /// What stands behind full lines.
    overflow: Chunks<Line>,
    /// The first of the overflow lines that are free, chained by `next`.
    free: u32,
    len: usize,
}

/// Numbers per home line on average: as many bytes per number as a table of `hashbrown` takes.
/// A line that is to be split next has up to twice as many; at worst one lookup in 20 needs a second
/// line.
const HOME_NUMBERS: usize = 3;

/// Lines that are freed together.
const SHED_LINES: usize = 1024;

/// Where a line is.
#[derive(Clone, Copy)]
enum Place {
    Home(usize),
    Overflow(u32),
}

/// Where a number is: the line before its own in the chain, its own, and the place in that.
struct Found {
    before: Option<Place>,
    place: Place,
    at: usize,
}

impl Default for Table {
    fn default() -> Self {
        let mut homes = Chunks::default();
        homes.push(Line::EMPTY);
        Self { homes, overflow: Chunks::default(), free: Line::NONE, len: 0 }
    }
}

impl Table {
    /// The number of that hash that `is_it`. O(1).
    #[inline]
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut line = self.homes.get(self.home(hash));
        loop {
            if let Some(at) = line.find(hash, &mut is_it) {
                return Some(line.number(at));
            }
            line = self.line(behind(line)?);
        }
    }

    /// The same, to be changed; its hash stays.
    pub(super) fn find_mut(&mut self, hash: u32, is_it: impl FnMut(u32) -> bool) -> Option<&mut u32> {
        self.locate(hash, is_it).map(|found| self.line_mut(found.place).number_mut(found.at))
    }

    /// Puts a number in, whether or not there is another one like it. O(1).
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        self.len += 1;
        if self.len > self.homes.len() * HOME_NUMBERS {
            self.split();
        }
        self.put(hash, number);
    }

    /// Takes the number of that hash out that `is_it`. O(1).
    pub(super) fn remove(&mut self, hash: u32, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let Found { mut before, place, at } = self.locate(hash, is_it)?;
        self.len -= 1;
        let mut last = place;
        while let Some(next) = behind(self.line(last)) {
            (before, last) = (Some(last), next);
        }
        let (hash, filler) = self.line(last).last();
        let number = self.line_mut(place).replace(at, hash, filler);
        self.line_mut(last).pop();
        if let (Some(before), Place::Overflow(emptied)) = (before, last)
            && self.line(last).is_empty()
        {
            self.line_mut(before).next = Line::NONE;
            self.release(emptied);
        }
        Some(number)
    }

    /// Takes some lines of a table that nobody will use again, and hands their numbers out. How many
    /// lines there were, 0 if none is left.
    pub(super) fn shed(&mut self, mut numbers: impl FnMut(u32)) -> usize {
        let last = || self.homes.pop().or_else(|| self.overflow.pop());
        let lines = std::iter::from_fn(last).take(SHED_LINES);
        lines.inspect(|line| line.iter().for_each(|(_, number)| numbers(number))).count()
    }

    /// Asks for the memory in which numbers of that hash are, for a lookup that follows soon.
    pub(super) fn prefetch(&self, hash: u32) {
        prefetch(self.homes.get(self.home(hash)));
    }

    #[inline]
    fn locate(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<Found> {
        let (mut before, mut place) = (None, Place::Home(self.home(hash)));
        loop {
            let line = self.line(place);
            if let Some(at) = line.find(hash, &mut is_it) {
                return Some(Found { before, place, at });
            }
            (before, place) = (Some(place), behind(line)?);
        }
    }

    #[inline]
    fn put(&mut self, hash: u32, number: u32) {
        let mut last = Place::Home(self.home(hash));
        while let Some(next) = behind(self.line(last)) {
            last = next;
        }
        if self.line(last).is_full() {
            let added = self.claim();
            self.line_mut(last).next = added;
            last = Place::Overflow(added);
        }
        self.line_mut(last).push(hash, number);
    }

    /// Adds a home line, to which half of the numbers of one other home move. O(1).
    fn split(&mut self) {
        let added = self.homes.len();
        let split = added - (1 << added.ilog2());
        self.homes.push(Line::EMPTY);
        let mut line = std::mem::replace(self.homes.get_mut(split), Line::EMPTY);
        loop {
            line.iter().for_each(|(hash, number)| self.put(hash, number));
            match line.next {
                Line::NONE => return,
                next => line = self.release(next),
            }
        }
    }

    /// The number of an empty overflow line.
    fn claim(&mut self) -> u32 {
        if self.free == Line::NONE {
            self.overflow.push(Line::EMPTY);
            return u32::try_from(self.overflow.len() - 1).expect("fewer lines than numbers");
        }
        let claimed = self.free;
        let line = self.overflow.get_mut(claimed as usize);
        self.free = std::mem::replace(line, Line::EMPTY).next;
        claimed
    }

    /// Frees an overflow line; what was in it.
    fn release(&mut self, number: u32) -> Line {
        let mut free = Line::EMPTY;
        free.next = self.free;
        self.free = number;
        std::mem::replace(self.overflow.get_mut(number as usize), free)
    }

    /// The lowest bits name the home; those that name homes not yet split off are left out.
    fn home(&self, hash: u32) -> usize {
        let homes = self.homes.len();
        let ceiling = homes.next_power_of_two();
        let at = hash as usize & (ceiling - 1);
        if at < homes { at } else { at - ceiling / 2 }
    }

    #[inline]
    fn line(&self, place: Place) -> &Line {
        match place {
            Place::Home(at) => self.homes.get(at),
            Place::Overflow(number) => self.overflow.get(number as usize),
        }
    }

    #[inline]
    fn line_mut(&mut self, place: Place) -> &mut Line {
        match place {
            Place::Home(at) => self.homes.get_mut(at),
            Place::Overflow(number) => self.overflow.get_mut(number as usize),
        }
    }
}

/// The next line of a chain.
fn behind(line: &Line) -> Option<Place> {
    (line.next != Line::NONE).then_some(Place::Overflow(line.next))
}

#[cfg(test)]
mod tests {
    use super::{Table, behind};
    use crate::base::random::Random;
    use crate::store::bucket::lines::Line;
    use std::collections::HashMap;

    /// A table beside what it should be: numbers with their hashes.
    struct Run {
        table: Table,
        model: HashMap<u32, u32>,
        random: Random,
        inserted: u32,
    }

    impl Run {
        fn new(seed: u8) -> Self {
            let random = Random::from_seed([seed; 32]);
            Self { table: Table::default(), model: HashMap::new(), random, inserted: 0 }
        }

        fn below(&mut self, n: u64) -> u64 {
            self.random.next_u64() % n
        }

        /// Some hashes are the same, and some differ only in bits that name no home yet.
        fn hash(&mut self) -> u32 {
            let random = u32::try_from(self.below(1 << 32)).unwrap();
            match self.below(8) {
                0 => 7,
                1 => random << 24,
                _ => random,
            }
        }

        fn insert(&mut self) {
            let hash = self.hash();
            self.table.insert(hash, self.inserted);
            self.model.insert(self.inserted, hash);
            self.inserted += 1;
        }

        /// Removes a number, if it is there.
        fn remove(&mut self) {
            let number = u32::try_from(self.below(u64::from(self.inserted) + 1)).unwrap();
            let hash = self.model.remove(&number);
            let removed = self.table.remove(hash.unwrap_or(7), |other| other == number);
            assert_eq!(removed, hash.map(|_| number));
        }

        fn check(&self) {
            for (number, hash) in &self.model {
                assert_eq!(self.table.find(*hash, |other| other == *number), Some(*number));
                assert_eq!(self.table.find(hash ^ 1 << 31, |other| other == *number), None);
            }
            let (mut found, mut chained) = (0, 0);
            for home in 0..self.table.homes.len() {
                let mut line = self.table.homes.get(home);
                found += line.iter().count();
                while let Some(next) = behind(line) {
                    assert!(line.is_full(), "only the last line of a chain has room");
                    line = self.table.line(next);
                    assert!(!line.is_empty(), "an empty line is free");
                    found += line.iter().count();
                    chained += 1;
                }
            }
            assert_eq!((found, self.table.len), (self.model.len(), self.model.len()));
            let mut free = self.table.free;
            while free != Line::NONE {
                chained += 1;
                free = self.table.overflow.get(free as usize).next;
            }
            assert_eq!(chained, self.table.overflow.len(), "every overflow line is in a chain or free");
        }
    }

    #[test]
    fn a_table_is_what_a_map_is() {
        for seed in 0..4 {
            let mut run = Run::new(seed);
            for inserts_in_8 in [8, 7, 4, 1, 6, 0] {
                for _ in 0..2_000 {
                    if run.below(8) < inserts_in_8 { run.insert() } else { run.remove() }
                }
                run.check();
            }
            assert!(run.table.homes.len() > 1_024 && run.table.overflow.len() > 100);
        }
    }

    #[test]
    fn numbers_are_spread_evenly_while_it_grows() {
        let mut run = Run::new(9);
        for number in 0..20_000 {
            let hash = u32::try_from(run.below(1 << 32)).unwrap();
            run.table.insert(hash, number);
            assert_eq!(run.table.find(hash, |other| other == number), Some(number));
            // As many as chance alone makes: most lookups are one line.
            assert!(run.table.overflow.len() <= 3 + run.table.homes.len() / 16);
        }
    }

    #[test]
    fn all_is_handed_out_when_it_is_freed() {
        // S-95
        let mut run = Run::new(5);
        (0..5_000).for_each(|_| run.insert());
        let mut numbers = Vec::new();
        while run.table.shed(|number| numbers.push(number)) > 0 {}
        numbers.sort_unstable();
        assert_eq!(numbers, (0..5_000).collect::<Vec<_>>());
    }
}
