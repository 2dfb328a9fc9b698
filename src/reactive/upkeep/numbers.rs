//! Sums, averages, smallest and largest values, kept up to date value by value.

use crate::base::json::Number;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The sum and number of the values of a property.
///
/// What clients get must be the double-precision sum in bucket order (S-114), to the last bit,
/// and additions of doubles do not commute. Three ways lead there, the cheapest first: while all
/// values are integers whose magnitudes add up to 2^53 at most, no addition rounds, whatever its
/// order, and the sum is exact in integers. A value at the end of the order is added to the sum
/// so far. Everything else adds the values up again, from numbers kept in order.
#[derive(Default)]
pub(in crate::reactive) struct Sum {
    /// By place in bucket order.
    values: BTreeMap<u64, f64>,
    /// In bucket order; `None` = to be added up again.
    in_order: Option<f64>,
    /// Of the values that are safe integers.
    integers: i128,
    /// Of those, the sum of their magnitudes.
    magnitude: u128,
    /// How many values are something else.
    others: usize,
}

/// The largest magnitude up to which doubles are exact integers.
const SAFE_INTEGER_MAX: u64 = 1 << 53;

impl Sum {
    /// The value of the record at that place has changed; `None` = it has none. Whether that may
    /// show.
    pub(super) fn replace(&mut self, place: u64, was: Option<Number>, is: Option<Number>) -> bool {
        if was.is_some() {
            self.remove(place);
        }
        if let Some(is) = is {
            self.insert(place, is);
        }
        was != is
    }

    /// The sum of all values; 0 of none. O(1), or O(values) where order matters.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^53 in magnitude, which is exact")]
    pub(super) fn sum(&mut self) -> f64 {
        if self.others == 0 && self.magnitude <= u128::from(SAFE_INTEGER_MAX) {
            return self.integers as f64;
        }
        let values = &self.values;
        *self.in_order.get_or_insert_with(|| values.values().sum())
    }

    /// The sum divided by the number of values; 0 of none.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
    pub(super) fn average(&mut self) -> f64 {
        if self.values.is_empty() { 0.0 } else { self.sum() / self.values.len() as f64 }
    }

    fn insert(&mut self, place: u64, value: Number) {
        let value = value.as_f64();
        let is_last = self.values.last_key_value().is_none_or(|(last, _)| *last < place);
        let before = self.in_order.take().or_else(|| self.values.is_empty().then_some(0.0));
        self.in_order = before.filter(|_| is_last).map(|sum| sum + value);
        self.values.insert(place, value);
        match safe_integer(value) {
            Some(n) => {
                self.integers += i128::from(n);
                self.magnitude += u128::from(n.unsigned_abs());
            }
            None => self.others += 1,
        }
    }

    fn remove(&mut self, place: u64) {
        let value = self.values.remove(&place).expect("entered before");
        self.in_order = None;
        match safe_integer(value) {
            Some(n) => {
                self.integers -= i128::from(n);
                self.magnitude -= u128::from(n.unsigned_abs());
            }
            None => self.others -= 1,
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked to fit")]
fn safe_integer(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= SAFE_INTEGER_MAX as f64).then_some(value as i64)
}

/// The values of a property in the order of their size, and how many records have each.
#[derive(Default)]
pub(in crate::reactive) struct Extremes(BTreeMap<Exact, u32>);

/// A number in its exact order.
#[derive(Clone, Copy)]
struct Exact(Number);

impl Extremes {
    /// The value of a record has changed; `None` = it has none. Whether that may show. O(log values).
    pub(super) fn replace(&mut self, was: Option<Number>, is: Option<Number>) -> bool {
        let before = (self.min(), self.max());
        if let Some(was) = was.map(Exact) {
            let count = self.0.get_mut(&was).expect("entered before");
            *count -= 1;
            if *count == 0 {
                self.0.remove(&was);
            }
        }
        if let Some(is) = is {
            *self.0.entry(Exact(is)).or_default() += 1;
        }
        before != (self.min(), self.max())
    }

    /// The smallest. O(log values).
    pub(super) fn min(&self) -> Option<Number> {
        self.0.first_key_value().map(|(value, _)| value.0)
    }

    /// The largest. O(log values).
    pub(super) fn max(&self) -> Option<Number> {
        self.0.last_key_value().map(|(value, _)| value.0)
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.compare(other.0)
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}
