//! The matching records of a live query in its order, of which its answer shows some.
//!
//! A read with a limit keeps a few rows more than it shows, so that it is only read anew when
//! so many of them have gone that one is missing. An answer that shows all rows is made of the one
//! before: what stands in it in front of the first row that has changed, and behind the last one, is
//! copied in one piece instead of being gathered from the records.

use crate::base::bytes::Body;
use crate::store::{Question, Read, Record, Select, View};
use std::cmp::Ordering;
use std::ops::Range;

/// Rows kept beyond twice the number shown: as many may go before the bucket is read again. Few
/// in tests, so that it happens.
const SPARE_ROWS: usize = if cfg!(test) { 1 } else { 32 };

/// The first rows of all that match.
pub(in crate::reactive) struct Rows {
    rows: Vec<Row>,
    /// Whether there are more behind them.
    is_cut: bool,
    /// Of what was written last, if that was all rows.
    intact: Intact,
}

/// How many rows are still those that were written last: from the first one on, and up to the last.
#[derive(Clone, Copy, Default)]
struct Intact {
    head: usize,
    tail: usize,
    /// How many were written.
    of: usize,
}

struct Row {
    place: u64,
    record: Record,
    /// What is shown of it, if that is not the whole record.
    shown: Option<Box<[u8]>>,
    /// Length of what is shown, which is not looked up in the record: that is far away.
    bytes: usize,
}

/// What a read makes of the rows.
#[derive(Clone, Copy)]
pub(super) struct Shape<'q> {
    order: Order<'q>,
    skipped: usize,
    shown: usize,
    /// Whether it is one record or null instead of an array.
    is_single: bool,
    /// Projects.
    select: Option<&'q Select>,
}

#[derive(Clone, Copy)]
enum Order<'q> {
    /// Bucket order.
    Ascending,
    /// From its end; shown in ascending order nevertheless.
    Descending,
    /// By values, then in bucket order.
    Sorted(&'q Select),
}

impl<'q> Shape<'q> {
    /// `None` if the read shows something else than records.
    pub(super) fn of(read: &'q Read) -> Option<Self> {
        let plain = |order, shown| Shape { order, skipped: 0, shown, is_single: false, select: None };
        Some(match read {
            Read::All => plain(Order::Ascending, usize::MAX),
            Read::One => Shape { is_single: true, ..plain(Order::Ascending, 1) },
            Read::First(n) => plain(Order::Ascending, as_count(*n)),
            Read::Last(n) => plain(Order::Descending, as_count(*n)),
            Read::Select(select) => Shape {
                order: if select.sort.is_empty() { Order::Ascending } else { Order::Sorted(select) },
                skipped: as_count(select.offset),
                shown: select.limit.map_or(usize::MAX, as_count),
                is_single: false,
                select: (!select.fields.is_empty()).then_some(&**select),
            },
            Read::Get(_) | Read::Count | Read::Page { .. } | Read::Aggregate(_) | Read::Group(_) => {
                return None;
            }
        })
    }

    /// How many rows, from the first one, decide what is shown.
    fn wanted(self) -> usize {
        if self.shown == 0 { 0 } else { self.skipped.saturating_add(self.shown) }
    }

    /// Whether every row is shown.
    fn shows_all(self) -> bool {
        self.skipped == 0 && self.shown == usize::MAX
    }

    fn kept(self) -> usize {
        self.wanted().saturating_mul(2).saturating_add(SPARE_ROWS)
    }

    fn compare(self, a: (u64, &Record), b: (u64, &Record), view: View<'_>) -> Ordering {
        match self.order {
            Order::Ascending => a.0.cmp(&b.0),
            Order::Descending => b.0.cmp(&a.0),
            Order::Sorted(select) => select.compare(a.1, b.1, view.definition()).then_with(|| a.0.cmp(&b.0)),
        }
    }

    fn row(self, place: u64, record: &Record, view: View<'_>) -> Row {
        let shown: Option<Box<[u8]>> = self.select.map(|select| {
            let mut shown = Vec::new();
            select.show(record, view.definition(), &mut shown);
            shown.into()
        });
        let bytes = shown.as_deref().unwrap_or_else(|| record.text()).len();
        Row { place, record: record.clone(), shown, bytes }
    }
}

impl Row {
    fn text(&self) -> &[u8] {
        self.shown.as_deref().unwrap_or_else(|| self.record.text())
    }
}

impl Rows {
    /// Reads the bucket.
    pub(super) fn read(question: &Question, shape: Shape<'_>, view: View<'_>) -> Self {
        let matcher = question.filter.matcher(view.definition());
        let matches = |record: &&Record| matcher.matches(record);
        let kept = shape.kept();
        let mut found: Vec<&Record> = match shape.order {
            // One more tells whether there are more.
            Order::Ascending => {
                view.candidates(&question.filter).filter(matches).take(kept.saturating_add(1)).collect()
            }
            Order::Descending => view.ordered_back().filter(matches).take(kept.saturating_add(1)).collect(),
            Order::Sorted(select) => {
                let mut found: Vec<&Record> = view.candidates(&question.filter).filter(matches).collect();
                // Stable: equals stay in bucket order.
                found.sort_by(|a, b| select.compare(a, b, view.definition()));
                found
            }
        };
        let is_cut = found.len() > kept;
        found.truncate(kept);
        let row = |record: &Record| {
            let key = record.key(view.definition());
            shape.row(view.sequence(key.as_bytes()).expect("a record of the view is in it"), record, view)
        };
        Self { rows: found.into_iter().map(row).collect(), is_cut, intact: Intact::default() }
    }

