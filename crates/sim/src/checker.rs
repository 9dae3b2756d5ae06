//! [`Checker`]: holds what clients were told against what Formiga promises.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::setting::{NAMES, SCRATCH, Setting, is_fifo};

/// What became of a history.
#[derive(Debug)]
pub struct Outcome {
    /// Broken promises, each in a sentence.
    pub violations: Vec<String>,
    /// What happened, as a number that is the same for the same history.
    pub digest: u64,
    /// What happened, line by line, if it was asked for.
    pub trace: Vec<String>,
    /// How much of it happened.
    pub figures: Figures,
}

/// How much happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Requests that were answered.
    pub answered: u64,
    /// Requests whose outcome nobody knows: refused by a fault, hung up, or crashed away.
    pub unanswered: u64,
    /// Messages whose sends were acknowledged.
    pub sent: u64,
    /// Messages received, each time they were.
    pub received: u64,
    /// Messages whose deletes were acknowledged.
    pub deleted: u64,
    /// Messages that were in a dead-letter queue when they were received.
    pub dead_letters: u64,
    /// Crashes.
    pub crashes: u64,
    /// Second owners that took over.
    pub takeovers: u64,
    /// Simulated time, in seconds.
    pub seconds: u64,
}

impl Figures {
    /// The sum of both.
    pub fn add(&mut self, other: &Figures) {
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.sent += other.sent;
        self.received += other.received;
        self.deleted += other.deleted;
        self.dead_letters += other.dead_letters;
        self.crashes += other.crashes;
        self.takeovers += other.takeovers;
        self.seconds += other.seconds;
    }
}

/// When something was seen: by the clock in milliseconds, and as the how-manieth thing. What began
/// after something else had ended has the greater tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    tick: u64,
    at: u64,
}

/// What a client may conclude from an answer, or from none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is done.
    Done,
    /// It certainly is not.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// A message, before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) token: String,
    pub(crate) queue: usize,
    pub(crate) group: Option<String>,
    pub(crate) delay_seconds: u64,
    pub(crate) body: String,
}

/// A message as a receive returned it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) body: String,
    pub(crate) count: u64,
    pub(crate) group: Option<String>,
    pub(crate) sequence: Option<String>,
    pub(crate) handle: String,
}

/// A received message that may be deleted.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) token: String,
    pub(crate) queue: usize,
    pub(crate) handle: String,
    receive: usize,
}

struct Message {
    letter: Letter,
    begun: Moment,
    /// When its send was acknowledged.
    sent: Option<Moment>,
    is_refused: bool,
    receives: Vec<Receive>,
    /// When visibility changes began.
    changes: Vec<Moment>,
    /// How many deletes may have deleted it.
    deletes: u64,
    /// When it certainly was deleted.
    gone: Option<Moment>,
    /// How often it was found in the end.
    found: u64,
}

#[derive(Clone, Copy)]
struct Receive {
    begun: Moment,
    ended: Moment,
    /// For how long it is in flight, in milliseconds.
    hidden: u64,
}

/// What one receive returned of a message group.
struct Delivered {
    ended: Moment,
    sequences: BTreeSet<String>,
}

/// A purge of the scratch queue, or its deletion.
struct Sweep {
    begun: Moment,
    /// When it was acknowledged.
    ended: Option<Moment>,
}

/// Everything that clients did and were told.
pub(crate) struct Checker {
    setting: Setting,
    messages: BTreeMap<String, Message>,
    delivered: BTreeMap<(usize, String), Vec<Delivered>>,
    /// None for those that were refused.
    sweeps: Vec<Option<Sweep>>,
    held: Vec<Held>,
    tick: u64,
    now: u64,
    violations: Vec<String>,
    digest: DefaultHasher,
    trace: Option<Vec<String>>,
    pub(crate) figures: Figures,
}

/// More broken promises than this tell nothing new.
const VIOLATIONS_MAX: usize = 20;

impl Checker {
    pub(crate) fn new(setting: Setting, traces: bool) -> Checker {
        Checker {
            setting,
            messages: BTreeMap::new(),
            delivered: BTreeMap::new(),
            sweeps: Vec::new(),
            held: Vec::new(),
            tick: 0,
            now: 0,
            violations: Vec::new(),
            digest: DefaultHasher::new(),
            trace: traces.then(Vec::new),
            figures: Figures::default(),
        }
    }

    pub(crate) fn outcome(mut self) -> Outcome {
        self.figures.seconds = self.now / 1000;
        Outcome {
            violations: self.violations,
            digest: self.digest.finish(),
            trace: self.trace.unwrap_or_default(),
            figures: self.figures,
        }
    }

