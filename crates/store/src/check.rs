//! [`check`]: whether everything in a data directory fits together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use formiga_engine::catalog::CatalogEntry;
use formiga_engine::limits::VISIBILITY_TIMEOUT_TOTAL_MAX;
use formiga_engine::message::md5;
use formiga_engine::queue::{BodyId, QueueRow, Receives, StoredMessage};
use formiga_engine::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::directory::DataDirectory;
use crate::{DecodeError, OpenError, records, sqlite};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Queues in the catalog.
    pub queues: u64,
    /// Messages of these queues.
    pub messages: u64,
    /// Messages of purged and deleted queues that are still to be removed. They are no problem.
    pub left_behind: u64,
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
/// receives and its content (whose MD5 is computed again), and the counters that the messages add
/// up to. An error means that it could not be checked, not that something is wrong in it.
pub fn check(path: &Path, progress: impl FnMut(CheckProgress)) -> Result<CheckReport, OpenError> {
    let directory = DataDirectory::open_existing(path)?;
    let database = directory.database();
    let failed = |reason: String| OpenError::Database { path: database.clone(), reason };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&database, flags);
    let connection = connection.map_err(|error| failed(error.to_string()))?;
    let mut check = Check { connection: &connection, progress, report: CheckReport::default() };
    check.run().map_err(|error| failed(error.to_string()))?;
    Ok(check.report)
}

struct Check<'a, P> {
    connection: &'a Connection,
    progress: P,
    report: CheckReport,
}

/// How often progress is told, in rows.
const PROGRESS_ROWS: u64 = 10_000;

type Outcome<T> = Result<T, rusqlite::Error>;

