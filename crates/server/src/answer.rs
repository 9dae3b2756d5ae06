//! [`AnswerBody`]: what is sent back, accounted for until the client has taken it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory that large answers may take together while their clients have not taken them.
pub(crate) struct AnswerMemory(Arc<Semaphore>);

/// Memory is accounted for in units of this many bytes; smaller answers are not.
const UNIT: usize = 64 * 1024;

/// How long a large answer waits for memory.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// A client is handed its answer in pieces of this size, so that of an answer that is not taken
/// little lies in the connection's own buffers.
const PIECE: usize = 64 * 1024;

impl AnswerMemory {
    pub(crate) fn new(bytes: usize) -> AnswerMemory {
        AnswerMemory(Arc::new(Semaphore::new(bytes / UNIT)))
    }

    /// An answer of these bytes, or none if there is no memory for it for a while.
    pub(crate) async fn hold(&self, bytes: Vec<u8>) -> Option<AnswerBody> {
        let units = u32::try_from(bytes.len() / UNIT).ok()?;
        let mut answer = AnswerBody::from(bytes);
        if units > 0 {
            let share = self.0.clone().acquire_many_owned(units);
            let share = tokio::time::timeout(MEMORY_WAIT, share).await.ok()?;
            answer.share = Some(Arc::new(share.expect("the semaphore is never closed")));
        }
        Some(answer)
    }
}

/// The bytes of an answer that its connection was not handed yet.
pub(crate) struct AnswerBody {
    rest: Bytes,
    share: Option<Arc<OwnedSemaphorePermit>>,
    untaken: Option<Arc<Untaken>>,
}

impl<B: Into<Bytes>> From<B> for AnswerBody {
    fn from(bytes: B) -> AnswerBody {
        AnswerBody { rest: bytes.into(), share: None, untaken: None }
    }
}

/// A piece of an answer, which its connection drops when it has left. In HTTP/2 it may lie there for
/// as long as its client asks for a part of it only.
struct Piece {
    bytes: Bytes,
    _share: Option<Arc<OwnedSemaphorePermit>>,
    untaken: Option<Arc<Untaken>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(untaken) = &self.untaken {
            untaken.0.taken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl AnswerBody {
    /// Counts as an answer of the connection until it is taken.
    pub(crate) fn on(mut self, progress: &Arc<Progress>) -> AnswerBody {
        self.untaken = Some(Arc::new(Untaken::new(progress)));
        self
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE);
        let bytes = self.rest.split_to(length);
        let (_share, untaken) = (self.share.clone(), self.untaken.clone());
        let piece = Bytes::from_owner(Piece { bytes, _share, untaken });
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

/// What a connection's client has asked for and taken.
#[derive(Default)]
pub(crate) struct Progress {
    /// Grows when a request or an answer begins or ends.
    steps: AtomicU64,
    /// Grows with every piece of an answer that left. Requests are no progress: a client that only
    /// asks would hold its answers for ever.
    taken: AtomicU64,
    /// Requests and answers under way.
    under_way: AtomicUsize,
    /// Answers that were not taken whole.
    untaken: AtomicUsize,
}

/// What [`Progress`] was at a moment.
struct Moment {
    steps: u64,
    taken: u64,
    under_way: usize,
    untaken: usize,
}

/// An answer that has not left whole.
struct Untaken(Arc<Progress>);

impl Untaken {
    fn new(progress: &Arc<Progress>) -> Untaken {
        progress.untaken.fetch_add(1, Ordering::Relaxed);
        progress.begin();
        Untaken(progress.clone())
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.0.untaken.fetch_sub(1, Ordering::Relaxed);
        self.0.end();
    }
}

impl Progress {
    pub(crate) fn begin(&self) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Completes when nothing has happened on the connection for `idle` while nothing was under
    /// way, or for `stalled` while answers were there to be taken.
    pub(crate) async fn stands_still(&self, idle: Duration, stalled: Duration) {
        let pause = idle.min(stalled);
        let (mut before, mut unused, mut untaken) = (self.now(), Duration::ZERO, Duration::ZERO);
        loop {
            tokio::time::sleep(pause).await;
            let now = self.now();
            let is_unused = now.under_way == 0 && now.steps == before.steps;
            // An answer that was made during the pause has its time before it.
            let is_untaken = now.untaken.min(before.untaken) > 0 && now.taken == before.taken;
            unused = if is_unused { unused + pause } else { Duration::ZERO };
            untaken = if is_untaken { untaken + pause } else { Duration::ZERO };
            if unused >= idle || untaken >= stalled {
                return;
            }
            before = now;
        }
    }

    fn now(&self) -> Moment {
        Moment {
            steps: self.steps.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
            under_way: self.under_way.load(Ordering::Relaxed),
            untaken: self.untaken.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn large_answers_hold_memory_until_they_are_taken() {
        let memory = AnswerMemory::new(1 << 20);
        let large = || vec![0; 1 << 20];
        let first = memory.hold(large()).await.expect("there is memory");
        assert!(memory.hold(large()).await.is_none(), "the first was not taken yet");
        assert!(memory.hold(vec![0; UNIT - 1]).await.is_some(), "small ones need none");
        let taken = first.collect().await.unwrap().to_bytes();
        assert_eq!(taken.len(), 1 << 20);
        assert!(memory.hold(large()).await.is_some());
    }

    /// Whether the connection is ended within a day.
    async fn ends(progress: &Progress) -> bool {
        let day = 86_400 * SECOND;
        let still = progress.stands_still(75 * SECOND, 60 * SECOND);
        tokio::time::timeout(day, still).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_it_is_unused_or_its_answers_are_not_taken() {
        let progress = Arc::new(Progress::default());
        assert!(ends(&progress).await, "nothing was ever asked");
        progress.begin();
        assert!(!ends(&progress).await, "a request may take as long as it needs");
        let mut answer = AnswerBody::from(vec![0; 3 * PIECE]).on(&progress);
        progress.end();
        assert!(ends(&progress).await, "nothing of the answer is taken");
        let takes = async {
            for _ in 0..3 {
                tokio::time::sleep(50 * SECOND).await;
                answer.frame().await.unwrap().unwrap();
            }
        };
        let still = progress.stands_still(75 * SECOND, 60 * SECOND);
        tokio::select! {
            () = still => panic!("it was taken piece by piece"),
            () = takes => {}
        }
        drop(answer);
        assert!(ends(&progress).await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_but_takes_nothing_is_not_waited_for() {
        let progress = Arc::new(Progress::default());
        let _answer = AnswerBody::from(vec![0; PIECE]).on(&progress);
        let asks = async {
            for _ in 0..1000 {
                tokio::time::sleep(10 * SECOND).await;
                progress.begin();
                progress.end();
            }
        };
        tokio::select! {
            () = progress.stands_still(75 * SECOND, 60 * SECOND) => {}
            () = asks => panic!("it is waited for"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_not_taken_before_its_last_piece_has_left() {
        let (memory, progress) = (AnswerMemory::new(UNIT), Arc::new(Progress::default()));
        let mut answer = memory.hold(vec![0; UNIT]).await.expect("there is memory").on(&progress);
        let piece = answer.frame().await.unwrap().unwrap();
        assert!(answer.is_end_stream());
        drop(answer);
        assert!(memory.hold(vec![0; UNIT]).await.is_none(), "the connection has it");
        progress.begin();
        assert!(ends(&progress).await, "nothing was taken");
        drop(piece);
        assert!(memory.hold(vec![0; UNIT]).await.is_some());
        assert!(!ends(&progress).await, "it was taken");
    }
}
