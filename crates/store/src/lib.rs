//! Durability: what a queue returned as records is still there after a crash.
//!
//! A [`Store`] keeps the fold of the records, not the records: each queue's row, its messages and
//! their receives. It promises:
//!
//! - **Atomic**: an [`Append`] happens wholly or not at all, also across a power cut.
//! - **Durable, then said**: a [`Ticket`] completes with success only when the append would
//!   survive (to the degree of the configured [`Durability`]).
//! - **In order**: appends of one queue take effect in the order of the calls, and their tickets
//!   complete in that order.
//! - **Nothing rests on air**: when an append is rejected, later ones of its [`Chain`] are too.
//! - **Fenced**: an append under an epoch that is no longer the current one changes nothing.
//! - **Reads see what was acknowledged**: a read that starts after a ticket completed reflects its
//!   append.
//! - **Tidy**: what purged and deleted queues leave behind is removed in the background, a little at
//!   a time, and its space is given back.
//! - **Honest**: a failure says whether the append certainly did not happen ([`AppendError::Rejected`],
//!   [`AppendError::Fenced`]) or whether nobody knows ([`AppendError::Unknown`]).

mod backup;
mod check;
mod commit;
mod directory;
#[cfg(fuzzing)]
pub mod fuzzing;
mod identity;
mod master_key;
mod memory;
mod records;
mod seal;
mod space;
mod sqlite;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::MessageContent;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{BodyId, Page, Position, Record, Snapshot, StoredMessage};
use formiga_engine::time::Timestamp;
use tokio::sync::oneshot;

pub use backup::{BackupError, BackupProgress, backup};
pub use check::{CheckProgress, CheckReport, PROBLEMS_MAX, check};
pub use directory::{Held, OpenError, hold};
pub use identity::{
    AccessKeyRecord, AccountRecord, EntityRecord, Identity, IdentityChange, IdentityKey,
    RoleRecord, UserRecord,
};
pub use master_key::{MasterKey, MasterKeyId, MasterKeys, NonceBytes, UnsealError, sealed_under};
pub use memory::MemoryStore;
pub use records::DecodeError;
pub use seal::{
    DataKey, DataKeyName, SealedContent, StoreKeys, StoredContent, WRAPPED_KEY_BYTES_MAX,
};
pub use sqlite::{SqliteOptions, SqliteStore};

/// The setting that keeps [`StoreKeys`].
pub const STORE_KEYS: &str = "store_keys";

/// What an acknowledged append survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Everything, power loss included: each group of appends is synced before it is acknowledged.
    #[default]
    Fsync,
    /// The end of the process, but not of the operating system or the power.
    Os,
}

/// A term of ownership. Whoever acquires the store gets a higher one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// What the owner of a store starts from.
#[derive(Debug, Default)]
pub struct Acquired {
    /// The term under which the new owner appends.
    pub epoch: Epoch,
    /// Every queue that exists.
    pub catalog: Vec<CatalogEntry>,
    /// Greater than the id of any queue that ever existed.
    pub next_queue: u64,
    /// Greater than any body id that is in use.
    pub next_body: BodyId,
    /// The latest time that an acknowledged append carried, to within a second.
    pub latest: Timestamp,
    /// The generations that have something to do without being asked: messages on their way to
    /// other queues, or a message move task.
    pub busy: BTreeSet<QueueId>,
}

/// One atomic change.
#[derive(Debug)]
pub struct Append {
    /// When it was decided.
    pub at: Timestamp,
    /// What changes.
    pub change: Change,
    /// What it rests on.
    pub chain: Chain,
    /// The contents that are kept sealed, as they are to be kept, in the order of their messages.
    /// Those of other messages are kept as they are.
    pub sealed: Vec<(BodyId, Vec<u8>)>,
}

impl Append {
    /// A change that rests on no other that is still under way.
    pub fn new(at: Timestamp, change: Change) -> Append {
        Append { at, change, chain: Chain::default(), sealed: Vec::new() }
    }

    /// Roughly how many bytes it holds.
    pub fn weight(&self) -> usize {
        self.change.weight() + self.sealed.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }
}

/// Appends that rest on each other, in the order in which they are handed in: an owner decides the
/// next before the last is durable. When one of them is rejected, so is every later one.
#[derive(Clone, Debug, Default)]
pub struct Chain(Arc<AtomicBool>);

