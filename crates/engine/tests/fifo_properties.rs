//! A FIFO queue equals a naive model, and a restored one answers like the live one.
//!
//! As for standard queues, random histories run against a queue that lives throughout, one that is
//! rebuilt at random moments, and a plain model. Which of several groups comes first is the queue's
//! to choose; everything else the model knows exactly. How often each branch occurred is printed.
//!
//! With a small window, which part of the backlog is at hand decides how much of a group comes at
//! once and which group comes next, and that differs after a restart. Then one queue runs alone, is
//! rebuilt now and then, and must still keep the order and find everything that can be delivered.

mod scene;

use std::collections::{BTreeMap, BTreeSet};

use formiga_engine::attributes::{DeduplicationScope, FifoAttributes, QueueAttributes};
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::queue::{
    AttemptId, Command, Counters, DeleteRefusal, Position, Queue, QueueLimits, ReceivedMessage,
    Record, Reply, SentMessage, VisibilityRefusal,
};
use formiga_engine::receipt::ReceiptHandle;
use formiga_engine::time::Timestamp;
use proptest::prelude::*;
use scene::{NaiveStore, START, Scene, Tally, millis, secs};

#[derive(Clone, Debug)]
enum Step {
    /// Groups and deduplication ids by number; `None` is an id never used before.
    Send(Vec<(u8, Option<u8>)>),
    Receive {
        max: usize,
        timeout: Option<u64>,
        attempt: Option<u8>,
    },
    Delete(Vec<usize>),
    ChangeVisibility(Vec<(usize, u64)>),
    Count,
    RemoveExpired,
    Advance(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let id = prop_oneof![3 => Just(None), 2 => (0..6u8).prop_map(Some)];
    let group = prop_oneof![3 => Just(0u8), 2 => 1..4u8, 1 => 4..40u8];
    let timeout = prop_oneof![
        3 => Just(None),
        2 => Just(Some(0)),
        3 => (1..=20u64).prop_map(Some),
    ];
    let attempt = prop_oneof![4 => Just(None), 1 => (0..2u8).prop_map(Some)];
    let change = prop_oneof![2 => Just(0), 4 => 1..=20u64, 1 => Just(43_200u64)];
    let pause = prop_oneof![
        6 => 0..=3u64,
        4 => 1..=3_000u64,
        2 => 3_000..=20_000u64,
        1 => 20_000..=70_000u64,
    ];
    prop_oneof![
        7 => prop::collection::vec((group, id), 1..=10).prop_map(Step::Send),
        7 => (1..=10usize, timeout, attempt)
            .prop_map(|(max, timeout, attempt)| Step::Receive { max, timeout, attempt }),
        5 => prop::collection::vec(any::<usize>(), 1..=6).prop_map(Step::Delete),
        3 => prop::collection::vec((any::<usize>(), change), 1..=4).prop_map(Step::ChangeVisibility),
        2 => Just(Step::Count),
        1 => Just(Step::RemoveExpired),
        4 => pause.prop_map(Step::Advance),
        1 => Just(Step::Restart),
    ]
}

/// A window that holds every message of a history.
const WIDE: usize = 4096;

#[derive(Clone, Debug)]
struct Settings {
    window: usize,
    in_flight_max: usize,
    delay: u64,
    retention: u64,
    visibility: u64,
    scope: DeduplicationScope,
}

fn settings() -> impl Strategy<Value = Settings> {
    let windows = prop_oneof![1 => Just(16usize), 1 => Just(24), 2 => Just(WIDE)];
    let retentions = prop_oneof![Just(60u64), Just(120), Just(345_600)];
    let delays = prop_oneof![3 => Just(0u64), 1 => Just(2)];
    let in_flight_max = prop_oneof![1 => 1..=4usize, 3 => 20..60usize];
    let scopes =
        prop_oneof![Just(DeduplicationScope::Queue), Just(DeduplicationScope::MessageGroup)];
    (windows, in_flight_max, delays, retentions, 0..=30u64, scopes).prop_map(
        |(window, in_flight_max, delay, retention, visibility, scope)| Settings {
            window,
            in_flight_max,
            delay,
            retention,
            visibility,
            scope,
        },
    )
}

#[derive(Clone, Debug)]
struct ModelMessage {
    position: Position,
    group: u8,
    received: Option<(u32, Timestamp)>,
    visible_at: Timestamp,
}

/// What the queue should do, written with no regard for cost.
struct Model {
    settings: Settings,
    messages: Vec<ModelMessage>,
    /// Sends by their id, within their scope: until when they count, and what was answered.
    sends: BTreeMap<(Option<u8>, u8), (Timestamp, SentMessage)>,
    /// What attempts received, and when first.
    attempts: BTreeMap<u8, (Timestamp, Attempted)>,
}

/// Positions, receive counts, and the ends of the visibility timeouts.
type Attempted = Vec<(Position, u32, Timestamp)>;

impl Model {
    fn is_expired(&self, now: Timestamp, message: &ModelMessage) -> bool {
        now >= message.position.available_at + secs(self.settings.retention)
    }

