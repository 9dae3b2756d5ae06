//! [`find_damage`]: whether the write-ahead log lost what had been synced.
//!
//! SQLite reads its log up to the first frame whose checksum is wrong and forgets the rest without a word:
//! after a power cut that is what was never synced. The same silence about a frame that a failing disk
//! spoilt would be about acknowledged messages. The two are told apart by what follows. A transaction is
//! synced before the next one is written, so frames behind the *end* of the spoilt transaction mean that it
//! had been whole. What cannot be told from a power cut is damage of the last transaction.
//!
//! That holds where every commit is synced, where no transaction is written in part and then rolled back,
//! and for a log that begins anew at each start. `sqlite.rs` sees to these.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// The first word of a log, whose last bit tells in which order the bytes of words are summed.
const MAGIC: u32 = 0x377f_0682;

/// Where the log is damaged before its last transaction: a sentence's beginning. The format is that of
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
pub(crate) fn find_damage(log: &Path) -> io::Result<Option<String>> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1024 * 1024, file);
    let mut header = [0; HEADER_BYTES];
    if length <= HEADER_BYTES as u64 {
        // The header is synced before the first frame is written.
        return Ok(None);
    }
    file.read_exact(&mut header)?;
    let Some(mut frames) = Frames::after(&header) else {
        return Ok(Some("its header is damaged".to_owned()));
    };
    let mut frame = vec![0; FRAME_HEADER_BYTES + frames.page_bytes];
    let (mut number, mut first_bad, mut has_ended) = (0_u64, None, false);
    while read_whole(&mut file, &mut frame)? {
        number += 1;
        if !frames.are_of(&frame) {
            // Left of before, or spoilt: which of them, the next frames tell.
            first_bad = first_bad.or(Some(number));
            continue;
        }
        match first_bad {
            None if frames.follows(&frame) => {}
            None => {
                first_bad = Some(number);
                has_ended = is_end(&frame);
            }
            Some(bad) if has_ended => {
                return Ok(Some(format!(
                    "frame {bad} is damaged, and what was written later is there"
                )));
            }
            Some(_) => has_ended = is_end(&frame),
        }
    }
    Ok(None)
}

/// Reads the next frame, unless the log ends before or in it.
fn read_whole(file: &mut impl Read, frame: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(frame) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the frames of a log have in common, and the checksum of those before.
struct Frames {
    page_bytes: usize,
    is_big_endian: bool,
    salts: [u8; 8],
    sum: (u32, u32),
}

impl Frames {
    /// None if the header is damaged.
    fn after(header: &[u8; HEADER_BYTES]) -> Option<Frames> {
        let magic = word(header, 0);
        let page_bytes = usize::try_from(word(header, 8)).ok()?;
        let is_sane = magic & !1 == MAGIC && (512..=65_536).contains(&page_bytes);
        let is_big_endian = magic & 1 == 1;
        let sum = sum((0, 0), header.get(..24)?, is_big_endian);
        let is_whole = sum == (word(header, 24), word(header, 28));
        let salts = header.get(16..24)?.try_into().ok()?;
        (is_sane && is_whole).then_some(Frames { page_bytes, is_big_endian, salts, sum })
    }

    /// Whether the frame was written since the log began anew.
    fn are_of(&self, frame: &[u8]) -> bool {
        frame[8..16] == self.salts
    }

    /// Whether the frame is whole, and so are all before it.
    fn follows(&mut self, frame: &[u8]) -> bool {
        let start = sum(self.sum, &frame[..8], self.is_big_endian);
        let all = sum(start, &frame[FRAME_HEADER_BYTES..], self.is_big_endian);
        let is_whole = all == (word(frame, 16), word(frame, 20));
        if is_whole {
            self.sum = all;
        }
        is_whole
    }
}

/// Whether the frame is the last of its transaction.
fn is_end(frame: &[u8]) -> bool {
    word(frame, 4) != 0
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

fn sum((mut first, mut second): (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    let next = |at: &[u8]| {
        let read = word(at, 0);
        if is_big_endian { read } else { read.swap_bytes() }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(next(pair)).wrapping_add(second);
        second = second.wrapping_add(next(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use rusqlite::Connection;

    use super::*;

    /// A log of transactions that each change two pages or more, and where each ends.
    fn log(dir: &Path) -> (PathBuf, Vec<usize>) {
        let database = dir.join("db");
        let connection = Connection::open(&database).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        connection.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)").unwrap();
        let log = dir.join("db-wal");
        let mut ends = Vec::new();
        for _ in 0..6 {
            connection.execute("INSERT INTO t (b) VALUES (zeroblob(9000))", ()).unwrap();
            ends.push(fs::metadata(&log).unwrap().len() as usize);
        }
        // The log outlives the connection, as after a kill.
        let bytes = fs::read(&log).unwrap();
        drop(connection);
        fs::write(&log, bytes).unwrap();
        (log, ends)
    }

    fn damage(log: &Path, at: usize) -> Option<String> {
        let whole = fs::read(log).unwrap();
        let mut spoilt = whole.clone();
        spoilt[at] ^= 0x10;
        fs::write(log, spoilt).unwrap();
        let found = find_damage(log).unwrap();
        fs::write(log, whole).unwrap();
        found
    }

    #[test]
    fn a_whole_log_a_torn_one_and_none_are_not_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let (log, ends) = log(dir.path());
        assert_eq!(find_damage(&log).unwrap(), None);
        assert_eq!(find_damage(&dir.path().join("none")).unwrap(), None);
        let whole = fs::read(&log).unwrap();
        for length in (0..whole.len()).step_by(509).chain(ends) {
            fs::write(&log, &whole[..length]).unwrap();
            assert_eq!(find_damage(&log).unwrap(), None, "cut to {length} bytes");
        }
    }

    #[test]
    fn a_flipped_bit_before_the_last_transaction_is_found_and_one_in_it_is_a_torn_end() {
        let dir = tempfile::tempdir().unwrap();
        let (log, ends) = log(dir.path());
        let last = ends[ends.len() - 2];
        // The two words in which a write with its end has its salts and its size are the last
        // transaction but one's only witnesses.
        let is_witness = |at: usize| {
            at >= ends[ends.len() - 3] && (at - HEADER_BYTES) % (4096 + FRAME_HEADER_BYTES) < 16
        };
        for at in (0..last).filter(|&at| at < 2000 || at % 61 == 0).filter(|&at| !is_witness(at)) {
            assert!(damage(&log, at).is_some(), "byte {at} of {last}");
        }
        for at in (last..ends[ends.len() - 1]).step_by(61) {
            assert_eq!(damage(&log, at), None, "byte {at} of the last transaction");
        }
    }

    /// A log that began anew ends where frames of the one before go on.
    #[test]
    fn what_is_left_of_an_earlier_log_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = log(dir.path());
        let database = dir.path().join("db");
        let connection = Connection::open(&database).unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        let rows: u32 =
            connection.query_row("SELECT count(*) FROM t", (), |row| row.get(0)).unwrap();
        assert_eq!(rows, 6);
        connection.query_row("PRAGMA wal_checkpoint(RESTART)", (), |_| Ok(())).unwrap();
        let length = fs::metadata(&log).unwrap().len();
        connection.execute("INSERT INTO t (b) VALUES (zeroblob(9))", ()).unwrap();
        assert_eq!(fs::metadata(&log).unwrap().len(), length, "the log began anew");
        assert_eq!(find_damage(&log).unwrap(), None);
    }
}
