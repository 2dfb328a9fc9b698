//! Deep equality (S-5) of canonical texts, in which only the order of properties is free.

use super::names::{SEARCHES_MAX, Table};
use super::raw::{Kind, Raw};

/// Whether two values are deeply equal (S-5).
///
/// Scalars have one canonical text each, so that deeply equal values differ at most in the order
/// of their properties: in the same bytes, arranged differently. That settles almost every
/// comparison by one pass at the speed of memory, and a look at what stands between the first
/// and the last difference. Otherwise O(text), recursing once per level.
pub fn same(a: Raw<'_>, b: Raw<'_>) -> bool {
    a.as_bytes().len() == b.as_bytes().len()
        && difference(a.as_bytes(), b.as_bytes())
            .is_none_or(|(a_part, b_part)| is_rearranged(a_part, b_part) && is_deeply_equal(a, b))
}

/// A keyed hash that deeply equal values share: the order of properties does not enter.
/// O(text), recursing once per level.
pub fn digest(value: Raw<'_>, hasher: &ahash::RandomState) -> u64 {
    match value.kind() {
        Kind::Array => value
            .elements()
            .fold(hasher.hash_one(b'['), |all, element| hasher.hash_one((all, digest(element, hasher)))),
        Kind::Object => {
            let member = |(name, value)| hasher.hash_one((name, digest(value, hasher)));
            value.members().map(member).fold(hasher.hash_one(b'{'), u64::wrapping_add)
        }
        _ => hasher.hash_one(value.as_bytes()),
    }
}

/// What is left of two texts of one length without their common beginning and end, within a chunk;
/// `None` if they are equal.
fn difference<'a>(a: &'a [u8], b: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    const CHUNK: usize = 64;
    let (from_start, from_end) =
        (a.chunks(CHUNK).zip(b.chunks(CHUNK)), a.rchunks(CHUNK).zip(b.rchunks(CHUNK)));
    let begin = from_start.take_while(|(a, b)| a == b).count() * CHUNK;
    if begin >= a.len() {
        return None;
    }
    let end = a.len() - from_end.take_while(|(a, b)| a == b).count() * CHUNK;
    // The first difference is in the chunk at `begin`, the last one in that before `end`.
    Some((&a[begin..end], &b[begin..end]))
}

/// Whether the same bytes may stand in both in another order.
fn is_rearranged(a: &[u8], b: &[u8]) -> bool {
    let sum = |text: &[u8]| text.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    sum(a) == sum(b)
}

fn is_deeply_equal(a: Raw<'_>, b: Raw<'_>) -> bool {
    if a == b {
        return true;
    }
    match (a.kind(), b.kind()) {
        (Kind::Array, Kind::Array) => {
            let (mut a, mut b) = (a.elements(), b.elements());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if is_deeply_equal(a, b) => {}
                    _ => return false,
                }
            }
        }
        (Kind::Object, Kind::Object) => are_members_equal(a, b),
        _ => false,
    }
}

fn are_members_equal(a: Raw<'_>, b: Raw<'_>) -> bool {
    let members = a.members().count();
    if members != b.members().count() {
        return false;
    }
    if members <= SEARCHES_MAX {
        return a
            .members()
            .all(|(name, value)| b.get(name).is_some_and(|other| is_deeply_equal(value, other)));
    }
    let others: Table<'_> = b.members().collect();
    a.members().all(|(name, value)| others.get(name).is_some_and(|other| is_deeply_equal(value, *other)))
}

#[cfg(test)]
mod tests {
    use super::{digest, same};
    use crate::base::json::Raw;
    use std::fmt::Write;

    // S-5
    #[test]
    fn only_the_order_of_properties_is_free() {
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let many = |numbers: &mut dyn Iterator<Item = u32>| {
            let members = numbers.fold(String::new(), |mut all, n| {
                write!(all, ",\"{n}\":[{n}]").unwrap();
                all
            });
            format!("{{{}}}", &members[1..])
        };
        let (up, down) = (many(&mut (10..60)), many(&mut (10..60).rev()));
        for (a, b, expected) in [
            ("1", "1", true),
            ("12", "21", false),
            ("null", "0", false),
            ("[1,2]", "[2,1]", false),
            ("[1,2]", "[1,2,2]", false),
            ("[12]", "[1,2]", false),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
            (r#"{"a":1,"b":2}"#, r#"{"b":1,"a":2}"#, false),
            (r#"{"a":null}"#, r#"{}"#, false),
            (r#"[{"a":{"x":[1],"y":{}}},7]"#, r#"[{"a":{"y":{},"x":[1]}},7]"#, true),
            (r#"[{"a":{"x":[1],"y":{}}},7]"#, r#"[{"a":{"y":[1],"x":{}}},7]"#, false),
            (&up, &down, true),
        ] {
            let (a, b) = (Raw::trusted(a.as_bytes()), Raw::trusted(b.as_bytes()));
            assert_eq!((same(a, b), same(b, a)), (expected, expected), "{a:?} {b:?}");
            assert_eq!(digest(a, &hasher) == digest(b, &hasher), expected, "{a:?} {b:?}");
        }
    }
}
