//! Sets of UTF-16 code units.

/// Ranges in ascending order, apart from each other, both ends included.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Set(Vec<(u16, u16)>);

/// `\d`, `\w`, `\s` and the line ends that `.` excludes.
pub(super) const DIGITS: &[(u16, u16)] = &[(0x30, 0x39)];
pub(super) const WORD: &[(u16, u16)] = &[(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)];
pub(super) const LINE_ENDS: &[(u16, u16)] = &[(0x0a, 0x0a), (0x0d, 0x0d), (0x2028, 0x2029)];
pub(super) const SPACE: &[(u16, u16)] = &[
    (0x09, 0x0d),
    (0x20, 0x20),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
    (0xfeff, 0xfeff),
];

impl Set {
    /// The set of these ranges, in any order, overlapping or not.
    pub(super) fn new(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
                _ => merged.push((low, high)),
            }
        }
        Self(merged)
    }

    /// All other code units.
    pub(super) fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(0_u16);
        for (low, high) in &self.0 {
            if let Some(from) = from.filter(|from| from < low) {
                ranges.push((from, low - 1));
            }
            from = high.checked_add(1);
        }
        ranges.extend(from.map(|from| (from, u16::MAX)));
        Self(ranges)
    }

    pub(super) fn ranges(&self) -> &[(u16, u16)] {
        &self.0
    }

    pub(super) fn contains(&self, unit: u16) -> bool {
        let at = self.0.partition_point(|(_, high)| *high < unit);
        self.0.get(at).is_some_and(|(low, _)| *low <= unit)
    }
}

pub(super) fn is_word(unit: u16) -> bool {
    WORD.iter().any(|(low, high)| (*low..=*high).contains(&unit))
}
