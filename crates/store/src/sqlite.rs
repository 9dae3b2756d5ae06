//! [`SqliteStore`]: one data directory, a SQLite database in WAL mode, one writer thread.

mod checkpoint;
mod read_ahead;
mod reader;
mod reclaim;
pub(crate) mod wal;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use formiga_engine::names::QueueId;
use formiga_engine::queue::{BodyId, Page, Position, Snapshot, StoredMessage};
use formiga_engine::time::Timestamp;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::commit::Committer;
use crate::directory::DataDirectory;
use crate::space::Space;
use crate::{
    Acquired, Append, Durability, Epoch, Identity, OpenError, PlainContents, ReadError, Reading,
    Store, StoredContent, Ticket,
};
use checkpoint::Checkpoints;
use read_ahead::ReadAhead;
use reader::Reader;
pub(crate) use reader::position;
use reclaim::Reclaimer;
use writer::Writer;

/// How a [`SqliteStore`] keeps its data.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// What an acknowledged append survives.
    pub durability: Durability,
    /// How much of the database the writer and each reader cache, in bytes.
    pub cache_bytes: usize,
    /// The largest size the database may grow to, in pages of 4 KiB.
    pub pages_max: Option<u32>,
    /// No messages should be added while the disk has fewer bytes free than this; 0 does not look.
    pub disk_reserve: u64,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions {
            durability: Durability::Fsync,
            cache_bytes: 16 * 1024 * 1024,
            pages_max: None,
            disk_reserve: 0,
        }
    }
}

/// Keeps queues in a SQLite database.
///
/// `synchronous=FULL` makes a commit durable: with NORMAL a commit in WAL mode is not synced, which
/// survives every kill but not a power cut. Checkpoints run on a thread of their own, so that the
/// writer does not wait for them.
pub struct SqliteStore {
    committer: Committer,
    readers: Mutex<Option<Sender<ReadJob>>>,
    reader_threads: Threads,
    checkpointer: Threads,
    directory: Mutex<Option<DataDirectory>>,
    space: Arc<Space>,
    /// Closed after every connection, see [`ReadAhead::new`].
    _file: Arc<File>,
}

type Threads = Mutex<Vec<JoinHandle<()>>>;

type ReadJob = Box<dyn FnOnce(&mut Reader) + Send>;

const READERS: usize = 2;

impl SqliteStore {
    /// Opens the store in the data directory `path`, creating it if there is none.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<SqliteStore, OpenError> {
        let directory = DataDirectory::open(path)?;
        let database = directory.database();
        let failed = |error: rusqlite::Error| OpenError::Database {
            path: database.clone(),
            reason: error.to_string(),
        };
        // Without syncs, a power cut leaves a log that looks as if a disk had spoilt it.
        if options.durability == Durability::Fsync {
            directory.check_log()?;
        }
        let mut connection = open_for_writing(&database, options).map_err(failed)?;
        directory.finish()?;
        let space = Arc::new(Space::new(path, options.disk_reserve));
        let checkpointer = connect(&database, options).map_err(failed)?;
        let (checkpoints, copy) =
            Checkpoints::new(&mut connection, checkpointer, space.clone()).map_err(failed)?;
        let file = File::open(&database).map_err(|error| OpenError::Database {
            path: database.clone(),
            reason: error.to_string(),
        })?;
        let file = Arc::new(file);
        let read_ahead = ReadAhead::new(file.clone());
        let reclaimer = Reclaimer::new(space.clone(), synchronous(options.durability), read_ahead);
        let writer = Writer::new(connection, checkpoints, reclaimer, space.clone());
        let checkpointer = Mutex::new(vec![spawn("checkpointer", copy)]);
        let mut threads = Vec::new();
        let (readers, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..READERS {
            let mut reader = Reader::new(connect(&database, options).map_err(failed)?);
            let jobs = jobs.clone();
            threads.push(spawn("reader", move || read_jobs(&mut reader, &jobs)));
        }
        Ok(SqliteStore {
            committer: Committer::start(writer),
            readers: Mutex::new(Some(readers)),
            reader_threads: Mutex::new(threads),
            checkpointer,
            directory: Mutex::new(Some(directory)),
            space,
            _file: file,
        })
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T, reader::Error> + Send + 'static,
    ) -> Reading<T> {
        let (done, outcome) = oneshot::channel();
        let job: ReadJob = Box::new(move |reader| {
            let read = read(reader).map_err(|error| ReadError(error.to_string()));
            let _ = done.send(read);
        });
        if let Some(readers) = &*self.readers.lock().expect("no one panics with the lock") {
            let _ = readers.send(job);
        }
        let closed = || ReadError("the store is closed".to_owned());
        Box::pin(async move { outcome.await.unwrap_or_else(|_| Err(closed())) })
    }
}

impl Store for SqliteStore {
    fn acquire(&self) -> Reading<Acquired> {
        self.read(Reader::acquire)
    }

    fn append(&self, epoch: Epoch, append: Append) -> Ticket {
        self.committer.append(epoch, append)
    }

