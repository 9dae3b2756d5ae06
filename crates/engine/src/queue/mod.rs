//! [`Queue`]: one standard queue. Commands in, replies and records out.

mod delete;
mod receive;
mod record;
mod retention;
mod send;
mod visibility;
mod window;

use std::sync::Arc;
use std::time::Duration;

use crate::attributes::QueueAttributes;
use crate::limits::IN_FLIGHT_MESSAGES_MAX;
use crate::message::MessageContent;
use crate::time::Timestamp;
pub use record::{
    BodyId, NotStored, Position, QueueRow, Receives, Record, Sequence, StoredMessage,
};
pub use visibility::VisibilityRefusal;
use window::Window;

/// Bounds that a server sets for all its queues.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// How many messages may be in flight at once.
    pub in_flight_max: usize,
    /// How many visible or delayed messages are held in memory.
    pub window: usize,
    /// How many messages are read from the store at a time.
    pub page: usize,
}

impl Default for QueueLimits {
    fn default() -> QueueLimits {
        QueueLimits { in_flight_max: IN_FLIGHT_MESSAGES_MAX, window: 4096, page: 1000 }
    }
}

/// A message to be sent; its content is already checked.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What it carries.
    pub content: Arc<MessageContent>,
    /// Where its content will be kept.
    pub body: BodyId,
    /// Its own delay; without one the queue's applies.
    pub delay: Option<Duration>,
}

/// What a queue is asked to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Store messages, in this order.
    Send(Vec<NewMessage>),
    /// Take up to `max` visible messages, oldest first.
    Receive {
        /// At most this many.
        max: usize,
        /// How long they stay in flight; without one the queue's visibility timeout applies.
        visibility_timeout: Option<Duration>,
    },
    /// Delete messages. Those already gone count as deleted.
    Delete(Vec<Position>),
    /// Change visibility timeouts: each message becomes visible after the given duration.
    ChangeVisibility(Vec<(Position, Duration)>),
    /// Count the messages.
    Count,
    /// Remove some of the messages whose retention period is over.
    RemoveExpired,
}

/// What a queue answers. It may leave the process once every record before it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The messages are stored.
    Sent,
    /// Messages, oldest first; none when nothing is visible.
    Received(Vec<ReceivedMessage>),
    /// Nothing was received, because as many messages as allowed are in flight.
    OverInFlightLimit,
    /// The messages are gone.
    Deleted,
    /// One outcome for each entry, in order.
    VisibilityChanged(Vec<Result<(), VisibilityRefusal>>),
    /// The counters at this moment.
    Counted(Counters),
    /// How many messages were removed, and whether there may be more to remove right now.
    ExpiredRemoved {
        /// Messages removed.
        count: usize,
        /// Whether another `RemoveExpired` would find more.
        more: bool,
    },
}

/// A message as a receive returns it; its content is read by `message.body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The message.
    pub message: StoredMessage,
    /// Its receives, this one included.
    pub receives: Receives,
}

/// The three counters of `GetQueueAttributes`. They add up to the messages stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// `ApproximateNumberOfMessages`
    pub visible: u64,
    /// `ApproximateNumberOfMessagesNotVisible`
    pub in_flight: u64,
    /// `ApproximateNumberOfMessagesDelayed`
    pub delayed: u64,
}

/// What the queue must be told before it can apply a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The stored messages from `from` on.
    Page {
        /// The first position of interest.
        from: Position,
        /// How many to read at most.
        limit: usize,
    },
    /// The oldest stored messages.
    Oldest {
        /// How many to read at most.
        limit: usize,
    },
    /// The message at this position, if there is one.
    Message(Position),
    /// How many messages are stored that become available after `after` and until `until`.
    AvailableBetween {
        /// Not counted itself.
        after: Timestamp,
        /// Counted too.
        until: Timestamp,
    },
}

/// Stored messages in the order of their positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<StoredMessage>,
    /// Whether the queue stores nothing behind them.
    pub last: bool,
}

/// The answer to a [`Need`].
#[derive(Clone, Debug)]
pub enum Supply {
    /// For [`Need::Page`] and [`Need::Oldest`].
    Page(Page),
    /// For [`Need::Message`].
    Message(Option<StoredMessage>),
    /// For [`Need::AvailableBetween`].
    Count(u64),
}

/// What a store folded a queue's records into.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The queue's row.
    pub row: QueueRow,
    /// Every message whose visibility timeout had not ended when the snapshot was taken.
    pub in_flight: Vec<StoredMessage>,
    /// The oldest messages.
    pub first_page: Page,
}

