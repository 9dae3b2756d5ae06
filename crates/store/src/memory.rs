//! [`MemoryStore`]: keeps everything in memory, for tests and for `--store memory`. It survives
//! nothing, but keeps every other promise of a [`Store`].

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};

use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::MessageContent;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{
    BodyId, Page, Position, QueueRow, Record, Sequence, Snapshot, StoredMessage,
};
use formiga_engine::time::Timestamp;

use crate::{Acquired, Append, AppendError, Change, Epoch, Reading, Store, Ticket};

/// A store without a disk. An append is decided when the call returns.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Default)]
struct State {
    epoch: Epoch,
    closed: bool,
    latest: Timestamp,
    catalog: BTreeMap<QueueId, CatalogEntry>,
    next_queue: u64,
    next_body: u64,
    queues: HashMap<QueueId, StoredQueue>,
    contents: HashMap<BodyId, Arc<MessageContent>>,
    settings: HashMap<&'static str, Vec<u8>>,
    leftovers: Vec<StoredQueue>,
}

#[derive(Default)]
struct StoredQueue {
    row: QueueRow,
    messages: BTreeMap<Position, StoredMessage>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics with the lock")
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
        state.apply(append);
        Ticket::known(Ok(()))
    }

    fn restore(&self, queue: QueueId, now: Timestamp, limit: usize) -> Reading<Snapshot> {
        self.read(|state| state.snapshot(queue, now, limit))
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Reading<Page> {
        self.read(|state| state.page(queue, from, limit))
    }

    fn message(&self, queue: QueueId, position: Position) -> Reading<Option<StoredMessage>> {
        self.read(|state| state.queues.get(&queue)?.messages.get(&position).copied())
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

    fn contents(&self, bodies: Vec<BodyId>) -> Reading<Vec<Option<Arc<MessageContent>>>> {
        self.read(|state| bodies.iter().map(|body| state.contents.get(body).cloned()).collect())
    }

    fn setting(&self, name: &'static str) -> Reading<Option<Vec<u8>>> {
        self.read(|state| state.settings.get(name).cloned())
    }

    fn has_leftovers(&self) -> Reading<bool> {
        self.read(|state| !state.leftovers.is_empty())
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn close(&self) {
        self.state().closed = true;
    }
}

impl State {
    fn apply(&mut self, append: Append) {
        self.latest = self.latest.max(append.at);
        match append.change {
            Change::Queue(queue, records) => {
                for record in records {
                    self.absorb(queue, record);
                }
            }
            Change::Catalog(records) => records.iter().for_each(|record| self.catalog(record)),
            Change::Setting(name, value) => {
                self.settings.insert(name, value);
            }
            Change::Sweep(limit) => self.sweep(limit),
        }
    }

    fn absorb(&mut self, queue: QueueId, record: Record) {
        let stored = self.queues.entry(queue).or_default();
        stored.row.absorb(&record);
        match record {
            Record::Sent { message, content } => {
                stored.messages.insert(message.position, message);
                self.next_body = self.next_body.max(message.body.0 + 1);
                self.contents.insert(message.body, content);
            }
            Record::Received { position, receives }
            | Record::VisibilityChanged { position, receives } => {
                let message =
                    stored.messages.get_mut(&position).expect("a received message is stored");
                message.receives = Some(receives);
            }
            Record::Deleted { message } | Record::Expired { message } => {
                stored.messages.remove(&message.position);
                self.contents.remove(&message.body);
            }
        }
    }

    fn catalog(&mut self, record: &CatalogRecord) {
        match record {
            CatalogRecord::Created(entry) => {
                self.next_queue = self.next_queue.max(entry.id.0 + 1);
                self.catalog.insert(entry.id, CatalogEntry::clone(entry));
            }
            CatalogRecord::Deleted(entry) => {
                self.catalog.remove(&entry.id);
                self.leftovers.extend(self.queues.remove(&entry.id));
            }
        }
    }

    fn sweep(&mut self, limit: usize) {
        let Some(mut left) = self.leftovers.pop() else { return };
        for _ in 0..limit {
            let Some((_, message)) = left.messages.pop_first() else { return };
            self.contents.remove(&message.body);
        }
        self.leftovers.push(left);
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
            in_flight: stored.messages.values().filter(in_flight).copied().collect(),
            first_page: self.page(queue, Position::FIRST, limit),
        }
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Page {
        let Some(stored) = self.queues.get(&queue) else {
            return Page { messages: Vec::new(), last: true };
        };
        let mut following = stored.messages.range(from..).map(|(_, message)| *message);
        let messages: Vec<_> = following.by_ref().take(limit).collect();
        Page { messages, last: following.next().is_none() }
    }
}
