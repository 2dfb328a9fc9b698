//! Values by number, of which adding one never moves many.

/// A vector in chunks.
pub struct Chunks<T> {
    /// All full but the last one.
    chunks: Vec<Vec<T>>,
    len: usize,
}

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 64 * 1024;

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Chunks<T> {
    /// Values of a full chunk.
    const FULL: usize = CHUNK_BYTES / size_of::<T>();

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a number.
    ///
    /// # Panics
    /// If it is not below [`Self::len`].
    #[inline]
    pub fn get(&self, at: usize) -> &T {
        &self.chunks[at / Self::FULL][at % Self::FULL]
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, at: usize) -> &mut T {
        &mut self.chunks[at / Self::FULL][at % Self::FULL]
    }

    /// Adds a value: its number is what [`Self::len`] was. O(1); moves at most a chunk.
    pub fn push(&mut self, value: T) {
        if self.len.is_multiple_of(Self::FULL) {
            // The first chunk grows with its values; mostly there is no second one.
            let capacity = if self.len == 0 { 1 } else { Self::FULL };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        self.chunks.last_mut().expect("just made sure").push(value);
        self.len += 1;
    }

    /// Takes the last value out, and frees its chunk with the first one.
    pub fn pop(&mut self) -> Option<T> {
        let value = self.chunks.last_mut()?.pop();
        self.chunks.pop_if(|chunk| chunk.is_empty());
        self.len -= 1;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::Chunks;

    #[test]
    fn every_number_has_its_value() {
        let mut chunks = Chunks::<[usize; 128]>::default();
        let count = 2 * Chunks::<[usize; 128]>::FULL + 3;
        (0..count).for_each(|n| chunks.push([n; 128]));
        chunks.get_mut(5)[127] = 50;
        assert!((0..count).all(|n| chunks.get(n)[0] == n));
        assert_eq!((chunks.len(), chunks.get(5)[127]), (count, 50));
        for n in (0..count).rev() {
            assert_eq!((chunks.pop().map(|value| value[0]), chunks.len()), (Some(n), n));
        }
        assert!(chunks.pop().is_none() && chunks.is_empty());
        chunks.push([7; 128]);
        assert_eq!(chunks.get(0)[0], 7);
    }
}
