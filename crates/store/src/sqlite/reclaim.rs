//! [`Reclaimer`]: removes what purged and deleted queues left behind, and gives the space back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use formiga_engine::queue::BodyId;
use rusqlite::{Connection, params};

use super::checkpoint::Checkpoints;
use super::integer;
use super::read_ahead::ReadAhead;
use crate::space::Space;
use crate::{DecodeError, records};

/// Works in slices between the writer's groups.
///
/// Its transactions are not synced: what they remove is in nobody's use, so after a power cut they
/// are simply done again, and the next group's sync covers them as well.
pub(super) struct Reclaimer {
    /// Whether there may be leftovers.
    leftovers: bool,
    /// Whether the free pages are being given back.
    shrinking: bool,
    /// Whether something was written since the free pages were last counted, and when they are
    /// counted again in that case.
    written: bool,
    look_at: Instant,
    /// When something was last written by others.
    written_at: Instant,
    /// When the next slice may begin although appends come in.
    rested_at: Instant,
    space: Arc<Space>,
    synchronous: &'static str,
    /// Generations that cannot be read.
    damaged: BTreeSet<i64>,
    read_ahead: ReadAhead,
}

/// How long a slice may take, besides its commit: nobody waits much longer for it.
const SLICE: Duration = Duration::from_millis(2);

/// While appends come in, this many times as long as a slice took passes before the next.
const REST: u32 = 5;

/// Appends are said to come in for this long after the latest.
const BUSY: Duration = Duration::from_millis(50);

/// How many messages are removed before the time is looked at, and how many pages given back.
const STEP_MESSAGES: u64 = 64;
const STEP_PAGES: u64 = 64;

/// While there is more to remove, so many pages may be free in the middle of the file. To give back
/// one of those, the file's last page moves to its place, and is soon removed there; but of few free
/// pages the last one of the file is soon found, of millions it is not.
const FREE_PAGES_HELD: u64 = 16_384;

/// The size of SQLite's pages, unless it is told otherwise.
const PAGE_BYTES: u64 = 4096;

/// How often the free pages are counted.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Free pages are kept for reuse while they are fewer than this (16 MiB), or than this part of the
/// database: giving back and taking again would cost more than it brings.
const FREE_PAGES_KEPT: u64 = 4096;
const FREE_PART_KEPT: u64 = 4;

impl Reclaimer {
    pub(super) fn new(
        space: Arc<Space>,
        synchronous: &'static str,
        read_ahead: ReadAhead,
    ) -> Reclaimer {
        Reclaimer {
            leftovers: true,
            shrinking: false,
            written: true,
            look_at: Instant::now(),
            written_at: Instant::now(),
            rested_at: Instant::now(),
            space,
            synchronous,
            damaged: BTreeSet::new(),
            read_ahead,
        }
    }

    /// Something was written, which may have freed pages.
    pub(super) fn note_written(&mut self) {
        self.written = true;
        self.written_at = Instant::now();
    }

    /// There is something new to remove.
    pub(super) fn wake(&mut self) {
        self.leftovers = true;
    }

    /// Does a slice of work if there is any. Tells when to be called again, if nothing else comes
    /// up by then.
    pub(super) fn work(
        &mut self,
        connection: &Connection,
        checkpoints: &Checkpoints,
    ) -> Option<Duration> {
        let begin = Instant::now();
        let is_busy = begin < self.written_at + BUSY;
        if is_busy && self.has_work() && begin < self.rested_at {
            return Some(self.rested_at - begin);
        }
        match self.slice(connection) {
            Ok(false) => {}
            Ok(true) => {
                self.rested_at = Instant::now() + REST * begin.elapsed();
                if self.has_work() {
                    return Some(Duration::ZERO);
                }
                // The file gets shorter when the WAL is copied.
                checkpoints.ask();
            }
            Err(error) => {
                tracing::warn!(%error, "space could not be reclaimed; it will be tried again");
                self.rested_at = Instant::now() + LOOK_INTERVAL;
                return Some(LOOK_INTERVAL);
            }
        }
        self.written.then(|| self.look_at.saturating_duration_since(Instant::now()))
    }

    fn has_work(&self) -> bool {
        self.leftovers || self.shrinking
    }

