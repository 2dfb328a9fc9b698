//! The matching records of a live query in its order, of which its answer shows some.
//!
//! A read with a limit keeps a few rows more than it shows, so that it is only read anew when
//! so many of them have gone that one is missing.

use crate::store::{Change, Question, Read, Record, Select, View};
use std::cmp::Ordering;

/// Rows kept beyond twice the number shown: as many may go before the bucket is read again. Few
/// in tests, so that it happens.
const SPARE_ROWS: usize = if cfg!(test) { 1 } else { 32 };

/// The first rows of all that match.
pub(in crate::reactive) struct Rows {
    rows: Vec<Row>,
    /// Whether there are more behind them.
    is_cut: bool,
}

struct Row {
    place: u64,
    record: Record,
    /// What is shown of it, if that is not the whole record.
    shown: Option<Box<[u8]>>,
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
        let shown = self.select.map(|select| {
            let mut shown = Vec::new();
            select.show(record, view.definition(), &mut shown);
            shown.into()
        });
        Row { place, record: record.clone(), shown }
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
        Self { rows: found.into_iter().map(row).collect(), is_cut }
    }

    /// Takes note of a record that matched before, matches now, or both. Whether that may show.
    /// O(log rows), and moving the rows behind it.
    pub(super) fn apply(
        &mut self,
        change: &Change,
        was: Option<&Record>,
        is: Option<&Record>,
        shape: Shape<'_>,
        view: View<'_>,
    ) -> bool {
        let (place, wanted) = (change.place, shape.wanted());
        let left = was.and_then(|was| self.find(place, was, shape, view).ok());
        if let (Some(at), Some(was), Some(is)) = (left, was, is)
            && shape.compare((place, was), (place, is), view).is_eq()
        {
            self.rows[at] = shape.row(place, is, view);
            return at < wanted;
        }
        let mut shows = false;
        if let Some(at) = left {
            self.rows.remove(at);
            shows = at < wanted;
        }
        if let Some(is) = is {
            let at = self.find(place, is, shape, view).expect_err("one row per record");
            // Behind the last row kept there may be others that precede it.
            if at < self.rows.len() || !self.is_cut {
                self.rows.insert(at, shape.row(place, is, view));
                self.is_cut |= self.rows.len() > shape.kept();
                self.rows.truncate(shape.kept());
                shows |= at < wanted;
            }
        }
        shows
    }

    /// Appends what is shown. Reads the bucket again if rows are missing.
    pub(super) fn write(&mut self, question: &Question, shape: Shape<'_>, view: View<'_>, out: &mut Vec<u8>) {
        if self.is_cut && self.rows.len() < shape.wanted() {
            *self = Self::read(question, shape, view);
        }
        let end = shape.wanted().min(self.rows.len());
        let rows = &self.rows[shape.skipped.min(end)..end];
        match shape.order {
            _ if shape.is_single => {
                out.extend_from_slice(rows.first().map_or(b"null", |row| row.record.text()));
            }
            Order::Descending => write_array(rows.iter().rev(), out),
            Order::Ascending | Order::Sorted(_) => write_array(rows.iter(), out),
        }
    }

    fn find(&self, place: u64, record: &Record, shape: Shape<'_>, view: View<'_>) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| shape.compare((row.place, &row.record), (place, record), view))
    }
}

fn write_array<'a>(rows: impl Iterator<Item = &'a Row>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, row) in rows.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(row.shown.as_deref().unwrap_or_else(|| row.record.text()));
    }
    out.push(b']');
}

fn as_count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
