//! [`Window`]: what of the backlog is in memory, and where scanning resumes.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Position, StoredMessage};
use crate::time::Timestamp;

/// The messages a queue holds in memory.
///
/// Every stored message before the *frontier* is held, except those past their retention period;
/// of those at or behind it only messages in flight are. While everything stored is held there is
/// no frontier. Sending behind the frontier costs no memory, and receiving moves it forward a page
/// at a time, so memory is bounded by the limit plus what is in flight, however long the backlog.
pub(super) struct Window {
    /// Visible and delayed messages.
    waiting: BTreeMap<Position, StoredMessage>,
    in_flight: BTreeMap<Position, StoredMessage>,
    /// The ends of the visibility timeouts of what is in flight.
    returns: BTreeSet<(Timestamp, Position)>,
    frontier: Option<Position>,
    limit: usize,
}

impl Window {
    /// Nothing held, everything still to be read. `limit` bounds what is held besides messages
    /// in flight.
    pub(super) fn new(limit: usize) -> Window {
        Window {
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
        self.frontier.is_some_and(|frontier| position >= frontier)
    }

    /// The next end of a visibility timeout.
    pub(super) fn next_return(&self) -> Option<Timestamp> {
        self.returns.first().map(|(visible_at, _)| *visible_at)
    }

    /// Takes in a message that is visible or delayed, if it lies before the frontier.
    pub(super) fn hold(&mut self, message: StoredMessage) {
        if self.frontier.is_none_or(|frontier| message.position < frontier) {
            self.waiting.insert(message.position, message);
            if self.waiting.len() > self.limit {
                self.let_go();
            }
        }
    }

    /// Puts a message that was received in flight. It may come from anywhere.
    pub(super) fn put_in_flight(&mut self, message: StoredMessage) {
        self.remove(message.position);
        self.in_flight.insert(message.position, message);
        self.returns.insert((visible_at(&message), message.position));
    }

    /// Returns what was in flight until `now` or earlier, and lets go of the oldest messages that
    /// were sent before `kept_from`.
    pub(super) fn advance(&mut self, now: Timestamp, kept_from: Timestamp) {
        while let Some((visible_at, position)) = self.returns.first().copied() {
            if visible_at > now {
                break;
            }
            self.returns.pop_first();
            let message = self.in_flight.remove(&position).expect("what returns was in flight");
            self.hold(message);
        }
        // Delayed messages stay, expired or not, so that they can be counted.
        while let Some(first) = self.waiting.first_entry() {
            let message = first.get();
            let expired = message.sent_at < kept_from;
            if !expired || message.position.available_at > now {
                break;
            }
            first.remove();
        }
    }

    /// Lets go of everything that was sent before `kept_from`, delayed messages excepted.
    pub(super) fn forget_expired(&mut self, now: Timestamp, kept_from: Timestamp) {
        self.waiting.retain(|position, message| {
            position.available_at > now || message.sent_at >= kept_from
        });
    }

    /// Forgets a message.
    pub(super) fn remove(&mut self, position: Position) {
        self.waiting.remove(&position);
        if let Some(message) = self.in_flight.remove(&position) {
            self.returns.remove(&(visible_at(&message), position));
        }
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
            let (position, _) = self.waiting.pop_last().expect("the window is over its limit");
            self.frontier = Some(position);
        }
    }

    fn kept(&self) -> usize {
        self.limit - self.limit / 4
    }

    #[cfg(debug_assertions)]
    pub(super) fn check(&self) {
        assert!(self.waiting.len() <= self.limit, "the window is bounded");
        assert_eq!(self.returns.len(), self.in_flight.len());
        if let (Some(frontier), Some((last, _))) = (self.frontier, self.waiting.last_key_value()) {
            assert!(*last < frontier, "only what is before the frontier waits in memory");
        }
    }
}

fn visible_at(message: &StoredMessage) -> Timestamp {
    message.receives.expect("a message in flight was received").visible_at
}
