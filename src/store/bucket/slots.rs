//! Records in numbered slots, threaded in bucket order.
//!
//! The order is a list through the slots, so that a delete costs O(1) and the first or last n
//! records O(n). Slots live in chunks: adding one never moves the others.

use crate::base::chunks::Chunks;
use crate::base::prefetch::prefetch;
use crate::store::Record;

/// Names a record from its insert to its delete.
pub type SlotNumber = u32;

/// All records of a bucket.
pub(super) struct Slots {
    slots: Chunks<Slot>,
    len: usize,
    first: SlotNumber,
    last: SlotNumber,
    /// Free slots, chained by `next`.
    free: SlotNumber,
    appended: u64,
    /// Of all records' texts.
    text_bytes: usize,
}

struct Slot {
    /// `None` in a free slot.
    record: Option<Record>,
    /// The place in bucket order (S-70): larger means later. Never reused.
    sequence: u64,
    previous: SlotNumber,
    next: SlotNumber,
}

/// The end of a list.
const NONE: SlotNumber = SlotNumber::MAX;

/// Records of one bucket, and so numbers of slots: a power of two, which leaves indexes the bit.
pub(super) const SLOTS_MAX: SlotNumber = 1 << 31;

impl Default for Slots {
    fn default() -> Self {
        Self {
            slots: Chunks::default(),
            len: 0,
            first: NONE,
            last: NONE,
            free: NONE,
            appended: 0,
            text_bytes: 0,
        }
    }
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of all records as JSON.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// The record in a slot that is in use.
    #[inline]
    pub(super) fn record(&self, number: SlotNumber) -> &Record {
        self.slot(number).record.as_ref().expect("the slot is in use")
    }

    /// Its place in bucket order.
    pub(super) fn sequence(&self, number: SlotNumber) -> u64 {
        self.slot(number).sequence
    }

    /// Asks for the memory that the next record's slot is in.
    pub(super) fn prefetch_free(&self) {
        if self.free != NONE {
            prefetch(self.slot(self.free));
        }
    }

    /// Asks for the memory that a record's removal changes.
    pub(super) fn prefetch_neighbours(&self, number: SlotNumber) {
        let slot = self.slot(number);
        for neighbour in [slot.previous, slot.next].into_iter().filter(|neighbour| *neighbour != NONE) {
            prefetch(self.slot(neighbour));
        }
    }

    /// Puts a record at the end of the order.
    pub(super) fn append(&mut self, record: Record) -> SlotNumber {
        self.appended += 1;
        self.text_bytes += record.text().len();
        let slot = Slot { record: Some(record), sequence: self.appended, previous: self.last, next: NONE };
        let number = self.place(slot);
        match self.last {
            NONE => self.first = number,
            last => self.slot_mut(last).next = number,
        }
        self.last = number;
        self.len += 1;
        number
    }

    /// Puts a record in the place of another, which it returns.
    pub(super) fn replace(&mut self, number: SlotNumber, record: Record) -> Record {
        self.text_bytes += record.text().len();
        let old = self.slot_mut(number).record.replace(record).expect("the slot is in use");
        self.text_bytes -= old.text().len();
        old
    }

    /// Takes a record out.
    pub(super) fn remove(&mut self, number: SlotNumber) -> Record {
        let free = self.free;
        let slot = self.slot_mut(number);
        let (previous, next) = (slot.previous, slot.next);
        let record = slot.record.take().expect("the slot is in use");
        slot.next = free;
        self.free = number;
        match previous {
            NONE => self.first = next,
            previous => self.slot_mut(previous).next = next,
        }
        match next {
            NONE => self.last = previous,
            next => self.slot_mut(next).previous = previous,
        }
        self.len -= 1;
        self.text_bytes -= record.text().len();
        record
    }

    /// Takes all records out; places in bucket order are counted on.
    pub(super) fn take(&mut self) -> Self {
        let appended = self.appended;
        std::mem::replace(self, Self { appended, ..Self::default() })
    }

    /// Frees at most so many records of slots that nobody will use again; how many.
    pub(super) fn shed(&mut self, count: usize) -> usize {
        std::iter::from_fn(|| self.slots.pop()).take(count).count()
    }

    /// All in bucket order.
    pub(super) fn iter(&self) -> impl Iterator<Item = SlotNumber> {
        self.walk(self.first, |slot| slot.next)
    }

    /// All from the last to the first.
    pub(super) fn iter_back(&self) -> impl Iterator<Item = SlotNumber> {
        self.walk(self.last, |slot| slot.previous)
    }

    /// All behind a slot, in bucket order.
    pub(super) fn iter_after(&self, number: SlotNumber) -> impl Iterator<Item = SlotNumber> {
        self.walk(self.slot(number).next, |slot| slot.next)
    }

    fn walk(&self, from: SlotNumber, step: fn(&Slot) -> SlotNumber) -> impl Iterator<Item = SlotNumber> {
        let mut at = from;
        std::iter::from_fn(move || {
            let number = (at != NONE).then_some(at)?;
            at = step(self.slot(number));
            Some(number)
        })
    }

    /// Fills a free slot, or a new one.
    fn place(&mut self, slot: Slot) -> SlotNumber {
        if self.free != NONE {
            let number = self.free;
            self.free = self.slot(number).next;
            *self.slot_mut(number) = slot;
            return number;
        }
        let number = SlotNumber::try_from(self.slots.len()).ok().filter(|number| *number < SLOTS_MAX);
        self.slots.push(slot);
        number.expect("at most 2^31 records: half a terabyte")
    }

    #[inline]
    fn slot(&self, number: SlotNumber) -> &Slot {
        self.slots.get(number as usize)
    }

    #[inline]
    fn slot_mut(&mut self, number: SlotNumber) -> &mut Slot {
        self.slots.get_mut(number as usize)
    }
}
