//! A slab whose entries are named by slot and generation.

use slab::Slab;

/// Values in reusable slots; a name of an earlier tenant finds nothing.
pub struct Slots<T> {
    entries: Slab<T>,
    /// Per slot, how many tenants it has had; outlives them.
    generations: Vec<u32>,
    /// The number of values at which room is given back next.
    shrinks_at: usize,
}

/// Room that is kept however few values there are.
const SLOTS_KEPT: usize = 64;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { entries: Slab::new(), generations: Vec::new(), shrinks_at: 0 }
    }
}

impl<T> Slots<T> {
    /// Puts a value into a free slot and names it (slot, generation). O(1).
    pub fn insert(&mut self, value: T) -> (u32, u32) {
        let slot = self.entries.insert(value);
        if slot == self.generations.len() {
            self.generations.push(0);
        }
        let generation = &mut self.generations[slot];
        *generation = generation.wrapping_add(1);
        self.shrinks_at = self.shrinks_at.max(self.entries.len() / 4);
        (u32::try_from(slot).expect("fewer than 2^32 slots"), *generation)
    }

    /// The value of that name, unless it has left.
    pub fn get(&self, slot: u32, generation: u32) -> Option<&T> {
        self.is_current(slot, generation).then(|| self.entries.get(slot as usize))?
    }

    /// The value of that name, unless it has left.
    pub fn get_mut(&mut self, slot: u32, generation: u32) -> Option<&mut T> {
        self.is_current(slot, generation).then(|| self.entries.get_mut(slot as usize))?
    }

    /// Takes the value of that name out, unless it has left. When three in four have left, room
    /// behind the last one is given back: O(1) amortised over those that came, but for a factor of
    /// at most log n if some in high slots stay.
    pub fn remove(&mut self, slot: u32, generation: u32) -> Option<T> {
        let value = self.is_current(slot, generation).then(|| self.entries.try_remove(slot as usize))?;
        if self.entries.len() <= self.shrinks_at && self.entries.capacity() > SLOTS_KEPT {
            self.entries.shrink_to_fit();
            self.shrinks_at = self.entries.len() / 2;
        }
        value
    }

    /// All values with their names, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = ((u32, u32), &T)> {
        let name = |slot: usize| (u32::try_from(slot).expect("as on insert"), self.generations[slot]);
        self.entries.iter().map(move |(slot, value)| (name(slot), value))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn is_current(&self, slot: u32, generation: u32) -> bool {
        self.generations.get(slot as usize) == Some(&generation)
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn room_is_given_back_when_a_crowd_has_left() {
        let mut slots = Slots::default();
        let first = slots.insert(0);
        let crowd: Vec<_> = (1..10_000).map(|n| slots.insert(n)).collect();
        for (slot, generation) in &crowd[..9_000] {
            slots.remove(*slot, *generation);
        }
        assert!(slots.entries.capacity() >= 10_000, "the last ones stay where they are");
        for (slot, generation) in &crowd[9_000..] {
            slots.remove(*slot, *generation);
        }
        assert!(slots.entries.capacity() < 1_000, "{}", slots.entries.capacity());
        assert_eq!((slots.len(), slots.get(first.0, first.1)), (1, Some(&0)));
        let (slot, generation) = slots.insert(1);
        assert!(!crowd.contains(&(slot, generation)), "names are not used again");
    }

    #[test]
    fn a_stale_name_finds_nothing() {
        let mut slots = Slots::default();
        let (slot, first) = slots.insert("a");
        assert_eq!(slots.remove(slot, first), Some("a"));
        assert_eq!(slots.remove(slot, first), None);
        let (again, second) = slots.insert("b");
        assert_eq!(again, slot);
        assert_ne!(first, second);
        assert_eq!(slots.get(slot, first), None);
        assert_eq!(slots.get(slot, second), Some(&"b"));
        assert_eq!(slots.len(), 1);
    }
}
