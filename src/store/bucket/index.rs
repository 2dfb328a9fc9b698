//! Records by the value of one field (02 §2.7).

use super::slots::{SLOTS_MAX, SlotNumber, Slots};
use super::table::Table;
use crate::base::json::Raw;
use crate::store::Definition;
use crate::store::unique::scalar;
use slab::Slab;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

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

    /// Whether the record of a slot, which is not near yet, has that value.
    fn has(self, slot: SlotNumber, field: usize, value: &[u8]) -> bool {
        self.slots.record(slot).prefetch();
        self.value(slot, field) == Some(value)
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
    Unique(Table),
    /// Any number of records per value.
    Shared { postings: Table, crowds: Slab<Crowd> },
}

/// All records with the same value; the table of a shared index has each as one number.
#[derive(Clone, Copy)]
enum Postings {
    One(SlotNumber),
    /// At least two: the number of their crowd.
    Several(u32),
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
            false => Holders::Shared { postings: Table::default(), crowds: Slab::new() },
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
            Holders::Shared { postings, crowds } => {
                match postings.find_mut(hash, postings_of(rows, self.field, value, crowds)) {
                    Some(number) => *number = Postings::from(*number).with(slot, crowds, rows.slots).into(),
                    None => postings.insert(hash, Postings::One(slot).into()),
                }
            }
        }
    }

    /// Takes the record of a slot out, which is still there, by the hash of its value.
    pub(super) fn remove(&mut self, slots: &Slots, slot: SlotNumber, hash: u32) {
        match &mut self.holders {
            Holders::Unique(table) => {
                table.remove(hash, |other| other == slot).expect("an indexed value is found");
            }
            Holders::Shared { postings, crowds } => {
                let place = slots.sequence(slot);
                // By the record itself: comparing values would wait for another one's memory.
                let has_it = |number| Postings::from(number).contain(slot, place, crowds);
                let number = postings.find_mut(hash, has_it).expect("an indexed value is found");
                match Postings::from(*number).without(slot, crowds, slots) {
                    Some(left) => *number = left.into(),
                    None => {
                        postings.remove(hash, |other| other == slot);
                    }
                }
            }
        }
    }

    /// Takes the one record of a unique value out, which is still there.
    pub(super) fn take(&mut self, rows: Rows<'_>, value: &[u8]) -> Option<SlotNumber> {
        let hash = self.hash(value);
        let Holders::Unique(table) = &mut self.holders else { return None };
        table.remove(hash, |slot| rows.has(slot, self.field, value))
    }

    /// Asks for the memory in which a value will be looked for, entered or taken out; its hash.
    pub(super) fn prefetch(&self, value: Raw<'_>) -> u32 {
        let hash = self.hash(value.as_bytes());
        match &self.holders {
            Holders::Unique(table) | Holders::Shared { postings: table, .. } => table.prefetch(hash),
        }
        hash
    }

    /// Frees a part of an index that nobody will use again: so many lines of its table, 0 if none is
    /// left. Values of many records are handed out, to be freed by parts.
    pub(super) fn shed(&mut self, large: &mut Vec<Crowd>) -> usize {
        match &mut self.holders {
            // Nothing but memory.
            Holders::Unique(table) => table.shed(drop),
            Holders::Shared { postings, crowds } => postings.shed(|number| {
                if let Postings::Several(number) = Postings::from(number) {
                    let crowd = crowds.remove(number as usize);
                    large.extend(Some(crowd).filter(|crowd| crowd.len() > CROWD_FREED_MAX));
                }
            }),
        }
    }

    /// The one record of a unique value.
    pub(super) fn holder(&self, rows: Rows<'_>, value: &[u8]) -> Option<SlotNumber> {
        let Holders::Unique(table) = &self.holders else { return None };
        table.find(self.hash(value), |slot| rows.has(slot, self.field, value))
    }

    /// All records of a value, in bucket order.
    pub(super) fn hits<'a>(&'a self, rows: Rows<'_>, value: &[u8]) -> Hits<'a> {
        match &self.holders {
            Holders::Unique(_) => Hits { one: self.holder(rows, value), several: None },
            Holders::Shared { postings, crowds } => {
                let is_it = postings_of(rows, self.field, value, crowds);
                match postings.find(self.hash(value), is_it).map(Postings::from) {
                    None => Hits::default(),
                    Some(Postings::One(slot)) => Hits { one: Some(slot), several: None },
                    Some(Postings::Several(crowd)) => {
                        Hits { one: None, several: Some(&crowds[crowd as usize]) }
                    }
                }
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half a hash is enough")]
    fn hash(&self, value: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(value);
        hasher.finish() as u32
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
    /// Tells crowds from slots.
    const SEVERAL: u32 = SLOTS_MAX;

    /// These and one more.
    fn with(self, slot: SlotNumber, crowds: &mut Slab<Crowd>, slots: &Slots) -> Self {
        match self {
            Self::One(other) => {
                let both = [other, slot].map(|slot| (slots.sequence(slot), slot));
                Self::Several(u32::try_from(crowds.insert(Crowd::from(both))).expect("fewer than slots"))
            }
            Self::Several(crowd) => {
                crowds[crowd as usize].insert(slots.sequence(slot), slot);
                self
            }
        }
    }

    /// These but for one of them, if that leaves any.
    fn without(self, slot: SlotNumber, crowds: &mut Slab<Crowd>, slots: &Slots) -> Option<Self> {
        let Self::Several(number) = self else { return None };
        let crowd = &mut crowds[number as usize];
        crowd.remove(&slots.sequence(slot)).expect("an indexed record is found");
        if crowd.len() > 1 {
            return Some(self);
        }
        crowds.remove(number as usize).pop_first().map(|(_, last)| Self::One(last))
    }

    /// Whether the record of a slot, with its place in bucket order, is among them.
    fn contain(self, slot: SlotNumber, place: u64, crowds: &Slab<Crowd>) -> bool {
        match self {
            Self::One(other) => other == slot,
            Self::Several(crowd) => crowds[crowd as usize].get(&place) == Some(&slot),
        }
    }

    fn any(self, crowds: &Slab<Crowd>) -> SlotNumber {
        match self {
            Self::One(slot) => slot,
            Self::Several(crowd) => *crowds[crowd as usize].values().next().expect("at least two"),
        }
    }
}

impl From<u32> for Postings {
    fn from(number: u32) -> Self {
        match number & Self::SEVERAL {
            0 => Self::One(number),
            _ => Self::Several(number ^ Self::SEVERAL),
        }
    }
}

impl From<Postings> for u32 {
    fn from(postings: Postings) -> Self {
        match postings {
            Postings::One(slot) => slot,
            Postings::Several(crowd) => crowd | Postings::SEVERAL,
        }
    }
}

fn postings_of<'a>(
    rows: Rows<'a>,
    field: usize,
    wanted: &'a [u8],
    crowds: &'a Slab<Crowd>,
) -> impl Fn(u32) -> bool + 'a {
    move |number| rows.has(Postings::from(number).any(crowds), field, wanted)
}
