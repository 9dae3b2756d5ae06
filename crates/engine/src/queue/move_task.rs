//! Message move tasks: what lies in a dead-letter queue goes back to its sources, or elsewhere.

use std::time::Duration;

use super::moves::OutboxEntry;
use super::record::{Record, StoredMessage};
use super::{Need, Queue, QueueRole, Reply};
use crate::message::digest;
use crate::names::{QueueId, QueueKey};
use crate::time::Timestamp;

/// A task that moves messages out of a queue, as `ListMessageMoveTasks` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTask {
    /// Its id, a UUID.
    pub id: [u8; 16],
    /// When it was started.
    pub started_at: Timestamp,
    /// Where all messages go; without it each goes to the queue it came from.
    pub destination: Option<QueueKey>,
    /// At most how many messages move in a second, if that was said.
    pub rate: Option<u32>,
    /// How far it is.
    pub status: MoveTaskStatus,
    /// Messages moved so far.
    pub moved: u64,
    /// Messages that were visible when it was started.
    pub to_move: u64,
}

/// How far a message move task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveTaskStatus {
    /// It goes on.
    Running,
    /// Everything that was there was moved.
    Completed,
    /// It was cancelled; what was moved stays moved.
    Cancelled,
    /// It could not go on.
    Failed(MoveTaskFailure),
}

/// Why a message move task could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveTaskFailure {
    /// The queue that a message was to go to does not exist.
    QueueDoesNotExist,
    /// A message came from no other queue, and the task has no destination.
    CouldNotDetermineMessageSource,
}

/// Why a message move task was not started or cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveTaskRefusal {
    /// Another task of the queue is running.
    AlreadyRunning,
    /// There is no task of that id.
    DoesNotExist,
    /// The task has ended already.
    NotRunning,
}

/// How many finished tasks are remembered.
const FINISHED_TASKS_MAX: usize = 10;

/// How many messages move at a time when no rate was given.
const MOVED_AT_ONCE: u32 = 100;

/// At higher rates several messages move at a time, this often.
const STEP_MIN: Duration = Duration::from_millis(100);

impl Queue {
    /// When a running task next moves messages.
    pub fn move_due(&self) -> Option<Timestamp> {
        let running = self.running_task().is_some() && self.outbox_room() > 0;
        running.then_some(self.next_step)
    }

    /// Whether a task is running.
    pub fn is_moving(&self) -> bool {
        self.running_task().is_some()
    }

    fn running_task(&self) -> Option<&MoveTask> {
        self.move_tasks.last().filter(|task| task.status == MoveTaskStatus::Running)
    }

    /// The tasks, newest first.
    pub(super) fn list_move_tasks(&self) -> Vec<MoveTask> {
        self.move_tasks.iter().rev().cloned().collect()
    }

    pub(super) fn decide_start_move_task(
        &self,
        now: Timestamp,
        id: [u8; 16],
        destination: Option<&QueueKey>,
        rate: Option<u32>,
    ) -> (Reply, Vec<Record>) {
        if self.running_task().is_some() {
            return (Reply::MoveTask(Err(MoveTaskRefusal::AlreadyRunning)), Vec::new());
        }
        let task = MoveTask {
            id,
            started_at: now,
            destination: destination.cloned(),
            rate,
            status: MoveTaskStatus::Running,
            moved: 0,
            to_move: self.count(now).visible,
        };
        (Reply::MoveTask(Ok(task.clone())), vec![Record::MoveTask(task)])
    }

    /// Takes effect at once; what has left already arrives all the same.
    pub(super) fn decide_cancel_move_task(&self, id: [u8; 16]) -> (Reply, Vec<Record>) {
        let refused = |refusal| (Reply::MoveTask(Err(refusal)), Vec::new());
        let Some(task) = self.move_tasks.iter().find(|task| task.id == id) else {
            return refused(MoveTaskRefusal::DoesNotExist);
        };
        if task.status != MoveTaskStatus::Running {
            return refused(MoveTaskRefusal::NotRunning);
        }
        let task = MoveTask { status: MoveTaskStatus::Cancelled, ..task.clone() };
        (Reply::MoveTask(Ok(task.clone())), vec![Record::MoveTask(task)])
    }

