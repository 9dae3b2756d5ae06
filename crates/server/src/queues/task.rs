//! [`QueueTask`]: the task that owns one queue.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::MessageContent;
use formiga_engine::names::{QueueId, QueueKey};
use formiga_engine::queue::{
    BodyId, Command, Need, Position, Queue, QueueRole, Record, Reply, StoredMessage, Supply,
};
use formiga_engine::time::Timestamp;
use formiga_store::{Append, AppendError, Chain, Change, ReadError, Reading, Store, StoredContent};
use tokio::sync::{mpsc, oneshot, watch};

use super::catalog::unanswered;
use super::contents::Contents;
use super::courier;
use super::expiry::Note;
use super::pending::{Pending, ReplyTo};
use super::waiters::Waiters;
use super::{Outcome, Shared, Unanswered};
use crate::body::MemoryShare;
use crate::sealer::Sealer;

/// What a queue is asked, and who asks.
pub(super) struct Request {
    pub(super) command: Command,
    /// For a send: the contents that are to be kept sealed, as they are to be kept.
    pub(super) sealed: Vec<(BodyId, Vec<u8>)>,
    /// For a receive: how long it may wait for a message.
    pub(super) wait_until: Option<Timestamp>,
    pub(super) reply_to: ReplyTo,
    /// What the request takes up until it is decided.
    pub(super) memory: MemoryShare,
}

/// What comes into a task's inbox.
pub(super) enum Ask {
    Command(Request),
    /// A change of the catalog that concerns the queue's messages.
    Change {
        record: CatalogRecord,
        reply_to: oneshot::Sender<Result<(), Unanswered>>,
    },
}

impl Ask {
    pub(super) fn refuse(self, why: Unanswered) {
        match self {
            Ask::Command(request) => drop(request.reply_to.send(Err(why))),
            Ask::Change { reply_to, .. } => drop(reply_to.send(Err(why))),
        }
    }
}

/// Owns a queue: applies commands, appends their records, and replies once they are durable.
pub(super) struct QueueTask {
    shared: Arc<Shared>,
    /// Where changes are made known.
    known_as: Arc<super::Queue>,
    entry: Arc<CatalogEntry>,
    queue: Queue,
    pending: Pending,
    /// Each append rests on the one before.
    chain: Chain,
    waiters: Waiters,
    contents: Contents,
    ahead: ReadAhead,
    stopping: watch::Receiver<bool>,
    last_used: Timestamp,
}

/// Why a task ends before it is told to. The next request reloads the queue.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// How many commands are applied before their records are handed to the store.
const BATCH_MAX: usize = 256;

/// A task without work ends after this long.
const IDLE_MAX: Duration = Duration::from_secs(60);

impl QueueTask {
    /// Restores the queue and serves `inbox` until it is closed, nobody uses the queue any more,
    /// or a failure makes the queue's state uncertain.
    pub(super) async fn run(
        shared: Arc<Shared>,
        known_as: Arc<super::Queue>,
        mut inbox: mpsc::Receiver<Ask>,
    ) {
        let entry = known_as.entry();
        let owned_before = known_as.owned.swap(true, Ordering::AcqRel);
        let loaded = async {
            if owned_before {
                decide_what_is_under_way(&shared, &entry).await?;
            }
            load(&shared, &entry).await.map_err(Failure::from)
        };
        let queue = match loaded.await {
            Ok(queue) => queue,
            Err(error) => {
                tracing::error!(queue = %entry.key.arn(), %error, "a queue could not be loaded");
                inbox.close();
                refuse_all(&mut inbox, &error.to_string()).await;
                return;
            }
        };
        let contents = Contents::new(shared.contents.clone());
        let mut task = QueueTask {
            stopping: shared.stopping.clone(),
            last_used: shared.clock.now(),
            shared,
            known_as,
            entry,
            queue,
            pending: Pending::default(),
            chain: Chain::default(),
            waiters: Waiters::default(),
            contents,
            ahead: ReadAhead::default(),
        };
        if let Err(failure) = task.serve(&mut inbox).await {
            let queue = task.entry.key.arn();
            tracing::error!(%queue, error = %failure, "a queue's task ends and will be reloaded");
            inbox.close();
            if task.queue.has_outbox() || task.queue.is_moving() {
                task.call_courier(); // Asking for the outbox, it reloads the queue.
            }
            refuse_all(&mut inbox, &failure.to_string()).await;
        } else {
            task.known_as.owned.store(false, Ordering::Release);
        }
        if let Some(due) = task.queue.expiry_due() {
            let _ = task.shared.notes.send(Note::Idle { due, queue: task.known_as });
        }
    }

