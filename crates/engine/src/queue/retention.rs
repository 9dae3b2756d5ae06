//! The retention period: expired messages are never delivered, and are removed as time allows.

use super::record::{Record, StoredMessage};
use super::{Need, Page, Queue, Reply};
use crate::attributes::QueueAttributes;
use crate::catalog::CatalogEntry;
use crate::time::Timestamp;

impl CatalogEntry {
    /// Whether the retention period of one of the queue's messages is over: it is stored until it is
    /// removed, and must not be shown.
    pub fn is_expired(&self, now: Timestamp, message: &StoredMessage) -> bool {
        now >= expires_at(&self.attributes, self.kept_from, message)
    }
}

/// When the message's retention period is over.
pub(super) fn expires_at(
    attributes: &QueueAttributes,
    kept_from: Timestamp,
    message: &StoredMessage,
) -> Timestamp {
    let fifo = attributes.fifo.is_some();
    let began = if fifo { message.position.available_at } else { message.sent_at };
    if began < kept_from {
        return kept_from;
    }
    began + attributes.message_retention_period
}

/// How many messages are removed at a time: about 2 ms of the store's time, so that nobody waits
/// longer for it.
const EXPIRED_SLICE: usize = 250;

impl Queue {
    pub(super) fn needs_to_remove_expired(&self) -> Option<Need> {
        let supplied = self.supplied.oldest.is_some();
        (!supplied).then_some(Need::Oldest { limit: self.limits.page.min(EXPIRED_SLICE) })
    }

    /// Removes the expired ones of the oldest messages; the rest wait for the next call.
    pub(super) fn decide_remove_expired(&self, now: Timestamp) -> (Reply, Vec<Record>) {
        let oldest = self.supplied.oldest.as_ref().expect("the oldest messages were supplied");
        let expired = oldest.messages.iter().filter(|message| self.is_expired(now, message));
        let records: Vec<_> =
            expired.map(|message| Record::Expired { message: message.clone() }).collect();
        let more = records.len() == oldest.messages.len() && !oldest.last;
        (Reply::ExpiredRemoved { count: records.len(), more }, records)
    }

    /// Remembers when the next message expires, from the oldest ones, those expired at `now` left
    /// out. Delayed messages further behind may expire up to 15 minutes before that moment; they
    /// are hidden in time all the same, and removed a little later.
    pub(super) fn note_oldest(&mut self, now: Timestamp, oldest: &Page) {
        let expires_at = oldest
            .messages
            .iter()
            .map(|message| self.expires_at(message))
            .filter(|expires_at| *expires_at > now)
            .min();
        self.expiry_due = match expires_at {
            None if !oldest.last => Some(now),
            expires_at => expires_at,
        };
    }
}
