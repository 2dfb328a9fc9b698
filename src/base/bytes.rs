//! Result bytes that many readers share.

use std::rc::Rc;
use std::sync::Arc;

/// A result as it travels between cores: immutable JSON text with one `}` behind it,
/// which closes the push envelope, so that head and body are the whole message.
#[derive(Clone, Debug)]
pub struct Body {
    bytes: Arc<[u8]>,
    digest: u64,
}

impl Body {
    /// Takes the JSON text of a result.
    pub fn new(mut json: Vec<u8>, digest: u64) -> Self {
        json.push(b'}');
        Self { bytes: json.into(), digest }
    }

    /// The result's JSON text.
    pub fn json(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - 1]
    }

    /// The result and the brace that ends a push message.
    pub fn with_brace(&self) -> &[u8] {
        &self.bytes
    }

    /// A keyed hash of the text: equal digests mean an equal result (64 bit).
    pub fn digest(&self) -> u64 {
        self.digest
    }
}

/// A [`Body`] within one core: a clone costs 0.5 ns instead of the 5–22 ns of an atomic count.
pub type LocalBody = Rc<Body>;

#[cfg(test)]
mod tests {
    use super::Body;

    #[test]
    fn the_brace_is_not_part_of_the_result() {
        let body = Body::new(b"[1]".to_vec(), 7);
        assert_eq!((body.json(), body.with_brace(), body.digest()), (&b"[1]"[..], &b"[1]}"[..], 7));
    }
}
