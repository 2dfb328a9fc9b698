//! Registers: versions are counted, so that every read and every answered write has its place.

use super::graph::{Graph, Why};
use super::{Action, Ending, Object, Transaction, Violation, Writers, report, writer};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

/// One register: version → (value, writer).
type Versions = BTreeMap<u64, (u64, usize)>;

/// Adds the edges that follow from what was seen of registers.
pub(super) fn order(
    transactions: &[Transaction],
    writers: &Writers,
    graph: &mut Graph,
) -> Result<(), Violation> {
    let registers = versions(transactions, writers)?;
    for (register, versions) in &registers {
        let mut before = None;
        for (value, writer) in versions.values() {
            if let Some(before) = before {
                graph.add(before, *writer, Why::Followed(*register, *value));
            }
            before = Some(*writer);
        }
    }
    for (at, transaction) in transactions.iter().enumerate() {
        let mut own = BTreeMap::new();
        for action in &transaction.actions {
            match action {
                Action::Write { register, version: Some(version), .. } => {
                    own.insert(register, version);
                }
                Action::Read { register, value, version } => {
                    if own.get(register).is_some_and(|own| *own != version) {
                        let text = report::transaction(at, transaction);
                        return Err(Violation(format!(
                            "a transaction does not see its own write:\n  {text}"
                        )));
                    }
                    let versions = &registers[register];
                    graph.add(versions[version].1, at, Why::Saw(*register, *value));
                    let next = versions.range((Excluded(version), Unbounded)).next();
                    if let Some((_, (value, writer))) = next {
                        graph.add(at, *writer, Why::Missed(*register, *value));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn versions(
    transactions: &[Transaction],
    writers: &Writers,
) -> Result<BTreeMap<Object, Versions>, Violation> {
    let mut registers = BTreeMap::<Object, Versions>::new();
    for (at, transaction) in transactions.iter().enumerate() {
        for action in &transaction.actions {
            let (register, value, version) = match action {
                Action::Read { register, value, version } => (*register, *value, *version),
                Action::Write { register, value, version: Some(version) }
                    if transaction.ending == Ending::Committed =>
                {
                    (*register, *value, *version)
                }
                _ => continue,
            };
            let writer = writer(transactions, writers, at, (register, value))?;
            let (known, first) =
                *registers.entry(register).or_default().entry(version).or_insert((value, writer));
            if known != value {
                let (first, second) = (
                    report::transaction(first, &transactions[first]),
                    report::transaction(writer, &transactions[writer]),
                );
                return Err(Violation(format!(
                    "version {version} of register {register} has two values, by\n  {first}\nand\n  {second}"
                )));
            }
        }
    }
    Ok(registers)
}
