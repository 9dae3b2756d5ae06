//! Whatever fails between two queues, a message is in exactly one of them.
//!
//! Random histories run on a queue, its dead-letter queue, and whoever carries messages between
//! them - who may carry them twice, forget what he did, find the target gone, or be interrupted by a
//! restart or a purge. After every step each message that was sent and not deleted is in one place,
//! and each queue answers like its restored twin.

mod scene;

use std::collections::{BTreeMap, BTreeSet};

use formiga_engine::attributes::{FifoAttributes, QueueAttributes};
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::names::{QueueId, QueueKey};
use formiga_engine::queue::{
    BodyId, Command, Handover, MoveTaskStatus, Need, Queue, QueueLimits, Record, Reply, Supply,
};
use formiga_engine::receipt::ReceiptHandle;
use formiga_engine::redrive::RedrivePolicy;
use formiga_engine::time::Timestamp;
use proptest::prelude::*;
use scene::{NaiveStore, START, Scene, Tally, millis, secs};

/// The two queues, by index.
const SOURCE: usize = 0;
const FAILED: usize = 1;

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(u8),
    Receive {
        of: usize,
        max: usize,
        timeout: u64,
    },
    Delete(usize),
    Carry {
        of: usize,
        how: How,
    },
    StartTask {
        rate: Option<u32>,
        elsewhere: bool,
    },
    Move,
    CancelTask,
    Advance(u64),
    Restart(usize),
    Purge(usize),
    /// The dead-letter queue disappears, or is there again.
    Toggle,
}

/// How the carrier does his work.
#[derive(Clone, Copy, Debug)]
enum How {
    Well,
    Twice,
    /// The target has the messages, but nobody learns of it.
    Forgets,
    FindsNoTarget,
}

fn step() -> impl Strategy<Value = Step> {
    let queue = prop_oneof![3 => Just(SOURCE), 1 => Just(FAILED)];
    let timeout = prop_oneof![4 => Just(0u64), 2 => 1..20u64];
    let how = prop_oneof![
        4 => Just(How::Well),
        2 => Just(How::Twice),
        2 => Just(How::Forgets),
        1 => Just(How::FindsNoTarget),
    ];
    prop_oneof![
        6 => (0..4u8).prop_map(Step::Send),
        12 => (queue.clone(), 1..=10usize, timeout)
            .prop_map(|(of, max, timeout)| Step::Receive { of, max, timeout }),
        3 => any::<usize>().prop_map(Step::Delete),
        10 => (queue.clone(), how).prop_map(|(of, how)| Step::Carry { of, how }),
        3 => (prop::option::of(1..20u32), any::<bool>())
            .prop_map(|(rate, elsewhere)| Step::StartTask { rate, elsewhere }),
        6 => Just(Step::Move),
        1 => Just(Step::CancelTask),
        4 => (1..5_000u64).prop_map(Step::Advance),
        3 => (0..2usize).prop_map(Step::Restart),
        1 => (0..2usize).prop_map(Step::Purge),
        1 => Just(Step::Toggle),
    ]
}

/// Everything that must occur in a run.
const BRANCHES: [&str; 22] = [
    "record: Sent",
    "record: Received",
    "record: Deleted",
    "record: Left",
    "record: HandedOver",
    "record: CameBack",
    "record: Lost",
    "record: Arrived",
    "record: MoveTask",
    "need: Page",
    "need: Queue",
    "a dead letter left",
    "a redriven message left",
    "arrived twice, stored once",
    "purged with messages on their way",
    "restarted with messages on their way",
    "restarted with a task running",
    "no dead-letter queue: received all the same",
    "task: completed",
    "task: cancelled",
    "task: failed",
    "task: refused, one is running",
];

struct Side {
    entry: CatalogEntry,
    live: Queue,
    restored: Queue,
    store: NaiveStore,
}

struct Run<'a> {
    sides: [Side; 2],
    limits: QueueLimits,
    now: Timestamp,
    scene: Scene,
    fifo: bool,
    /// Messages that were sent and neither deleted nor purged.
    alive: BTreeSet<BodyId>,
    handles: Vec<(usize, ReceiptHandle)>,
    next_task: u8,
    failed_exists: bool,
    tally: &'a Tally,
}

