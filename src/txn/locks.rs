//! The lock table of one core: what prepared transactions keep from others until their decision,
//! and who waits for it.
//!
//! Each lockable item has a line: those who hold it, and behind them those who wait, first come,
//! first served. Somebody asks for all that it needs at once, and so stands in all lines at
//! one instant: on one core nobody can wait for somebody who came later, and nobody overtakes
//! whom it conflicts with, so that a stream of readers cannot starve a writer. A release looks
//! at the lines of what is released and nowhere else.
//!
//! Items are known by a keyed 64-bit hash. Two that share one would exclude each other without
//! need, which does no harm.

use super::intent::{Intent, Mode, Part};
use super::sabotage::{self, Sabotage};
use crate::base::ids::{BucketId, ConnId, CoreId};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use slab::Slab;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// What somebody needs, each item once. Two or three operations need no allocation.
#[derive(Debug)]
pub struct Footprint(SmallVec<[(u64, Mode); 8]>);

/// Somebody who holds locks, or waits for some of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(usize);

/// All locks of one core. Every operation is O(1) per item of the footprint, and per waiter
/// that goes on.
pub struct Locks {
    hasher: ahash::RandomState,
    lines: HashTable<Line>,
    tickets: Slab<Stand>,
    /// Those who waited and have got everything, in that order.
    ready: VecDeque<Ticket>,
}

struct Stand {
    footprint: Footprint,
    /// Items of it that are not held yet.
    missing: usize,
}

struct Line {
    item: u64,
    /// How many hold it, by mode.
    held: [u32; 4],
    /// How many wait, by mode.
    queued: [u32; 4],
    queue: VecDeque<(Ticket, Mode)>,
}

impl Locks {
    /// Without any lock. The seed keeps clients from choosing keys that share an item.
    pub fn new(seed: u64) -> Self {
        let hasher = ahash::RandomState::with_seeds(seed, !seed, seed.rotate_left(32), 0x9e37_79b9_7f4a_7c15);
        Self { hasher, lines: HashTable::new(), tickets: Slab::new(), ready: VecDeque::new() }
    }

    /// Whether nothing is locked: the common case, and the only one without transactions
    /// over several cores.
    pub fn is_free(&self) -> bool {
        self.tickets.is_empty()
    }

    /// What these intents need; for a connection also its place behind its earlier requests
    /// that wait (P-121). O(n log n).
    pub fn footprint(&self, intents: &[Intent], connection: Option<(CoreId, ConnId)>) -> Footprint {
        let mut items = SmallVec::<[(u64, Mode); 8]>::new();
        let heeded = intents.iter().filter(|intent| !sabotage::forgets(intent));
        for (bucket, mode, part) in heeded.map(Intent::locks) {
            items.push((self.bucket(bucket), mode));
            items.extend(part.map(|(part, mode)| (self.part(bucket, part), mode)));
        }
        items.extend(connection.map(|connection| (self.hasher.hash_one(connection), Mode::WRITE)));
        items.sort_unstable_by_key(|(item, _)| *item);
        items.dedup_by(|(item, mode), (kept, covers)| {
            let is_same = item == kept;
            if is_same {
                *covers = covers.join(*mode);
            }
            is_same
        });
        Footprint(items)
    }

    /// Whether neither a holder nor somebody who waits is in the way.
    pub fn admit(&self, footprint: &Footprint) -> bool {
        footprint.0.iter().all(|(item, mode)| self.line(*item).is_none_or(|line| line.admits(*mode)))
    }

    /// Whether somebody changes the bucket, or waits to have the rest of what it needs for that.
    pub fn write_to(&self, bucket: BucketId) -> bool {
        self.line(self.bucket(bucket)).is_some_and(|line| !Line::is_compatible(Mode::READ, &line.held))
    }

    /// Whether a request of the connection waits.
    pub fn keep_waiting(&self, connection: (CoreId, ConnId)) -> bool {
        self.line(self.hasher.hash_one(connection)).is_some()
    }

    /// Takes all locks that are free and a place in the line for each other one. True = it holds
    /// everything; otherwise [`Self::next_ready`] will name the ticket when it does.
    pub fn acquire(&mut self, footprint: Footprint) -> (Ticket, bool) {
        let entry = self.tickets.vacant_entry();
        let ticket = Ticket(entry.key());
        let mut missing = 0;
        for (item, mode) in &footprint.0 {
            let line = Line::of(&mut self.lines, *item);
            if line.admits(*mode) {
                line.held[mode.index()] += 1;
            } else {
                line.queued[mode.index()] += 1;
                line.queue.push_back((ticket, *mode));
                missing += 1;
            }
        }
        entry.insert(Stand { footprint, missing });
        (ticket, missing == 0)
    }

