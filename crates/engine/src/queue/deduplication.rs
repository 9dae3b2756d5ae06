//! Deduplication in FIFO queues: a send that repeats one of the last five minutes stores nothing.

use std::collections::{BTreeMap, VecDeque};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

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

/// What deduplication ids are hashed with, so that who reads the stored hashes cannot try which ids
/// they stand for.
#[derive(Clone)]
pub struct DeduplicationKey(Hmac<Sha256>);

impl DeduplicationKey {
    /// The key with these secret bytes.
    pub fn new(secret: &[u8; 32]) -> DeduplicationKey {
        DeduplicationKey(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    fn digest(&self, plain: u128) -> u128 {
        let mut mac = self.0.clone();
        mac.update(&plain.to_be_bytes());
        let whole = mac.finalize().into_bytes();
        u128::from_be_bytes(*whole.first_chunk().expect("it has 32 bytes"))
    }
}

impl std::fmt::Debug for DeduplicationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeduplicationKey")
    }
}

/// What stands for a message's deduplication id within `scope`.
fn deduplication_digest(content: &MessageContent, scope: DeduplicationScope) -> u128 {
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
    key: Option<DeduplicationKey>,
    /// Until when sends may count that were remembered without the key, by an earlier version.
    without_key_until: Timestamp,
}

impl Deduplication {
    pub(super) fn restore(sends: Vec<RememberedSend>) -> Deduplication {
        let mut restored = Deduplication::default();
        let mut sends = sends;
        sends.sort_by_key(|send| (send.until, send.sequence));
        sends.into_iter().for_each(|send| restored.remember(send));
        restored
    }

    /// From now on ids are hashed with `key`. What is remembered goes on to count.
    pub(super) fn set_key(&mut self, key: DeduplicationKey) {
        let last = self.in_order.back();
        self.without_key_until = last.map_or(Timestamp::EPOCH, |(until, _)| *until);
        self.key = Some(key);
    }

    /// What stands for a message's deduplication id within `scope`, and the send that it repeats.
    pub(super) fn look_up(
        &self,
        now: Timestamp,
        content: &MessageContent,
        scope: DeduplicationScope,
    ) -> (u128, Option<&RememberedSend>) {
        let plain = deduplication_digest(content, scope);
        let Some(key) = &self.key else { return (plain, self.sends.get(&plain)) };
        let digest = key.digest(plain);
        let without_key = || self.sends.get(&plain).filter(|_| now < self.without_key_until);
        (digest, self.sends.get(&digest).or_else(without_key))
    }

    pub(super) fn remember(&mut self, send: RememberedSend) {
        self.in_order.push_back((send.until, send.digest.to_be_bytes()));
        self.sends.insert(send.digest, send);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageAttributes;

    const SCOPE: DeduplicationScope = DeduplicationScope::Queue;

    fn content(id: &str) -> MessageContent {
        MessageContent {
            message_id: [0; 16],
            body: "body".to_owned(),
            body_md5: [0; 16],
            attributes: MessageAttributes::default(),
            trace_header: None,
            group_id: Some("group".to_owned()),
            deduplication_id: Some(id.to_owned()),
            sender_id: String::new(),
        }
    }

    fn send(digest: u128, until: u64) -> RememberedSend {
        let until = Timestamp::from_millis(until);
        RememberedSend { digest, until, message_id: [1; 16], sequence: Sequence(1) }
    }

    fn keyed(secret: u8, sends: Vec<RememberedSend>) -> Deduplication {
        let mut deduplication = Deduplication::restore(sends);
        deduplication.set_key(DeduplicationKey::new(&[secret; 32]));
        deduplication
    }

    #[test]
    fn a_digest_tells_nothing_without_the_key() {
        let now = Timestamp::EPOCH;
        let (plain, _) = Deduplication::default().look_up(now, &content("id"), SCOPE);
        let (first, _) = keyed(1, vec![]).look_up(now, &content("id"), SCOPE);
        let (second, _) = keyed(2, vec![]).look_up(now, &content("id"), SCOPE);
        assert!(plain != first && first != second && second != plain);
        assert_eq!(first, keyed(1, vec![]).look_up(now, &content("id"), SCOPE).0);
    }

    #[test]
    fn what_was_remembered_before_there_was_a_key_counts_to_its_end() {
        let plain = deduplication_digest(&content("id"), SCOPE);
        let deduplication = keyed(1, vec![send(plain, 300)]);
        let found = |at, id| {
            deduplication.look_up(Timestamp::from_millis(at), &content(id), SCOPE).1.is_some()
        };
        assert!(found(299, "id"));
        assert!(!found(299, "other"));
        assert!(!found(300, "id"));
    }
}
