//! What can be asked of a bucket: a filter and what is read of the matching records.
//!
//! Requests, transaction steps and live queries are answered by the same function.

mod aggregate;
mod group;
mod position;
mod select;
#[cfg(test)]
mod tests;

pub use aggregate::{Aggregate, Function};
pub use group::Group;
pub use select::{Select, SortKey};

use super::filter::Filter;
use super::overlay::View;
use super::record::{Key, Record};
use crate::base::json;

/// A question to one bucket. Equal questions have equal answers and are one live query.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Question {
    /// Which records count.
    pub filter: Filter,
    /// What is read of them.
    pub read: Read,
}

/// What is read of the matching records.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Read {
    /// The record of that key, or null (S-84).
    Get(Key),
    /// All of them, in bucket order (S-97, S-98).
    All,
    /// The first of them in bucket order, or null (S-99).
    One,
    /// Their number (S-100).
    Count,
    /// The first `n` (S-106).
    First(u64),
    /// The last `n`, in ascending order (S-106).
    Last(u64),
    /// A page of them (S-107).
    Page {
        /// Records per page.
        limit: u64,
        /// Where it begins: behind the record of that key. Any JSON; what is no key of the bucket
        /// yields an empty page. `None` = at the beginning.
        after: Option<Box<Key>>,
    },
    /// One number (S-112).
    Aggregate(Aggregate),
    /// One number per group (02 A.3).
    Group(Box<Group>),
    /// Sorted, cut out, projected (02 §12).
    Select(Box<Select>),
}

impl Question {
    /// A read of all records.
    pub fn unfiltered(read: Read) -> Self {
        Self { filter: Filter::default(), read }
    }

    /// Appends the answer as canonical JSON.
    ///
    /// O(candidates of the filter) and what is written; `Get`, and without a filter `Count`, O(1);
    /// without a filter `First`, `Last` and `Page` O(page).
    pub fn evaluate(&self, view: View<'_>, out: &mut Vec<u8>) {
        let filter = &self.filter;
        match &self.read {
            Read::Get(_) | Read::One => {
                out.extend_from_slice(self.find(view).map_or(&b"null"[..], |record| record.text()));
            }
            Read::All => {
                if filter.is_empty() {
                    out.reserve(view.size_hint_bytes());
                }
                write_records(matching(view, filter), out);
            }
            Read::Count => {
                let count = if filter.is_empty() { view.len() } else { matching(view, filter).count() };
                json::digits(out, count as u64);
            }
            Read::First(n) => position::first(view, filter, *n, out),
            Read::Last(n) => position::last(view, filter, *n, out),
            Read::Page { limit, after } => {
                position::page(view, filter, *limit, after.as_deref().map(|key| &key[..]), out)
            }
            Read::Aggregate(aggregate) => aggregate.evaluate(view, filter, out),
            Read::Group(group) => group.evaluate(view, filter, out),
            Read::Select(select) => select.evaluate(view, filter, out),
        }
    }

    /// The one record that [`Read::Get`] or [`Read::One`] is about, to be shared instead of copied.
    ///
    /// # Panics
    /// If the question is about more than one.
    pub fn find<'a>(&self, view: View<'a>) -> Option<&'a Record> {
        match &self.read {
            Read::Get(key) => {
                let record = view.get(key)?;
                let is_match = |record| self.filter.matcher(view.definition()).matches(record);
                (self.filter.is_empty() || is_match(record)).then_some(record)
            }
            Read::One => matching(view, &self.filter).next(),
            other => panic!("{other:?} is about many records"),
        }
    }
}

/// The matching records in bucket order.
fn matching<'a>(view: View<'a>, filter: &Filter) -> impl Iterator<Item = &'a Record> {
    let matcher = filter.matcher(view.definition());
    view.candidates(filter).filter(move |record| matcher.matches(record))
}

/// Appends records as a JSON array.
pub fn write_records<'a>(records: impl IntoIterator<Item = &'a Record>, out: &mut Vec<u8>) {
    out.push(b'[');
    let begin = out.len();
    for record in records {
        if out.len() > begin {
            out.push(b',');
        }
        out.extend_from_slice(record.text());
    }
    out.push(b']');
}

fn as_count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
