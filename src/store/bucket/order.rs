//! The order of positional reads in an `ordered_set` (S-72).

use super::slots::SlotNumber;
use crate::base::json::{Kind, Raw};
use icu_collator::options::CollatorOptions;
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Slots by key: numbers numerically, before all others; others by their string forms in the
/// root collation of Unicode. Keys that collate equal follow in the order of insertion.
///
/// Where both numbers and strings are keys (`date`), S-72 asks for an order in circles, such as
/// `2` < `10` < `"1a"` < `2`; letting the numbers go first is the nearest order that is none.
pub(super) struct KeyOrder {
    collator: CollatorBorrowed<'static>,
    slots: BTreeMap<(SortKey, u64), SlotNumber>,
}

/// Bytes that compare as the keys do, computed once per record.
type SortKey = SmallVec<[u8; 32]>;

impl KeyOrder {
    pub(super) fn new() -> Self {
        let root = CollatorPreferences::default();
        let collator = CollatorBorrowed::try_new(root, CollatorOptions::default())
            .expect("the root collation is compiled in");
        Self { collator, slots: BTreeMap::new() }
    }

    /// Enters a record by its key and its place in bucket order. O(log n).
    pub(super) fn insert(&mut self, key: Raw<'_>, sequence: u64, slot: SlotNumber) {
        self.slots.insert((self.sort_key(key), sequence), slot);
    }

    /// Takes a record out. O(log n).
    pub(super) fn remove(&mut self, key: Raw<'_>, sequence: u64) {
        self.slots.remove(&(self.sort_key(key), sequence)).expect("every record has its place");
    }

    /// All in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = SlotNumber> {
        self.slots.values().copied()
    }

    /// All behind a record. O(log n) to begin.
    pub(super) fn iter_after(
        &self,
        key: Raw<'_>,
        sequence: u64,
    ) -> impl Iterator<Item = SlotNumber> + use<'_> {
        let from = Bound::Excluded((self.sort_key(key), sequence));
        self.slots.range((from, Bound::Unbounded)).map(|(_, slot)| *slot)
    }

    /// Frees at most so many entries of what nobody will use again; how many.
    pub(super) fn shed(&mut self, count: usize) -> usize {
        std::iter::from_fn(|| self.slots.pop_first()).take(count).count()
    }

    fn sort_key(&self, key: Raw<'_>) -> SortKey {
        const NUMBER: u8 = 0;
        const TEXT: u8 = 1;
        let mut sort_key = SortKey::new();
        if key.kind() == Kind::Number {
            sort_key.push(NUMBER);
            write_number(key, &mut sort_key);
        } else {
            sort_key.push(TEXT);
            let mut collated = Vec::new();
            let Ok(()) = self.collator.write_sort_key_to(&key.display(), &mut collated);
            sort_key.extend_from_slice(&collated);
        }
        sort_key
    }
}

/// Appends the double, then the exact value of integers beyond 2^53, of which several round to
/// the same double.
fn write_number(number: Raw<'_>, out: &mut SortKey) {
    const SIGN: u64 = 1 << 63;
    let double = number.as_number().expect("a number").as_f64().to_bits();
    let ascending = if double & SIGN == 0 { double | SIGN } else { !double };
    out.extend_from_slice(&ascending.to_be_bytes());
    let text = std::str::from_utf8(number.as_bytes()).expect("canonical text is UTF-8");
    if let Ok(exact) = text.parse::<i128>() {
        out.extend_from_slice(&(exact ^ i128::MIN).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::KeyOrder;
    use crate::base::json::Raw;

    fn in_order(keys: &[&'static str]) -> Vec<&'static str> {
        let mut order = KeyOrder::new();
        // Entered backwards, so that it is not the order of insertion that is found.
        for (at, key) in keys.iter().enumerate().rev() {
            order.insert(Raw::trusted(key.as_bytes()), 0, u32::try_from(at).unwrap());
        }
        order.iter().map(|slot| keys[slot as usize]).collect()
    }

    #[test]
    fn keys_are_in_their_order() {
        // S-72
        let texts = [
            "\"_x\"",
            "\"-x\"",
            "\"1\"",
            "\"10\"",
            "\"2\"",
            "\"a\"",
            "\"A\"",
            "\"á\"",
            "\"b\"",
            "\"item10\"",
            "\"item2\"",
            "\"Item2\"",
        ];
        assert_eq!(in_order(&texts), texts);
        let numbers = [
            "-1e+300",
            "-9007199254740993",
            "-9007199254740992",
            "-2.5",
            "-1",
            "0",
            "1e-7",
            "2",
            "10",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "1e+21",
            "\"\"",
            "\"1\"",
        ];
        assert_eq!(in_order(&numbers), numbers);
        assert_eq!(in_order(&["false", "true"]), ["false", "true"]);
    }

    #[test]
    fn equal_keys_are_in_the_order_of_insertion() {
        // S-72: composed and decomposed text collate equal.
        let (composed, decomposed) =
            (Raw::trusted("\"á\"".as_bytes()), Raw::trusted("\"a\u{301}\"".as_bytes()));
        let mut order = KeyOrder::new();
        order.insert(decomposed, 1, 10);
        order.insert(composed, 2, 20);
        assert_eq!(order.iter().collect::<Vec<_>>(), [10, 20]);
        assert_eq!(order.iter_after(decomposed, 1).collect::<Vec<_>>(), [20]);
        order.remove(decomposed, 1);
        assert_eq!(order.iter().collect::<Vec<_>>(), [20]);
    }
}