    pub(super) fn needs_to_move(&mut self, now: Timestamp) -> Option<Need> {
        let task = self.running_task()?.clone();
        let wanted = self.step_size(&task);
        if let Some(page) = self.needs_deliverable(now, wanted) {
            return Some(page);
        }
        let to_move = self.deliverable(now).take(wanted);
        let keys = to_move.filter_map(|message| destination(&task, message));
        let key = keys.into_iter().find(|key| self.known_queue(key).is_none())?;
        Some(Need::Queue { key, role: QueueRole::Destination })
    }

    pub(super) fn decide_move(&self, now: Timestamp) -> (Reply, Vec<Record>) {
        let Some(task) = self.running_task() else { return (Reply::Moved, Vec::new()) };
        if self.outbox_room() == 0 {
            return (Reply::Moved, Vec::new());
        }
        let mut after = task.clone();
        let mut records = Vec::new();
        for message in self.deliverable(now).take(self.step_size(task)) {
            match self.move_one(&after, message, records.len() as u64) {
                Ok(entry) => {
                    after.moved += 1;
                    records.push(Record::Left(entry));
                }
                Err(failure) => {
                    after.status = MoveTaskStatus::Failed(failure);
                    break;
                }
            }
        }
        if records.is_empty() && after.status == MoveTaskStatus::Running {
            after.status = MoveTaskStatus::Completed;
        }
        if after.moved == after.to_move && after.status == MoveTaskStatus::Running {
            after.status = MoveTaskStatus::Completed;
        }
        records.push(Record::MoveTask(after));
        (Reply::Moved, records)
    }

    fn move_one(
        &self,
        task: &MoveTask,
        message: &StoredMessage,
        before: u64,
    ) -> Result<OutboxEntry, MoveTaskFailure> {
        let key =
            destination(task, message).ok_or(MoveTaskFailure::CouldNotDetermineMessageSource)?;
        let to: Option<QueueId> = self.known_queue(&key).flatten();
        let to = to.ok_or(MoveTaskFailure::QueueDoesNotExist)?;
        let id = new_message_id(task, message);
        Ok(self.leave(self.row.next_move + before, message, to, Some(id)))
    }

    /// How many messages move next.
    fn step_size(&self, task: &MoveTask) -> usize {
        let at_once = task.rate.map_or(MOVED_AT_ONCE, |rate| (rate / 10).max(1)) as usize;
        let left = usize::try_from(task.to_move - task.moved).unwrap_or(usize::MAX);
        at_once.min(left).min(self.outbox_room())
    }

    /// Messages were moved: the next ones follow as the rate allows.
    pub(super) fn note_step(&mut self, now: Timestamp, task: &MoveTask) {
        let pause = match task.rate {
            None => Duration::ZERO,
            Some(rate) if rate < 10 => Duration::from_secs(1) / rate.max(1),
            Some(_) => STEP_MIN,
        };
        self.next_step = now + pause;
    }
}

impl MoveTask {
    /// Puts the task, as it is now, among the `tasks` of its queue, oldest first. Of those that
    /// ended long ago only the latest are kept. Queues and stores share this function.
    pub fn keep(self, tasks: &mut Vec<MoveTask>) {
        match tasks.iter_mut().find(|known| known.id == self.id) {
            Some(known) => *known = self,
            None => tasks.push(self),
        }
        if tasks.len() > FINISHED_TASKS_MAX + 1 {
            tasks.remove(0);
        }
    }
}

/// Where a task moves a message.
fn destination(task: &MoveTask, message: &StoredMessage) -> Option<QueueKey> {
    let source = || {
        let arn = message.moved.as_ref()?.source_arn.as_deref()?;
        QueueKey::parse_arn(arn).ok()
    };
    task.destination.clone().or_else(source)
}

/// A UUID of version 4 in form, made from what nobody can repeat: the task and the message.
fn new_message_id(task: &MoveTask, message: &StoredMessage) -> [u8; 16] {
    let task = u128::from_be_bytes(task.id).to_string();
    let mut id = digest(&[&task, &message.position.sequence.0.to_string()]).to_be_bytes();
    id[6] = id[6] & 0x0F | 0x40;
    id[8] = id[8] & 0x3F | 0x80;
    id
}