/// One standard queue.
///
/// The owner drives it in three steps: while [`needs`](Queue::needs) names something, read it from
/// the store and [`supply`](Queue::supply) it; then [`apply`](Queue::apply). What is read must
/// reflect every record the queue has returned so far, so the owner lets its appends become durable
/// before it reads. Needs arise once per page of a backlog, so that wait is rare.
pub struct Queue {
    attributes: QueueAttributes,
    /// Messages sent before this moment are gone, whatever the retention period.
    kept_from: Timestamp,
    limits: QueueLimits,
    row: QueueRow,
    window: Window,
    /// No message is past its retention period before this moment. `None`: nothing is stored.
    expiry_due: Option<Timestamp>,
    /// The latest time seen; time never runs backwards for a queue.
    latest: Timestamp,
    supplied: Supplied,
}

/// What was supplied for the next command.
#[derive(Default)]
struct Supplied {
    messages: Vec<(Position, Option<StoredMessage>)>,
    oldest: Option<Page>,
    available_between: Option<((Timestamp, Timestamp), u64)>,
}

impl Queue {
    /// Builds a queue from what its store kept. A new queue has an empty snapshot. Messages sent
    /// before `kept_from` are gone, whatever the retention period
    /// ([`CatalogEntry::kept_from`](crate::catalog::CatalogEntry::kept_from)).
    pub fn restore(
        attributes: QueueAttributes,
        kept_from: Timestamp,
        limits: QueueLimits,
        snapshot: Snapshot,
    ) -> Queue {
        let mut queue = Queue {
            attributes,
            kept_from,
            limits,
            row: snapshot.row,
            window: Window::new(limits.window),
            expiry_due: None,
            latest: Timestamp::EPOCH,
            supplied: Supplied::default(),
        };
        for message in snapshot.in_flight {
            queue.window.put_in_flight(message);
        }
        queue.note_oldest(Timestamp::EPOCH, &snapshot.first_page);
        let Page { messages, last } = snapshot.first_page;
        queue.window.hold_page(Position::FIRST, messages, last);
        queue
    }

    /// The queue's settings.
    pub fn attributes(&self) -> &QueueAttributes {
        &self.attributes
    }

    /// What is missing to apply `command` at `now`, one thing at a time; `None` when it can be
    /// applied.
    pub fn needs(&mut self, now: Timestamp, command: &Command) -> Option<Need> {
        let now = self.advance(now);
        match command {
            Command::Send(_) => None,
            Command::Receive { max, .. } => self.needs_to_receive(now, *max),
            Command::Delete(positions) => self.needs_lookup(positions.iter().copied()),
            Command::ChangeVisibility(changes) => {
                self.needs_lookup(changes.iter().map(|(position, _)| *position))
            }
            Command::Count => self.needs_to_count(now),
            Command::RemoveExpired => self.needs_to_remove_expired(),
        }
    }

    /// Hands in what `need` asked for. Changes indexes, never facts.
    pub fn supply(&mut self, need: Need, supply: Supply) {
        match (need, supply) {
            (Need::Page { from, .. }, Supply::Page(page)) => {
                self.window.hold_page(from, page.messages, page.last);
            }
            (Need::Oldest { .. }, Supply::Page(page)) => self.supplied.oldest = Some(page),
            (Need::Message(position), Supply::Message(message)) => {
                self.supplied.messages.push((position, message));
            }
            (Need::AvailableBetween { after, until }, Supply::Count(count)) => {
                self.supplied.available_between = Some(((after, until), count));
            }
            (need, supply) => panic!("{supply:?} does not answer {need:?}"),
        }
    }

    /// Applies `command` at `now`. The reply may leave the process once the records are durable.
    pub fn apply(&mut self, now: Timestamp, command: &Command) -> (Reply, Vec<Record>) {
        let now = self.advance(now);
        let (reply, records) = self.decide(now, command);
        for record in &records {
            self.absorb(record);
        }
        let supplied = std::mem::take(&mut self.supplied);
        if let Some(oldest) = supplied.oldest {
            self.note_oldest(now, &oldest);
        }
        #[cfg(debug_assertions)]
        self.window.check();
        (reply, records)
    }