fn id(side: usize) -> QueueId {
    QueueId(10 + side as u64)
}

impl<'a> Run<'a> {
    fn new(fifo: bool, max: u32, tally: &'a Tally) -> Run<'a> {
        let limits = QueueLimits { outbox_max: 12, window: 32, page: 16, ..QueueLimits::default() };
        let name = |side: usize| {
            let name = ["jobs", "failed"][side];
            if fifo { format!("{name}.fifo") } else { name.to_owned() }
        };
        let target = scene::key(&name(FAILED));
        let side = |side: usize| {
            let redrive_policy = (side == SOURCE).then(|| RedrivePolicy {
                dead_letter_target_arn: target.arn().to_string(),
                target: target.clone(),
                max_receive_count: max,
            });
            let fifo = fifo.then(FifoAttributes::default);
            let attributes = QueueAttributes { redrive_policy, fifo, ..QueueAttributes::default() };
            let entry = CatalogEntry { id: id(side), ..scene::entry(&name(side), attributes) };
            let store = NaiveStore::default();
            let restore = || Queue::restore(&entry, limits, store.snapshot(START, limits.page));
            let (live, restored) = (restore(), restore());
            Side { entry, live, restored, store }
        };
        Run {
            sides: [side(SOURCE), side(FAILED)],
            limits,
            now: START,
            scene: Scene::queue(),
            fifo,
            alive: BTreeSet::new(),
            handles: Vec::new(),
            next_task: 0,
            failed_exists: true,
            tally,
        }
    }

    fn count(&self, what: &'static str) {
        self.tally.count(what);
    }

    fn apply(&mut self, of: usize, command: &Command) -> (Reply, Vec<Record>) {
        let known: BTreeMap<QueueKey, QueueId> = (0..2)
            .filter(|side| *side != FAILED || self.failed_exists)
            .map(|side| (self.sides[side].entry.key.clone(), id(side)))
            .collect();
        let (now, tally) = (self.now, self.tally);
        let Side { entry, live, restored, store } = &mut self.sides[of];
        let apply = |queue: &mut Queue| {
            let mut reads = 0;
            while let Some(need) = queue.needs(now, command) {
                tally.count(scene::name_of(&need));
                let supply = match &need {
                    Need::Queue { key, .. } => Supply::Queue(known.get(key).copied()),
                    need => store.answer(need),
                };
                queue.supply(need, supply);
                reads += 1;
                assert!(reads < 10_000, "{command:?} needs more and more");
            }
            queue.apply(now, command)
        };
        let (reply, records) = apply(live);
        // With a small window, which group comes next may differ after a restart.
        let answer = (!self.fifo).then(|| apply(restored));
        store.append(&records);
        let too_many_leave = store.outbox.len() >= self.limits.outbox_max;
        match answer {
            // A window full of dead letters that cannot leave yet gives what else is in it, and
            // after a restart it may hold a little more or less.
            Some((Reply::Received(many), _))
                if too_many_leave
                    && matches!(&reply, Reply::Received(few) if few.len() != many.len()) =>
            {
                let Reply::Received(few) = &reply else { unreachable!("it was looked at") };
                assert!(few.starts_with(&many) || many.starts_with(few), "{command:?}");
                let snapshot = store.snapshot(now, self.limits.page);
                *restored = Queue::restore(entry, self.limits, snapshot);
                live.forget_what_is_not_kept();
            }
            Some(answer) => assert_eq!((&reply, &records), (&answer.0, &answer.1), "{command:?}"),
            None => {}
        }
        assert_eq!(*live.row(), store.row);
        records.iter().for_each(|record| self.count(scene::name_of_record(record)));
        (reply, records)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send(group) => self.send(group),
            Step::Receive { of, max, timeout } => self.receive(of, max, timeout),
            Step::Delete(choice) => self.delete(choice),
            Step::Carry { of, how } => self.carry(of, how),
            Step::StartTask { rate, elsewhere } => self.start_task(rate, elsewhere),
            Step::Move => self.move_some(),
            Step::CancelTask => self.cancel(),
            Step::Advance(by) => self.now = self.now + millis(by),
            Step::Restart(of) => self.restart(of),
            Step::Purge(of) => self.purge(of),
            Step::Toggle => self.toggle(),
        }
        self.check();
    }

