//! Reads by position: first, last, pages (02 §5).

use super::{as_count, write_records};
use crate::store::{Filter, Record, View};

pub(super) fn first(view: View<'_>, filter: &Filter, n: u64, out: &mut Vec<u8>) {
    let matcher = filter.matcher(view.definition());
    write_records(view.ordered().filter(|record| matcher.matches(record)).take(as_count(n)), out);
}

pub(super) fn last(view: View<'_>, filter: &Filter, n: u64, out: &mut Vec<u8>) {
    let matcher = filter.matcher(view.definition());
    let newest = view.ordered_back().filter(|record| matcher.matches(record));
    let newest: Vec<&Record> = newest.take(as_count(n)).collect();
    write_records(newest.into_iter().rev(), out);
}

/// `{"records":[…],"hasMore":…,"nextCursor":…}` (S-107…S-111).
pub(super) fn page(view: View<'_>, filter: &Filter, limit: u64, after: Option<&[u8]>, out: &mut Vec<u8>) {
    match after {
        None => write_page(view, filter, view.ordered(), limit, out),
        Some(key) => match view.after(key) {
            Some(records) => write_page(view, filter, records, limit, out),
            None => write_page(view, filter, std::iter::empty(), limit, out), // S-109
        },
    }
}

fn write_page<'a>(
    view: View<'a>,
    filter: &Filter,
    records: impl Iterator<Item = &'a Record>,
    limit: u64,
    out: &mut Vec<u8>,
) {
    let matcher = filter.matcher(view.definition());
    let mut records = records.filter(|record| matcher.matches(record));
    let mut cursor = None;
    out.extend_from_slice(br#"{"records":"#);
    let page = records.by_ref().take(as_count(limit)).inspect(|record| cursor = Some(*record));
    write_records(page, out);
    let has_more = records.next().is_some();
    out.extend_from_slice(if has_more { br#","hasMore":true"# } else { br#","hasMore":false"# });
    if let Some(record) = cursor {
        out.extend_from_slice(br#","nextCursor":"#);
        out.extend_from_slice(record.key(view.definition()).as_bytes()); // S-108
    }
    out.push(b'}');
}