    /// Adds what came to be named only when the holder ran: keys that were made on the way.
    /// Nobody else can hold them.
    pub fn extend(&mut self, ticket: Ticket, footprint: Footprint) {
        for (item, mode) in &footprint.0 {
            Line::of(&mut self.lines, *item).held[mode.index()] += 1;
        }
        let stand = &mut self.tickets[ticket.0];
        stand.footprint.0.extend(footprint.0);
        if sabotage::is(Sabotage::ReleaseBeforeDecision) {
            let all = std::mem::take(&mut stand.footprint.0);
            self.give_back(&all);
        }
    }

    /// Gives all locks of a holder back.
    ///
    /// # Panics
    /// If it still waits for some, or holds none.
    pub fn release(&mut self, ticket: Ticket) {
        let Stand { footprint, missing } = self.tickets.remove(ticket.0);
        assert_eq!(missing, 0, "only who has everything gives it back");
        self.give_back(&footprint.0);
    }

    /// One of those who waited and have got everything.
    pub fn next_ready(&mut self) -> Option<Ticket> {
        self.ready.pop_front()
    }

    fn give_back(&mut self, items: &[(u64, Mode)]) {
        let (tickets, ready) = (&mut self.tickets, &mut self.ready);
        for (item, mode) in items {
            let mut entry = self
                .lines
                .find_entry(*item, |line| line.item == *item)
                .ok()
                .expect("what is held has a line");
            let line = entry.get_mut();
            line.held[mode.index()] -= 1;
            line.serve(|ticket| {
                let stand = &mut tickets[ticket.0];
                stand.missing -= 1;
                if stand.missing == 0 {
                    ready.push_back(ticket);
                }
            });
            if line.held == [0; 4] && line.queue.is_empty() {
                entry.remove();
            }
        }
    }

    fn bucket(&self, bucket: BucketId) -> u64 {
        self.hasher.hash_one(bucket)
    }

    fn part(&self, bucket: BucketId, part: Part<'_>) -> u64 {
        self.hasher.hash_one((bucket, part))
    }

    fn line(&self, item: u64) -> Option<&Line> {
        self.lines.find(item, |line| line.item == item)
    }
}

