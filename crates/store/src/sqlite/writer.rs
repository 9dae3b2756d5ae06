//! [`Writer`]: folds records into the database, one transaction for each group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use formiga_engine::catalog::CatalogRecord;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{BodyId, Position, QueueRow, Receives, Record, StoredMessage};
use formiga_engine::time::Timestamp;
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, params};

use super::integer;
use crate::commit::{Backend, CommitError};
use crate::records;
use crate::{Append, Change, Epoch};

/// The only connection that writes.
pub(super) struct Writer {
    connection: Connection,
    checkpoints: SyncSender<()>,
    /// Whether the latest checkpoint copied the whole WAL.
    checkpointed: Arc<AtomicBool>,
    /// The latest time that was persisted, and that of the open transaction.
    persisted: Timestamp,
    latest: Timestamp,
    /// Bytes handed in since the latest request for a checkpoint, and since the WAL was last
    /// begun anew.
    since_checkpoint: usize,
    since_restart: usize,
}

/// The checkpointer is asked to copy whenever this much was written.
const CHECKPOINT_BYTES: usize = 4 * 1024 * 1024;

/// When this much was written without the WAL beginning anew, the writer stops for a moment to let
/// it: a checkpoint beside a busy writer never catches up entirely, and the file would grow.
const RESTART_BYTES: usize = 64 * 1024 * 1024;

/// What a record costs in the WAL besides its content, roughly.
const RECORD_BYTES: usize = 256;

type Outcome<T> = Result<T, rusqlite::Error>;

impl Writer {
    pub(super) fn new(
        connection: Connection,
        checkpoints: SyncSender<()>,
        checkpointed: Arc<AtomicBool>,
    ) -> Writer {
        Writer {
            connection,
            checkpoints,
            checkpointed,
            persisted: Timestamp::EPOCH,
            latest: Timestamp::EPOCH,
            since_checkpoint: 0,
            since_restart: 0,
        }
    }

    fn statement(&self, sql: &str) -> Outcome<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    fn queue(&self, queue: QueueId, records: &[Record]) -> Result<usize, Failure> {
        let id = integer(queue.0);
        let mut row = self.row(id)?;
        let mut written = 0;
        for record in records {
            written += RECORD_BYTES + self.record(id, record)?;
            row.absorb(record);
        }
        let mut replace = self.statement("INSERT OR REPLACE INTO queue VALUES (?1, ?2)")?;
        replace.execute(params![id, records::encode_row(&row)])?;
        Ok(written)
    }

    fn row(&self, queue: i64) -> Result<QueueRow, Failure> {
        let mut select = self.statement("SELECT row FROM queue WHERE queue = ?1")?;
        let bytes: Option<Vec<u8>> = select.query_row([queue], |row| row.get(0)).optional()?;
        Ok(bytes.map(|bytes| records::decode_row(&bytes)).transpose()?.unwrap_or_default())
    }

    /// Returns the size of the content written.
    fn record(&self, queue: i64, record: &Record) -> Outcome<usize> {
        match record {
            Record::Sent { message, content } => {
                let content = records::encode_content(content);
                let mut insert = self.statement("INSERT INTO content VALUES (?1, ?2)")?;
                insert.execute(params![integer(message.body.0), content])?;
                let mut insert = self.statement("INSERT INTO message VALUES (?1, ?2, ?3, ?4)")?;
                let (available_at, sequence) = key(message.position);
                insert.execute(params![
                    queue,
                    available_at,
                    sequence,
                    records::encode_message(message)
                ])?;
                return Ok(content.len());
            }
            Record::Received { position, receives }
            | Record::VisibilityChanged { position, receives } => {
                self.receives(queue, *position, receives)?;
            }
            Record::Deleted { message } | Record::Expired { message } => {
                self.remove(queue, message.position, message.body)?;
            }
        }
        Ok(0)
    }

    fn receives(&self, queue: i64, position: Position, receives: &Receives) -> Outcome<()> {
        let (available_at, sequence) = key(position);
        let mut replace =
            self.statement("INSERT OR REPLACE INTO receive VALUES (?1, ?2, ?3, ?4)")?;
        let receives = records::encode_receives(receives);
        replace.execute(params![queue, available_at, sequence, receives])?;
        Ok(())
    }

    fn remove(&self, queue: i64, position: Position, body: BodyId) -> Outcome<()> {
        let (available_at, sequence) = key(position);
        for table in ["message", "receive"] {
            let sql = match table {
                "message" => {
                    "DELETE FROM message WHERE queue = ?1 AND available_at = ?2 AND sequence = ?3"
                }
                _ => "DELETE FROM receive WHERE queue = ?1 AND available_at = ?2 AND sequence = ?3",
            };
            self.statement(sql)?.execute([queue, available_at, sequence])?;
        }
        self.statement("DELETE FROM content WHERE body = ?1")?.execute([integer(body.0)])?;
        Ok(())
    }

