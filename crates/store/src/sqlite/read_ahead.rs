//! [`ReadAhead`]: the end of the file is in memory before the reclaimer comes to it.

use std::fs::File;
use std::sync::Arc;

use rustix::fs::{Advice, fadvise};

/// Asks the operating system to read the end of the database file, a piece at a time.
///
/// The reclaimer goes through the file from its end to its beginning, page by page, which no
/// operating system expects: each page that is not in memory would be waited for, while nobody's
/// append goes on.
pub(super) struct ReadAhead {
    file: Option<Arc<File>>,
    /// Up to where everything from the end on was asked for.
    asked: u64,
}

/// How much before the end of the file is in memory, and how much is asked for at once, in bytes.
const AHEAD: u64 = 16 << 20;
const PIECE: u64 = 1 << 20;

impl ReadAhead {
    /// Reads `file`, which stays open as long as any connection to the database: by closing it, a
    /// process loses the locks that its other handles of the file have.
    pub(super) fn new(file: Arc<File>) -> ReadAhead {
        ReadAhead { file: Some(file), asked: u64::MAX }
    }

    /// Nothing is read ahead.
    #[cfg(test)]
    pub(super) fn none() -> ReadAhead {
        ReadAhead { file: None, asked: u64::MAX }
    }

    /// The file's end is at `end`, and nears the beginning.
    pub(super) fn of_file(&mut self, end: u64) {
        let Some((from, bytes)) = self.next_piece(end) else { return };
        let Some(file) = &self.file else { return };
        // It is advice: without it, pages are read when they are needed.
        let _ = fadvise(file, from, std::num::NonZeroU64::new(bytes), Advice::WillNeed);
    }

    /// What is to be asked for: where it begins, and how many bytes.
    fn next_piece(&mut self, end: u64) -> Option<(u64, u64)> {
        let wanted = end.saturating_sub(AHEAD);
        // What was asked for long ago, for another end of the file, may be gone from memory.
        if !(wanted..=end).contains(&self.asked) {
            self.asked = end;
        }
        let bytes = (self.asked - wanted).min(PIECE);
        if bytes == 0 || bytes < PIECE && wanted > 0 {
            return None;
        }
        self.asked -= bytes;
        Some((self.asked, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is asked for while the file ends at `end`.
    fn asked_at(ahead: &mut ReadAhead, end: u64) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| ahead.next_piece(end)).collect()
    }

    #[test]
    fn every_byte_is_asked_for_once_while_the_file_gets_shorter() {
        let mut ahead = ReadAhead::none();
        let (whole, step) = (100 * PIECE + 12_345, 90_000);
        let mut pieces = Vec::new();
        let mut end = whole;
        while end > 0 {
            pieces.extend(asked_at(&mut ahead, end));
            let last = pieces.last().unwrap().0;
            assert!(last <= end.saturating_sub(AHEAD - PIECE), "enough is asked for in time");
            assert!(last >= end.saturating_sub(AHEAD), "but not too early");
            end = end.saturating_sub(step);
        }
        let mut from = whole;
        for (begin, bytes) in pieces {
            assert_eq!(begin + bytes, from, "each piece lies before the one asked for earlier");
            from = begin;
        }
        assert_eq!(from, 0);
    }

    #[test]
    fn another_end_of_the_file_is_asked_for_anew() {
        let mut ahead = ReadAhead::none();
        let pieces = asked_at(&mut ahead, 3 * AHEAD).len();
        assert_eq!(asked_at(&mut ahead, 3 * AHEAD), [], "nothing twice");
        assert_eq!(asked_at(&mut ahead, 9 * AHEAD).len(), pieces, "the file has grown");
        assert_eq!(asked_at(&mut ahead, 2 * AHEAD).len(), pieces, "it was cut by others");
    }
}
