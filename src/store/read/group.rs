//! One number per group of records (02 A.3).

use super::aggregate::{Aggregate, Tally};
use super::matching;
use crate::base::json::{self, Kind, Raw};
use crate::store::column::Column;
use crate::store::{Filter, Record, View};
use smallvec::SmallVec;
use std::collections::HashMap;

/// A count or an aggregate for each distinct combination of values.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Group {
    /// The properties that make the groups (names with quotes), each once.
    pub by: Vec<Box<[u8]>>,
    /// What is computed in each; `None` = the number of records.
    pub aggregate: Option<Aggregate>,
}

struct Entry<'a> {
    /// The record that the group's `key` is read from.
    first: &'a Record,
    count: u64,
    tally: Option<Tally>,
}

impl Group {
    /// Reads what makes the groups: a string, or a non-empty array of strings.
    pub fn names(json: Raw<'_>) -> Option<Vec<Box<[u8]>>> {
        match json.kind() {
            Kind::String => Some(vec![json.as_bytes().into()]),
            _ => json::names(json).filter(|names| !names.is_empty()),
        }
    }

    /// Appends `[{"key":{…},"value":…},…]` in order of first appearance. O(candidates), and
    /// memory O(groups).
    pub(super) fn evaluate(&self, view: View<'_>, filter: &Filter, out: &mut Vec<u8>) {
        let by: SmallVec<[Column<'_>; 4]> =
            self.by.iter().map(|field| Column::new(field, view.definition())).collect();
        let of = self.aggregate.as_ref().map(|aggregate| Column::new(&aggregate.field, view.definition()));
        let mut entries: Vec<Entry<'_>> = Vec::new();
        let mut places: HashMap<Box<[u8]>, usize, ahash::RandomState> = HashMap::default();
        let mut key = Vec::new();
        for record in matching(view, filter) {
            key.clear();
            by.iter().for_each(|column| add_to_key(*column, record, &mut key));
            let place = match places.get(&*key) {
                Some(place) => *place,
                None => {
                    places.insert(key.as_slice().into(), entries.len());
                    let tally = self.aggregate.as_ref().map(|aggregate| Tally::new(aggregate.function));
                    entries.push(Entry { first: record, count: 0, tally });
                    entries.len() - 1
                }
            };
            let entry = &mut entries[place];
            entry.count += 1;
            if let (Some(tally), Some(column)) = (&mut entry.tally, of) {
                tally.add(column.of(record));
            }
        }
        self.write(&by, &entries, out);
    }

    fn write(&self, by: &[Column<'_>], entries: &[Entry<'_>], out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, entry) in entries.iter().enumerate() {
            out.extend_from_slice(if at == 0 { br#"{"key":{"# } else { br#",{"key":{"# });
            let begin = out.len();
            for (name, column) in self.by.iter().zip(by) {
                let Some(value) = column.of(entry.first) else { continue };
                if out.len() > begin {
                    out.push(b',');
                }
                out.extend_from_slice(name);
                out.push(b':');
                out.extend_from_slice(value.as_bytes());
            }
            out.extend_from_slice(br#"},"value":"#);
            match &entry.tally {
                Some(tally) => tally.write("0", out),
                None => json::digits(out, entry.count),
            }
            out.push(b'}');
        }
        out.push(b']');
    }
}

/// Values are the same group if their string forms are (S-7); missing and null are alike.
fn add_to_key(column: Column<'_>, record: &Record, key: &mut Vec<u8>) {
    /// Stands in no UTF-8 text, so that it separates.
    const SEPARATOR: u8 = 0xff;
    match column.of(record) {
        Some(value) => key.extend_from_slice(value.display().as_bytes()),
        None => key.extend_from_slice(b"null"),
    }
    key.push(SEPARATOR);
}
