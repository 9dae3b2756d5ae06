//! `ReceiveMessage`: visible messages go in flight, oldest first; those received too often leave.
//! While tenants are noisy, messages of quiet ones come before theirs.

use std::time::Duration;

use super::attempts::{AttemptId, repeat};
use super::record::{Position, Receives, Record, Sequence, StoredMessage};
use super::{Need, Queue, QueueRole, ReceivedMessage, Reply};
use crate::names::QueueId;
use crate::time::Timestamp;

/// How many messages leave for the dead-letter queue in one receive.
const DEAD_LETTERS_AT_ONCE: usize = 100;

/// How many pages a receive reads beyond what is held, while messages of noisy tenants are skipped.
/// Behind a backlog that is skipped as a whole, messages of quiet tenants are looked for between
/// commands ([`Command::LookAhead`](super::Command::LookAhead)), and receives find them then.
const PAGES_OF_A_RECEIVE: usize = 10;

/// What a receive would do with the messages at hand.
#[derive(Default)]
struct Selection<'a> {
    received: Vec<&'a StoredMessage>,
    dead_letters: Vec<(&'a StoredMessage, QueueId)>,
    /// Whether the dead-letter queue must be looked for first.
    asks_for_target: bool,
}

impl Queue {
    /// What is missing to receive `max` messages.
    pub(super) fn needs_to_receive(
        &mut self,
        now: Timestamp,
        max: usize,
        attempt: Option<AttemptId>,
    ) -> Option<Need> {
        if attempt.is_some_and(|id| self.repeated(now, id, Duration::ZERO).is_some()) {
            return None;
        }
        let wanted = max.min(self.receivable_max());
        let selection = self.select(now, wanted);
        if selection.asks_for_target {
            let policy = self.attributes.redrive_policy.as_ref()?;
            let key = policy.target.clone();
            return Some(Need::Queue { key, role: QueueRole::DeadLetterQueue });
        }
        let enough = selection.received.len() == wanted
            || selection.dead_letters.len() == DEAD_LETTERS_AT_ONCE;
        if enough { None } else { self.needs_more(now) }
    }

    /// Another page, while fewer than `wanted` messages can be delivered.
    pub(super) fn needs_deliverable(&mut self, now: Timestamp, wanted: usize) -> Option<Need> {
        let enough = self.deliverable(now).take(wanted).count() == wanted;
        if enough { None } else { self.needs_more(now) }
    }

    /// Another page, if the store may hold more that could be delivered.
    fn needs_more(&mut self, now: Timestamp) -> Option<Need> {
        let available_until = self.available_until(now);
        if self.window.skips_tenants() {
            // What a tenant holds is to be of use.
            self.window.forget_expired(available_until, self.kept_from(now));
        }
        let from_frontier = || {
            let frontier = self.window.frontier()?;
            let beyond = self.window.looked_through() >= self.look_through();
            // All that is read may be skipped as well, up to the end of the backlog.
            let goes_on_later =
                self.window.skips_tenants() && self.supplied.pages >= PAGES_OF_A_RECEIVE;
            let more = frontier.available_at <= available_until && !beyond && !goes_on_later;
            more.then(|| (frontier.max(self.first_unexpired(now)), usize::MAX))
        };
        let skipped = self.window.resume_at().filter(|(at, _)| at.available_at <= available_until);
        let resumes = skipped.is_some();
        let (from, limit) = skipped.or_else(from_frontier)?;
        if !self.window.has_room() {
            // What waits and is available cannot be received: it is expired, or held up.
            self.window.forget_expired(available_until, self.kept_from(now));
        }
        if !self.window.has_room() {
            self.window.skip();
        }
        // What is left are dead letters that cannot leave yet, since too many are on their way, and
        // behind them perhaps delayed messages, which make room. A page for which there is no room
        // would be let go at once, and asked for again without end.
        let makes_room = resumes && self.window.waiting_after(available_until).next().is_some();
        let limit = limit.min(self.limits.page);
        (self.window.has_room() || makes_room).then_some(Need::Page { from, limit })
    }

