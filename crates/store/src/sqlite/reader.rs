//! [`Reader`]: one connection that answers reads, never waiting for the writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use formiga_engine::names::QueueId;
use formiga_engine::queue::{
    BodyId, MoveTask, OutboxEntry, Page, Position, RememberedSend, Sequence, Snapshot,
    StoredMessage,
};
use formiga_engine::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::integer;
use crate::{
    Acquired, DecodeError, Epoch, Identity, PlainContents, StoredContent, identity, records,
};

pub(super) struct Reader {
    connection: Connection,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Type(#[from] rusqlite::types::FromSqlError),
}

type Outcome<T> = Result<T, Error>;

/// Columns: position, message, receives.
const SELECT_MESSAGES: &str = "
    SELECT m.available_at, m.sequence, m.message, r.receives
    FROM message m LEFT JOIN receive r USING (queue, available_at, sequence)
    WHERE m.queue = ?1 AND (m.available_at, m.sequence) >= (?2, ?3)
    ORDER BY m.available_at, m.sequence LIMIT ?4";

impl Reader {
    pub(super) fn new(connection: Connection) -> Reader {
        Reader { connection }
    }

    /// Raises the epoch and reads the catalog, in one transaction. The one thing a reader writes:
    /// taking over must not queue behind the appends of the owner it deposes.
    pub(super) fn acquire(&mut self) -> Outcome<Acquired> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = |name: &str| -> Outcome<u64> {
            let mut select = transaction.prepare_cached(SELECT_SETTING)?;
            let value: Option<[u8; 8]> = select.query_row([name], |row| row.get(0)).optional()?;
            Ok(value.map_or(0, u64::from_be_bytes))
        };
        let epoch = Epoch(number("epoch")? + 1);
        let next_queue = number("next_queue")?;
        let latest = Timestamp::from_millis(number("latest")?);
        let set_aside = number("next_body")?;
        let replace = "INSERT OR REPLACE INTO setting VALUES ('epoch', ?1)";
        transaction.execute(replace, [epoch.0.to_be_bytes()])?;
        let last_body = "SELECT coalesce(max(body), 0) FROM content";
        let last_body: i64 = transaction.query_row(last_body, (), |row| row.get(0))?;
        let mut catalog = Vec::new();
        {
            let mut select = transaction.prepare("SELECT entry FROM catalog")?;
            let mut rows = select.query(())?;
            while let Some(row) = rows.next()? {
                catalog.push(records::decode_entry(row.get_ref(0)?.as_blob()?)?);
            }
        }
        let busy = {
            let mut select = transaction.prepare(
                "SELECT queue FROM outbox UNION SELECT queue FROM move_task WHERE running",
            )?;
            let queues = select.query_map((), |row| row.get::<_, i64>(0))?;
            queues.map(|id| id.map(|id| QueueId(id.unsigned_abs()))).collect::<Result<_, _>>()?
        };
        transaction.commit()?;
        let next_body = BodyId(set_aside.max(last_body.unsigned_abs() + 1));
        Ok(Acquired { epoch, catalog, next_queue, next_body, latest, busy })
    }

