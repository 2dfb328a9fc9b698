//! Result bytes that many readers share.

use super::json::{self, Raw};
use super::limits::SHARED_BYTES_MIN;
use super::prefetch::{prefetch, prefetch_bytes};
use std::borrow::Cow;
use std::cell::Cell;
use std::num::NonZeroU64;
use std::ops::Range;
use std::panic::RefUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

/// A result as it travels between cores: immutable JSON text with one `}` behind it,
/// which closes the push envelope, so that head and body are the whole message.
///
/// In one piece, or in two: one that differs from the one before only near its end shares the
/// beginning with it, so that a long result to which a little is added is not copied.
#[derive(Clone, Debug)]
pub struct Body {
    begin: Arc<[u8]>,
    /// How much of `begin` it is.
    begin_len: usize,
    /// The rest, if that is not all.
    end: Option<Arc<[u8]>>,
    /// Once it has been asked for.
    digest: Cell<Option<NonZeroU64>>,
}

// The digest is a memo: set whole or not at all, whatever panics.
impl RefUnwindSafe for Body {}

impl Body {
    /// Takes the JSON text of a result out of the buffer.
    pub fn new(json: &mut Vec<u8>) -> Self {
        json.push(b'}');
        let begin: Arc<[u8]> = json.as_slice().into();
        json.clear();
        Self { begin_len: begin.len(), begin, end: None, digest: Cell::new(None) }
    }

    /// The result that begins like this one, for so many bytes as [`Body::shared_len`] has said, and
    /// goes on with the text in the buffer, which is taken out. `None` if it is deeply equal to this one
    /// (S-5): O(text), and O(1) if it has another length.
    pub fn changed(&self, shared_len: usize, rest: &mut Vec<u8>) -> Option<Self> {
        debug_assert!(shared_len <= self.begin_len);
        if shared_len == 0 {
            let is_same =
                rest.len() == self.json_len() && json::same(Raw::trusted(rest), Raw::trusted(&self.json()));
            return (!is_same).then(|| Self::new(rest));
        }
        rest.push(b'}');
        let end = rest.as_slice().into();
        rest.clear();
        let begin = Arc::clone(&self.begin);
        let changed = Self { begin, begin_len: shared_len, end: Some(end), digest: Cell::new(None) };
        (!changed.is_same(self)).then_some(changed)
    }

    /// How many bytes of its beginning are to be shared with a result in which the first `intact_len`
    /// bytes are the same and `rest_len` others follow. 0 if it is better to copy all: if that is
    /// little, if much would have to be copied nevertheless, or if the shared piece would keep
    /// memory that is mostly unused.
    pub fn shared_len(&self, intact_len: usize, rest_len: usize) -> usize {
        let shared_len = intact_len.min(self.begin_len);
        let copied_len = intact_len - shared_len + rest_len;
        let pays = shared_len >= SHARED_BYTES_MIN && copied_len <= (shared_len / 8).max(SHARED_BYTES_MIN / 2);
        if pays && shared_len >= self.begin.len() / 2 { shared_len } else { 0 }
    }

    /// Appends a part of the result's JSON text to a buffer.
    ///
    /// # Panics
    /// If the text is shorter.
    pub fn copy(&self, part: Range<usize>, out: &mut Vec<u8>) {
        let split = self.begin_len;
        out.extend_from_slice(&self.begin[part.start.min(split)..part.end.min(split)]);
        if let Some(end) = &self.end
            && part.end > split
        {
            out.extend_from_slice(&end[part.start.max(split) - split..part.end - split]);
        }
    }