    /// Returns whether anything was done.
    fn slice(&mut self, connection: &Connection) -> Result<bool, Failure> {
        if !self.has_work() && self.written && Instant::now() >= self.look_at {
            self.written = false;
            self.look_at = Instant::now() + LOOK_INTERVAL;
            self.shrinking = self.wastes_space(connection)?;
        }
        if !self.has_work() {
            return Ok(false);
        }
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let worked = self.transaction(connection);
        if worked.is_err() {
            // What the transaction found was rolled back with it.
            (self.leftovers, self.shrinking) = (true, false);
        }
        sync_again(connection, self.synchronous);
        worked.map(|()| true)
    }

    /// Whether so many pages are free that they are worth giving back. On a full disk all are.
    fn wastes_space(&self, connection: &Connection) -> Result<bool, Failure> {
        let Pages { free, all } = Pages::count(connection)?;
        let many = free > FREE_PAGES_KEPT && free > all / FREE_PART_KEPT;
        Ok(many || (free > FREE_PAGES_LEFT && self.space.full().is_some()))
    }

    fn transaction(&mut self, connection: &Connection) -> Result<(), Failure> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        let end = Instant::now() + SLICE;
        while Instant::now() < end {
            if self.leftovers && !self.shrinking {
                self.leftovers = remove_some(connection, &mut self.damaged)?;
                // What is freed and cut off within one transaction is never written.
                cut_off(connection)?;
                let pages = Pages::count(connection)?;
                self.read_ahead.of_file(pages.all * PAGE_BYTES);
                self.shrinking = match self.leftovers {
                    true => pages.free > FREE_PAGES_HELD,
                    false => self.wastes_space(connection)?,
                };
            } else if self.shrinking {
                self.shrinking = give_back(connection)?;
            } else {
                break;
            }
        }
        connection.prepare_cached("COMMIT")?.execute(())?;
        Ok(())
    }
}

/// Every later commit of the connection is synced again, whatever became of the slice. SQLite
/// changes that only outside of a transaction, and a failed one may still be open.
///
/// # Panics
/// If it cannot be changed: going on would acknowledge what is not on the disk.
fn sync_again(connection: &Connection, synchronous: &str) {
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    let changed = connection.pragma_update(None, "synchronous", synchronous);
    changed.expect("outside of a transaction the way of syncing can be changed");
}

/// Removes some messages of one generation. Tells whether there may be more of any. One that cannot
/// be read does not hold up the others.
fn remove_some(connection: &Connection, damaged: &mut BTreeSet<i64>) -> Result<bool, Failure> {
    let mut select = connection.prepare_cached("SELECT queue FROM leftover ORDER BY queue")?;
    let mut queues = select.query(())?;
    let mut next = None;
    while let Some(row) = queues.next()? {
        next = Some(row.get::<_, i64>(0)?).filter(|queue| !damaged.contains(queue));
        if next.is_some() {
            break;
        }
    }
    drop(queues);
    let Some(queue) = next else { return Ok(false) };
    match remove_some_of(connection, queue) {
        Err(Failure::Decode(error)) => {
            tracing::error!(generation = queue, %error, "what a queue left behind stays there");
            damaged.insert(queue);
            Ok(true)
        }
        removed => removed,
    }
}

fn remove_some_of(connection: &Connection, queue: i64) -> Result<bool, Failure> {
    let (mut bodies, last) = youngest(connection, queue)?;
    let Some((available_at, sequence)) = last else {
        if forget_sends(connection, queue)? {
            return Ok(true);
        }
        connection.prepare_cached("DELETE FROM leftover WHERE queue = ?1")?.execute([queue])?;
        return Ok(true);
    };
    for table in ["message", "receive"] {
        let sql = format!(
            "DELETE FROM {table} WHERE queue = ?1 AND (available_at, sequence) >= (?2, ?3)"
        );
        connection.prepare_cached(&sql)?.execute([queue, available_at, sequence])?;
    }
    bodies.sort_unstable();
    let mut delete =
        connection.prepare_cached("DELETE FROM content WHERE body BETWEEN ?1 AND ?2")?;
    for run in bodies.chunk_by(|one, next| one.0 + 1 == next.0) {
        // Every id of the run is one of these messages', so the range holds nobody else's.
        let (first, last) = (run[0], run[run.len() - 1]);
        delete.execute([integer(first.0), integer(last.0)])?;
    }
    Ok(true)
}

