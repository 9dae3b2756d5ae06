//! The engine equals a naive model, and a restored queue answers like the live one.
//!
//! Random histories of commands run against three things side by side: a queue that lives
//! throughout, a queue that is rebuilt from the store at random moments, and a model so simple that
//! it is plainly right. All three must agree on every reply. How often each command, record and
//! branch occurred is counted and printed; none may be missing.

mod scene;

use std::time::Duration;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::queue::{
    Command, Counters, Need, Position, Queue, QueueLimits, Record, Reply, StoredMessage,
    VisibilityRefusal,
};
use formiga_engine::receipt::ReceiptHandle;
use formiga_engine::time::Timestamp;
use proptest::prelude::*;
use scene::{NaiveStore, START, Scene, Tally, millis, secs};

/// One step of a history. Handles are chosen among those issued so far.
#[derive(Clone, Debug)]
enum Step {
    Send(Vec<Option<u64>>),
    Receive { max: usize, timeout: Option<u64> },
    Delete(Vec<usize>),
    ChangeVisibility(Vec<(usize, u64)>),
    Count,
    RemoveExpired,
    Advance(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let delay = prop_oneof![4 => Just(None), 1 => (0..=3u64).prop_map(Some), 1 => Just(Some(900))];
    let timeout = prop_oneof![
        3 => Just(None),
        2 => Just(Some(0)),
        3 => (1..=20u64).prop_map(Some),
        1 => Just(Some(43_200))
    ];
    let change = prop_oneof![2 => Just(0), 4 => 1..=20u64, 1 => Just(43_200u64)];
    let pause = prop_oneof![
        3 => 0..=3u64,
        4 => 1..=3_000u64,
        2 => 3_000..=20_000u64,
        1 => 20_000..=70_000u64
    ];
    prop_oneof![
        6 => prop::collection::vec(delay, 1..=10).prop_map(Step::Send),
        6 => (1..=10usize, timeout).prop_map(|(max, timeout)| Step::Receive { max, timeout }),
        3 => prop::collection::vec(any::<usize>(), 1..=4).prop_map(Step::Delete),
        3 => prop::collection::vec((any::<usize>(), change), 1..=4).prop_map(Step::ChangeVisibility),
        2 => Just(Step::Count),
        1 => Just(Step::RemoveExpired),
        5 => pause.prop_map(Step::Advance),
        1 => Just(Step::Restart),
    ]
}

#[derive(Clone, Debug)]
struct Settings {
    window: usize,
    in_flight_max: usize,
    delay: u64,
    retention: u64,
    visibility: u64,
}

fn settings() -> impl Strategy<Value = Settings> {
    let windows = prop_oneof![Just(16usize), Just(24), Just(4096)];
    let retentions = prop_oneof![Just(60u64), Just(120), Just(345_600)];
    let delays = prop_oneof![4 => Just(0u64), 1 => Just(2)];
    let in_flight_max = prop_oneof![1..=4usize, 3..60usize];
    (windows, in_flight_max, delays, retentions, 0..=30u64).prop_map(
        |(window, in_flight_max, delay, retention, visibility)| Settings {
            window,
            in_flight_max,
            delay,
            retention,
            visibility,
        },
    )
}

/// What the queue should do, written with no regard for cost.
struct Model {
    settings: Settings,
    messages: Vec<ModelMessage>,
}

#[derive(Clone, Debug)]
struct ModelMessage {
    position: Position,
    sent_at: Timestamp,
    received: Option<(u32, Timestamp, Timestamp)>,
    visible_at: Timestamp,
}

impl Model {
    fn is_expired(&self, now: Timestamp, message: &ModelMessage) -> bool {
        now >= message.sent_at + secs(self.settings.retention)
    }

    fn in_flight(&self, now: Timestamp) -> usize {
        let in_flight = |m: &&ModelMessage| m.received.is_some() && m.visible_at > now;
        self.messages.iter().filter(in_flight).count()
    }