    /// The result's JSON text; O(text) if it is in two pieces.
    pub fn json(&self) -> Cow<'_, [u8]> {
        let [begin, end] = self.pieces();
        if end.is_empty() {
            return Cow::Borrowed(&begin[..begin.len() - 1]);
        }
        let mut json = [begin, end].concat();
        json.pop();
        Cow::Owned(json)
    }

    /// Length of the JSON text, bytes.
    pub fn json_len(&self) -> usize {
        self.len() - 1
    }

    /// The result and the brace that ends a push message. The second piece is often empty.
    pub fn pieces(&self) -> [&[u8]; 2] {
        [&self.begin[..self.begin_len], self.end.as_deref().unwrap_or_default()]
    }

    /// Length of the pieces, bytes; never 0.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.begin_len + self.end.as_ref().map_or(0, |end| end.len())
    }

    /// Has what [`Body::changed`] will need brought near.
    pub fn prefetch(&self) {
        prefetch(&self.begin[0]);
        self.end.iter().for_each(|end| prefetch_bytes(end));
    }

    /// Whether the results are deeply equal (S-5). O(1) if their lengths differ, otherwise O(text).
    pub fn is_same(&self, other: &Self) -> bool {
        self.len() == other.len() && json::same(Raw::trusted(&self.json()), Raw::trusted(&other.json()))
    }

    /// A keyed hash of the result: equal ones mean deeply equal results (S-5; 63 bit). O(text) the
    /// first time, for one hasher.
    pub fn digest(&self, hasher: &ahash::RandomState) -> NonZeroU64 {
        self.digest.get().unwrap_or_else(|| {
            let digest = NonZeroU64::MIN | json::digest(Raw::trusted(&self.json()), hasher);
            self.digest.set(Some(digest));
            digest
        })
    }
}

/// A [`Body`] within one core: a clone costs 0.5 ns instead of the 5–22 ns of an atomic count.
pub type LocalBody = Rc<Body>;

#[cfg(test)]
mod tests {
    use super::{Body, SHARED_BYTES_MIN};
    use crate::base::random::Random;
    use std::sync::Arc;

    #[test]
    fn the_brace_is_not_part_of_the_result() {
        let mut json = b"[1]".to_vec();
        let body = Body::new(&mut json);
        assert_eq!(&*body.json(), b"[1]");
        assert_eq!((body.pieces(), body.len(), &json[..]), ([&b"[1]}"[..], b""], 4, &b""[..]));
    }

    /// Numbers are added, replaced and removed at random, mostly at the end: what is shared is never
    /// seen, and bounded.
    #[test]
    fn what_is_shared_is_invisible() {
        let mut random = Random::from_seed([7; 32]);
        let text = |numbers: &[u64]| {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            format!("[{}]", numbers.join(","))
        };
        let mut numbers: Vec<u64> = (0..600).collect();
        let mut body = Body::new(&mut text(&numbers).into_bytes());
        let mut in_two = 0;
        for _ in 0..2_000 {
            let at = numbers.len() - 1 - (random.next_u64() % 4) as usize;
            match random.next_u64() % 8 {
                0 => numbers.truncate(at.max(10)),
                1 => numbers[at] = random.next_u64(),
                2 => numbers[0] = random.next_u64() % 10,
                _ => numbers.push(random.next_u64() % 1_000_000),
            }
            let wanted = text(&numbers);
            let before = body.json().into_owned();
            let is_same = |(a, b): &(u8, &u8)| a == *b;
            let intact = wanted.bytes().zip(&before).take_while(is_same).count();
            let shared = body.shared_len(intact, wanted.len() - intact);
            assert!(shared <= intact && (shared == 0 || shared >= SHARED_BYTES_MIN));
            let mut rest = Vec::new();
            body.copy(shared..intact, &mut rest);
            rest.extend_from_slice(&wanted.as_bytes()[intact..]);
            let Some(changed) = body.changed(shared, &mut rest) else {
                assert_eq!(wanted.as_bytes(), before);
                continue;
            };
            assert_ne!(wanted.as_bytes(), before);
            assert_eq!(String::from_utf8_lossy(&changed.json()), wanted);
            let [begin, end] = changed.pieces();
            assert_eq!([begin, end].concat(), [wanted.as_bytes(), b"}"].concat());
            assert_eq!((changed.len(), changed.json_len()), (wanted.len() + 1, wanted.len()));
            assert!(changed.is_same(&Body::new(&mut wanted.into_bytes())));
            assert!(begin.len() * 2 >= changed.begin.len(), "little memory is unused");
            in_two += usize::from(Arc::ptr_eq(&changed.begin, &body.begin));
            body = changed;
        }
        assert!((200..1_900).contains(&in_two), "{in_two} shared");
    }
}
