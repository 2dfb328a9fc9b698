//! Result bytes that many readers share.

use super::json::{self, Raw};
use std::cell::Cell;
use std::num::NonZeroU64;
use std::panic::RefUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

/// A result as it travels between cores: immutable JSON text with one `}` behind it,
/// which closes the push envelope, so that head and body are the whole message.
#[derive(Clone, Debug)]
pub struct Body {
    bytes: Arc<[u8]>,
    /// Once it has been asked for.
    digest: Cell<Option<NonZeroU64>>,
}

// The digest is a memo: set whole or not at all, whatever panics.
impl RefUnwindSafe for Body {}

impl Body {
    /// Takes the JSON text of a result out of the buffer.
    pub fn new(json: &mut Vec<u8>) -> Self {
        json.push(b'}');
        let bytes = json.as_slice().into();
        json.clear();
        Self { bytes, digest: Cell::new(None) }
    }

    /// The result's JSON text.
    pub fn json(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - 1]
    }

    /// The result and the brace that ends a push message.
    pub fn with_brace(&self) -> &[u8] {
        &self.bytes
    }

    /// A keyed hash of the result: equal ones mean deeply equal results (S-5; 63 bit). O(text) the
    /// first time, for one hasher.
    pub fn digest(&self, hasher: &ahash::RandomState) -> NonZeroU64 {
        self.digest.get().unwrap_or_else(|| {
            let digest = NonZeroU64::MIN | json::digest(Raw::trusted(self.json()), hasher);
            self.digest.set(Some(digest));
            digest
        })
    }
}

/// A [`Body`] within one core: a clone costs 0.5 ns instead of the 5–22 ns of an atomic count.
pub type LocalBody = Rc<Body>;

#[cfg(test)]
mod tests {
    use super::Body;

    #[test]
    fn the_brace_is_not_part_of_the_result() {
        let mut json = b"[1]".to_vec();
        let body = Body::new(&mut json);
        assert_eq!((body.json(), body.with_brace(), &json[..]), (&b"[1]"[..], &b"[1]}"[..], &b""[..]));
    }
}