    fn send(&mut self, group: u8) {
        let unique = format!("{}", self.alive.len() * 1000 + self.handles.len());
        let mut message = self.scene.new_message("body", None);
        if self.fifo {
            let id = format!("{unique}-{}", message.body.0);
            message = self.scene.new_message_in(&group.to_string(), &id);
        }
        self.alive.insert(message.body);
        let (reply, _) = self.apply(SOURCE, &Command::Send(vec![message]));
        assert!(matches!(reply, Reply::Sent(sent) if sent.len() == 1));
    }

    fn receive(&mut self, of: usize, max: usize, timeout: u64) {
        let before = self.sides[of].store.clone();
        let timeout = Some(secs(timeout));
        let command = Command::Receive { max, visibility_timeout: timeout, attempt: None };
        let (reply, records) = self.apply(of, &command);
        let limit = self.sides[of].entry.attributes.redrive_policy.as_ref();
        let limit = limit.map(|policy| policy.max_receive_count);
        for record in &records {
            if let Record::Left(entry) = record {
                self.count("a dead letter left");
                let stored = &before.messages[&entry.message.position];
                assert!(stored.receives.is_some_and(|r| Some(r.count) >= limit));
                assert_eq!(entry.moved.receive_count, stored.receive_count());
            }
        }
        let Reply::Received(received) = reply else { panic!("{reply:?}") };
        for received in received {
            if limit.is_some_and(|limit| received.receives.count > limit) {
                assert!(!self.failed_exists, "it should have left");
                self.count("no dead-letter queue: received all the same");
            }
            let position = received.message.position;
            let receive_count = received.receives.count;
            self.handles.push((of, ReceiptHandle { position, receive_count }));
        }
    }

    fn delete(&mut self, choice: usize) {
        let recent = self.handles.len().min(10);
        let recent = &self.handles[self.handles.len() - recent..];
        if recent.is_empty() {
            return;
        }
        let (of, handle) = recent[choice % recent.len()];
        let (_, records) = self.apply(of, &Command::Delete(vec![handle]));
        for record in records {
            let Record::Deleted { message } = record else { panic!("{record:?}") };
            assert!(self.alive.remove(&message.body), "a message is deleted once");
        }
    }

    fn carry(&mut self, of: usize, how: How) {
        let (reply, _) = self.apply(of, &Command::Outbox);
        let Reply::Outbox(entries) = reply else { panic!("{reply:?}") };
        let Some(to) = entries.first().map(|entry| entry.to) else { return };
        let entries: Vec<_> = entries.into_iter().take_while(|entry| entry.to == to).collect();
        let last = entries.last().unwrap().number;
        let target = usize::try_from(to.0 - 10).unwrap();
        let no_target =
            matches!(how, How::FindsNoTarget) || (target == FAILED && !self.failed_exists);
        // Who finds the target gone knows that nothing arrived: the target took it along.
        let arrived = self.sides[target].store.arrived.get(&id(of)).copied();
        let handover = if no_target && arrived.is_none_or(|number| number < entries[0].number) {
            Handover::NoTarget
        } else {
            let times = if matches!(how, How::Twice) { 2 } else { 1 };
            for _ in 0..times {
                let command = Command::TakeIn { from: id(of), entries: entries.clone() };
                let (_, records) = self.apply(target, &command);
                if records.is_empty() {
                    self.count("arrived twice, stored once");
                }
            }
            Handover::Arrived
        };
        if !matches!(how, How::Forgets) || handover == Handover::NoTarget {
            let command = Command::HandedOver { to, number: last, handover };
            let (_, records) = self.apply(of, &command);
            for record in records {
                if let Record::Lost(entry) = record {
                    assert!(self.alive.remove(&entry.message.body), "it was purged");
                }
            }
        }
    }

    fn start_task(&mut self, rate: Option<u32>, elsewhere: bool) {
        self.next_task = self.next_task.wrapping_add(1);
        let gone = self.next_task.is_multiple_of(5);
        let elsewhere = elsewhere.then(|| self.sides[SOURCE].entry.key.clone());
        let destination = if gone { Some(scene::key("gone")) } else { elsewhere };
        let command = Command::StartMoveTask { id: [self.next_task; 16], destination, rate };
        let (reply, _) = self.apply(FAILED, &command);
        if matches!(reply, Reply::MoveTask(Err(_))) {
            self.count("task: refused, one is running");
        }
    }

