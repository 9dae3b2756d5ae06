//! [`Tenants`]: which message groups of a standard queue are noisy, and what of theirs was skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::processing::Processing;
use super::record::{Position, StoredMessage};
use crate::limits::RECEIVE_MESSAGES_MAX;
use crate::message::Group;
use crate::time::Timestamp;

/// The tenants of a fair queue, as far as they have messages in flight or in memory.
///
/// A message group of a standard queue is a tenant. A tenant is *noisy* while it holds more than a
/// tenth of the messages in flight, and at least 30, or took more than a tenth of the processing
/// time of the last minute. Messages of quiet tenants are received before those of noisy ones,
/// however long the backlog of these: of a noisy tenant only the oldest messages are held, the
/// others are *skipped*, and remembered as a range. A message without a group is a tenant of its
/// own, and never noisy.
pub(super) struct Tenants {
    /// How many messages each tenant has in flight.
    in_flight: Ranking,
    processing: Processing,
    /// How many waiting messages of each tenant are held.
    held: BTreeMap<Group, usize>,
    skipped: BTreeMap<Group, Skipped>,
    /// The noisy tenants in the order in which they are served: those with the fewest messages in
    /// flight first, and among equals those that took the least processing time.
    noisy: Vec<Group>,
    /// How many messages of noisy tenants are held in all.
    room: usize,
}

/// Every message of a tenant from `first` up to and without `end` that is neither in flight nor
/// held.
#[derive(Clone, Copy)]
struct Skipped {
    first: Position,
    end: Position,
}

/// A tenant with fewer messages in flight is quiet, unless it took much processing time.
const NOISY_IN_FLIGHT_MIN: u64 = 30;

/// More ranges than this are not remembered: further tenants are held like quiet ones.
const SKIPPED_MAX: usize = 100;

impl Tenants {
    /// `room` is for messages of noisy tenants.
    pub(super) fn new(room: usize) -> Tenants {
        Tenants {
            in_flight: Ranking::default(),
            processing: Processing::default(),
            held: BTreeMap::new(),
            skipped: BTreeMap::new(),
            noisy: Vec::new(),
            room,
        }
    }

    /// The noisy tenants, in the order in which they are served.
    pub(super) fn noisy(&self) -> &[Group] {
        &self.noisy
    }

    pub(super) fn is_noisy(&self, message: &StoredMessage) -> bool {
        message.group.is_some_and(|group| self.noisy.contains(&group))
    }

    /// Judges anew who is noisy, when `in_flight` messages are in flight. What lies before
    /// `kept_from` is past its retention period.
    pub(super) fn judge(&mut self, now: Timestamp, in_flight: usize, kept_from: Position) {
        self.processing.advance(now);
        let many = |(count, _): &(u64, Group)| {
            *count >= NOISY_IN_FLIGHT_MIN && *count * 10 > in_flight as u64
        };
        let by_count = self.in_flight.highest().take_while(many);
        let mut noisy: Vec<Group> =
            by_count.map(|(_, group)| group).chain(self.processing.noisy()).collect();
        noisy.sort_by_key(|group| (self.in_flight.of(*group), self.processing.of(*group), *group));
        noisy.dedup();
        self.noisy = noisy;
        self.skipped.retain(|_, skipped| {
            skipped.first = skipped.first.max(kept_from);
            skipped.first < skipped.end
        });
    }

    /// A message was deleted, this long after its latest receive.
    pub(super) fn processed(&mut self, now: Timestamp, message: &StoredMessage, took: Duration) {
        self.processing.add(now, message.group, took);
    }

    /// Forgets the processing times, as a restart does.
    pub(super) fn forget_processing(&mut self) {
        self.processing = Processing::default();
    }