    fn receive(
        &mut self,
        now: Timestamp,
        max: usize,
        timeout: Option<u64>,
    ) -> Option<Vec<(Position, u32)>> {
        let room = self.settings.in_flight_max.saturating_sub(self.in_flight(now));
        if room == 0 {
            return None;
        }
        let timeout = secs(timeout.unwrap_or(self.settings.visibility));
        let mut visible: Vec<Position> = self
            .messages
            .iter()
            .filter(|m| m.visible_at <= now && !self.is_expired(now, m))
            .map(|m| m.position)
            .collect();
        visible.sort();
        visible.truncate(max.min(room));
        let receive = |position: Position| {
            let message = self.messages.iter_mut().find(|m| m.position == position).unwrap();
            let (count, first) =
                message.received.map_or((0, now), |(count, first, _)| (count, first));
            message.received = Some((count + 1, first, now));
            message.visible_at = now + timeout;
            (position, count + 1)
        };
        Some(visible.into_iter().map(receive).collect())
    }

    /// What is expired is the retention period's to remove.
    fn delete(&mut self, now: Timestamp, position: Position) {
        let retention = secs(self.settings.retention);
        self.messages.retain(|m| m.position != position || now >= m.sent_at + retention);
    }

    fn change(
        &mut self,
        now: Timestamp,
        position: Position,
        timeout: Duration,
    ) -> Result<Timestamp, VisibilityRefusal> {
        let found = self.messages.iter().find(|m| m.position == position);
        let message = found
            .filter(|m| !self.is_expired(now, m))
            .ok_or(VisibilityRefusal::MessageDoesNotExist)?;
        let (_, _, last) = message.received.expect("handles come from receives");
        if now + timeout > last + secs(43_200) {
            return Err(VisibilityRefusal::BeyondTotalMax);
        }
        Ok(now + timeout)
    }

    fn count(&self, now: Timestamp) -> Counters {
        let in_flight = self.in_flight(now) as u64;
        let delayed = self.messages.iter().filter(|m| m.position.available_at > now).count() as u64;
        Counters { visible: self.messages.len() as u64 - in_flight - delayed, in_flight, delayed }
    }
}

/// Everything that must occur in a run.
const BRANCHES: [&str; 31] = [
    "command: Send",
    "command: Receive",
    "command: Delete",
    "command: ChangeVisibility",
    "command: Count",
    "command: RemoveExpired",
    "record: Sent",
    "record: Received",
    "record: VisibilityChanged",
    "record: Deleted",
    "record: Expired",
    "need: Page",
    "need: Oldest",
    "need: Message",
    "need: AvailableBetween",
    "sent with a delay",
    "received something",
    "received nothing",
    "received again",
    "received fewer than asked for",
    "over the in-flight limit",
    "deleted a stored message",
    "deleted what was gone",
    "deleted by an older handle",
    "visibility changed in flight",
    "visibility changed while visible",
    "visibility changed to 0",
    "visibility: message does not exist",
    "visibility: beyond the total",
    "counted delayed messages",
    "restarted",
];

struct Run<'a> {
    live: Queue,
    restored: Queue,
    entry: CatalogEntry,
    limits: QueueLimits,
    store: NaiveStore,
    model: Model,
    now: Timestamp,
    scene: Scene,
    handles: Vec<(Position, u32)>,
    tally: &'a Tally,
}