impl<P: FnMut(CheckProgress)> Check<'_, P> {
    fn run(&mut self) -> Outcome<()> {
        self.structure()?;
        if self.report.problem_count > 0 {
            return Ok(()); // What is read from a damaged database proves nothing.
        }
        let leftovers = self.leftovers()?;
        let entries = self.catalog(&leftovers)?;
        let generations: BTreeMap<i64, &CatalogEntry> =
            entries.iter().map(|entry| (sqlite::integer(entry.generation.0), entry)).collect();
        let mut rows = self.rows(&generations)?;
        let next_moves = rows.iter().map(|(id, row)| (*id, row.next_move)).collect();
        self.messages(&generations, &leftovers, &mut rows)?;
        self.receives()?;
        self.outboxes(&generations, &next_moves)?;
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

    fn leftovers(&mut self) -> Outcome<BTreeSet<i64>> {
        let mut select = self.connection.prepare("SELECT queue FROM leftover")?;
        select.query_map((), |row| row.get(0))?.collect()
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
        for (name, length) in [("receipt_key", 32), ("epoch", 8)] {
            let value = self.setting(name)?;
            if value.is_some_and(|value| value.len() != length) {
                self.problem(format!("the setting {name} has not {length} bytes"));
            }
        }
        Ok(entries)
    }

    fn setting(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        let sql = "SELECT value FROM setting WHERE name = ?1";
        self.connection.query_row(sql, [name], |row| row.get(0)).optional()
    }

    fn number(&self, name: &str) -> Outcome<u64> {
        let value = self.setting(name)?.and_then(|value| value.try_into().ok());
        Ok(value.map_or(0, u64::from_be_bytes))
    }

    fn rows(
        &mut self,
        generations: &BTreeMap<i64, &CatalogEntry>,
    ) -> Outcome<BTreeMap<i64, QueueRow>> {
        let mut known = BTreeMap::new();
        let mut select = self.connection.prepare("SELECT queue, row FROM queue")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if !generations.contains_key(&id) {
                self.problem(format!("there are counters of generation {id}, which no queue has"));
            }
            match records::decode_row(row.get_ref(1)?.as_blob()?) {
                Ok(row) => drop(known.insert(id, row)),
                Err(error) => self.problem(format!("generation {id}: {error}")),
            }
        }
        Ok(known)
    }

    /// Messages in the order of their generations: what they add up to is compared generation by
    /// generation.
    fn messages(
        &mut self,
        generations: &BTreeMap<i64, &CatalogEntry>,
        leftovers: &BTreeSet<i64>,
        rows: &mut BTreeMap<i64, QueueRow>,
    ) -> Outcome<()> {
        let all = self.count("message")?;
        let connection = self.connection;
        let mut select = connection.prepare(
            "SELECT available_at, sequence, message, queue FROM message
             ORDER BY queue, available_at, sequence",
        )?;
        let mut content = connection.prepare("SELECT content FROM content WHERE body = ?1")?;
        let mut found = select.query(())?;
        let (mut done, mut sum) = (0, None::<(i64, Sum)>);
        while let Some(row) = found.next()? {
            if done % PROGRESS_ROWS == 0 {
                self.tell("messages", done, Some(all));
            }
            done += 1;
            let generation: i64 = row.get(3)?;
            if leftovers.contains(&generation) {
                self.report.left_behind += 1;
                continue;
            }
            if sum.as_ref().is_none_or(|(of, _)| *of != generation) {
                if let Some((of, sum)) = sum.take() {
                    self.compare(generations, of, &sum, &rows.remove(&of).unwrap_or_default());
                }
                if !generations.contains_key(&generation) {
                    self.problem(format!(
                        "there are messages of generation {generation}, which no queue has"
                    ));
                }
                sum = Some((generation, Sum::default()));
            }
            let position = sqlite::position(row)?;
            let name = || format!("message {} of generation {generation}", position.sequence.0);
            match records::decode_message(position, row.get_ref(2)?.as_blob()?, None) {
                Ok(message) => {
                    let (_, sum) = sum.as_mut().expect("a generation was begun");
                    sum.add(&message);
                    if position.available_at < message.sent_at {
                        self.problem(format!("{} is available before it was sent", name()));
                    }
                    let bytes: Option<Vec<u8>> = content
                        .query_row([sqlite::integer(message.body.0)], |row| row.get(0))
                        .optional()?;
                    if let Err(what) = check_content(&message, bytes.as_deref()) {
                        self.problem(format!("{}: {what}", name()));
                    }
                }
                Err(error) => self.problem(format!("{}: {error}", name())),
            }
        }
        if let Some((of, sum)) = sum {
            self.compare(generations, of, &sum, &rows.remove(&of).unwrap_or_default());
        }
        // What is left has no messages.
        for (generation, row) in std::mem::take(rows) {
            self.compare(generations, generation, &Sum::default(), &row);
        }
        self.tell("messages", all, Some(all));
        Ok(())
    }

    fn compare(
        &mut self,
        generations: &BTreeMap<i64, &CatalogEntry>,
        generation: i64,
        sum: &Sum,
        row: &QueueRow,
    ) {
        self.report.messages += sum.stored;
        let name = generations.get(&generation).map_or_else(
            || format!("generation {generation}"),
            |entry| entry.key.arn().to_string(),
        );
        if row.stored != sum.stored {
            let QueueRow { stored, .. } = row;
            self.problem(format!(
                "{name}: its row counts {stored} messages, but there are {}",
                sum.stored
            ));
        }
        if sum.next_sequence > row.next_sequence.0 {
            self.problem(format!("{name}: a sequence would be given out again"));
        }
        let wrong = row.delay_ends.iter().find(|(second, count)| {
            sum.delay_ends.get(second).copied().unwrap_or_default() != **count
        });
        // Seconds that were over when the latest message was sent need not be counted.
        let uncounted = sum.delay_ends.range(sum.latest_sent.as_secs()..);
        let missing =
            uncounted.map(|(second, _)| *second).find(|s| !row.delay_ends.contains_key(s));
        if let Some(second) = wrong.map(|(second, _)| *second).or(missing) {
            self.problem(format!("{name}: delayed messages of second {second} are miscounted"));
        }
    }

    fn receives(&mut self) -> Outcome<()> {
        let all = self.count("receive")?;
        let mut select = self.connection.prepare(
            "SELECT r.available_at, r.sequence, r.receives, r.queue, m.queue IS NULL
             FROM receive r LEFT JOIN message m USING (queue, available_at, sequence)",
        )?;
        let mut rows = select.query(())?;
        let mut done = 0;
        while let Some(row) = rows.next()? {
            if done % PROGRESS_ROWS == 0 {
                self.tell("receives", done, Some(all));
            }
            done += 1;
            let (position, generation): (_, i64) = (sqlite::position(row)?, row.get(3)?);
            let name = || format!("message {} of generation {generation}", position.sequence.0);
            if row.get(4)? {
                self.problem(format!("{} was received, but is not stored", name()));
            }
            let receives = records::decode_receives(row.get_ref(2)?.as_blob()?);
            if let Err(what) = receives.map_err(|error| error.to_string()).and_then(check_receives)
            {
                self.problem(format!("{}: {what}", name()));
            }
        }
        Ok(())
    }

    /// What is on its way to another queue has its content, unless it has arrived: then the target
    /// may have deleted it.
    fn outboxes(
        &mut self,
        generations: &BTreeMap<i64, &CatalogEntry>,
        next_moves: &BTreeMap<i64, u64>,
    ) -> Outcome<()> {
        let connection = self.connection;
        let mut select = connection.prepare("SELECT queue, number, entry FROM outbox")?;
        let mut arrived =
            connection.prepare("SELECT number FROM arrived WHERE queue = ?1 AND source = ?2")?;
        let mut content = connection.prepare("SELECT content FROM content WHERE body = ?1")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let (generation, number): (i64, i64) = (row.get(0)?, row.get(1)?);
            let name = || format!("entry {number} of the outbox of generation {generation}");
            let Some(source) = generations.get(&generation) else {
                self.problem(format!("{} is in no queue's outbox", name()));
                continue;
            };
            let number = number.unsigned_abs();
            if number >= next_moves.get(&generation).copied().unwrap_or_default() {
                self.problem(format!("{}: its number would be given out again", name()));
            }
            let entry = match records::decode_outbox_entry(number, row.get_ref(2)?.as_blob()?) {
                Ok(entry) => entry,
                Err(error) => {
                    self.problem(format!("{}: {error}", name()));
                    continue;
                }
            };
            let target = generations.iter().find(|(_, target)| target.id == entry.to);
            let last = match target {
                Some((target, _)) => arrived
                    .query_row([*target, sqlite::integer(source.id.0)], |row| row.get::<_, i64>(0))
                    .optional()?,
                None => None,
            };
            if last.is_some_and(|last| last.unsigned_abs() >= number) {
                continue;
            }
            let body = sqlite::integer(entry.message.body.0);
            let bytes: Option<Vec<u8>> = content.query_row([body], |row| row.get(0)).optional()?;
            if let Err(what) = check_content(&entry.message, bytes.as_deref()) {
                self.problem(format!("{}: {what}", name()));
            }
        }
        Ok(())
    }

    /// Each message has its content, here or on its way, so more contents than that are more than
    /// there should be.
    fn contents(&mut self) -> Outcome<()> {
        let messages = self.count("message")? + self.count("outbox")?;
        let contents = self.count("content")?;
        if contents > messages {
            let more = contents - messages;
            self.problem(format!("{more} contents belong to no message"));
        }
        Ok(())
    }
}

