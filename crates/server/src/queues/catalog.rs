//! The task that owns the catalog: it creates, changes and deletes queues, one at a time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use formiga_engine::attributes::AttributeName;
use formiga_engine::catalog::{
    Catalog, CatalogChange, CatalogEntry, CatalogRecord, CatalogRefusal,
};
use formiga_engine::names::QueueKey;
use formiga_engine::tags::Tags;
use formiga_engine::time::Timestamp;
use formiga_store::{Append, AppendError, Change};
use tokio::sync::{mpsc, oneshot};

use super::courier;
use super::expiry::Note;
use super::{Directory, Queue, Unanswered};

/// What the catalog answers: a result, the caller's mistake, or a fault.
pub(crate) type Answer<T> = Result<Result<T, CatalogRefusal>, Unanswered>;

/// What the catalog is asked.
pub(super) enum Request {
    Create { new: NewQueue, reply_to: oneshot::Sender<Answer<Arc<CatalogEntry>>> },
    Change { key: QueueKey, change: CatalogChange, reply_to: oneshot::Sender<Answer<()>> },
}

/// A queue to be created.
pub(crate) struct NewQueue {
    pub(crate) key: QueueKey,
    pub(crate) attributes: Vec<(AttributeName, String)>,
    pub(crate) tags: Tags,
}

/// Serves requests until the directory is gone.
pub(super) async fn run(
    directory: Weak<Directory>,
    mut catalog: Catalog,
    mut inbox: mpsc::Receiver<Request>,
) {
    while let (Some(request), Some(directory)) = (inbox.recv().await, directory.upgrade()) {
        match request {
            Request::Create { new, reply_to } => {
                let created = create(&directory, &mut catalog, new).await;
                let _ = reply_to.send(created);
            }
            Request::Change { key, change, reply_to } => {
                let changed = self::change(&directory, &mut catalog, &key, change).await;
                let _ = reply_to.send(changed);
            }
        }
    }
}

async fn create(
    directory: &Directory,
    catalog: &mut Catalog,
    new: NewQueue,
) -> Answer<Arc<CatalogEntry>> {
    let now = directory.shared.clock.now();
    let (entry, record) = match catalog.create(now, new.key, &new.attributes, &new.tags) {
        Ok(created) => created,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(record) = record {
        append(directory, now, record.clone()).await?;
        catalog.absorb(now, &record);
        directory.sources.change(None, Some(&entry));
        let mut queues = directory.queues.write().expect("no one panics with the lock");
        queues.insert(&entry);
    }
    Ok(Ok(entry))
}

async fn change(
    directory: &Directory,
    catalog: &mut Catalog,
    key: &QueueKey,
    change: CatalogChange,
) -> Answer<()> {
    let now = directory.shared.clock.now();
    let concerns_messages =
        matches!(change, CatalogChange::SetAttributes(_) | CatalogChange::Purge);
    let record = match catalog.change(now, key, change) {
        Ok(record) => record,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let queue = {
        let queues = directory.queues.read().expect("no one panics with the lock");
        queues.by_key.get(key).cloned()
    };
    let queue = queue.expect("the directory knows what the catalog knows");
    let before = queue.entry();
    let changed = if let CatalogRecord::Deleted(_) = &record {
        delete(directory, now, &queue, record.clone()).await
    } else if concerns_messages {
        // The queue's task makes the change between two commands, and serves the next one with it.
        directory.handle(queue.clone()).change(record.clone()).await
    } else {
        let appended = append(directory, now, record.clone()).await;
        appended.map(|()| queue.publish(record.entry().clone()))
    };
    // Whatever became of the answer, a change that was published is durable.
    let is_change = !matches!(record, CatalogRecord::Deleted(_));
    let published = is_change && Arc::ptr_eq(&queue.entry(), record.entry());
    if changed.is_ok() || published {
        catalog.absorb(now, &record);
        let after = is_change.then(|| record.entry().as_ref());
        directory.sources.change(Some(&before), after);
    }
    changed.map(Ok)
}

/// How long a deletion waits for messages that are handed over.
const HANDOVER_WAIT: Duration = Duration::from_secs(5);

/// The queue's task ends first, so that none of its appends can follow the deletion.
async fn delete(
    directory: &Directory,
    now: Timestamp,
    queue: &Queue,
    record: CatalogRecord,
) -> Result<(), Unanswered> {
    let entry = record.entry().clone();
    courier::settle(&*directory.shared.clock, queue).await;
    let clock = &directory.shared.clock;
    let _nothing_arrives = tokio::select! {
        guard = directory.handovers.write() => guard,
        () = clock.sleep_until(clock.now() + HANDOVER_WAIT) => {
            let why = "messages are on their way between queues";
            return Err(Unanswered::Unavailable(why.to_owned()));
        }
    };
    queue.deleted.store(true, Ordering::Release);
    queue.end_task();
    // Held until the deletion is decided: a task that was starting finds it then.
    let _owned = queue.ownership.lock().await;
    if let Err(error) = append(directory, now, record).await {
        queue.deleted.store(false, Ordering::Release);
        return Err(error);
    }
    directory.queues.write().expect("no one panics with the lock").remove(&entry);
    let _ = directory.shared.notes.send(Note::Deleted(entry.id));
    Ok(())
}

async fn append(
    directory: &Directory,
    now: Timestamp,
    record: CatalogRecord,
) -> Result<(), Unanswered> {
    let shared = &directory.shared;
    let append = Append::new(now, Change::Catalog(record));
    let ticket = shared.store.append(shared.epoch, append);
    ticket.await.map_err(|error| unanswered(&error))
}

/// What an append that was not acknowledged means to the caller.
pub(super) fn unanswered(error: &AppendError) -> Unanswered {
    match error {
        AppendError::Rejected(_) | AppendError::Fenced => {
            Unanswered::Unavailable(error.to_string())
        }
        AppendError::Unknown(_) => Unanswered::Unknown(error.to_string()),
    }
}
