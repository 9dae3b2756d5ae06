//! [`FaultyStore`]: a memory that takes its time, fails, and loses what was not yet durable.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{BodyId, Page, Position, Record, Snapshot, StoredMessage};
use formiga_engine::time::Timestamp;
use formiga_store::{
    Acquired, Append, AppendError, Change, Epoch, Identity, MemoryStore, PlainContents, ReadError,
    Reading, Store, StoredContent, Ticket,
};
use tokio::sync::{Notify, oneshot};

use crate::mutation::Mutation;
use crate::setting::Weather;

/// What survives crashes, and the stores through which nodes get at it.
pub(crate) struct Disk {
    kept: MemoryStore,
    mutation: Option<Mutation>,
    state: Mutex<DiskState>,
}

struct DiskState {
    epoch: Epoch,
    fifo: BTreeSet<QueueId>,
    /// Appends that were handed in and are not kept yet, by store.
    under_way: Vec<Arc<Mutex<VecDeque<HandedIn>>>>,
}

struct HandedIn {
    epoch: Epoch,
    append: Append,
    told: Option<oneshot::Sender<Result<(), AppendError>>>,
}

impl Disk {
    pub(crate) fn new(mutation: Option<Mutation>) -> Arc<Disk> {
        let state = DiskState { epoch: Epoch(0), fifo: BTreeSet::new(), under_way: Vec::new() };
        Arc::new(Disk { kept: MemoryStore::new(), mutation, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, DiskState> {
        self.state.lock().expect("no one panics with the lock")
    }

    /// The power goes: of what was handed in, some of the first is kept and the rest is gone.
    pub(crate) fn crash(&self, chance: &mut Rng) {
        let under_way = std::mem::take(&mut self.state().under_way);
        for queue in under_way {
            let mut queue = queue.lock().expect("no one panics with the lock");
            let kept = chance.usize(0..=queue.len());
            for handed_in in queue.drain(..kept) {
                let _ = self.keep(handed_in.epoch, handed_in.append, chance);
            }
            queue.clear();
        }
    }

    /// Decides an append.
    fn keep(&self, epoch: Epoch, append: Append, chance: &mut Rng) -> Result<(), AppendError> {
        if append.chain.is_broken() {
            return Err(AppendError::Rejected("what it rests on was rejected".to_owned()));
        }
        let (epoch, append) = self.mutate(epoch, append, chance);
        let chain = append.chain.clone();
        let kept = now_or_never(self.kept.append(epoch, append));
        if matches!(kept, Err(AppendError::Rejected(_))) {
            chain.break_off();
        }
        kept
    }

    fn mutate(&self, epoch: Epoch, mut append: Append, chance: &mut Rng) -> (Epoch, Append) {
        let mut state = self.state();
        if let Change::Catalog(record) = &append.change
            && record.entry().key.name.is_fifo()
        {
            state.fifo.insert(record.entry().generation);
        }
        let Some(mutation) = self.mutation else { return (epoch, append) };
        if mutation == Mutation::StaleEpochAccepted {
            return (state.epoch, append);
        }
        if let Change::Queue(queue, records) = &mut append.change {
            let is_fifo = state.fifo.contains(queue);
            mutate_records(mutation, is_fifo, records, chance);
        }
        (epoch, append)
    }
}

fn mutate_records(mutation: Mutation, is_fifo: bool, records: &mut Vec<Record>, chance: &mut Rng) {
    match mutation {
        Mutation::OutboxRowDropped => {
            for record in records {
                if let Record::Left(entry) = record {
                    *record = Record::Deleted { message: entry.message.clone() };
                }
            }
        }
        Mutation::GroupUnlockedEarly if is_fifo => {
            records.retain(|record| !matches!(record, Record::Received { .. }));
        }
        Mutation::DeleteForgotten => {
            records
                .retain(|record| !matches!(record, Record::Deleted { .. }) || chance.u8(0..3) > 0);
        }
        Mutation::ArrivalForgotten => {
            for record in records {
                if let Record::Arrived { number, .. } = record {
                    *number = number.saturating_sub(1);
                }
            }
        }
        _ => {}
    }
}

/// A node's way to the disk.
pub(crate) struct FaultyStore {
    disk: Arc<Disk>,
    queue: Arc<Mutex<VecDeque<HandedIn>>>,
    arrived: Arc<Notify>,
    chance: Arc<Mutex<Rng>>,
    weather: Arc<Mutex<Weather>>,
    failure: Arc<Mutex<Option<String>>>,
    is_full: Arc<Mutex<bool>>,
}

impl FaultyStore {
    /// A way to `disk`, whose appends are decided by a task of this runtime. The weather is fair
    /// until it is [changed](FaultyStore::set_weather).
    pub(crate) fn open(disk: &Arc<Disk>, seed: u64) -> Arc<FaultyStore> {
        let queue = Arc::new(Mutex::new(VecDeque::new()));
        disk.state().under_way.push(queue.clone());
        let store = Arc::new(FaultyStore {
            disk: disk.clone(),
            queue,
            arrived: Arc::default(),
            chance: Arc::new(Mutex::new(Rng::with_seed(seed))),
            weather: Arc::default(),
            failure: Arc::default(),
            is_full: Arc::default(),
        });
        tokio::spawn(store.clone().commit());
        store
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.weather.lock().expect("no one panics with the lock") = weather;
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().expect("no one panics with the lock")
    }

    fn chance<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.chance.lock().expect("no one panics with the lock"))
    }

    fn fails(&self, how_often: f64) -> bool {
        self.chance(Rng::f64) < how_often
    }

    /// Decides what is handed in, group by group.
    async fn commit(self: Arc<Self>) {
        loop {
            let arrived = self.arrived.notified();
            let waiting = self.queue().len();
            if waiting == 0 {
                arrived.await;
                continue;
            }
            let weather = self.weather();
            let stalls = self.fails(weather.stall);
            let millis = self.chance(|c| if stalls { c.u64(1000..8000) } else { c.u64(0..20) });
            tokio::time::sleep(Duration::from_millis(millis)).await;
            let flips = self.fails(weather.full);
            if flips || weather.full == 0.0 {
                let mut is_full = self.is_full.lock().expect("no one panics with the lock");
                *is_full = flips && !*is_full;
            }
            let group = self.chance(|chance| chance.usize(1..=waiting));
            let mut told = Vec::new();
            for _ in 0..group {
                let Some(handed_in) = self.queue().pop_front() else { break };
                let HandedIn { epoch, append, told: teller } = handed_in;
                told.push((teller, self.decide(epoch, append, weather)));
            }
            // Durable, but nobody knows.
            let pause = self.chance(|chance| chance.u64(0..3));
            tokio::time::sleep(Duration::from_millis(pause)).await;
            for (teller, outcome) in told {
                if let Some(teller) = teller {
                    let _ = teller.send(outcome);
                }
            }
        }
    }

    fn decide(&self, epoch: Epoch, append: Append, weather: Weather) -> Result<(), AppendError> {
        if let Some(failure) = self.failure() {
            return Err(AppendError::Unknown(failure));
        }
        if self.fails(weather.rejected) {
            append.chain.break_off();
            return Err(AppendError::Rejected("the weather".to_owned()));
        }
        if self.fails(weather.unknown) {
            let why = "a sync failed".to_owned();
            *self.failure.lock().expect("no one panics with the lock") = Some(why.clone());
            if self.chance(Rng::bool) {
                let _ = self.chance(|chance| self.disk.keep(epoch, append, chance));
            }
            return Err(AppendError::Unknown(why));
        }
        self.chance(|chance| self.disk.keep(epoch, append, chance))
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<HandedIn>> {
        self.queue.lock().expect("no one panics with the lock")
    }

    /// A read that takes a while and may fail.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&MemoryStore) -> Reading<T> + Send + 'static,
    ) -> Reading<T> {
        let millis = self.chance(|chance| chance.u64(0..5));
        let fails = self.fails(self.weather().unread);
        let disk = self.disk.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            if fails {
                return Err(ReadError("the weather".to_owned()));
            }
            let reading = read(&disk.kept);
            reading.await
        })
    }
}

