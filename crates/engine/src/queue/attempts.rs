//! `ReceiveRequestAttemptId`: a receive whose answer was lost can be repeated.

use std::collections::{BTreeMap, VecDeque};

use super::record::{Position, Receives};
use super::{ReceivedMessage, Record};
use crate::limits::RECEIVE_ATTEMPT_INTERVAL;
use crate::message::digest;
use crate::time::Timestamp;

/// A receive attempt, by a digest of its `ReceiveRequestAttemptId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(u128);

impl AttemptId {
    /// The attempt called `id`.
    pub fn of(id: &str) -> AttemptId {
        AttemptId(digest(&[id]))
    }
}

/// How many attempts a queue remembers. The oldest are forgotten first, and are new receives then.
const ATTEMPTS_MAX: usize = 10_000;

/// The receive attempts of the last five minutes. They are kept in memory only.
#[derive(Default)]
pub(super) struct Attempts {
    attempts: BTreeMap<AttemptId, (Timestamp, Vec<(Position, Receives)>)>,
    in_order: VecDeque<(Timestamp, AttemptId)>,
}

impl Attempts {
    /// Remembers what an attempt received. The five minutes count from its first receive.
    pub(super) fn remember(
        &mut self,
        now: Timestamp,
        id: AttemptId,
        received: &[ReceivedMessage],
        repeated: bool,
    ) {
        let receives = |received: &ReceivedMessage| (received.message.position, received.receives);
        let messages = received.iter().map(receives).collect();
        match self.attempts.get_mut(&id) {
            Some((_, remembered)) if repeated => *remembered = messages,
            _ => {
                self.attempts.insert(id, (now, messages));
                self.in_order.push_back((now, id));
            }
        }
        while self.in_order.len() > ATTEMPTS_MAX {
            self.forget_first();
        }
    }

    /// What the attempt received, if it may be repeated as far as time goes.
    pub(super) fn find(&self, id: AttemptId) -> Option<&[(Position, Receives)]> {
        self.attempts.get(&id).map(|(_, messages)| messages.as_slice())
    }

    pub(super) fn advance(&mut self, now: Timestamp) {
        while self.in_order.front().is_some_and(|(at, _)| *at + RECEIVE_ATTEMPT_INTERVAL <= now) {
            self.forget_first();
        }
    }

    /// Forgets everything, as a restart does.
    pub(super) fn clear(&mut self) {
        *self = Attempts::default();
    }

    fn forget_first(&mut self) {
        let Some((at, id)) = self.in_order.pop_front() else { return };
        if self.attempts.get(&id).is_some_and(|(began, _)| *began == at) {
            self.attempts.remove(&id);
        }
    }
}

/// The records of a repeated receive: its messages stay in flight for as long again. They keep
/// their receive counts, and so their receipt handles.
pub(super) fn repeat(received: &[ReceivedMessage]) -> Vec<Record> {
    let record = |received: &ReceivedMessage| Record::VisibilityChanged {
        position: received.message.position,
        receives: received.receives,
    };
    received.iter().map(record).collect()
}
