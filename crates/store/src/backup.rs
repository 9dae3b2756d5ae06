//! [`backup`]: a consistent copy of a data directory, also of one that a server is using.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::directory::{self, OpenError};

/// Why there is no copy. What was written of it is removed again.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy would overwrite something.
    #[error("{0} exists and is not an empty directory; a backup overwrites nothing")]
    Exists(PathBuf),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The copy's directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// SQLite could not copy the database.
    #[error("the database could not be copied: {0}")]
    Copy(String),
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// Bytes written so far.
    pub written: u64,
    /// About how many there will be.
    pub all: u64,
}

/// How often progress is told, in steps of SQLite's machine: some ten times a second.
const PROGRESS_STEPS: i32 = 1_000_000;

/// Copies the data directory `from` to `to`, which must not exist or be empty: everything that was
/// acknowledged before the call, and for whatever comes meanwhile either all of an append or none.
/// The copy is durable, compact, and a data directory like any other.
///
/// A server that uses `from` goes on meanwhile. Its WAL cannot begin anew until the copy is made,
/// so it needs as much space as is written by then.
pub fn backup(
    from: &Path,
    to: &Path,
    mut progress: impl FnMut(BackupProgress) + Send + 'static,
) -> Result<BackupProgress, BackupError> {
    let source = directory::database_of(from)?;
    let is_free = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let io = |source| BackupError::Io { path: to.to_owned(), source };
    directory::create_durably(to).map_err(io)?;
    // Under another name until it is whole, so that no server takes a part for the whole.
    let unfinished = to.join("formiga.db.unfinished");
    let watched = unfinished.clone();
    let copied = copy(&source, &unfinished, move |all| {
        let written = fs::metadata(&watched).map_or(0, |file| file.len());
        progress(BackupProgress { written, all });
    });
    let finished = copied.and_then(|all| {
        let written = directory::finish_copy(to, &unfinished).map_err(io)?;
        Ok(BackupProgress { written, all: all.max(written) })
    });
    if finished.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    finished
}

fn copy(
    source: &Path,
    target: &Path,
    mut progress: impl FnMut(u64) + Send + 'static,
) -> Result<u64, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = || -> rusqlite::Result<u64> {
        let mut connection = Connection::open_with_flags(source, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(30))?;
        let number = |pragma: &str| -> rusqlite::Result<u64> {
            let count: i64 =
                connection.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get(0))?;
            Ok(count.unsigned_abs())
        };
        let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
        let all = pages * number("page_size")?;
        let tell = std::panic::AssertUnwindSafe(std::sync::Mutex::new(move || progress(all)));
        connection.progress_handler(
            PROGRESS_STEPS,
            Some(move || {
                let tell = &tell;
                (tell.lock().expect("no one panics with the lock"))();
                false
            }),
        )?;
        let target = target.to_str().ok_or(rusqlite::Error::InvalidPath(target.to_owned()))?;
        connection.execute("VACUUM INTO ?1", [target])?;
        Ok(all)
    };
    copy().map_err(|error| BackupError::Copy(error.to_string()))
}
