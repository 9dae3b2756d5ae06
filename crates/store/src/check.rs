//! [`check`]: whether everything in a data directory fits together.

mod identities;
mod messages;
mod moves;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use formiga_engine::catalog::CatalogEntry;
use formiga_engine::queue::{BodyId, QueueRow};
use formiga_engine::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::directory::DataDirectory;
use crate::{MasterKeys, OpenError, STORE_KEYS, StoreKeys, records, sqlite};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Queues in the catalog.
    pub queues: u64,
    /// Messages of these queues.
    pub messages: u64,
    /// Messages of purged and deleted queues that are still to be removed. They are no problem.
    pub left_behind: u64,
    /// Messages whose contents are sealed and could not be opened here.
    pub sealed: u64,
    /// What does not fit together, a sentence each; the first [`PROBLEMS_MAX`] of them.
    pub problems: Vec<String>,
    /// How many problems there are in all.
    pub problem_count: u64,
}

/// How many problems are told one by one.
pub const PROBLEMS_MAX: usize = 1000;

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// What is being done.
    pub step: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is, if that is known.
    pub all: Option<u64>,
}

/// Checks the data directory `path`, which no server may use meanwhile, and changes nothing in it.
///
/// It reads everything: the database's own structure, each catalog entry, each message with its
/// receives and its content (whose MD5 is computed again), the counters that the messages add up
/// to, what is on its way between queues, the sends that FIFO queues remember, and users, roles and
/// keys. An error means
/// that it could not be checked, not that something is wrong in it.
///
/// Sealed contents are opened with `master`. Without it, or where a KMS has the key, no more is
/// checked of them than that they are there and name their key; the report counts them.
pub fn check(
    path: &Path,
    master: Option<&MasterKeys>,
    progress: impl FnMut(CheckProgress),
) -> Result<CheckReport, OpenError> {
    let directory = DataDirectory::open_existing(path)?;
    directory.check_log()?;
    let database = directory.database();
    let failed = |reason: String| OpenError::Database { path: database.clone(), reason };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&database, flags);
    let connection = connection.map_err(|error| failed(error.to_string()))?;
    let mut check = Check {
        connection: &connection,
        progress,
        report: CheckReport::default(),
        master,
        keys: None,
    };
    check.run().map_err(|error| failed(error.to_string()))?;
    Ok(check.report)
}

struct Check<'a, P> {
    connection: &'a Connection,
    progress: P,
    report: CheckReport,
    master: Option<&'a MasterKeys>,
    /// What opens sealed contents, if it is at hand.
    keys: Option<StoreKeys>,
}

/// What everything else is held against: it fits into memory, messages need not.
struct Queues {
    /// The queues by their generations.
    entries: BTreeMap<i64, CatalogEntry>,
    /// The generations by the ids of the queues.
    generations: BTreeMap<i64, i64>,
    /// The counters by generations.
    rows: BTreeMap<i64, QueueRow>,
    /// The counters of all others.
    no_row: QueueRow,
    /// Generations whose messages are still to be removed.
    leftovers: BTreeSet<i64>,
    /// The latest time at which something was written, to within a second.
    latest: Timestamp,
}

impl Queues {
    fn row(&self, generation: i64) -> &QueueRow {
        self.rows.get(&generation).unwrap_or(&self.no_row)
    }

    fn has(&self, generation: i64) -> bool {
        self.entries.contains_key(&generation)
    }
}

/// How often progress is told, in rows.
const PROGRESS_ROWS: u64 = 10_000;

/// The bodies that belong to a message: in a file of SQLite's own, for there may be millions.
const HOLDERS: &str = "
PRAGMA temp_store = FILE;
BEGIN;
CREATE TEMP TABLE holder (body INTEGER PRIMARY KEY);
";

type Outcome<T> = Result<T, rusqlite::Error>;

