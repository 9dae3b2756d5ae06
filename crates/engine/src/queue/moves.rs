//! Moves between queues: a message leaves by the outbox of one queue and arrives in another.
//!
//! A message that leaves becomes a numbered entry of the outbox in the same append. Somebody hands
//! the entries over in the order of their numbers; the target stores the message together with the
//! number, so that an entry handed over twice arrives once; then the entry leaves the outbox. So a
//! message is never lost and never doubled, whatever fails in between.

use std::sync::Arc;

use super::record::{Moved, Position, Record, Sequence, StoredMessage};
use super::{Queue, Reply};
use crate::names::QueueId;
use crate::time::Timestamp;

/// A message that has left for another queue and may not have arrived yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Where it goes.
    pub to: QueueId,
    /// Its number among all messages that ever left this queue.
    pub number: u64,
    /// The message in its old place.
    pub message: StoredMessage,
    /// What it brings along.
    pub moved: Arc<Moved>,
    /// Whether it arrives as a new message, sent when it arrives.
    pub as_new: bool,
}

/// What became of entries that were to be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The target has stored the messages.
    Arrived,
    /// The target does not exist any more.
    NoTarget,
}

/// How many entries are handed over at a time.
const HANDED_OVER_AT_ONCE: usize = 100;

impl Queue {
    /// Whether anything left that is not known to have arrived.
    pub fn has_outbox(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// How many more messages may leave before some have arrived.
    pub(super) fn outbox_room(&self) -> usize {
        self.limits.outbox_max.saturating_sub(self.outbox.len())
    }

    /// The entry that takes `message` out as a dead letter, or as a new message with an id.
    pub(super) fn leave(
        &self,
        number: u64,
        message: &StoredMessage,
        to: QueueId,
        new_id: Option<[u8; 16]>,
    ) -> OutboxEntry {
        let before = message.moved.as_deref();
        let moved = match new_id {
            Some(_) => Moved { message_id: new_id, ..Moved::default() },
            None => Moved {
                source_arn: Some(self.arn.clone()),
                message_id: before.and_then(|moved| moved.message_id),
                receive_count: message.receive_count(),
                first_received_at: message.first_received_at(),
            },
        };
        let (message, moved) = (message.clone(), Arc::new(moved));
        OutboxEntry { to, number, message, moved, as_new: new_id.is_some() }
    }

    /// The oldest entries of the outbox.
    pub(super) fn first_entries(&self) -> Vec<OutboxEntry> {
        self.outbox.values().take(HANDED_OVER_AT_ONCE).cloned().collect()
    }

    /// What became of the entries for `to` up to `number`.
    pub(super) fn decide_handed_over(
        &self,
        to: QueueId,
        number: u64,
        handover: Handover,
    ) -> (Reply, Vec<Record>) {
        let entries = self.outbox.range(..=number).map(|(_, entry)| entry);
        let record = |entry: &OutboxEntry| match handover {
            Handover::Arrived => Record::HandedOver(entry.clone()),
            Handover::NoTarget if entry.message.position.sequence < self.row.first_sequence => {
                Record::Lost(entry.clone())
            }
            Handover::NoTarget => Record::CameBack(entry.clone()),
        };
        (Reply::HandedOver, entries.filter(|entry| entry.to == to).map(record).collect())
    }

    /// Stores what has not arrived before. A dead letter keeps its age in a standard queue, and
    /// lies between the messages sent before and after it; in a FIFO queue it comes last.
    pub(super) fn decide_take_in(
        &self,
        now: Timestamp,
        from: QueueId,
        entries: &[OutboxEntry],
    ) -> (Reply, Vec<Record>) {
        let arrived = self.arrived.get(&from).copied();
        let new = entries.iter().filter(|entry| arrived.is_none_or(|number| entry.number > number));
        let sequences = self.row.next_sequence.0..;
        let record = |(entry, sequence): (&OutboxEntry, u64)| {
            let placed_at = now.max(self.row.last_place);
            let fifo = self.attributes.fifo.is_some();
            let sent_at = match entry.as_new {
                true if fifo => placed_at,
                true => now,
                false => entry.message.sent_at,
            };
            let available_at = if fifo { placed_at } else { sent_at };
            let position = Position { available_at, sequence: Sequence(sequence) };
            let moved = Some(entry.moved.clone());
            let message =
                StoredMessage { position, sent_at, moved, receives: None, ..entry.message.clone() };
            Record::Arrived { from, number: entry.number, message }
        };
        (Reply::TakenIn, new.zip(sequences).map(record).collect())
    }
}