/// What the messages of a generation add up to.
#[derive(Default)]
struct Sum {
    stored: u64,
    next_sequence: u64,
    latest_sent: Timestamp,
    delay_ends: BTreeMap<u64, u64>,
}

impl Sum {
    fn add(&mut self, message: &StoredMessage) {
        self.stored += 1;
        self.next_sequence = self.next_sequence.max(message.position.sequence.0 + 1);
        self.latest_sent = self.latest_sent.max(message.sent_at);
        if message.was_delayed() {
            *self.delay_ends.entry(message.position.available_at.as_secs()).or_default() += 1;
        }
    }
}

fn check_content(message: &StoredMessage, bytes: Option<&[u8]>) -> Result<(), String> {
    let BodyId(body) = message.body;
    let bytes = bytes.ok_or_else(|| format!("its content {body} is missing"))?;
    let content = records::decode_content(bytes).map_err(|error: DecodeError| error.to_string())?;
    if content.size() != u64::from(message.size) {
        return Err(format!("it has {} bytes, but should have {}", content.size(), message.size));
    }
    if md5(content.body.as_bytes()) != content.body_md5 {
        return Err("its body does not have the MD5 it was stored with".to_owned());
    }
    Ok(())
}

fn check_receives(receives: Receives) -> Result<(), String> {
    let Receives { count, first_at, last_at, visible_at } = receives;
    if count == 0 || first_at > last_at {
        return Err("its receives contradict each other".to_owned());
    }
    if visible_at > last_at + VISIBILITY_TIMEOUT_TOTAL_MAX {
        return Err("it would stay in flight for more than 12 hours".to_owned());
    }
    Ok(())
}