    fn restore(&self, queue: QueueId, now: Timestamp, limit: usize) -> Reading<Snapshot> {
        self.read(move |reader| reader.restore(queue, now, limit))
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Reading<Page> {
        self.read(move |reader| reader.page(queue, from, limit))
    }

    fn message(&self, queue: QueueId, position: Position) -> Reading<Option<StoredMessage>> {
        self.read(move |reader| reader.message(queue, position))
    }

    fn available_between(
        &self,
        queue: QueueId,
        after: Timestamp,
        until: Timestamp,
    ) -> Reading<u64> {
        self.read(move |reader| reader.available_between(queue, after, until))
    }

    fn contents(&self, bodies: Vec<BodyId>) -> Reading<Vec<Option<StoredContent>>> {
        self.read(move |reader| reader.contents(&bodies))
    }

    fn plain_contents(&self, from: BodyId, until: BodyId) -> Reading<PlainContents> {
        self.read(move |reader| reader.plain_contents(from, until))
    }

    fn setting(&self, name: &'static str) -> Reading<Option<Vec<u8>>> {
        self.read(move |reader| reader.setting(name))
    }

    fn identities(&self) -> Reading<Vec<Identity>> {
        self.read(|reader| reader.identities())
    }

    fn full(&self) -> Option<String> {
        self.space.full()
    }

    fn failure(&self) -> Option<String> {
        self.committer.failure()
    }

    fn close(&self) {
        drop(self.readers.lock().expect("no one panics with the lock").take());
        // One after the other: the last connection to close empties the WAL, and of two that close
        // at the same time neither knows that it is the last.
        join(&self.reader_threads);
        self.committer.close();
        join(&self.checkpointer);
        // The directory is free for the next owner even if somebody still holds this store.
        drop(self.directory.lock().expect("no one panics with the lock").take());
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn join(threads: &Threads) {
    for thread in threads.lock().expect("no one panics with the lock").drain(..) {
        let _ = thread.join();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.expect("a thread can be started")
}

fn read_jobs(reader: &mut Reader, jobs: &Mutex<Receiver<ReadJob>>) {
    loop {
        let job = jobs.lock().expect("no one panics with the lock").recv();
        match job {
            Ok(job) => job(reader),
            Err(_) => return,
        }
    }
}

fn open_for_writing(path: &PathBuf, options: SqliteOptions) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables == 0 {
        // A database is told how to vacuum before its first page is written, or by a vacuum: a
        // start that was cut short may have written that page.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.execute_batch("VACUUM")?;
        write_ahead(&connection)?;
        connection.execute_batch(SCHEMA)?;
    }
    write_ahead(&connection)?;
    connection.execute_batch(ADDED)?;
    configure(&connection, options)?;
    // Both for the sake of `wal.rs`, which can then tell a damaged log from a torn one. A disk that is
    // full does not keep the server from starting.
    connection.pragma_update(None, "cache_spill", false)?;
    if let Err(error) = checkpoint::checkpoint(&connection, "TRUNCATE") {
        tracing::warn!(%error, "the write-ahead log could not be emptied");
    }
    Ok(connection)
}

/// Readers never wait for the writer only while it writes ahead. The copy that a backup makes does
/// not yet.
fn write_ahead(connection: &Connection) -> Result<(), rusqlite::Error> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode == "wal" { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
}

fn connect(path: &PathBuf, options: SqliteOptions) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection, options)?;
    Ok(connection)
}

fn configure(connection: &Connection, options: SqliteOptions) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "synchronous", synchronous(options.durability))?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", WAL_FILE_BYTES)?;
    let kibibytes = i64::try_from(options.cache_bytes / 1024).unwrap_or(i64::MAX);
    connection.pragma_update(None, "cache_size", -kibibytes)?;
    if let Some(pages) = options.pages_max {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// How long a connection waits for a lock that another one holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// When the WAL begins anew, a longer file is cut to this.
const WAL_FILE_BYTES: i64 = 64 * 1024 * 1024;

fn synchronous(durability: Durability) -> &'static str {
    match durability {
        Durability::Fsync => "FULL",
        Durability::Os => "NORMAL",
    }
}

/// Metadata lies apart from contents: a page of `message` holds some hundred messages, so reading
/// 1,000 of them takes a few dozen pages, whatever the size of the bodies. Contents have one integer
/// key for all queues and are appended in the order of arrival.
const SCHEMA: &str = "
BEGIN;
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE catalog (queue INTEGER PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE queue (queue INTEGER PRIMARY KEY, row BLOB NOT NULL);
CREATE TABLE message (
    queue INTEGER NOT NULL, available_at INTEGER NOT NULL, sequence INTEGER NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (queue, available_at, sequence)
) WITHOUT ROWID;
CREATE TABLE receive (
    queue INTEGER NOT NULL, available_at INTEGER NOT NULL, sequence INTEGER NOT NULL,
    receives BLOB NOT NULL,
    PRIMARY KEY (queue, available_at, sequence)
) WITHOUT ROWID;
CREATE TABLE content (body INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE leftover (queue INTEGER PRIMARY KEY);
COMMIT;
";

/// What databases of the first versions do not have yet. Like everything of a queue, what is a
/// queue's is kept under its generation.
const ADDED: &str = "
BEGIN;
CREATE TABLE IF NOT EXISTS remembered_send (
    queue INTEGER NOT NULL, until INTEGER NOT NULL, digest BLOB NOT NULL,
    send BLOB NOT NULL,
    PRIMARY KEY (queue, until, digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    queue INTEGER NOT NULL, number INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (queue, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arrived (
    queue INTEGER NOT NULL, source INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (queue, source)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS arrived_source ON arrived (source);
CREATE TABLE IF NOT EXISTS move_task (
    queue INTEGER NOT NULL, place INTEGER NOT NULL,
    running INTEGER NOT NULL, task BLOB NOT NULL,
    PRIMARY KEY (queue, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (key TEXT PRIMARY KEY, identity BLOB NOT NULL) WITHOUT ROWID;
COMMIT;
";

/// SQLite's integers are signed; what does not fit lies behind everything that does.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
