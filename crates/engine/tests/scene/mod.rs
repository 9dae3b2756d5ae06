//! A queue beside a naive store, with a clock moved by hand: the one place in the tests that knows
//! the engine's API.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::message::{self, MessageAttributes, MessageContent};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{
    BodyId, Command, Counters, MoveTask, Need, NewMessage, OutboxEntry, Page, Position, Queue,
    QueueLimits, QueueRow, ReceivedMessage, Record, RememberedSend, Reply, Snapshot, StoredMessage,
    Supply, VisibilityRefusal,
};
use formiga_engine::receipt::ReceiptHandle;
use formiga_engine::tags::Tags;
use formiga_engine::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How often things happened in the histories of a run.
#[derive(Default)]
pub struct Tally(RefCell<BTreeMap<&'static str, usize>>);

impl Tally {
    pub fn count(&self, what: &'static str) {
        *self.0.borrow_mut().entry(what).or_default() += 1;
    }
}

/// Tries random histories: settings, and 100 to 400 steps. Prints what happened in them, of which
/// no branch may be missing.
///
/// There are `FORMIGA_PROPERTY_CASES` histories, else 10,000 where it is decided about a change and
/// 1,000 elsewhere.
pub fn try_histories<Settings: Debug, Step: Clone + Debug>(
    settings: impl Strategy<Value = Settings>,
    step: impl Strategy<Value = Step>,
    branches: &[&str],
    live: impl Fn(Settings, Vec<Step>, &Tally),
) {
    let given = std::env::var("FORMIGA_PROPERTY_CASES").ok().and_then(|n| n.parse().ok());
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let cases = given.unwrap_or(if in_ci { 10_000 } else { 1_000 });
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let (tally, lengths) = (Tally::default(), RefCell::new(Vec::new()));
    let histories = (settings, prop::collection::vec(step, 100..400));
    let outcome = TestRunner::new(config).run(&histories, |(settings, history)| {
        lengths.borrow_mut().push(history.len());
        live(settings, history, &tally);
        Ok(())
    });
    let (histories, total) = (lengths.borrow().len(), lengths.borrow().iter().sum::<usize>());
    println!("{histories} histories, {total} steps, {} on average", total / histories);
    for (what, count) in &*tally.0.borrow() {
        println!("{count:>9}  {what}");
    }
    outcome.unwrap();
    assert!(total / histories >= 200, "histories are too short");
    for branch in branches {
        assert!(tally.0.borrow().contains_key(branch), "{branch} never happened");
    }
}

/// Any afternoon.
pub const START: Timestamp = Timestamp::from_millis(1_700_000_000_123);

/// The queue `name` with these settings, as the catalog would know it.
pub fn entry(name: &str, attributes: QueueAttributes) -> CatalogEntry {
    CatalogEntry {
        id: QueueId(1),
        generation: QueueId(1),
        key: key(name),
        attributes,
        tags: Tags::new(),
        created_at: START,
        modified_at: START,
        purged_at: None,
        kept_from: Timestamp::EPOCH,
    }
}

pub fn key(name: &str) -> QueueKey {
    QueueKey {
        account: AccountId::DEFAULT,
        region: Region::parse("eu-west-1").unwrap(),
        name: QueueName::parse(name).unwrap(),
    }
}

/// What a need is called in a tally.
pub fn name_of(need: &Need) -> &'static str {
    match need {
        Need::Page { .. } => "need: Page",
        Need::Oldest { .. } => "need: Oldest",
        Need::Message(_) => "need: Message",
        Need::AvailableBetween { .. } => "need: AvailableBetween",
        Need::Queue { .. } => "need: Queue",
    }
}

/// What a record is called in a tally.
pub fn name_of_record(record: &Record) -> &'static str {
    match record {
        Record::Sent { .. } => "record: Sent",
        Record::Received { .. } => "record: Received",
        Record::VisibilityChanged { .. } => "record: VisibilityChanged",
        Record::Deleted { .. } => "record: Deleted",
        Record::Expired { .. } => "record: Expired",
        Record::Left(_) => "record: Left",
        Record::HandedOver(_) => "record: HandedOver",
        Record::CameBack(_) => "record: CameBack",
        Record::Lost(_) => "record: Lost",
        Record::Arrived { .. } => "record: Arrived",
        Record::MoveTask(_) => "record: MoveTask",
    }
}

/// What a store would keep: the fold of the records, in the most obvious way.
#[derive(Clone, Default)]
pub struct NaiveStore {
    pub row: QueueRow,
    pub messages: BTreeMap<Position, StoredMessage>,
    pub contents: BTreeMap<BodyId, Arc<MessageContent>>,
    pub remembered_sends: Vec<RememberedSend>,
    pub outbox: BTreeMap<u64, OutboxEntry>,
    pub arrived: BTreeMap<QueueId, u64>,
    pub move_tasks: Vec<MoveTask>,
    /// The queues that others know by name.
    pub queues: BTreeMap<QueueKey, QueueId>,
}