impl Chain {
    /// Whether one of the appends was rejected. A store asks before it decides the next.
    pub fn is_broken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Has every later append rejected. A store says so when it rejects one.
    pub fn break_off(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What an [`Append`] changes.
#[derive(Debug)]
pub enum Change {
    /// Facts of one queue, in its current generation.
    Queue(QueueId, Vec<Record>),
    /// Which queues exist.
    Catalog(CatalogRecord),
    /// A small named value of the server's own.
    Setting(&'static str, Vec<u8>),
    /// Who there is: users, roles and their keys.
    Identities(Vec<IdentityChange>),
    /// Contents that were kept plain are kept sealed from now on, as far as they are still there.
    Seal(Vec<(BodyId, Vec<u8>)>),
}

impl Change {
    /// Roughly how many bytes it holds.
    fn weight(&self) -> usize {
        let of_record = |record: &Record| match record {
            Record::Sent { content, .. } => usize::try_from(content.size()).unwrap_or(usize::MAX),
            _ => 0,
        };
        match self {
            Change::Queue(_, records) => records.iter().map(of_record).sum(),
            Change::Catalog(_) => 0,
            Change::Setting(_, value) => value.len(),
            Change::Identities(changes) => changes.iter().map(IdentityChange::weight).sum(),
            Change::Seal(contents) => contents.iter().map(|(_, bytes)| bytes.len()).sum(),
        }
    }
}

/// Why an append was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// It certainly did not happen, and may be tried again.
    #[error("the store rejected the append: {0}")]
    Rejected(String),
    /// It certainly did not happen: another owner has taken over.
    #[error("another owner has taken over the store")]
    Fenced,
    /// It may or may not have happened. The store acknowledges nothing any more.
    #[error("the store cannot tell whether the append is durable: {0}")]
    Unknown(String),
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store could not be read: {0}")]
pub struct ReadError(pub String);

/// Contents that are kept plain, and the body from which to look for more.
pub type PlainContents = (Vec<(BodyId, Arc<MessageContent>)>, Option<BodyId>);

/// A read under way.
pub type Reading<T> = Pin<Box<dyn Future<Output = Result<T, ReadError>> + Send>>;

/// Keeps queues. See the crate's documentation for what every implementation promises.
///
/// Messages are kept under their queue's generation
/// ([`CatalogEntry::generation`](formiga_engine::catalog::CatalogEntry::generation)), which is what
/// `queue` means here.
pub trait Store: Send + Sync + 'static {
    /// Takes over: raises the epoch, which fences every earlier owner, and tells what there is.
    fn acquire(&self) -> Reading<Acquired>;

    /// Hands in a change and returns at once. Nothing may be concluded before the ticket
    /// completes; dropping the ticket does not withdraw the change.
    fn append(&self, epoch: Epoch, append: Append) -> Ticket;

    /// Reads what is needed to restore a queue at `now`, with a first page of at most `limit`.
    fn restore(&self, queue: QueueId, now: Timestamp, limit: usize) -> Reading<Snapshot>;

    /// Reads at most `limit` messages of a queue, from `from` on.
    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Reading<Page>;

    /// Reads one message of a queue.
    fn message(&self, queue: QueueId, position: Position) -> Reading<Option<StoredMessage>>;

    /// Counts a queue's messages that become available after `after` and until `until`.
    fn available_between(&self, queue: QueueId, after: Timestamp, until: Timestamp)
    -> Reading<u64>;

    /// Reads contents; `None` for those that are gone, and for those that are damaged, which is
    /// logged: one of them must not hold up the others.
    fn contents(&self, bodies: Vec<BodyId>) -> Reading<Vec<Option<StoredContent>>>;

    /// Reads plain contents of the bodies from `from` on and below `until`: some at a time, with the
    /// body to go on from, unless these were the last.
    fn plain_contents(&self, from: BodyId, until: BodyId) -> Reading<PlainContents>;

    /// Reads a value that [`Change::Setting`] wrote.
    fn setting(&self, name: &'static str) -> Reading<Option<Vec<u8>>>;

    /// Reads every identity that [`Change::Identities`] stored, in no particular order.
    fn identities(&self) -> Reading<Vec<Identity>>;

    /// Why no messages should be added for now, if that is so: space is running out. What takes
    /// no space, such as deleting messages, still works.
    fn full(&self) -> Option<String>;

    /// Why the store no longer acknowledges anything, if that is so.
    fn failure(&self) -> Option<String>;

    /// Waits until everything handed in is decided and closes the store. Later appends are
    /// rejected.
    fn close(&self);
}

/// Completes when an append is durable, or when it failed.
#[derive(Debug)]
pub struct Ticket(TicketState);

#[derive(Debug)]
enum TicketState {
    Known(Option<Result<(), AppendError>>),
    Pending(oneshot::Receiver<Result<(), AppendError>>),
}

impl Ticket {
    /// A ticket whose outcome is known.
    pub fn known(outcome: Result<(), AppendError>) -> Ticket {
        Ticket(TicketState::Known(Some(outcome)))
    }

    /// A ticket whose outcome `receiver` will tell.
    pub fn pending(receiver: oneshot::Receiver<Result<(), AppendError>>) -> Ticket {
        Ticket(TicketState::Pending(receiver))
    }
}

impl Future for Ticket {
    type Output = Result<(), AppendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            TicketState::Known(outcome) => {
                Poll::Ready(outcome.take().expect("a ticket is awaited once"))
            }
            TicketState::Pending(receiver) => Pin::new(receiver).poll(cx).map(|outcome| {
                let gone = || AppendError::Unknown("the committer ended".to_owned());
                outcome.unwrap_or_else(|_| Err(gone()))
            }),
        }
    }
}
