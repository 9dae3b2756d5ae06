//! Removes expired messages of queues that nobody uses: their tasks have ended, so somebody else
//! must remember when the next message expires.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use formiga_engine::catalog::CatalogEntry;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{Command, Position};
use formiga_engine::time::Timestamp;
use tokio::sync::mpsc;

use super::{Directory, Queue, Unanswered};

/// What becomes of queues whose tasks do not run.
pub(super) enum Note {
    /// The queue's task has ended, and its next message expires at `due`.
    Idle { due: Timestamp, queue: Arc<Queue> },
    /// The queue was deleted.
    Deleted(QueueId),
}

/// Wakes idle queues when their messages expire. Begins with what earlier runs left behind, which
/// takes one read for each queue.
pub(super) async fn run(directory: Weak<Directory>, mut notes: mpsc::UnboundedReceiver<Note>) {
    let mut schedule = Schedule::default();
    let known = directory.upgrade().map(|directory| directory.all()).unwrap_or_default();
    for queue in known {
        let Some(directory) = directory.upgrade() else { return };
        if let Some(due) = first_expiry(&directory, &queue.entry()).await {
            schedule.insert(due, &queue);
        }
    }
    loop {
        let Some(clock) = directory.upgrade().map(|directory| directory.shared.clock.clone())
        else {
            return;
        };
        let next = schedule.next().map(|due| due.max(clock.reclaim_from()));
        let wait = async {
            match next {
                Some(due) => clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            note = notes.recv() => match note {
                Some(Note::Idle { due, queue }) => schedule.insert(due, &queue),
                Some(Note::Deleted(id)) => schedule.remove(id),
                None => return,
            },
            () = wait => {
                let (queue, directory) = (schedule.pop(), directory.upgrade());
                let (Some(queue), Some(directory)) = (queue, directory) else { continue };
                if !wake(&directory, &queue).await {
                    schedule.insert(clock.now() + RETRY_AFTER, &queue);
                }
            }
        }
    }
}

/// Idle queues in the order in which their messages expire, each once.
#[derive(Default)]
struct Schedule {
    queues: BTreeMap<QueueId, (Timestamp, Weak<Queue>)>,
    order: BTreeSet<(Timestamp, QueueId)>,
}

impl Schedule {
    fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(due, _)| *due)
    }

    fn insert(&mut self, due: Timestamp, queue: &Arc<Queue>) {
        let id = queue.entry().id;
        self.remove(id);
        self.queues.insert(id, (due, Arc::downgrade(queue)));
        self.order.insert((due, id));
    }

    fn remove(&mut self, id: QueueId) {
        if let Some((due, _)) = self.queues.remove(&id) {
            self.order.remove(&(due, id));
        }
    }

    fn pop(&mut self) -> Option<Arc<Queue>> {
        let (_, id) = self.order.pop_first()?;
        self.queues.remove(&id)?.1.upgrade()
    }
}

/// When a queue that could not be looked at is looked at again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// When the queue's oldest message expires. A queue that cannot be read is looked at again later.
async fn first_expiry(directory: &Directory, entry: &CatalogEntry) -> Option<Timestamp> {
    match directory.shared.store.page(entry.generation, Position::FIRST, 1).await {
        Ok(page) => {
            let first = page.messages.first()?;
            Some(first.sent_at + entry.attributes.message_retention_period)
        }
        Err(error) => {
            let queue = entry.key.arn();
            tracing::warn!(%queue, %error, "a queue could not be read");
            Some(directory.shared.clock.now() + RETRY_AFTER)
        }
    }
}

/// Any command starts the queue's task, which then removes what has expired, and reports back
/// here when it ends. Tells whether it was started, or need not be.
async fn wake(directory: &Directory, queue: &Arc<Queue>) -> bool {
    match directory.handle(queue.clone()).ask(Command::Count, None).await {
        Ok(_) | Err(Unanswered::QueueDeleted) => true,
        Err(error) => {
            tracing::debug!(%error, "a queue with expired messages was not woken");
            false
        }
    }
}
