//! [`Groups`]: which messages of a FIFO queue can be delivered, group by group.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Position, StoredMessage};
use crate::message::Group;
use crate::time::Timestamp;

/// The message groups of which a queue holds anything.
///
/// Within a group messages are delivered in order: what can be delivered is the longest run of its
/// oldest messages that are all visible. The first one in flight holds up everything behind it, and
/// so does the first one that was *skipped*: read from the store and let go again, since it could
/// not be delivered and memory is bounded.
#[derive(Default)]
pub(super) struct Groups {
    groups: BTreeMap<Group, State>,
    /// The groups whose oldest message waits, in the order in which they are served: those served
    /// longest ago first, and among those never served the one with the oldest message.
    ready: BTreeSet<(u64, Position, Group)>,
    /// The groups of which a skipped message could be delivered next, if it were held.
    resumable: BTreeSet<(Position, Group)>,
    /// Every group of which messages were skipped, by the first of them.
    skipping: BTreeSet<(Position, Group)>,
    /// Counts the times that a group was served.
    turns: u64,
    /// How many messages are skipped, as far as can be told.
    skipped: usize,
}

/// One group.
#[derive(Default)]
struct State {
    waiting: BTreeSet<Position>,
    in_flight: BTreeSet<Position>,
    skipped: Option<Skipped>,
    /// When the group was last served; 0 if never since it was forgotten.
    turn: u64,
    /// The keys under which it is listed.
    ready: Option<(u64, Position)>,
    resumable: Option<Position>,
    skipping: Option<Position>,
}

/// The messages of a group, from `first` up to and without `end`, that are neither held nor in
/// flight.
#[derive(Clone, Copy)]
struct Skipped {
    first: Position,
    end: Position,
    count: usize,
}

impl Groups {
    /// Whether `message` lies behind something that was skipped, and so cannot be held. It is
    /// counted as skipped, too, unless it was before.
    pub(super) fn skips(&mut self, message: &StoredMessage) -> bool {
        let Some(state) = self.groups.get_mut(&group(message)) else { return false };
        let Some(skipped) = state.skipped.as_mut() else { return false };
        if message.position < skipped.first {
            return false;
        }
        if message.position >= skipped.end {
            skipped.end = message.position.next();
            skipped.count += 1;
            self.skipped += 1;
        }
        true
    }

    /// A message waits in memory.
    pub(super) fn hold(&mut self, message: &StoredMessage) {
        self.update(group(message), |state| {
            state.waiting.insert(message.position);
        });
    }

    /// A message is not held any more, and need not be read again.
    pub(super) fn let_go(&mut self, message: &StoredMessage) {
        self.update(group(message), |state| {
            state.waiting.remove(&message.position);
        });
    }

    /// A message is in flight.
    pub(super) fn put_in_flight(&mut self, message: &StoredMessage) {
        self.update(group(message), |state| {
            state.waiting.remove(&message.position);
            state.in_flight.insert(message.position);
        });
    }

    /// A message is not in flight any more.
    pub(super) fn take_from_flight(&mut self, message: &StoredMessage) {
        self.update(group(message), |state| {
            state.in_flight.remove(&message.position);
        });
    }

    /// The group of `message` goes behind the groups not served since.
    pub(super) fn serve(&mut self, message: &StoredMessage) {
        self.turns += 1;
        let turn = self.turns;
        self.update(group(message), |state| state.turn = turn);
    }

    /// Forgets when which group was served, as a restart does.
    pub(super) fn forget_turns(&mut self) {
        let groups: Vec<Group> = self.groups.keys().copied().collect();
        groups.into_iter().for_each(|group| self.update(group, |state| state.turn = 0));
    }

    /// Lets go of the messages that cannot be delivered, since one before them is in flight, and
    /// remembers where they begin. Returns which they are.
    pub(super) fn skip_blocked(&mut self) -> Vec<Position> {
        let blocked = |state: &State| !state.waiting.is_empty() && !state.in_flight.is_empty();
        let groups = self.groups.iter().filter(|(_, state)| blocked(state));
        let groups: Vec<Group> = groups.map(|(group, _)| *group).collect();
        let mut let_go = Vec::new();
        for group in groups {
            let mut added = 0;
            self.update(group, |state| {
                let Some(in_flight) = state.in_flight.first() else { return };
                let behind = state.waiting.split_off(in_flight);
                let (Some(first), Some(last)) = (behind.first(), behind.last()) else { return };
                // Whatever was skipped before lies behind everything that waited.
                let before = state.skipped;
                added = behind.len();
                state.skipped = Some(Skipped {
                    first: *first,
                    end: before.map_or(last.next(), |skipped| skipped.end),
                    count: before.map_or(0, |skipped| skipped.count) + added,
                });
                let_go.extend(behind);
            });
            self.skipped += added;
        }
        let_go
    }

    /// Where reading goes on for the sake of a group that could be served.
    pub(super) fn resume_at(&self) -> Option<Position> {
        self.resumable.first().map(|(position, _)| *position)
    }

    /// Whether the message of a page that was read from [`resume_at`](Groups::resume_at) is wanted:
    /// it was skipped and its group could be served.
    pub(super) fn wants(&self, message: &StoredMessage) -> bool {
        let state = self.groups.get(&group(message));
        state.is_some_and(|state| {
            state.resumable.is_some_and(|first| first <= message.position)
                && state.skipped.is_some_and(|skipped| message.position < skipped.end)
        })
    }

