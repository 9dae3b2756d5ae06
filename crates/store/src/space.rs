//! [`Space`]: how much room the disk has left, and what to do before it has none.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Watches the free space of a data directory.
///
/// Messages are taken only while more than a reserve is free, so that deleting messages, which
/// needs room in the WAL before it gives any back, works on a full disk. Other programs may fill
/// the disk all the same: then the ballast, a file that is good for nothing else, makes room once.
pub(crate) struct Space {
    directory: PathBuf,
    /// No messages are taken while less than this is free, in bytes.
    reserve: u64,
    seen: Mutex<Seen>,
}

struct Seen {
    at: Instant,
    full: Option<String>,
}

/// What was seen is believed for this long: at 200 MB/s some 20 MB, far less than the reserve.
const BELIEVED: Duration = Duration::from_millis(100);

/// The size of the ballast: room for thousands of deletes in the WAL.
const BALLAST_BYTES: u64 = 16 * 1024 * 1024;

impl Space {
    pub(crate) fn new(directory: &Path, reserve: u64) -> Space {
        let seen = Mutex::new(Seen { at: Instant::now(), full: None });
        let space = Space { directory: directory.to_owned(), reserve, seen };
        space.look();
        space
    }

    /// Why no messages should be taken, if that is so.
    pub(crate) fn full(&self) -> Option<String> {
        {
            let seen = self.seen.lock().expect("no one panics with the lock");
            if seen.at.elapsed() < BELIEVED {
                return seen.full.clone();
            }
        }
        self.look()
    }

    /// Looks at the disk, whatever was seen lately.
    fn look(&self) -> Option<String> {
        let full = match self.free() {
            Ok(free) if free >= self.reserve => None,
            Ok(free) => Some(format!(
                "the disk of {} has {} MiB left, less than the reserve of {} MiB",
                self.directory.display(),
                free >> 20,
                self.reserve >> 20
            )),
            Err(error) => {
                tracing::warn!(%error, "the free space of the disk could not be read");
                None
            }
        };
        let mut seen = self.seen.lock().expect("no one panics with the lock");
        if seen.full.is_some() != full.is_some() {
            match &full {
                Some(why) => tracing::warn!(%why, "no messages are taken"),
                None => tracing::info!("there is room again: messages are taken"),
            }
        }
        *seen = Seen { at: Instant::now(), full: full.clone() };
        full
    }

    fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.directory)?;
        Ok(disk.f_bavail * disk.f_frsize)
    }

    /// Puts the ballast in place if it is missing and there is ample room for it.
    pub(crate) fn load_ballast(&self) {
        let path = self.ballast();
        let ample = self.free().is_ok_and(|free| free >= self.reserve + 2 * BALLAST_BYTES);
        if self.reserve == 0 || path.exists() || !ample {
            return;
        }
        if let Err(error) = write_ballast(&path) {
            tracing::warn!(%error, "the ballast could not be written");
            let _ = fs::remove_file(&path);
        }
    }

    /// Gives the ballast up. Tells whether there was one.
    pub(crate) fn drop_ballast(&self) -> bool {
        let dropped = fs::remove_file(self.ballast()).is_ok();
        if dropped {
            tracing::warn!("the disk is full: the ballast was given up");
        }
        dropped
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }
}

/// Written rather than only reserved, since not every file system can reserve.
fn write_ballast(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let block = vec![0; 1 << 20];
    for _ in 0..BALLAST_BYTES >> 20 {
        file.write_all(&block)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_less_than_the_reserve_takes_no_messages() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Space::new(directory.path(), 0).full(), None);
        let full = Space::new(directory.path(), u64::MAX).full().unwrap();
        assert!(full.contains("less than the reserve"), "{full}");
    }

    #[test]
    fn the_ballast_is_given_up_once_and_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let space = Space::new(directory.path(), 1);
        assert!(!space.drop_ballast());
        space.load_ballast();
        assert_eq!(fs::metadata(space.ballast()).unwrap().len(), BALLAST_BYTES);
        assert!(space.drop_ballast());
        assert!(!space.drop_ballast());
    }
}
