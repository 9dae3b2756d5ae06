//! What the task promises, with a clock moved by hand and a store whose appends are held back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use formiga_engine::catalog::CatalogChange;
use formiga_engine::message::{MessageAttributes, MessageContent, md5};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{
    BodyId, DeduplicationKey, NewMessage, Page, Position, QueueLimits, Snapshot, StoredMessage,
};
use formiga_engine::receipt::{ReceiptHandle, ReceiptKey};
use formiga_store::{
    Acquired, Epoch, MemoryStore, PlainContents, Reading, Store, StoredContent, Ticket,
};
use tokio::sync::oneshot;

use super::*;
use crate::clock::Clock;
use crate::queues::{Directory, DirectoryParts, NewQueue, QueueHandle};

/// A clock moved by hand, which counts how often someone begins to wait for it.
struct ManualClock {
    now: watch::Sender<Timestamp>,
    sleeps: AtomicUsize,
    reclaim_from: Mutex<Timestamp>,
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.sleeps.fetch_add(1, Ordering::Relaxed);

        let mut now = self.now.subscribe();
        Box::pin(async move {
            let _ = now.wait_for(|now| *now >= moment).await;
        })
    }

    fn ahead(&self) -> Duration {
        Duration::ZERO
    }

    fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now = *now + by);
    }

    fn reclaim_from(&self) -> Timestamp {
        *self.reclaim_from.lock().unwrap()
    }
}

struct Scene {
    clock: Arc<ManualClock>,
    store: Arc<HeldStore>,
    queue: QueueHandle,
    _stop: watch::Sender<bool>,
    directory: Arc<Directory>,
}

/// A store that keeps everything in memory and tells so only when it is let.
#[derive(Default)]
struct HeldStore {
    memory: MemoryStore,
    /// `None`: tickets complete at once.
    held: Mutex<Option<Vec<HeldTicket>>>,
    refuses: AtomicBool,
    content_reads: AtomicUsize,
}

type HeldTicket = oneshot::Sender<Result<(), AppendError>>;

impl HeldStore {
    fn hold(&self) {
        *self.held.lock().unwrap() = Some(Vec::new());
    }

    /// Rejects the next append without applying it.
    fn refuse_next(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    fn held(&self) -> usize {
        self.held.lock().unwrap().as_ref().map_or(0, Vec::len)
    }

    /// Completes the oldest ticket that is held.
    fn complete(&self, outcome: Result<(), AppendError>) {
        let ticket = self.held.lock().unwrap().as_mut().unwrap().remove(0);
        ticket.send(outcome).unwrap();
    }
}

impl Store for HeldStore {
    fn acquire(&self) -> Reading<Acquired> {
        self.memory.acquire()
    }

    fn append(&self, epoch: Epoch, append: Append) -> Ticket {
        if self.refuses.swap(false, Ordering::Relaxed) {
            return Ticket::known(Err(AppendError::Rejected("full".to_owned())));
        }
        let ticket = self.memory.append(epoch, append);
        match &mut *self.held.lock().unwrap() {
            None => ticket,
            Some(held) => {
                let (sender, receiver) = oneshot::channel();
                held.push(sender);
                Ticket::pending(receiver)
            }
        }
    }

