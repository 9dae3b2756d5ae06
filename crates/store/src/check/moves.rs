//! What moves between queues: outboxes, what has arrived from them, and message move tasks.

use formiga_engine::queue::{MoveTask, MoveTaskStatus, OutboxEntry};
use rusqlite::OptionalExtension;

use super::messages::{check_content, check_receives};
use super::{Check, CheckProgress, Outcome, PROGRESS_ROWS, Queues};
use crate::{records, sqlite};

impl<P: FnMut(CheckProgress)> Check<'_, P> {
    /// What is on its way to another queue has its content, unless it has arrived: then that is the
    /// target's, which may have deleted it.
    pub(super) fn outboxes(&mut self, queues: &Queues) -> Outcome<()> {
        let all = self.count("outbox")?;
        let mut select = self.connection.prepare("SELECT queue, number, entry FROM outbox")?;
        let mut arrived = self
            .connection
            .prepare("SELECT number FROM arrived WHERE queue = ?1 AND source = ?2")?;
        let mut rows = select.query(())?;
        let mut done = 0;
        while let Some(row) = rows.next()? {
            if done % PROGRESS_ROWS == 0 {
                self.tell("outboxes", done, Some(all));
            }
            done += 1;
            let (generation, number): (i64, i64) = (row.get(0)?, row.get(1)?);
            let name = || format!("entry {number} of the outbox of generation {generation}");
            let Some(source) = queues.entries.get(&generation) else {
                self.problem(format!("{} is in no queue's outbox", name()));
                continue;
            };
            let number = number.unsigned_abs();
            let entry = match records::decode_outbox_entry(number, row.get_ref(2)?.as_blob()?) {
                Ok(entry) => entry,
                Err(error) => {
                    self.problem(format!("{}: {error}", name()));
                    continue;
                }
            };
            let last: Option<i64> = match queues.generations.get(&sqlite::integer(entry.to.0)) {
                Some(target) => arrived
                    .query_row([*target, sqlite::integer(source.id.0)], |row| row.get(0))
                    .optional()?,
                None => None,
            };
            let has_arrived = last.is_some_and(|last| last.unsigned_abs() >= number);
            for what in self.outbox_entry(queues, generation, &entry, has_arrived)? {
                self.problem(format!("{}: {what}", name()));
            }
        }
        Ok(())
    }

    fn outbox_entry(
        &mut self,
        queues: &Queues,
        generation: i64,
        entry: &OutboxEntry,
        has_arrived: bool,
    ) -> Outcome<Vec<String>> {
        let OutboxEntry { number, message, .. } = entry;
        let row = queues.row(generation);
        let mut problems = Vec::new();
        if *number >= row.next_move {
            problems.push("its number would be given out again".to_owned());
        }
        if message.position.sequence >= row.next_sequence {
            problems.push("its message has a sequence that was never given out".to_owned());
        }
        problems.extend(message.receives.and_then(|receives| check_receives(receives).err()));
        if !has_arrived {
            let bytes = self.content(message.body)?;
            match check_content(message, bytes.as_deref(), self.keys.as_ref()) {
                Ok(was_read) => self.report.sealed += u64::from(!was_read),
                Err(problem) => problems.push(problem),
            }
            if !self.hold(message.body)? {
                let body = message.body.0;
                problems.push(format!("its content {body} belongs to another message too"));
            }
        }
        Ok(problems)
    }

    /// What has arrived had left before. The source may be deleted.
    pub(super) fn arrivals(&mut self, queues: &Queues) -> Outcome<()> {
        self.tell("arrivals", 0, None);
        let mut select = self.connection.prepare("SELECT queue, source, number FROM arrived")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let (target, source, number): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if !queues.has(target) {
                self.problem(format!(
                    "messages arrived in generation {target}, which no queue has"
                ));
            }
            let Some(generation) = queues.generations.get(&source) else { continue };
            if number.unsigned_abs() >= queues.row(*generation).next_move {
                self.problem(format!(
                    "entry {number} of the outbox of generation {generation} has arrived in \
                     generation {target}, but was never made"
                ));
            }
        }
        Ok(())
    }

    /// The tasks of a queue are numbered from 0 on, oldest first; only the latest may be running.
    pub(super) fn move_tasks(&mut self, queues: &Queues) -> Outcome<()> {
        self.tell("message move tasks", 0, None);
        let mut select = self.connection.prepare(
            "SELECT queue, min(place) = 0 AND max(place) + 1 = count(*) FROM move_task
             GROUP BY queue",
        )?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let (generation, complete): (i64, bool) = (row.get(0)?, row.get(1)?);
            if !queues.has(generation) {
                self.problem(format!(
                    "there are message move tasks of generation {generation}, which no queue has"
                ));
            }
            if !complete {
                self.problem(format!("a message move task of generation {generation} is missing"));
            }
        }
        let mut select = self.connection.prepare(
            "SELECT queue, place, running, task, place = max(place) OVER (PARTITION BY queue)
             FROM move_task",
        )?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let (generation, place): (i64, i64) = (row.get(0)?, row.get(1)?);
            let task = records::decode_move_task(row.get_ref(3)?.as_blob()?);
            let task = task.map_err(|error| error.to_string());
            let (running, is_latest) = (row.get(2)?, row.get(4)?);
            if let Err(what) = task.and_then(|task| check_task(&task, running, is_latest)) {
                self.problem(format!(
                    "message move task {place} of generation {generation}: {what}"
                ));
            }
        }
        Ok(())
    }
}

fn check_task(task: &MoveTask, running: bool, is_latest: bool) -> Result<(), String> {
    let is_running = task.status == MoveTaskStatus::Running;
    if is_running && !is_latest {
        return Err("it is running, though it is not the latest".to_owned());
    }
    if running != is_running {
        return Err("it is kept as running though it ended, or the other way round".to_owned());
    }
    if task.moved > task.to_move {
        return Err("it has moved more messages than there were".to_owned());
    }
    Ok(())
}
