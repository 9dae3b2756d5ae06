//! The directory: queue name -> handle. A [`QueueHandle`] reaches the task that owns the queue and
//! starts it when there is none.

mod catalog;
mod contents;
mod counts;
mod courier;
mod expiry;
mod peek;
mod pending;
mod sources;
mod task;
mod waiters;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, Weak};
use std::time::Duration;

use formiga_engine::catalog::{Catalog, CatalogChange, CatalogEntry, CatalogRecord};
use formiga_engine::limits::QUEUE_NAME_CHARACTERS_MAX;
use formiga_engine::message::MessageContent;
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{
    AttemptId, BodyId, Command, Counters, DeduplicationKey, DeleteRefusal, MoveTask,
    MoveTaskRefusal, NewMessage, QueueLimits, ReceivedMessage, Reply, SentMessage,
    VisibilityRefusal,
};
use formiga_engine::receipt::{ReceiptHandle, ReceiptKey};
use formiga_engine::time::Timestamp;
use formiga_store::{Epoch, Store};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::body::MemoryShare;
use crate::clock::Clock;
use crate::kms::KmsRefusal;
use crate::sealer::Sealer;
pub(crate) use catalog::NewQueue;
use contents::ContentBudget;
pub(crate) use counts::Counts;
pub(crate) use peek::{MessageState, Peeked, Wanted};
use sources::Sources;
use task::{Ask, QueueTask, Request};

/// Why a queue could not answer. Nothing was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// It certainly did not happen; trying again is safe and may help.
    #[error("{0}")]
    Unavailable(String),
    /// It may or may not have happened.
    #[error("the queue's task ended before the outcome was known: {0}")]
    Unknown(String),
    /// The queue was deleted meanwhile.
    #[error("the queue was deleted")]
    QueueDeleted,
    /// There is no room for more messages. Nothing happened.
    #[error("{0}")]
    DiskFull(String),
    /// The queue's KMS key could not be used. Nothing happened.
    #[error("{0}")]
    Kms(KmsRefusal),
}

/// What every queue's task works with.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) epoch: Epoch,
    pub(crate) limits: QueueLimits,
    pub(crate) contents: Arc<ContentBudget>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) deduplication_key: DeduplicationKey,
    /// Who knows the other queues.
    known_by: Weak<Directory>,
    /// Turns true when the server stops: long polls end, no new ones begin.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Whether tasks end and no new ones start.
    ends: AtomicBool,
    next_body: AtomicU64,
    /// Who is told of queues whose tasks have ended. Short: one note for each.
    notes: mpsc::UnboundedSender<expiry::Note>,
}

/// Every queue that exists.
pub(crate) struct Directory {
    shared: Arc<Shared>,
    queues: RwLock<Queues>,
    handovers: courier::Handovers,
    /// Kept by the catalog's task.
    sources: Sources,
    catalog: mpsc::Sender<catalog::Request>,
    receipt_key: ReceiptKey,
}

#[derive(Default)]
struct Queues {
    by_key: BTreeMap<QueueKey, Arc<Queue>>,
    by_id: BTreeMap<QueueId, Arc<Queue>>,
}

impl Queues {
    fn insert(&mut self, entry: &Arc<CatalogEntry>) {
        let queue = Queue::new(entry.clone());
        self.by_id.insert(entry.id, queue.clone());
        self.by_key.insert(entry.key.clone(), queue);
    }

    fn remove(&mut self, entry: &CatalogEntry) {
        self.by_id.remove(&entry.id);
        self.by_key.remove(&entry.key);
    }
}

/// What the directory keeps of a queue, whether its task runs or not.
struct Queue {
    /// The latest durable state of the queue's catalog entry.
    entry: RwLock<Arc<CatalogEntry>>,
    inbox: Mutex<Option<mpsc::Sender<Ask>>>,
    /// Held by the task while it owns the queue, so that no two ever do.
    ownership: Arc<tokio::sync::Mutex<()>>,
    /// Whether a task owns the queue, or ended without having settled everything.
    owned: AtomicBool,
    deleted: AtomicBool,
    /// What is known of its outbox.
    outbox: courier::State,
    counts: Counts,
}

