//! Cache lines of slot numbers with their hashes: what a hash table is made of.

/// One cache line: numbers in no order, each with its hash, and the line behind it.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line {
    /// The first `len` are in use, and as many numbers.
    hashes: [u32; Line::PLACES],
    numbers: [u32; Line::PLACES],
    len: u32,
    /// Names the line behind it, [`Line::NONE`] if it is the last one.
    pub(super) next: u32,
}

const _: () = assert!(size_of::<Line>() == 64, "one miss brings all of it");

impl Line {
    /// Numbers of a full line.
    pub(super) const PLACES: usize = 7;

    /// The end of a chain.
    pub(super) const NONE: u32 = u32::MAX;

    pub(super) const EMPTY: Self =
        Self { hashes: [0; Self::PLACES], numbers: [0; Self::PLACES], len: 0, next: Self::NONE };

    /// The place of a number of that hash that `is_it`.
    #[inline]
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<usize> {
        // All at once and without branches: how many there are is hard to predict.
        let equal = |at: usize| u32::from(self.hashes[at] == hash) << at;
        let mut equal = (0..Self::PLACES).fold(0, |mask, at| mask | equal(at)) & ((1 << self.len) - 1);
        while equal != 0 {
            let at = equal.trailing_zeros() as usize;
            if is_it(self.numbers[at]) {
                return Some(at);
            }
            equal &= equal - 1;
        }
        None
    }

    pub(super) fn is_full(&self) -> bool {
        self.len as usize == Self::PLACES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a number to a line that is not full.
    pub(super) fn push(&mut self, hash: u32, number: u32) {
        let at = self.len as usize;
        (self.hashes[at], self.numbers[at]) = (hash, number);
        self.len += 1;
    }

    /// The last number of a line that is not empty.
    pub(super) fn last(&self) -> (u32, u32) {
        let at = self.len as usize - 1;
        (self.hashes[at], self.numbers[at])
    }

    /// Takes the last number out.
    pub(super) fn pop(&mut self) {
        self.len -= 1;
    }

    /// The number in a place.
    pub(super) fn number(&self, at: usize) -> u32 {
        self.numbers[at]
    }

    /// The same, to be changed to another one of the same hash.
    pub(super) fn number_mut(&mut self, at: usize) -> &mut u32 {
        &mut self.numbers[at]
    }

    /// Puts another number into a place that is in use; what was there.
    pub(super) fn replace(&mut self, at: usize, hash: u32, number: u32) -> u32 {
        self.hashes[at] = hash;
        std::mem::replace(&mut self.numbers[at], number)
    }

    /// All with their hashes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let numbers = self.numbers.into_iter().take(self.len as usize);
        self.hashes.into_iter().zip(numbers)
    }
}