impl Run<'_> {
    fn new(settings: Settings, tally: &Tally) -> Run<'_> {
        let attributes = QueueAttributes {
            delay: secs(settings.delay),
            message_retention_period: secs(settings.retention),
            visibility_timeout: secs(settings.visibility),
            ..QueueAttributes::default()
        };
        let limits = QueueLimits {
            window: settings.window,
            page: settings.window / 2,
            in_flight_max: settings.in_flight_max,
            ..QueueLimits::default()
        };
        let entry = scene::entry("jobs", attributes);
        let store = NaiveStore::default();
        let restore = || Queue::restore(&entry, limits, store.snapshot(START, limits.page));
        Run {
            live: restore(),
            restored: restore(),
            entry: entry.clone(),
            limits,
            store,
            model: Model { settings, messages: Vec::new() },
            now: START,
            scene: Scene::queue(),
            handles: Vec::new(),
            tally,
        }
    }

    fn count(&self, what: &'static str) {
        self.tally.count(what);
    }

    /// Applies a command to both queues, which must answer alike.
    fn apply(&mut self, command: &Command) -> (Reply, Vec<Record>) {
        let now = self.now;
        let store = &self.store;
        let tally = self.tally;
        let apply = |queue: &mut Queue| {
            while let Some(need) = queue.needs(now, command) {
                tally.count(match need {
                    Need::Page { .. } => "need: Page",
                    Need::Oldest { .. } => "need: Oldest",
                    Need::Message(_) => "need: Message",
                    Need::AvailableBetween { .. } => "need: AvailableBetween",
                    Need::Queue { .. } => unreachable!("there is no dead-letter queue"),
                });
                let supply = store.answer(&need);
                queue.supply(need, supply);
            }
            queue.apply(now, command)
        };
        let live = apply(&mut self.live);
        let restored = apply(&mut self.restored);
        assert_eq!(live, restored, "live and restored answer {command:?} differently");
        self.store.append(&live.1);
        assert_eq!(*self.live.row(), self.store.row);
        for record in &live.1 {
            self.count(match record {
                Record::Sent { .. } => "record: Sent",
                Record::Received { .. } => "record: Received",
                Record::VisibilityChanged { .. } => "record: VisibilityChanged",
                Record::Deleted { .. } => "record: Deleted",
                Record::Expired { .. } => "record: Expired",
                record => panic!("{record:?}"),
            });
        }
        live
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(delays) => self.send(&delays),
            Step::Receive { max, timeout } => self.receive(max, timeout),
            Step::Delete(choices) => self.delete(&choices),
            Step::ChangeVisibility(choices) => self.change_visibility(&choices),
            Step::Count => self.check_counters(),
            Step::RemoveExpired => self.remove_expired(),
            Step::Advance(by) => self.now = self.now + millis(by),
            Step::Restart => {
                self.count("restarted");
                let snapshot = self.store.snapshot(self.now, self.limits.page);
                self.restored = Queue::restore(&self.entry, self.limits, snapshot);
            }
        }
    }

    fn send(&mut self, delays: &[Option<u64>]) {
        self.count("command: Send");
        let messages =
            delays.iter().map(|delay| self.scene.new_message("body", delay.map(secs))).collect();
        let (reply, records) = self.apply(&Command::Send(messages));
        assert!(matches!(reply, Reply::Sent(sent) if sent.len() == delays.len()));
        assert_eq!(records.len(), delays.len());
        for (record, delay) in records.iter().zip(delays) {
            let Record::Sent { message: StoredMessage { position, sent_at, .. }, .. } = record
            else {
                panic!("{record:?}")
            };
            let delay = secs(delay.unwrap_or(self.model.settings.delay));
            if !delay.is_zero() {
                self.count("sent with a delay");
            }
            assert_eq!(*sent_at, self.now);
            assert_eq!(position.available_at, self.now + delay);
            self.model.messages.push(ModelMessage {
                position: *position,
                sent_at: self.now,
                received: None,
                visible_at: position.available_at,
            });
        }
    }

    fn receive(&mut self, max: usize, timeout: Option<u64>) {
        self.count("command: Receive");
        let command =
            Command::Receive { max, visibility_timeout: timeout.map(secs), attempt: None };
        let (reply, _) = self.apply(&command);
        match (reply, self.model.receive(self.now, max, timeout)) {
            (Reply::OverInFlightLimit, None) => self.count("over the in-flight limit"),
            (Reply::Received(messages), Some(expected)) => {
                let received: Vec<_> =
                    messages.iter().map(|m| (m.message.position, m.receives.count)).collect();
                assert_eq!(received, expected);
                self.count(if received.is_empty() {
                    "received nothing"
                } else {
                    "received something"
                });
                if !received.is_empty() && received.len() < max {
                    self.count("received fewer than asked for");
                }
                if received.iter().any(|(_, count)| *count > 1) {
                    self.count("received again");
                }
                self.handles.extend(received);
                assert!(self.model.in_flight(self.now) <= self.model.settings.in_flight_max);
            }
            (reply, expected) => panic!("{reply:?} instead of {expected:?}"),
        }
    }

    fn choose(&self, choice: usize) -> Option<(Position, u32)> {
        // Mostly recent handles, which are more likely to name something.
        let recent = self.handles.len().min(40);
        let from = if choice.is_multiple_of(4) { 0 } else { self.handles.len() - recent };
        let choices = &self.handles[from..];
        (!choices.is_empty()).then(|| choices[choice / 4 % choices.len()])
    }

    fn delete(&mut self, choices: &[usize]) {
        let chosen: Vec<_> = choices.iter().filter_map(|choice| self.choose(*choice)).collect();
        self.count("command: Delete");
        for (position, count) in &chosen {
            let stored = self.model.messages.iter().find(|m| m.position == *position);
            let older =
                stored.is_some_and(|m| m.received.is_some_and(|(latest, ..)| latest > *count));
            self.count(if stored.is_some() {
                "deleted a stored message"
            } else {
                "deleted what was gone"
            });
            if older {
                self.count("deleted by an older handle");
            }
        }
        let handles = chosen.iter().copied().map(handle).collect();
        let deleted = Reply::Deleted(vec![Ok(()); chosen.len()]);
        assert_eq!(self.apply(&Command::Delete(handles)).0, deleted);
        chosen.into_iter().for_each(|(position, _)| self.model.delete(self.now, position));
    }

    fn change_visibility(&mut self, choices: &[(usize, u64)]) {
        let choose = |(choice, timeout): &(usize, u64)| {
            self.choose(*choice).map(|chosen| (chosen, secs(*timeout)))
        };
        let mut changes: Vec<_> = choices.iter().filter_map(choose).collect();
        // Twice the same message in a batch depends on an order that nobody promises.
        changes.sort();
        changes.dedup_by_key(|((position, _), _)| *position);
        self.count("command: ChangeVisibility");
        let with_handles = changes.iter().map(|(chosen, timeout)| (handle(*chosen), *timeout));
        let (reply, _) = self.apply(&Command::ChangeVisibility(with_handles.collect()));
        let Reply::VisibilityChanged(outcomes) = reply else { panic!("{reply:?}") };
        let mut accepted = Vec::new();
        for (((position, _), timeout), outcome) in changes.into_iter().zip(outcomes) {
            let expected = self.model.change(self.now, position, timeout).map(|visible_at| {
                let message = self.model.messages.iter().find(|m| m.position == position).unwrap();
                (message.visible_at <= self.now, visible_at)
            });
            assert_eq!(outcome, expected.map(|_| ()));
            self.count(match expected {
                Ok((false, _)) => "visibility changed in flight",
                Ok((true, _)) => "visibility changed while visible",
                Err(VisibilityRefusal::MessageDoesNotExist) => "visibility: message does not exist",
                Err(VisibilityRefusal::BeyondTotalMax) => "visibility: beyond the total",
                Err(VisibilityRefusal::OverInFlightLimit) => unreachable!("nobody is noisy"),
            });
            if let Ok((_, visible_at)) = expected {
                if timeout.is_zero() {
                    self.count("visibility changed to 0");
                }
                accepted.push((position, visible_at));
            }
        }
        for (position, visible_at) in accepted {
            let message = self.model.messages.iter_mut().find(|m| m.position == position);
            message.unwrap().visible_at = visible_at;
        }
        assert!(self.model.in_flight(self.now) <= self.model.settings.in_flight_max);
    }

    fn check_counters(&mut self) {
        self.count("command: Count");
        let (reply, _) = self.apply(&Command::Count);
        let expected = self.model.count(self.now);
        assert_eq!(reply, Reply::Counted(expected));
        if expected.delayed > 0 {
            self.count("counted delayed messages");
        }
    }

    /// Which of the expired messages are removed is the queue's to choose, but nothing else is.
    fn remove_expired(&mut self) {
        self.count("command: RemoveExpired");
        let (_, records) = self.apply(&Command::RemoveExpired);
        for record in records {
            let Record::Expired { message } = record else { panic!("{record:?}") };
            let at = self.model.messages.iter().position(|m| m.position == message.position);
            let removed = self.model.messages.remove(at.expect("it was stored"));
            assert!(self.model.is_expired(self.now, &removed));
        }
    }
}

fn handle((position, receive_count): (Position, u32)) -> ReceiptHandle {
    ReceiptHandle { position, receive_count }
}

#[test]
fn the_queue_its_restored_twin_and_the_model_answer_alike() {
    scene::try_histories(settings(), step(), &BRANCHES, |settings, history, tally| {
        let mut run = Run::new(settings, tally);
        history.into_iter().for_each(|step| run.step(step));
        run.check_counters();
    });
}