    async fn serve(&mut self, inbox: &mut mpsc::Receiver<Ask>) -> Result<(), Failure> {
        if self.queue.has_outbox() {
            self.call_courier();
        }
        // Grows with use: most of very many queues see one request at a time.
        let mut batch = Vec::new();
        let mut alarm = Alarm::default();
        let mut open = true;
        while open || self.pending.is_under_way() {
            alarm.set(self.next_deadline(), &self.shared);
            tokio::select! {
                count = inbox.recv_many(&mut batch, BATCH_MAX), if open && self.pending.has_room() => {
                    open = count > 0;
                    self.apply_batch(&mut batch).await?;
                }
                // Tickets complete in order, so what is released rests on nothing that could
                // still be lost.
                durable = self.pending.next_durable() => {
                    durable?;
                    self.contents.trim(self.pending.durable());
                }
                read = self.ahead.done(&self.shared.sealer) => self.keep_ahead(read),
                () = std::future::ready(()), if self.queue.looks_ahead() => {
                    let now = self.shared.clock.now();
                    self.apply(now, &Command::LookAhead).await?;
                }
                () = alarm.rings() => self.wake(inbox).await?,
                Ok(()) = self.stopping.changed() => self.dismiss_waiters(),
            }
        }
        self.dismiss_waiters();
        Ok(())
    }

    async fn apply_batch(&mut self, batch: &mut Vec<Ask>) -> Result<(), Failure> {
        let now = self.shared.clock.now();
        self.last_used = now;
        for ask in batch.drain(..) {
            match ask {
                // A caller who hung up is dropped before it is served.
                Ask::Command(request) if request.reply_to.is_closed() => {}
                Ask::Command(request) => self.serve_request(now, request).await?,
                Ask::Change { record, reply_to } => {
                    let changed = self.change(record).await;
                    let _ = reply_to.send(changed.clone().map_err(|error| unanswered(&error)));
                    changed?;
                    self.queue = load(&self.shared, &self.entry).await?;
                    self.ahead = ReadAhead::default();
                }
            }
        }
        self.serve_waiters(now).await?;
        self.append();
        self.read_ahead();
        Ok(())
    }

    async fn serve_request(&mut self, now: Timestamp, request: Request) -> Result<(), Failure> {
        let may_wait = request.wait_until.is_some() && !*self.stopping.borrow();
        // Those who wait already come first.
        if may_wait && !self.waiters.is_empty() {
            self.serve_waiters(now).await?;
        }
        let (reply, records) = self.apply(now, &request.command).await?;
        match request.wait_until {
            Some(deadline) if found_nothing(&reply) => {
                if may_wait {
                    // Dead letters may have left all the same.
                    self.push_records(records);
                    self.waiters.push(deadline, request);
                } else {
                    self.reply(request, Reply::Received(Vec::new()), records);
                }
            }
            _ => self.reply(request, reply, records),
        }
        Ok(())
    }

    /// Makes a change of the catalog durable, and known. What was applied before comes before it.
    async fn change(&mut self, record: CatalogRecord) -> Result<(), AppendError> {
        self.settle().await?;
        let entry = record.entry().clone();
        let change = Change::Catalog(record);
        let append = Append::new(self.shared.clock.now(), change);
        self.shared.store.append(self.shared.epoch, append).await?;
        if entry.generation != self.entry.generation {
            self.contents.clear();
        }
        self.known_as.publish(entry.clone());
        self.entry = entry;
        Ok(())
    }

    /// Supplies what the command needs, then applies it.
    async fn apply(
        &mut self,
        now: Timestamp,
        command: &Command,
    ) -> Result<(Reply, Vec<Record>), Failure> {
        while let Some(need) = self.queue.needs(now, command) {
            let supply = if let Need::Queue { key, role } = &need {
                Supply::Queue(self.find_queue(key, *role))
            } else {
                self.settle().await?;
                read(&*self.shared.store, self.entry.generation, &need).await?
            };
            self.queue.supply(need, supply);
        }
        Ok(self.queue.apply(now, command))
    }