    fn is_delayed(&self, now: Timestamp, message: &ModelMessage) -> bool {
        message.position.available_at + secs(self.settings.delay) > now
    }

    fn is_in_flight(&self, now: Timestamp, message: &ModelMessage) -> bool {
        message.received.is_some() && message.visible_at > now && !self.is_expired(now, message)
    }

    fn in_flight(&self, now: Timestamp) -> usize {
        self.messages.iter().filter(|m| self.is_in_flight(now, m)).count()
    }

    fn find(&self, now: Timestamp, position: Position) -> Option<&ModelMessage> {
        let found = self.messages.iter().find(|m| m.position == position);
        found.filter(|m| !self.is_expired(now, m))
    }

    fn is_current(&self, now: Timestamp, position: Position, count: u32) -> bool {
        self.find(now, position).is_some_and(|m| {
            self.is_in_flight(now, m) && m.received.is_some_and(|(latest, _)| latest == count)
        })
    }

    /// Of each group, its oldest messages up to the first that is not visible.
    fn deliverable(&self, now: Timestamp) -> BTreeMap<u8, Vec<Position>> {
        let mut groups: BTreeMap<u8, Vec<&ModelMessage>> = BTreeMap::new();
        for message in self.messages.iter().filter(|m| !self.is_expired(now, m)) {
            groups.entry(message.group).or_default().push(message);
        }
        let prefix = |messages: Vec<&ModelMessage>| {
            let visible =
                |m: &&ModelMessage| !self.is_in_flight(now, m) && !self.is_delayed(now, m);
            messages.into_iter().take_while(visible).map(|m| m.position).collect::<Vec<_>>()
        };
        let groups = groups.into_iter().map(|(group, messages)| (group, prefix(messages)));
        groups.filter(|(_, positions)| !positions.is_empty()).collect()
    }

    /// What a repetition of the attempt receives, if it is one.
    fn repeated(&self, now: Timestamp, attempt: u8) -> Option<Vec<(Position, u32)>> {
        let (began, messages) = self.attempts.get(&attempt)?;
        if *began + secs(300) <= now {
            return None;
        }
        let untouched = |(position, count, visible_at): &(Position, u32, Timestamp)| {
            self.is_current(now, *position, *count)
                && self.find(now, *position).is_some_and(|m| m.visible_at == *visible_at)
        };
        let all = messages.iter().all(untouched);
        all.then(|| messages.iter().map(|(position, count, _)| (*position, *count)).collect())
    }
}

/// Everything that must occur in a run.
const BRANCHES: [&str; 26] = [
    "record: Sent",
    "record: Received",
    "record: VisibilityChanged",
    "record: Deleted",
    "record: Expired",
    "need: Page",
    "need: Oldest",
    "need: Message",
    "need: AvailableBetween",
    "sent again: same answer",
    "sent again within one batch",
    "sent the id of another group",
    "received something",
    "received nothing",
    "received of several groups",
    "received again",
    "received again after an attempt",
    "attempt: touched, so a new receive",
    "over the in-flight limit",
    "a group held up by what is in flight",
    "deleted: the handle has expired",
    "deleted what was gone",
    "visibility: not in flight",
    "visibility: beyond the total",
    "counted delayed messages",
    "restarted",
];

struct Run<'a> {
    live: Queue,
    /// None with a small window.
    restored: Option<Queue>,
    entry: CatalogEntry,
    limits: QueueLimits,
    store: NaiveStore,
    model: Model,
    now: Timestamp,
    scene: Scene,
    handles: Vec<(Position, u32)>,
    fresh: u32,
    tally: &'a Tally,
}

