//! [`Writer`]: folds records into the database, one transaction for each group.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::MessageContent;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{
    BodyId, MoveTask, MoveTaskStatus, NotStored, OutboxEntry, Position, QueueRow, Receives, Record,
    RememberedSend, StoredMessage,
};
use formiga_engine::time::Timestamp;
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, params};

use super::checkpoint::Checkpoints;
use super::integer;
use super::reclaim::Reclaimer;
use crate::commit::{Backend, CommitError};
use crate::records;
use crate::space::Space;
use crate::{Append, Change, Epoch, IdentityChange, identity};

/// The only connection that writes.
pub(super) struct Writer {
    connection: Connection,
    checkpoints: Checkpoints,
    reclaimer: Reclaimer,
    space: Arc<Space>,
    /// The latest time that was persisted, and that of the open transaction.
    persisted: Timestamp,
    latest: Timestamp,
    /// Whether the open transaction leaves something to reclaim.
    leaves_something: bool,
    /// Whether the disk was full when something was last tried.
    disk_was_full: bool,
    /// Body ids below this are set aside: after a restart none of them is given out again.
    bodies_until: Cell<u64>,
}

/// How many body ids are set aside at a time.
const BODIES_AHEAD: u64 = 65_536;

type Outcome<T> = Result<T, rusqlite::Error>;

impl Writer {
    pub(super) fn new(
        connection: Connection,
        checkpoints: Checkpoints,
        reclaimer: Reclaimer,
        space: Arc<Space>,
    ) -> Writer {
        Writer {
            connection,
            checkpoints,
            reclaimer,
            space,
            persisted: Timestamp::EPOCH,
            latest: Timestamp::EPOCH,
            leaves_something: false,
            disk_was_full: false,
            bodies_until: Cell::new(0),
        }
    }

    fn statement(&self, sql: &str) -> Outcome<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    fn queue(&self, queue: QueueId, records: &[Record], append: &Append) -> Result<(), Failure> {
        let id = integer(queue.0);
        let mut sealed = append.sealed.iter();
        let mut row = self.row(id)?;
        let mut remembered = 0;
        for record in records {
            self.record(id, record, &mut sealed)?;
            row.absorb(record)?;
            remembered += u64::from(matches!(record, Record::Sent { remembered: Some(_), .. }));
        }
        if remembered > 0 {
            self.forget_sends(id, append.at, remembered)?;
        }
        let mut replace = self.statement("INSERT OR REPLACE INTO queue VALUES (?1, ?2)")?;
        replace.execute(params![id, records::encode_row(&row)])?;
        Ok(())
    }

    fn row(&self, queue: i64) -> Result<QueueRow, Failure> {
        let mut select = self.statement("SELECT row FROM queue WHERE queue = ?1")?;
        let bytes: Option<Vec<u8>> = select.query_row([queue], |row| row.get(0)).optional()?;
        Ok(bytes.map(|bytes| records::decode_row(&bytes)).transpose()?.unwrap_or_default())
    }

    fn record(
        &self,
        queue: i64,
        record: &Record,
        sealed: &mut std::slice::Iter<'_, (BodyId, Vec<u8>)>,
    ) -> Result<(), Failure> {
        match record {
            Record::Sent { message, content, remembered } => {
                self.content(message.body, content, sealed)?;
                self.set_bodies_aside(message.body)?;
                self.message(queue, message)?;
                if let Some(send) = remembered {
                    self.remember_send(queue, send)?;
                }
            }
            Record::Received { position, receives }
            | Record::VisibilityChanged { position, receives } => {
                self.receives(queue, *position, receives)?;
            }
            Record::Deleted { message } | Record::Expired { message } => {
                self.remove(queue, message.position)?;
                self.remove_content(message.body)?;
            }
            Record::Left(entry) => {
                self.remove(queue, entry.message.position)?;
                let mut insert = self.statement("INSERT INTO outbox VALUES (?1, ?2, ?3)")?;
                let bytes = records::encode_outbox_entry(entry);
                insert.execute(params![queue, integer(entry.number), bytes])?;
            }
            Record::HandedOver(entry) => self.remove_from_outbox(queue, entry)?,
            Record::CameBack(entry) => {
                self.remove_from_outbox(queue, entry)?;
                self.message(queue, &entry.message)?;
                if let Some(receives) = &entry.message.receives {
                    self.receives(queue, entry.message.position, receives)?;
                }
            }
            Record::Lost(entry) => {
                self.remove_from_outbox(queue, entry)?;
                self.remove_content(entry.message.body)?;
            }
            Record::Arrived { from, number, message } => {
                self.message(queue, message)?;
                let mut replace =
                    self.statement("INSERT OR REPLACE INTO arrived VALUES (?1, ?2, ?3)")?;
                replace.execute([queue, integer(from.0), integer(*number)])?;
            }
            Record::MoveTask(task) => self.move_task(queue, task)?,
        }
        Ok(())
    }