/// Forgets some of the sends that a generation remembered. Tells whether there were any.
fn forget_sends(connection: &Connection, queue: i64) -> Result<bool, Failure> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM remembered_send WHERE queue = ?1 AND (until, digest) IN
         (SELECT until, digest FROM remembered_send WHERE queue = ?1
          ORDER BY until DESC, digest DESC LIMIT ?2)",
    )?;
    Ok(delete.execute(params![queue, integer(STEP_MESSAGES)])? > 0)
}

/// The bodies of a generation's youngest messages, and the key of the last of them. What came last
/// lies at the end of the file, which can be cut off without moving anything.
#[expect(clippy::type_complexity, reason = "used once, just above")]
fn youngest(
    connection: &Connection,
    queue: i64,
) -> Result<(Vec<BodyId>, Option<(i64, i64)>), Failure> {
    let mut select = connection.prepare_cached(
        "SELECT available_at, sequence, message FROM message WHERE queue = ?1
         ORDER BY available_at DESC, sequence DESC LIMIT ?2",
    )?;
    let mut rows = select.query(params![queue, integer(STEP_MESSAGES)])?;
    let (mut bodies, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let position = super::reader::position(row)?;
        let bytes = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        bodies.push(records::decode_message(position, bytes, None)?.body);
        last = Some((row.get(0)?, row.get(1)?));
    }
    Ok((bodies, last))
}

/// Some are left, so that not every message that comes takes a page from the file system.
const FREE_PAGES_LEFT: u64 = 256;

/// Gives some free pages back to the file system. Tells whether there are more.
fn give_back(connection: &Connection) -> Result<bool, Failure> {
    vacuum(connection, STEP_PAGES)?;
    Ok(Pages::count(connection)?.free > FREE_PAGES_LEFT)
}

/// Gives those free pages back that lie at the end of the file: no other page moves for them.
fn cut_off(connection: &Connection) -> Result<(), Failure> {
    let pages = Pages::count(connection)?;
    let spare = pages.free.saturating_sub(FREE_PAGES_LEFT);
    let at_end = free_at_end(connection, pages.all, spare)?;
    if at_end > 0 {
        vacuum(connection, at_end)?;
    }
    Ok(())
}

fn vacuum(connection: &Connection, pages: u64) -> Result<(), Failure> {
    // SQLite prepares a pragma anew each time it runs, so nothing is gained by keeping it.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    // Each step frees one page.
    let mut steps = vacuum.query(())?;
    while steps.next()?.is_some() {}
    Ok(())
}

/// How many of the file's last pages are free, up to `most`.
///
/// The file has a map of its pages: each page of the map tells the kinds of the pages after it, in
/// entries of five bytes, up to the next page of the map
/// (<https://www.sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages>).
fn free_at_end(connection: &Connection, pages: u64, most: u64) -> Result<u64, Failure> {
    const ENTRY: u64 = 5;
    const FREE: u8 = 2;
    /// A page of the map and those it describes.
    const MAPPED: u64 = PAGE_BYTES / ENTRY + 1;
    let (mut last, mut found) = (pages, 0);
    while found < most && last > 2 {
        let map = last - (last - 2) % MAPPED;
        let free = page(connection, map, |entries| {
            let of = |page: u64| {
                entries[usize::try_from(ENTRY * (page - map - 1)).expect("a page is small")]
            };
            let described = (map + 1..=last).rev();
            described.take_while(|page| of(*page) == FREE).count()
        })?;
        let free = u64::try_from(free).expect("a page is small");
        found += free;
        if free < last - map {
            break;
        }
        // The page of the map goes with those it describes.
        last = map - 1;
    }
    Ok(found.min(most))
}

/// How many pages the file has, and how many of them are free.
struct Pages {
    all: u64,
    free: u64,
}

impl Pages {
    /// As the file's first page says, which the transaction keeps up to date.
    fn count(connection: &Connection) -> Result<Pages, Failure> {
        let at = |page: &[u8], offset: usize| {
            let bytes = page[offset..offset + 4].try_into().expect("four bytes");
            u64::from(u32::from_be_bytes(bytes))
        };
        page(connection, 1, |page| Pages { all: at(page, 28), free: at(page, 36) })
    }
}

