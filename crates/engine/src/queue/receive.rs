//! `ReceiveMessage`: visible messages go in flight, oldest first.

use std::time::Duration;

use super::record::{Position, Receives, Record, Sequence, StoredMessage};
use super::{Need, Queue, ReceivedMessage, Reply};
use crate::time::Timestamp;

impl Queue {
    /// Another page, while fewer than `max` messages are at hand and the store may hold more that
    /// are available.
    pub(super) fn needs_to_receive(&mut self, now: Timestamp, max: usize) -> Option<Need> {
        let frontier = self.window.frontier()?;
        let more_available = frontier.available_at <= now;
        let wanted = max.min(self.receivable_max());
        let enough = self.receivable(now).take(wanted).count() == wanted;
        if enough || !more_available {
            return None;
        }
        if !self.window.has_room() {
            // All that waits is available, so what cannot be received is expired.
            self.window.forget_expired(now, self.kept_from(now));
        }
        Some(Need::Page { from: frontier.max(self.first_unexpired(now)), limit: self.limits.page })
    }

    pub(super) fn decide_receive(
        &self,
        now: Timestamp,
        max: usize,
        visibility_timeout: Option<Duration>,
    ) -> (Reply, Vec<Record>) {
        if self.receivable_max() == 0 {
            return (Reply::OverInFlightLimit, Vec::new());
        }
        let timeout = visibility_timeout.unwrap_or(self.attributes.visibility_timeout);
        let received: Vec<_> = self
            .receivable(now)
            .take(max.min(self.receivable_max()))
            .map(|message| receive(now, timeout, message))
            .collect();
        let to_record = |received: &ReceivedMessage| Record::Received {
            position: received.message.position,
            receives: received.receives,
        };
        let records = received.iter().map(to_record).collect();
        (Reply::Received(received), records)
    }

    /// The visible messages at hand, oldest first.
    fn receivable(&self, now: Timestamp) -> impl Iterator<Item = &StoredMessage> {
        let available = move |message: &&StoredMessage| message.position.available_at <= now;
        let unexpired = move |message: &&StoredMessage| !self.is_expired(now, message);
        self.window.waiting().take_while(available).filter(unexpired)
    }

    /// How many messages may go in flight.
    fn receivable_max(&self) -> usize {
        self.limits.in_flight_max.saturating_sub(self.window.in_flight_count())
    }

    /// Everything before this position is past its retention period: a message is sent no later
    /// than it becomes available. Reading starts here, so an expired head costs one seek.
    fn first_unexpired(&self, now: Timestamp) -> Position {
        Position { available_at: self.kept_from(now), sequence: Sequence(0) }
    }
}

/// A first receive sets the first-receive time; every receive counts.
fn receive(now: Timestamp, timeout: Duration, message: &StoredMessage) -> ReceivedMessage {
    let before = message.receives;
    let receives = Receives {
        count: before.map_or(0, |receives| receives.count).saturating_add(1),
        first_at: before.map_or(now, |receives| receives.first_at),
        last_at: now,
        visible_at: now + timeout,
    };
    ReceivedMessage { message: *message, receives }
}
