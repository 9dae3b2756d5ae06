//! Deduplication in FIFO queues: a send that repeats one of the last five minutes stores nothing.

use std::collections::{BTreeMap, VecDeque};

use super::record::Sequence;
use crate::attributes::DeduplicationScope;
use crate::message::{MessageContent, digest};
use crate::time::Timestamp;

/// How a repetition of a send will be recognized and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedSend {
    /// Stands for the deduplication id, and for the message group if ids are unique within one.
    pub digest: u128,
    /// Until when it counts, from the first send on.
    pub until: Timestamp,
    /// What the first send was answered.
    pub message_id: [u8; 16],
    /// What the first send was answered.
    pub sequence: Sequence,
}

/// What stands for a message's deduplication id within `scope`.
pub(super) fn deduplication_digest(content: &MessageContent, scope: DeduplicationScope) -> u128 {
    let id = content.deduplication_id.as_deref().unwrap_or_default();
    match scope {
        DeduplicationScope::Queue => digest(&[id]),
        DeduplicationScope::MessageGroup => {
            digest(&[content.group_id.as_deref().unwrap_or_default(), id])
        }
    }
}

/// The sends of the last five minutes: some 90 bytes each, whatever the ids are.
#[derive(Default)]
pub(super) struct Deduplication {
    sends: BTreeMap<u128, RememberedSend>,
    in_order: VecDeque<(Timestamp, [u8; 16])>,
}

impl Deduplication {
    pub(super) fn restore(sends: Vec<RememberedSend>) -> Deduplication {
        let mut restored = Deduplication::default();
        let mut sends = sends;
        sends.sort_by_key(|send| (send.until, send.sequence));
        sends.into_iter().for_each(|send| restored.remember(send));
        restored
    }

    pub(super) fn remember(&mut self, send: RememberedSend) {
        self.in_order.push_back((send.until, send.digest.to_be_bytes()));
        self.sends.insert(send.digest, send);
    }

    /// The send that one with this digest repeats.
    pub(super) fn find(&self, digest: u128) -> Option<&RememberedSend> {
        self.sends.get(&digest)
    }

    /// Forgets what counted until `now` or earlier.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while let Some((until, digest)) = self.in_order.front() {
            if *until > now {
                break;
            }
            let digest = u128::from_be_bytes(*digest);
            if self.sends.get(&digest).is_some_and(|send| send.until == *until) {
                self.sends.remove(&digest);
            }
            self.in_order.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sends.len()
    }
}