    fn content(
        &self,
        body: BodyId,
        content: &MessageContent,
        sealed: &mut std::slice::Iter<'_, (BodyId, Vec<u8>)>,
    ) -> Outcome<()> {
        let mut insert = self.statement("INSERT INTO content VALUES (?1, ?2)")?;
        match sealed.as_slice().first() {
            Some((next, bytes)) if *next == body => {
                sealed.next();
                insert.execute(params![integer(body.0), bytes])?;
            }
            _ => {
                insert.execute(params![integer(body.0), records::encode_content(content)])?;
            }
        }
        Ok(())
    }

    /// What was plain is overwritten, also in the pages that it leaves.
    fn seal(&self, contents: &[(BodyId, Vec<u8>)]) -> Outcome<()> {
        self.connection.pragma_update(None, "secure_delete", true)?;
        let sealed = (|| {
            let mut update = self.statement("UPDATE content SET content = ?2 WHERE body = ?1")?;
            for (body, bytes) in contents {
                update.execute(params![integer(body.0), bytes])?;
            }
            Ok(())
        })();
        self.connection.pragma_update(None, "secure_delete", false)?;
        sealed
    }

    fn set_bodies_aside(&self, used: BodyId) -> Outcome<()> {
        if used.0 >= self.bodies_until.get() {
            let until = used.0 + BODIES_AHEAD;
            self.setting("next_body", &until.to_be_bytes())?;
            self.bodies_until.set(until);
        }
        Ok(())
    }

    fn message(&self, queue: i64, message: &StoredMessage) -> Outcome<()> {
        let mut insert = self.statement("INSERT INTO message VALUES (?1, ?2, ?3, ?4)")?;
        let (available_at, sequence) = key(message.position);
        let bytes = records::encode_message(message);
        insert.execute(params![queue, available_at, sequence, bytes])?;
        Ok(())
    }

