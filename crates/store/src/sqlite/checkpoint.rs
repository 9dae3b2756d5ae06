//! [`Checkpoints`]: copies what is committed from the WAL into the database, and keeps the WAL short.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::BUSY_TIMEOUT;
use crate::space::Space;

/// The writer's end: it sees the WAL grow and asks for checkpoints in time.
///
/// A thread of its own copies beside the writer, so that the writer does not wait. But beside a
/// writer that never pauses it never catches up entirely, and the WAL begins anew only when all of
/// it was copied: that a checkpoint copied everything it saw means nothing if more was written
/// meanwhile. So when the WAL has grown too long the writer stops for a moment and copies the rest
/// itself.
pub(super) struct Checkpoints {
    /// The length of the WAL after the latest commit, in pages.
    pages: Arc<AtomicU64>,
    /// Held while a checkpoint runs: SQLite refuses a second one instead of waiting.
    running: Arc<Mutex<()>>,
    requests: SyncSender<()>,
    /// How long the WAL was when a checkpoint was last asked for.
    asked_at: u64,
    /// At which length the writer next tries to make the WAL begin anew.
    restart_at: u64,
}

/// The checkpointer is asked to copy whenever the WAL has grown by this much, 4 MiB.
const CHECKPOINT_PAGES: u64 = 1024;

/// At this length, 64 MiB, the writer makes the WAL begin anew. If a reader still needs it, that is
/// tried again after every further 4 MiB.
const WAL_PAGES_MAX: u64 = 16 * 1024;

/// How long the writer waits for readers when it makes the WAL begin anew.
const RESTART_WAIT: Duration = Duration::from_millis(50);

impl Checkpoints {
    /// Both ends: what the writer keeps, and what the checkpointer's thread runs with
    /// `checkpointer`. Sees what `writer` commits from now on.
    pub(super) fn new(
        writer: &mut Connection,
        checkpointer: Connection,
        space: Arc<Space>,
    ) -> rusqlite::Result<(Checkpoints, impl FnOnce() + Send + 'static)> {
        let (requests, wanted) = sync_channel(1);
        let (pages, running) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::default()));
        let seen = pages.clone();
        writer.wal_hook(Some(move |_: &mut _, length: i32| {
            seen.store(u64::from(length.unsigned_abs()), Ordering::Relaxed);
            Ok(())
        }))?;
        let checkpoints = Checkpoints {
            pages,
            running: running.clone(),
            requests,
            asked_at: 0,
            restart_at: WAL_PAGES_MAX,
        };
        Ok((checkpoints, move || copy(&checkpointer, &wanted, &running, &space)))
    }

    /// Asks for a checkpoint if the WAL has grown enough since the last one, and shortens it if it
    /// is too long.
    pub(super) fn tend(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.asked_at {
            // The WAL has begun anew.
            self.asked_at = 0;
            self.restart_at = WAL_PAGES_MAX;
        }
        if pages - self.asked_at >= CHECKPOINT_PAGES {
            self.asked_at = pages;
            self.ask();
        }
        if pages >= self.restart_at {
            self.restart_at = pages + CHECKPOINT_PAGES;
            self.restart(connection);
        }
    }

    /// Asks for a checkpoint, however little was written.
    pub(super) fn ask(&self) {
        let _ = self.requests.try_send(());
    }

    /// Waits only shortly for readers: a backup reads for minutes, and everybody waits meanwhile.
    fn restart(&self, connection: &Connection) {
        let _running = self.running.lock().expect("no one panics with the lock");
        let restarted = connection
            .busy_timeout(RESTART_WAIT)
            .and_then(|()| checkpoint(connection, "RESTART"))
            .and(connection.busy_timeout(BUSY_TIMEOUT));
        if let Err(error) = restarted {
            tracing::warn!(%error, "the WAL could not be shortened");
        }
    }
}

/// Checkpoints whenever asked, until the writer is gone.
fn copy(connection: &Connection, wanted: &Receiver<()>, running: &Mutex<()>, space: &Space) {
    space.load_ballast();
    while wanted.recv().is_ok() {
        {
            let _running = running.lock().expect("no one panics with the lock");
            if let Err(error) = checkpoint(connection, "PASSIVE") {
                tracing::warn!(%error, "a checkpoint failed");
            }
        }
        space.load_ballast();
    }
}

/// Runs a checkpoint. One that could not copy everything is no error.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row((), |_| Ok(()))
}
