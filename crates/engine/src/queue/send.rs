//! `SendMessage`: where messages get their place.

use super::record::{Position, Record, Sequence, StoredMessage};
use super::{NewMessage, Queue, Reply};
use crate::time::Timestamp;

impl Queue {
    /// A message's own delay, 0 included, replaces the queue's.
    pub(super) fn decide_send(
        &self,
        now: Timestamp,
        messages: &[NewMessage],
    ) -> (Reply, Vec<Record>) {
        let sequences = self.row.next_sequence.0..;
        let to_record = |(new, sequence): (&NewMessage, u64)| {
            let delay = new.delay.unwrap_or(self.attributes.delay);
            let position = Position { available_at: now + delay, sequence: Sequence(sequence) };
            let size = u32::try_from(new.content.size()).expect("a message is at most 1 MiB");
            let message =
                StoredMessage { position, sent_at: now, body: new.body, size, receives: None };
            Record::Sent { message, content: new.content.clone() }
        };
        (Reply::Sent, messages.iter().zip(sequences).map(to_record).collect())
    }
}