impl NaiveStore {
    pub fn append(&mut self, records: &[Record]) {
        for record in records {
            self.row.absorb(record).unwrap();
            match record {
                Record::Sent { message, content, remembered } => {
                    self.messages.insert(message.position, message.clone());
                    self.contents.insert(message.body, content.clone());
                    self.remembered_sends.extend(*remembered);
                }
                Record::Received { position, receives }
                | Record::VisibilityChanged { position, receives } => {
                    self.messages.get_mut(position).unwrap().receives = Some(*receives);
                }
                Record::Deleted { message } | Record::Expired { message } => {
                    self.messages.remove(&message.position).unwrap();
                    // The content of a message that came from elsewhere is not kept here.
                    let content = self.contents.remove(&message.body);
                    assert!(content.is_some() || message.moved.is_some());
                }
                Record::Left(entry) => {
                    self.messages.remove(&entry.message.position).unwrap();
                    self.outbox.insert(entry.number, entry.clone());
                }
                Record::HandedOver(entry) => {
                    self.outbox.remove(&entry.number).unwrap();
                }
                Record::CameBack(entry) => {
                    self.outbox.remove(&entry.number).unwrap();
                    self.messages.insert(entry.message.position, entry.message.clone());
                }
                Record::Lost(entry) => {
                    self.outbox.remove(&entry.number).unwrap();
                    self.contents.remove(&entry.message.body);
                }
                Record::Arrived { from, number, message } => {
                    self.arrived.insert(*from, *number);
                    self.messages.insert(message.position, message.clone());
                }
                Record::MoveTask(task) => task.clone().keep(&mut self.move_tasks),
            }
        }
    }

    pub fn page(&self, from: Position, limit: usize) -> Page {
        let mut following = self.messages.range(from..).map(|(_, message)| message.clone());
        let messages = following.by_ref().take(limit).collect();
        Page { messages, last: following.next().is_none() }
    }

    pub fn answer(&self, need: &Need) -> Supply {
        match *need {
            Need::Page { from, limit } => Supply::Page(self.page(from, limit)),
            Need::Oldest { limit } => Supply::Page(self.page(Position::FIRST, limit)),
            Need::Message(position) => Supply::Message(self.messages.get(&position).cloned()),
            Need::Queue { ref key, .. } => Supply::Queue(self.queues.get(key).copied()),
            Need::AvailableBetween { after, until } => {
                let between = |position: &&Position| {
                    position.available_at > after && position.available_at <= until
                };
                Supply::Count(self.messages.keys().filter(between).count() as u64)
            }
        }
    }

    pub fn snapshot(&self, now: Timestamp, limit: usize) -> Snapshot {
        let in_flight =
            |message: &&StoredMessage| message.receives.is_some_and(|r| r.visible_at > now);
        Snapshot {
            row: self.row.clone(),
            in_flight: self.messages.values().filter(in_flight).cloned().collect(),
            first_page: self.page(Position::FIRST, limit),
            remembered_sends: self.remembered_sends.clone(),
            outbox: self.outbox.values().cloned().collect(),
            arrived: self.arrived.clone(),
            move_tasks: self.move_tasks.clone(),
        }
    }
}

/// One queue, its store and its clock.
pub struct Scene {
    pub queue: Queue,
    pub store: NaiveStore,
    pub now: Timestamp,
    /// How many times the store was read.
    pub reads: usize,
    entry: CatalogEntry,
    limits: QueueLimits,
    next_body: u64,
    received: Vec<(String, ReceiptHandle)>,
}

impl Scene {
    /// A queue with default settings.
    pub fn queue() -> Scene {
        Scene::with(QueueAttributes::default(), QueueLimits::default())
    }

    pub fn with(attributes: QueueAttributes, limits: QueueLimits) -> Scene {
        let snapshot =
            Snapshot { first_page: Page { last: true, ..Page::default() }, ..Snapshot::default() };
        let name = if attributes.fifo.is_some() { "jobs.fifo" } else { "jobs" };
        let entry = entry(name, attributes);
        Scene {
            queue: Queue::restore(&entry, limits, snapshot),
            store: NaiveStore::default(),
            now: START,
            reads: 0,
            entry,
            limits,
            next_body: 1,
            received: Vec::new(),
        }
    }

    pub fn with_window(window: usize) -> Scene {
        let limits = QueueLimits { window, page: window / 2, ..QueueLimits::default() };
        Scene::with(QueueAttributes::default(), limits)
    }

    pub fn apply(&mut self, command: &Command) -> (Reply, Vec<Record>) {
        while let Some(need) = self.queue.needs(self.now, command) {
            self.reads += 1;
            let supply = self.store.answer(&need);
            self.queue.supply(need, supply);
        }
        let (reply, records) = self.queue.apply(self.now, command);
        self.store.append(&records);
        (reply, records)
    }

