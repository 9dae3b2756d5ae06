//! [`Queue`]: one queue. Commands in, replies and records out.

mod attempts;
mod deduplication;
mod delete;
mod groups;
mod look_ahead;
mod move_task;
mod moves;
mod processing;
mod receive;
mod record;
mod retention;
mod send;
mod tenants;
mod visibility;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::attributes::QueueAttributes;
use crate::catalog::CatalogEntry;
use crate::limits::{FIFO_LOOK_THROUGH_MAX, IN_FLIGHT_MESSAGES_MAX};
use crate::message::MessageContent;
use crate::names::{QueueId, QueueKey};
use crate::receipt::ReceiptHandle;
use crate::time::Timestamp;
pub use attempts::AttemptId;
use attempts::Attempts;
use deduplication::Deduplication;
pub use deduplication::{DeduplicationKey, RememberedSend};
pub use delete::DeleteRefusal;
pub use move_task::{MoveTask, MoveTaskFailure, MoveTaskRefusal, MoveTaskStatus};
pub use moves::{Handover, OutboxEntry};
pub use record::{
    BodyId, Moved, NotStored, Position, QueueRow, Receives, Record, Sequence, StoredMessage,
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
    /// How many messages a FIFO queue looks through for one that can be delivered.
    pub look_through: usize,
    /// How many sends of the last five minutes a FIFO queue remembers. More are refused.
    pub remembered_sends_max: usize,
    /// How many messages that left for other queues may be on their way.
    pub outbox_max: usize,
}

impl Default for QueueLimits {
    fn default() -> QueueLimits {
        QueueLimits {
            in_flight_max: IN_FLIGHT_MESSAGES_MAX,
            window: 4096,
            page: 1000,
            look_through: FIFO_LOOK_THROUGH_MAX,
            remembered_sends_max: 2_000_000,
            outbox_max: 1000,
        }
    }
}

/// A message to be sent; its content is already checked.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What it carries.
    pub content: Arc<MessageContent>,
    /// Where its content will be kept.
    pub body: BodyId,
    /// Its own delay; without one the queue's applies. In a FIFO queue the queue's always does.
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
        /// In a FIFO queue: what a repetition of this receive is recognized by.
        attempt: Option<AttemptId>,
    },
    /// Delete messages. Those already gone count as deleted.
    Delete(Vec<ReceiptHandle>),
    /// Change visibility timeouts: each message becomes visible after the given duration.
    ChangeVisibility(Vec<(ReceiptHandle, Duration)>),
    /// Count the messages.
    Count,
    /// Remove some of the messages whose retention period is over.
    RemoveExpired,
    /// Look through some more of the backlog for messages of quiet tenants.
    LookAhead,
    /// Tell the oldest messages that left for other queues and are not known to have arrived.
    Outbox,
    /// The entries of the outbox for `to`, up to `number`, need not be handed over any more.
    HandedOver {
        /// The queue they were for.
        to: QueueId,
        /// The last of them.
        number: u64,
        /// What became of them.
        handover: Handover,
    },
    /// Store messages that left the queue `from`, unless they have arrived before.
    TakeIn {
        /// The queue they come from.
        from: QueueId,
        /// What left it, in order.
        entries: Vec<OutboxEntry>,
    },
    /// Start a message move task.
    StartMoveTask {
        /// Its id, a UUID.
        id: [u8; 16],
        /// Where to, if not back to the sources.
        destination: Option<QueueKey>,
        /// At most how many messages a second.
        rate: Option<u32>,
    },
    /// Let the running task move some messages.
    Move,
    /// Cancel the message move task with this id.
    CancelMoveTask([u8; 16]),
    /// Tell the message move tasks.
    ListMoveTasks,
}

