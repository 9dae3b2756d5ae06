//! The data directory: who may use it, and which format it has.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::sqlite::wal;

/// The format this version reads and writes.
const FORMAT: u32 = 1;

/// Why a data directory could not be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds it.
    #[error("the data directory {0} is in use by another Formiga server")]
    InUse(PathBuf),
    /// It was written by a newer version.
    #[error(
        "the data directory {path} has format {found}, but this version of Formiga knows formats up to {FORMAT}; \
         use the version that wrote it, or a newer one"
    )]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// The format it says it has.
        found: u32,
    },
    /// Its format file says something else than a number.
    #[error("{0} does not name a format; is this a Formiga data directory?")]
    UnknownFormat(PathBuf),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The write-ahead log was damaged after it was synced.
    #[error(
        "the write-ahead log {path} was damaged on the disk: {damage}, so messages that were acknowledged are lost from it; \
         restore the directory from a backup, or start once with --durability os to go on with what is before the damage"
    )]
    DamagedLog {
        /// The log.
        path: PathBuf,
        /// Where it is damaged.
        damage: String,
    },
    /// The database could not be opened.
    #[error("the database {path} could not be opened: {reason}")]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

/// A data directory that this process holds until it is dropped.
pub(crate) struct DataDirectory {
    _lock: File,
    path: PathBuf,
    /// Whether it has no format yet.
    is_new: bool,
}

/// A data directory that no server can use until this is dropped.
pub struct Held {
    _directory: DataDirectory,
}

/// Keeps servers from the data directory `path`, which has to be one.
pub fn hold(path: &Path) -> Result<Held, OpenError> {
    Ok(Held { _directory: DataDirectory::open_existing(path)? })
}

impl DataDirectory {
    /// Creates the directory if it is missing, locks it, and checks its format.
    pub(crate) fn open(path: &Path) -> Result<DataDirectory, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        create_durably(path).map_err(io)?;
        DataDirectory::lock(path)
    }

    /// Locks a directory that is there, and checks its format.
    pub(crate) fn open_existing(path: &Path) -> Result<DataDirectory, OpenError> {
        let format = path.join("format");
        let missing = |source| OpenError::Io { path: format.clone(), source };
        fs::metadata(&format).map_err(missing)?;
        DataDirectory::lock(path)
    }

    fn lock(path: &Path) -> Result<DataDirectory, OpenError> {
        let io = |at: &Path| {
            let at = at.to_owned();
            move |source| OpenError::Io { path: at, source }
        };
        let lock_path = path.join("lock");
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let lock = options.open(&lock_path).map_err(io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => {
                return Err(OpenError::Io { path: lock_path, source });
            }
        }
        let format_path = path.join("format");
        let is_new = match fs::read_to_string(&format_path) {
            Ok(text) => {
                check_format(path, &format_path, &text)?;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(source) => return Err(OpenError::Io { path: format_path, source }),
        };
        let directory = DataDirectory { _lock: lock, path: path.to_owned(), is_new };
        directory.check_database()?;
        Ok(directory)
    }

    /// A directory gets its format last, so whatever has one had a database with tables in it.
    /// Making a new one in its place would look as if all messages had been deleted.
    fn check_database(&self) -> Result<(), OpenError> {
        let database = self.database();
        let length = fs::metadata(&database).map_or(0, |file| file.len());
        if self.is_new || length > 0 {
            return Ok(());
        }
        let reason = "it is missing or empty, though the directory was in use before; restore it, or start in another \
                      directory";
        Err(OpenError::Database { path: database, reason: reason.to_owned() })
    }

    /// Makes the directory one of this format, once its database is complete.
    pub(crate) fn finish(&self) -> Result<(), OpenError> {
        self.sync()?;
        let format_path = self.path.join("format");
        if self.is_new {
            let io = |source| OpenError::Io { path: format_path.clone(), source };
            write_format(&self.path, &format_path).map_err(io)?;
        }
        Ok(())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("formiga.db")
    }

    /// Fails if the write-ahead log has lost what was acknowledged.
    pub(crate) fn check_log(&self) -> Result<(), OpenError> {
        let log = self.path.join("formiga.db-wal");
        let io = |source| OpenError::Io { path: log.clone(), source };
        match wal::find_damage(&log).map_err(io)? {
            None => Ok(()),
            Some(damage) => Err(OpenError::DamagedLog { path: log, damage }),
        }
    }

    /// Makes the names of newly created files durable.
    fn sync(&self) -> Result<(), OpenError> {
        let io = |source| OpenError::Io { path: self.path.clone(), source };
        File::open(&self.path).and_then(|directory| directory.sync_all()).map_err(io)
    }
}

/// Makes the directory `path`, which was created durably, one of this format, whose database is `copy`. Returns the size of
/// the database in bytes.
pub(crate) fn finish_copy(path: &Path, copy: &Path) -> io::Result<u64> {
    let file = File::open(copy)?;
    file.sync_all()?;
    fs::rename(copy, path.join("formiga.db"))?;
    write_format(path, &path.join("format"))?;
    Ok(file.metadata()?.len())
}

/// The database of a directory of a known format, which a server may be using.
pub(crate) fn database_of(path: &Path) -> Result<PathBuf, OpenError> {
    let format_path = path.join("format");
    let text = fs::read_to_string(&format_path);
    let text = text.map_err(|source| OpenError::Io { path: format_path.clone(), source })?;
    check_format(path, &format_path, &text)?;
    Ok(path.join("formiga.db"))
}

fn check_format(path: &Path, format_path: &Path, text: &str) -> Result<(), OpenError> {
    match text.trim().parse() {
        Ok(found) if found > FORMAT => Err(OpenError::NewerFormat { path: path.to_owned(), found }),
        Ok(FORMAT) => Ok(()),
        _ => Err(OpenError::UnknownFormat(format_path.to_owned())),
    }
}

/// Writes the format under another name first, so that it is there whole or not at all.
fn write_format(path: &Path, format_path: &Path) -> io::Result<()> {
    let unfinished = path.join("format.new");
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&unfinished, format_path)?;
    File::open(path)?.sync_all()
}

/// Creates the directory and those above it that are missing, and makes their names durable: a
/// directory whose name a power cut removes takes everything in it along. The last name is synced
/// even if the directory is there, since an earlier start may have been cut short before it was.
pub(crate) fn create_durably(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let missing = path.ancestors().take_while(|directory| !directory.exists());
    let to_sync: Vec<PathBuf> =
        missing.chain([path.as_path()]).filter_map(Path::parent).map(Path::to_owned).collect();
    fs::create_dir_all(&path)?;
    to_sync.iter().try_for_each(|directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = DataDirectory::open(&path).unwrap();
        assert!(matches!(DataDirectory::open(&path), Err(OpenError::InUse(_))));
        drop(first);
        assert!(DataDirectory::open(&path).is_ok());
    }

    #[test]
    fn a_newer_format_is_refused_with_a_sentence_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let format = directory.path().join("format");
        fs::write(&format, "2\n").unwrap();
        let error = DataDirectory::open(directory.path()).err().unwrap();
        assert!(error.to_string().contains("has format 2, but this version of Formiga knows"));
        assert_eq!(fs::read_to_string(&format).unwrap(), "2\n");
        assert!(!directory.path().join("formiga.db").exists());
    }

    #[test]
    fn a_format_file_that_names_none_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("format"), "hello").unwrap();
        let error = DataDirectory::open(directory.path()).err().unwrap();
        assert!(matches!(error, OpenError::UnknownFormat(_)));
    }
}
