//! Sorting, cutting out and projecting (02 §12).

use super::{as_count, matching, write_records};
use crate::base::json::{Kind, Raw, SEARCHES_MAX, Table};
use crate::store::column::Column;
use crate::store::{Definition, Filter, Record, View};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// What a declarative query does with the matching records (S-232).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Select {
    /// The keys of the order, the first one first; empty = bucket order.
    pub sort: Vec<SortKey>,
    /// How many are skipped.
    pub offset: u64,
    /// How many there are at most.
    pub limit: Option<u64>,
    /// The properties kept (names with quotes), each once; empty = all (S-238).
    pub fields: Vec<Box<[u8]>>,
}

/// One key of an order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SortKey {
    /// The property (name with quotes).
    pub field: Box<[u8]>,
    /// Whether large values come first. Missing and null come last either way (S-237).
    pub descending: bool,
}

impl Select {
    /// Appends the array. O(candidates + result · log result): what is beyond the limit is not
    /// sorted.
    pub(super) fn evaluate(&self, view: View<'_>, filter: &Filter, out: &mut Vec<u8>) {
        let (offset, limit) = (as_count(self.offset), self.limit.map_or(usize::MAX, as_count));
        if limit == 0 {
            return out.extend_from_slice(b"[]");
        }
        let records = matching(view, filter);
        if self.sort.is_empty() {
            return self.write(records.skip(offset).take(limit), view.definition(), out);
        }
        let order = Order::new(&self.sort, view.definition());
        let sorted = order.smallest(records, offset.saturating_add(limit));
        self.write(sorted.into_iter().skip(offset), view.definition(), out);
    }

    fn write<'a>(
        &self,
        records: impl Iterator<Item = &'a Record>,
        definition: &Definition,
        out: &mut Vec<u8>,
    ) {
        if self.fields.is_empty() {
            return write_records(records, out);
        }
        let columns: Vec<Column<'_>> = self.fields.iter().map(|name| Column::new(name, definition)).collect();
        out.push(b'[');
        for (at, record) in records.enumerate() {
            out.extend_from_slice(if at == 0 { b"{" } else { b",{" });
            self.project(record, &columns, out);
            out.push(b'}');
        }
        out.push(b']');
    }

    fn project(&self, record: &Record, columns: &[Column<'_>], out: &mut Vec<u8>) {
        let others = columns.iter().filter(|column| matches!(column, Column::Other(_))).count();
        let table: Option<Table<'_>> = (others > SEARCHES_MAX).then(|| record.properties().collect());
        let begin = out.len();
        for (name, column) in self.fields.iter().zip(columns) {
            let value = match &table {
                Some(table) => table.get(&**name).copied(),
                None => column.of(record),
            };
            let Some(value) = value else { continue };
            if out.len() > begin {
                out.push(b',');
            }
            out.extend_from_slice(name);
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

/// An order bound to a schema.
struct Order<'a> {
    keys: SmallVec<[(Column<'a>, bool); 2]>,
}

/// A record, its values of the sort keys, and its place in bucket order, which decides between
/// equals.
struct Ranked<'a> {
    values: SmallVec<[Option<Raw<'a>>; 2]>,
    place: usize,
    record: &'a Record,
}

impl<'k> Order<'k> {
    fn new(keys: &'k [SortKey], definition: &Definition) -> Self {
        let keys = keys.iter().map(|key| (Column::new(&key.field, definition), key.descending));
        Self { keys: keys.collect() }
    }

    /// The first `wanted` records in this order. Keeps at most twice as many at a time, and cuts
    /// the rest off by selection instead of sorting it.
    fn smallest<'a>(&self, records: impl Iterator<Item = &'a Record>, wanted: usize) -> Vec<&'a Record> {
        /// Cutting off fewer costs more than it saves.
        const KEPT_MIN: usize = 64;
        let kept_max = wanted.max(KEPT_MIN).saturating_mul(2);
        let mut kept: Vec<Ranked<'a>> = Vec::new();
        for (place, record) in records.enumerate() {
            let values = self.keys.iter().map(|(column, _)| present(column.of(record)));
            kept.push(Ranked { values: values.collect(), place, record });
            if kept.len() == kept_max {
                self.cut(&mut kept, wanted);
            }
        }
        self.cut(&mut kept, wanted);
        kept.sort_unstable_by(|a, b| self.compare(a, b));
        kept.into_iter().map(|ranked| ranked.record).collect()
    }

    fn cut(&self, kept: &mut Vec<Ranked<'_>>, wanted: usize) {
        if kept.len() > wanted {
            kept.select_nth_unstable_by(wanted, |a, b| self.compare(a, b));
            kept.truncate(wanted);
        }
    }

    fn compare(&self, a: &Ranked<'_>, b: &Ranked<'_>) -> Ordering {
        let values = a.values.iter().zip(&b.values).zip(&self.keys);
        let unequal = values.map(|((a, b), (_, descending))| compare(*a, *b, *descending));
        unequal.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| a.place.cmp(&b.place))
    }
}

/// Null counts as missing when sorting (S-237).
fn present(value: Option<Raw<'_>>) -> Option<Raw<'_>> {
    value.filter(|value| value.kind() != Kind::Null)
}

fn compare(a: Option<Raw<'_>>, b: Option<Raw<'_>>, descending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => {
            let order = compare_values(a, b);
            if descending { order.reverse() } else { order }
        }
        _ => a.is_none().cmp(&b.is_none()),
    }
}

/// Values of different types stand in the order booleans, numbers, strings, arrays and objects;
/// of the last two none precedes another.
fn compare_values(a: Raw<'_>, b: Raw<'_>) -> Ordering {
    let rank = |value: Raw<'_>| match value.kind() {
        Kind::Null | Kind::Boolean => 0,
        Kind::Number => 1,
        Kind::String => 2,
        Kind::Array | Kind::Object => 3,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a.kind(), b.kind()) {
        (Kind::Boolean, Kind::Boolean) => a.as_bytes().cmp(b.as_bytes()), // "false" < "true"
        _ => a.compare(b).unwrap_or(Ordering::Equal),
    })
}
