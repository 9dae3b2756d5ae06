//! [`Window`]: what of the backlog is in memory, and where scanning resumes.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::Groups;
use super::record::{Position, StoredMessage};
use crate::time::Timestamp;

/// The messages a queue holds in memory.
///
/// Every stored message before the *frontier* is held, except those past their retention period
/// and those that a FIFO queue [skipped](Groups); of those at or behind it only messages in flight
/// are. While everything stored is held there is no frontier. Sending behind the frontier costs no
/// memory, and receiving moves it forward a page at a time, so memory is bounded by the limit plus
/// what is in flight, however long the backlog.
pub(super) struct Window {
    /// Visible and delayed messages.
    waiting: BTreeMap<Position, StoredMessage>,
    in_flight: BTreeMap<Position, StoredMessage>,
    /// The ends of the visibility timeouts of what is in flight.
    returns: BTreeSet<(Timestamp, Position)>,
    frontier: Option<Position>,
    limit: usize,
    /// The message groups of a FIFO queue.
    groups: Option<Groups>,
}

impl Window {
    /// Nothing held, everything still to be read. `limit` bounds what is held besides messages
    /// in flight.
    pub(super) fn new(limit: usize, fifo: bool) -> Window {
        Window {
            groups: fifo.then(Groups::default),
            waiting: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            returns: BTreeSet::new(),
            frontier: Some(Position::FIRST),
            limit,
        }
    }

    /// Where the next page starts, or `None` when everything stored is held.
    pub(super) fn frontier(&self) -> Option<Position> {
        self.frontier
    }

    pub(super) fn in_flight_count(&self) -> usize {
        self.in_flight.len()
    }