    /// Whether `message` lies behind something of its tenant that was skipped, and so is skipped,
    /// too.
    pub(super) fn skips(&mut self, message: &StoredMessage) -> bool {
        let skipped = message.group.and_then(|group| self.skipped.get_mut(&group));
        let Some(skipped) = skipped.filter(|skipped| message.position >= skipped.first) else {
            return false;
        };
        skipped.end = skipped.end.max(message.position.next());
        true
    }

    /// A message waits in memory.
    pub(super) fn hold(&mut self, message: &StoredMessage) {
        if let Some(group) = message.group {
            *self.held.entry(group).or_default() += 1;
        }
    }

    /// A message does not wait in memory any more.
    pub(super) fn let_go(&mut self, message: &StoredMessage) {
        let Some(group) = message.group else { return };
        let held = self.held.get_mut(&group).expect("it was held");
        *held -= 1;
        if *held == 0 {
            self.held.remove(&group);
        }
    }

    /// A message is in flight.
    pub(super) fn put_in_flight(&mut self, message: &StoredMessage) {
        if let Some(group) = message.group {
            self.in_flight.add(group, 1);
        }
    }

    /// A message is not in flight any more.
    pub(super) fn take_from_flight(&mut self, message: &StoredMessage) {
        if let Some(group) = message.group {
            self.in_flight.subtract(group, 1);
        }
    }

    /// How many waiting messages of noisy tenants are held.
    pub(super) fn held_noisy(&self) -> usize {
        self.noisy.iter().map(|group| self.held(*group)).sum()
    }

    /// The noisy tenants of whom more is held than they have room for, and how much more.
    pub(super) fn excess(&self) -> Vec<(Group, usize)> {
        let too_many = |group: &Group| {
            let may_be_skipped =
                self.skipped.len() < SKIPPED_MAX || self.skipped.contains_key(group);
            may_be_skipped && self.held(*group) > 2 * self.refill()
        };
        let noisy = self.noisy.iter().filter(|group| too_many(group));
        noisy.map(|group| (*group, self.held(*group) - self.refill())).collect()
    }

    /// The tenant's messages from `first` to `last` were let go.
    pub(super) fn skip(&mut self, group: Group, first: Position, last: Position) {
        // Whatever was skipped before lies behind everything that was held.
        let end = self.skipped.get(&group).map_or(last.next(), |skipped| skipped.end);
        self.skipped.insert(group, Skipped { first, end });
    }

    /// Of a tenant of whom fewer messages are held more are read; at most twice as many are held.
    fn refill(&self) -> usize {
        (self.room / 2 / self.noisy.len().max(1)).max(RECEIVE_MESSAGES_MAX as usize)
    }

    /// How many messages are read at a time for the sake of tenants of whom little is held: what
    /// is read for one of them is taken in for the others, too.
    pub(super) fn page(&self) -> usize {
        (self.room / 2).max(RECEIVE_MESSAGES_MAX as usize)
    }

    /// Where reading resumes for a tenant of whom little is held.
    pub(super) fn resume_at(&self) -> Option<Position> {
        let resumable = self.skipped.iter().filter(|(group, _)| self.held(**group) < self.refill());
        resumable.map(|(_, skipped)| skipped.first).min()
    }

    /// The same for those tenants that are quiet.
    pub(super) fn quiet_resume_at(&self) -> Option<Position> {
        let quiet = |(group, _): &(&Group, &Skipped)| {
            !self.noisy.contains(group) && self.held(**group) < self.refill()
        };
        self.skipped.iter().filter(quiet).map(|(_, skipped)| skipped.first).min()
    }

    /// How many waiting messages of a tenant are held.
    pub(super) fn held(&self, group: Group) -> usize {
        self.held.get(&group).copied().unwrap_or_default()
    }