    fn remember_send(&self, queue: i64, send: &RememberedSend) -> Outcome<()> {
        let mut insert = self.statement("INSERT INTO remembered_send VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute(params![
            queue,
            integer(send.until.as_millis()),
            send.digest.to_be_bytes(),
            records::encode_remembered_send(send)
        ])?;
        Ok(())
    }

    /// Removes sends that count no longer, twice as many as came: so they cannot pile up, and no
    /// append removes very many.
    fn forget_sends(&self, queue: i64, now: Timestamp, came: u64) -> Outcome<()> {
        let mut delete = self.statement(
            "DELETE FROM remembered_send WHERE queue = ?1 AND (until, digest) IN
             (SELECT until, digest FROM remembered_send
              WHERE queue = ?1 AND until <= ?2 ORDER BY until, digest LIMIT ?3)",
        )?;
        delete.execute([queue, integer(now.as_millis()), integer(2 * came)])?;
        Ok(())
    }

    fn remove_from_outbox(&self, queue: i64, entry: &OutboxEntry) -> Outcome<()> {
        let mut delete = self.statement("DELETE FROM outbox WHERE queue = ?1 AND number = ?2")?;
        delete.execute([queue, integer(entry.number)])?;
        Ok(())
    }

    /// All tasks of a queue are written together: there are at most eleven.
    fn move_task(&self, queue: i64, task: &MoveTask) -> Result<(), Failure> {
        let mut tasks = super::reader::move_tasks(&self.connection, queue)?;
        task.clone().keep(&mut tasks);
        self.statement("DELETE FROM move_task WHERE queue = ?1")?.execute([queue])?;
        let mut insert = self.statement("INSERT INTO move_task VALUES (?1, ?2, ?3, ?4)")?;
        for (place, task) in tasks.iter().enumerate() {
            let running = task.status == MoveTaskStatus::Running;
            let bytes = records::encode_move_task(task);
            insert.execute(params![queue, integer(place as u64), running, bytes])?;
        }
        Ok(())
    }

    fn receives(&self, queue: i64, position: Position, receives: &Receives) -> Outcome<()> {
        let (available_at, sequence) = key(position);
        let mut replace =
            self.statement("INSERT OR REPLACE INTO receive VALUES (?1, ?2, ?3, ?4)")?;
        let receives = records::encode_receives(receives);
        replace.execute(params![queue, available_at, sequence, receives])?;
        Ok(())
    }

    fn remove(&self, queue: i64, position: Position) -> Outcome<()> {
        let (available_at, sequence) = key(position);
        for sql in [
            "DELETE FROM message WHERE queue = ?1 AND available_at = ?2 AND sequence = ?3",
            "DELETE FROM receive WHERE queue = ?1 AND available_at = ?2 AND sequence = ?3",
        ] {
            self.statement(sql)?.execute([queue, available_at, sequence])?;
        }
        Ok(())
    }

    fn remove_content(&self, body: BodyId) -> Outcome<()> {
        self.statement("DELETE FROM content WHERE body = ?1")?.execute([integer(body.0)])?;
        Ok(())
    }

    fn catalog(&self, record: &CatalogRecord) -> Result<(), Failure> {
        match record {
            CatalogRecord::Created(entry) | CatalogRecord::Changed(entry) => self.entry(entry),
            CatalogRecord::Purged { entry, old } => {
                let row = self.row(integer(old.0))?.emptied();
                self.leave(*old)?;
                let mut insert = self.statement("INSERT INTO queue VALUES (?1, ?2)")?;
                insert.execute(params![integer(entry.generation.0), records::encode_row(&row)])?;
                // What is on its way goes on.
                for table in ["outbox", "arrived", "move_task"] {
                    let sql = format!("UPDATE {table} SET queue = ?1 WHERE queue = ?2");
                    let generations = [integer(entry.generation.0), integer(old.0)];
                    self.statement(&sql)?.execute(generations)?;
                }
                self.entry(entry)
            }
            CatalogRecord::Deleted(entry) => {
                let id = integer(entry.id.0);
                self.remove_undelivered(entry)?;
                self.statement("DELETE FROM arrived WHERE source = ?1")?.execute([id])?;
                self.statement("DELETE FROM catalog WHERE queue = ?1")?.execute([id])?;
                for table in ["outbox", "arrived", "move_task"] {
                    let sql = format!("DELETE FROM {table} WHERE queue = ?1");
                    self.statement(&sql)?.execute([integer(entry.generation.0)])?;
                }
                self.leave(entry.generation)
            }
        }
    }

    fn entry(&self, entry: &CatalogEntry) -> Result<(), Failure> {
        let mut replace = self.statement("INSERT OR REPLACE INTO catalog VALUES (?1, ?2)")?;
        replace.execute(params![integer(entry.id.0), records::encode_entry(entry)])?;
        let mut select = self.statement("SELECT value FROM setting WHERE name = 'next_queue'")?;
        let next: Option<[u8; 8]> = select.query_row((), |row| row.get(0)).optional()?;
        let next = next.map_or(0, u64::from_be_bytes);
        let used = entry.id.0.max(entry.generation.0) + 1;
        if used > next {
            self.setting("next_queue", &used.to_be_bytes())?;
        }
        Ok(())
    }

    /// Removes the contents of what a queue that is deleted has on its way. What has arrived is the
    /// target's.
    fn remove_undelivered(&self, source: &CatalogEntry) -> Result<(), Failure> {
        for entry in super::reader::outbox(&self.connection, integer(source.generation.0))? {
            let mut select = self.statement("SELECT entry FROM catalog WHERE queue = ?1")?;
            let target: Option<Vec<u8>> =
                select.query_row([integer(entry.to.0)], |row| row.get(0)).optional()?;
            let target = target.map(|bytes| records::decode_entry(&bytes)).transpose()?;
            let arrived: Option<i64> = match target {
                Some(target) => self
                    .statement("SELECT number FROM arrived WHERE queue = ?1 AND source = ?2")?
                    .query_row([integer(target.generation.0), integer(source.id.0)], |row| {
                        row.get(0)
                    })
                    .optional()?,
                None => None,
            };
            if arrived.is_none_or(|number| number < integer(entry.number)) {
                self.remove_content(entry.message.body)?;
            }
        }
        Ok(())
    }

    /// Leaves a generation to the reclaimer.
    fn leave(&self, generation: QueueId) -> Result<(), Failure> {
        let id = integer(generation.0);
        self.statement("DELETE FROM queue WHERE queue = ?1")?.execute([id])?;
        self.statement("INSERT INTO leftover VALUES (?1)")?.execute([id])?;
        Ok(())
    }

    fn setting(&self, name: &str, value: &[u8]) -> Outcome<()> {
        let mut replace = self.statement("INSERT OR REPLACE INTO setting VALUES (?1, ?2)")?;
        replace.execute(params![name, value])?;
        Ok(())
    }

    fn identities(&self, changes: &[IdentityChange]) -> Outcome<()> {
        for change in changes {
            match change {
                IdentityChange::Put(identity) => {
                    let sql = "INSERT OR REPLACE INTO identity VALUES (?1, ?2)";
                    let bytes = identity::encode(identity);
                    self.statement(sql)?.execute(params![identity.key().text(), bytes])?;
                }
                IdentityChange::Remove(key) => {
                    let sql = "DELETE FROM identity WHERE key = ?1";
                    self.statement(sql)?.execute([key.text()])?;
                }
            }
        }
        Ok(())
    }
}