impl<'a> Run<'a> {
    fn new(settings: Settings, tally: &'a Tally) -> Run<'a> {
        let attributes = QueueAttributes {
            delay: secs(settings.delay),
            message_retention_period: secs(settings.retention),
            visibility_timeout: secs(settings.visibility),
            fifo: Some(FifoAttributes {
                scope_at_creation: settings.scope,
                ..FifoAttributes::default()
            }),
            ..QueueAttributes::default()
        };
        let limits = QueueLimits {
            window: settings.window,
            page: if settings.window < WIDE { settings.window / 2 } else { WIDE },
            in_flight_max: settings.in_flight_max,
            ..QueueLimits::default()
        };
        let entry = scene::entry("jobs.fifo", attributes);
        let store = NaiveStore::default();
        let restore = || Queue::restore(&entry, limits, store.snapshot(START, limits.page));
        Run {
            live: restore(),
            restored: (settings.window == WIDE).then(restore),
            entry: entry.clone(),
            limits,
            store,
            model: Model {
                settings,
                messages: Vec::new(),
                sends: BTreeMap::new(),
                attempts: BTreeMap::new(),
            },
            now: START,
            scene: Scene::queue(),
            handles: Vec::new(),
            fresh: 0,
            tally,
        }
    }

    fn count(&self, what: &'static str) {
        self.tally.count(what);
    }

    /// Applies a command to both queues, which must answer alike.
    fn apply(&mut self, command: &Command) -> (Reply, Vec<Record>) {
        let (now, store, tally) = (self.now, &self.store, self.tally);
        let apply = |queue: &mut Queue| {
            let mut reads = 0;
            while let Some(need) = queue.needs(now, command) {
                tally.count(scene::name_of(&need));
                let supply = store.answer(&need);
                queue.supply(need, supply);
                reads += 1;
                assert!(reads < 10_000, "{command:?} needs more and more");
            }
            queue.apply(now, command)
        };
        let live = apply(&mut self.live);
        if let Some(restored) = &mut self.restored {
            let restored = apply(restored);
            assert_eq!(live, restored, "live and restored answer {command:?} differently");
        }
        self.store.append(&live.1);
        assert_eq!(*self.live.row(), self.store.row);
        live.1.iter().for_each(|record| self.count(scene::name_of_record(record)));
        live
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(messages) => self.send(&messages),
            Step::Receive { max, timeout, attempt } => self.receive(max, timeout, attempt),
            Step::Delete(choices) => self.delete(&choices),
            Step::ChangeVisibility(choices) => self.change_visibility(&choices),
            Step::Count => self.check_counters(),
            Step::RemoveExpired => self.remove_expired(),
            Step::Advance(by) => self.now = self.now + millis(by),
            Step::Restart => {
                self.count("restarted");
                let snapshot = self.store.snapshot(self.now, self.limits.page);
                let restored = Queue::restore(&self.entry, self.limits, snapshot);
                match &mut self.restored {
                    Some(before) => *before = restored,
                    None => self.live = restored,
                }
                self.live.forget_what_is_not_kept();
                self.model.attempts.clear();
            }
        }
    }

    fn send(&mut self, messages: &[(u8, Option<u8>)]) {
        let mut new = Vec::new();
        for (group, id) in messages {
            let id = id.map(|id| id.to_string()).unwrap_or_else(|| {
                self.fresh += 1;
                format!("fresh-{}", self.fresh)
            });
            new.push(self.scene.new_message_in(&group.to_string(), &id));
        }
        let ids: Vec<_> = new.iter().map(|message| message.content.message_id).collect();
        let (reply, records) = self.apply(&Command::Send(new));
        let Reply::Sent(sent) = reply else { panic!("{reply:?}") };
        assert_eq!(sent.len(), messages.len());
        let mut stored = records.iter();
        let mut in_batch = BTreeSet::new();
        for (((group, id), message_id), sent) in messages.iter().zip(ids).zip(sent) {
            let scope = match self.model.settings.scope {
                DeduplicationScope::Queue => None,
                DeduplicationScope::MessageGroup => Some(*group),
            };
            if let Some(id) = id {
                let known = self.model.sends.get(&(scope, *id));
                if let Some((_, before)) = known.filter(|(until, _)| *until > self.now) {
                    assert_eq!(sent, *before, "a repetition is answered like the first");
                    self.count(if in_batch.contains(&(scope, *id)) {
                        "sent again within one batch"
                    } else {
                        "sent again: same answer"
                    });
                    continue;
                }
                if scope.is_some()
                    && self.model.sends.keys().any(|(other, n)| n == id && *other != scope)
                {
                    self.count("sent the id of another group");
                }
                self.model.sends.insert((scope, *id), (self.now + secs(300), sent));
                in_batch.insert((scope, *id));
            }
            assert_eq!(sent.message_id, message_id);
            let Some(Record::Sent { message, .. }) = stored.next() else { panic!("{records:?}") };
            assert_eq!(message.position.sequence, sent.sequence);
            let last = self.model.messages.last();
            assert!(last.is_none_or(|last| {
                last.position < message.position
                    && last.position.sequence < message.position.sequence
            }));
            self.model.messages.push(ModelMessage {
                position: message.position,
                group: *group,
                received: None,
                visible_at: message.position.available_at,
            });
        }
        assert!(stored.next().is_none());
    }

