//! [`Checkpoints`]: copies what is committed from the WAL into the database, and keeps the WAL small.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use crate::space::Space;

/// The writer's end: it counts what it writes and asks for checkpoints in time.
///
/// A thread of its own copies beside the writer, so that the writer does not wait. But beside a
/// writer that never pauses it never catches up entirely, and the WAL begins anew only when all of
/// it was copied. So when the WAL has grown too long the writer stops for a moment and copies the
/// rest itself.
pub(super) struct Checkpoints {
    shared: Arc<Shared>,
    requests: SyncSender<()>,
    /// Bytes handed in since a checkpoint was last asked for.
    written: usize,
}

struct Shared {
    /// Held while a checkpoint runs: SQLite refuses a second one instead of waiting.
    running: Mutex<()>,
    /// How long the WAL was when the latest checkpoint began, in pages. That all of them were
    /// copied does not mean that the WAL begins anew: more may have been written meanwhile.
    wal_pages: AtomicU64,
}

/// The checkpointer is asked to copy whenever this much was written.
const CHECKPOINT_BYTES: usize = 4 * 1024 * 1024;

/// At this length, 64 MiB, the writer makes the WAL begin anew.
const WAL_PAGES_MAX: u64 = 16 * 1024;

impl Checkpoints {
    /// Both ends: what the writer keeps, and what the checkpointer's thread runs.
    pub(super) fn new(
        connection: Connection,
        space: Arc<Space>,
    ) -> (Checkpoints, impl FnOnce() + Send + 'static) {
        let (requests, wanted) = sync_channel(1);
        let shared =
            Arc::new(Shared { running: Mutex::default(), wal_pages: AtomicU64::default() });
        let checkpoints = Checkpoints { shared: shared.clone(), requests, written: 0 };
        (checkpoints, move || copy(&connection, &wanted, &shared, &space))
    }

    pub(super) fn note_written(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// Asks for a checkpoint if enough was written since the last one, and shortens the WAL if it
    /// is too long.
    pub(super) fn tend(&mut self, connection: &Connection) {
        if self.written >= CHECKPOINT_BYTES {
            self.written = 0;
            self.ask();
            if self.shared.wal_pages.load(Ordering::Relaxed) >= WAL_PAGES_MAX {
                self.restart(connection);
            }
        }
    }

    /// Asks for a checkpoint, however little was written.
    pub(super) fn ask(&self) {
        let _ = self.requests.try_send(());
    }

    /// If a reader still needs the WAL, it is tried again after the next few megabytes.
    fn restart(&self, connection: &Connection) {
        let _running = self.shared.running.lock().expect("no one panics with the lock");
        match checkpoint(connection, "RESTART") {
            Ok(Checkpoint { complete: true, .. }) => {
                self.shared.wal_pages.store(0, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the WAL could not be shortened"),
        }
    }
}

/// Checkpoints whenever asked, until the writer is gone.
fn copy(connection: &Connection, wanted: &Receiver<()>, shared: &Shared, space: &Space) {
    space.load_ballast();
    while wanted.recv().is_ok() {
        {
            let _running = shared.running.lock().expect("no one panics with the lock");
            match checkpoint(connection, "PASSIVE") {
                Ok(Checkpoint { pages, .. }) => shared.wal_pages.store(pages, Ordering::Relaxed),
                Err(error) => tracing::warn!(%error, "a checkpoint failed"),
            }
        }
        space.load_ballast();
    }
}

struct Checkpoint {
    /// The length of the WAL.
    pages: u64,
    /// Whether all of it was copied and no reader needs it any more.
    complete: bool,
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Checkpoint> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row((), |row| {
        let (busy, pages, copied): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Checkpoint { pages: pages.unsigned_abs(), complete: busy == 0 && pages == copied })
    })
}