/// Looks at a page of the file, as the transaction sees it.
fn page<T>(
    connection: &Connection,
    number: u64,
    look: impl FnOnce(&[u8]) -> T,
) -> Result<T, Failure> {
    let mut select = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let seen = select.query_row([integer(number)], |row| Ok(look(row.get_ref(0)?.as_blob()?)));
    Ok(seen?)
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database with one leftover, whose only message is `message`.
    fn leaving(message: &str) -> (Connection, Reclaimer) {
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
        connection.execute_batch(super::super::SCHEMA).unwrap();
        connection.execute_batch(super::super::ADDED).unwrap();
        connection
            .execute_batch(&format!(
                "INSERT INTO leftover VALUES (1), (2); INSERT INTO message VALUES (1, 1, 1, {message});"
            ))
            .unwrap();
        let space = Arc::new(Space::new(std::path::Path::new("."), 0));
        (connection, Reclaimer::new(space, "FULL", ReadAhead::none()))
    }

    fn synchronous(connection: &Connection) -> i64 {
        connection.query_row("PRAGMA synchronous", (), |row| row.get(0)).unwrap()
    }

    #[test]
    fn commits_are_synced_again_after_a_slice_that_failed() {
        let (connection, mut reclaimer) = leaving("'no bytes'");
        assert!(reclaimer.slice(&connection).is_err());
        assert!(connection.is_autocommit(), "it was rolled back");
        assert_eq!(synchronous(&connection), 2, "FULL");
        assert!(reclaimer.leftovers, "it is tried again");
    }

    #[test]
    fn what_cannot_be_read_does_not_hold_up_the_rest() {
        let (connection, mut reclaimer) = leaving("x'09'");
        while reclaimer.leftovers {
            reclaimer.slice(&connection).unwrap();
        }
        assert_eq!(synchronous(&connection), 2, "FULL");
        let left: i64 =
            connection.query_row("SELECT sum(queue) FROM leftover", (), |row| row.get(0)).unwrap();
        assert_eq!(left, 1, "the damaged one is left");
    }

    /// The pages of a database that are neither of the map nor free, by their numbers.
    fn used(connection: &Connection) -> Vec<(u64, Vec<u8>)> {
        let all = Pages::count(connection).unwrap().all;
        let is_used = |number: &u64| {
            let map = number - (number.max(&2) - 2) % 820;
            *number > 2
                && *number != map
                && page(connection, map, |kinds| {
                    kinds[usize::try_from(5 * (number - map - 1)).unwrap()] != 2
                })
                .unwrap()
        };
        let read = |number| (number, page(connection, number, <[u8]>::to_vec).unwrap());
        (1..=all).filter(is_used).map(read).collect()
    }

    #[test]
    fn what_was_removed_at_the_end_is_cut_off_and_nothing_else_moves() {
        let (connection, _) = leaving("x'09'");
        connection
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
                 INSERT INTO content SELECT i, zeroblob(1000) FROM n;
                 BEGIN; DELETE FROM content WHERE body BETWEEN 2000 AND 4000 OR body > 5000;",
            )
            .unwrap();
        let before = (used(&connection), Pages::count(&connection).unwrap());
        cut_off(&connection).unwrap();
        let after = (used(&connection), Pages::count(&connection).unwrap());
        assert!(after.0 == before.0, "no page that is used was changed or moved");
        let cut = before.1.free - after.1.free;
        assert!(cut > 820, "more than one page of the map tells of");
        assert!(before.1.all - after.1.all >= cut);
        assert!(after.1.free > FREE_PAGES_LEFT, "those in the middle are left");
        assert_eq!(free_at_end(&connection, after.1.all, 10).unwrap(), 0, "all at the end went");
    }

    #[test]
    fn some_free_pages_are_left_although_they_lie_at_the_end() {
        let (connection, _) = leaving("x'09'");
        connection
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
                 INSERT INTO content SELECT i, zeroblob(1000) FROM n;
                 BEGIN; DELETE FROM content;",
            )
            .unwrap();
        cut_off(&connection).unwrap();
        assert_eq!(Pages::count(&connection).unwrap().free, FREE_PAGES_LEFT);
    }
}