    fn receive(&mut self, max: usize, timeout: Option<u64>, attempt: Option<u8>) {
        let command = Command::Receive {
            max,
            visibility_timeout: timeout.map(secs),
            attempt: attempt.map(|attempt| AttemptId::of(&attempt.to_string())),
        };
        let room = self.model.settings.in_flight_max.saturating_sub(self.model.in_flight(self.now));
        let repeated = attempt.and_then(|attempt| self.model.repeated(self.now, attempt));
        let timeout = secs(timeout.unwrap_or(self.model.settings.visibility));
        let (reply, _) = self.apply(&command);
        let received = match reply {
            Reply::Received(received) => received,
            Reply::OverInFlightLimit => {
                assert!(room == 0 && repeated.is_none());
                self.count("over the in-flight limit");
                return;
            }
            reply => panic!("{reply:?}"),
        };
        let named: Vec<_> =
            received.iter().map(|m| (m.message.position, m.receives.count)).collect();
        if let Some(repeated) = &repeated {
            assert_eq!(named, *repeated, "the same messages under the same handles");
            self.count("received again after an attempt");
        } else {
            if attempt.is_some_and(|attempt| self.model.attempts.contains_key(&attempt)) {
                self.count("attempt: touched, so a new receive");
            }
            self.check_received(max.min(room), &named);
        }
        for ReceivedMessage { message, receives } in &received {
            assert_eq!(receives.visible_at, self.now + timeout);
            let model = self.model.messages.iter_mut();
            let model = model.into_iter().find(|m| m.position == message.position).unwrap();
            if receives.count > 1 {
                self.tally.count("received again");
            }
            assert_eq!(
                model.received.map_or(1, |(n, _)| if repeated.is_some() { n } else { n + 1 }),
                receives.count
            );
            model.received = Some((receives.count, self.now));
            model.visible_at = receives.visible_at;
        }
        if let Some(attempt) = attempt.filter(|_| !received.is_empty()) {
            let messages = received
                .iter()
                .map(|m| (m.message.position, m.receives.count, m.receives.visible_at));
            let began = match &repeated {
                Some(_) => self.model.attempts[&attempt].0,
                None => self.now,
            };
            self.model.attempts.insert(attempt, (began, messages.collect()));
        }
        self.handles.extend(named);
        assert!(self.model.in_flight(self.now) <= self.model.settings.in_flight_max);
    }

    /// One run of each group, in order, as long as it may be; and as many groups as needed.
    fn check_received(&self, wanted: usize, named: &[(Position, u32)]) {
        let deliverable = self.model.deliverable(self.now);
        let total: usize = deliverable.values().map(Vec::len).sum();
        assert_eq!(named.len(), wanted.min(total), "as many as there are: {deliverable:?}");
        let group_of = |position: Position| {
            self.model.messages.iter().find(|m| m.position == position).unwrap().group
        };
        let mut runs: Vec<(u8, Vec<Position>)> = Vec::new();
        for (position, _) in named {
            let group = group_of(*position);
            match runs.last_mut().filter(|(last, _)| *last == group) {
                Some((_, run)) => run.push(*position),
                None => runs.push((group, vec![*position])),
            }
        }
        for (index, (group, run)) in runs.iter().enumerate() {
            let expected = deliverable.get(group).expect("the group can be served");
            let last = index + 1 == runs.len() && named.len() == wanted;
            let cut = last || (self.restored.is_none() && run.len() < expected.len());
            let expected = if cut { &expected[..run.len()] } else { &expected[..] };
            assert_eq!(run, expected, "group {group} in order");
        }
        let distinct: BTreeSet<_> = runs.iter().map(|(group, _)| group).collect();
        assert_eq!(distinct.len(), runs.len(), "each group in one run");
        self.count(if named.is_empty() { "received nothing" } else { "received something" });
        if runs.len() > 1 {
            self.count("received of several groups");
        }
        let alive = self.model.messages.iter().filter(|m| !self.model.is_expired(self.now, m));
        let groups: BTreeSet<_> = alive.map(|m| m.group).collect();
        if groups.iter().any(|group| !deliverable.contains_key(group)) {
            self.count("a group held up by what is in flight");
        }
    }

