//! `DeleteMessage`: what is deleted stays deleted.

use super::record::{Record, StoredMessage};
use super::{Queue, Reply};
use crate::receipt::ReceiptHandle;
use crate::time::Timestamp;

/// Why a message was not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteRefusal {
    /// In a FIFO queue: the visibility timeout of the handle's receive is over.
    ReceiptHandleHasExpired,
}

impl Queue {
    /// Messages that are gone count as deleted, and so do those past their retention period, which
    /// are removed in their own time.
    ///
    /// In a standard queue any handle of a stored message deletes it, an older one too: a slow
    /// consumer's completed work is not done again. In a FIFO queue, where the next consumer may
    /// work on the message already, only that of the receive it is in flight for.
    pub(super) fn decide_delete(
        &self,
        now: Timestamp,
        handles: &[ReceiptHandle],
    ) -> (Reply, Vec<Record>) {
        let mut messages: Vec<StoredMessage> = Vec::with_capacity(handles.len());
        let mut outcomes = Vec::with_capacity(handles.len());
        for handle in handles {
            let found = self.find(handle.position).filter(|message| !self.is_expired(now, message));
            let Some(message) = found else {
                outcomes.push(Ok(()));
                continue;
            };
            if self.attributes.fifo.is_some() && !self.is_current(&message, *handle) {
                outcomes.push(Err(DeleteRefusal::ReceiptHandleHasExpired));
                continue;
            }
            outcomes.push(Ok(()));
            let twice = messages.iter().any(|other| other.position == message.position);
            if !twice {
                messages.push(message);
            }
        }
        let records = messages.into_iter().map(|message| Record::Deleted { message }).collect();
        (Reply::Deleted(outcomes), records)
    }

    /// Whether the message is in flight for the handle's receive.
    pub(super) fn is_current(&self, message: &StoredMessage, handle: ReceiptHandle) -> bool {
        self.window.is_in_flight(message.position)
            && message.receives.is_some_and(|receives| receives.count == handle.receive_count)
    }
}
