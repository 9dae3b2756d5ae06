//! [`Record`]: the facts a queue is rebuilt from, and [`QueueRow`], what they add up to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::message::MessageContent;
use crate::time::Timestamp;

/// Numbers a queue's messages in the order they were accepted. Never restarts, so a sequence names
/// one message for all time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// A message's place in its queue: messages are received in the order of their positions.
///
/// The place is the moment the message first becomes available - its sending, or the end of its
/// delay - and among equals the order of acceptance. Delayed messages therefore lie behind those
/// that can be received now, and reading a backlog never has to step over them. A message keeps its
/// place for life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// When the message is first visible.
    pub available_at: Timestamp,
    /// Tells apart messages of the same moment.
    pub sequence: Sequence,
}

impl Position {
    /// Before every message.
    pub const FIRST: Position = Position { available_at: Timestamp::EPOCH, sequence: Sequence(0) };

    /// The smallest position after this one.
    pub fn next(self) -> Position {
        Position { sequence: Sequence(self.sequence.0 + 1), ..self }
    }
}

/// Where a message's content is kept. Chosen by the sender's server, unique in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyId(pub u64);

/// What a queue knows of a stored message besides its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place.
    pub position: Position,
    /// When it was sent; retention counts from here.
    pub sent_at: Timestamp,
    /// Where its content is.
    pub body: BodyId,
    /// Its size in bytes, as SQS counts it.
    pub size: u32,
    /// Its receives, if it was ever received.
    pub receives: Option<Receives>,
}

impl StoredMessage {
    /// Whether it was sent with a delay.
    pub fn was_delayed(&self) -> bool {
        self.position.available_at > self.sent_at
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
}

/// What a queue's records add up to, apart from the messages themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueRow {
    /// The sequence of the next message.
    pub next_sequence: Sequence,
    /// Messages stored: visible, in flight, delayed, and expired ones not removed yet.
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
        QueueRow { next_sequence: self.next_sequence, ..QueueRow::default() }
    }

    /// Adds one record. Queues and stores share this function, so they agree. On error, which is
    /// a bug of whoever made the record, nothing changes.
    pub fn absorb(&mut self, record: &Record) -> Result<(), NotStored> {
        match record {
            Record::Sent { message, .. } => {
                self.stored += 1;
                self.next_sequence = Sequence(message.position.sequence.0 + 1);
                self.forget_ends_before(message.sent_at.as_secs());
                if message.was_delayed() {
                    *self.delay_ends.entry(message.position.available_at.as_secs()).or_default() +=
                        1;
                }
            }
            Record::Deleted { message } | Record::Expired { message } => {
                self.stored = self.stored.checked_sub(1).ok_or(NotStored)?;
                self.remove_delay_end(message);
            }
            Record::Received { .. } | Record::VisibilityChanged { .. } => {}
        }
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