    /// The queue called `key`, if there is one and it may play the role for this queue.
    fn find_queue(&self, key: &QueueKey, role: QueueRole) -> Option<QueueId> {
        let known_by = self.shared.known_by.upgrade()?;
        let found = known_by.find(key)?;
        let allows = || {
            let policy = found.entry().attributes.redrive_allow_policy.as_ref();
            policy.is_none_or(|policy| policy.allows(&self.entry.key.arn().to_string()))
        };
        let same_type = key.name.is_fifo() == self.entry.key.name.is_fifo();
        let allowed = match role {
            QueueRole::DeadLetterQueue => allows(),
            QueueRole::Destination => true,
        };
        (same_type && allowed).then(|| found.id())
    }

    /// What left is handed over once it is durable.
    fn push_records(&mut self, records: Vec<Record>) {
        if records.iter().any(|record| matches!(record, Record::Left(_))) {
            self.call_courier();
        }
        self.pending.push_records(records);
    }

    /// Has the outbox emptied. The courier is told what is in it only when that is durable.
    fn call_courier(&self) {
        if let Some(directory) = self.shared.known_by.upgrade() {
            courier::call(&directory, &self.known_as);
        }
    }

    /// Makes everything applied durable: what is read next must reflect it.
    async fn settle(&mut self) -> Result<(), AppendError> {
        self.append();
        while self.pending.is_under_way() {
            self.pending.next_durable().await?;
        }
        Ok(())
    }

    fn reply(&mut self, request: Request, reply: Reply, records: Vec<Record>) {
        let contents = self.keep_contents(&reply, &records);
        if claims_more_than(&reply, &records) {
            self.pending.push_confirmation();
        }
        let left = records.iter().filter_map(|record| match record {
            Record::Left(entry) => Some(entry.number),
            _ => None,
        });
        let left = left.max();
        let Request { reply_to, memory, mut sealed, .. } = request;
        // A repeated send stores nothing.
        sealed.retain(|(body, _)| records.iter().any(|record| stores(record, *body)));
        self.pending.push_sealed(sealed);
        self.push_records(records);
        self.pending.push_reply(reply_to, Outcome { reply, contents, left, _memory: memory });
    }