/// What a queue answers. It may leave the process once every record before it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The messages are stored, or were before.
    Sent(Vec<SentMessage>),
    /// Nothing was stored, because a FIFO queue remembers as many sends as it may.
    TooManySends,
    /// Messages, oldest first; none when nothing is visible.
    Received(Vec<ReceivedMessage>),
    /// Nothing was received, because as many messages as allowed are in flight.
    OverInFlightLimit,
    /// One outcome for each handle, in order.
    Deleted(Vec<Result<(), DeleteRefusal>>),
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
    /// Some more of the backlog was looked through.
    LookedAhead,
    /// What left, in order.
    Outbox(Vec<OutboxEntry>),
    /// The entries are out of the outbox.
    HandedOver,
    /// The messages are stored.
    TakenIn,
    /// The task that was started or cancelled.
    MoveTask(Result<MoveTask, MoveTaskRefusal>),
    /// What the running task could do now is done.
    Moved,
    /// The message move tasks, newest first.
    MoveTasks(Vec<MoveTask>),
}

/// What the sender of a message is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// The message's id; of a repeated send, that of the first.
    pub message_id: [u8; 16],
    /// The message's sequence; of a repeated send, that of the first.
    pub sequence: Sequence,
}

/// A message as a receive returns it; its content is read by `message.body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The message, with its receives before this one.
    pub message: StoredMessage,
    /// Its receives in this queue, this one included.
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Which queue has this name, if one does that plays this role for the queue that asks.
    Queue {
        /// The name.
        key: QueueKey,
        /// What it is for.
        role: QueueRole,
    },
}

/// What a queue is to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRole {
    /// Its dead-letter queue, as far as the redrive allow policy permits.
    DeadLetterQueue,
    /// The destination of its message move task.
    Destination,
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
    /// For [`Need::Queue`].
    Queue(Option<QueueId>),
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
    /// The sends that a FIFO queue remembers.
    pub remembered_sends: Vec<RememberedSend>,
    /// What left for other queues.
    pub outbox: Vec<OutboxEntry>,
    /// Up to which number messages arrived from other queues.
    pub arrived: BTreeMap<QueueId, u64>,
    /// The message move tasks, oldest first.
    pub move_tasks: Vec<MoveTask>,
}

/// One queue.
///
/// The owner drives it in three steps: while [`needs`](Queue::needs) names something, read it from
/// the store and [`supply`](Queue::supply) it; then [`apply`](Queue::apply). What is read must
/// reflect every record the queue has returned so far, so the owner lets its appends become durable
/// before it reads. Needs arise once per page of a backlog, so that wait is rare.
pub struct Queue {
    arn: String,
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
    deduplication: Deduplication,
    attempts: Attempts,
    outbox: BTreeMap<u64, OutboxEntry>,
    arrived: BTreeMap<QueueId, u64>,
    /// Oldest first.
    move_tasks: Vec<MoveTask>,
    /// When the running task moves more.
    next_step: Timestamp,
}

/// What was supplied for the next command.
#[derive(Default)]
struct Supplied {
    messages: Vec<(Position, Option<StoredMessage>)>,
    oldest: Option<Page>,
    available_between: Option<((Timestamp, Timestamp), u64)>,
    queues: Vec<(QueueKey, Option<QueueId>)>,
    pages: usize,
}

impl Queue {
    /// Builds the queue that a catalog knows by `entry` from what its store kept. A new queue has
    /// an empty snapshot. Messages sent before `entry.kept_from` are gone, whatever the retention
    /// period.
    pub fn restore(entry: &CatalogEntry, limits: QueueLimits, snapshot: Snapshot) -> Queue {
        let mut queue = Queue {
            arn: entry.key.arn().to_string(),
            attributes: entry.attributes.clone(),
            kept_from: entry.kept_from,
            limits,
            row: snapshot.row,
            window: Window::new(limits.window, entry.attributes.fifo.is_some()),
            expiry_due: None,
            latest: Timestamp::EPOCH,
            supplied: Supplied::default(),
            deduplication: Deduplication::restore(snapshot.remembered_sends),
            attempts: Attempts::default(),
            outbox: snapshot.outbox.into_iter().map(|entry| (entry.number, entry)).collect(),
            arrived: snapshot.arrived,
            move_tasks: snapshot.move_tasks,
            next_step: Timestamp::EPOCH,
        };
        for message in snapshot.in_flight {
            queue.window.put_in_flight(message);
        }
        queue.note_oldest(Timestamp::EPOCH, &snapshot.first_page);
        let Page { messages, last } = snapshot.first_page;
        queue.window.hold_page(Position::FIRST, messages, last);
        queue
    }