/// How many requests may wait for one queue's task. Their bytes are bounded where requests are
/// read.
const INBOX_REQUESTS_MAX: usize = 16 * 1024;

/// What the directory starts from.
pub(crate) struct DirectoryParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) acquired: formiga_store::Acquired,
    pub(crate) receipt_key: ReceiptKey,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) deduplication_key: DeduplicationKey,
    pub(crate) limits: QueueLimits,
    pub(crate) content_cache_bytes: usize,
    /// Whether names rest for 60 seconds after their queues were deleted.
    pub(crate) recent_delete_check: bool,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Directory {
    /// Starts the catalog's task and knows every queue; no queue's task runs yet.
    pub(crate) fn start(parts: DirectoryParts) -> Arc<Directory> {
        let acquired = parts.acquired;
        let (notes, noted) = mpsc::unbounded_channel();
        let catalog = Catalog::restore(acquired.catalog, acquired.next_queue)
            .with_recent_delete_check(parts.recent_delete_check);
        let sources = Sources::default();
        catalog.iter().for_each(|entry| sources.change(None, Some(entry)));
        let mut queues = Queues::default();
        catalog.iter().for_each(|entry| queues.insert(entry));
        let (requests, inbox) = mpsc::channel(1024);
        let directory = Arc::new_cyclic(|directory| Directory {
            queues: RwLock::new(queues),
            handovers: courier::Handovers::default(),
            sources,
            catalog: requests,
            receipt_key: parts.receipt_key,
            shared: Arc::new(Shared {
                store: parts.store,
                clock: parts.clock,
                epoch: acquired.epoch,
                limits: parts.limits,
                contents: Arc::new(ContentBudget::new(parts.content_cache_bytes)),
                sealer: parts.sealer,
                deduplication_key: parts.deduplication_key,
                known_by: directory.clone(),
                stopping: parts.stopping,
                ends: AtomicBool::new(false),
                next_body: AtomicU64::new(acquired.next_body.0),
                notes,
            }),
        });
        tokio::spawn(catalog::run(Arc::downgrade(&directory), catalog, inbox));
        tokio::spawn(expiry::run(Arc::downgrade(&directory), noted));
        directory.wake(&acquired.busy);
        directory
    }

    /// Starts the tasks of queues that have something to do without being asked.
    fn wake(self: &Arc<Self>, generations: &BTreeSet<QueueId>) {
        for queue in self.all() {
            if generations.contains(&queue.entry().generation) {
                courier::call_at_start(self, &queue);
            }
        }
    }

    /// The queue called `key`.
    pub(crate) fn find(&self, key: &QueueKey) -> Option<QueueHandle> {
        let queues = self.queues.read().expect("no one panics with the lock");
        let queue = queues.by_key.get(key)?.clone();
        (!queue.deleted.load(Ordering::Acquire)).then(|| self.handle(queue))
    }

    /// The queue with this id.
    fn find_by_id(&self, id: QueueId) -> Option<QueueHandle> {
        let queues = self.queues.read().expect("no one panics with the lock");
        let queue = queues.by_id.get(&id)?.clone();
        (!queue.deleted.load(Ordering::Acquire)).then(|| self.handle(queue))
    }

    /// Creates a queue, or finds the one that exists with equal attributes.
    pub(crate) async fn create(&self, new: NewQueue) -> catalog::Answer<Arc<CatalogEntry>> {
        let (reply_to, reply) = oneshot::channel();
        self.ask_catalog(catalog::Request::Create { new, reply_to }, reply).await
    }

    /// Changes or deletes a queue. The change is durable and in effect when this returns.
    pub(crate) async fn change(&self, key: QueueKey, change: CatalogChange) -> catalog::Answer<()> {
        let (reply_to, reply) = oneshot::channel();
        self.ask_catalog(catalog::Request::Change { key, change, reply_to }, reply).await
    }

    async fn ask_catalog<T>(
        &self,
        request: catalog::Request,
        reply: oneshot::Receiver<Result<T, Unanswered>>,
    ) -> Result<T, Unanswered> {
        if self.catalog.send(request).await.is_err() {
            return Err(stopped());
        }
        let ended = || Unanswered::Unknown("the catalog's task ended".to_owned());
        reply.await.unwrap_or_else(|_| Err(ended()))
    }

    /// The names of the queues of an account and region that start with `prefix`, in their order,
    /// after the name `after`, at most `limit`.
    pub(crate) fn list(
        &self,
        account: AccountId,
        region: &Region,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<String> {
        let queues = self.queues.read().expect("no one panics with the lock");
        let name = first_name_from(after.unwrap_or_default().max(prefix));
        let first = QueueKey { account, region: region.clone(), name };
        queues
            .by_key
            .range(first..)
            .take_while(|(key, _)| {
                key.account == account
                    && key.region == *region
                    && key.name.as_str().starts_with(prefix)
            })
            .filter(|(key, _)| after.is_none_or(|after| key.name.as_str() > after))
            .filter(|(_, queue)| !queue.deleted.load(Ordering::Acquire))
            .map(|(key, _)| key.name.as_str().to_owned())
            .take(limit)
            .collect()
    }

    /// The queues that have `target` as their dead-letter queue in their order, after the queue
    /// `after`, at most `limit`.
    pub(crate) fn list_sources(
        &self,
        target: &QueueKey,
        after: Option<&QueueKey>,
        limit: usize,
    ) -> Vec<QueueKey> {
        self.sources.list(target, after, limit)
    }

    /// The first queues in their order, at most `limit`, and how many more there are.
    pub(crate) fn first(&self, limit: usize) -> (Vec<QueueHandle>, usize) {
        let queues = self.queues.read().expect("no one panics with the lock");
        let is_there = |queue: &&Arc<Queue>| !queue.deleted.load(Ordering::Acquire);
        let mut there = queues.by_key.values().filter(is_there);
        let first = there.by_ref().take(limit).map(|queue| self.handle(queue.clone()));
        (first.collect(), there.count())
    }

    /// Whether an account has queues, in any region.
    pub(crate) fn has_queues_of(&self, account: AccountId) -> bool {
        let queues = self.queues.read().expect("no one panics with the lock");
        queues.by_key.keys().any(|key| key.account == account)
    }

    /// An id for a new message's content, never given out before.
    pub(crate) fn next_body(&self) -> BodyId {
        BodyId(self.shared.next_body.fetch_add(1, Ordering::Relaxed))
    }

    /// The key under which receipt handles are authenticated.
    pub(crate) fn receipt_key(&self) -> &ReceiptKey {
        &self.receipt_key
    }

    /// Ends every task after its work is durable.
    pub(crate) async fn stop(&self) {
        self.shared.ends.store(true, Ordering::Release);
        let queues = self.all();
        for queue in &queues {
            queue.end_task();
        }
        for queue in &queues {
            drop(queue.ownership.lock().await);
        }
    }

    fn all(&self) -> Vec<Arc<Queue>> {
        let queues = self.queues.read().expect("no one panics with the lock");
        queues.by_key.values().cloned().collect()
    }

    fn handle(&self, queue: Arc<Queue>) -> QueueHandle {
        QueueHandle { shared: self.shared.clone(), entry: queue.entry(), queue }
    }
}

impl Queue {
    fn new(entry: Arc<CatalogEntry>) -> Arc<Queue> {
        Arc::new(Queue {
            entry: RwLock::new(entry),
            inbox: Mutex::default(),
            ownership: Arc::default(),
            owned: AtomicBool::new(false),
            deleted: AtomicBool::new(false),
            outbox: courier::State::default(),
            counts: Counts::default(),
        })
    }

    fn entry(&self) -> Arc<CatalogEntry> {
        self.entry.read().expect("no one panics with the lock").clone()
    }

    /// Makes a durable change known to whoever finds the queue from now on.
    fn publish(&self, entry: Arc<CatalogEntry>) {
        *self.entry.write().expect("no one panics with the lock") = entry;
    }

    /// Tells the task, if one runs, to end when its inbox is empty and its work is durable.
    fn end_task(&self) {
        self.inbox.lock().expect("no one panics with the lock").take();
    }
}

/// Reaches one queue.
#[derive(Clone)]
pub(crate) struct QueueHandle {
    shared: Arc<Shared>,
    /// The entry as it was when the queue was found.
    entry: Arc<CatalogEntry>,
    queue: Arc<Queue>,
}

/// A message with its content, as a receive returns it.
pub(crate) type MessageWithContent = (ReceivedMessage, Arc<MessageContent>);

/// Nothing was received because too many messages are in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverInFlightLimit;

/// Nothing was sent because a FIFO queue remembers as many sends as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManySends;

impl QueueHandle {
    /// What the catalog knew of the queue when it was found.
    pub(crate) fn entry(&self) -> &CatalogEntry {
        &self.entry
    }

    /// What happened in it since the server started.
    pub(crate) fn counts(&self) -> &Counts {
        &self.queue.counts
    }

    /// The id of this incarnation.
    pub(crate) fn id(&self) -> QueueId {
        self.entry.id
    }

    /// Stores messages, which take up `memory` until they are. They are durable when this returns.
    /// On a full disk they are refused.
    pub(crate) async fn send(
        &self,
        messages: Vec<NewMessage>,
        memory: MemoryShare,
    ) -> Result<Result<Vec<SentMessage>, TooManySends>, Unanswered> {
        if let Some(why) = self.shared.store.full() {
            return Err(Unanswered::DiskFull(why));
        }
        let sealed = self.shared.sealer.seal(&self.entry, &messages).await;
        let sealed = sealed.map_err(Unanswered::Kms)?;
        let contents: Vec<_> = messages.iter().map(|message| message.content.clone()).collect();
        match self.ask_with(Command::Send(messages), sealed, None, memory).await?.reply {
            Reply::Sent(sent) => {
                for (sent, content) in sent.iter().zip(contents) {
                    let is_new = sent.message_id == content.message_id;
                    self.queue.counts.add_sent(is_new, content.size());
                }
                Ok(Ok(sent))
            }
            Reply::TooManySends => Ok(Err(TooManySends)),
            reply => unexpected(&reply),
        }
    }

    /// Takes up to `max` visible messages; with a wait time, waits for the first of them.
    pub(crate) async fn receive(
        &self,
        max: usize,
        visibility_timeout: Option<Duration>,
        wait_time: Duration,
        attempt: Option<AttemptId>,
    ) -> Result<Result<Vec<MessageWithContent>, OverInFlightLimit>, Unanswered> {
        self.shared.sealer.allow_receive(&self.entry).await.map_err(Unanswered::Kms)?;
        let wait_until = (!wait_time.is_zero()).then(|| self.shared.clock.now() + wait_time);
        let command = Command::Receive { max, visibility_timeout, attempt };
        let outcome = self.ask(command, wait_until).await?;
        if let Some(number) = outcome.left {
            courier::wait_for_arrival(&*self.shared.clock, &self.queue, number).await;
        }
        match outcome.reply {
            Reply::Received(messages) => {
                let messages = self.with_contents(messages, outcome.contents).await?;
                self.queue.counts.add_received(messages.len());
                Ok(Ok(messages))
            }
            Reply::OverInFlightLimit => Ok(Err(OverInFlightLimit)),
            reply => unexpected(&reply),
        }
    }

    /// Deletes messages: one outcome for each handle. They stay deleted when this returns.
    pub(crate) async fn delete(
        &self,
        handles: Vec<ReceiptHandle>,
    ) -> Result<Vec<Result<(), DeleteRefusal>>, Unanswered> {
        match self.ask(Command::Delete(handles), None).await?.reply {
            Reply::Deleted(outcomes) => {
                self.queue.counts.add_deleted(outcomes.iter().flatten().count());
                Ok(outcomes)
            }
            reply => unexpected(&reply),
        }
    }

    /// Changes visibility timeouts: one outcome for each entry.
    pub(crate) async fn change_visibility(
        &self,
        changes: Vec<(ReceiptHandle, Duration)>,
    ) -> Result<Vec<Result<(), VisibilityRefusal>>, Unanswered> {
        match self.ask(Command::ChangeVisibility(changes), None).await?.reply {
            Reply::VisibilityChanged(outcomes) => Ok(outcomes),
            reply => unexpected(&reply),
        }
    }

    /// Counts the messages.
    pub(crate) async fn count(&self) -> Result<Counters, Unanswered> {
        match self.ask(Command::Count, None).await?.reply {
            Reply::Counted(counters) => Ok(counters),
            reply => unexpected(&reply),
        }
    }

    /// Starts a message move task.
    pub(crate) async fn start_move_task(
        &self,
        id: [u8; 16],
        destination: Option<QueueKey>,
        rate: Option<u32>,
    ) -> Result<Result<MoveTask, MoveTaskRefusal>, Unanswered> {
        let command = Command::StartMoveTask { id, destination, rate };
        match self.ask(command, None).await?.reply {
            Reply::MoveTask(started) => Ok(started),
            reply => unexpected(&reply),
        }
    }

    /// Cancels a message move task.
    pub(crate) async fn cancel_move_task(
        &self,
        id: [u8; 16],
    ) -> Result<Result<MoveTask, MoveTaskRefusal>, Unanswered> {
        match self.ask(Command::CancelMoveTask(id), None).await?.reply {
            Reply::MoveTask(cancelled) => Ok(cancelled),
            reply => unexpected(&reply),
        }
    }

    /// The message move tasks, newest first.
    pub(crate) async fn list_move_tasks(&self) -> Result<Vec<MoveTask>, Unanswered> {
        match self.ask(Command::ListMoveTasks, None).await?.reply {
            Reply::MoveTasks(tasks) => Ok(tasks),
            reply => unexpected(&reply),
        }
    }

    async fn ask(
        &self,
        command: Command,
        wait_until: Option<Timestamp>,
    ) -> Result<Outcome, Unanswered> {
        self.ask_with(command, Vec::new(), wait_until, MemoryShare::default()).await
    }

    async fn ask_with(
        &self,
        command: Command,
        sealed: Vec<(BodyId, Vec<u8>)>,
        wait_until: Option<Timestamp>,
        memory: MemoryShare,
    ) -> Result<Outcome, Unanswered> {
        let (reply_to, reply) = oneshot::channel();
        self.hand_in(Ask::Command(Request { command, sealed, wait_until, reply_to, memory }))?;
        reply.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Makes a change of the catalog that concerns the queue's messages.
    async fn change(&self, record: CatalogRecord) -> Result<(), Unanswered> {
        let (reply_to, reply) = oneshot::channel();
        self.hand_in(Ask::Change { record, reply_to })?;
        reply.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Puts a request into the task's inbox; starts the task if none runs.
    fn hand_in(&self, request: Ask) -> Result<(), Unanswered> {
        let mut inbox = self.queue.inbox.lock().expect("no one panics with the lock");
        let sent = match inbox.as_ref() {
            Some(sender) => sender.try_send(request),
            None => Err(TrySendError::Closed(request)),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                Err(Unanswered::Unavailable("too many requests wait for the queue".to_owned()))
            }
            Err(TrySendError::Closed(request)) => {
                *inbox = Some(self.start_task(request)?);
                Ok(())
            }
        }
    }

    /// Starts a task whose inbox holds its first request.
    fn start_task(&self, first: Ask) -> Result<mpsc::Sender<Ask>, Unanswered> {
        if self.queue.deleted.load(Ordering::Acquire) {
            return Err(Unanswered::QueueDeleted);
        }
        // A courier may still be on its way, and a task that it starts would idle for a minute.
        if self.shared.ends.load(Ordering::Acquire) {
            return Err(stopped());
        }
        let (sender, mut inbox) = mpsc::channel(INBOX_REQUESTS_MAX);
        sender.try_send(first).unwrap_or_else(|_| unreachable!("a new inbox is open and empty"));
        let (shared, queue) = (self.shared.clone(), self.queue.clone());
        tokio::spawn(async move {
            let ownership = queue.ownership.clone().lock_owned().await;
            // The queue may have been deleted while this task waited for its ownership. Nothing may
            // be appended behind a deletion.
            if queue.deleted.load(Ordering::Acquire) {
                inbox.close();
                while let Some(ask) = inbox.recv().await {
                    ask.refuse(Unanswered::QueueDeleted);
                }
            } else {
                QueueTask::run(shared, queue, inbox).await;
            }
            drop(ownership);
        });
        Ok(sender)
    }

    /// Contents that were not at hand are read; a message deleted meanwhile leaves the reply. One whose
    /// data key the KMS does not decrypt now leaves it, too, and is tried again after a while. If it
    /// is in a message group of a FIFO queue, so are those that follow it there.
    async fn with_contents(
        &self,
        messages: Vec<ReceivedMessage>,
        mut contents: Vec<Option<Arc<MessageContent>>>,
    ) -> Result<Vec<MessageWithContent>, Unanswered> {
        let missing: Vec<usize> =
            (0..messages.len()).filter(|&index| contents[index].is_none()).collect();
        let mut refused: Option<KmsRefusal> = None;
        let mut held_back = BTreeSet::new();
        if !missing.is_empty() {
            let body = |&index: &usize| messages[index].message.body;
            let bodies: Vec<BodyId> = missing.iter().map(body).collect();
            let read = self.shared.store.contents(bodies.clone()).await;
            // The messages are in flight already, so this cannot be called undone.
            let read = read.map_err(|error| Unanswered::Unknown(error.to_string()))?;
            let opened = self.shared.sealer.open(&self.entry, &bodies, &read).await;
            for (index, opened) in missing.into_iter().zip(opened) {
                match opened {
                    Ok(content) => contents[index] = content,
                    Err(refusal) => {
                        refused.get_or_insert(refusal);
                        held_back.insert(index);
                    }
                }
            }
        }
        if let Some(refusal) = refused {
            if self.entry.key.name.is_fifo() {
                let group = |index: &usize| messages[*index].message.group;
                let mut blocked = BTreeSet::new();
                for index in 0..messages.len() {
                    if held_back.contains(&index) || blocked.contains(&group(&index)) {
                        blocked.insert(group(&index));
                        held_back.insert(index);
                    }
                }
            }
            let handle = |index: &usize| ReceiptHandle {
                position: messages[*index].message.position,
                receive_count: messages[*index].receives.count,
            };
            let changes = held_back.iter().map(|index| (handle(index), UNDECRYPTED_FOR));
            self.change_visibility(changes.collect()).await?;
            if held_back.len() == messages.len() {
                return Err(Unanswered::Kms(refusal));
            }
        }
        let pairs = messages.into_iter().zip(contents).enumerate();
        let shown = pairs.filter(|(index, _)| !held_back.contains(index));
        Ok(shown.filter_map(|(_, (message, content))| Some((message, content?))).collect())
    }
}

/// For how long a message is in flight that was received although its data key cannot be had. As its
/// receives count, it is not tried all the time.
const UNDECRYPTED_FOR: Duration = Duration::from_secs(30);

/// A reply, and for received messages those of their contents that were at hand.
pub(crate) struct Outcome {
    pub(crate) reply: Reply,
    pub(crate) contents: Vec<Option<Arc<MessageContent>>>,
    /// The number of the last message that left for another queue.
    pub(crate) left: Option<u64>,
    /// What the command took up; it is given back with the reply, when the command is decided.
    pub(crate) _memory: MemoryShare,
}

/// A queue name that no name which starts with `start`, or comes after it, precedes.
fn first_name_from(start: &str) -> QueueName {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = start.find(|c| !allowed(c)).unwrap_or(start.len()).min(QUEUE_NAME_CHARACTERS_MAX);
    // `-` is the smallest character of a name.
    let name = QueueName::parse(&start[..end]).or_else(|_| QueueName::parse("-"));
    name.expect("a hyphen is a queue name")
}

fn ended() -> Unanswered {
    Unanswered::Unknown("it failed, and is being reloaded".to_owned())
}

fn stopped() -> Unanswered {
    Unanswered::Unavailable("the server is stopping".to_owned())
}

fn unexpected<T>(reply: &Reply) -> T {
    panic!("the queue answered another command: {reply:?}")
}
