//! Group commit: merges the appends that arrived during the last sync into one transaction.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

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

    /// After a group was rejected: whether something was done about it, so that it should be
    /// tried again.
    fn make_room(&mut self) -> bool;

    /// Called after each group, and again after the time that it returns if nobody came by then:
    /// the place for work in the background, a few milliseconds at a time.
    fn tend(&mut self) -> Option<Duration>;
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

/// A group is closed at this many appends or bytes, so that the first of them does not wait for
/// ever.
const GROUP_APPENDS_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

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

/// Tells of a committer that panicked: a broken invariant must not look like a healthy store.
struct PanicGuard<'a>(&'a OnceLock<String>);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.set("the committer met a broken invariant and ended".to_owned());
        }
    }
}

fn run(mut backend: impl Backend, receiver: &Receiver<Pending>, failure: &OnceLock<String>) {
    let _guard = PanicGuard(failure);
    let mut tend_after = backend.tend();
    loop {
        let first = match tend_after {
            Some(time) => receiver.recv_timeout(time),
            None => receiver.recv().map_err(RecvTimeoutError::from),
        };
        match first {
            Ok(first) => decide(&mut backend, gather(first, receiver), failure),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        tend_after = if failure.get().is_none() { backend.tend() } else { None };
    }
}

/// Adds what has arrived meanwhile, up to a number of appends and of bytes.
fn gather(first: Pending, receiver: &Receiver<Pending>) -> Vec<Pending> {
    let mut bytes = first.append.weight();
    let mut group = vec![first];
    while group.len() < GROUP_APPENDS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(next) = receiver.try_recv() else { break };
        bytes += next.append.weight();
        group.push(next);
    }
    group
}