    /// Takes note of a record that matched before, matches now, or both. Whether that may show.
    /// O(log rows), and moving the rows behind it.
    pub(super) fn apply(
        &mut self,
        place: u64,
        was: Option<&Record>,
        is: Option<&Record>,
        shape: Shape<'_>,
        view: View<'_>,
    ) -> bool {
        let wanted = shape.wanted();
        let left = was.and_then(|was| self.find(place, was, shape, view).ok());
        if let (Some(at), Some(was), Some(is)) = (left, was, is)
            && shape.compare((place, was), (place, is), view).is_eq()
        {
            self.rows[at] = shape.row(place, is, view);
            self.changed(at..at + 1);
            return at < wanted;
        }
        let mut shows = false;
        if let Some(at) = left {
            self.rows.remove(at);
            self.changed(at..at);
            shows = at < wanted;
        }
        if let Some(is) = is {
            let at = self.find(place, is, shape, view).expect_err("one row per record");
            // Behind the last row kept there may be others that precede it.
            if at < self.rows.len() || !self.is_cut {
                self.rows.insert(at, shape.row(place, is, view));
                self.changed(at..at + 1);
                self.is_cut |= self.rows.len() > shape.kept();
                self.rows.truncate(shape.kept());
                shows |= at < wanted;
            }
        }
        shows
    }

    /// Appends what is shown, without as many of the first bytes of `last` as is returned: 0 unless `shares`.
    /// `last` is what was written before. Reads the bucket again if rows are missing.
    pub(super) fn write(
        &mut self,
        question: &Question,
        shape: Shape<'_>,
        view: View<'_>,
        last: Option<&Body>,
        shares: bool,
        out: &mut Vec<u8>,
    ) -> usize {
        if self.is_cut && self.rows.len() < shape.wanted() {
            *self = Self::read(question, shape, view);
        }
        let intact = std::mem::take(&mut self.intact);
        if shape.shows_all() {
            let all = self.rows.len();
            self.intact = Intact { head: all, tail: all, of: all };
            return match last {
                Some(last) if intact.head + intact.tail > 0 => {
                    splice_array(&self.rows, intact, last, shares, out)
                }
                _ => write_array(self.rows.iter(), out),
            };
        }
        let end = shape.wanted().min(self.rows.len());
        let rows = &self.rows[shape.skipped.min(end)..end];
        match shape.order {
            _ if shape.is_single => {
                out.extend_from_slice(rows.first().map_or(b"null", |row| row.record.text()));
                0
            }
            Order::Descending => write_array(rows.iter().rev(), out),
            Order::Ascending | Order::Sorted(_) => write_array(rows.iter(), out),
        }
    }

    /// Takes note that the rows of a range, among those there are now, are not what was written.
    fn changed(&mut self, range: Range<usize>) {
        self.intact.head = self.intact.head.min(range.start);
        self.intact.tail = self.intact.tail.min(self.rows.len() - range.end);
    }

    /// Where a record stands, or would. Behind the last one most often, whose neighbours are not looked at
    /// then.
    fn find(&self, place: u64, record: &Record, shape: Shape<'_>, view: View<'_>) -> Result<usize, usize> {
        let is_behind = |last: &Row| shape.compare((last.place, &last.record), (place, record), view).is_lt();
        if self.rows.last().is_none_or(is_behind) {
            return Err(self.rows.len());
        }
        self.rows.binary_search_by(|row| shape.compare((row.place, &row.record), (place, record), view))
    }
}

/// Nothing is left out.
fn write_array<'a>(rows: impl Iterator<Item = &'a Row>, out: &mut Vec<u8>) -> usize {
    out.push(b'[');
    for (at, row) in rows.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(row.text());
    }
    out.push(b']');
    0
}

/// The same, taking from `last` what is still as it was: some rows at least.
fn splice_array(rows: &[Row], intact: Intact, last: &Body, shares: bool, out: &mut Vec<u8>) -> usize {
    let Intact { head, tail, of } = intact;
    debug_assert!(head + tail <= rows.len(), "an answer is written because a row has changed");
    let changed = head..rows.len() - tail;
    let separator = |at| if at == 0 { b'[' } else { b',' };
    // Each row with what separates it from the one before, or from the one behind.
    let bytes = |rows: &[Row]| rows.iter().map(|row| row.bytes + 1).sum::<usize>();
    let tail_bytes = bytes(&rows[changed.end..]);
    let head_bytes = match head {
        0 => 0,
        // Rows have only come: what does not stand behind them stands in front of them.
        _ if head + tail == of => last.json_len() - b"]".len() - tail_bytes,
        _ => bytes(&rows[..head]),
    };
    debug_assert_eq!(head_bytes, bytes(&rows[..head]), "what was written is what the rows are");
    let rest_bytes = bytes(&rows[changed.clone()]) + tail_bytes + 1;
    let shared_bytes = if shares { last.shared_len(head_bytes, rest_bytes) } else { 0 };
    out.reserve(head_bytes - shared_bytes + rest_bytes + 1);
    last.copy(shared_bytes..head_bytes, out);
    for (at, row) in changed.clone().zip(&rows[changed.clone()]) {
        out.push(separator(at));
        out.extend_from_slice(row.text());
    }
    if tail > 0 {
        out.push(separator(changed.end));
        last.copy(last.json_len() - tail_bytes..last.json_len(), out);
    } else {
        out.push(b']');
    }
    shared_bytes
}

fn as_count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
