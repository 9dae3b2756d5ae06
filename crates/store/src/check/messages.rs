//! Messages: their contents, receives and places, what they add up to, and the sends that FIFO
//! queues remember.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use formiga_engine::limits::VISIBILITY_TIMEOUT_TOTAL_MAX;
use formiga_engine::message::md5;
use formiga_engine::queue::{BodyId, Position, QueueRow, Receives, StoredMessage};
use formiga_engine::time::Timestamp;

use super::{Check, CheckProgress, Outcome, PROGRESS_ROWS, Queues};
use crate::{
    DataKey, DataKeyName, DecodeError, SealedContent, StoreKeys, StoredContent, records, sqlite,
};

impl<P: FnMut(CheckProgress)> Check<'_, P> {
    /// Messages in the order of their generations: what they add up to is compared generation by
    /// generation.
    pub(super) fn messages(&mut self, queues: &Queues) -> Outcome<()> {
        let all = self.count("message")?;
        let mut select = self.connection.prepare(
            "SELECT available_at, sequence, message, queue FROM message
             ORDER BY queue, available_at, sequence",
        )?;
        let mut found = select.query(())?;
        let (mut done, mut sum) = (0, None::<Sum>);
        // Generations that have no messages.
        let mut without: BTreeSet<i64> = queues.rows.keys().copied().collect();
        while let Some(row) = found.next()? {
            if done % PROGRESS_ROWS == 0 {
                self.tell("messages", done, Some(all));
            }
            done += 1;
            let generation: i64 = row.get(3)?;
            if sum.as_ref().is_none_or(|sum| sum.generation != generation) {
                if let Some(sum) = sum.take() {
                    self.compare(queues, &sum);
                }
                if !queues.has(generation) && !queues.leftovers.contains(&generation) {
                    self.problem(format!(
                        "there are messages of generation {generation}, which no queue has"
                    ));
                }
                without.remove(&generation);
                sum = Some(Sum::new(generation, queues));
            }
            let sum = sum.as_mut().expect("a generation was begun");
            let position = sqlite::position(row)?;
            match records::decode_message(position, row.get_ref(2)?.as_blob()?, None) {
                Ok(message) => self.message(sum, &message)?,
                Err(error) => self.problem(format!("{}: {error}", sum.name(position))),
            }
        }
        if let Some(sum) = sum {
            self.compare(queues, &sum);
        }
        for generation in without {
            self.compare(queues, &Sum::new(generation, queues));
        }
        self.tell("messages", all, Some(all));
        Ok(())
    }

    fn message(&mut self, sum: &mut Sum<'_>, message: &StoredMessage) -> Outcome<()> {
        let mut problems = Vec::new();
        if !self.hold(message.body)? {
            problems.push(format!("its content {} belongs to another message too", message.body.0));
        }
        // Of what is about to be removed nothing is used any more, but with it its content goes.
        if sum.is_left_behind {
            self.report.left_behind += 1;
        } else {
            let bytes = self.content(message.body)?;
            match check_content(message, bytes.as_deref(), self.keys.as_ref()) {
                Ok(was_read) => self.report.sealed += u64::from(!was_read),
                Err(problem) => problems.push(problem),
            }
            problems.extend(sum.check_place(message));
            sum.add(message);
        }
        for what in problems {
            self.problem(format!("{}: {what}", sum.name(message.position)));
        }
        Ok(())
    }

    fn compare(&mut self, queues: &Queues, sum: &Sum<'_>) {
        if sum.is_left_behind {
            return;
        }
        self.report.messages += sum.stored;
        let name = queues.entries.get(&sum.generation).map_or_else(
            || format!("generation {}", sum.generation),
            |entry| entry.key.arn().to_string(),
        );
        let row = sum.row;
        if row.stored != sum.stored {
            let QueueRow { stored, .. } = row;
            self.problem(format!(
                "{name}: its row counts {stored} messages, but there are {}",
                sum.stored
            ));
        }
        if sum.next_sequence.max(row.first_sequence.0) > row.next_sequence.0 {
            self.problem(format!("{name}: a sequence would be given out again"));
        }
        // Seconds that are over need not be counted, and a message that left and came back is not
        // counted again: its delay was over when it left.
        let now = queues.latest.max(sum.latest_sent).as_secs();
        let there = |second: &u64| sum.delay_ends.get(second).copied().unwrap_or_default();
        let counted = |second: &u64| row.delay_ends.get(second).copied().unwrap_or_default();
        let too_many = row.delay_ends.keys().find(|second| counted(second) > there(second));
        let mut to_come = sum.delay_ends.range(now + 1..).map(|(second, _)| second);
        let too_few = to_come.find(|second| counted(second) < there(second));
        if let Some(second) = too_many.or(too_few) {
            self.problem(format!("{name}: delayed messages of second {second} are miscounted"));
        }
    }

    pub(super) fn receives(&mut self) -> Outcome<()> {
        let all = self.count("receive")?;
        let mut select = self.connection.prepare(
            "SELECT r.available_at, r.sequence, r.receives, r.queue, m.queue IS NULL
             FROM receive r LEFT JOIN message m USING (queue, available_at, sequence)",
        )?;
        let mut rows = select.query(())?;
        let mut done = 0;
        while let Some(row) = rows.next()? {
            if done % PROGRESS_ROWS == 0 {
                self.tell("receives", done, Some(all));
            }
            done += 1;
            let (position, generation): (_, i64) = (sqlite::position(row)?, row.get(3)?);
            let name = || format!("message {} of generation {generation}", position.sequence.0);
            if row.get(4)? {
                self.problem(format!("{} was received, but is not stored", name()));
            }
            let receives = records::decode_receives(row.get_ref(2)?.as_blob()?);
            if let Err(what) = receives.map_err(|error| error.to_string()).and_then(check_receives)
            {
                self.problem(format!("{}: {what}", name()));
            }
        }
        Ok(())
    }

    /// A repeated send is answered with the sequence of the first, which was given out before.
    pub(super) fn remembered_sends(&mut self, queues: &Queues) -> Outcome<()> {
        let all = self.count("remembered_send")?;
        let mut select =
            self.connection.prepare("SELECT queue, until, digest, send FROM remembered_send")?;
        let mut rows = select.query(())?;
        let mut done = 0;
        while let Some(row) = rows.next()? {
            if done % PROGRESS_ROWS == 0 {
                self.tell("remembered sends", done, Some(all));
            }
            done += 1;
            let (generation, until): (i64, i64) = (row.get(0)?, row.get(1)?);
            let name = || format!("the send that generation {generation} remembers until {until}");
            let left_behind = queues.leftovers.contains(&generation);
            if !left_behind && !queues.has(generation) {
                self.problem(format!("{} is of no queue", name()));
            }
            let digest: Result<[u8; 16], _> = row.get_ref(2)?.as_blob()?.try_into();
            let Ok(digest) = digest else {
                self.problem(format!("{} has a digest that is not one", name()));
                continue;
            };
            let until = Timestamp::from_millis(until.unsigned_abs());
            let digest = u128::from_be_bytes(digest);
            match records::decode_remembered_send(until, digest, row.get_ref(3)?.as_blob()?) {
                Ok(send) => {
                    let next_sequence = queues.row(generation).next_sequence;
                    if !left_behind && send.sequence >= next_sequence {
                        self.problem(format!("{} has a sequence that was never given out", name()));
                    }
                }
                Err(error) => self.problem(format!("{}: {error}", name())),
            }
        }
        Ok(())
    }
}

