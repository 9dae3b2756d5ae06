//! `ChangeMessageVisibility`: when a received message becomes visible again.

use std::time::Duration;

use super::record::{Receives, Record};
use super::{Queue, Reply};
use crate::limits::VISIBILITY_TIMEOUT_TOTAL_MAX;
use crate::receipt::ReceiptHandle;
use crate::time::Timestamp;

/// Why a visibility timeout was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisibilityRefusal {
    /// The message was deleted, or its retention period is over; in a FIFO queue also: it is not in
    /// flight for the handle's receive.
    MessageDoesNotExist,
    /// The message is visible again, and as many messages as allowed are in flight.
    OverInFlightLimit,
    /// The message would stay in flight for more than 12 hours after its latest receive.
    BeyondTotalMax,
}

impl Queue {
    /// In a standard queue the handle may be an older one, and the message may be visible already:
    /// it is hidden again.
    ///
    /// Hiding it again is refused when as many messages are in flight as may be: messages of noisy
    /// tenants that were received may wait behind any number of others.
    pub(super) fn decide_visibility(
        &self,
        now: Timestamp,
        changes: &[(ReceiptHandle, Duration)],
    ) -> (Reply, Vec<Record>) {
        let mut records = Vec::with_capacity(changes.len());
        let mut hidden = Vec::new();
        let mut decide = |&(handle, timeout): &(ReceiptHandle, Duration)| {
            let receives = self.change(now, handle, timeout)?;
            let in_flight =
                self.window.is_in_flight(handle.position) || hidden.contains(&handle.position);
            if receives.visible_at > now && !in_flight {
                if hidden.len() == self.receivable_max() {
                    return Err(VisibilityRefusal::OverInFlightLimit);
                }
                hidden.push(handle.position);
            }
            records.push(Record::VisibilityChanged { position: handle.position, receives });
            Ok(())
        };
        let outcomes = changes.iter().map(&mut decide).collect();
        (Reply::VisibilityChanged(outcomes), records)
    }

    fn change(
        &self,
        now: Timestamp,
        handle: ReceiptHandle,
        timeout: Duration,
    ) -> Result<Receives, VisibilityRefusal> {
        let message = self
            .find(handle.position)
            .filter(|message| !self.is_expired(now, message))
            .filter(|message| self.attributes.fifo.is_none() || self.is_current(message, handle))
            .ok_or(VisibilityRefusal::MessageDoesNotExist)?;
        let receives = message.receives.ok_or(VisibilityRefusal::MessageDoesNotExist)?;
        let visible_at = now + timeout;
        if visible_at > receives.last_at + VISIBILITY_TIMEOUT_TOTAL_MAX {
            return Err(VisibilityRefusal::BeyondTotalMax);
        }
        Ok(Receives { visible_at, ..receives })
    }
}