    /// Brings the indexes up to `now`: visibility timeouts that have ended make messages visible.
    /// Changes no facts. Returns the time that counts, which never runs backwards.
    pub fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        let kept_from = self.kept_from(self.latest);
        self.window.advance(self.latest, kept_from);
        self.latest
    }

    /// The next moment at which a message may become visible without a command. What could be
    /// received by now and was not, since too much is in flight, waits for something to return.
    pub fn next_visible(&self) -> Option<Timestamp> {
        let delay_end = self.window.waiting_after(self.latest).next();
        let visible = [
            self.window.next_return(),
            delay_end.map(|message| message.position.available_at),
            self.window.frontier().map(|frontier| frontier.available_at),
        ];
        visible.into_iter().flatten().filter(|at| *at > self.latest).min()
    }

    /// The messages at hand that will be received next, as far as can be told now.
    pub fn upcoming(&self) -> impl Iterator<Item = &StoredMessage> {
        self.window.waiting()
    }

    /// Whether a message that was at hand still is.
    pub fn is_held(&self, position: Position) -> bool {
        self.window.get(position).is_some()
    }

    /// When the next message in flight becomes visible again.
    pub fn next_return(&self) -> Option<Timestamp> {
        self.window.next_return()
    }

    /// From when on [`Command::RemoveExpired`] may have something to do.
    pub fn expiry_due(&self) -> Option<Timestamp> {
        self.expiry_due
    }

    /// What the queue's records add up to.
    pub fn row(&self) -> &QueueRow {
        &self.row
    }

    fn decide(&self, now: Timestamp, command: &Command) -> (Reply, Vec<Record>) {
        match command {
            Command::Send(messages) => self.decide_send(now, messages),
            Command::Receive { max, visibility_timeout } => {
                self.decide_receive(now, *max, *visibility_timeout)
            }
            Command::Delete(positions) => self.decide_delete(now, positions),
            Command::ChangeVisibility(changes) => self.decide_visibility(now, changes),
            Command::Count => (Reply::Counted(self.count(now)), Vec::new()),
            Command::RemoveExpired => self.decide_remove_expired(now),
        }
    }

    /// The only change of durable fact.
    fn absorb(&mut self, record: &Record) {
        self.row.absorb(record).expect("only stored messages are removed");
        match record {
            Record::Sent { message, .. } => {
                self.window.hold(*message);
                let expires_at = self.expires_at(message);
                self.expiry_due =
                    Some(self.expiry_due.map_or(expires_at, |due| due.min(expires_at)));
            }
            Record::Received { position, receives }
            | Record::VisibilityChanged { position, receives } => {
                let stored = self.find(*position).expect("a received message is stored");
                let message = StoredMessage { receives: Some(*receives), ..stored };
                self.window.put_in_flight(message);
            }
            Record::Deleted { message } | Record::Expired { message } => {
                self.window.remove(message.position);
            }
        }
    }

    /// The stored message at `position`, held or supplied.
    fn find(&self, position: Position) -> Option<StoredMessage> {
        let supplied = || {
            let mut supplied = self.supplied.messages.iter();
            supplied.find(|(at, _)| *at == position).and_then(|(_, message)| *message)
        };
        self.window.get(position).copied().or_else(supplied)
    }

    /// The first of `positions` of which only the store can tell whether a message is there.
    fn needs_lookup(&self, positions: impl Iterator<Item = Position>) -> Option<Need> {
        let supplied = |position| self.supplied.messages.iter().any(|(at, _)| *at == position);
        let unknown = |position: &Position| {
            self.window.get(*position).is_none()
                && self.window.may_be_stored(*position)
                && !supplied(*position)
        };
        let mut positions = positions;
        positions.find(unknown).map(Need::Message)
    }

    /// Whether the message's retention period is over.
    fn is_expired(&self, now: Timestamp, message: &StoredMessage) -> bool {
        now >= self.expires_at(message)
    }

    /// When the message's retention period is over.
    fn expires_at(&self, message: &StoredMessage) -> Timestamp {
        if message.sent_at < self.kept_from {
            return self.kept_from;
        }
        message.sent_at + self.attributes.message_retention_period
    }

    /// Messages sent before this moment are expired at `now`, the others are not.
    fn kept_from(&self, now: Timestamp) -> Timestamp {
        let retention_period = self.attributes.message_retention_period;
        let any = now.since(Timestamp::EPOCH) >= retention_period;
        let retained = if any { now - retention_period + MILLISECOND } else { Timestamp::EPOCH };
        retained.max(self.kept_from)
    }

    /// Delayed messages in the second that `now` is in are counted one by one; if the window does
    /// not reach to its end, the store counts them.
    fn needs_to_count(&self, now: Timestamp) -> Option<Need> {
        let until = end_of_second(now);
        let held = self.window.frontier().is_none_or(|frontier| frontier.available_at > until);
        let supplied =
            matches!(self.supplied.available_between, Some((range, _)) if range == (now, until));
        let any = self.row.delay_ends.contains_key(&now.as_secs());
        (any && !held && !supplied).then_some(Need::AvailableBetween { after: now, until })
    }

    fn count(&self, now: Timestamp) -> Counters {
        let later: u64 = self.row.delay_ends.range(now.as_secs() + 1..).map(|(_, n)| n).sum();
        let until = end_of_second(now);
        let this_second = match self.supplied.available_between {
            Some(((after, _), count)) if after == now => count,
            _ => {
                let held = self.window.waiting_after(now);
                held.take_while(|message| message.position.available_at <= until).count() as u64
            }
        };
        let in_flight = self.window.in_flight_count() as u64;
        let delayed = later + this_second;
        let visible = self.row.stored.saturating_sub(in_flight + delayed);
        Counters { visible, in_flight, delayed }
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

fn end_of_second(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_secs() * 1000 + 999)
}
