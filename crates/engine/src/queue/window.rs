//! [`Window`]: what of the backlog is in memory, and where scanning resumes.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::Groups;
use super::record::{Position, StoredMessage};
use super::tenants::Tenants;
use crate::time::Timestamp;

/// The messages a queue holds in memory.
///
/// Every stored message before the *frontier* is held, except those past their retention period
/// and those that were skipped, by a FIFO queue for the sake of its [`Groups`] or by a standard
/// queue for that of its [`Tenants`]; of those at or behind it only messages in flight are. While everything stored is held there is no frontier. Sending behind the frontier costs no
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
    order: Order,
}

/// In which order messages are delivered.
enum Order {
    /// In a FIFO queue: that of their places within each message group.
    Groups(Groups),
    /// In a standard queue: that of their places, but those of noisy tenants last.
    Tenants(Tenants),
}

/// A noisy tenant's part of the window is this of the whole.
const NOISY_PART: usize = 8;

/// Behind the frontier of a backlog with noisy tenants, messages of quiet ones are looked for
/// until this part of the window is full of them.
const QUIET_PART: usize = 4;

impl Window {
    /// Nothing held, everything still to be read. `limit` bounds what is held besides messages
    /// in flight.
    pub(super) fn new(limit: usize, fifo: bool) -> Window {
        Window {
            order: if fifo {
                Order::Groups(Groups::default())
            } else {
                Order::Tenants(Tenants::new(limit / NOISY_PART))
            },
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
        let from = [self.frontier, self.order.skipped_from()].into_iter().flatten().min();
        from.is_some_and(|from| position >= from)
    }

    /// Whether every message with a place until `moment` is held, unless it has expired.
    pub(super) fn holds_all_until(&self, moment: Timestamp) -> bool {
        let first = Position { available_at: moment, sequence: super::Sequence(u64::MAX) };
        !self.may_be_stored(first) && self.order.skipped_from().is_none()
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
        let available = move || {
            let waiting = self.waiting();
            waiting.take_while(move |message| message.position.available_at <= available_until)
        };
        match &self.order {
            Order::Groups(groups) => {
                let positions = groups.deliverable(available_until);
                Box::new(positions.map(|position| &self.waiting[&position]))
            }
            Order::Tenants(tenants) if tenants.noisy().is_empty() => Box::new(available()),
            Order::Tenants(tenants) => {
                // How many there are is known: behind the last one nothing is looked for.
                let quiet = available().filter(|message| !tenants.is_noisy(message));
                let quiet = quiet.take(self.waiting.len() - tenants.held_noisy());
                let noisy = tenants.noisy().iter().flat_map(move |group| {
                    let of_group = available().filter(move |message| message.group == Some(*group));
                    of_group.take(tenants.held(*group))
                });
                Box::new(quiet.chain(noisy))
            }
        }
    }

    /// Takes in a message that is visible or delayed, if it lies before the frontier.
    pub(super) fn hold(&mut self, message: StoredMessage) {
        if self.frontier.is_some_and(|frontier| message.position >= frontier) {
            return;
        }
        if self.order.skips(&message) {
            return;
        }
        self.order.hold(&message);
        self.waiting.insert(message.position, message);
        if self.waiting.len() > self.limit {
            self.skip_noisy();
        }
        if self.waiting.len() > self.limit {
            self.let_go();
        }
    }

    /// Puts a message that was received in flight. It may come from anywhere.
    pub(super) fn put_in_flight(&mut self, message: StoredMessage) {
        let waited = self.waiting.remove(&message.position).is_some();
        let before = self.in_flight.get(&message.position).map(visible_at);
        if let Some(visible_at) = before {
            self.returns.remove(&(visible_at, message.position));
        }
        self.returns.insert((visible_at(&message), message.position));
        match &mut self.order {
            Order::Groups(groups) => groups.put_in_flight(&message),
            Order::Tenants(tenants) => {
                if waited {
                    tenants.let_go(&message);
                }
                if before.is_none() {
                    tenants.put_in_flight(&message);
                }
            }
        }
        self.in_flight.insert(message.position, message);
    }

    /// The group of a received message waits its turn.
    pub(super) fn serve(&mut self, position: Position) {
        let message = self.in_flight.get(&position);
        if let (Order::Groups(groups), Some(message)) = (&mut self.order, message) {
            groups.serve(message);
        }
    }

    /// A message was deleted.
    pub(super) fn processed(&mut self, now: Timestamp, message: &StoredMessage) {
        if let (Order::Tenants(tenants), Some(receives)) = (&mut self.order, message.receives) {
            tenants.processed(now, message, now.since(receives.last_at));
        }
    }

    /// Forgets what a restart does: when which group was served, and what took how long.
    pub(super) fn forget_what_is_not_kept(&mut self) {
        match &mut self.order {
            Order::Groups(groups) => groups.forget_turns(),
            Order::Tenants(tenants) => tenants.forget_processing(),
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
        while self.is_fifo()
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
        if let Order::Tenants(tenants) = &mut self.order {
            let first = Position { available_at: kept_from, ..Position::FIRST };
            tenants.judge(now, self.in_flight.len(), first);
        }
    }

    fn is_fifo(&self) -> bool {
        matches!(self.order, Order::Groups(_))
    }

    /// Lets go of everything that was sent before `kept_from`, delayed messages excepted.
    pub(super) fn forget_expired(&mut self, now: Timestamp, kept_from: Timestamp) {
        let old = self.waiting.values().filter(|message| {
            message.position.available_at <= now && self.is_older(message, kept_from)
        });
        let old: Vec<Position> = old.map(|message| message.position).collect();
        old.into_iter().for_each(|position| self.drop_waiting(position));
    }

    /// Makes room by letting go of what will not be delivered soon: what waits behind a message of
    /// its group that is in flight, or behind older messages of its noisy tenant.
    pub(super) fn skip(&mut self) {
        match &mut self.order {
            Order::Groups(groups) => {
                for position in groups.skip_blocked() {
                    self.waiting.remove(&position);
                }
            }
            Order::Tenants(_) => self.skip_noisy(),
        }
    }

    /// Lets go of what noisy tenants have no room for.
    pub(super) fn skip_noisy(&mut self) {
        let Order::Tenants(tenants) = &mut self.order else { return };
        for (group, excess) in tenants.excess() {
            let of_group = |message: &&StoredMessage| message.group == Some(group);
            let last = self.waiting.values().rev().filter(of_group).take(excess);
            let positions: Vec<Position> = last.map(|message| message.position).collect();
            for position in &positions {
                let message = self.waiting.remove(position).expect("it waited");
                tenants.let_go(&message);
            }
            if let (Some(last), Some(first)) = (positions.first(), positions.last()) {
                tenants.skip(group, *first, *last);
            }
        }
    }

    /// Whether retention of the message began before `moment`.
    fn is_older(&self, message: &StoredMessage, moment: Timestamp) -> bool {
        let began = if self.is_fifo() { message.position.available_at } else { message.sent_at };
        began < moment
    }

    /// Forgets a message that is not stored any more.
    pub(super) fn remove(&mut self, message: &StoredMessage) {
        let position = message.position;
        if self.waiting.contains_key(&position) {
            self.drop_waiting(position);
        } else if self.take_from_flight(position).is_none()
            && let Order::Groups(groups) = &mut self.order
        {
            groups.forget_skipped(message);
        }
    }

    fn drop_waiting(&mut self, position: Position) {
        if let Some(message) = self.waiting.remove(&position) {
            self.order.let_go(&message);
        }
    }

    fn take_from_flight(&mut self, position: Position) -> Option<StoredMessage> {
        let message = self.in_flight.remove(&position)?;
        self.returns.remove(&(visible_at(&message), position));
        self.order.take_from_flight(&message);
        Some(message)
    }

    /// How many messages of a FIFO queue were looked at that wait, held or not.
    pub(super) fn looked_through(&self) -> usize {
        match &self.order {
            Order::Groups(groups) => self.waiting.len() + groups.skipped(),
            Order::Tenants(_) => 0,
        }
    }

    /// Where reading resumes for a group or tenant whose next messages were let go, and how many
    /// messages are read for a tenant at most.
    pub(super) fn resume_at(&self) -> Option<(Position, usize)> {
        match &self.order {
            Order::Groups(groups) => groups.resume_at().map(|at| (at, usize::MAX)),
            Order::Tenants(tenants) => tenants.resume_at().map(|at| (at, tenants.page())),
        }
    }

    /// Whether [`skip_noisy`](Window::skip_noisy) would let go of anything.
    pub(super) fn has_too_much_noisy(&self) -> bool {
        matches!(&self.order, Order::Tenants(tenants) if !tenants.excess().is_empty())
    }

    /// Whether messages of noisy tenants were skipped.
    pub(super) fn skips_tenants(&self) -> bool {
        matches!(&self.order, Order::Tenants(tenants) if tenants.skipped_from().is_some())
    }

    /// Where to read on in search of messages of quiet tenants, while there are noisy ones; or for
    /// the next messages of a tenant of whom little is held. Without room only those of a tenant
    /// that is quiet again are read: what came later makes room for them.
    pub(super) fn look_ahead_at(
        &self,
        available_until: Timestamp,
        has_room: bool,
    ) -> Option<(Position, usize)> {
        let Order::Tenants(tenants) = &self.order else { return None };
        let available = |at: &(Position, usize)| at.0.available_at <= available_until;
        if !has_room {
            let last = self.waiting.last_key_value().map(|(position, _)| *position);
            let older = |at: &Position| last.is_some_and(|last| *at < last);
            let resumed = tenants.quiet_resume_at().filter(older).map(|at| (at, tenants.page()));
            return resumed.filter(available);
        }
        let from_frontier = || {
            let quiet = self.waiting.len() - tenants.held_noisy();
            let enough = tenants.noisy().is_empty() || quiet >= self.limit / QUIET_PART;
            self.frontier.filter(|_| !enough).map(|frontier| (frontier, usize::MAX))
        };
        let resumed = self.resume_at().filter(available);
        resumed.or_else(|| from_frontier().filter(available))
    }

    /// Takes in, of a page read from `from` on, what was skipped and could be delivered now.
    pub(super) fn hold_skipped(&mut self, from: Position, rows: Vec<StoredMessage>, last: bool) {
        let end = rows.last().map(|row| row.position.next()).filter(|_| !last);
        let bounds = |frontier: Option<Position>| {
            let until = [end, frontier].into_iter().flatten().min();
            let nothing_behind = end.is_none_or(|end| until != Some(end));
            (until.unwrap_or(Position::LAST), nothing_behind)
        };
        let waits = |row: &StoredMessage| !self.in_flight.contains_key(&row.position);
        match &mut self.order {
            Order::Groups(groups) => {
                let wanted = |row: &StoredMessage| waits(row) && groups.wants(row);
                let wanted: Vec<_> = rows.into_iter().filter(wanted).collect();
                for row in wanted {
                    if self.frontier.is_none_or(|frontier| row.position < frontier) {
                        groups.hold(&row);
                        self.waiting.insert(row.position, row);
                    }
                }
                if self.waiting.len() > self.limit {
                    self.let_go();
                }
                let (until, nothing_behind) = bounds(self.frontier);
                let Order::Groups(groups) = &mut self.order else { unreachable!() };
                groups.resumed(from, until, nothing_behind);
            }
            Order::Tenants(tenants) => {
                let (until, nothing_behind) = bounds(self.frontier);
                let wanted = tenants.resume(from, until, nothing_behind, &rows);
                for row in wanted {
                    if !self.is_in_flight(row.position) {
                        self.hold(row);
                    }
                }
            }
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
            let (position, message) =
                self.waiting.pop_last().expect("the window is over its limit");
            self.order.let_go(&message);
            self.frontier = Some(position);
        }
        if let Some(frontier) = self.frontier {
            self.order.forget_skipped_from(frontier);
        }
    }

    fn kept(&self) -> usize {
        self.limit - self.limit / 4
    }

    #[cfg(debug_assertions)]
    pub(super) fn check(&self) {
        assert!(self.waiting.len() <= self.limit, "the window is bounded");
        assert_eq!(self.returns.len(), self.in_flight.len());
        match &self.order {
            Order::Groups(groups) => groups.check(self.waiting.len(), self.in_flight.len()),
            Order::Tenants(tenants) => {
                tenants.check(self.waiting.values(), self.in_flight.values());
            }
        }
        if let (Some(frontier), Some((last, _))) = (self.frontier, self.waiting.last_key_value()) {
            assert!(*last < frontier, "only what is before the frontier waits in memory");
        }
    }
}

impl Order {
    fn skips(&mut self, message: &StoredMessage) -> bool {
        match self {
            Order::Groups(groups) => groups.skips(message),
            Order::Tenants(tenants) => tenants.skips(message),
        }
    }

    fn hold(&mut self, message: &StoredMessage) {
        match self {
            Order::Groups(groups) => groups.hold(message),
            Order::Tenants(tenants) => tenants.hold(message),
        }
    }

    fn let_go(&mut self, message: &StoredMessage) {
        match self {
            Order::Groups(groups) => groups.let_go(message),
            Order::Tenants(tenants) => tenants.let_go(message),
        }
    }

    fn take_from_flight(&mut self, message: &StoredMessage) {
        match self {
            Order::Groups(groups) => groups.take_from_flight(message),
            Order::Tenants(tenants) => tenants.take_from_flight(message),
        }
    }

    fn skipped_from(&self) -> Option<Position> {
        match self {
            Order::Groups(groups) => groups.skipped_from(),
            Order::Tenants(tenants) => tenants.skipped_from(),
        }
    }

    fn forget_skipped_from(&mut self, frontier: Position) {
        match self {
            Order::Groups(groups) => groups.forget_skipped_from(frontier),
            Order::Tenants(tenants) => tenants.forget_skipped_from(frontier),
        }
    }
}

fn visible_at(message: &StoredMessage) -> Timestamp {
    message.receives.expect("a message in flight was received").visible_at
}