    /// Everything between `from` and `until` that was [wanted](Groups::wants) is held now. `last`
    /// says that nothing behind it counts as skipped: it was not looked at, or there is nothing.
    pub(super) fn resumed(&mut self, from: Position, until: Position, last: bool) {
        let end = if last { Position::LAST } else { until };
        let range = (from, Group(0))..(end, Group(0));
        let groups = self.resumable.range(range).map(|(_, group)| *group);
        let groups: Vec<Group> = groups.collect();
        for group in groups {
            let mut fewer = 0;
            self.update(group, |state| {
                let Some(skipped) = &mut state.skipped else { return };
                if last || skipped.end <= until {
                    fewer = skipped.count;
                    state.skipped = None;
                } else {
                    let held = state.waiting.range(skipped.first..until).count();
                    fewer = held.min(skipped.count);
                    skipped.count -= fewer;
                    skipped.first = until;
                }
            });
            self.skipped -= fewer;
        }
    }

    /// What lies at `frontier` or behind it will be looked at again.
    pub(super) fn forget_skipped_from(&mut self, frontier: Position) {
        let groups = self.skipping.range((frontier, Group(0))..).map(|(_, group)| *group);
        let groups: Vec<Group> = groups.collect();
        for group in groups {
            let mut fewer = 0;
            self.update(group, |state| {
                fewer = state.skipped.take().map_or(0, |skipped| skipped.count);
            });
            self.skipped -= fewer;
        }
    }

    /// A skipped message is gone from the store.
    pub(super) fn forget_skipped(&mut self, message: &StoredMessage) {
        let Some(state) = self.groups.get_mut(&group(message)) else { return };
        let Some(skipped) = state.skipped.as_mut() else { return };
        let inside = (skipped.first..skipped.end).contains(&message.position);
        if inside && skipped.count > 0 {
            skipped.count -= 1;
            self.skipped -= 1;
        }
    }

    /// The first position at which a skipped message may be.
    pub(super) fn skipped_from(&self) -> Option<Position> {
        self.skipping.first().map(|(position, _)| *position)
    }

    /// How many messages were looked at and are neither held nor in flight.
    pub(super) fn skipped(&self) -> usize {
        self.skipped
    }

    /// What can be delivered, group by group, if it is available by `available_until`.
    pub(super) fn deliverable(
        &self,
        available_until: Timestamp,
    ) -> impl Iterator<Item = Position> + '_ {
        let available = move |position: &Position| position.available_at <= available_until;
        let groups = self.ready.iter().filter(move |(_, head, _)| available(head));
        groups.flat_map(move |(_, _, group)| {
            let state = &self.groups[group];
            let blocked_from = state.in_flight.first().copied();
            let before = move |position: &Position| blocked_from.is_none_or(|at| *position < at);
            state.waiting.iter().copied().take_while(move |at| before(at) && available(at))
        })
    }

    /// Changes a group and lists it where it belongs.
    fn update(&mut self, group: Group, change: impl FnOnce(&mut State)) {
        let state = self.groups.entry(group).or_default();
        change(state);
        let in_flight = state.in_flight.first().copied();
        let unblocked = |position: &Position| in_flight.is_none_or(|at| *position < at);
        let head = state.waiting.first().copied().filter(unblocked);
        let ready = head.map(|head| (state.turn, head));
        let resumable = state.skipped.map(|skipped| skipped.first).filter(unblocked);
        if ready != state.ready {
            if let Some((turn, head)) = state.ready {
                self.ready.remove(&(turn, head, group));
            }
            if let Some((turn, head)) = ready {
                self.ready.insert((turn, head, group));
            }
            state.ready = ready;
        }
        if resumable != state.resumable {
            if let Some(first) = state.resumable {
                self.resumable.remove(&(first, group));
            }
            if let Some(first) = resumable {
                self.resumable.insert((first, group));
            }
            state.resumable = resumable;
        }
        let skipping = state.skipped.map(|skipped| skipped.first);
        if skipping != state.skipping {
            if let Some(first) = state.skipping {
                self.skipping.remove(&(first, group));
            }
            if let Some(first) = skipping {
                self.skipping.insert((first, group));
            }
            state.skipping = skipping;
        }
        let nothing = state.waiting.is_empty() && state.in_flight.is_empty();
        if nothing && state.skipped.is_none() {
            self.groups.remove(&group);
        }
    }

    #[cfg(debug_assertions)]
    pub(super) fn check(&self, waiting: usize, in_flight: usize) {
        let count = |of: fn(&State) -> usize| self.groups.values().map(of).sum::<usize>();
        assert_eq!(count(|state| state.waiting.len()), waiting, "every message waits in its group");
        assert_eq!(count(|state| state.in_flight.len()), in_flight);
        assert_eq!(count(|state| state.skipped.map_or(0, |skipped| skipped.count)), self.skipped);
        for state in self.groups.values() {
            if let (Some(last), Some(skipped)) = (state.waiting.last(), state.skipped) {
                assert!(*last < skipped.first, "nothing is held behind what was skipped");
            }
        }
    }
}

/// The group of a message in a FIFO queue.
fn group(message: &StoredMessage) -> Group {
    message.group.unwrap_or(Group(0))
}