/// What the messages of a generation add up to.
struct Sum<'a> {
    generation: i64,
    is_left_behind: bool,
    is_fifo: bool,
    row: &'a QueueRow,
    stored: u64,
    next_sequence: u64,
    latest_sent: Timestamp,
    delay_ends: BTreeMap<u64, u64>,
}

impl<'a> Sum<'a> {
    fn new(generation: i64, queues: &'a Queues) -> Sum<'a> {
        let entry = queues.entries.get(&generation);
        Sum {
            generation,
            is_left_behind: entry.is_none() && queues.leftovers.contains(&generation),
            is_fifo: entry.is_some_and(|entry| entry.attributes.fifo.is_some()),
            row: queues.row(generation),
            stored: 0,
            next_sequence: 0,
            latest_sent: Timestamp::EPOCH,
            delay_ends: BTreeMap::new(),
        }
    }

    fn name(&self, position: Position) -> String {
        format!("message {} of generation {}", position.sequence.0, self.generation)
    }

    /// What is wrong with the place of a message that follows those added so far. Places of a FIFO
    /// queue are in the order of sequences, and none lies behind the latest that was given out. A
    /// dead letter keeps the time of its sending, whatever its place is.
    fn check_place(&self, message: &StoredMessage) -> Option<String> {
        let Position { available_at, sequence } = message.position;
        if message.moved.is_none() && available_at < message.sent_at {
            return Some("it is available before it was sent".to_owned());
        }
        if sequence < self.row.first_sequence {
            return Some("it is stored, though the queue was purged since".to_owned());
        }
        if self.is_fifo && sequence.0 < self.next_sequence {
            return Some("it lies behind a message that was accepted later".to_owned());
        }
        if self.is_fifo && available_at > self.row.last_place {
            return Some("it lies behind the latest place of its queue".to_owned());
        }
        None
    }

    fn add(&mut self, message: &StoredMessage) {
        self.stored += 1;
        self.next_sequence = self.next_sequence.max(message.position.sequence.0 + 1);
        self.latest_sent = self.latest_sent.max(message.sent_at);
        if message.was_delayed() {
            *self.delay_ends.entry(message.position.available_at.as_secs()).or_default() += 1;
        }
    }
}

/// Tells whether the content could be read.
pub(super) fn check_content(
    message: &StoredMessage,
    bytes: Option<&[u8]>,
    keys: Option<&StoreKeys>,
) -> Result<bool, String> {
    let BodyId(body) = message.body;
    let bytes = bytes.ok_or_else(|| format!("its content {body} is missing"))?;
    let failed = |error: DecodeError| error.to_string();
    let content = match records::decode_stored_content(bytes).map_err(failed)? {
        StoredContent::Plain(content) => content,
        StoredContent::Sealed(sealed) => {
            let Some(key) = data_key(&sealed, keys)? else { return Ok(false) };
            Arc::new(key.open(message.body, &sealed).map_err(failed)?)
        }
    };
    if content.size() != u64::from(message.size) {
        return Err(format!("it has {} bytes, but should have {}", content.size(), message.size));
    }
    if md5(content.body.as_bytes()) != content.body_md5 {
        return Err("its body does not have the MD5 it was stored with".to_owned());
    }
    Ok(true)
}

fn data_key(sealed: &SealedContent, keys: Option<&StoreKeys>) -> Result<Option<DataKey>, String> {
    match (sealed.key(), keys) {
        (DataKeyName::Derived { store_key, salt }, Some(keys)) => {
            let key = keys.data_key(*store_key, *salt);
            let missing =
                || format!("it is sealed under the store key {store_key}, which is missing");
            key.map(Some).ok_or_else(missing)
        }
        (DataKeyName::Derived { .. }, None) | (DataKeyName::Wrapped(_), _) => Ok(None),
    }
}

pub(super) fn check_receives(receives: Receives) -> Result<(), String> {
    let Receives { count, first_at, last_at, visible_at } = receives;
    if count == 0 || first_at > last_at {
        return Err("its receives contradict each other".to_owned());
    }
    if visible_at > last_at + VISIBILITY_TIMEOUT_TOTAL_MAX {
        return Err("it would stay in flight for more than 12 hours".to_owned());
    }
    Ok(())
}