    pub(super) fn decide_receive(
        &self,
        now: Timestamp,
        max: usize,
        visibility_timeout: Option<Duration>,
        attempt: Option<AttemptId>,
    ) -> (Reply, Vec<Record>) {
        let timeout = visibility_timeout.unwrap_or(self.attributes.visibility_timeout);
        if let Some(received) = attempt.and_then(|id| self.repeated(now, id, timeout)) {
            let records = repeat(&received);
            return (Reply::Received(received), records);
        }
        if self.receivable_max() == 0 {
            return (Reply::OverInFlightLimit, Vec::new());
        }
        let selection = self.select(now, max.min(self.receivable_max()));
        let numbers = self.row.next_move..;
        let leave = |((message, target), number): (&(&StoredMessage, QueueId), u64)| {
            Record::Left(self.leave(number, message, *target, None))
        };
        let left = selection.dead_letters.iter().zip(numbers).map(leave);
        let received: Vec<_> =
            selection.received.iter().map(|message| receive(now, timeout, message)).collect();
        let to_record = |received: &ReceivedMessage| Record::Received {
            position: received.message.position,
            receives: received.receives,
        };
        let records = left.chain(received.iter().map(to_record)).collect();
        (Reply::Received(received), records)
    }

    /// What an attempt received before, if none of it was touched since: the same messages under
    /// the same handles, in flight for `timeout` from now on.
    fn repeated(
        &self,
        now: Timestamp,
        attempt: AttemptId,
        timeout: Duration,
    ) -> Option<Vec<ReceivedMessage>> {
        let messages = self.attempts.find(attempt)?;
        let again = |(position, receives): &(Position, Receives)| {
            let message = self.window.get(*position)?;
            let untouched = message.receives == Some(*receives)
                && self.window.is_in_flight(*position)
                && !self.is_expired(now, message);
            let receives = Receives { visible_at: now + timeout, last_at: now, ..*receives };
            untouched.then(|| ReceivedMessage { message: message.clone(), receives })
        };
        messages.iter().map(again).collect()
    }

    /// Up to `wanted` messages to receive, and those before them that are dead letters.
    ///
    /// "When the ReceiveCount for a message exceeds the maxReceiveCount for a queue, Amazon SQS
    /// moves the message to the dead-letter queue": the attempt to receive it once more does.
    /// Without a dead-letter queue it is received all the same.
    fn select(&self, now: Timestamp, wanted: usize) -> Selection<'_> {
        let mut selection = Selection::default();
        let policy = self.attributes.redrive_policy.as_ref();
        let target = policy.and_then(|policy| self.known_queue(&policy.target));
        let leaving_max = DEAD_LETTERS_AT_ONCE.min(self.outbox_room());
        if wanted == 0 {
            return selection;
        }
        for message in self.deliverable(now) {
            let dead_letter =
                policy.filter(|policy| is_dead_letter(message, policy.max_receive_count));
            match (dead_letter, target) {
                (Some(_), None) => {
                    selection.asks_for_target = true;
                    break;
                }
                (Some(_), Some(Some(target))) => {
                    // Those that cannot leave yet stay where they are.
                    if selection.dead_letters.len() < leaving_max {
                        selection.dead_letters.push((message, target));
                    }
                    if selection.dead_letters.len() == DEAD_LETTERS_AT_ONCE {
                        break;
                    }
                }
                (Some(_), Some(None)) | (None, _) => selection.received.push(message),
            }
            if selection.received.len() == wanted {
                break;
            }
        }
        selection
    }

    /// The messages at hand that can be delivered, in the order in which they are.
    pub(super) fn deliverable(&self, now: Timestamp) -> impl Iterator<Item = &StoredMessage> {
        let unexpired = move |message: &&StoredMessage| !self.is_expired(now, message);
        self.window.deliverable(self.available_until(now)).filter(unexpired)
    }

    /// How many messages may go in flight.
    pub(super) fn receivable_max(&self) -> usize {
        self.limits.in_flight_max.saturating_sub(self.window.in_flight_count())
    }

    /// How many waiting messages are looked through for one that can be delivered.
    fn look_through(&self) -> usize {
        if self.attributes.fifo.is_some() { self.limits.look_through } else { usize::MAX }
    }

    /// Everything before this position is past its retention period: a message is sent no later
    /// than it becomes available. Reading starts here, so an expired head costs one seek.
    pub(super) fn first_unexpired(&self, now: Timestamp) -> Position {
        Position { available_at: self.kept_from(now), sequence: Sequence(0) }
    }
}

fn is_dead_letter(message: &StoredMessage, max_receive_count: u32) -> bool {
    message.receives.is_some_and(|receives| receives.count >= max_receive_count)
}

/// A first receive sets the first-receive time; every receive counts.
fn receive(now: Timestamp, timeout: Duration, message: &StoredMessage) -> ReceivedMessage {
    let before = message.receives;
    let receives = Receives {
        count: before.map_or(0, |receives| receives.count).saturating_add(1),
        first_at: before.map_or(now, |receives| receives.first_at),
        last_at: now,
        visible_at: now + timeout,
    };
    ReceivedMessage { message: message.clone(), receives }
}
