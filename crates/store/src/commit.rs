//! Group commit: merges the appends that arrived during the last sync into one transaction.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::{Append, AppendError, Epoch, Ticket};

/// What commits: a database with one writer.
pub(crate) trait Backend: Send + 'static {
    /// Opens a transaction and tells the epoch that is current in it. After an error nothing
    /// is open.
    fn begin(&mut self) -> Result<Epoch, String>;

    /// Applies one append within the transaction.
    fn apply(&mut self, append: &Append) -> Result<(), String>;

    /// Makes the transaction durable.
    fn commit(&mut self) -> Result<(), CommitError>;

    /// Undoes the transaction. An error leaves its outcome unknown.
    fn rollback(&mut self) -> Result<(), String>;

    /// Called after each group, while nobody waits for it.
    fn tend(&mut self);
}

/// What became of a transaction whose commit failed.
pub(crate) enum CommitError {
    /// It certainly did not happen.
    NotCommitted(String),
    /// Nobody knows.
    Unknown(String),
}

/// The thread that owns a backend and decides appends in the order of their arrival.
pub(crate) struct Committer {
    sender: Mutex<Option<Sender<Pending>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    failure: Arc<OnceLock<String>>,
}

struct Pending {
    epoch: Epoch,
    append: Append,
    done: oneshot::Sender<Result<(), AppendError>>,
}

/// A group is closed at this many appends, so that the first of them does not wait for ever.
const GROUP_APPENDS_MAX: usize = 1024;

impl Committer {
    pub(crate) fn start(backend: impl Backend) -> Committer {
        let (sender, receiver) = channel();
        let failure = Arc::new(OnceLock::new());
        let run = {
            let failure = failure.clone();
            move || run(backend, &receiver, &failure)
        };
        let thread = std::thread::Builder::new().name("committer".to_owned()).spawn(run);
        Committer {
            sender: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread.expect("a thread can be started"))),
            failure,
        }
    }

    pub(crate) fn append(&self, epoch: Epoch, append: Append) -> Ticket {
        let (done, receiver) = oneshot::channel();
        let sender = self.sender.lock().expect("no one panics with the lock");
        let sent = sender.as_ref().map(|sender| sender.send(Pending { epoch, append, done }));
        match sent {
            Some(Ok(())) => Ticket::pending(receiver),
            _ => Ticket::known(Err(AppendError::Rejected("the store is closed".to_owned()))),
        }
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.get().cloned()
    }

    /// Decides what was handed in and ends the thread.
    pub(crate) fn close(&self) {
        drop(self.sender.lock().expect("no one panics with the lock").take());
        let thread = self.thread.lock().expect("no one panics with the lock").take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn run(mut backend: impl Backend, receiver: &Receiver<Pending>, failure: &OnceLock<String>) {
    while let Ok(first) = receiver.recv() {
        let others = receiver.try_iter().take(GROUP_APPENDS_MAX - 1);
        let mut group: Vec<Pending> = std::iter::once(first).chain(others).collect();
        if let Some(why) = failure.get() {
            answer(&mut group, &Err(AppendError::Unknown(why.clone())));
            continue;
        }
        decide(&mut backend, group, failure);
        if failure.get().is_none() {
            backend.tend();
        }
    }
}

/// Commits a group. If the merged transaction is rejected, its appends are tried one at a time,
/// so that one bad append does not fail its neighbors.
fn decide(backend: &mut impl Backend, mut group: Vec<Pending>, failure: &OnceLock<String>) {
    match commit(backend, &mut group) {
        Err(AppendError::Rejected(_)) if group.len() > 1 => {
            for pending in group {
                decide_after_failure(backend, vec![pending], failure);
            }
        }
        outcome => conclude(&mut group, &outcome, failure),
    }
}

fn decide_after_failure(
    backend: &mut impl Backend,
    mut group: Vec<Pending>,
    failure: &OnceLock<String>,
) {
    let outcome = match failure.get() {
        Some(why) => Err(AppendError::Unknown(why.clone())),
        None => commit(backend, &mut group),
    };
    conclude(&mut group, &outcome, failure);
}

fn conclude(
    group: &mut Vec<Pending>,
    outcome: &Result<(), AppendError>,
    failure: &OnceLock<String>,
) {
    if let Err(AppendError::Unknown(why)) = outcome {
        tracing::error!(%why, "the store stops acknowledging");
        let _ = failure.set(why.clone());
    }
    answer(group, outcome);
}

/// One transaction. Appends of a deposed owner are answered and leave the group.
fn commit(backend: &mut impl Backend, group: &mut Vec<Pending>) -> Result<(), AppendError> {
    let current = backend.begin().map_err(AppendError::Rejected)?;
    let (mut fenced, valid) =
        std::mem::take(group).into_iter().partition(|pending| pending.epoch != current);
    *group = valid;
    answer(&mut fenced, &Err(AppendError::Fenced));
    let applied = group.iter().try_for_each(|pending| backend.apply(&pending.append));
    if let Err(why) = applied {
        backend.rollback().map_err(AppendError::Unknown)?;
        return Err(AppendError::Rejected(why));
    }
    backend.commit().map_err(|error| match error {
        CommitError::NotCommitted(why) => AppendError::Rejected(why),
        CommitError::Unknown(why) => AppendError::Unknown(why),
    })
}

fn answer(group: &mut Vec<Pending>, outcome: &Result<(), AppendError>) {
    for pending in group.drain(..) {
        let _ = pending.done.send(outcome.clone());
    }
}
