//! The task that owns the catalog: it creates and deletes queues, one at a time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use formiga_engine::attributes::AttributeName;
use formiga_engine::catalog::{Catalog, CatalogEntry, CatalogRecord, CreateRefusal};
use formiga_engine::names::QueueKey;
use formiga_store::{Append, AppendError, Change};
use tokio::sync::{mpsc, oneshot};

use super::{Directory, Queue, Unanswered};

/// What the catalog is asked.
pub(super) enum Request {
    Create {
        key: QueueKey,
        attributes: Vec<(AttributeName, String)>,
        reply_to: oneshot::Sender<Result<Result<Arc<CatalogEntry>, CreateRefusal>, Unanswered>>,
    },
    Delete {
        key: QueueKey,
        reply_to: oneshot::Sender<Result<bool, Unanswered>>,
    },
}

/// How many messages of deleted queues are removed in one append: about 2 ms of the writer's time.
const SWEEP_MESSAGES: usize = 100;

/// Serves requests until the directory is gone. What deleted queues left behind is removed in
/// between, a little at a time.
pub(super) async fn run(
    directory: Weak<Directory>,
    mut catalog: Catalog,
    mut inbox: mpsc::Receiver<Request>,
) {
    let mut leftovers = true;
    loop {
        let request = tokio::select! {
            biased;
            request = inbox.recv() => request,
            more = sweep(&directory), if leftovers => {
                leftovers = more;
                continue;
            }
        };
        let (Some(request), Some(directory)) = (request, directory.upgrade()) else { return };
        match request {
            Request::Create { key, attributes, reply_to } => {
                let created = create(&directory, &mut catalog, key, &attributes).await;
                let _ = reply_to.send(created);
            }
            Request::Delete { key, reply_to } => {
                let deleted = delete(&directory, &mut catalog, &key).await;
                leftovers |= deleted.is_ok();
                let _ = reply_to.send(deleted);
            }
        }
    }
}

async fn create(
    directory: &Directory,
    catalog: &mut Catalog,
    key: QueueKey,
    attributes: &[(AttributeName, String)],
) -> Result<Result<Arc<CatalogEntry>, CreateRefusal>, Unanswered> {
    let now = directory.shared.clock.now();
    let (entry, records) = match catalog.create(now, key, attributes) {
        Ok(created) => created,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for record in records {
        append(directory, record.clone()).await?;
        catalog.absorb(&record);
        let mut queues = directory.queues.write().expect("no one panics with the lock");
        queues.insert(entry.key.clone(), Queue::new(entry.clone()));
    }
    Ok(Ok(entry))
}

/// The queue's task ends first, so that none of its appends can follow the deletion.
async fn delete(
    directory: &Directory,
    catalog: &mut Catalog,
    key: &QueueKey,
) -> Result<bool, Unanswered> {
    let Some(record) = catalog.delete(key) else { return Ok(false) };
    let queue = directory.queues.read().expect("no one panics with the lock").get(key).cloned();
    let queue = queue.expect("the directory knows what the catalog knows");
    queue.deleted.store(true, Ordering::Release);
    queue.end_task();
    // Held until the deletion is decided: a task that was starting finds it then.
    let _owned = queue.ownership.lock().await;
    if let Err(error) = append(directory, record.clone()).await {
        queue.deleted.store(false, Ordering::Release);
        return Err(error);
    }
    catalog.absorb(&record);
    directory.queues.write().expect("no one panics with the lock").remove(key);
    Ok(true)
}

async fn append(directory: &Directory, record: CatalogRecord) -> Result<(), Unanswered> {
    let shared = &directory.shared;
    let change = Change::Catalog(vec![record]);
    let ticket = shared.store.append(shared.epoch, Append::new(shared.clock.now(), change));
    ticket.await.map_err(|error| match error {
        AppendError::Rejected(_) | AppendError::Fenced => {
            Unanswered::Unavailable(error.to_string())
        }
        AppendError::Unknown(_) => Unanswered::Unknown(error.to_string()),
    })
}

/// Removes some of what deleted queues left behind. Tells whether there may be more.
async fn sweep(directory: &Weak<Directory>) -> bool {
    let Some(directory) = directory.upgrade() else { return false };
    let shared = &directory.shared;
    if !matches!(shared.store.has_leftovers().await, Ok(true)) {
        return false;
    }
    let append = Append::new(shared.clock.now(), Change::Sweep(SWEEP_MESSAGES));
    shared.store.append(shared.epoch, append).await.is_ok()
}
