//! `SendMessage`: where messages get their place.

use super::deduplication::RememberedSend;
use super::record::{Position, Record, Sequence, StoredMessage};
use super::{NewMessage, Queue, Reply, SentMessage};
use crate::attributes::FifoAttributes;
use crate::limits::DEDUPLICATION_INTERVAL;
use crate::message::Group;
use crate::time::Timestamp;

impl Queue {
    pub(super) fn decide_send(
        &self,
        now: Timestamp,
        messages: &[NewMessage],
    ) -> (Reply, Vec<Record>) {
        if let Some(fifo) = &self.attributes.fifo {
            return self.decide_send_in_order(now, fifo, messages);
        }
        // A message's own delay, 0 included, replaces the queue's.
        let place = |new: &NewMessage| now + new.delay.unwrap_or(self.attributes.delay);
        let sequences = self.row.next_sequence.0..;
        let to_record = |(new, sequence): (&NewMessage, u64)| {
            let position = Position { available_at: place(new), sequence: Sequence(sequence) };
            sent(now, position, new, None)
        };
        let records: Vec<Record> = messages.iter().zip(sequences.clone()).map(to_record).collect();
        let answer = |(new, sequence): (&NewMessage, u64)| SentMessage {
            message_id: new.content.message_id,
            sequence: Sequence(sequence),
        };
        (Reply::Sent(messages.iter().zip(sequences).map(answer).collect()), records)
    }

    /// A send that repeats one of the last five minutes, or one before it in the same batch, is
    /// answered like that one. Places never run backwards, even if the clock did at a restart.
    fn decide_send_in_order(
        &self,
        now: Timestamp,
        fifo: &FifoAttributes,
        messages: &[NewMessage],
    ) -> (Reply, Vec<Record>) {
        if self.deduplication.len() + messages.len() > self.limits.remembered_sends_max {
            return (Reply::TooManySends, Vec::new());
        }
        let placed_at = now.max(self.row.last_place);
        let mut sequence = self.row.next_sequence;
        let mut answers = Vec::with_capacity(messages.len());
        let mut records = Vec::with_capacity(messages.len());
        let mut in_batch: Vec<RememberedSend> = Vec::new();
        for new in messages {
            let (digest, before) =
                self.deduplication.look_up(now, &new.content, fifo.scope_at_creation);
            let before = before.or_else(|| in_batch.iter().find(|send| send.digest == digest));
            if let Some(RememberedSend { message_id, sequence, .. }) = before.copied() {
                answers.push(SentMessage { message_id, sequence });
                continue;
            }
            let message_id = new.content.message_id;
            let until = now + DEDUPLICATION_INTERVAL;
            let send = RememberedSend { digest, until, message_id, sequence };
            in_batch.push(send);
            answers.push(SentMessage { message_id, sequence });
            let position = Position { available_at: placed_at, sequence };
            records.push(sent(placed_at, position, new, Some(send)));
            sequence = Sequence(sequence.0 + 1);
        }
        (Reply::Sent(answers), records)
    }
}

fn sent(
    sent_at: Timestamp,
    position: Position,
    new: &NewMessage,
    remembered: Option<RememberedSend>,
) -> Record {
    let message = StoredMessage {
        position,
        sent_at,
        body: new.body,
        size: u32::try_from(new.content.size()).expect("a message is at most 1 MiB"),
        group: new.content.group_id.as_deref().map(Group::of),
        moved: None,
        receives: None,
    };
    Record::Sent { message, content: new.content.clone(), remembered }
}
