//! Files that hold secrets, which only their owner may use, and those that are written as whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why a file of secrets was not read.
pub(crate) enum Unread {
    Missing,
    Because(String),
}

/// Reads a file that nobody but its owner may read.
pub(crate) fn read_private(path: &Path) -> Result<String, Unread> {
    let because = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Because(format!("{}: {error}", path.display())),
    };
    let mut file = File::open(path).map_err(because)?;
    let mode = file.metadata().map_err(because)?.mode();
    if mode & 0o077 != 0 {
        let mode = mode & 0o777;
        return Err(Unread::Because(format!(
            "{} holds secrets, but others than its owner may use it (mode {mode:o}); say chmod 600",
            path.display()
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(because)?;
    Ok(text)
}

/// Writes a file that nobody but its owner may read. It is whole or not there at all.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    write_whole(path, text, 0o600)
}

/// Writes a file that anyone may read. It is whole or not there at all.
pub(crate) fn write_public(path: &Path, text: &str) -> io::Result<()> {
    write_whole(path, text, 0o644)
}

fn write_whole(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    let mut unfinished = name.to_owned();
    unfinished.push(".unfinished");
    let unfinished = directory.join(unfinished);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()
}
