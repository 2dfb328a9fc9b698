//! Versions of records that have been replaced while another core has them in an answer.
//!
//! Whoever lets a version go last frees it. That had better be the core that has made it: the allocator
//! guards each core's memory with a lock, and two cores that free each other's wait for each other.

use crate::base::limits::{LENT_VERSION_BYTES_MAX, LENT_VERSIONS_MAX};
use crate::store::Record;
use std::collections::VecDeque;

/// Those versions, oldest first.
#[derive(Default)]
pub(super) struct Lent(VecDeque<Record>);

impl Lent {
    /// Frees a version, at once or when nobody else has it any more.
    pub(super) fn free(&mut self, version: Record) {
        while self.0.front().is_some_and(|oldest| !oldest.is_shared()) {
            self.0.pop_front();
        }
        if version.is_shared() && version.text().len() <= LENT_VERSION_BYTES_MAX {
            if self.0.len() == LENT_VERSIONS_MAX {
                self.0.pop_front();
            }
            self.0.push_back(version);
        }
    }
}
