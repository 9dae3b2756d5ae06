//! Looks at a queue's messages without receiving them. What is stored is read past the queue's task:
//! nothing is counted, nothing becomes in flight, and nobody waits.

use std::sync::Arc;
use std::time::Duration;

use formiga_engine::message::MessageContent;
use formiga_engine::queue::{BodyId, Position, Sequence, StoredMessage};
use formiga_engine::time::Timestamp;
use tokio::time::Instant;

use super::{QueueHandle, Unanswered};

/// At most how many messages one call looks at, and for how long.
const SCANNED_MAX: usize = 20_000;
const SCAN_TIME: Duration = Duration::from_millis(200);

/// How many messages are read at a time, and how many contents, up to about so many bytes.
const PAGE: usize = 1000;
const CONTENTS: usize = 64;
const CONTENTS_BYTES: usize = 1024 * 1024;

/// An answer has no more bytes of contents than this, one message apart.
const FOUND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageState {
    Visible,
    /// In flight until this moment.
    InFlight(Timestamp),
    /// Delayed until this moment.
    Delayed(Timestamp),
}

impl MessageState {
    fn of(message: &StoredMessage, now: Timestamp) -> MessageState {
        match message.receives {
            Some(receives) if receives.visible_at > now => {
                MessageState::InFlight(receives.visible_at)
            }
            None if message.position.available_at > now => {
                MessageState::Delayed(message.position.available_at)
            }
            _ => MessageState::Visible,
        }
    }
}

/// A message that was looked at.
pub(crate) struct Peeked {
    pub(crate) message: StoredMessage,
    pub(crate) state: MessageState,
    pub(crate) content: Arc<MessageContent>,
}

/// Which messages are wanted. What can be told without a content is asked first.
pub(crate) struct Wanted<M, C> {
    pub(crate) by_message: M,
    pub(crate) by_content: C,
    /// At most how many.
    pub(crate) most: usize,
}

/// What was found.
pub(crate) struct Found {
    pub(crate) messages: Vec<Peeked>,
    /// Where to go on, unless everything was looked at.
    pub(crate) next: Option<Position>,
    /// How many messages were looked at.
    pub(crate) scanned: usize,
}

impl QueueHandle {
    /// Looks at messages from `from` on, until enough are found, the last was looked at, or it takes
    /// too long. A message on its way to another queue is in neither; what has expired is left out.
    pub(crate) async fn peek<M, C>(
        &self,
        from: Position,
        wanted: Wanted<M, C>,
    ) -> Result<Found, Unanswered>
    where
        M: Fn(&StoredMessage, MessageState) -> bool,
        C: Fn(&MessageContent) -> bool,
    {
        self.shared.sealer.allow_receive(&self.entry).await.map_err(Unanswered::Kms)?;
        let began = Instant::now();
        let now = self.shared.clock.now();
        let entry = self.queue.entry();
        let mut found = Found { messages: Vec::new(), next: Some(from), scanned: 0 };
        let mut bytes = 0;
        while let Some(from) = found.next
            && found.scanned < SCANNED_MAX
        {
            let page = self.shared.store.page(entry.generation, from, PAGE).await;
            let page = page.map_err(|error| Unanswered::Unavailable(error.to_string()))?;
            let mut messages = page.messages.as_slice();
            while !messages.is_empty() {
                let is_over = began.elapsed() >= SCAN_TIME && found.scanned > 0;
                if is_over || found.messages.len() >= wanted.most || bytes >= FOUND_BYTES_MAX {
                    found.next = Some(messages[0].position);
                    return Ok(found);
                }
                let candidate = |message: &&StoredMessage| {
                    let state = MessageState::of(message, now);
                    !entry.is_expired(now, message) && (wanted.by_message)(message, state)
                };
                let read = messages.len().min(portion(messages, &candidate));
                let (portion, rest) = messages.split_at(read);
                let chosen: Vec<_> = portion.iter().filter(candidate).cloned().collect();
                let contents = self.read_contents(&chosen).await?;
                let mut passed = portion.len();
                for (message, content) in chosen.into_iter().zip(contents) {
                    let Some(content) = content.filter(|content| (wanted.by_content)(content))
                    else {
                        continue;
                    };
                    bytes += message.size as usize;
                    let position = message.position;
                    let state = MessageState::of(&message, now);
                    found.messages.push(Peeked { message, state, content });
                    if found.messages.len() >= wanted.most {
                        let at = portion.iter().position(|it| it.position == position);
                        passed = at.map_or(portion.len(), |at| at + 1);
                        break;
                    }
                }
                found.scanned += passed;
                found.next = portion.get(passed).map(|message| message.position);
                if found.next.is_some() {
                    return Ok(found);
                }
                messages = rest;
            }
            let after = |last: &StoredMessage| Position {
                sequence: Sequence(last.position.sequence.0 + 1),
                ..last.position
            };
            found.next = page.messages.last().filter(|_| !page.last).map(after);
        }
        Ok(found)
    }

    /// The contents of messages; `None` for those that are gone meanwhile.
    async fn read_contents(
        &self,
        messages: &[StoredMessage],
    ) -> Result<Vec<Option<Arc<MessageContent>>>, Unanswered> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let bodies: Vec<BodyId> = messages.iter().map(|message| message.body).collect();
        let read = self.shared.store.contents(bodies.clone()).await;
        let read = read.map_err(|error| Unanswered::Unavailable(error.to_string()))?;
        let opened = self.shared.sealer.open(&self.entry, &bodies, &read).await;
        opened.into_iter().map(|content| content.map_err(Unanswered::Kms)).collect()
    }
}

/// How many of the messages to look at together, so that the contents of those that are candidates
/// are not too much; at least one.
fn portion(messages: &[StoredMessage], candidate: &impl Fn(&&StoredMessage) -> bool) -> usize {
    let (mut contents, mut bytes) = (0, 0);
    let fits = |message: &&StoredMessage| {
        if candidate(message) {
            contents += 1;
            bytes += message.size as usize;
        }
        contents <= 1 || (contents <= CONTENTS && bytes <= CONTENTS_BYTES)
    };
    messages.iter().take_while(fits).count()
}
