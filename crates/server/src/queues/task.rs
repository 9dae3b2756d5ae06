//! [`QueueTask`]: the task that owns one queue.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use formiga_engine::catalog::CatalogEntry;
use formiga_engine::message::MessageContent;
use formiga_engine::queue::{Command, Need, Queue, Record, Reply, Supply};
use formiga_engine::time::Timestamp;
use formiga_store::{Append, AppendError, Chain, Change, ReadError};
use tokio::sync::{mpsc, watch};

use super::contents::Contents;
use super::pending::{Pending, ReplyTo};
use super::waiters::Waiters;
use super::{Outcome, Shared, Unanswered};

/// What a queue is asked, and who asks.
pub(super) struct Request {
    pub(super) command: Command,
    /// For a receive: how long it may wait for a message.
    pub(super) wait_until: Option<Timestamp>,
    pub(super) reply_to: ReplyTo,
}

/// Owns a queue: applies commands, appends their records, and replies once they are durable.
pub(super) struct QueueTask {
    shared: Arc<Shared>,
    entry: Arc<CatalogEntry>,
    queue: Queue,
    pending: Pending,
    /// Each append rests on the one before.
    chain: Chain,
    waiters: Waiters,
    contents: Contents,
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
        entry: Arc<CatalogEntry>,
        mut inbox: mpsc::Receiver<Request>,
    ) {
        let now = shared.clock.now();
        let snapshot = match shared.store.restore(entry.id, now, shared.limits.page).await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::error!(queue = %entry.key.arn(), %error, "a queue could not be loaded");
                inbox.close();
                refuse_all(&mut inbox, &error.to_string()).await;
                return;
            }
        };
        let queue = Queue::restore(entry.attributes.clone(), shared.limits, snapshot);
        let mut task = QueueTask {
            stopping: shared.stopping.clone(),
            last_used: now,
            shared,
            entry,
            queue,
            pending: Pending::default(),
            chain: Chain::default(),
            waiters: Waiters::default(),
            contents: Contents::new(),
        };
        if let Err(failure) = task.serve(&mut inbox).await {
            let queue = task.entry.key.arn();
            tracing::error!(%queue, error = %failure, "a queue's task ends and will be reloaded");
            inbox.close();
            refuse_all(&mut inbox, &failure.to_string()).await;
        }
        task.contents.clear(&task.shared.contents);
    }

    async fn serve(&mut self, inbox: &mut mpsc::Receiver<Request>) -> Result<(), Failure> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
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
                    self.contents.trim(self.pending.durable(), &self.shared.contents);
                }
                () = alarm.rings() => self.wake(inbox).await?,
                Ok(()) = self.stopping.changed() => self.dismiss_waiters(),
            }
        }
        self.dismiss_waiters();
        Ok(())
    }

    async fn apply_batch(&mut self, batch: &mut Vec<Request>) -> Result<(), Failure> {
        let now = self.shared.clock.now();
        self.last_used = now;
        for request in batch.drain(..) {
            // A caller who hung up is dropped before it is served.
            if !request.reply_to.is_closed() {
                self.serve_request(now, request).await?;
            }
        }
        self.serve_waiters(now).await?;
        self.append();
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
                    self.waiters.push(deadline, request);
                } else {
                    self.reply(request.reply_to, Reply::Received(Vec::new()), records);
                }
            }
            _ => self.reply(request.reply_to, reply, records),
        }
        Ok(())
    }

    /// Supplies what the command needs, then applies it.
    async fn apply(
        &mut self,
        now: Timestamp,
        command: &Command,
    ) -> Result<(Reply, Vec<Record>), Failure> {
        while let Some(need) = self.queue.needs(now, command) {
            self.settle().await?;
            let supply = self.read(need).await?;
            self.queue.supply(need, supply);
        }
        Ok(self.queue.apply(now, command))
    }

    /// Makes everything applied durable: what is read next must reflect it.
    async fn settle(&mut self) -> Result<(), Failure> {
        self.append();
        while self.pending.is_under_way() {
            self.pending.next_durable().await?;
        }
        Ok(())
    }

    async fn read(&self, need: Need) -> Result<Supply, ReadError> {
        let (store, queue) = (&self.shared.store, self.entry.id);
        match need {
            Need::Page { from, limit } => store.page(queue, from, limit).await.map(Supply::Page),
            Need::Oldest { limit } => {
                let first = formiga_engine::queue::Position::FIRST;
                store.page(queue, first, limit).await.map(Supply::Page)
            }
            Need::Message(position) => store.message(queue, position).await.map(Supply::Message),
            Need::AvailableBetween { after, until } => {
                store.available_between(queue, after, until).await.map(Supply::Count)
            }
        }
    }

    fn reply(&mut self, reply_to: ReplyTo, reply: Reply, records: Vec<Record>) {
        let contents = self.keep_contents(&reply, &records);
        self.pending.push(records, reply_to, Outcome { reply, contents });
    }

    /// Keeps what was sent, forgets what is gone, and finds what was received.
    fn keep_contents(
        &mut self,
        reply: &Reply,
        records: &[Record],
    ) -> Vec<Option<Arc<MessageContent>>> {
        let (number, budget) = (self.pending.next_append(), &self.shared.contents);
        for record in records {
            match record {
                Record::Sent { message, content } => {
                    self.contents.insert(message.body, content.clone(), number, budget);
                }
                Record::Deleted { message } | Record::Expired { message } => {
                    self.contents.remove(message.body, budget);
                }
                Record::Received { .. } | Record::VisibilityChanged { .. } => {}
            }
        }
        match reply {
            Reply::Received(messages) => {
                messages.iter().map(|received| self.contents.get(received.message.body)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Hands what was applied to the store; returns at once.
    fn append(&mut self) {
        let Self { pending, shared, entry, chain, .. } = self;
        pending.append_with(|records| {
            let change = Change::Queue(entry.id, records);
            let append = Append { at: shared.clock.now(), change, chain: chain.clone() };
            shared.store.append(shared.epoch, append)
        });
    }

    /// Serves long polls in the order of their arrival, until one finds nothing.
    async fn serve_waiters(&mut self, now: Timestamp) -> Result<(), Failure> {
        while let Some(command) = self.waiters.first().map(|request| request.command.clone()) {
            let (reply, records) = self.apply(now, &command).await?;
            if found_nothing(&reply) {
                break;
            }
            let request = self.waiters.pop_first().expect("the first waiter is there");
            self.reply(request.reply_to, reply, records);
        }
        Ok(())
    }

    /// Something is due: visible messages, the end of a wait, expired messages, or idleness.
    async fn wake(&mut self, inbox: &mut mpsc::Receiver<Request>) -> Result<(), Failure> {
        let now = self.queue.advance(self.shared.clock.now());
        self.serve_waiters(now).await?;
        while let Some(request) = self.waiters.pop_overdue(now) {
            self.reply(request.reply_to, Reply::Received(Vec::new()), Vec::new());
        }
        if self.queue.expiry_is_due(now) {
            let (reply, records) = self.apply(now, &Command::RemoveExpired).await?;
            self.keep_contents(&reply, &records);
            self.pending.push_records(records);
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
            self.reply(request.reply_to, Reply::Received(Vec::new()), Vec::new());
        }
        self.append();
    }

    /// When the task has nothing to do any more, as far as can be told now. While anything is in
    /// flight the earliest moment is the return of the next message.
    fn idle_at(&self) -> Option<Timestamp> {
        let busy = !self.waiters.is_empty() || !self.pending.is_empty();
        let unused = self.last_used + IDLE_MAX;
        (!busy).then(|| self.queue.next_return().map_or(unused, |at| at.max(unused)))
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let waiting = !self.waiters.is_empty();
        let due = [self.queue.next_deadline(waiting), self.waiters.next_deadline(), self.idle_at()];
        due.into_iter().flatten().min()
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

async fn refuse_all(inbox: &mut mpsc::Receiver<Request>, why: &str) {
    while let Some(request) = inbox.recv().await {
        let _ = request.reply_to.send(Err(Unanswered::Unavailable(why.to_owned())));
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
