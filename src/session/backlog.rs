//! Messages of one connection that wait for their turn.

use crate::base::limits::{BACKLOG_BYTES_MAX, BACKLOG_MESSAGES_MAX};
use std::collections::VecDeque;

/// Messages in order of arrival, and how much they hold. The bounds say when to stop reading;
/// what has been read already is kept.
#[derive(Default)]
pub struct Backlog {
    /// `None` when nothing waits: an idle connection owns no buffer.
    #[expect(clippy::box_collection, reason = "rare, and a word instead of four in every connection")]
    messages: Option<Box<VecDeque<Box<str>>>>,
    bytes: usize,
}

impl Backlog {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.messages.is_none()
    }

    /// Whether a bound is reached.
    pub fn is_full(&self) -> bool {
        self.len() >= BACKLOG_MESSAGES_MAX || self.bytes >= BACKLOG_BYTES_MAX
    }

    /// Whether both bounds are far enough away to read on.
    pub fn is_half_empty(&self) -> bool {
        self.len() <= BACKLOG_MESSAGES_MAX / 2 && self.bytes <= BACKLOG_BYTES_MAX / 2
    }

    /// Puts a message at the end.
    pub fn push(&mut self, message: Box<str>) {
        self.bytes += message.len();
        self.messages.get_or_insert_default().push_back(message);
    }

    /// Takes the first message.
    pub fn pop(&mut self) -> Option<Box<str>> {
        let messages = self.messages.as_mut()?;
        let message = messages.pop_front();
        self.bytes -= message.as_ref().map_or(0, |message| message.len());
        self.messages.take_if(|messages| messages.is_empty());
        message
    }

    /// Puts a message back that could not be served yet.
    pub fn put_back(&mut self, message: Box<str>) {
        self.bytes += message.len();
        self.messages.get_or_insert_default().push_front(message);
    }

    fn len(&self) -> usize {
        self.messages.as_ref().map_or(0, |messages| messages.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{BACKLOG_BYTES_MAX, BACKLOG_MESSAGES_MAX, Backlog};

    #[test]
    fn both_bounds_count() {
        let mut backlog = Backlog::default();
        backlog.push("x".repeat(BACKLOG_BYTES_MAX).into());
        assert!(backlog.is_full() && !backlog.is_half_empty());
        let message = backlog.pop().unwrap();
        assert!(!backlog.is_full() && backlog.is_half_empty() && backlog.is_empty());
        backlog.put_back(message);
        assert!(backlog.is_full());
        backlog.pop();
        (0..BACKLOG_MESSAGES_MAX).for_each(|_| backlog.push("x".into()));
        assert!(backlog.is_full());
    }
}
