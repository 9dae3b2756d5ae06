//! [`Record`]: the facts a queue is rebuilt from, and [`QueueRow`], what they add up to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::deduplication::RememberedSend;
use super::move_task::MoveTask;
use super::moves::OutboxEntry;
use crate::message::{Group, MessageContent};
use crate::names::QueueId;
use crate::time::Timestamp;

/// Numbers a queue's messages in the order they were accepted. Never restarts, so a sequence names
/// one message for all time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// A message's place in its queue: messages are received in the order of their positions.
///
/// In a standard queue the place is the moment the message first becomes available - its sending,
/// or the end of its delay - and among equals the order of acceptance. Delayed messages therefore
/// lie behind those that can be received now, and reading a backlog never has to step over them. In
/// a FIFO queue, whose delay changes for stored messages too, the place is the moment of acceptance
/// alone, which never runs backwards: places are in the order of sequences. A message keeps its
/// place for life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// When the message is first visible; in a FIFO queue, when it was accepted.
    pub available_at: Timestamp,
    /// Tells apart messages of the same moment.
    pub sequence: Sequence,
}

impl Position {
    /// Before every message.
    pub const FIRST: Position = Position { available_at: Timestamp::EPOCH, sequence: Sequence(0) };

    /// Behind every message.
    pub const LAST: Position =
        Position { available_at: Timestamp::from_millis(u64::MAX), sequence: Sequence(u64::MAX) };

    /// The smallest position after this one.
    pub fn next(self) -> Position {
        Position { sequence: Sequence(self.sequence.0 + 1), ..self }
    }
}

/// Where a message's content is kept. Chosen by the sender's server, unique in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyId(pub u64);

/// What a queue knows of a stored message besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place.
    pub position: Position,
    /// When it was sent. Retention counts from here in a standard queue, from its place in a FIFO
    /// queue: there a message that was moved starts anew.
    pub sent_at: Timestamp,
    /// Where its content is.
    pub body: BodyId,
    /// Its size in bytes, as SQS counts it.
    pub size: u32,
    /// Its message group, if it has one.
    pub group: Option<Group>,
    /// What it brought along, if it came from another queue.
    pub moved: Option<Arc<Moved>>,
    /// Its receives in this queue, if it was ever received here.
    pub receives: Option<Receives>,
}

/// What a message that came from another queue brought along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The ARN of the queue that it left as a dead letter.
    pub source_arn: Option<String>,
    /// Its message id, if that is not the one in its content any more: what a message move task
    /// moves is a new message.
    pub message_id: Option<[u8; 16]>,
    /// How often it was received before.
    pub receive_count: u32,
    /// The first of those receives.
    pub first_received_at: Option<Timestamp>,
}

impl StoredMessage {
    /// Whether it was sent to a standard queue with a delay.
    pub fn was_delayed(&self) -> bool {
        self.moved.is_none() && self.position.available_at > self.sent_at
    }

    /// How often it was received in all its life, here and before it was moved here.
    pub fn receive_count(&self) -> u32 {
        let before = self.moved.as_ref().map_or(0, |moved| moved.receive_count);
        before.saturating_add(self.receives.map_or(0, |receives| receives.count))
    }

    /// When it was first received in all its life.
    pub fn first_received_at(&self) -> Option<Timestamp> {
        let before = self.moved.as_ref().and_then(|moved| moved.first_received_at);
        before.or(self.receives.map(|receives| receives.first_at))
    }
}

/// What receiving a message left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receives {
    /// Receive counts start at 1: SQS reports `ApproximateReceiveCount` on the first delivery
    /// as 1, and `maxReceiveCount` compares against that number.
    pub count: u32,
    /// The first receive.
    pub first_at: Timestamp,
    /// The latest receive, from which the 12 hours of visibility timeout count.
    pub last_at: Timestamp,
    /// When the visibility timeout ends: the message is in flight before, visible from then on.
    pub visible_at: Timestamp,
}

