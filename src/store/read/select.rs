//! Sorting, cutting out and projecting (02 §12).

use super::{as_count, matching, write_records};
use crate::base::json::{Kind, Number, Raw, SEARCHES_MAX, Table};
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
    /// How two records stand in the order of the sort keys alone.
    pub fn compare(&self, a: &Record, b: &Record, definition: &Definition) -> Ordering {
        let of_key = |key: &SortKey| {
            let column = Column::new(&key.field, definition);
            Sortable::new(column.of(a)).compare(Sortable::new(column.of(b)), key.descending)
        };
        self.sort.iter().map(of_key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Appends a record as it is shown.
    pub fn show(&self, record: &Record, definition: &Definition, out: &mut Vec<u8>) {
        if self.fields.is_empty() {
            return out.extend_from_slice(record.text());
        }
        let columns: Vec<Column<'_>> = self.fields.iter().map(|name| Column::new(name, definition)).collect();
        out.push(b'{');
        self.project(record, &columns, out);
        out.push(b'}');
    }

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
    values: SmallVec<[Sortable<'a>; 2]>,
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
            let values = self.keys.iter().map(|(column, _)| Sortable::new(column.of(record)));
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
        let mut values = a.values.iter().zip(&b.values).zip(&self.keys);
        let unequal = values.find_map(|((a, b), (_, descending))| {
            let order = a.compare(*b, *descending);
            order.is_ne().then_some(order)
        });
        unequal.unwrap_or_else(|| a.place.cmp(&b.place))
    }
}

/// A value as sorting sees it. Values of different types stand in this order (S-237).
#[derive(Clone, Copy)]
enum Sortable<'a> {
    Boolean(bool),
    Number(Number),
    Text(Raw<'a>),
    /// Arrays and objects; none precedes another.
    Compound,
    /// Missing or null: last in both directions.
    Absent,
}

impl<'a> Sortable<'a> {
    fn new(value: Option<Raw<'a>>) -> Self {
        let Some(value) = value else { return Self::Absent };
        match value.kind() {
            Kind::Null => Self::Absent,
            Kind::Boolean => Self::Boolean(value.as_bytes() == b"true"),
            Kind::Number => Self::Number(value.as_number().expect("a number")),
            Kind::String => Self::Text(value),
            Kind::Array | Kind::Object => Self::Compound,
        }
    }

    fn compare(self, other: Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Absent, _) | (_, Self::Absent) => return self.rank().cmp(&other.rank()),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(&b),
            (Self::Number(a), Self::Number(b)) => a.compare(b),
            (Self::Text(a), Self::Text(b)) => a.compare(b).expect("both are strings"),
            _ => self.rank().cmp(&other.rank()),
        };
        if descending { order.reverse() } else { order }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Boolean(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
            Self::Compound => 3,
            Self::Absent => 4,
        }
    }
}