    /// Keeps what was sent, forgets what is gone, and finds what was received.
    fn keep_contents(
        &mut self,
        reply: &Reply,
        records: &[Record],
    ) -> Vec<Option<Arc<MessageContent>>> {
        let number = self.pending.next_append();
        for record in records {
            match record {
                // Behind the frontier of a backlog nothing is received before it was read.
                Record::Sent { message, content, .. } if self.queue.is_held(message.position) => {
                    self.contents.insert(message.body, content.clone(), number);
                }
                Record::Deleted { message } | Record::Expired { message } => {
                    self.contents.remove(message.body);
                }
                Record::Left(entry) => self.contents.remove(entry.message.body),
                _ => {}
            }
        }
        match reply {
            Reply::Received(messages) => {
                self.ahead.received |= !messages.is_empty();
                messages.iter().map(|received| self.contents.get(received.message.body)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Begins to read contents that will soon be needed, when those at hand run out: one read of
    /// many costs far less than one for each receive.
    fn read_ahead(&mut self) {
        if !std::mem::take(&mut self.ahead.received) || self.ahead.reading.is_some() {
            return;
        }
        let missing = |message: &&StoredMessage| !self.contents.has(message.body);
        if !self.queue.upcoming().nth(AHEAD_MIN).as_ref().is_some_and(missing) {
            return;
        }
        let mut bytes = 0;
        let upcoming = self.queue.upcoming().take(AHEAD_MAX).filter(missing);
        let wanted: Vec<_> = upcoming
            .take_while(|message| {
                bytes += message.size as usize;
                bytes <= AHEAD_BYTES_MAX
            })
            .map(|message| (message.position, message.body))
            .collect();
        if !wanted.is_empty() {
            let bodies = wanted.iter().map(|(_, body)| *body).collect();
            self.ahead.reading = Some((wanted, self.shared.store.contents(bodies)));
        }
    }

    /// Keeps what was read ahead, as far as it is still of use. What could not be read is read
    /// when it is received.
    fn keep_ahead(&mut self, read: Vec<(Position, BodyId, Arc<MessageContent>)>) {
        let durable = self.pending.durable();
        for (position, body, content) in read {
            if self.queue.is_held(position) && !self.contents.has(body) {
                self.contents.insert(body, content, durable);
            }
        }
        self.contents.trim(durable);
    }

    /// Hands what was applied to the store; returns at once.
    fn append(&mut self) {
        let Self { pending, shared, entry, chain, .. } = self;
        pending.append_with(|records, sealed| {
            let change = Change::Queue(entry.generation, records);
            let append = Append { at: shared.clock.now(), change, chain: chain.clone(), sealed };
            shared.store.append(shared.epoch, append)
        });
    }

    /// Serves long polls in the order of their arrival, until one finds nothing.
    async fn serve_waiters(&mut self, now: Timestamp) -> Result<(), Failure> {
        while let Some(command) = self.waiters.first().map(|request| request.command.clone()) {
            let (reply, records) = self.apply(now, &command).await?;
            if found_nothing(&reply) {
                self.push_records(records);
                break;
            }
            let request = self.waiters.pop_first().expect("the first waiter is there");
            self.reply(request, reply, records);
        }
        Ok(())
    }

    /// Something is due: visible messages, the end of a wait, expired messages, or idleness.
    async fn wake(&mut self, inbox: &mut mpsc::Receiver<Ask>) -> Result<(), Failure> {
        let now = self.queue.advance(self.shared.clock.now());
        self.serve_waiters(now).await?;
        while let Some(request) = self.waiters.pop_overdue(now) {
            self.reply(request, Reply::Received(Vec::new()), Vec::new());
        }
        if self.expiry_due().is_some_and(|due| due <= now) {
            let (reply, records) = self.apply(now, &Command::RemoveExpired).await?;
            self.keep_contents(&reply, &records);
            self.push_records(records);
        }
        if self.queue.move_due().is_some_and(|due| due <= now) {
            let (reply, records) = self.apply(now, &Command::Move).await?;
            self.keep_contents(&reply, &records);
            self.push_records(records);
        }
        self.append();
        if self.idle_at().is_some_and(|idle_at| idle_at <= now) {
            inbox.close(); // What arrived before is still served.
        }
        Ok(())
    }

    /// The server stops: long polls end at once, with what they found: nothing.
    fn dismiss_waiters(&mut self) {
        while let Some(request) = self.waiters.pop_first() {
            self.reply(request, Reply::Received(Vec::new()), Vec::new());
        }
        self.append();
    }

    /// When the task has nothing to do any more, as far as can be told now. While anything is in
    /// flight the earliest moment is the return of the next message.
    fn idle_at(&self) -> Option<Timestamp> {
        let busy = !self.waiters.is_empty() || !self.pending.is_empty() || self.queue.is_moving();
        let unused = self.last_used + IDLE_MAX;
        (!busy).then(|| self.queue.next_return().map_or(unused, |at| at.max(unused)))
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let next_visible = self.queue.next_visible().filter(|_| !self.waiters.is_empty());
        let due = [
            next_visible,
            self.waiters.next_deadline(),
            self.expiry_due(),
            self.queue.move_due(),
            self.idle_at(),
        ];
        due.into_iter().flatten().min()
    }

    /// When expired messages may be removed.
    fn expiry_due(&self) -> Option<Timestamp> {
        self.queue.expiry_due().map(|due| due.max(self.shared.clock.reclaim_from()))
    }
}

/// Contents that are read before they are received.
#[derive(Default)]
struct ReadAhead {
    /// Whether anything was received since this was last looked at.
    received: bool,
    reading: Option<ContentsRead>,
}

/// Whose contents are being read, and the read.
type ContentsRead = (Vec<(Position, BodyId)>, Reading<Vec<Option<StoredContent>>>);

/// When the contents of fewer upcoming messages than this are at hand, those of the next are read:
/// up to so many and up to so many bytes.
const AHEAD_MIN: usize = 64;
const AHEAD_MAX: usize = 512;
const AHEAD_BYTES_MAX: usize = 1024 * 1024;

impl ReadAhead {
    /// Completes with what was read. Waits for ever when nothing is being read.
    async fn done(&mut self, sealer: &Sealer) -> Vec<(Position, BodyId, Arc<MessageContent>)> {
        let Some((_, reading)) = &mut self.reading else { return std::future::pending().await };
        let read = reading.await.unwrap_or_default();
        let (wanted, _) = self.reading.take().expect("it was being read");
        let bodies: Vec<BodyId> = wanted.iter().map(|(_, body)| *body).collect();
        let pairs = wanted.into_iter().zip(sealer.open_now(&bodies, &read));
        pairs.filter_map(|((position, body), content)| Some((position, body, content?))).collect()
    }
}

/// Reads what a command needs.
async fn read(store: &dyn Store, queue: QueueId, need: &Need) -> Result<Supply, ReadError> {
    match *need {
        Need::Page { from, limit } => store.page(queue, from, limit).await.map(Supply::Page),
        Need::Oldest { limit } => store.page(queue, Position::FIRST, limit).await.map(Supply::Page),
        Need::Message(position) => store.message(queue, position).await.map(Supply::Message),
        Need::AvailableBetween { after, until } => {
            store.available_between(queue, after, until).await.map(Supply::Count)
        }
        Need::Queue { .. } => unreachable!("the directory knows the queues"),
    }
}

/// Whether a record stores a message with this content.
fn stores(record: &Record, body: BodyId) -> bool {
    matches!(record, Record::Sent { message, .. } if message.body == body)
}

/// Whether a reply says that something is so which none of its records makes so: a message was
/// deleted before, sent before, or is in flight by an earlier attempt.
fn claims_more_than(reply: &Reply, records: &[Record]) -> bool {
    let made = |wanted: fn(&&Record) -> bool| records.iter().filter(wanted).count();
    match reply {
        Reply::Deleted(outcomes) => {
            let deleted = outcomes.iter().flatten().count();
            deleted > made(|record| matches!(record, Record::Deleted { .. }))
        }
        Reply::Sent(sent) => sent.len() > made(|record| matches!(record, Record::Sent { .. })),
        Reply::Received(messages) => {
            messages.len() > made(|record| matches!(record, Record::Received { .. }))
        }
        _ => false,
    }
}

/// Whether a receive got no message.
fn found_nothing(reply: &Reply) -> bool {
    match reply {
        Reply::Received(messages) => messages.is_empty(),
        Reply::OverInFlightLimit => true,
        _ => false,
    }
}

/// A task that panicked left the queue while appends may have been under way. Behind an append of
/// ours they are decided, so that what is loaded then reflects all of them.
async fn decide_what_is_under_way(
    shared: &Shared,
    entry: &CatalogEntry,
) -> Result<(), AppendError> {
    let append = Append::new(shared.clock.now(), Change::Queue(entry.generation, Vec::new()));
    shared.store.append(shared.epoch, append).await
}

/// Builds the queue from its store.
async fn load(shared: &Shared, entry: &CatalogEntry) -> Result<Queue, ReadError> {
    let now = shared.clock.now();
    let snapshot = shared.store.restore(entry.generation, now, shared.limits.page).await?;
    let queue = Queue::restore(entry, shared.limits, snapshot);
    Ok(queue.with_deduplication_key(shared.deduplication_key.clone()))
}

async fn refuse_all(inbox: &mut mpsc::Receiver<Ask>, why: &str) {
    while let Some(ask) = inbox.recv().await {
        ask.refuse(Unanswered::Unavailable(why.to_owned()));
    }
}

/// A timer that is set anew only when it must ring earlier; ringing early does no harm.
#[derive(Default)]
struct Alarm {
    sleep: Option<(Timestamp, Sleep)>,
}

impl Alarm {
    fn set(&mut self, deadline: Option<Timestamp>, shared: &Shared) {
        let Some(deadline) = deadline else { return };
        if self.sleep.as_ref().is_none_or(|(set, _)| deadline < *set) {
            self.sleep = Some((deadline, shared.clock.sleep_until(deadline)));
        }
    }

    /// Completes when it is time. Waits for ever when it is not set.
    async fn rings(&mut self) {
        match &mut self.sleep {
            Some((_, sleep)) => sleep.await,
            None => std::future::pending().await,
        }
        self.sleep = None;
    }
}

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
