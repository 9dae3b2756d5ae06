//! `DeleteMessage`: what is deleted stays deleted.

use super::record::{Position, Record, StoredMessage};
use super::{Queue, Reply};

impl Queue {
    /// Any handle of a stored message deletes it, an older one too: a slow consumer's completed
    /// work is not done again. Messages that are gone count as deleted.
    pub(super) fn decide_delete(&self, positions: &[Position]) -> (Reply, Vec<Record>) {
        let mut messages: Vec<StoredMessage> = Vec::with_capacity(positions.len());
        for message in positions.iter().filter_map(|position| self.find(*position)) {
            let twice = messages.iter().any(|other| other.position == message.position);
            if !twice {
                messages.push(message);
            }
        }
        let records = messages.into_iter().map(|message| Record::Deleted { message }).collect();
        (Reply::Deleted, records)
    }
}