    fn catalog(&self, record: &CatalogRecord) -> Result<(), Failure> {
        match record {
            CatalogRecord::Created(entry) => {
                let id = integer(entry.id.0);
                let mut insert = self.statement("INSERT INTO catalog VALUES (?1, ?2)")?;
                insert.execute(params![id, records::encode_entry(entry)])?;
                self.setting("next_queue", &(entry.id.0 + 1).to_be_bytes())?;
            }
            CatalogRecord::Deleted(entry) => {
                let id = integer(entry.id.0);
                self.statement("DELETE FROM catalog WHERE queue = ?1")?.execute([id])?;
                self.statement("DELETE FROM queue WHERE queue = ?1")?.execute([id])?;
                self.statement("INSERT INTO leftover VALUES (?1)")?.execute([id])?;
            }
        }
        Ok(())
    }

    fn setting(&self, name: &str, value: &[u8]) -> Outcome<()> {
        let mut replace = self.statement("INSERT OR REPLACE INTO setting VALUES (?1, ?2)")?;
        replace.execute(params![name, value])?;
        Ok(())
    }

    /// Removes some messages of one deleted queue.
    fn sweep(&self, limit: usize) -> Result<(), Failure> {
        let mut select = self.statement("SELECT queue FROM leftover LIMIT 1")?;
        let queue: Option<i64> = select.query_row((), |row| row.get(0)).optional()?;
        let Some(queue) = queue else { return Ok(()) };
        let messages = self.oldest(queue, limit)?;
        for message in &messages {
            self.remove(queue, message.position, message.body)?;
        }
        if messages.len() < limit {
            self.statement("DELETE FROM leftover WHERE queue = ?1")?.execute([queue])?;
        }
        Ok(())
    }

    fn oldest(&self, queue: i64, limit: usize) -> Result<Vec<StoredMessage>, Failure> {
        let mut select = self.statement(
            "SELECT available_at, sequence, message FROM message WHERE queue = ?1
             ORDER BY available_at, sequence LIMIT ?2",
        )?;
        let mut rows = select.query(params![queue, integer(limit as u64)])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            let position = super::reader::position(row)?;
            messages.push(records::decode_message(position, row.get_ref(2)?.as_blob()?, None)?);
        }
        Ok(messages)
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
            Change::Queue(queue, records) => self.queue(*queue, records),
            Change::Catalog(records) => {
                records.iter().try_for_each(|record| self.catalog(record)).map(|()| 0)
            }
            Change::Setting(name, value) => {
                self.setting(name, value).map(|()| value.len()).map_err(Failure::from)
            }
            Change::Sweep(limit) => self.sweep(*limit).map(|()| limit * RECORD_BYTES),
        };
        let written = applied.map_err(|failure| failure.to_string())?;
        self.since_checkpoint += written;
        self.since_restart += written;
        Ok(())
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
                Ok(())
            }
            Err(error) => Err(self.failed_commit(&error)),
        }
    }

    fn rollback(&mut self) -> Result<(), String> {
        if self.connection.is_autocommit() {
            return Ok(()); // SQLite has rolled back by itself.
        }
        self.connection.execute_batch("ROLLBACK").map_err(|error| error.to_string())
    }

    fn tend(&mut self) {
        if self.since_checkpoint >= CHECKPOINT_BYTES {
            self.since_checkpoint = 0;
            if self.checkpointed.swap(false, Ordering::Relaxed) {
                self.since_restart = 0;
            }
            let _ = self.checkpoints.try_send(());
        }
        if self.since_restart >= RESTART_BYTES {
            self.since_restart = 0;
            if let Err(error) = checkpoint(&self.connection, "RESTART") {
                tracing::warn!(%error, "a checkpoint failed");
            }
        }
    }
}

impl Writer {
    /// A full disk or a busy database is met before the commit takes place. Everything else, a
    /// failed sync above all, leaves it open what will be found after a crash.
    fn failed_commit(&mut self, error: &rusqlite::Error) -> CommitError {
        let before = [ErrorCode::DiskFull, ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked];
        let certain = error.sqlite_error_code().is_some_and(|code| before.contains(&code));
        match self.rollback() {
            Ok(()) if certain => CommitError::NotCommitted(error.to_string()),
            _ => CommitError::Unknown(error.to_string()),
        }
    }
}

/// Runs a checkpoint and tells whether it copied the whole WAL.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> Outcome<bool> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row((), |row| {
        let (busy, frames, copied): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && frames == copied)
    })
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
    Type(#[from] rusqlite::types::FromSqlError),
}
