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
    /// How many values may be in it at most.
    appended: usize,
    /// The last one to be sent of those that have seen all of it.
    last_reader: Option<usize>,
    /// Those that have counted more values than any read shows.
    beyond: Vec<usize>,
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
    for at in 0..transactions.len() {
        reads(at, transactions, writers, &mut lists, graph)?;
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
                Action::Append { list, .. } => {
                    let counts = usize::from(transaction.ending != Ending::Failed);
                    lists.entry(*list).or_default().appended += counts;
                }
                Action::ReadLength { list, .. } | Action::Find { list, .. } => {
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
    transactions: &'h [Transaction],
    writers: &Writers,
    lists: &mut BTreeMap<Object, List<'h>>,
    graph: &mut Graph,
) -> Result<(), Violation> {
    let transaction = &transactions[at];
    let mut own = BTreeMap::<Object, Vec<u64>>::new();
    for action in &transaction.actions {
        let own_of = |list| own.get(list).map_or(&[][..], Vec::as_slice);
        let done = match action {
            Action::Append { list, value } => {
                own.entry(*list).or_default().push(*value);
                Ok(())
            }
            Action::ReadList { list, values } => match values.strip_suffix(own_of(list)) {
                None => Err("a transaction does not see its own appends at the end"),
                Some(others) if !lists[list].values.starts_with(others) => {
                    Err("two reads of a list disagree about its order")
                }
                Some(others) => prefix(at, *list, others.len(), lists, graph),
            },
            Action::ReadLength { list, length } => match length.checked_sub(own_of(list).len()) {
                None => Err("a transaction does not count its own appends"),
                Some(others) => prefix(at, *list, others, lists, graph),
            },
            Action::Find { list, value, found } if own_of(list).contains(value) => {
                if *found {
                    Ok(())
                } else {
                    Err("a transaction does not find its own append")
                }
            }
            Action::Find { list, value, found: true } => {
                let writer = writer(transactions, writers, at, (*list, *value))?;
                graph.add(writer, at, Why::Saw(*list, *value));
                Ok(())
            }
            Action::Find { list, value, found: false } => {
                // Without an answer, and never seen, it may have failed.
                let happened = |writer: &usize| {
                    let is_seen = lists[list].place.contains_key(value);
                    is_seen || transactions[*writer].ending == Ending::Committed
                };
                if let Some(writer) = writers.get(&(*list, *value)).copied().filter(happened) {
                    graph.add(at, writer, Why::Missed(*list, *value));
                }
                Ok(())
            }
            Action::Write { .. } | Action::Read { .. } => Ok(()),
        };
        done.map_err(|what| {
            Violation(format!("{what}: {action:?} in\n  {}", report::transaction(at, transaction)))
        })?;
    }
    Ok(())
}

/// The edges of having seen the first `len` values, and no more.
fn prefix<'h>(
    at: usize,
    object: Object,
    len: usize,
    lists: &mut BTreeMap<Object, List<'h>>,
    graph: &mut Graph,
) -> Result<(), &'static str> {
    let list = lists.get_mut(&object).expect("every list that is named is there");
    if len > list.values.len() {
        if len > list.appended {
            return Err("more values than were appended");
        }
        list.beyond.push(at);
        return Ok(());
    }
    if let Some(last) = len.checked_sub(1) {
        graph.add(list.writers[last], at, Why::Saw(object, list.values[last]));
    }
    match list.writers.get(len) {
        Some(next) => graph.add(at, *next, Why::Missed(object, list.values[len])),
        None => list.last_reader = Some(at),
    }
    Ok(())
}

/// What was appended and never seen, or only counted, stands behind everything that was seen.
fn unseen(transactions: &[Transaction], lists: &BTreeMap<Object, List<'_>>, graph: &mut Graph) {
    for (object, list) in lists {
        if let Some(reader) = list.last_reader {
            list.beyond.iter().for_each(|later| graph.add(reader, *later, Why::Counted(*object)));
        }
    }
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