    /// Tells the time, which later moments carry.
    pub(crate) fn moment(&mut self, at: u64) -> Moment {
        self.tick += 1;
        self.now = self.now.max(at);
        Moment { tick: self.tick, at }
    }

    /// Notes what happened.
    pub(crate) fn note(&mut self, at: u64, what: &str) {
        (at, what).hash(&mut self.digest);
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{at:>8} {what}"));
        }
    }

    pub(crate) fn violation(&mut self, what: String) {
        self.note(self.now, &format!("BROKEN: {what}"));
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what);
        }
    }

    pub(crate) fn begin_send(&mut self, letter: &Letter, begun: Moment) {
        let message = Message {
            letter: letter.clone(),
            begun,
            sent: None,
            is_refused: false,
            receives: Vec::new(),
            changes: Vec::new(),
            deletes: 0,
            gone: None,
            found: 0,
        };
        self.messages.insert(letter.token.clone(), message);
    }

    /// Only the last attempt of a send that is tried again is told here.
    pub(crate) fn end_send(&mut self, token: &str, told: Told, ended: Moment) {
        let message = self.messages.get_mut(token).expect("its send was begun");
        match told {
            Told::Done => {
                message.sent = Some(ended);
                self.figures.sent += 1;
            }
            Told::Refused => message.is_refused = true,
            Told::Unknown => {}
        }
    }

    /// Takes in what a receive returned that asked to hide messages for `hidden` milliseconds.
    pub(crate) fn end_receive(
        &mut self,
        queue: usize,
        begun: Moment,
        ended: Moment,
        hidden: u64,
        got: &[Got],
    ) -> Vec<Held> {
        self.check_group_order(queue, begun, ended, got);
        let mut held = Vec::new();
        for got in got {
            self.figures.received += 1;
            let receive = Receive { begun, ended, hidden };
            let token = got.body.split('|').next().unwrap_or_default().to_owned();
            for broken in self.check_received(queue, &token, receive, got) {
                self.violation(broken);
            }
            if let Some(message) = self.messages.get_mut(&token) {
                message.receives.push(receive);
                let index = message.receives.len() - 1;
                let handle = got.handle.clone();
                held.push(Held { token, queue, handle, receive: index });
            }
        }
        if !NAMES[queue].contains("dead") {
            return held;
        }
        self.figures.dead_letters += got.len() as u64;
        held
    }

    fn check_received(
        &self,
        queue: usize,
        token: &str,
        receive: Receive,
        got: &Got,
    ) -> Vec<String> {
        let name = NAMES[queue];
        let Some(message) = self.messages.get(token) else {
            return vec![format!("{name} returned what nobody sent: {:?}", got.body)];
        };
        let mut broken = Vec::new();
        if message.letter.body != got.body || message.letter.group != got.group {
            broken.push(format!("{token} came out of {name} otherwise than it was sent"));
        }
        if message.is_refused {
            broken.push(format!("the send of {token} was refused, but {name} returned it"));
        }
        if message.gone.is_some_and(|gone| gone.tick < receive.begun.tick) {
            broken.push(format!("a deleted message stays deleted: {name} returned {token}"));
        }
        let available = message.begun.at + message.letter.delay_seconds * 1000;
        if receive.ended.at < available {
            broken.push(format!("{token} was delayed, but {name} returned it before"));
        }
        let most = self.setting.max_receives[queue];
        if most.is_some_and(|most| got.count > most) {
            let count = got.count;
            broken.push(format!("{token} is a dead letter, but {name} returned it again: {count}"));
        }
        let sweep = |sweep: &&Sweep| {
            let before = message.sent.is_some_and(|sent| sent.tick < sweep.begun.tick);
            before && sweep.ended.is_some_and(|ended| ended.tick < receive.begun.tick)
        };
        if queue == SCRATCH && self.sweeps.iter().flatten().any(|it| sweep(&it)) {
            broken.push(format!("{token} was purged, but {name} returned it"));
        }
        let retention = self.setting.retention_seconds[message.letter.queue] * 1000;
        let is_expired = |sent: Moment| receive.begun.at >= sent.at + retention;
        if message.sent.is_some_and(is_expired) {
            broken.push(format!("{token} was past its retention, but {name} returned it"));
        }
        let overlaps = |earlier: &&Receive| {
            let ends = |receive: &Receive| receive.begun.at + receive.hidden;
            let changed = |change: &Moment| {
                change.tick > earlier.begun.tick.min(receive.begun.tick)
                    && change.tick < receive.ended.tick
            };
            receive.ended.at < ends(earlier)
                && earlier.ended.at < ends(&receive)
                && !message.changes.iter().any(changed)
        };
        if let Some(earlier) = message.receives.iter().find(overlaps) {
            let (first, hidden) = (earlier.begun.at, earlier.hidden);
            broken.push(format!(
                "{token} is in flight from {first} for {hidden} ms, but {name} returned it to another receive"
            ));
        }
        broken
    }

    /// None of a group while an earlier one is there.
    fn check_group_order(&mut self, queue: usize, begun: Moment, ended: Moment, got: &[Got]) {
        if !is_fifo(queue) {
            return;
        }
        let mut by_group: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for got in got {
            let (Some(group), Some(sequence)) = (&got.group, &got.sequence) else {
                let name = NAMES[queue];
                self.violation(format!("{name} returned a message without group or sequence"));
                continue;
            };
            by_group.entry(group).or_default().push(sequence);
        }
        for (group, sequences) in by_group {
            let key = (queue, group.to_owned());
            let earlier = self.delivered.entry(key).or_default();
            let mut broken = !sequences.is_sorted();
            for delivered in earlier.iter().filter(|it| it.ended.tick < begun.tick) {
                let passed_over = |sequence: &&str| {
                    let is_later = |other: &String| other.as_str() > *sequence;
                    delivered.sequences.iter().any(is_later)
                        && !delivered.sequences.contains(*sequence)
                };
                broken |= sequences.iter().any(passed_over);
            }
            let sequences = sequences.into_iter().map(str::to_owned).collect();
            earlier.push(Delivered { ended, sequences });
            if broken {
                let name = NAMES[queue];
                self.violation(format!(
                    "one group is delivered in order: not so {group} of {name}"
                ));
            }
        }
    }

    /// Keeps what may be deleted later, by whichever client.
    pub(crate) fn hold(&mut self, held: Vec<Held>) {
        self.held.extend(held);
    }

    /// Some of what is held, which is given away. `pick` chooses one of so many.
    pub(crate) fn pick(&mut self, pick: impl FnOnce(usize) -> usize) -> Option<Held> {
        if self.held.is_empty() {
            return None;
        }
        let index = pick(self.held.len());
        Some(self.held.swap_remove(index))
    }

    pub(crate) fn begin_delete(&mut self, held: &Held) {
        self.message(held).deletes += 1;
    }

    pub(crate) fn end_delete(&mut self, held: &Held, told: Told, ended: Moment) {
        let message = self.message(held);
        match told {
            Told::Done => {
                let receive = message.receives[held.receive];
                let was_in_flight = ended.at < receive.begun.at + receive.hidden;
                let changed = message.changes.iter().any(|it| it.tick > receive.begun.tick);
                if was_in_flight && !changed {
                    message.gone.get_or_insert(ended);
                }
                self.figures.deleted += 1;
            }
            Told::Refused => message.deletes -= 1,
            Told::Unknown => {}
        }
    }

    pub(crate) fn begin_change(&mut self, held: &Held, begun: Moment) {
        self.message(held).changes.push(begun);
    }

    fn message(&mut self, held: &Held) -> &mut Message {
        self.messages.get_mut(&held.token).expect("what is held was sent")
    }

    /// A purge of the scratch queue begins, or its deletion; returns its number.
    pub(crate) fn begin_sweep(&mut self, begun: Moment) -> usize {
        self.sweeps.push(Some(Sweep { begun, ended: None }));
        self.sweeps.len() - 1
    }

    pub(crate) fn end_sweep(&mut self, number: usize, ended: Moment) {
        self.sweeps[number].as_mut().expect("it was begun").ended = Some(ended);
    }

    /// It certainly did not happen.
    pub(crate) fn cancel_sweep(&mut self, number: usize) {
        self.sweeps[number] = None;
    }

    /// A message was found when nothing happens any more.
    pub(crate) fn find(&mut self, held: &Held) {
        self.message(held).found += 1;
    }

    /// Nothing is left: was everything found that has to be, and nothing twice?
    pub(crate) fn check_end(&mut self) {
        let mut broken = Vec::new();
        for (token, message) in &self.messages {
            let swept = |sweep: &Sweep| {
                // Nobody knows when one was decided that was never answered.
                message.letter.queue == SCRATCH
                    && sweep.ended.is_none_or(|ended| ended.tick > message.begun.tick)
            };
            let retention = self.setting.retention_seconds[message.letter.queue] * 1000;
            let may_be_gone = message.deletes > 0
                || self.now >= message.begun.at + retention
                || self.sweeps.iter().flatten().any(swept);
            if message.sent.is_some() && message.found == 0 && !may_be_gone {
                let name = NAMES[message.letter.queue];
                broken.push(format!("acknowledged sends survive: {token} of {name} is lost"));
            }
            if message.found > 1 {
                broken.push(format!("no message is doubled: {token} was found {}", message.found));
            }
        }
        broken.into_iter().for_each(|broken| self.violation(broken));
    }
}