impl Store for FaultyStore {
    fn acquire(&self) -> Reading<Acquired> {
        let disk = self.disk.clone();
        Box::pin(async move {
            let acquired = disk.kept.acquire().await?;
            disk.state().epoch = acquired.epoch;
            Ok(acquired)
        })
    }

    fn append(&self, epoch: Epoch, append: Append) -> Ticket {
        let (told, outcome) = oneshot::channel();
        let is_hasty = self.disk.mutation == Some(Mutation::AcknowledgedBeforeDurable);
        let told = (!is_hasty).then_some(told);
        self.queue().push_back(HandedIn { epoch, append, told });
        self.arrived.notify_one();
        if is_hasty { Ticket::known(Ok(())) } else { Ticket::pending(outcome) }
    }

    fn restore(&self, queue: QueueId, now: Timestamp, limit: usize) -> Reading<Snapshot> {
        let counts_too_much = self.disk.mutation == Some(Mutation::CounterDrifts);
        let restored = self.read(move |kept| kept.restore(queue, now, limit));
        Box::pin(async move {
            let mut snapshot = restored.await?;
            if counts_too_much && snapshot.row.stored > 0 {
                snapshot.row.stored += 1;
            }
            Ok(snapshot)
        })
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Reading<Page> {
        self.read(move |kept| kept.page(queue, from, limit))
    }

    fn message(&self, queue: QueueId, position: Position) -> Reading<Option<StoredMessage>> {
        self.read(move |kept| kept.message(queue, position))
    }

    fn available_between(
        &self,
        queue: QueueId,
        after: Timestamp,
        until: Timestamp,
    ) -> Reading<u64> {
        self.read(move |kept| kept.available_between(queue, after, until))
    }

    fn contents(&self, bodies: Vec<BodyId>) -> Reading<Vec<Option<StoredContent>>> {
        self.read(move |kept| kept.contents(bodies))
    }

    fn plain_contents(&self, from: BodyId, until: BodyId) -> Reading<PlainContents> {
        self.read(move |kept| kept.plain_contents(from, until))
    }

    fn setting(&self, name: &'static str) -> Reading<Option<Vec<u8>>> {
        self.read(move |kept| kept.setting(name))
    }

    fn identities(&self) -> Reading<Vec<Identity>> {
        self.read(MemoryStore::identities)
    }

    fn full(&self) -> Option<String> {
        let is_full = *self.is_full.lock().expect("no one panics with the lock");
        is_full.then(|| "the disk is full".to_owned())
    }

    fn failure(&self) -> Option<String> {
        self.failure.lock().expect("no one panics with the lock").clone()
    }

    fn close(&self) {}
}

/// The outcome of a ticket of the memory store, which decides at once.
fn now_or_never(ticket: Ticket) -> Result<(), AppendError> {
    let mut ticket = pin!(ticket);
    let mut context = Context::from_waker(Waker::noop());
    match ticket.as_mut().poll(&mut context) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("a memory decides at once"),
    }
}
