//! A slab whose entries are named by slot and generation.

use slab::Slab;

/// Values in reusable slots; a name of an earlier tenant finds nothing.
pub struct Slots<T> {
    entries: Slab<T>,
    /// Per slot, how many tenants it has had; outlives them.
    generations: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { entries: Slab::new(), generations: Vec::new() }
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

    /// Takes the value of that name out, unless it has left.
    pub fn remove(&mut self, slot: u32, generation: u32) -> Option<T> {
        /// Room kept when all tenants have left; more was a crowd.
        const KEPT: usize = 64;
        let value = self.is_current(slot, generation).then(|| self.entries.try_remove(slot as usize))?;
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries = Slab::new();
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