    /// Everything held that is visible or delayed, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &StoredMessage> {
        self.waiting.values()
    }

    /// Everything held that is visible or delayed and available only after `moment`.
    pub(super) fn waiting_after(&self, moment: Timestamp) -> impl Iterator<Item = &StoredMessage> {
        let after = Position { available_at: moment, sequence: super::Sequence(u64::MAX) };
        self.waiting.range(after..).map(|(_, message)| message)
    }

    pub(super) fn is_in_flight(&self, position: Position) -> bool {
        self.in_flight.contains_key(&position)
    }

    pub(super) fn get(&self, position: Position) -> Option<&StoredMessage> {
        self.in_flight.get(&position).or_else(|| self.waiting.get(&position))
    }

    /// Whether a message that is not held may be stored at `position`.
    pub(super) fn may_be_stored(&self, position: Position) -> bool {
        let skipped_from = self.groups.as_ref().and_then(Groups::skipped_from);
        let from = [self.frontier, skipped_from].into_iter().flatten().min();
        from.is_some_and(|from| position >= from)
    }

    /// Whether every message with a place until `moment` is held, unless it has expired.
    pub(super) fn holds_all_until(&self, moment: Timestamp) -> bool {
        let first = Position { available_at: moment, sequence: super::Sequence(u64::MAX) };
        !self.may_be_stored(first) && self.groups.as_ref().is_none_or(Groups::skips_nothing)
    }

    /// The next end of a visibility timeout.
    pub(super) fn next_return(&self) -> Option<Timestamp> {
        self.returns.first().map(|(visible_at, _)| *visible_at)
    }

    /// The first message in flight that has this position or a later one.
    pub(super) fn in_flight_from(&self, position: Position) -> impl Iterator<Item = &Position> {
        self.in_flight.range(position..).map(|(position, _)| position)
    }

    /// What can be delivered if it is available by `available_until`, in the order of delivery.
    pub(super) fn deliverable(
        &self,
        available_until: Timestamp,
    ) -> Box<dyn Iterator<Item = &StoredMessage> + '_> {
        let Some(groups) = &self.groups else {
            let available =
                move |message: &&StoredMessage| message.position.available_at <= available_until;
            return Box::new(self.waiting().take_while(available));
        };
        Box::new(groups.deliverable(available_until).map(|position| &self.waiting[&position]))
    }

    /// Takes in a message that is visible or delayed, if it lies before the frontier.
    pub(super) fn hold(&mut self, message: StoredMessage) {
        if self.frontier.is_some_and(|frontier| message.position >= frontier) {
            return;
        }
        if let Some(groups) = &mut self.groups {
            if groups.skips(&message) {
                return;
            }
            groups.hold(&message);
        }
        self.waiting.insert(message.position, message);
        if self.waiting.len() > self.limit {
            self.let_go();
        }
    }

    /// Puts a message that was received in flight. It may come from anywhere.
    pub(super) fn put_in_flight(&mut self, message: StoredMessage) {
        self.waiting.remove(&message.position);
        self.returns.insert((visible_at(&message), message.position));
        if let Some(groups) = &mut self.groups {
            groups.put_in_flight(&message);
        }
        if let Some(before) = self.in_flight.insert(message.position, message) {
            self.returns.remove(&(visible_at(&before), before.position));
            // The new end may be the same as the old one.
            let message = &self.in_flight[&before.position];
            self.returns.insert((visible_at(message), message.position));
        }
    }

    /// The group of a received message waits its turn.
    pub(super) fn serve(&mut self, position: Position) {
        if let (Some(groups), Some(message)) = (&mut self.groups, self.in_flight.get(&position)) {
            groups.serve(message);
        }
    }

    /// Forgets when which group was served, as a restart does.
    pub(super) fn forget_turns(&mut self) {
        if let Some(groups) = &mut self.groups {
            groups.forget_turns();
        }
    }

    /// Returns what was in flight until `now` or earlier, and lets go of the oldest messages that
    /// were sent before `kept_from`.
    pub(super) fn advance(&mut self, now: Timestamp, kept_from: Timestamp) {
        while let Some((visible_at, position)) = self.returns.first().copied() {
            if visible_at > now {
                break;
            }
            let message = self.take_from_flight(position).expect("what returns was in flight");
            self.hold(message);
        }
        // What has expired in flight holds up its group no longer. In a FIFO queue places are in
        // the order of expiry.
        while self.groups.is_some()
            && let Some((position, _)) = self.in_flight.first_key_value()
            && position.available_at < kept_from
        {
            self.take_from_flight(*position);
        }
        // Delayed messages stay, expired or not, so that they can be counted.
        while let Some((position, message)) = self.waiting.first_key_value() {
            let expired = self.is_older(message, kept_from);
            if !expired || position.available_at > now {
                break;
            }
            self.drop_waiting(*position);
        }
    }

    /// Lets go of everything that was sent before `kept_from`, delayed messages excepted.
    pub(super) fn forget_expired(&mut self, now: Timestamp, kept_from: Timestamp) {
        let old = self.waiting.values().filter(|message| {
            message.position.available_at <= now && self.is_older(message, kept_from)
        });
        let old: Vec<Position> = old.map(|message| message.position).collect();
        old.into_iter().for_each(|position| self.drop_waiting(position));
    }

    /// Lets go of what cannot be delivered because an older message of its group is in flight.
    pub(super) fn skip_blocked(&mut self) {
        if let Some(groups) = &mut self.groups {
            for position in groups.skip_blocked() {
                self.waiting.remove(&position);
            }
        }
    }

    /// Whether retention of the message began before `moment`.
    fn is_older(&self, message: &StoredMessage, moment: Timestamp) -> bool {
        let fifo = self.groups.is_some();
        let began = if fifo { message.position.available_at } else { message.sent_at };
        began < moment
    }

    /// Forgets a message that is not stored any more.
    pub(super) fn remove(&mut self, message: &StoredMessage) {
        let position = message.position;
        if self.waiting.contains_key(&position) {
            self.drop_waiting(position);
        } else if self.take_from_flight(position).is_none()
            && let Some(groups) = &mut self.groups
        {
            groups.forget_skipped(message);
        }
    }

    fn drop_waiting(&mut self, position: Position) {
        let message = self.waiting.remove(&position);
        if let (Some(groups), Some(message)) = (&mut self.groups, message) {
            groups.let_go(&message);
        }
    }

    fn take_from_flight(&mut self, position: Position) -> Option<StoredMessage> {
        let message = self.in_flight.remove(&position)?;
        self.returns.remove(&(visible_at(&message), position));
        if let Some(groups) = &mut self.groups {
            groups.take_from_flight(&message);
        }
        Some(message)
    }

    /// How many messages were looked at that wait, held or not.
    pub(super) fn looked_through(&self) -> usize {
        self.waiting.len() + self.groups.as_ref().map_or(0, Groups::skipped)
    }

    /// Where reading resumes for a group whose next message was let go.
    pub(super) fn resume_at(&self) -> Option<Position> {
        self.groups.as_ref().and_then(Groups::resume_at)
    }

    /// Takes in, of a page read from `from` on, what was skipped and could be delivered now.
    pub(super) fn hold_skipped(&mut self, from: Position, rows: Vec<StoredMessage>, last: bool) {
        let groups = self.groups.as_ref().expect("only a FIFO queue skips messages");
        let end = rows.last().map(|row| row.position.next()).filter(|_| !last);
        let wanted = |row: &StoredMessage| !self.is_in_flight(row.position) && groups.wants(row);
        let wanted: Vec<_> = rows.into_iter().filter(wanted).collect();
        for row in wanted {
            if self.frontier.is_none_or(|frontier| row.position < frontier) {
                self.groups.as_mut().expect("it was there").hold(&row);
                self.waiting.insert(row.position, row);
            }
        }
        if self.waiting.len() > self.limit {
            self.let_go();
        }
        let until = [end, self.frontier].into_iter().flatten().min();
        let nothing_behind = end.is_none_or(|end| until != Some(end));
        let groups = self.groups.as_mut().expect("it was there");
        groups.resumed(from, until.unwrap_or(Position::LAST), nothing_behind);
    }

    /// Whether a page can be taken in.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.kept()
    }

    /// Takes in a page read from the store: the messages from `from` on, in order, up to its last
    /// one, or up to the end of the queue if it is the `last` page.
    pub(super) fn hold_page(&mut self, from: Position, rows: Vec<StoredMessage>, last: bool) {
        let frontier = self.frontier.expect("a page was asked for");
        assert!(from >= frontier, "a page continues where scanning stopped");
        // Open the frontier first: `hold` moves it back when the page does not fit.
        self.frontier = match rows.last() {
            Some(row) if !last => Some(row.position.next()),
            last_row => {
                assert!(last || last_row.is_some(), "only the last page may be empty");
                None
            }
        };
        for row in rows {
            if !self.is_in_flight(row.position) {
                self.hold(row);
            }
        }
    }

    /// Drops the last quarter of what is waiting and moves the frontier back before it.
    fn let_go(&mut self) {
        while self.waiting.len() > self.kept() {
            let (position, message) =
                self.waiting.pop_last().expect("the window is over its limit");
            if let Some(groups) = &mut self.groups {
                groups.let_go(&message);
            }
            self.frontier = Some(position);
        }
        if let (Some(groups), Some(frontier)) = (&mut self.groups, self.frontier) {
            groups.forget_skipped_from(frontier);
        }
    }

    fn kept(&self) -> usize {
        self.limit - self.limit / 4
    }

    #[cfg(debug_assertions)]
    pub(super) fn check(&self) {
        assert!(self.waiting.len() <= self.limit, "the window is bounded");
        assert_eq!(self.returns.len(), self.in_flight.len());
        if let Some(groups) = &self.groups {
            groups.check(self.waiting.len(), self.in_flight.len());
        }
        if let (Some(frontier), Some((last, _))) = (self.frontier, self.waiting.last_key_value()) {
            assert!(*last < frontier, "only what is before the frontier waits in memory");
        }
    }
}

fn visible_at(message: &StoredMessage) -> Timestamp {
    message.receives.expect("a message in flight was received").visible_at
}