    pub(super) fn restore(
        &mut self,
        queue: QueueId,
        now: Timestamp,
        limit: usize,
    ) -> Outcome<Snapshot> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut select = transaction.prepare_cached("SELECT row FROM queue WHERE queue = ?1")?;
        let row: Option<Vec<u8>> =
            select.query_row([integer(queue.0)], |row| row.get(0)).optional()?;
        let row = row.map(|bytes| records::decode_row(&bytes)).transpose()?.unwrap_or_default();
        let in_flight = self.in_flight(queue, now)?;
        let first_page = self.page(queue, Position::FIRST, limit)?;
        Ok(Snapshot {
            row,
            in_flight,
            first_page,
            remembered_sends: self.remembered_sends(queue, now)?,
            outbox: outbox(&self.connection, integer(queue.0))?,
            arrived: self.arrived(queue)?,
            move_tasks: move_tasks(&self.connection, integer(queue.0))?,
        })
    }

    fn remembered_sends(&self, queue: QueueId, now: Timestamp) -> Outcome<Vec<RememberedSend>> {
        let mut select = self.connection.prepare_cached(
            "SELECT until, digest, send FROM remembered_send WHERE queue = ?1 AND until > ?2",
        )?;
        let mut rows = select.query([integer(queue.0), integer(now.as_millis())])?;
        let mut sends = Vec::new();
        while let Some(row) = rows.next()? {
            let until = Timestamp::from_millis(row.get::<_, i64>(0)?.unsigned_abs());
            let digest = u128::from_be_bytes(row.get(1)?);
            let bytes = row.get_ref(2)?.as_blob()?;
            sends.push(records::decode_remembered_send(until, digest, bytes)?);
        }
        Ok(sends)
    }

    fn arrived(&self, queue: QueueId) -> Outcome<BTreeMap<QueueId, u64>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT source, number FROM arrived WHERE queue = ?1")?;
        let numbers = select.query_map([integer(queue.0)], |row| {
            let (source, number): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok((QueueId(source.unsigned_abs()), number.unsigned_abs()))
        })?;
        Ok(numbers.collect::<Result<_, _>>()?)
    }

    fn in_flight(&self, queue: QueueId, now: Timestamp) -> Outcome<Vec<StoredMessage>> {
        let mut select = self.connection.prepare_cached(SELECT_RECEIVED)?;
        let mut rows = select.query([integer(queue.0)])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            let message = message(row)?;
            if message.receives.is_some_and(|receives| receives.visible_at > now) {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    pub(super) fn page(&self, queue: QueueId, from: Position, limit: usize) -> Outcome<Page> {
        let mut select = self.connection.prepare_cached(SELECT_MESSAGES)?;
        let (available_at, sequence) =
            (integer(from.available_at.as_millis()), integer(from.sequence.0));
        // One more than asked for tells whether the queue goes on.
        let limit_and_one = integer(limit as u64 + 1);
        let mut rows =
            select.query(params![integer(queue.0), available_at, sequence, limit_and_one])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            if messages.len() == limit {
                return Ok(Page { messages, last: false });
            }
            messages.push(message(row)?);
        }
        Ok(Page { messages, last: true })
    }

    pub(super) fn message(
        &self,
        queue: QueueId,
        position: Position,
    ) -> Outcome<Option<StoredMessage>> {
        let first = self.page(queue, position, 1)?.messages.pop();
        Ok(first.filter(|message| message.position == position))
    }

    pub(super) fn available_between(
        &self,
        queue: QueueId,
        after: Timestamp,
        until: Timestamp,
    ) -> Outcome<u64> {
        let mut select = self.connection.prepare_cached(
            "SELECT count(*) FROM message
             WHERE queue = ?1 AND available_at > ?2 AND available_at <= ?3",
        )?;
        let key = [integer(queue.0), integer(after.as_millis()), integer(until.as_millis())];
        let count: i64 = select.query_row(key, |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    pub(super) fn contents(&self, bodies: &[BodyId]) -> Outcome<Vec<Option<StoredContent>>> {
        let mut select =
            self.connection.prepare_cached("SELECT content FROM content WHERE body = ?1")?;
        let mut contents = Vec::with_capacity(bodies.len());
        for body in bodies {
            let mut rows = select.query([integer(body.0)])?;
            let content = match rows.next()? {
                Some(row) => match records::decode_stored_content(row.get_ref(0)?.as_blob()?) {
                    Ok(content) => Some(content),
                    Err(error) => {
                        tracing::error!(body = body.0, %error, "a message cannot be delivered");
                        None
                    }
                },
                None => None,
            };
            contents.push(content);
        }
        Ok(contents)
    }

    /// Goes through as many contents as one append of theirs should have.
    pub(super) fn plain_contents(&self, from: BodyId, until: BodyId) -> Outcome<PlainContents> {
        // Of what is sealed only the first byte is needed.
        let mut select = self.connection.prepare_cached(
            "SELECT body, CASE substr(content, 1, 1) WHEN x'03' THEN x'' ELSE content END
             FROM content WHERE body >= ?1 AND body < ?2 ORDER BY body LIMIT ?3",
        )?;
        let limits = [integer(from.0), integer(until.0), integer(PLAIN_ROWS_MAX as u64)];
        let mut rows = select.query(limits)?;
        let (mut contents, mut read, mut bytes) = (Vec::new(), 0, 0);
        while let Some(row) = rows.next()? {
            let body = BodyId(row.get::<_, i64>(0)?.unsigned_abs());
            let content = row.get_ref(1)?.as_blob()?;
            read += 1;
            bytes += content.len();
            if !content.is_empty() {
                match records::decode_content(content) {
                    Ok(content) => contents.push((body, Arc::new(content))),
                    Err(error) => tracing::error!(body = body.0, %error, "it stays unsealed"),
                }
            }
            if read == PLAIN_ROWS_MAX || bytes >= PLAIN_BYTES_MAX {
                return Ok((contents, Some(BodyId(body.0 + 1))));
            }
        }
        Ok((contents, None))
    }

    pub(super) fn setting(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        let mut select = self.connection.prepare_cached(SELECT_SETTING)?;
        Ok(select.query_row([name], |row| row.get(0)).optional()?)
    }

    pub(super) fn identities(&self) -> Outcome<Vec<Identity>> {
        let mut select = self.connection.prepare_cached("SELECT identity FROM identity")?;
        let mut rows = select.query(())?;
        let mut identities = Vec::new();
        while let Some(row) = rows.next()? {
            identities.push(identity::decode_identity(row.get_ref(0)?.as_blob()?)?);
        }
        Ok(identities)
    }
}

/// How many contents are gone through at a time, at most: the writer takes about a millisecond for
/// so many.
const PLAIN_ROWS_MAX: usize = 64;
const PLAIN_BYTES_MAX: usize = 128 * 1024;

/// What a queue has on its way, in order.
pub(super) fn outbox(connection: &Connection, queue: i64) -> Outcome<Vec<OutboxEntry>> {
    let mut select = connection
        .prepare_cached("SELECT number, entry FROM outbox WHERE queue = ?1 ORDER BY number")?;
    let mut rows = select.query([queue])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let number = row.get::<_, i64>(0)?.unsigned_abs();
        entries.push(records::decode_outbox_entry(number, row.get_ref(1)?.as_blob()?)?);
    }
    Ok(entries)
}

/// The message move tasks of a queue, oldest first.
pub(super) fn move_tasks(connection: &Connection, queue: i64) -> Outcome<Vec<MoveTask>> {
    let mut select =
        connection.prepare_cached("SELECT task FROM move_task WHERE queue = ?1 ORDER BY place")?;
    let mut rows = select.query([queue])?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        tasks.push(records::decode_move_task(row.get_ref(0)?.as_blob()?)?);
    }
    Ok(tasks)
}

