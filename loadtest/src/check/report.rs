//! A cycle in words.

use super::graph::{Step, Why};
use super::{Action, Transaction, Violation};
use std::fmt::Write;

/// Values of a list that are shown: its end says most.
const VALUES_SHOWN: usize = 12;

/// The transactions of a cycle, and why each must come before the next.
pub(super) fn cycle(transactions: &[Transaction], steps: &[Step]) -> Violation {
    let mut text = format!("not strictly serialisable: a cycle of {} transactions\n", steps.len());
    for (at, (node, why)) in steps.iter().enumerate() {
        let (next, _) = steps[(at + 1) % steps.len()];
        let reason = match why {
            Why::Session => format!("T{next} is the next of the same client"),
            Why::Time => format!("it was answered before T{next} was sent"),
            Why::Saw(object, value) => format!("T{next} saw its value {value} of object {object} (wr)"),
            Why::Missed(object, value) => {
                format!("it did not see value {value} of object {object}, which T{next} wrote (rw)")
            }
            Why::Counted(object) => format!("T{next} counted more values of object {object} (rw)"),
            Why::Followed(object, value) => {
                format!("T{next} wrote the next value of object {object}, {value} (ww)")
            }
        };
        let shown = transaction(*node, &transactions[*node]);
        let _ = writeln!(text, "  {shown}\n    precedes T{next}: {reason}");
    }
    Violation(text)
}

/// One transaction.
pub(super) fn transaction(number: usize, transaction: &Transaction) -> String {
    let Transaction { client, called, answered, ending, actions } = transaction;
    let answered = answered.map_or("never".to_owned(), |moment| moment.to_string());
    let actions: Vec<String> = actions.iter().map(action).collect();
    format!(
        "T{number} (client {client}, sent {called}, answered {answered}, {ending:?}): {}",
        actions.join("; ")
    )
}

fn action(action: &Action) -> String {
    match action {
        Action::Append { list, value } => format!("append {value} to {list}"),
        Action::ReadList { list, values } if values.len() > VALUES_SHOWN => {
            let end = &values[values.len() - VALUES_SHOWN..];
            format!("read {list} = {} values … {end:?}", values.len())
        }
        Action::ReadList { list, values } => format!("read {list} = {values:?}"),
        Action::ReadLength { list, length } => format!("count {list} = {length}"),
        Action::Find { list, value, found: true } => format!("found {value} in {list}"),
        Action::Find { list, value, found: false } => format!("no {value} in {list}"),
        Action::Write { register, value, version } => {
            let version = version.map_or("?".to_owned(), |version| version.to_string());
            format!("write {register} := {value} (version {version})")
        }
        Action::Read { register, value, version } => {
            format!("read {register} = {value} (version {version})")
        }
    }
}
