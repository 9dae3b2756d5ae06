//! `ChangeMessageVisibility`: when a received message becomes visible again.

use std::time::Duration;

use super::record::{Position, Receives, Record};
use super::{Queue, Reply};
use crate::limits::VISIBILITY_TIMEOUT_TOTAL_MAX;
use crate::time::Timestamp;

/// Why a visibility timeout was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisibilityRefusal {
    /// The message was deleted, or its retention period is over.
    MessageDoesNotExist,
    /// The message would stay in flight for more than 12 hours after its latest receive.
    BeyondTotalMax,
}

impl Queue {
    /// The handle may be an older one, and the message may be visible already: it is hidden again.
    ///
    /// That cannot put more messages in flight than the limit allows: a message is received only
    /// when every older one that can be is in flight, so no more messages than the limit have ever
    /// been received and are still stored.
    pub(super) fn decide_visibility(
        &self,
        now: Timestamp,
        changes: &[(Position, Duration)],
    ) -> (Reply, Vec<Record>) {
        let mut records = Vec::with_capacity(changes.len());
        let mut decide = |&(position, timeout): &(Position, Duration)| {
            let receives = self.change(now, position, timeout)?;
            records.push(Record::VisibilityChanged { position, receives });
            Ok(())
        };
        let outcomes = changes.iter().map(&mut decide).collect();
        (Reply::VisibilityChanged(outcomes), records)
    }

    fn change(
        &self,
        now: Timestamp,
        position: Position,
        timeout: Duration,
    ) -> Result<Receives, VisibilityRefusal> {
        let message = self
            .find(position)
            .filter(|message| !self.is_expired(now, message))
            .ok_or(VisibilityRefusal::MessageDoesNotExist)?;
        let receives = message.receives.ok_or(VisibilityRefusal::MessageDoesNotExist)?;
        let visible_at = now + timeout;
        if visible_at > receives.last_at + VISIBILITY_TIMEOUT_TOTAL_MAX {
            return Err(VisibilityRefusal::BeyondTotalMax);
        }
        Ok(Receives { visible_at, ..receives })
    }
}