/// A durable fact about one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A message was accepted.
    Sent {
        /// The message; never received yet.
        message: StoredMessage,
        /// What it carries.
        content: Arc<MessageContent>,
        /// In a FIFO queue: how a repetition of the send will be recognized.
        remembered: Option<RememberedSend>,
    },
    /// A message was received.
    Received {
        /// Which message.
        position: Position,
        /// Its receives, this one included.
        receives: Receives,
    },
    /// A message's visibility timeout was changed.
    VisibilityChanged {
        /// Which message.
        position: Position,
        /// Its receives, with the new end of the visibility timeout.
        receives: Receives,
    },
    /// A message was deleted by a receiver.
    Deleted {
        /// The message.
        message: StoredMessage,
    },
    /// A message past its retention period was removed.
    Expired {
        /// The message.
        message: StoredMessage,
    },
    /// A message left for another queue: it is in the outbox now.
    Left(OutboxEntry),
    /// The queue it left for has the message: its entry leaves the outbox.
    HandedOver(OutboxEntry),
    /// The queue it left for is gone: its entry leaves the outbox, and the message is back in its
    /// old place.
    CameBack(OutboxEntry),
    /// The queue it left for is gone and this one was purged meanwhile: entry and message are gone.
    Lost(OutboxEntry),
    /// A message arrived from another queue.
    Arrived {
        /// The queue it came from.
        from: QueueId,
        /// Its number there: everything up to it has arrived.
        number: u64,
        /// The message in its new place.
        message: StoredMessage,
    },
    /// A message move task began, made progress or ended.
    MoveTask(MoveTask),
}

/// What a queue's records add up to, apart from the messages themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueRow {
    /// The sequence of the next message.
    pub next_sequence: Sequence,
    /// The first sequence that was given out after the latest purge.
    pub first_sequence: Sequence,
    /// The latest place that was given out, so that those of a FIFO queue never run backwards.
    pub last_place: Timestamp,
    /// The number of the next message that leaves for another queue.
    pub next_move: u64,
    /// Messages stored: visible, in flight, delayed, and expired ones not removed yet. Those in the
    /// outbox are not among them.
    pub stored: u64,
    /// Messages stored whose delay ends within the given second, per second; seconds that were
    /// over when the latest message was sent may be missing.
    pub delay_ends: BTreeMap<u64, u64>,
}

/// A record removes a message, but none is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message was removed from a queue that stores none")]
pub struct NotStored;

impl QueueRow {
    /// What is left when every message is gone: sequences never restart.
    pub fn emptied(&self) -> QueueRow {
        QueueRow {
            next_sequence: self.next_sequence,
            first_sequence: self.next_sequence,
            last_place: self.last_place,
            next_move: self.next_move,
            ..QueueRow::default()
        }
    }

    /// Adds one record. Queues and stores share this function, so they agree. On error, which is
    /// a bug of whoever made the record, nothing changes.
    pub fn absorb(&mut self, record: &Record) -> Result<(), NotStored> {
        match record {
            Record::Sent { message, .. } | Record::Arrived { message, .. } => {
                self.stored += 1;
                self.next_sequence = Sequence(message.position.sequence.0 + 1);
                self.last_place = self.last_place.max(message.position.available_at);
                self.forget_ends_before(message.sent_at.as_secs());
                if message.was_delayed() {
                    *self.delay_ends.entry(message.position.available_at.as_secs()).or_default() +=
                        1;
                }
            }
            Record::Deleted { message } | Record::Expired { message } => self.remove(message)?,
            Record::Left(entry) => {
                self.remove(&entry.message)?;
                self.next_move = self.next_move.max(entry.number + 1);
            }
            Record::CameBack(_) => self.stored += 1,
            Record::Received { .. }
            | Record::VisibilityChanged { .. }
            | Record::HandedOver(_)
            | Record::Lost(_)
            | Record::MoveTask(_) => {}
        }
        Ok(())
    }

    fn remove(&mut self, message: &StoredMessage) -> Result<(), NotStored> {
        self.stored = self.stored.checked_sub(1).ok_or(NotStored)?;
        self.remove_delay_end(message);
        Ok(())
    }

    fn forget_ends_before(&mut self, second: u64) {
        while let Some(first) = self.delay_ends.first_entry() {
            if *first.key() >= second {
                break;
            }
            first.remove();
        }
    }

    fn remove_delay_end(&mut self, message: &StoredMessage) {
        let second = message.position.available_at.as_secs();
        if message.was_delayed()
            && let Some(count) = self.delay_ends.get_mut(&second)
        {
            *count -= 1;
            if *count == 0 {
                self.delay_ends.remove(&second);
            }
        }
    }
}