/// The messages of a queue that were received before. SQLite keeps the order of a `CROSS JOIN`: left
/// to itself it would go through all messages, of which few were received.
const SELECT_RECEIVED: &str = "SELECT r.available_at, r.sequence, m.message, r.receives
    FROM receive r CROSS JOIN message m USING (queue, available_at, sequence)
    WHERE r.queue = ?1";

const SELECT_SETTING: &str = "SELECT value FROM setting WHERE name = ?1";

fn message(row: &Row<'_>) -> Outcome<StoredMessage> {
    let receives = row.get_ref(3)?.as_blob_or_null()?;
    let receives = receives.map(records::decode_receives).transpose()?;
    Ok(records::decode_message(position(row)?, row.get_ref(2)?.as_blob()?, receives)?)
}

/// The position in the first two columns.
pub(crate) fn position(row: &Row<'_>) -> Result<Position, rusqlite::Error> {
    let (available_at, sequence): (i64, i64) = (row.get(0)?, row.get(1)?);
    Ok(Position {
        available_at: Timestamp::from_millis(available_at.unsigned_abs()),
        sequence: Sequence(sequence.unsigned_abs()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_restored_without_going_through_its_backlog() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(super::super::SCHEMA).unwrap();
        let explain = format!("EXPLAIN QUERY PLAN {SELECT_RECEIVED}");
        let mut plan = connection.prepare(&explain).unwrap();
        let steps = plan.query_map([1], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        assert!(steps[0].starts_with("SEARCH r "), "{steps:?}");
        assert!(steps[1].contains("queue=? AND available_at=? AND sequence=?"), "{steps:?}");
    }
}
