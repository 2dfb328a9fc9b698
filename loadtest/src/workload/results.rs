//! The results of a transaction, cut out of its answer (S-159).

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Transactions here have fewer operations, so that an index has one digit.
const OPERATIONS_MAX: usize = 10;

/// The data of the `N` results in `{"results":[{"index":0,"data":…},…]}`, in order; `None` if it is not that.
pub(super) fn results<const N: usize>(data: &[u8]) -> Option<[&[u8]; N]> {
    const { assert!(N > 0 && N <= OPERATIONS_MAX) };
    // The order of members that every server known emits; any other is left to the JSON parser.
    in_usual_order(data).or_else(|| in_any_order(data))
}

fn in_usual_order<const N: usize>(data: &[u8]) -> Option<[&[u8]; N]> {
    let mut results = [&data[..0]; N];
    let mut rest = data.strip_prefix(br#"{"results":["#)?.strip_suffix(b"]}")?;
    let mut head = *br#"{"index":0,"data":"#;
    for result in &mut results {
        rest = rest.strip_prefix(&head)?;
        head[br#"{"index":"#.len()] += 1;
        // The end is where the next one begins. Its head does not occur in a record of ours.
        let end = memmem::find(rest, &head).unwrap_or(rest.len());
        let one = &rest[..end];
        *result = one.strip_suffix(b"},").or_else(|| one.strip_suffix(b"}"))?;
        rest = &rest[end..];
    }
    rest.is_empty().then_some(results)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    results: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    index: usize,
    #[serde(borrow)]
    data: &'a RawValue,
}

fn in_any_order<const N: usize>(data: &[u8]) -> Option<[&[u8]; N]> {
    let answer: Answer<'_> = serde_json::from_slice(data).ok()?;
    let in_order = answer.results.iter().map(|entry| entry.index).eq(0..N);
    in_order.then(|| std::array::from_fn(|at| answer.results[at].data.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_results_in_any_spelling() {
        for text in [
            r#"{"results":[{"index":0,"data":{"a":"},"}},{"index":1,"data":[]},{"index":2,"data":7}]}"#,
            r#"{ "results": [{"data":{"a":"},"},"index":0},{"index":1,"data":[]},{"index":2,"data":7}]}"#,
        ] {
            let expect: [&[u8]; 3] = [br#"{"a":"},"}"#, b"[]", b"7"];
            assert_eq!(results(text.as_bytes()), Some(expect), "{text}");
        }
        for text in [
            "null",
            r#"{"results":[]}"#,
            r#"{"results":[{"index":0,"data":1},{"index":1,"data":1}]}"#,
            r#"{"results":[{"index":0,"data":1},{"index":2,"data":1},{"index":1,"data":1}]}"#,
            r#"{"results":[{"index":0,"data":1},{"index":1,"data":1},{"index":2,"data":1},{"index":3,"data":1}]}"#,
        ] {
            assert_eq!(results::<3>(text.as_bytes()), None, "{text}");
        }
    }
}