impl Backend for Writer {
    fn begin(&mut self) -> Result<Epoch, String> {
        let begin = || {
            self.statement("BEGIN IMMEDIATE")?.execute(())?;
            self.statement("SELECT value FROM setting WHERE name = 'epoch'")?
                .query_row((), |row| row.get(0))
                .optional()
        };
        let epoch: Outcome<Option<[u8; 8]>> = begin();
        match epoch {
            Ok(epoch) => Ok(Epoch(epoch.map_or(0, u64::from_be_bytes))),
            Err(error) => {
                let _ = self.rollback();
                Err(error.to_string())
            }
        }
    }

    fn apply(&mut self, append: &Append) -> Result<(), String> {
        self.latest = self.latest.max(append.at);
        let applied = match &append.change {
            Change::Queue(queue, records) => self.queue(*queue, records, append),
            Change::Catalog(record) => {
                self.leaves_something = true;
                self.catalog(record)
            }
            Change::Setting(name, value) => self.setting(name, value).map_err(Failure::from),
            Change::Identities(changes) => self.identities(changes).map_err(Failure::from),
            Change::Seal(contents) => self.seal(contents).map_err(Failure::from),
        };
        self.reclaimer.note_written();
        applied.map_err(|failure| {
            self.disk_was_full = failure.is_full_disk();
            failure.to_string()
        })
    }

    fn commit(&mut self) -> Result<(), CommitError> {
        let persist = self.latest.as_secs() > self.persisted.as_secs();
        let commit = || {
            if persist {
                self.setting("latest", &self.latest.as_millis().to_be_bytes())?;
            }
            self.statement("COMMIT")?.execute(())
        };
        match commit() {
            Ok(_) => {
                self.persisted = self.latest;
                if std::mem::take(&mut self.leaves_something) {
                    self.reclaimer.wake();
                }
                Ok(())
            }
            Err(error) => Err(self.failed_commit(&error)),
        }
    }

    fn rollback(&mut self) -> Result<(), String> {
        self.bodies_until.set(0); // It may have been set aside just now.
        if self.connection.is_autocommit() {
            return Ok(()); // SQLite has rolled back by itself.
        }
        self.connection.execute_batch("ROLLBACK").map_err(|error| error.to_string())
    }

    fn make_room(&mut self) -> bool {
        std::mem::take(&mut self.disk_was_full) && self.space.drop_ballast()
    }

    fn tend(&mut self) -> Option<Duration> {
        let again_after = self.reclaimer.work(&self.connection, &self.checkpoints);
        self.checkpoints.tend(&self.connection);
        again_after
    }
}

impl Writer {
    /// A full disk or a busy database is met before the commit takes place. Everything else, a
    /// failed sync above all, leaves it open what will be found after a crash.
    fn failed_commit(&mut self, error: &rusqlite::Error) -> CommitError {
        let before = [ErrorCode::DiskFull, ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked];
        let certain = error.sqlite_error_code().is_some_and(|code| before.contains(&code));
        self.disk_was_full = is_full_disk(error);
        match self.rollback() {
            Ok(()) if certain => CommitError::NotCommitted(error.to_string()),
            _ => CommitError::Unknown(error.to_string()),
        }
    }
}

fn key(position: Position) -> (i64, i64) {
    (integer(position.available_at.as_millis()), integer(position.sequence.0))
}

/// Why an append could not be applied.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Decode(#[from] crate::DecodeError),
    #[error(transparent)]
    Read(#[from] super::reader::Error),
    #[error(transparent)]
    NotStored(#[from] NotStored),
}

impl Failure {
    fn is_full_disk(&self) -> bool {
        matches!(self, Failure::Sqlite(error) if is_full_disk(error))
    }
}

fn is_full_disk(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