impl<P: FnMut(CheckProgress)> Check<'_, P> {
    fn run(&mut self) -> Outcome<()> {
        self.structure()?;
        if self.report.problem_count > 0 {
            return Ok(()); // What is read from a damaged database proves nothing.
        }
        // What is read is read at one moment, and the holders are written without a sync each.
        self.connection.execute_batch(HOLDERS)?;
        let queues = self.queues()?;
        self.messages(&queues)?;
        self.receives()?;
        self.remembered_sends(&queues)?;
        self.outboxes(&queues)?;
        self.arrivals(&queues)?;
        self.move_tasks(&queues)?;
        self.identities()?;
        self.contents()
    }

    fn tell(&mut self, step: &'static str, done: u64, all: Option<u64>) {
        (self.progress)(CheckProgress { step, done, all });
    }

    fn problem(&mut self, sentence: String) {
        self.report.problem_count += 1;
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(sentence);
        }
    }

    fn count(&self, table: &str) -> Outcome<u64> {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = self.connection.query_row(&sql, (), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    fn structure(&mut self) -> Outcome<()> {
        self.tell("the database's structure", 0, None);
        let mut statement = self.connection.prepare("PRAGMA integrity_check(100)")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let sentence: String = row.get(0)?;
            if sentence != "ok" {
                self.problem(format!("the database is damaged: {sentence}"));
            }
        }
        Ok(())
    }

    fn queues(&mut self) -> Outcome<Queues> {
        let leftovers = self.leftovers()?;
        let catalog = self.catalog(&leftovers)?;
        self.settings()?;
        let generation = |entry: &CatalogEntry| sqlite::integer(entry.generation.0);
        let generations =
            catalog.iter().map(|entry| (sqlite::integer(entry.id.0), generation(entry))).collect();
        let entries = catalog.into_iter().map(|entry| (generation(&entry), entry)).collect();
        let rows = self.rows(&entries)?;
        let latest = Timestamp::from_millis(self.number("latest")?);
        let no_row = QueueRow::default();
        Ok(Queues { entries, generations, rows, no_row, leftovers, latest })
    }

    fn leftovers(&mut self) -> Outcome<BTreeSet<i64>> {
        let next_queue = sqlite::integer(self.number("next_queue")?);
        let mut select = self.connection.prepare("SELECT queue FROM leftover")?;
        let leftovers: BTreeSet<i64> =
            select.query_map((), |row| row.get(0))?.collect::<Outcome<_>>()?;
        for generation in leftovers.range(next_queue..) {
            self.problem(format!(
                "generation {generation}, which is about to be removed, would be given out again"
            ));
        }
        Ok(leftovers)
    }

    fn catalog(&mut self, leftovers: &BTreeSet<i64>) -> Outcome<Vec<CatalogEntry>> {
        self.tell("the catalog", 0, None);
        let next_queue = self.number("next_queue")?;
        let mut entries: Vec<CatalogEntry> = Vec::new();
        let (mut names, mut generations) = (BTreeSet::new(), BTreeSet::new());
        let mut select = self.connection.prepare("SELECT queue, entry FROM catalog")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let entry = match records::decode_entry(row.get_ref(1)?.as_blob()?) {
                Ok(entry) => entry,
                Err(error) => {
                    self.problem(format!("queue {id}: {error}"));
                    continue;
                }
            };
            let arn = entry.key.arn().to_string();
            if sqlite::integer(entry.id.0) != id {
                self.problem(format!(
                    "{arn}: its entry says that its id is {}, not {id}",
                    entry.id
                ));
            }
            if entry.id.0.max(entry.generation.0) >= next_queue {
                self.problem(format!("{arn}: its id or generation would be given out again"));
            }
            if leftovers.contains(&sqlite::integer(entry.generation.0)) {
                self.problem(format!("{arn}: its messages are about to be removed as left behind"));
            }
            if !generations.insert(entry.generation) {
                self.problem(format!("{arn}: another queue has the same generation"));
            }
            if !names.insert(arn.clone()) {
                self.problem(format!("{arn}: two queues have this name"));
            }
            entries.push(entry);
        }
        self.report.queues = entries.len() as u64;
        Ok(entries)
    }

    fn settings(&mut self) -> Outcome<()> {
        let numbers = ["epoch", "next_queue", "next_body", "latest"].map(|name| (name, 8));
        for (name, length) in [("receipt_key", 32)].into_iter().chain(numbers) {
            let value = self.setting(name)?;
            if value.is_some_and(|value| value.len() != length) {
                self.problem(format!("the setting {name} has not {length} bytes"));
            }
        }
        if let Some(master) = self.master
            && let Some(kept) = self.setting(STORE_KEYS)?
        {
            match StoreKeys::decode(&kept, master) {
                Ok(keys) => self.keys = Some(keys),
                Err(error) => self.problem(format!("the keys of the contents: {error}")),
            }
        }
        Ok(())
    }

    fn setting(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        let sql = "SELECT value FROM setting WHERE name = ?1";
        self.connection.query_row(sql, [name], |row| row.get(0)).optional()
    }

    fn number(&self, name: &str) -> Outcome<u64> {
        let value = self.setting(name)?.and_then(|value| value.try_into().ok());
        Ok(value.map_or(0, u64::from_be_bytes))
    }

    fn rows(&mut self, entries: &BTreeMap<i64, CatalogEntry>) -> Outcome<BTreeMap<i64, QueueRow>> {
        let mut known = BTreeMap::new();
        let mut select = self.connection.prepare("SELECT queue, row FROM queue")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if !entries.contains_key(&id) {
                self.problem(format!("there are counters of generation {id}, which no queue has"));
            }
            match records::decode_row(row.get_ref(1)?.as_blob()?) {
                Ok(row) => drop(known.insert(id, row)),
                Err(error) => self.problem(format!("generation {id}: {error}")),
            }
        }
        Ok(known)
    }

    /// Notes that a message has this content. Tells whether it is the only one so far.
    fn hold(&self, body: BodyId) -> Outcome<bool> {
        let mut insert =
            self.connection.prepare_cached("INSERT OR IGNORE INTO temp.holder VALUES (?1)")?;
        Ok(insert.execute([sqlite::integer(body.0)])? == 1)
    }

    fn content(&self, body: BodyId) -> Outcome<Option<Vec<u8>>> {
        let mut select =
            self.connection.prepare_cached("SELECT content FROM content WHERE body = ?1")?;
        select.query_row([sqlite::integer(body.0)], |row| row.get(0)).optional()
    }

    /// Each content belongs to a message, here or on its way.
    fn contents(&mut self) -> Outcome<()> {
        self.tell("contents", 0, None);
        let sql = "SELECT count(*), min(body) FROM content
                   WHERE NOT EXISTS (SELECT 1 FROM temp.holder h WHERE h.body = content.body)";
        let (count, first): (i64, Option<i64>) =
            self.connection.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(first) = first {
            self.problem(format!("{count} contents belong to no message, the first is {first}"));
        }
        Ok(())
    }
}
