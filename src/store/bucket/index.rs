//! Records by the value of one field (02 §2.7).

use super::slots::{SlotNumber, Slots};
use super::table::Table;
use crate::base::json::Raw;
use crate::store::Definition;
use crate::store::unique::scalar;
use std::collections::BTreeMap;

/// The records that indexes look at.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) slots: &'a Slots,
    pub(super) definition: &'a Definition,
}

impl<'a> Rows<'a> {
    /// The value by which the record of a slot is found: missing, null, arrays and objects are not
    /// indexed (S-73).
    fn value(self, slot: SlotNumber, field: usize) -> Option<&'a [u8]> {
        scalar(self.definition, self.slots.record(slot), field).map(Raw::as_bytes)
    }
}

/// An index over one field. It holds slot numbers only: values stand once, in the records.
pub(super) struct Index {
    field: usize,
    holders: Holders,
    hasher: ahash::RandomState,
}

enum Holders {
    /// At most one record per value, but while the changes of a transaction are applied: two
    /// records may swap their values (S-178).
    Unique(Table<SlotNumber>),
    Shared(Table<Postings>),
}

/// All records with the same value, in bucket order.
enum Postings {
    One(SlotNumber),
    /// At least two.
    Several(Crowd),
}

/// Records of one value by their place in bucket order.
pub(super) type Crowd = BTreeMap<u64, SlotNumber>;

/// Records of one value that are freed together.
const CROWD_FREED_MAX: usize = 64;

impl Index {
    /// An empty index. The hasher is seeded, so that clients cannot choose colliding values.
    pub(super) fn new(field: usize, is_unique: bool, hasher: ahash::RandomState) -> Self {
        let holders = match is_unique {
            true => Holders::Unique(Table::default()),
            false => Holders::Shared(Table::default()),
        };
        Self { field, holders, hasher }
    }

    /// The number of the field.
    pub(super) fn field(&self) -> usize {
        self.field
    }

    /// Enters the record of a slot.
    pub(super) fn insert(&mut self, rows: Rows<'_>, slot: SlotNumber) {
        let Some(value) = rows.value(slot, self.field) else { return };
        let hash = self.hash(value);
        match &mut self.holders {
            Holders::Unique(table) => table.insert(hash, slot),
            Holders::Shared(table) => match table.find_mut(hash, postings_of(rows, self.field, value)) {
                Some(postings) => postings.insert(rows.slots, slot),
                None => table.insert(hash, Postings::One(slot)),
            },
        }
    }

    /// Takes the record of a slot out, which is still there.
    pub(super) fn remove(&mut self, rows: Rows<'_>, slot: SlotNumber) {
        let Some(value) = rows.value(slot, self.field) else { return };
        let hash = self.hash(value);
        match &mut self.holders {
            Holders::Unique(table) => {
                table.remove(hash, |other| *other == slot).expect("an indexed value is found");
            }
            Holders::Shared(table) => {
                let is_it = postings_of(rows, self.field, value);
                let postings = table.find_mut(hash, &is_it).expect("an indexed value is found");
                if postings.remove(rows.slots, slot) {
                    table.remove(hash, is_it);
                }
            }
        }
    }

    /// Frees a part of an index that nobody will use again: so many values, 0 if none is left.
    /// Values of many records are handed out, to be freed by parts.
    pub(super) fn shed(&mut self, crowds: &mut Vec<Crowd>) -> usize {
        match &mut self.holders {
            // Nothing but memory.
            Holders::Unique(table) => table.pop_part().map_or(0, |part| part.len().max(1)),
            Holders::Shared(table) => {
                let Some(part) = table.pop_part() else { return 0 };
                let values = part.len().max(1);
                crowds.extend(part.filter_map(|postings| match postings {
                    Postings::Several(crowd) if crowd.len() > CROWD_FREED_MAX => Some(crowd),
                    Postings::One(_) | Postings::Several(_) => None,
                }));
                values
            }
        }
    }

    /// The one record of a unique value.
    pub(super) fn holder(&self, rows: Rows<'_>, value: &[u8]) -> Option<SlotNumber> {
        let Holders::Unique(table) = &self.holders else { return None };
        let is_it = |slot: &SlotNumber| rows.value(*slot, self.field) == Some(value);
        table.find(self.hash(value), is_it).copied()
    }

    /// All records of a value, in bucket order.
    pub(super) fn hits<'a>(&'a self, rows: Rows<'_>, value: &[u8]) -> Hits<'a> {
        match &self.holders {
            Holders::Unique(_) => Hits { one: self.holder(rows, value), several: None },
            Holders::Shared(table) => {
                match table.find(self.hash(value), postings_of(rows, self.field, value)) {
                    None => Hits::default(),
                    Some(Postings::One(slot)) => Hits { one: Some(*slot), several: None },
                    Some(Postings::Several(slots)) => Hits { one: None, several: Some(slots) },
                }
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half a hash is enough")]
    fn hash(&self, value: &[u8]) -> u32 {
        self.hasher.hash_one(value) as u32
    }
}

/// What an index found.
#[derive(Clone, Copy, Default)]
pub(super) struct Hits<'a> {
    one: Option<SlotNumber>,
    several: Option<&'a Crowd>,
}

impl<'a> Hits<'a> {
    pub(super) fn len(self) -> usize {
        usize::from(self.one.is_some()) + self.several.map_or(0, BTreeMap::len)
    }

    /// In bucket order.
    pub(super) fn slots(self) -> impl Iterator<Item = SlotNumber> + use<'a> {
        self.one.into_iter().chain(self.several.into_iter().flat_map(BTreeMap::values).copied())
    }
}

impl Postings {
    fn insert(&mut self, slots: &Slots, slot: SlotNumber) {
        match self {
            Self::One(other) => {
                let both = [*other, slot].map(|slot| (slots.sequence(slot), slot));
                *self = Self::Several(BTreeMap::from(both));
            }
            Self::Several(others) => {
                others.insert(slots.sequence(slot), slot);
            }
        }
    }

    /// Whether that was the last one.
    fn remove(&mut self, slots: &Slots, slot: SlotNumber) -> bool {
        let Self::Several(others) = self else { return true };
        others.remove(&slots.sequence(slot)).expect("an indexed record is found");
        if others.len() == 1 {
            *self = Self::One(*others.values().next().expect("one is left"));
        }
        false
    }

    fn any(&self) -> SlotNumber {
        match self {
            Self::One(slot) => *slot,
            Self::Several(slots) => *slots.values().next().expect("at least two"),
        }
    }
}

fn postings_of<'a>(rows: Rows<'a>, field: usize, wanted: &'a [u8]) -> impl Fn(&Postings) -> bool + 'a {
    move |postings| rows.value(postings.any(), field) == Some(wanted)
}
