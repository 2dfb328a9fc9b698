//! Every anomaly is found, and what is in order is let pass.

use super::{Action, Ending, History, check};

const X: u32 = 1;
const Y: u32 = 2;

fn append(list: u32, value: u64) -> Action {
    Action::Append { list, value }
}

fn list(list: u32, values: &[u64]) -> Action {
    Action::ReadList { list, values: values.to_vec() }
}

fn find(list: u32, value: u64, found: bool) -> Action {
    Action::Find { list, value, found }
}

fn write(register: u32, value: u64, version: u64) -> Action {
    Action::Write { register, value, version: Some(version) }
}

fn read(register: u32, value: u64, version: u64) -> Action {
    Action::Read { register, value, version }
}

/// Transactions of different clients that were all sent before any was answered.
fn concurrent(transactions: &[&[Action]]) -> History {
    let mut history = History::default();
    let calls: Vec<_> =
        (0..).take(transactions.len()).map(|client| history.call(client, Vec::new())).collect();
    for (call, actions) in calls.into_iter().zip(transactions) {
        history.answer(call, Ending::Committed, actions.to_vec());
    }
    history
}

/// One after the other, each of another client.
fn sequential(transactions: &[&[Action]]) -> History {
    let mut history = History::default();
    for (client, actions) in (0..).zip(transactions) {
        let call = history.call(client, Vec::new());
        history.answer(call, Ending::Committed, actions.to_vec());
    }
    history
}

#[track_caller]
fn wrong(history: &History, words: &str) {
    let text = check(history).expect_err("it is not strictly serialisable").0;
    assert!(text.contains(words), "{text}");
}

#[test]
fn what_is_in_order_passes() {
    let history = concurrent(&[
        &[append(X, 1), append(Y, 2)],
        &[list(X, &[1]), list(Y, &[2]), append(X, 3), list(X, &[1, 3])],
        &[list(X, &[1, 3]), Action::ReadLength { list: Y, length: 1 }, find(X, 3, true), find(Y, 9, false)],
        &[list(X, &[]), list(Y, &[]), find(X, 1, false)],
    ]);
    assert_eq!(check(&history).unwrap().transactions, 4);
    let history = sequential(&[
        &[write(X, 10, 1), write(Y, 11, 1)],
        &[read(X, 10, 1), write(X, 12, 2), write(X, 13, 3), read(X, 13, 3)],
        &[read(X, 13, 3), read(Y, 11, 1)],
    ]);
    assert!(check(&history).unwrap().edges > 6);
}

#[test]
fn half_a_transaction_is_found() {
    let writer: &[Action] = &[append(X, 1), append(Y, 2)];
    wrong(
        &concurrent(&[writer, &[list(X, &[1]), list(Y, &[])], &[list(Y, &[2])]]),
        "a cycle of 2 transactions",
    );
    let writer: &[Action] = &[write(X, 2, 2), write(Y, 3, 2)];
    let first: &[Action] = &[write(X, 0, 1), write(Y, 1, 1)];
    wrong(&concurrent(&[first, writer, &[read(X, 2, 2), read(Y, 1, 1)]]), "a cycle of 2 transactions");
    // … by predicates alone.
    let writer: &[Action] = &[append(X, 1), append(Y, 2)];
    let end: &[Action] = &[list(X, &[1]), list(Y, &[2])];
    wrong(&concurrent(&[writer, end, &[find(X, 1, true), find(Y, 2, false)]]), "no 2 in 2");
    let count = Action::ReadLength { list: Y, length: 0 };
    wrong(&concurrent(&[writer, end, &[find(X, 1, true), count]]), "count 2 = 0");
}

#[test]
fn the_state_between_two_writes_is_not_to_be_seen() {
    let writer: &[Action] = &[append(X, 1), append(X, 2)];
    wrong(&concurrent(&[writer, &[list(X, &[1])], &[list(X, &[1, 2])]]), "a cycle of 2 transactions");
}

#[test]
fn write_skew_is_found() {
    let history = concurrent(&[
        &[list(X, &[]), append(Y, 1)],
        &[list(Y, &[]), append(X, 2)],
        &[list(X, &[2]), list(Y, &[1])],
    ]);
    wrong(&history, "(rw)");
}

#[test]
fn interleaved_writes_are_found() {
    let history = concurrent(&[
        &[append(X, 1), append(Y, 2)],
        &[append(X, 3), append(Y, 4)],
        &[list(X, &[1, 3]), list(Y, &[4, 2])],
    ]);
    wrong(&history, "(ww)");
}