    fn move_some(&mut self) {
        let (_, records) = self.apply(FAILED, &Command::Move);
        for record in records {
            match record {
                Record::Left(entry) => {
                    self.count("a redriven message left");
                    assert!(entry.as_new && entry.to == id(SOURCE));
                    assert_ne!(entry.moved.message_id, None);
                }
                Record::MoveTask(task) => match task.status {
                    MoveTaskStatus::Completed => self.count("task: completed"),
                    MoveTaskStatus::Failed(_) => self.count("task: failed"),
                    _ => assert!(task.moved <= task.to_move),
                },
                record => panic!("{record:?}"),
            }
        }
    }

    fn cancel(&mut self) {
        let command = Command::CancelMoveTask([self.next_task; 16]);
        if let (Reply::MoveTask(Ok(_)), _) = self.apply(FAILED, &command) {
            self.count("task: cancelled");
        }
    }

    fn restart(&mut self, of: usize) {
        if self.sides[of].live.has_outbox() {
            self.count("restarted with messages on their way");
        }
        if self.sides[of].live.is_moving() {
            self.count("restarted with a task running");
        }
        let Side { entry, live, restored, store } = &mut self.sides[of];
        let snapshot = store.snapshot(self.now, self.limits.page);
        let again = Queue::restore(entry, self.limits, snapshot);
        if self.fifo {
            *live = again;
        } else {
            live.forget_what_is_not_kept();
            *restored = again;
        }
    }

    /// As the catalog and the store purge.
    fn purge(&mut self, of: usize) {
        if self.sides[of].live.has_outbox() {
            self.count("purged with messages on their way");
        }
        let Side { entry, live, restored, store } = &mut self.sides[of];
        for message in store.messages.values() {
            self.alive.remove(&message.body);
        }
        store.messages.clear();
        store.remembered_sends.clear();
        store.row = store.row.emptied();
        let restore =
            || Queue::restore(entry, self.limits, store.snapshot(self.now, self.limits.page));
        (*live, *restored) = (restore(), restore());
    }

    /// The dead-letter queue is deleted with everything in it, or created again.
    fn toggle(&mut self) {
        // It is not deleted while something is handed over.
        let arrived = self.sides[FAILED].store.arrived.get(&id(SOURCE)).copied();
        let outbox = &self.sides[SOURCE].store.outbox;
        let is_clear = outbox.keys().all(|number| arrived.is_none_or(|arrived| arrived < *number));
        let own_is_empty = self.sides[FAILED].store.outbox.is_empty();
        if self.failed_exists && is_clear && own_is_empty {
            self.purge(FAILED);
            self.failed_exists = false;
        } else {
            self.failed_exists = true;
        }
    }

    /// Every message that is alive is in one place.
    fn check(&self) {
        let mut places: BTreeMap<BodyId, usize> = BTreeMap::new();
        for (of, side) in self.sides.iter().enumerate() {
            for message in side.store.messages.values() {
                *places.entry(message.body).or_default() += 1;
            }
            for entry in side.store.outbox.values() {
                let target = usize::try_from(entry.to.0 - 10).unwrap();
                let arrived = self.sides[target].store.arrived.get(&id(of)).copied();
                if arrived.is_none_or(|number| number < entry.number) {
                    *places.entry(entry.message.body).or_default() += 1;
                }
            }
            assert!(side.store.outbox.len() <= self.limits.outbox_max);
        }
        let doubled: Vec<_> = places.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "in two places: {doubled:?}");
        let stored: BTreeSet<_> = places.into_keys().collect();
        let lost: Vec<_> = self.alive.difference(&stored).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        let ghosts: Vec<_> = stored.difference(&self.alive).collect();
        assert!(ghosts.is_empty(), "deleted and back again: {ghosts:?}");
    }
}

#[test]
fn a_message_is_in_one_queue_whatever_fails_between_two_edge_228() {
    let settings = (any::<bool>(), 1..=3u32);
    scene::try_histories(settings, step(), &BRANCHES, |(fifo, max), history, tally| {
        let mut run = Run::new(fifo, max, tally);
        history.into_iter().for_each(|step| run.step(step));
    });
}