    fn restore(&self, queue: QueueId, now: Timestamp, limit: usize) -> Reading<Snapshot> {
        self.memory.restore(queue, now, limit)
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Reading<Page> {
        assert_eq!(self.held(), 0, "what is read reflects everything applied");
        self.memory.page(queue, from, limit)
    }

    fn message(&self, queue: QueueId, position: Position) -> Reading<Option<StoredMessage>> {
        self.memory.message(queue, position)
    }

    fn available_between(
        &self,
        queue: QueueId,
        after: Timestamp,
        until: Timestamp,
    ) -> Reading<u64> {
        self.memory.available_between(queue, after, until)
    }

    fn contents(&self, bodies: Vec<BodyId>) -> Reading<Vec<Option<StoredContent>>> {
        self.content_reads.fetch_add(1, Ordering::Relaxed);
        self.memory.contents(bodies)
    }

    fn plain_contents(&self, from: BodyId, until: BodyId) -> Reading<PlainContents> {
        self.memory.plain_contents(from, until)
    }

    fn setting(&self, name: &'static str) -> Reading<Option<Vec<u8>>> {
        self.memory.setting(name)
    }

    fn identities(&self) -> Reading<Vec<formiga_store::Identity>> {
        self.memory.identities()
    }

    fn full(&self) -> Option<String> {
        None
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn close(&self) {}
}

async fn scene(limits: QueueLimits) -> Scene {
    scene_on(Arc::default(), limits).await
}

/// A server on what the store keeps.
async fn scene_on(store: Arc<HeldStore>, limits: QueueLimits) -> Scene {
    let clock = Arc::new(ManualClock {
        now: watch::Sender::new(Timestamp::from_millis(1_700_000_000_000)),
        sleeps: AtomicUsize::new(0),
        reclaim_from: Mutex::default(),
    });
    let acquired = store.acquire().await.unwrap();
    let (stop, stopping) = watch::channel(false);
    let directory = Directory::start(DirectoryParts {
        store: store.clone(),
        clock: clock.clone(),
        acquired,
        receipt_key: ReceiptKey::new(&[0; 32]),
        sealer: Arc::new(crate::sealer::tests::sealer(clock.clone())),
        deduplication_key: DeduplicationKey::new(&[1; 32]),
        limits,
        content_cache_bytes: 1 << 20,
        recent_delete_check: false,
        stopping,
    });
    let key = QueueKey {
        account: AccountId::DEFAULT,
        region: Region::parse("us-east-1").unwrap(),
        name: QueueName::parse("q").unwrap(),
    };
    let new = NewQueue { key: key.clone(), attributes: Vec::new(), tags: Default::default() };
    directory.create(new).await.unwrap().unwrap();
    let queue = directory.find(&key).unwrap();
    Scene { clock, store, queue, _stop: stop, directory }
}

impl Scene {
    fn is_running(&self) -> bool {
        let inbox = self.queue.queue.inbox.lock().unwrap();
        inbox.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// How many messages the store keeps.
    async fn stored(&self) -> usize {
        let generation = self.queue.entry().generation;
        let page = self.store.memory.page(generation, Position::FIRST, 1000).await.unwrap();
        page.messages.len()
    }

    async fn send(&self, count: u64) {
        self.try_send(count).await.unwrap();
    }

    async fn try_send(&self, count: u64) -> Result<(), Unanswered> {
        let message = |body: u64| NewMessage {
            content: Arc::new(MessageContent {
                message_id: [0; 16],
                body: body.to_string(),
                body_md5: md5(b""),
                attributes: MessageAttributes::default(),
                trace_header: None,
                group_id: None,
                deduplication_id: None,
                sender_id: String::new(),
            }),
            body: BodyId(body),
            delay: None,
        };
        let messages = (0..count).map(message).collect();
        self.queue.send(messages, MemoryShare::default()).await.map(drop)
    }

    async fn receive(&self, max: usize, wait: Duration) -> usize {
        let received = self.queue.receive(max, None, wait, None).await.unwrap();
        received.map_or(0, |messages| messages.len())
    }

    /// Lets the task work while `waiting` must not complete.
    async fn settle_while_unanswered<T>(&self, waiting: &mut Pin<&mut impl Future<Output = T>>) {
        tokio::select! {
            biased;
            _ = waiting => panic!("answered too early"),
            () = self.settle() => {}
        }
    }

    /// Lets the task do whatever it would do by itself.
    async fn settle(&self) {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_task_with_messages_in_flight_sleeps_until_one_returns() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(1).await;
    let half_a_day = Some(Duration::from_secs(43_200));
    let received = scene.queue.receive(1, half_a_day, Duration::ZERO, None).await.unwrap();
    assert_eq!(received.map(|messages| messages.len()), Ok(1));
    let before = scene.clock.sleeps.load(Ordering::Relaxed);
    scene.clock.advance(IDLE_MAX + Duration::from_secs(1));
    scene.settle().await;
    let sleeps = scene.clock.sleeps.load(Ordering::Relaxed) - before;
    assert!(sleeps < 5, "the task woke {sleeps} times");
}

#[tokio::test]
async fn a_long_poll_over_the_in_flight_limit_does_not_keep_the_task_busy() {
    let limits = QueueLimits { in_flight_max: 3, window: 16, page: 8, ..QueueLimits::default() };
    let scene = scene(limits).await;
    for _ in 0..10 {
        scene.send(10).await;
    }
    assert_eq!(scene.receive(10, Duration::ZERO).await, 3);
    let poll = scene.receive(1, Duration::from_secs(20));
    tokio::pin!(poll);
    tokio::select! {
        biased;
        _ = &mut poll => panic!("nothing may be received"),
        () = scene.settle() => {}
    }
    let before = scene.clock.sleeps.load(Ordering::Relaxed);
    tokio::select! {
        biased;
        _ = &mut poll => panic!("nothing may be received"),
        () = scene.settle() => {}
    }
    let sleeps = scene.clock.sleeps.load(Ordering::Relaxed) - before;
    assert_eq!(sleeps, 0, "the task woke for nothing");
    scene.clock.advance(Duration::from_secs(20));
    assert_eq!(poll.await, 0, "the wait is over");
}

#[tokio::test]
async fn a_task_that_nobody_uses_ends_and_the_queue_goes_on() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(1).await;
    assert!(scene.is_running());
    scene.clock.advance(IDLE_MAX);
    scene.settle().await;
    assert!(!scene.is_running());
    assert_eq!(scene.receive(1, Duration::ZERO).await, 1);
}

#[tokio::test]
async fn a_send_is_acknowledged_only_when_it_is_durable() {
    let scene = scene(QueueLimits::default()).await;
    scene.store.hold();
    let send = scene.try_send(1);
    tokio::pin!(send);
    scene.settle_while_unanswered(&mut send).await;
    assert_eq!(scene.store.held(), 1);
    scene.store.complete(Ok(()));
    assert_eq!(send.await, Ok(()));
}

#[tokio::test]
async fn a_receive_does_not_show_what_could_still_be_lost() {
    let scene = scene(QueueLimits::default()).await;
    scene.store.hold();
    let (send, receive) = (scene.try_send(1), scene.receive(1, Duration::ZERO));
    tokio::pin!(send, receive);
    scene.settle_while_unanswered(&mut send).await;
    scene.settle_while_unanswered(&mut receive).await;
    assert_eq!(scene.store.held(), 2);
    // The count has no records of its own, and waits for those before it all the same.
    let count = scene.queue.count();
    tokio::pin!(count);
    scene.settle_while_unanswered(&mut count).await;
    scene.store.complete(Ok(()));
    assert_eq!(send.await, Ok(()));
    scene.settle_while_unanswered(&mut receive).await;
    scene.settle_while_unanswered(&mut count).await;
    scene.store.complete(Ok(()));
    assert_eq!(receive.await, 1);
    assert_eq!(count.await.unwrap().in_flight, 1);
}

#[tokio::test]
async fn a_rejected_append_is_refused_and_the_queue_is_loaded_anew() {
    let scene = scene(QueueLimits::default()).await;
    scene.store.hold();
    let (first, second) = (scene.try_send(1), scene.try_send(1));
    tokio::pin!(first, second);
    scene.settle_while_unanswered(&mut first).await;
    scene.settle_while_unanswered(&mut second).await;
    scene.store.complete(Err(AppendError::Rejected("full".to_owned())));
    assert!(matches!(first.await, Err(Unanswered::Unavailable(_))));
    assert!(matches!(second.await, Err(Unanswered::Unavailable(_))));
    *scene.store.held.lock().unwrap() = None;
    // What the queue says now is what the store holds.
    let counters = scene.queue.count().await.unwrap();
    let page = scene.store.page(scene.queue.id(), Position::FIRST, 10).await.unwrap();
    assert_eq!(counters.visible as usize, page.messages.len());
}

#[tokio::test]
async fn an_append_of_unknown_outcome_is_not_acknowledged() {
    let scene = scene(QueueLimits::default()).await;
    scene.store.hold();
    let send = scene.try_send(1);
    tokio::pin!(send);
    scene.settle_while_unanswered(&mut send).await;
    scene.store.complete(Err(AppendError::Unknown("fsync failed".to_owned())));
    assert!(matches!(send.await, Err(Unanswered::Unknown(_))));
}

#[tokio::test]
async fn a_backlog_is_read_only_when_everything_before_is_durable() {
    let limits = QueueLimits { window: 16, page: 8, ..QueueLimits::default() };
    let scene = scene(limits).await;
    for _ in 0..10 {
        scene.send(10).await;
    }
    // A receive that needs a page comes after a send that is not durable. Every page read asserts
    // that nothing is held back by then.
    let (mut received, mut expected) = (0, 100);
    while received < expected {
        scene.store.hold();
        let (send, receive) = (scene.try_send(1), scene.receive(10, Duration::ZERO));
        expected += 1;
        tokio::pin!(send, receive);
        scene.settle_while_unanswered(&mut send).await;
        received += loop {
            tokio::select! {
                biased;
                count = &mut receive => break count,
                () = scene.settle() => while scene.store.held() > 0 {
                    scene.store.complete(Ok(()));
                },
            }
        };
        assert_eq!(send.await, Ok(()));
    }
}

#[tokio::test]
async fn expired_messages_are_removed_by_and_by_but_not_while_the_clock_is_doubted() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(3).await;
    let four_days = Duration::from_secs(345_600);
    let expired_at = scene.clock.now() + four_days;
    let hour = Duration::from_secs(3600);
    *scene.clock.reclaim_from.lock().unwrap() = expired_at + hour;
    scene.clock.advance(four_days);
    assert_eq!(scene.receive(1, Duration::ZERO).await, 0, "hidden at once");
    scene.clock.advance(hour / 2);
    scene.settle().await;
    assert_eq!(scene.stored().await, 3);
    scene.clock.advance(hour / 2);
    scene.settle().await;
    assert_eq!(scene.stored().await, 0);
}

#[tokio::test]
async fn expired_messages_of_a_queue_that_nobody_uses_are_removed() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(3).await;
    scene.clock.advance(IDLE_MAX);
    scene.settle().await;
    assert!(!scene.is_running());
    scene.clock.advance(Duration::from_secs(345_600));
    scene.settle().await;
    assert_eq!(scene.stored().await, 0);
}

#[tokio::test]
async fn expired_messages_of_an_earlier_run_are_removed() {
    let first = scene(QueueLimits::default()).await;
    first.send(3).await;
    let second = scene_on(first.store.clone(), QueueLimits::default()).await;
    second.clock.advance(Duration::from_secs(345_600));
    second.settle().await;
    assert_eq!(second.stored().await, 0);
}

#[tokio::test]
async fn a_task_after_one_that_panicked_waits_for_what_was_under_way() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(1).await;
    scene.clock.advance(IDLE_MAX);
    scene.settle().await;
    assert!(!scene.is_running());
    // As a task leaves it that ends without settling its appends.
    scene.queue.queue.owned.store(true, Ordering::Release);
    scene.store.hold();
    let receive = scene.receive(1, Duration::ZERO);
    tokio::pin!(receive);
    scene.settle_while_unanswered(&mut receive).await;
    assert_eq!(scene.store.held(), 1, "an append of its own, behind those under way");
    scene.store.complete(Ok(()));
    scene.settle_while_unanswered(&mut receive).await;
    scene.store.complete(Ok(()));
    assert_eq!(receive.await, 1);
}

#[tokio::test]
async fn a_change_comes_after_what_was_applied_before_it() {
    let scene = scene(QueueLimits::default()).await;
    scene.store.hold();
    let send = scene.try_send(1);
    tokio::pin!(send);
    scene.settle_while_unanswered(&mut send).await;
    let purge = scene.directory.change(scene.queue.entry().key.clone(), CatalogChange::Purge);
    tokio::pin!(purge);
    scene.settle_while_unanswered(&mut purge).await;
    assert_eq!(scene.store.held(), 1, "the purge waits for the send");
    scene.store.complete(Ok(()));
    assert_eq!(send.await, Ok(()));
    scene.settle_while_unanswered(&mut purge).await;
    assert_eq!(scene.store.held(), 1);
    scene.store.complete(Ok(()));
    assert_eq!(purge.await.unwrap(), Ok(()));
    assert_eq!(scene.receive(1, Duration::ZERO).await, 0);
}

#[tokio::test]
async fn a_change_that_is_rejected_changes_nothing() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(1).await;
    scene.store.refuse_next();
    let change = CatalogChange::Purge;
    let changed = scene.directory.change(scene.queue.entry().key.clone(), change).await;
    assert!(matches!(changed, Err(Unanswered::Unavailable(_))));
    assert_eq!(scene.receive(1, Duration::ZERO).await, 1);
    let again = scene.directory.change(scene.queue.entry().key.clone(), CatalogChange::Purge);
    assert_eq!(again.await.unwrap(), Ok(()), "the interval counts from purges that happened");
}