impl Footprint {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Line {
    /// The line of an item; without locks there is none yet.
    fn of(lines: &mut HashTable<Self>, item: u64) -> &mut Self {
        match lines.entry(item, |line| line.item == item, |line| line.item) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let line = Self { item, held: [0; 4], queued: [0; 4], queue: VecDeque::new() };
                entry.insert(line).into_mut()
            }
        }
    }

    fn is_compatible(mode: Mode, present: &[u32; 4]) -> bool {
        Self::mask(present) & mode.excluded_by() == 0
    }

    /// Nobody who holds it or waits for it is in the way.
    fn admits(&self, mode: Mode) -> bool {
        Self::is_compatible(mode, &self.held) && Self::is_compatible(mode, &self.queued)
    }

    fn mask(present: &[u32; 4]) -> u8 {
        (0..4).filter(|mode| present[*mode] > 0).fold(0, |mask, mode| mask | 1 << mode)
    }

    /// Lets in whom nobody is in the way of any more, holders or earlier waiters. It stops where
    /// nobody further back could go on either.
    fn serve(&mut self, mut enter: impl FnMut(Ticket)) {
        let (mut at, mut ahead) = (0, 0);
        while let Some((ticket, mode)) = self.queue.get(at).copied() {
            let in_the_way = ahead | Self::mask(&self.held);
            if in_the_way & mode.excluded_by() == 0 {
                self.queue.remove(at);
                self.queued[mode.index()] -= 1;
                self.held[mode.index()] += 1;
                enter(ticket);
                continue;
            }
            ahead |= 1 << mode.index();
            at += 1;
            let in_the_way = ahead | Self::mask(&self.held);
            let others = [Mode::READ_PART, Mode::WRITE_PART, Mode::READ, Mode::WRITE];
            let could_enter =
                |mode: &Mode| self.queued[mode.index()] > 0 && in_the_way & mode.excluded_by() == 0;
            if !others.iter().any(could_enter) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::intent::Intent;
    use super::{Locks, Ticket};
    use crate::base::ids::{BucketId, ConnId, CoreId};
    use crate::store::Key;

    const BUCKET: BucketId = BucketId(1);

    fn key(text: &str) -> Key {
        Key::from_slice(text.as_bytes())
    }

    fn locks() -> Locks {
        Locks::new(7)
    }

    fn acquire(locks: &mut Locks, intents: &[Intent]) -> (Ticket, bool) {
        let footprint = locks.footprint(intents, None);
        locks.acquire(footprint)
    }

    fn ready(locks: &mut Locks) -> Vec<Ticket> {
        std::iter::from_fn(|| locks.next_ready()).collect()
    }

    #[test]
    fn what_excludes_what() {
        // Rows: held; columns: wanted.
        let kinds = [
            Intent::ReadKey(BUCKET, key("a")),
            Intent::WriteKey(BUCKET, key("a")),
            Intent::WriteKey(BUCKET, key("b")),
            Intent::Append(BUCKET),
            Intent::AppendInSequence(BUCKET),
            Intent::ReadEnd(BUCKET),
            Intent::ReadBucket(BUCKET),
            Intent::WriteBucket(BUCKET),
            Intent::Claim(BUCKET),
            Intent::Free(BUCKET),
            Intent::WriteKey(BucketId(2), key("a")),
        ];
        let excluded = [
            ".x.....x...",
            "xx....xx...",
            "..x...xx...",
            "...xxxxx...",
            "...x.xxx...",
            "...xx..x...",
            ".xxxx..x...",
            "xxxxxxxxxx.",
            ".......xxx.",
            ".......xx..",
            "..........x",
        ];
        for (held, row) in kinds.iter().zip(excluded) {
            let mut locks = locks();
            let (ticket, _) = acquire(&mut locks, std::slice::from_ref(held));
            for (wanted, expected) in kinds.iter().zip(row.chars()) {
                let footprint = locks.footprint(std::slice::from_ref(wanted), None);
                assert_eq!(!locks.admit(&footprint), expected == 'x', "{held:?} against {wanted:?}");
            }
            locks.release(ticket);
            assert!(locks.is_free() && locks.lines.is_empty());
        }
    }

    #[test]
    fn a_transaction_is_not_in_its_own_way() {
        let mut locks = locks();
        let all = [
            Intent::ReadKey(BUCKET, key("a")),
            Intent::WriteKey(BUCKET, key("a")),
            Intent::WriteKey(BUCKET, key("b")),
            Intent::ReadBucket(BUCKET),
            Intent::Append(BUCKET),
            Intent::Append(BUCKET),
        ];
        let (ticket, granted) = acquire(&mut locks, &all);
        assert!(granted && locks.write_to(BUCKET));
        let made = locks.footprint(&[Intent::WriteKey(BUCKET, key("made"))], None);
        locks.extend(ticket, made);
        let read = locks.footprint(&[Intent::ReadKey(BUCKET, key("made"))], None);
        assert!(!locks.admit(&read));
        locks.release(ticket);
        assert!(locks.admit(&read) && locks.lines.is_empty() && !locks.write_to(BUCKET));
    }

    #[test]
    fn nobody_overtakes_whom_it_conflicts_with() {
        let mut locks = locks();
        let read = [Intent::ReadKey(BUCKET, key("a"))];
        let write = [Intent::WriteKey(BUCKET, key("a"))];
        let (first, _) = acquire(&mut locks, &read);
        let (writer, is_granted) = acquire(&mut locks, &write);
        assert!(!is_granted);
        let (second, is_granted) = acquire(&mut locks, &read);
        assert!(!is_granted, "it would not be alone with the first, but the writer was earlier");
        let (other, is_granted) = acquire(&mut locks, &[Intent::ReadKey(BUCKET, key("b"))]);
        assert!(is_granted, "nobody is in the way of this one");
        locks.release(first);
        assert_eq!(ready(&mut locks), [writer]);
        locks.release(writer);
        assert_eq!(ready(&mut locks), [second]);
        locks.release(second);
        locks.release(other);
        assert!(locks.is_free() && locks.lines.is_empty());
    }

    #[test]
    fn somebody_goes_on_when_the_last_of_its_locks_is_free() {
        let mut locks = locks();
        let write = |text: &str| Intent::WriteKey(BUCKET, key(text));
        let (a, _) = acquire(&mut locks, &[write("a")]);
        let (b, _) = acquire(&mut locks, &[write("b")]);
        let (both, is_granted) = acquire(&mut locks, &[write("a"), write("b"), write("c")]);
        let (c, is_also_granted) = acquire(&mut locks, &[write("c")]);
        assert!(!is_granted && !is_also_granted, "who waits is in the way of those who come later");
        locks.release(a);
        assert!(ready(&mut locks).is_empty());
        locks.release(b);
        assert_eq!(ready(&mut locks), [both]);
        locks.release(both);
        assert_eq!(ready(&mut locks), [c]);
        locks.release(c);
        assert!(locks.lines.is_empty());
    }

    #[test]
    fn readers_of_parts_pass_those_who_wait_for_others() {
        let mut locks = locks();
        let (writer, _) = acquire(&mut locks, &[Intent::WriteKey(BUCKET, key("a"))]);
        let (scan, _) = acquire(&mut locks, &[Intent::ReadBucket(BUCKET)]);
        let (later, is_granted) = acquire(&mut locks, &[Intent::WriteKey(BUCKET, key("b"))]);
        assert!(!is_granted, "the scan was earlier");
        let (get, is_granted) = acquire(&mut locks, &[Intent::ReadKey(BUCKET, key("c"))]);
        assert!(is_granted);
        locks.release(writer);
        assert_eq!(ready(&mut locks), [scan]);
        locks.release(scan);
        assert_eq!(ready(&mut locks), [later]);
        locks.release(later);
        locks.release(get);
        assert!(locks.lines.is_empty());
    }

    #[test]
    fn requests_of_a_connection_that_wait_keep_their_order() {
        // P-121
        let mut locks = locks();
        let connection = (CoreId(1), ConnId { slot: 3, generation: 1 });
        let (holder, _) = acquire(&mut locks, &[Intent::WriteKey(BUCKET, key("a"))]);
        let footprint = locks.footprint(&[Intent::ReadKey(BUCKET, key("a"))], Some(connection));
        let (first, _) = locks.acquire(footprint);
        let unrelated = locks.footprint(&[Intent::ReadKey(BUCKET, key("z"))], Some(connection));
        assert!(!locks.admit(&unrelated) && locks.keep_waiting(connection));
        let (second, _) = locks.acquire(unrelated);
        locks.release(holder);
        assert_eq!(ready(&mut locks), [first]);
        locks.release(first);
        assert_eq!(ready(&mut locks), [second]);
        locks.release(second);
        assert!(!locks.keep_waiting(connection) && locks.lines.is_empty());
    }

    #[test]
    fn random_holders_and_waiters_all_go_on() {
        let mut random = crate::base::random::Random::from_seed([5; 32]);
        let mut locks = locks();
        let (mut holding, mut waiting) = (Vec::new(), 0);
        for _ in 0..20_000 {
            let mut below =
                |bound: usize| usize::try_from(random.next_u64() % bound as u64).expect("below a usize");
            if below(2) == 0 && holding.len() + waiting < 60 {
                let count = 1 + below(4);
                let intents: Vec<Intent> = (0..count)
                    .map(|_| {
                        let (bucket, key) = ([BUCKET, BucketId(2)][below(2)], key(["a", "b", "c"][below(3)]));
                        match below(6) {
                            0 => Intent::ReadBucket(bucket),
                            1 => Intent::Append(bucket),
                            2 | 3 => Intent::WriteKey(bucket, key),
                            _ => Intent::ReadKey(bucket, key),
                        }
                    })
                    .collect();
                let (ticket, is_granted) = acquire(&mut locks, &intents);
                if is_granted { holding.push(ticket) } else { waiting += 1 }
            } else if !holding.is_empty() {
                let at = below(holding.len());
                locks.release(holding.swap_remove(at));
                let ready = ready(&mut locks);
                waiting -= ready.len();
                holding.extend(ready);
            }
            assert!(waiting == 0 || !holding.is_empty(), "everybody waits for somebody else");
        }
        while let Some(ticket) = holding.pop() {
            locks.release(ticket);
            holding.extend(ready(&mut locks));
        }
        assert!(locks.is_free() && locks.lines.is_empty(), "{} still wait", locks.tickets.len());
    }
}
