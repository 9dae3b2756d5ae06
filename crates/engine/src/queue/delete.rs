//! `DeleteMessage`: what is deleted stays deleted.

use super::record::{Position, Record, StoredMessage};
use super::{Queue, Reply};
use crate::time::Timestamp;

impl Queue {
    /// Any handle of a stored message deletes it, an older one too: a slow consumer's completed
    /// work is not done again. Messages that are gone count as deleted, and so do those past their
    /// retention period, which are removed in their own time.
    pub(super) fn decide_delete(
        &self,
        now: Timestamp,
        positions: &[Position],
    ) -> (Reply, Vec<Record>) {
        let mut messages: Vec<StoredMessage> = Vec::with_capacity(positions.len());
        let found = positions.iter().filter_map(|position| self.find(*position));
        for message in found.filter(|message| !self.is_expired(now, message)) {
            let twice = messages.iter().any(|other| other.position == message.position);
            if !twice {
                messages.push(message);
            }
        }
        let records = messages.into_iter().map(|message| Record::Deleted { message }).collect();
        (Reply::Deleted, records)
    }
}