    /// Hashes deduplication ids with a key from now on.
    pub fn with_deduplication_key(mut self, key: DeduplicationKey) -> Queue {
        self.deduplication.set_key(key);
        self
    }

    /// Forgets what a restart forgets: in which order groups were served, what took how long, and
    /// receive attempts.
    pub fn forget_what_is_not_kept(&mut self) {
        self.window.forget_what_is_not_kept();
        self.attempts.clear();
        self.next_step = Timestamp::EPOCH;
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
            Command::Receive { max, attempt, .. } => self.needs_to_receive(now, *max, *attempt),
            Command::Delete(handles) => {
                self.needs_lookup(handles.iter().map(|handle| handle.position))
            }
            Command::ChangeVisibility(changes) => {
                self.needs_lookup(changes.iter().map(|(handle, _)| handle.position))
            }
            Command::Count | Command::StartMoveTask { .. } => self.needs_to_count(now),
            Command::RemoveExpired => self.needs_to_remove_expired(),
            Command::LookAhead => self.needs_to_look_ahead(now),
            Command::Move => self.needs_to_move(now),
            Command::Send(_)
            | Command::Outbox
            | Command::HandedOver { .. }
            | Command::TakeIn { .. }
            | Command::CancelMoveTask(_)
            | Command::ListMoveTasks => None,
        }
    }

    /// Hands in what `need` asked for. Changes indexes, never facts.
    pub fn supply(&mut self, need: Need, supply: Supply) {
        match (need, supply) {
            (Need::Page { from, .. }, Supply::Page(page)) => {
                let behind_frontier =
                    self.window.frontier().is_some_and(|frontier| from >= frontier);
                if behind_frontier {
                    self.window.hold_page(from, page.messages, page.last);
                } else {
                    self.window.hold_skipped(from, page.messages, page.last);
                }
                self.supplied.pages += 1;
            }
            (Need::Oldest { .. }, Supply::Page(page)) => self.supplied.oldest = Some(page),
            (Need::Message(position), Supply::Message(message)) => {
                self.supplied.messages.push((position, message));
            }
            (Need::AvailableBetween { after, until }, Supply::Count(count)) => {
                self.supplied.available_between = Some(((after, until), count));
            }
            (Need::Queue { key, .. }, Supply::Queue(id)) => self.supplied.queues.push((key, id)),
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
        self.note(now, command, &reply, &records);
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
        self.deduplication.advance(self.latest);
        self.attempts.advance(self.latest);
        let kept_from = self.kept_from(self.latest);
        self.window.advance(self.latest, kept_from);
        self.latest
    }

    /// The next moment at which a message may become visible without a command. What could be
    /// received by now and was not, since too much is in flight, waits for something to return.
    pub fn next_visible(&self) -> Option<Timestamp> {
        let available_until = self.available_until(self.latest);
        let delay_end = self.window.waiting_after(available_until).next();
        let available = [
            delay_end.map(|message| message.position.available_at),
            self.window.frontier().map(|frontier| frontier.available_at),
            self.window.resume_at().map(|(position, _)| position.available_at),
        ];
        let available = available.into_iter().flatten().map(|at| at + self.added_delay());
        let visible = available.chain(self.window.next_return());
        visible.filter(|at| *at > self.latest).min()
    }

    /// The messages at hand that will be received next, as far as can be told now.
    pub fn upcoming(&self) -> impl Iterator<Item = &StoredMessage> {
        self.window.deliverable(self.available_until(self.latest))
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
            Command::Receive { max, visibility_timeout, attempt } => {
                self.decide_receive(now, *max, *visibility_timeout, *attempt)
            }
            Command::Delete(handles) => self.decide_delete(now, handles),
            Command::ChangeVisibility(changes) => self.decide_visibility(now, changes),
            Command::Count => (Reply::Counted(self.count(now)), Vec::new()),
            Command::RemoveExpired => self.decide_remove_expired(now),
            Command::LookAhead => (Reply::LookedAhead, Vec::new()),
            Command::Outbox => (Reply::Outbox(self.first_entries()), Vec::new()),
            Command::HandedOver { to, number, handover } => {
                self.decide_handed_over(*to, *number, *handover)
            }
            Command::TakeIn { from, entries } => self.decide_take_in(now, *from, entries),
            Command::StartMoveTask { id, destination, rate } => {
                self.decide_start_move_task(now, *id, destination.as_ref(), *rate)
            }
            Command::Move => self.decide_move(now),
            Command::CancelMoveTask(id) => self.decide_cancel_move_task(*id),
            Command::ListMoveTasks => (Reply::MoveTasks(self.list_move_tasks()), Vec::new()),
        }
    }

    /// The only change of durable fact.
    fn absorb(&mut self, record: &Record) {
        self.row.absorb(record).expect("only stored messages are removed");
        match record {
            Record::Sent { message, remembered, .. } => {
                self.add(message);
                if let Some(send) = remembered {
                    self.deduplication.remember(*send);
                }
            }
            Record::Received { position, receives }
            | Record::VisibilityChanged { position, receives } => {
                let stored = self.find(*position).expect("a received message is stored");
                let message = StoredMessage { receives: Some(*receives), ..stored };
                self.window.put_in_flight(message);
            }
            Record::Deleted { message } => {
                self.window.remove(message);
                self.window.processed(self.latest, message);
            }
            Record::Expired { message } => self.window.remove(message),
            Record::Left(entry) => {
                self.window.remove(&entry.message);
                self.outbox.insert(entry.number, entry.clone());
            }
            Record::HandedOver(entry) | Record::Lost(entry) => {
                self.outbox.remove(&entry.number);
            }
            Record::CameBack(entry) => {
                self.outbox.remove(&entry.number);
                self.add(&entry.message);
            }
            Record::Arrived { from, number, message } => {
                self.arrived.insert(*from, *number);
                self.add(message);
            }
            Record::MoveTask(task) => task.clone().keep(&mut self.move_tasks),
        }
    }

    /// A message is stored that was not before.
    fn add(&mut self, message: &StoredMessage) {
        self.window.hold(message.clone());
        let expires_at = self.expires_at(message);
        self.expiry_due = Some(self.expiry_due.map_or(expires_at, |due| due.min(expires_at)));
    }

    /// Remembers what is no durable fact.
    fn note(&mut self, now: Timestamp, command: &Command, reply: &Reply, records: &[Record]) {
        match (command, reply) {
            (Command::Receive { attempt, .. }, Reply::Received(received)) => {
                for received in received {
                    self.window.serve(received.message.position);
                }
                if let Some(attempt) = attempt.filter(|_| !received.is_empty()) {
                    let repeated =
                        matches!(records.first(), Some(Record::VisibilityChanged { .. }));
                    self.attempts.remember(now, attempt, received, repeated);
                }
            }
            (Command::Move, _) => {
                if let Some(Record::MoveTask(task)) = records.last() {
                    self.note_step(now, task);
                }
            }
            _ => {}
        }
    }

    /// What was supplied of the queue called `key`.
    fn known_queue(&self, key: &QueueKey) -> Option<Option<QueueId>> {
        let known = self.supplied.queues.iter().find(|(known, _)| known == key);
        known.map(|(_, id)| *id)
    }

    /// In a FIFO queue the delay is that of the queue, and counts from each message's place.
    fn added_delay(&self) -> Duration {
        if self.attributes.fifo.is_some() { self.attributes.delay } else { Duration::ZERO }
    }

    /// Messages whose place is at this moment or before are available at `now`.
    fn available_until(&self, now: Timestamp) -> Timestamp {
        let delay = self.added_delay();
        let any = now.since(Timestamp::EPOCH) >= delay;
        if any { now - delay } else { Timestamp::EPOCH }
    }

    /// The stored message at `position`, held or supplied.
    fn find(&self, position: Position) -> Option<StoredMessage> {
        let supplied = || {
            let mut supplied = self.supplied.messages.iter();
            supplied.find(|(at, _)| *at == position).and_then(|(_, message)| message.clone())
        };
        self.window.get(position).cloned().or_else(supplied)
    }

    /// The first of `positions` of which only the store can tell whether a message is there.
    fn needs_lookup(&self, positions: impl Iterator<Item = Position>) -> Option<Need> {
        let supplied = |position| self.supplied.messages.iter().any(|(at, _)| *at == position);
        let unknown = |position: &Position| {
            let held = self.window.get(*position).is_some();
            !held && self.window.may_be_stored(*position) && !supplied(*position)
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
        retention::expires_at(&self.attributes, self.kept_from, message)
    }

    /// Messages sent before this moment are expired at `now`, the others are not.
    fn kept_from(&self, now: Timestamp) -> Timestamp {
        let retention_period = self.attributes.message_retention_period;
        let any = now.since(Timestamp::EPOCH) >= retention_period;
        let retained = if any { now - retention_period + MILLISECOND } else { Timestamp::EPOCH };
        retained.max(self.kept_from)
    }

    /// Delayed messages in the second that `now` is in are counted one by one; if the window does
    /// not reach to its end, the store counts them. In a FIFO queue, whose delay may change for
    /// stored messages, it counts all of them.
    fn needs_to_count(&self, now: Timestamp) -> Option<Need> {
        let (after, until) = self.delayed_one_by_one(now);
        let held = self.window.holds_all_until(until);
        let supplied =
            matches!(self.supplied.available_between, Some((range, _)) if range == (after, until));
        let any = match self.attributes.fifo {
            Some(_) => !self.attributes.delay.is_zero(),
            None => self.row.delay_ends.contains_key(&now.as_secs()),
        };
        (any && !held && !supplied).then_some(Need::AvailableBetween { after, until })
    }

    /// Messages with places after the first moment, until the second, are delayed and not counted
    /// by their row.
    fn delayed_one_by_one(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let until = if self.attributes.fifo.is_some() {
            Timestamp::from_millis(u64::MAX >> 1)
        } else {
            end_of_second(now)
        };
        (self.available_until(now), until)
    }

    fn count(&self, now: Timestamp) -> Counters {
        let later: u64 = self.row.delay_ends.range(now.as_secs() + 1..).map(|(_, n)| n).sum();
        let (after, until) = self.delayed_one_by_one(now);
        let by_one = match self.supplied.available_between {
            Some((range, count)) if range == (after, until) => {
                let first = Position { available_at: after, sequence: Sequence(u64::MAX) };
                let in_flight = self.window.in_flight_from(first);
                let in_flight = in_flight.take_while(|position| position.available_at <= until);
                count.saturating_sub(in_flight.count() as u64)
            }
            _ => {
                let held = self.window.waiting_after(after);
                held.take_while(|message| message.position.available_at <= until).count() as u64
            }
        };
        let in_flight = self.window.in_flight_count() as u64;
        let delayed = later + by_one;
        let visible = self.row.stored.saturating_sub(in_flight + delayed);
        // What left and has not arrived is nowhere else.
        Counters { visible, in_flight: in_flight + self.outbox.len() as u64, delayed }
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

fn end_of_second(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_secs() * 1000 + 999)
}
