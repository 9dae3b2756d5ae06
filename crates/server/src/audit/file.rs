//! [`AuditFile`]: the lines of the audit log on the disk, a bounded number of files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that only its owner may read. When it is as large as it may be, it becomes `{name}.1`, the
/// one that was `{name}.1` becomes `{name}.2`, and so on; the oldest goes.
pub(super) struct AuditFile {
    path: PathBuf,
    open: Option<(File, u64)>,
    bytes_max: u64,
    kept: u32,
}

impl AuditFile {
    /// Opens or makes the file at `path`, which may have `bytes_max` bytes; `kept` older ones are
    /// kept beside it.
    pub(super) fn open(path: &Path, bytes_max: u64, kept: u32) -> io::Result<AuditFile> {
        let mut file = AuditFile { path: path.to_owned(), open: None, bytes_max, kept };
        file.reopen()?;
        Ok(file)
    }

    /// Appends whole lines. What does not fit on the disk is lost; the next lines are tried again,
    /// each beginning on a line of its own.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|(_, size)| {
            *size > 0 && size.saturating_add(lines.len() as u64) > self.bytes_max
        }) {
            self.open = None;
            self.rotate()?;
        }
        let (file, size) = match &mut self.open {
            Some(open) => open,
            None => self.reopen()?,
        };
        let written = file.write_all(lines);
        match written {
            Ok(()) => *size += lines.len() as u64,
            Err(_) => {
                // A part of a line must not run into the next one.
                let _ = file.set_len(*size);
                self.open = None;
            }
        }
        written
    }

    fn reopen(&mut self) -> io::Result<&mut (File, u64)> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        let size = file.metadata()?.len();
        Ok(self.open.insert((file, size)))
    }

    fn rotate(&self) -> io::Result<()> {
        let older = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if self.kept == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.kept).rev() {
            match fs::rename(older(number), older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, older(1))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(directory: &Path, name: &str) -> String {
        fs::read_to_string(directory.join(name)).unwrap_or_default()
    }

    #[test]
    fn only_its_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        AuditFile::open(&path, 100, 2).unwrap().append(b"{}\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn old_files_are_kept_up_to_a_number() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let mut file = AuditFile::open(&path, 4, 2).unwrap();
        for line in ["a\n", "b\n", "c\n", "d\n", "e\n", "f\n", "long line\n", "g\n"] {
            file.append(line.as_bytes()).unwrap();
        }
        assert_eq!(read(directory.path(), "audit.log"), "g\n");
        assert_eq!(read(directory.path(), "audit.log.1"), "long line\n");
        assert_eq!(read(directory.path(), "audit.log.2"), "e\nf\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_restart_goes_on_in_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        AuditFile::open(&path, 6, 2).unwrap().append(b"a\nb\n").unwrap();
        let mut file = AuditFile::open(&path, 6, 2).unwrap();
        file.append(b"c\n").unwrap();
        assert_eq!(read(directory.path(), "audit.log"), "a\nb\nc\n");
        file.append(b"d\n").unwrap();
        assert_eq!(read(directory.path(), "audit.log"), "d\n");
        assert_eq!(read(directory.path(), "audit.log.1"), "a\nb\nc\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_no_reason_to_stop() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let mut file = AuditFile::open(&path, 3, 1).unwrap();
        file.append(b"a\n").unwrap();
        fs::rename(&path, directory.path().join("elsewhere")).unwrap();
        assert!(file.append(b"b\n").is_err(), "there is nothing to rotate");
        file.append(b"c\n").unwrap();
        assert_eq!(read(directory.path(), "audit.log"), "c\n");
    }
}