    /// Builds the queue anew from its store, as after a restart.
    pub fn restart(&mut self) {
        let snapshot = self.store.snapshot(self.now, self.limits.page);
        self.queue = Queue::restore(&self.entry, self.limits, snapshot);
    }

    /// Changes the retention period as the catalog does, and restores the queue with it.
    pub fn set_retention_period(&mut self, period: Duration) {
        let before = self.entry.attributes.message_retention_period;
        if period > before {
            let first_kept = self.now - before + Duration::from_millis(1);
            self.entry.kept_from = self.entry.kept_from.max(first_kept);
        }
        self.entry.attributes.message_retention_period = period;
        self.restart();
    }

    /// Empties the store as a purge does, and restores the queue.
    pub fn purge(&mut self) {
        let row = self.store.row.emptied();
        self.store = NaiveStore { row, ..NaiveStore::default() };
        self.restart();
    }

    /// A message for a FIFO queue.
    pub fn new_message_in(&mut self, group: &str, deduplication_id: &str) -> NewMessage {
        let new = self.new_message("body", None);
        let content = MessageContent {
            group_id: Some(group.to_owned()),
            deduplication_id: Some(deduplication_id.to_owned()),
            ..MessageContent::clone(&new.content)
        };
        NewMessage { content: Arc::new(content), ..new }
    }

    pub fn new_message(&mut self, body: &str, delay: Option<Duration>) -> NewMessage {
        let content = MessageContent {
            message_id: u128::from(self.next_body).to_be_bytes(),
            body: body.to_owned(),
            body_md5: message::md5(body.as_bytes()),
            attributes: MessageAttributes::default(),
            trace_header: None,
            group_id: None,
            deduplication_id: None,
            sender_id: "000000000000".to_owned(),
        };
        self.next_body += 1;
        NewMessage { content: Arc::new(content), body: BodyId(self.next_body), delay }
    }

    pub fn send(&mut self, body: &str) {
        self.send_delayed(body, None);
    }

    pub fn send_delayed(&mut self, body: &str, delay: Option<Duration>) {
        let message = self.new_message(body, delay);
        assert!(matches!(self.apply(&Command::Send(vec![message])).0, Reply::Sent(_)));
    }

    /// Receives up to ten messages and tells their bodies.
    pub fn receive(&mut self) -> Vec<String> {
        self.receive_with(10, None)
    }

    pub fn receive_with(
        &mut self,
        max: usize,
        visibility_timeout: Option<Duration>,
    ) -> Vec<String> {
        let messages = self.receive_messages(max, visibility_timeout);
        messages.into_iter().map(|(body, _)| body).collect()
    }

    pub fn receive_messages(
        &mut self,
        max: usize,
        visibility_timeout: Option<Duration>,
    ) -> Vec<(String, ReceivedMessage)> {
        let (reply, _) = self.apply(&Command::Receive { max, visibility_timeout, attempt: None });
        let Reply::Received(messages) = reply else { panic!("{reply:?}") };
        let with_body = |received: ReceivedMessage| {
            (self.store.contents[&received.message.body].body.clone(), received)
        };
        let messages: Vec<_> = messages.into_iter().map(with_body).collect();
        for (body, received) in &messages {
            let handle = ReceiptHandle {
                position: received.message.position,
                receive_count: received.receives.count,
            };
            self.received.push((body.clone(), handle));
        }
        messages
    }

    /// The latest receipt handle of the message with that body.
    pub fn handle(&self, body: &str) -> ReceiptHandle {
        let of_body = |(other, _): &&(String, ReceiptHandle)| other == body;
        self.received.iter().rev().find(of_body).expect("it was received").1
    }

    pub fn delete(&mut self, body: &str) {
        let handle = self.handle(body);
        assert_eq!(self.apply(&Command::Delete(vec![handle])).0, Reply::Deleted(vec![Ok(())]));
    }

    pub fn change_visibility(
        &mut self,
        body: &str,
        timeout: Duration,
    ) -> Result<(), VisibilityRefusal> {
        let changes = vec![(self.handle(body), timeout)];
        let (reply, _) = self.apply(&Command::ChangeVisibility(changes));
        let Reply::VisibilityChanged(outcomes) = reply else { panic!("{reply:?}") };
        outcomes[0]
    }

    /// Visible, in flight, delayed.
    pub fn counters(&mut self) -> (u64, u64, u64) {
        let (reply, _) = self.apply(&Command::Count);
        let Reply::Counted(Counters { visible, in_flight, delayed }) = reply else {
            panic!("{reply:?}")
        };
        (visible, in_flight, delayed)
    }

    /// Removes every expired message, and tells how many there were.
    pub fn remove_expired(&mut self) -> usize {
        let mut removed = 0;
        loop {
            let (reply, _) = self.apply(&Command::RemoveExpired);
            let Reply::ExpiredRemoved { count, more } = reply else { panic!("{reply:?}") };
            removed += count;
            if !more {
                return removed;
            }
        }
    }

    pub fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
    }
}
