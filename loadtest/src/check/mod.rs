//! Whether a recorded history is strictly serialisable, judged from outside as Elle does (Kingsbury and
//! Alvaro, VLDB 2020): every value is unique, so that each read names the transactions that it depends on.
//!
//! A *list* is a bucket whose records are only ever inserted; a read of it shows the order of its writers.
//! A *register* is a record that is only ever updated; its `_version` says the same. From these orders
//! follows who must come before whom:
//!
//! | edge | because the later transaction … |
//! |---|---|
//! | ww | wrote the version behind the one that the earlier wrote |
//! | wr | saw what the earlier wrote |
//! | rw | wrote the version behind the one that the earlier saw |
//! | session | is the next of the same client (P-121) |
//! | real time | was sent when the earlier had been answered |
//!
//! The history is strictly serialisable exactly if some order satisfies all edges, so a cycle is the proof
//! that it is not. A single operation is a transaction of one. A transaction without answer counts if
//! somebody has seen what it wrote, and is not bound in time.
//!
//! | File | Says |
//! |---|---|
//! | [`history`] | what was asked and answered, and when |
//! | `lists`, `registers` | from what was seen to the order of writers |
//! | `graph` | cycles, the shortest first |
//! | `report` | a cycle in words |

pub mod history;

mod graph;
mod lists;
mod registers;
mod report;
#[cfg(test)]
mod tests;

pub use history::{Action, Call, Ending, History, Object, Transaction};

use graph::{Graph, Why};
use std::collections::BTreeMap;
use std::fmt;

/// What a history has in it, when nothing is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Transactions, single operations among them.
    pub transactions: usize,
    /// Known dependencies between them, real time included.
    pub edges: usize,
}

/// Why a history is not strictly serialisable, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Who wrote which value: (object, value) → transaction.
type Writers = BTreeMap<(Object, u64), usize>;

/// Judges a history. O(n log n) in its actions and in the values that its reads show.
///
/// # Errors
/// What is wrong, with the transactions that prove it.
pub fn check(history: &History) -> Result<Summary, Violation> {
    let transactions = history.transactions();
    let writers = writers(transactions)?;
    let mut graph = Graph::new(transactions.len());
    lists::order(transactions, &writers, &mut graph)?;
    registers::order(transactions, &writers, &mut graph)?;
    in_time(transactions, &mut graph);
    match graph.cycle() {
        Some(cycle) => Err(report::cycle(transactions, &cycle)),
        None => Ok(Summary { transactions: transactions.len(), edges: graph.edges() }),
    }
}

fn writers(transactions: &[Transaction]) -> Result<Writers, Violation> {
    let mut writers = Writers::new();
    for (at, transaction) in transactions.iter().enumerate() {
        for action in &transaction.actions {
            if let Action::Append { list: object, value } | Action::Write { register: object, value, .. } =
                action
                && writers.insert((*object, *value), at).is_some()
            {
                return Err(Violation(format!(
                    "value {value} was written twice to object {object}: use unique ones"
                )));
            }
        }
    }
    Ok(writers)
}

/// Who wrote a value that somebody saw.
fn writer(
    transactions: &[Transaction],
    writers: &Writers,
    reader: usize,
    (object, value): (Object, u64),
) -> Result<usize, Violation> {
    let saw = |what: &str| {
        let reader = report::transaction(reader, &transactions[reader]);
        Violation(format!("value {value} of object {object} {what}, and was seen by\n  {reader}"))
    };
    match writers.get(&(object, value)) {
        None => Err(saw("was never written")),
        Some(writer) if transactions[*writer].ending == Ending::Failed && *writer != reader => {
            Err(saw("was written by a transaction that failed"))
        }
        Some(writer) => Ok(*writer),
    }
}

/// Session order, and real time as a chain of moments: an answer precedes its moment, which precedes all
/// calls and moments after it. That is linear, where edges from each to each would be quadratic.
fn in_time(transactions: &[Transaction], graph: &mut Graph) {
    let mut events: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * transactions.len());
    let mut last_of_client = BTreeMap::new();
    for (at, transaction) in transactions.iter().enumerate() {
        events.push((transaction.called, false, at));
        // Nobody knows when an unanswered one took place, if it did.
        events.extend(transaction.answered.map(|moment| (moment, true, at)));
        if let Some(earlier) = last_of_client.insert(transaction.client, at) {
            graph.add(earlier, at, Why::Session);
        }
    }
    events.sort_unstable();
    let mut moment = None;
    for (_, is_answer, at) in events {
        if is_answer {
            let next = graph.add_moment();
            graph.add(at, next, Why::Time);
            if let Some(moment) = moment {
                graph.add(moment, next, Why::Time);
            }
            moment = Some(next);
        } else if let Some(moment) = moment {
            graph.add(moment, at, Why::Time);
        }
    }
}