#[tokio::test]
async fn a_backlogs_contents_are_read_ahead_many_at_a_time() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(600).await;
    // A new task knows no contents.
    scene.clock.advance(IDLE_MAX);
    scene.settle().await;
    let mut bodies = Vec::new();
    while bodies.len() < 600 {
        let received = scene.queue.receive(1, None, Duration::ZERO, None).await.unwrap().unwrap();
        bodies.extend(received.iter().map(|(_, content)| content.body.clone()));
        scene.settle().await;
    }
    let expected: Vec<_> = (0..600).map(|body: u64| body.to_string()).collect();
    assert_eq!(bodies, expected);
    let reads = scene.store.content_reads.load(Ordering::Relaxed);
    assert!(reads < 20, "{reads} reads for 600 messages");
}

#[tokio::test]
async fn what_was_read_ahead_of_a_purge_is_not_kept() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(600).await;
    scene.clock.advance(IDLE_MAX);
    scene.settle().await;
    assert_eq!(scene.receive(1, Duration::ZERO).await, 1);
    let key = scene.queue.entry().key.clone();
    scene.directory.change(key, CatalogChange::Purge).await.unwrap().unwrap();
    scene.settle().await;
    assert_eq!(scene.receive(10, Duration::ZERO).await, 0);
}

#[tokio::test]
async fn who_was_deposed_does_not_acknowledge_that_a_message_is_gone() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(1).await;
    let received = scene.queue.receive(1, None, Duration::ZERO, None).await.unwrap().unwrap();
    let (message, _) = &received[0];
    let handle =
        ReceiptHandle { position: message.message.position, receive_count: message.receives.count };
    scene.queue.delete(vec![handle]).await.unwrap();
    // Deleting again changes nothing, but that nothing is there has to be known for sure.
    assert_eq!(scene.queue.delete(vec![handle]).await.unwrap(), [Ok(())]);
    scene.store.memory.acquire().await.unwrap();
    scene.queue.delete(vec![handle]).await.unwrap_err();
}

#[tokio::test]
async fn no_task_starts_when_they_end() {
    let scene = scene(QueueLimits::default()).await;
    scene.send(1).await;
    scene.directory.stop().await;
    assert!(matches!(scene.queue.count().await, Err(Unanswered::Unavailable(_))));
}