/// Commits a group. If the merged transaction is rejected, its appends are tried one at a time,
/// so that one bad append does not fail its neighbors.
fn decide(backend: &mut impl Backend, mut group: Vec<Pending>, failure: &OnceLock<String>) {
    if let Some(why) = failure.get() {
        return answer(&mut group, &Err(AppendError::Unknown(why.clone())));
    }
    let mut outcome = commit(backend, &mut group);
    if matches!(outcome, Err(AppendError::Rejected(_))) && backend.make_room() {
        outcome = commit(backend, &mut group);
    }
    match outcome {
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
    match outcome {
        Err(AppendError::Unknown(why)) => {
            tracing::error!(%why, "the store stops acknowledging");
            let _ = failure.set(why.clone());
        }
        Err(AppendError::Rejected(_)) => {
            group.iter().for_each(|pending| pending.append.chain.break_off());
        }
        _ => {}
    }
    answer(group, outcome);
}

/// One transaction. Appends of a deposed owner, and those that rest on a rejected one, are answered
/// and leave the group.
fn commit(backend: &mut impl Backend, group: &mut Vec<Pending>) -> Result<(), AppendError> {
    let current = backend.begin().map_err(AppendError::Rejected)?;
    let (mut fenced, valid) =
        std::mem::take(group).into_iter().partition(|pending| pending.epoch != current);
    answer(&mut fenced, &Err(AppendError::Fenced));
    let (mut adrift, valid): (Vec<_>, Vec<_>) =
        Vec::into_iter(valid).partition(|pending| pending.append.chain.is_broken());
    *group = valid;
    let why = "an earlier append that this one rests on was rejected".to_owned();
    answer(&mut adrift, &Err(AppendError::Rejected(why)));
    if group.is_empty() {
        return backend.rollback().map_err(AppendError::Unknown);
    }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::SyncSender;

    use formiga_engine::names::QueueId;
    use formiga_engine::time::Timestamp;

    use super::*;
    use crate::{Chain, Change};

    /// Records what happens, and holds each commit back until it is let go.
    struct Fake {
        log: Arc<Mutex<Vec<String>>>,
        let_go: Receiver<Result<(), CommitError>>,
        entered: SyncSender<()>,
    }

    impl Backend for Fake {
        fn begin(&mut self) -> Result<Epoch, String> {
            self.log("begin");
            Ok(Epoch(1))
        }

        fn apply(&mut self, append: &Append) -> Result<(), String> {
            let Change::Setting(name, _) = append.change else { panic!("no setting") };
            self.log(name);
            if name == "bad" { Err("bad".to_owned()) } else { Ok(()) }
        }

        fn commit(&mut self) -> Result<(), CommitError> {
            self.entered.send(()).unwrap();
            let outcome = self.let_go.recv().unwrap();
            self.log("commit");
            outcome
        }

        fn rollback(&mut self) -> Result<(), String> {
            self.log("rollback");
            Ok(())
        }

        fn make_room(&mut self) -> bool {
            false
        }

        fn tend(&mut self) -> Option<Duration> {
            None
        }
    }

    impl Fake {
        fn log(&self, what: &str) {
            self.log.lock().unwrap().push(what.to_owned());
        }
    }

    struct Scene {
        committer: Committer,
        log: Arc<Mutex<Vec<String>>>,
        let_go: Sender<Result<(), CommitError>>,
        entered: Receiver<()>,
    }

    fn scene() -> Scene {
        let log = Arc::default();
        let (let_go, receiver) = channel();
        let (sender, entered) = std::sync::mpsc::sync_channel(100);
        let fake = Fake { log: Arc::clone(&log), let_go: receiver, entered: sender };
        Scene { committer: Committer::start(fake), log, let_go, entered }
    }

    impl Scene {
        fn append(&self, name: &'static str) -> Ticket {
            self.append_as(Epoch(1), name)
        }

        fn append_as(&self, epoch: Epoch, name: &'static str) -> Ticket {
            let change = Change::Setting(name, Vec::new());
            self.committer.append(epoch, Append::new(Timestamp::EPOCH, change))
        }

        /// Waits until a commit is under way.
        fn commit_begins(&self) {
            self.entered.recv().unwrap();
        }

        fn commit_ends(&self, outcome: Result<(), CommitError>) {
            self.let_go.send(outcome).unwrap();
        }

        fn log(&self) -> Vec<String> {
            std::mem::take(&mut self.log.lock().unwrap())
        }
    }

    #[tokio::test]
    async fn appends_that_arrive_during_a_sync_share_the_next_one() {
        let scene = scene();
        let first = scene.append("a");
        scene.commit_begins();
        let others = [scene.append("b"), scene.append("c"), scene.append("d")];
        scene.commit_ends(Ok(()));
        assert_eq!(first.await, Ok(()));
        scene.commit_begins();
        scene.commit_ends(Ok(()));
        for other in others {
            assert_eq!(other.await, Ok(()));
        }
        assert_eq!(scene.log(), ["begin", "a", "commit", "begin", "b", "c", "d", "commit"]);
    }

    #[tokio::test]
    async fn a_rejected_group_is_retried_one_append_at_a_time() {
        let scene = scene();
        let _first = scene.append("a");
        scene.commit_begins();
        let [b, bad, c] = [scene.append("b"), scene.append("bad"), scene.append("c")];
        (0..3).for_each(|_| scene.commit_ends(Ok(())));
        assert_eq!(b.await, Ok(()));
        assert_eq!(bad.await, Err(AppendError::Rejected("bad".to_owned())));
        assert_eq!(c.await, Ok(()));
        let expected = [
            "begin", "a", "commit", "begin", "b", "bad", "rollback", "begin", "b", "commit",
            "begin", "bad", "rollback", "begin", "c", "commit",
        ];
        assert_eq!(scene.log(), expected);
    }

    #[tokio::test]
    async fn what_rests_on_a_rejected_append_is_rejected_too() {
        let scene = scene();
        let chain = Chain::default();
        let append = |name, chain: &Chain| {
            let append = Append::new(Timestamp::EPOCH, Change::Setting(name, Vec::new()));
            scene.committer.append(Epoch(1), Append { chain: chain.clone(), ..append })
        };
        let first = scene.append("a");
        scene.commit_begins();
        let bad = append("bad", &chain);
        let same_group = append("b", &chain);
        let other = append("c", &Chain::default());
        (0..2).for_each(|_| scene.commit_ends(Ok(())));
        assert_eq!(first.await, Ok(()));
        assert!(matches!(bad.await, Err(AppendError::Rejected(_))));
        assert!(matches!(same_group.await, Err(AppendError::Rejected(_))));
        assert_eq!(other.await, Ok(()));
        let later = append("d", &chain);
        assert!(matches!(later.await, Err(AppendError::Rejected(_))));
        assert!(!scene.log().contains(&"d".to_owned()));
    }

    #[tokio::test]
    async fn a_commit_of_unknown_outcome_ends_all_acknowledgement() {
        let scene = scene();
        let first = scene.append("a");
        scene.commit_begins();
        let waiting = scene.append("b");
        scene.commit_ends(Err(CommitError::Unknown("fsync failed".to_owned())));
        let unknown = Err(AppendError::Unknown("fsync failed".to_owned()));
        assert_eq!(first.await, unknown);
        assert_eq!(waiting.await, unknown);
        assert_eq!(scene.append("c").await, unknown);
        assert_eq!(scene.committer.failure().as_deref(), Some("fsync failed"));
        assert_eq!(scene.log(), ["begin", "a", "commit"], "nothing is tried any more");
    }

    #[tokio::test]
    async fn a_committer_that_panics_says_so() {
        let scene = scene();
        let broken = Append::new(Timestamp::EPOCH, Change::Queue(QueueId(0), Vec::new()));
        let outcome = scene.committer.append(Epoch(1), broken).await;
        assert!(matches!(outcome, Err(AppendError::Unknown(_))));
        scene.committer.close();
        assert!(scene.committer.failure().is_some());
    }

    #[tokio::test]
    async fn an_append_of_another_epoch_is_not_applied() {
        let scene = scene();
        let deposed = scene.append_as(Epoch(0), "a");
        assert_eq!(deposed.await, Err(AppendError::Fenced));
        scene.committer.close();
        assert_eq!(scene.log(), ["begin", "rollback"]);
    }
}
