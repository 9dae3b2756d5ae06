//! [`MemoryStore`]: keeps everything in memory, for tests and for `--store memory`. It survives
//! nothing, but keeps every other promise of a [`Store`].

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};

use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::names::QueueId;
use formiga_engine::queue::{
    BodyId, MoveTask, MoveTaskStatus, NotStored, OutboxEntry, Page, Position, QueueRow, Record,
    RememberedSend, Sequence, Snapshot, StoredMessage,
};
use formiga_engine::time::Timestamp;

use crate::{
    Acquired, Append, AppendError, Change, DecodeError, Epoch, Identity, IdentityChange,
    IdentityKey, PlainContents, Reading, Store, StoredContent, Ticket, records,
};

/// A store without a disk. An append is decided when the call returns.
#[derive(Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

/// How many messages of a queue that is gone are freed while nobody else gets at the store.
const RECLAIMED_AT_ONCE: usize = 1000;

#[derive(Default)]
struct State {
    epoch: Epoch,
    closed: bool,
    latest: Timestamp,
    catalog: BTreeMap<QueueId, CatalogEntry>,
    next_queue: u64,
    next_body: u64,
    queues: HashMap<QueueId, StoredQueue>,
    contents: HashMap<BodyId, StoredContent>,
    settings: HashMap<&'static str, Vec<u8>>,
    identities: BTreeMap<IdentityKey, Identity>,
}

/// Why an append could not be applied.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    NotStored(#[from] NotStored),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

#[derive(Default)]
struct StoredQueue {
    row: QueueRow,
    messages: BTreeMap<Position, StoredMessage>,
    /// By the end of their time, and then by their digest.
    remembered_sends: BTreeMap<(Timestamp, u128), RememberedSend>,
    outbox: BTreeMap<u64, OutboxEntry>,
    arrived: BTreeMap<QueueId, u64>,
    move_tasks: Vec<MoveTask>,
}

impl StoredQueue {
    fn absorb(&mut self, record: &Record) {
        match record {
            Record::Sent { message, remembered, .. } => {
                self.messages.insert(message.position, message.clone());
                if let Some(send) = remembered {
                    self.remembered_sends.insert((send.until, send.digest), *send);
                }
            }
            Record::Received { position, receives }
            | Record::VisibilityChanged { position, receives } => {
                let message = self.messages.get_mut(position);
                message.expect("a received message is stored").receives = Some(*receives);
            }
            Record::Deleted { message } | Record::Expired { message } => {
                self.messages.remove(&message.position);
            }
            Record::Left(entry) => {
                self.messages.remove(&entry.message.position);
                self.outbox.insert(entry.number, entry.clone());
            }
            Record::HandedOver(entry) | Record::Lost(entry) => {
                self.outbox.remove(&entry.number);
            }
            Record::CameBack(entry) => {
                self.outbox.remove(&entry.number);
                self.messages.insert(entry.message.position, entry.message.clone());
            }
            Record::Arrived { from, number, message } => {
                self.messages.insert(message.position, message.clone());
                self.arrived.insert(*from, *number);
            }
            Record::MoveTask(task) => task.clone().keep(&mut self.move_tasks),
        }
    }

    fn is_busy(&self) -> bool {
        let running = |task: &MoveTask| task.status == MoveTaskStatus::Running;
        !self.outbox.is_empty() || self.move_tasks.iter().any(running)
    }
}

/// How many messages that were stored before the records remove.
fn removed(records: &[Record]) -> u64 {
    let (mut removed, mut sent) = (0_u64, 0_u64);
    for record in records {
        match record {
            Record::Sent { .. } | Record::Arrived { .. } | Record::CameBack(_) => sent += 1,
            Record::Deleted { .. } | Record::Expired { .. } | Record::Left(_) => removed += 1,
            Record::Received { .. }
            | Record::VisibilityChanged { .. }
            | Record::HandedOver(_)
            | Record::Lost(_)
            | Record::MoveTask(_) => {}
        }
    }
    removed.saturating_sub(sent)
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics with the lock")
    }

    /// Frees what a queue had; in the background, if that is much.
    fn reclaim(&self, gone: StoredQueue) {
        let state = self.0.clone();
        let is_little = gone.messages.len() + gone.outbox.len() <= RECLAIMED_AT_ONCE;
        let run = move || {
            let on_the_way = gone.outbox.values().map(|entry| &entry.message);
            let messages = gone.messages.values().chain(on_the_way);
            let mut bodies = messages.map(|message| message.body).peekable();
            while bodies.peek().is_some() {
                let mut state = state.lock().expect("no one panics with the lock");
                for body in bodies.by_ref().take(RECLAIMED_AT_ONCE) {
                    state.contents.remove(&body);
                }
            }
        };
        if is_little {
            return run();
        }
        let thread = std::thread::Builder::new().name("reclaimer".to_owned()).spawn(run);
        thread.expect("a thread can be started");
    }

    fn read<T: Send + 'static>(&self, read: impl FnOnce(&State) -> T) -> Reading<T> {
        Box::pin(ready(Ok(read(&self.state()))))
    }
}