    /// What was read of the skipped messages from `from` up to and without `until` is to be held,
    /// as far as there is room for it: tells which of `rows` that is. `last` says that nothing
    /// behind it counts as skipped: it was not looked at, or there is nothing.
    pub(super) fn resume(
        &mut self,
        from: Position,
        until: Position,
        last: bool,
        rows: &[StoredMessage],
    ) -> Vec<StoredMessage> {
        let most = 2 * self.refill();
        let inside = |(_, skipped): &(&Group, &Skipped)| (from..until).contains(&skipped.first);
        let resumed: Vec<(Group, Skipped)> =
            self.skipped.iter().filter(inside).map(|(group, skipped)| (*group, *skipped)).collect();
        let mut wanted = Vec::new();
        for (group, Skipped { first, end }) in resumed {
            let room = most.saturating_sub(self.held(group));
            let skipped = |row: &&StoredMessage| {
                row.group == Some(group) && (first..end.min(until)).contains(&row.position)
            };
            let mut of_group = rows.iter().filter(skipped);
            wanted.extend(of_group.by_ref().take(room).cloned());
            let next = of_group.next().map(|row| row.position);
            if next.is_none() && (last || end <= until) {
                self.skipped.remove(&group);
            } else {
                self.skipped.insert(group, Skipped { first: next.unwrap_or(until), end });
            }
        }
        wanted
    }

    /// What lies at `frontier` or behind it will be looked at again.
    pub(super) fn forget_skipped_from(&mut self, frontier: Position) {
        self.skipped.retain(|_, skipped| {
            skipped.end = skipped.end.min(frontier);
            skipped.first < skipped.end
        });
    }

    /// The first position at which a skipped message may be.
    pub(super) fn skipped_from(&self) -> Option<Position> {
        self.skipped.values().map(|skipped| skipped.first).min()
    }

    #[cfg(debug_assertions)]
    pub(super) fn check<'a>(
        &self,
        waiting: impl Iterator<Item = &'a StoredMessage>,
        in_flight: impl Iterator<Item = &'a StoredMessage>,
    ) {
        let count = |messages: &mut dyn Iterator<Item = &'a StoredMessage>| {
            let mut counts = BTreeMap::<Group, usize>::new();
            for group in messages.filter_map(|message| message.group) {
                *counts.entry(group).or_default() += 1;
            }
            counts
        };
        let mut last = BTreeMap::new();
        let mut waiting = waiting.inspect(|message| {
            last.insert(message.group, message.position);
        });
        assert_eq!(count(&mut waiting), self.held, "held messages are counted by tenant");
        let mut in_flight = in_flight;
        let in_flight = count(&mut in_flight).into_iter().map(|(group, n)| (group, n as u64));
        assert_eq!(in_flight.collect::<BTreeMap<_, _>>(), self.in_flight.values);
        drop(waiting);
        for (group, skipped) in &self.skipped {
            let held_before = last.get(&Some(*group)).is_none_or(|last| *last < skipped.first);
            assert!(held_before, "nothing is held behind what was skipped");
        }
    }
}

/// Groups by a quantity of theirs.
#[derive(Default)]
pub(super) struct Ranking {
    values: BTreeMap<Group, u64>,
    order: BTreeSet<(u64, Group)>,
}

impl Ranking {
    pub(super) fn of(&self, group: Group) -> u64 {
        self.values.get(&group).copied().unwrap_or_default()
    }

    /// The groups, that with the highest value first.
    pub(super) fn highest(&self) -> impl Iterator<Item = (u64, Group)> + '_ {
        self.order.iter().rev().copied()
    }

    pub(super) fn add(&mut self, group: Group, amount: u64) {
        self.set(group, self.of(group) + amount);
    }

    pub(super) fn subtract(&mut self, group: Group, amount: u64) {
        self.set(group, self.of(group) - amount);
    }

    fn set(&mut self, group: Group, value: u64) {
        let before =
            if value == 0 { self.values.remove(&group) } else { self.values.insert(group, value) };
        if let Some(before) = before {
            self.order.remove(&(before, group));
        }
        if value > 0 {
            self.order.insert((value, group));
        }
    }
}