#[test]
fn a_lost_update_is_found() {
    let first: &[Action] = &[write(X, 1, 1)];
    let history = concurrent(&[first, &[read(X, 1, 1), write(X, 2, 2)], &[read(X, 1, 1), write(X, 3, 3)]]);
    wrong(&history, "cycle");
    wrong(
        &concurrent(&[first, &[write(X, 2, 2)], &[write(X, 3, 2)]]),
        "version 2 of register 1 has two values",
    );
    // An acknowledged append that no later read shows.
    wrong(&sequential(&[&[append(X, 1)], &[append(X, 2)], &[list(X, &[1])]]), "was answered before");
}

#[test]
fn a_stale_read_is_found_in_real_time_only() {
    let transactions: [&[Action]; 3] = [&[append(X, 1)], &[list(X, &[])], &[list(X, &[1])]];
    assert!(check(&concurrent(&transactions)).is_ok());
    wrong(&sequential(&transactions), "was answered before");
}

#[test]
fn requests_of_one_client_are_in_order_even_if_they_are_sent_at_once() {
    let mut history = History::default();
    let [writer, early, late] = [1, 2, 2].map(|client| history.call(client, Vec::new()));
    history.answer(writer, Ending::Committed, vec![append(X, 1)]);
    history.answer(early, Ending::Committed, vec![list(X, &[1])]);
    history.answer(late, Ending::Committed, vec![list(X, &[])]);
    wrong(&history, "the next of the same client");
}

#[test]
fn what_failed_or_never_was_is_not_to_be_seen() {
    let mut history = History::default();
    let call = history.call(1, vec![append(X, 1)]);
    history.answer(call, Ending::Failed, Vec::new());
    let call = history.call(2, Vec::new());
    history.answer(call, Ending::Committed, vec![list(X, &[1])]);
    wrong(&history, "by a transaction that failed");
    wrong(&concurrent(&[&[list(X, &[7])]]), "was never written");
    let count = |length| Action::ReadLength { list: X, length };
    wrong(&concurrent(&[&[append(X, 7)], &[count(2)]]), "more values than were appended");
    assert!(check(&sequential(&[&[append(X, 7)], &[append(X, 8)], &[count(2)]])).is_ok());
    let history = sequential(&[&[append(X, 7)], &[append(X, 8)], &[count(2)], &[list(X, &[7])]]);
    wrong(&history, "was answered before");
    wrong(&concurrent(&[&[append(X, 7)], &[list(X, &[7, 7])]]), "shows value 7 twice");
}

#[test]
fn reads_that_disagree_are_found() {
    let writers: [&[Action]; 2] = [&[append(X, 1)], &[append(X, 2)]];
    wrong(&concurrent(&[writers[0], writers[1], &[list(X, &[2])], &[list(X, &[1, 2])]]), "disagree");
    wrong(&concurrent(&[&[append(X, 1), list(X, &[])]]), "own append");
    wrong(&concurrent(&[&[write(X, 1, 1)], &[write(X, 2, 2), read(X, 1, 1)]]), "own write");
}

#[test]
fn an_unanswered_transaction_counts_if_it_was_seen() {
    let mut history = History::default();
    history.call(1, vec![append(X, 1), append(Y, 2)]);
    history.call(1, vec![append(X, 3)]);
    let call = history.call(2, Vec::new());
    history.answer(call, Ending::Committed, vec![list(X, &[1]), list(Y, &[2])]);
    assert!(check(&history).is_ok());
    let call = history.call(2, Vec::new());
    history.answer(call, Ending::Committed, vec![list(X, &[1]), list(Y, &[])]);
    wrong(&history, "cycle");
}

#[test]
fn an_unanswered_transaction_that_was_never_seen_may_have_failed() {
    let mut history = History::default();
    history.call(1, vec![append(X, 1)]);
    history.call(1, vec![append(X, 2)]);
    let call = history.call(2, Vec::new());
    history.answer(call, Ending::Committed, vec![find(X, 1, false), list(X, &[2])]);
    let call = history.call(2, Vec::new());
    history.answer(call, Ending::Committed, vec![list(X, &[2]), find(X, 1, false)]);
    assert!(check(&history).is_ok(), "the first of client 1 failed, the second did not");
}

#[test]
fn long_histories_are_judged_without_recursion() {
    let mut history = History::default();
    for value in 0..50_000 {
        let call = history.call(1, Vec::new());
        history.answer(call, Ending::Committed, vec![write(X, value, value + 1)]);
    }
    assert!(check(&history).is_ok());
    let call = history.call(2, Vec::new());
    history.answer(call, Ending::Committed, vec![read(X, 0, 1)]);
    wrong(&history, "a cycle of 2 transactions");
}
