//! Reads the log that `shim.c` writes: what the server did to its files, in order.

use std::collections::HashSet;

/// One thing the server did. Paths are relative to the watched directory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation<'a> {
    Create { file: u32, path: &'a str },
    Write { file: u32, offset: usize, data: &'a [u8] },
    SetLength { file: u32, length: usize },
    Sync { file: u32 },
    SyncDir { path: &'a str },
    MakeDir { path: &'a str },
    RemoveDir { path: &'a str },
    Rename { from: &'a str, to: &'a str },
    Unlink { path: &'a str },
}

/// An operation and how long the log was once the operation stood in it.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) end: u64,
    pub(crate) operation: Operation<'a>,
}

/// The operations of a log in order. A torn last entry belongs to an operation that was never
/// performed, and one that failed changed nothing: neither is listed. SQLite's WAL index
/// (`-shm`) is left out too: it is rebuilt at a start and never synced.
pub(crate) fn parse(log: &[u8]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut ignored = HashSet::new();
    let mut reader = Reader { log, at: 0 };
    while let Some(raw) = reader.next() {
        if raw.kind == b'F' {
            undo(&mut entries, raw.start, raw.number);
            continue;
        }
        if raw.kind == b'C' && raw.path.ends_with("-shm") {
            ignored.insert(raw.file);
        }
        if !ignored.contains(&raw.file) {
            entries.push(Entry { end: reader.at as u64, operation: raw.operation() });
        }
    }
    entries
}

/// Takes back the entry that ends at `end`, all but the first `written` bytes of a write.
fn undo(entries: &mut Vec<Entry<'_>>, end: usize, written: usize) {
    let Some(last) = entries.last_mut().filter(|last| last.end == end as u64) else { return };
    match &mut last.operation {
        Operation::Write { data, .. } if written > 0 => *data = &data[..written],
        _ => drop(entries.pop()),
    }
}

struct Reader<'a> {
    log: &'a [u8],
    at: usize,
}

struct Raw<'a> {
    start: usize,
    kind: u8,
    file: u32,
    number: usize,
    path: &'a str,
    second: &'a str,
    data: &'a [u8],
}

/// `struct header` of `shim.c`, in bytes.
const HEADER: usize = 32;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Raw<'a>> {
        let rest = &self.log[self.at..];
        let (header, _) = rest.split_at_checked(HEADER)?;
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        let (entry, _) = rest.split_at_checked(word(0) as usize)?;
        let (path, after) = entry[HEADER..].split_at(word(12) as usize);
        let (second, data) = after.split_at(word(16) as usize);
        let start = self.at;
        self.at += entry.len();
        Some(Raw {
            start,
            kind: entry[4],
            file: word(8),
            number: u64::from_le_bytes(header[24..].try_into().expect("8 bytes")) as usize,
            path: text(path),
            second: text(second),
            data,
        })
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the server's paths are UTF-8")
}

impl<'a> Raw<'a> {
    fn operation(&self) -> Operation<'a> {
        let Raw { file, number, path, second, data, .. } = *self;
        match self.kind {
            b'C' => Operation::Create { file, path },
            b'W' => Operation::Write { file, offset: number, data },
            b'T' => Operation::SetLength { file, length: number },
            b'S' => Operation::Sync { file },
            b'D' => Operation::SyncDir { path },
            b'M' => Operation::MakeDir { path },
            b'm' => Operation::RemoveDir { path },
            b'R' => Operation::Rename { from: path, to: second },
            b'X' => Operation::Unlink { path },
            b'U' => panic!("the server did what shim.c cannot describe: {path}"),
            kind => panic!("shim.c writes no entry of kind {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: u8, file: u32, number: u64, path: &str, data: &[u8]) -> Vec<u8> {
        let length = (HEADER + path.len() + data.len()) as u32;
        let words = [length, u32::from(kind), file, path.len() as u32, 0, 0];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.extend(number.to_le_bytes());
        bytes.extend(path.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn operations(log: &[u8]) -> Vec<Operation<'_>> {
        parse(log).into_iter().map(|entry| entry.operation).collect()
    }

    #[test]
    fn a_torn_last_entry_was_never_performed() {
        let whole = [entry(b'C', 1, 0, "a", b""), entry(b'W', 1, 5, "", b"hello")].concat();
        let create = Operation::Create { file: 1, path: "a" };
        let write = Operation::Write { file: 1, offset: 5, data: b"hello" };
        assert_eq!(operations(&whole), [create, write]);
        for torn in whole.len() - 36..whole.len() {
            assert_eq!(operations(&whole[..torn]), [create]);
        }
    }

    #[test]
    fn a_failed_operation_is_taken_back_and_a_short_write_shortened() {
        let create = entry(b'C', 1, 0, "a", b"");
        let failed = [create.clone(), entry(b'X', 0, 0, "b", b""), entry(b'F', 0, 0, "", b"")];
        assert_eq!(operations(&failed.concat()), [Operation::Create { file: 1, path: "a" }]);

        let short = [create, entry(b'W', 1, 0, "", b"hello"), entry(b'F', 0, 2, "", b"")].concat();
        let write = Operation::Write { file: 1, offset: 0, data: b"he" };
        assert_eq!(operations(&short)[1], write);
    }

    #[test]
    fn the_wal_index_is_left_out() {
        let index = [entry(b'C', 1, 0, "db-shm", b""), entry(b'W', 1, 0, "", b"x")].concat();
        assert_eq!(operations(&index), []);
    }
}