impl Store for MemoryStore {
    fn acquire(&self) -> Reading<Acquired> {
        let mut state = self.state();
        state.epoch.0 += 1;
        let acquired = Acquired {
            epoch: state.epoch,
            catalog: state.catalog.values().cloned().collect(),
            next_queue: state.next_queue,
            next_body: BodyId(state.next_body),
            latest: state.latest,
            busy: state
                .queues
                .iter()
                .filter(|(_, queue)| queue.is_busy())
                .map(|(id, _)| *id)
                .collect(),
        };
        Box::pin(ready(Ok(acquired)))
    }

    fn append(&self, epoch: Epoch, append: Append) -> Ticket {
        let mut state = self.state();
        if state.closed {
            return Ticket::known(Err(AppendError::Rejected("the store is closed".to_owned())));
        }
        if epoch != state.epoch {
            return Ticket::known(Err(AppendError::Fenced));
        }
        let applied = state.apply(append);
        drop(state);
        match applied {
            Ok(Some(gone)) => self.reclaim(gone),
            Ok(None) => {}
            Err(error) => return Ticket::known(Err(AppendError::Rejected(error.to_string()))),
        }
        Ticket::known(Ok(()))
    }

    fn restore(&self, queue: QueueId, now: Timestamp, limit: usize) -> Reading<Snapshot> {
        self.read(|state| state.snapshot(queue, now, limit))
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Reading<Page> {
        self.read(|state| state.page(queue, from, limit))
    }

    fn message(&self, queue: QueueId, position: Position) -> Reading<Option<StoredMessage>> {
        self.read(|state| state.queues.get(&queue)?.messages.get(&position).cloned())
    }

    fn available_between(
        &self,
        queue: QueueId,
        after: Timestamp,
        until: Timestamp,
    ) -> Reading<u64> {
        let last = |moment| Position { available_at: moment, sequence: Sequence(u64::MAX) };
        self.read(|state| {
            let messages = state.queues.get(&queue).map(|queue| &queue.messages);
            let between = messages.map(|messages| {
                messages.range(last(after)..=last(until)).filter(|(at, _)| **at != last(after))
            });
            between.map_or(0, |between| between.count() as u64)
        })
    }

    fn contents(&self, bodies: Vec<BodyId>) -> Reading<Vec<Option<StoredContent>>> {
        self.read(|state| bodies.iter().map(|body| state.contents.get(body).cloned()).collect())
    }

    /// Nothing was ever kept plain that should not be: what is in memory began with this version.
    fn plain_contents(&self, _: BodyId, _: BodyId) -> Reading<PlainContents> {
        Box::pin(ready(Ok((Vec::new(), None))))
    }

    fn setting(&self, name: &'static str) -> Reading<Option<Vec<u8>>> {
        self.read(|state| state.settings.get(name).cloned())
    }

    fn identities(&self) -> Reading<Vec<Identity>> {
        self.read(|state| state.identities.values().cloned().collect())
    }

    fn full(&self) -> Option<String> {
        None
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn close(&self) {
        self.state().closed = true;
    }
}

fn decode(contents: &[(BodyId, Vec<u8>)]) -> Result<Vec<(BodyId, StoredContent)>, DecodeError> {
    let decode = |(body, bytes): &(BodyId, Vec<u8>)| {
        records::decode_stored_content(bytes).map(|content| (*body, content))
    };
    contents.iter().map(decode).collect()
}

impl State {
    /// Returns what a purged or deleted queue had and nobody else has.
    fn apply(&mut self, append: Append) -> Result<Option<StoredQueue>, Failure> {
        self.latest = self.latest.max(append.at);
        let mut sealed = decode(&append.sealed)?.into_iter().peekable();
        match append.change {
            Change::Queue(queue, records) => {
                let stored = self.queues.entry(queue).or_default();
                if removed(&records) > stored.row.stored {
                    return Err(NotStored.into());
                }
                while let Some(first) = stored.remembered_sends.first_entry()
                    && first.key().0 <= append.at
                {
                    first.remove();
                }
                for record in &records {
                    stored.row.absorb(record).expect("more are stored than removed");
                    stored.absorb(record);
                }
                for record in records {
                    let Record::Sent { message, content, .. } = record else {
                        self.absorb(&record);
                        continue;
                    };
                    self.next_body = self.next_body.max(message.body.0 + 1);
                    let content = match sealed.next_if(|(body, _)| *body == message.body) {
                        Some((_, sealed)) => sealed,
                        None => StoredContent::Plain(content),
                    };
                    self.contents.insert(message.body, content);
                }
            }
            Change::Catalog(record) => return Ok(self.catalog(&record)),
            Change::Setting(name, value) => {
                self.settings.insert(name, value);
            }
            Change::Identities(changes) => {
                for change in changes {
                    match change {
                        IdentityChange::Put(identity) => {
                            self.identities.insert(identity.key(), identity);
                        }
                        IdentityChange::Remove(key) => {
                            self.identities.remove(&key);
                        }
                    }
                }
            }
            Change::Seal(contents) => {
                for (body, sealed) in decode(&contents)? {
                    if let Some(content) = self.contents.get_mut(&body) {
                        *content = sealed;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Lets the contents of what is gone go.
    fn absorb(&mut self, record: &Record) {
        match record {
            Record::Deleted { message } | Record::Expired { message } => {
                self.contents.remove(&message.body);
            }
            Record::Lost(entry) => {
                self.contents.remove(&entry.message.body);
            }
            _ => {}
        }
    }

    fn catalog(&mut self, record: &CatalogRecord) -> Option<StoredQueue> {
        let entry = record.entry();
        if let CatalogRecord::Deleted(entry) = record {
            self.catalog.remove(&entry.id);
            let mut gone = self.queues.remove(&entry.generation)?;
            // What has arrived is the target's.
            gone.outbox.retain(|number, left| !self.has_arrived(entry.id, *number, left.to));
            return Some(gone);
        }
        self.next_queue = self.next_queue.max(entry.id.0 + 1).max(entry.generation.0 + 1);
        self.catalog.insert(entry.id, CatalogEntry::clone(entry));
        let CatalogRecord::Purged { old, .. } = record else { return None };
        let mut gone = self.queues.remove(old)?;
        // What is on its way goes on.
        let emptied = StoredQueue {
            row: gone.row.emptied(),
            outbox: std::mem::take(&mut gone.outbox),
            arrived: std::mem::take(&mut gone.arrived),
            move_tasks: std::mem::take(&mut gone.move_tasks),
            ..StoredQueue::default()
        };
        self.queues.insert(entry.generation, emptied);
        Some(gone)
    }

    fn has_arrived(&self, source: QueueId, number: u64, to: QueueId) -> bool {
        let target = self.catalog.get(&to).and_then(|target| self.queues.get(&target.generation));
        let last = target.and_then(|target| target.arrived.get(&source));
        last.is_some_and(|last| *last >= number)
    }

    fn snapshot(&self, queue: QueueId, now: Timestamp, limit: usize) -> Snapshot {
        let Some(stored) = self.queues.get(&queue) else {
            return Snapshot {
                first_page: self.page(queue, Position::FIRST, limit),
                ..Snapshot::default()
            };
        };
        let in_flight =
            |message: &&StoredMessage| message.receives.is_some_and(|r| r.visible_at > now);
        Snapshot {
            row: stored.row.clone(),
            in_flight: stored.messages.values().filter(in_flight).cloned().collect(),
            first_page: self.page(queue, Position::FIRST, limit),
            remembered_sends: stored
                .remembered_sends
                .values()
                .filter(|send| send.until > now)
                .copied()
                .collect(),
            outbox: stored.outbox.values().cloned().collect(),
            arrived: stored.arrived.clone(),
            move_tasks: stored.move_tasks.clone(),
        }
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Page {
        let Some(stored) = self.queues.get(&queue) else {
            return Page { messages: Vec::new(), last: true };
        };
        let mut following = stored.messages.range(from..).map(|(_, message)| message.clone());
        let messages: Vec<_> = following.by_ref().take(limit).collect();
        Page { messages, last: following.next().is_none() }
    }
}