    fn choose(&self, choice: usize) -> Option<(Position, u32)> {
        let recent = self.handles.len().min(12);
        let from = if choice.is_multiple_of(6) { 0 } else { self.handles.len() - recent };
        let choices = &self.handles[from..];
        (!choices.is_empty()).then(|| choices[choice / 6 % choices.len()])
    }

    fn delete(&mut self, choices: &[usize]) {
        let chosen: Vec<_> = choices.iter().filter_map(|choice| self.choose(*choice)).collect();
        let handles = chosen.iter().copied().map(handle).collect();
        let (reply, _) = self.apply(&Command::Delete(handles));
        let Reply::Deleted(outcomes) = reply else { panic!("{reply:?}") };
        let now = self.now;
        let expected: Vec<_> = chosen
            .iter()
            .map(|(position, count)| match self.model.find(now, *position) {
                None => {
                    self.count("deleted what was gone");
                    Ok(())
                }
                Some(_) if self.model.is_current(now, *position, *count) => Ok(()),
                Some(_) => {
                    self.count("deleted: the handle has expired");
                    Err(DeleteRefusal::ReceiptHandleHasExpired)
                }
            })
            .collect();
        assert_eq!(outcomes, expected);
        let gone: BTreeSet<Position> = chosen
            .iter()
            .filter(|(position, count)| self.model.is_current(now, *position, *count))
            .map(|(position, _)| *position)
            .collect();
        self.model.messages.retain(|m| !gone.contains(&m.position));
    }

    fn change_visibility(&mut self, choices: &[(usize, u64)]) {
        let mut changes: Vec<_> = choices
            .iter()
            .filter_map(|(choice, timeout)| Some((self.choose(*choice)?, *timeout)))
            .collect();
        changes.sort();
        changes.dedup_by_key(|((position, _), _)| *position);
        let with_handles =
            changes.iter().map(|(chosen, timeout)| (handle(*chosen), secs(*timeout))).collect();
        let (reply, _) = self.apply(&Command::ChangeVisibility(with_handles));
        let Reply::VisibilityChanged(outcomes) = reply else { panic!("{reply:?}") };
        for (((position, count), timeout), outcome) in changes.into_iter().zip(outcomes) {
            let now = self.now;
            let current = self.model.is_current(now, position, count);
            let message = self.model.messages.iter_mut().find(|m| m.position == position);
            let expected = match message.filter(|_| current) {
                None => Err(VisibilityRefusal::MessageDoesNotExist),
                Some(message) => {
                    let (_, last) = message.received.unwrap();
                    if now + secs(timeout) > last + secs(43_200) {
                        Err(VisibilityRefusal::BeyondTotalMax)
                    } else {
                        message.visible_at = now + secs(timeout);
                        Ok(())
                    }
                }
            };
            assert_eq!(outcome, expected);
            match expected {
                Err(VisibilityRefusal::MessageDoesNotExist) => {
                    self.count("visibility: not in flight");
                }
                Err(VisibilityRefusal::BeyondTotalMax) => {
                    self.count("visibility: beyond the total");
                }
                Err(VisibilityRefusal::OverInFlightLimit) => unreachable!("it is in flight"),
                Ok(()) => {}
            }
        }
    }

    fn check_counters(&mut self) {
        let (reply, _) = self.apply(&Command::Count);
        let (model, now) = (&self.model, self.now);
        let in_flight = model.in_flight(now) as u64;
        let delayed = model.messages.iter().filter(|m| !model.is_in_flight(now, m));
        let delayed = delayed.filter(|m| model.is_delayed(now, m)).count() as u64;
        let visible = model.messages.len() as u64 - in_flight - delayed;
        assert_eq!(reply, Reply::Counted(Counters { visible, in_flight, delayed }));
        if delayed > 0 {
            self.count("counted delayed messages");
        }
    }

    fn remove_expired(&mut self) {
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
fn a_fifo_queue_its_restored_twin_and_the_model_answer_alike() {
    scene::try_histories(settings(), step(), &BRANCHES, |settings, history, tally| {
        let mut run = Run::new(settings, tally);
        history.into_iter().for_each(|step| run.step(step));
        run.check_counters();
    });
}
