//! Lists: the longest read shows the order of all writers; every other read must be its beginning.

use super::graph::{Graph, Why};
use super::{Action, Ending, Object, Transaction, Violation, Writers, report, writer};
use std::collections::{BTreeMap, BTreeSet};

/// One list as far as anybody has seen it.
#[derive(Default)]
struct List<'h> {
    /// The longest read, and who made it.
    values: &'h [u64],
    reader: usize,
    /// The writer of each value.
    writers: Vec<usize>,
    place: BTreeMap<u64, usize>,
    /// The last one to be sent of those that have seen all of it.
    last_reader: Option<usize>,
}

/// Adds the edges that follow from what was seen of lists.
pub(super) fn order(
    transactions: &[Transaction],
    writers: &Writers,
    graph: &mut Graph,
) -> Result<(), Violation> {
    let mut lists = longest(transactions);
    for (object, list) in &mut lists {
        for (at, value) in list.values.iter().enumerate() {
            list.writers.push(writer(transactions, writers, list.reader, (*object, *value))?);
            if list.place.insert(*value, at).is_some() {
                return Err(Violation(format!("list {object} shows value {value} twice: {:?}", list.values)));
            }
        }
        for (at, pair) in list.writers.windows(2).enumerate() {
            graph.add(pair[0], pair[1], Why::Followed(*object, list.values[at + 1]));
        }
    }
    for (at, transaction) in transactions.iter().enumerate() {
        reads(at, transaction, &mut lists, graph)?;
    }
    unseen(transactions, &lists, graph);
    Ok(())
}

fn longest(transactions: &[Transaction]) -> BTreeMap<Object, List<'_>> {
    let mut lists = BTreeMap::<Object, List<'_>>::new();
    for (at, transaction) in transactions.iter().enumerate() {
        for action in &transaction.actions {
            match action {
                Action::ReadList { list, values } => {
                    let known = lists.entry(*list).or_default();
                    if values.len() >= known.values.len() {
                        (known.values, known.reader) = (values, at);
                    }
                }
                Action::Append { list, .. } | Action::ReadLength { list, .. } | Action::Find { list, .. } => {
                    lists.entry(*list).or_default();
                }
                Action::Write { .. } | Action::Read { .. } => {}
            }
        }
    }
    lists
}

/// The edges of one transaction's reads. Of its own appends a read shows those before it, at the end.
fn reads<'h>(
    at: usize,
    transaction: &'h Transaction,
    lists: &mut BTreeMap<Object, List<'h>>,
    graph: &mut Graph,
) -> Result<(), Violation> {
    let mut own = BTreeMap::<Object, Vec<u64>>::new();
    for action in &transaction.actions {
        let wrong = |what: &str| {
            Err(Violation(format!("{what}: {action:?} in\n  {}", report::transaction(at, transaction))))
        };
        let (object, others) = match action {
            Action::Append { list, value } => {
                own.entry(*list).or_default().push(*value);
                continue;
            }
            Action::ReadList { list, values } => {
                let own = own.get(list).map_or(&[][..], Vec::as_slice);
                let Some(others) = values.strip_suffix(own) else {
                    return wrong("a transaction does not see its own appends at the end");
                };
                if !lists[list].values.starts_with(others) {
                    return wrong(&format!("two reads of list {list} disagree about its order"));
                }
                (list, others.len())
            }
            Action::ReadLength { list, length } => {
                let Some(others) = length.checked_sub(own.get(list).map_or(0, Vec::len)) else {
                    return wrong("a transaction does not count its own appends");
                };
                (list, others)
            }
            Action::Find { list, value, found } => {
                let is_own = own.get(list).is_some_and(|own| own.contains(value));
                let is_others = || lists[list].place.get(value).map(|place| lists[list].writers[*place]);
                match (is_own, found) {
                    (true, false) => return wrong("a transaction does not find its own append"),
                    (true, true) => {}
                    (false, true) => {
                        let Some(writer) = is_others() else {
                            return wrong("found what was never seen in the list");
                        };
                        graph.add(writer, at, Why::Saw(*list, *value));
                    }
                    (false, false) => {
                        if let Some(writer) = is_others() {
                            graph.add(at, writer, Why::Missed(*list, *value));
                        }
                    }
                }
                continue;
            }
            Action::Write { .. } | Action::Read { .. } => continue,
        };
        let list = lists.get_mut(object).expect("every list that is named is there");
        if others > list.values.len() {
            return wrong("more values than anybody has seen");
        }
        if let Some(last) = others.checked_sub(1) {
            graph.add(list.writers[last], at, Why::Saw(*object, list.values[last]));
        }
        match list.writers.get(others) {
            Some(next) => graph.add(at, *next, Why::Missed(*object, list.values[others])),
            None => list.last_reader = Some(at),
        }
    }
    Ok(())
}

/// What was appended and never seen stands behind everything that was seen.
fn unseen(transactions: &[Transaction], lists: &BTreeMap<Object, List<'_>>, graph: &mut Graph) {
    for (at, transaction) in transactions.iter().enumerate() {
        if transaction.ending != Ending::Committed {
            continue;
        }
        let mut told = BTreeSet::new();
        for action in &transaction.actions {
            let Action::Append { list: object, value } = action else { continue };
            let list = &lists[object];
            if !list.place.contains_key(value) && told.insert(object) {
                let why = Why::Missed(*object, *value);
                list.last_reader.into_iter().for_each(|reader| graph.add(reader, at, why));
            }
        }
    }
}
