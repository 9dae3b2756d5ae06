//! One suite that every [`Store`] passes: the promises of the crate's documentation.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::{MessageAttributes, MessageContent, md5};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{
    BodyId, MoveTask, MoveTaskStatus, Moved, OutboxEntry, Page, Position, QueueRow, Receives,
    Record, RememberedSend, Sequence, StoredMessage,
};
use formiga_engine::time::Timestamp;
use formiga_store::{
    AccessKeyRecord, AccountRecord, Acquired, Append, AppendError, Change, DataKey, EntityRecord,
    Epoch, Identity, IdentityChange, IdentityKey, MemoryStore, RoleRecord, SqliteOptions,
    SqliteStore, Store, StoredContent, UserRecord, backup,
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const QUEUE: QueueId = QueueId(7);

/// A store, and how to open it again after it was closed (a memory store cannot be).
trait Subject {
    type Store: Store;
    fn open(directory: &Path) -> Self::Store;
    const SURVIVES: bool;
}

struct Memory;

impl Subject for Memory {
    type Store = MemoryStore;
    fn open(_: &Path) -> MemoryStore {
        MemoryStore::new()
    }
    const SURVIVES: bool = false;
}

struct Sqlite;

impl Subject for Sqlite {
    type Store = SqliteStore;
    fn open(directory: &Path) -> SqliteStore {
        SqliteStore::open(directory, SqliteOptions::default()).unwrap()
    }
    const SURVIVES: bool = true;
}

macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $test() { super::$test::<super::Memory>().await; })*
        }
        mod sqlite {
            $(#[tokio::test] async fn $test() { super::$test::<super::Sqlite>().await; })*
        }
    };
}

contract!(
    what_was_acknowledged_is_read,
    a_message_is_updated_and_removed_by_its_records,
    pages_continue_where_the_last_one_ended,
    tickets_complete_in_order_and_appends_take_effect_in_order,
    queues_do_not_see_each_other,
    a_snapshot_holds_what_is_in_flight,
    availability_is_counted_between_two_moments,
    a_deposed_owners_append_changes_nothing,
    the_catalog_and_its_ids_are_kept,
    what_a_deleted_queue_left_is_reclaimed,
    a_purged_queue_is_empty_and_its_sequences_go_on,
    what_is_on_its_way_is_kept_until_it_has_arrived,
    what_a_deleted_queue_had_on_its_way_is_reclaimed_unless_it_has_arrived,
    remembered_sends_are_kept_as_long_as_they_count,
    a_record_that_removes_what_is_not_stored_is_rejected,
    settings_are_kept,
    identities_are_kept_under_their_keys,
    changes_of_identities_happen_together,
    identities_survive_closing_and_opening,
    contents_are_kept_as_they_were_sealed,
    a_closed_store_rejects_appends,
    everything_acknowledged_survives_closing_and_opening,
);

struct Scene<S: Store> {
    store: Arc<S>,
    acquired: Acquired,
    directory: tempfile::TempDir,
}

async fn scene<T: Subject>() -> Scene<T::Store> {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(T::open(directory.path()));
    let acquired = store.acquire().await.unwrap();
    Scene { store, acquired, directory }
}

impl<S: Store> Scene<S> {
    fn append(&self, change: Change) -> impl Future<Output = Result<(), AppendError>> + use<S> {
        self.store.append(self.acquired.epoch, Append::new(NOW, change))
    }

    async fn records(&self, records: Vec<Record>) {
        self.append(Change::Queue(QUEUE, records)).await.unwrap();
    }

    async fn catalog(&self, record: CatalogRecord) {
        self.append(Change::Catalog(record)).await.unwrap();
    }

    /// Waits until the contents with these ids are removed.
    async fn contents_are_gone(&self, bodies: std::ops::Range<u64>) {
        let bodies: Vec<_> = bodies.map(BodyId).collect();
        let end = Instant::now() + Duration::from_secs(30);
        while self.store.contents(bodies.clone()).await.unwrap().iter().any(Option::is_some) {
            assert!(Instant::now() < end, "some contents stay");
            tokio::task::yield_now().await;
        }
    }

    async fn all(&self) -> Vec<StoredMessage> {
        self.store.page(QUEUE, Position::FIRST, 1000).await.unwrap().messages
    }
}

fn content(body: &str) -> Arc<MessageContent> {
    Arc::new(MessageContent {
        message_id: md5(body.as_bytes()),
        body: body.to_owned(),
        body_md5: md5(body.as_bytes()),
        attributes: MessageAttributes::default(),
        trace_header: None,
        group_id: None,
        deduplication_id: None,
        sender_id: "000000000000".to_owned(),
    })
}

fn plain(body: &str) -> Option<StoredContent> {
    Some(StoredContent::Plain(content(body)))
}

fn data_key() -> DataKey {
    DataKey::wrapped(&[1; 32], Arc::from(*b"the wrapped key"))
}

fn seal(number: u64) -> (BodyId, Vec<u8>) {
    let body = message(number).body;
    (body, data_key().seal(body, &content(&number.to_string()), [9; 12]))
}

fn opened(body: u64, stored: Option<&StoredContent>) -> MessageContent {
    match stored {
        Some(StoredContent::Sealed(sealed)) => data_key().open(BodyId(body), sealed).unwrap(),
        other => panic!("{other:?} is not sealed"),
    }
}

fn message(number: u64) -> StoredMessage {
    let position = Position { available_at: NOW, sequence: Sequence(number) };
    StoredMessage {
        position,
        sent_at: NOW,
        body: BodyId(100 + number),
        size: 5,
        group: None,
        moved: None,
        receives: None,
    }
}

fn sent(number: u64) -> Record {
    Record::Sent {
        message: message(number),
        content: content(&number.to_string()),
        remembered: None,
    }
}

fn receives(count: u32, visible_at: Timestamp) -> Receives {
    Receives { count, first_at: NOW, last_at: NOW, visible_at }
}

fn received(number: u64, count: u32, visible_at: Timestamp) -> Record {
    let position = message(number).position;
    Record::Received { position, receives: receives(count, visible_at) }
}

fn deleted(number: u64) -> Record {
    Record::Deleted { message: message(number) }
}

async fn what_was_acknowledged_is_read<T: Subject>() {
    let scene = scene::<T>().await;
    scene.records(vec![sent(0), sent(1)]).await;
    assert_eq!(scene.all().await, [message(0), message(1)]);
    let bodies = vec![BodyId(101), BodyId(999), BodyId(100)];
    let contents = scene.store.contents(bodies).await.unwrap();
    assert_eq!(contents, [plain("1"), None, plain("0")]);
    let found = scene.store.message(QUEUE, message(1).position).await.unwrap();
    assert_eq!(found, Some(message(1)));
    let missing = scene.store.message(QUEUE, message(2).position).await.unwrap();
    assert_eq!(missing, None);
    let row = scene.store.restore(QUEUE, NOW, 10).await.unwrap().row;
    assert_eq!((row.stored, row.next_sequence), (2, Sequence(2)));
}

async fn a_message_is_updated_and_removed_by_its_records<T: Subject>() {
    let scene = scene::<T>().await;
    let later = NOW + Duration::from_secs(30);
    scene.records(vec![sent(0), sent(1), received(0, 1, later)]).await;
    let in_flight = StoredMessage { receives: Some(receives(1, later)), ..message(0) };
    assert_eq!(scene.all().await, [in_flight, message(1)]);
    let position = message(0).position;
    let changed = receives(1, NOW);
    scene.records(vec![Record::VisibilityChanged { position, receives: changed }]).await;
    let visible = StoredMessage { receives: Some(changed), ..message(0) };
    assert_eq!(scene.store.message(QUEUE, position).await.unwrap(), Some(visible));
    scene.records(vec![deleted(0), Record::Expired { message: message(1) }]).await;
    assert_eq!(scene.all().await, []);
    let gone = scene.store.contents(vec![BodyId(100), BodyId(101)]).await.unwrap();
    assert_eq!(gone, [None, None]);
    assert_eq!(scene.store.restore(QUEUE, NOW, 10).await.unwrap().row.stored, 0);
}

async fn pages_continue_where_the_last_one_ended<T: Subject>() {
    let scene = scene::<T>().await;
    scene.records((0..25).map(sent).collect()).await;
    let (mut from, mut read) = (Position::FIRST, Vec::new());
    loop {
        let Page { messages, last } = scene.store.page(QUEUE, from, 10).await.unwrap();
        assert!(messages.len() == 10 || last);
        read.extend(messages);
        if last {
            break;
        }
        from = read.last().unwrap().position.next();
    }
    assert_eq!(read, (0..25).map(message).collect::<Vec<_>>());
    let exact = scene.store.page(QUEUE, Position::FIRST, 25).await.unwrap();
    assert!(exact.last, "a full page that ends the queue says so");
}

async fn tickets_complete_in_order_and_appends_take_effect_in_order<T: Subject>() {
    let scene = scene::<T>().await;
    let mut tickets = Vec::new();
    for number in 0..200 {
        // Each rests on the one before: out of order, the deletion would find nothing.
        let records =
            if number == 0 { vec![sent(0)] } else { vec![deleted(number - 1), sent(number)] };
        tickets.push(scene.append(Change::Queue(QUEUE, records)));
    }
    // Awaiting the last first: when it is done, so are all before it.
    let last = tickets.pop().unwrap();
    last.await.unwrap();
    for ticket in tickets {
        let at_once = tokio::time::timeout(Duration::from_secs(5), ticket).await;
        at_once.expect("an earlier ticket completes no later").unwrap();
    }
    assert_eq!(scene.all().await, [message(199)]);
}

async fn queues_do_not_see_each_other<T: Subject>() {
    let scene = scene::<T>().await;
    let other = QueueId(8);
    scene.records(vec![sent(0)]).await;
    let foreign = StoredMessage { body: BodyId(500), ..message(0) };
    let record =
        Record::Sent { message: foreign.clone(), content: content("foreign"), remembered: None };
    scene.append(Change::Queue(other, vec![record])).await.unwrap();
    scene.records(vec![deleted(0)]).await;
    assert_eq!(scene.all().await, []);
    let kept = scene.store.page(other, Position::FIRST, 10).await.unwrap();
    assert_eq!(kept.messages, [foreign]);
}

async fn a_snapshot_holds_what_is_in_flight<T: Subject>() {
    let scene = scene::<T>().await;
    let later = NOW + Duration::from_secs(30);
    let records = (0..20).map(sent).chain([received(3, 1, later), received(4, 1, NOW)]);
    scene.records(records.collect()).await;
    let snapshot = scene.store.restore(QUEUE, NOW, 5).await.unwrap();
    let in_flight = StoredMessage { receives: Some(receives(1, later)), ..message(3) };
    assert_eq!(
        snapshot.in_flight,
        std::slice::from_ref(&in_flight),
        "what is visible again is not in flight"
    );
    assert_eq!(snapshot.first_page.messages.len(), 5);
    assert_eq!(snapshot.first_page.messages[3], in_flight);
    assert!(!snapshot.first_page.last);
    let new = scene.store.restore(QueueId(99), NOW, 5).await.unwrap();
    assert_eq!(new.row, QueueRow::default());
    assert_eq!(new.first_page, Page { messages: Vec::new(), last: true });
}

async fn availability_is_counted_between_two_moments<T: Subject>() {
    let scene = scene::<T>().await;
    let delayed = |number: u64, millis: u64| {
        let mut message = message(number);
        message.position.available_at = NOW + Duration::from_millis(millis);
        Record::Sent { message, content: content("delayed"), remembered: None }
    };
    scene.records(vec![delayed(0, 0), delayed(1, 10), delayed(2, 20), delayed(3, 21)]).await;
    let until = NOW + Duration::from_millis(20);
    assert_eq!(scene.store.available_between(QUEUE, NOW, until).await, Ok(2));
}

async fn a_deposed_owners_append_changes_nothing<T: Subject>() {
    let scene = scene::<T>().await;
    scene.records(vec![sent(0)]).await;
    let next = scene.store.acquire().await.unwrap();
    assert!(next.epoch > scene.acquired.epoch);
    // Together with an append of the new owner, as a group commit would merge them.
    let deposed = scene.append(Change::Queue(QUEUE, vec![sent(1)]));
    let change = Change::Queue(QUEUE, vec![sent(2)]);
    let current = scene.store.append(next.epoch, Append::new(NOW, change));
    assert_eq!(deposed.await, Err(AppendError::Fenced));
    current.await.unwrap();
    assert_eq!(scene.all().await, [message(0), message(2)]);
    let from_nowhere = Append::new(NOW, Change::Queue(QUEUE, vec![sent(3)]));
    let unknown = scene.store.append(Epoch(next.epoch.0 + 1), from_nowhere).await;
    assert_eq!(unknown, Err(AppendError::Fenced));
}

fn entry(id: u64, name: &str) -> Arc<CatalogEntry> {
    Arc::new(CatalogEntry {
        id: QueueId(id),
        key: QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("us-east-1").unwrap(),
            name: QueueName::parse(name).unwrap(),
        },
        generation: QueueId(id),
        attributes: QueueAttributes::default(),
        tags: BTreeMap::new(),
        created_at: NOW,
        modified_at: NOW,
        purged_at: None,
        kept_from: Timestamp::EPOCH,
    })
}

async fn the_catalog_and_its_ids_are_kept<T: Subject>() {
    let scene = scene::<T>().await;
    let (a, b) = (entry(7, "a"), entry(8, "b"));
    scene.catalog(CatalogRecord::Created(a.clone())).await;
    scene.catalog(CatalogRecord::Created(b.clone())).await;
    scene.catalog(CatalogRecord::Deleted(b)).await;
    let tags = BTreeMap::from([("team".to_owned(), "ants".to_owned())]);
    let a = Arc::new(CatalogEntry { tags, ..CatalogEntry::clone(&a) });
    scene.catalog(CatalogRecord::Changed(a.clone())).await;
    let acquired = scene.store.acquire().await.unwrap();
    assert_eq!(acquired.catalog, [CatalogEntry::clone(&a)]);
    assert_eq!(acquired.next_queue, 9, "the id of a deleted queue is not given out again");
}

async fn what_a_deleted_queue_left_is_reclaimed<T: Subject>() {
    let scene = scene::<T>().await;
    let queue = entry(QUEUE.0, "q");
    scene.catalog(CatalogRecord::Created(queue.clone())).await;
    let later = NOW + Duration::from_secs(30);
    scene.records((0..250).map(sent).chain([received(0, 1, later)]).collect()).await;
    scene.catalog(CatalogRecord::Deleted(queue)).await;
    scene.contents_are_gone(100..350).await;
    assert_eq!(scene.store.restore(QUEUE, NOW, 10).await.unwrap().row, QueueRow::default());
}

async fn a_purged_queue_is_empty_and_its_sequences_go_on<T: Subject>() {
    let scene = scene::<T>().await;
    let queue = entry(QUEUE.0, "q");
    scene.catalog(CatalogRecord::Created(queue.clone())).await;
    let later = NOW + Duration::from_secs(30);
    scene.records((0..250).map(sent).chain([received(0, 1, later)]).collect()).await;
    let next = QueueId(QUEUE.0 + 1);
    let purged = Arc::new(CatalogEntry { generation: next, ..CatalogEntry::clone(&queue) });
    scene.catalog(CatalogRecord::Purged { entry: purged.clone(), old: QUEUE }).await;
    let snapshot = scene.store.restore(next, NOW, 10).await.unwrap();
    assert_eq!((snapshot.row.stored, snapshot.row.next_sequence), (0, Sequence(250)));
    assert_eq!(snapshot.in_flight, []);
    assert_eq!(snapshot.first_page, Page { messages: Vec::new(), last: true });
    scene.append(Change::Queue(next, vec![sent(250)])).await.unwrap();
    scene.contents_are_gone(100..350).await;
    let kept = scene.store.contents(vec![BodyId(350)]).await.unwrap();
    assert_eq!(kept, [plain("250")], "what came after the purge is kept");
    let acquired = scene.store.acquire().await.unwrap();
    assert_eq!(acquired.catalog, [CatalogEntry::clone(&purged)]);
    assert_eq!(acquired.next_queue, next.0 + 1, "a generation is not given out again");
}

fn leaving(number: u64) -> OutboxEntry {
    let moved = Moved { source_arn: Some("arn".to_owned()), receive_count: 3, ..Moved::default() };
    let (to, moved) = (QueueId(50), Arc::new(moved));
    OutboxEntry { to, number, message: message(number), moved, as_new: false }
}

/// Content and outbox outlive the message in its old queue, a purge of that queue, and the move.
async fn what_is_on_its_way_is_kept_until_it_has_arrived<T: Subject>() {
    let scene = scene::<T>().await;
    let queue = entry(QUEUE.0, "q");
    scene.catalog(CatalogRecord::Created(queue.clone())).await;
    let left: Vec<Record> = (0..4).map(|n| Record::Left(leaving(n))).collect();
    scene.records((0..4).map(sent).chain(left).collect()).await;
    let task = MoveTask {
        id: [5; 16],
        started_at: NOW,
        destination: None,
        rate: Some(2),
        status: MoveTaskStatus::Running,
        moved: 4,
        to_move: 9,
    };
    scene.records(vec![Record::MoveTask(task.clone())]).await;
    assert_eq!(scene.all().await, []);
    let next = QueueId(QUEUE.0 + 1);
    let purged = Arc::new(CatalogEntry { generation: next, ..CatalogEntry::clone(&queue) });
    scene.catalog(CatalogRecord::Purged { entry: purged, old: QUEUE }).await;
    let snapshot = scene.store.restore(next, NOW, 10).await.unwrap();
    assert_eq!(snapshot.outbox, (0..4).map(leaving).collect::<Vec<_>>());
    assert_eq!(snapshot.move_tasks, std::slice::from_ref(&task));
    assert_eq!((snapshot.row.stored, snapshot.row.next_move), (0, 4));
    assert_eq!(snapshot.row.first_sequence, Sequence(4));
    let busy = scene.store.acquire().await.unwrap();
    assert_eq!(busy.busy, [next].into());
    let scene = Scene { acquired: busy, ..scene };

    let target = QueueId(50);
    let arrived = StoredMessage { moved: Some(leaving(0).moved), ..message(0) };
    let record = Record::Arrived { from: QUEUE, number: 0, message: arrived.clone() };
    scene.append(Change::Queue(target, vec![record])).await.unwrap();
    let ended = MoveTask { status: MoveTaskStatus::Cancelled, ..task };
    let records = vec![
        Record::HandedOver(leaving(0)),
        Record::CameBack(leaving(1)),
        Record::Lost(leaving(2)),
        Record::HandedOver(leaving(3)),
        Record::MoveTask(ended.clone()),
    ];
    scene.append(Change::Queue(next, records)).await.unwrap();
    let source = scene.store.restore(next, NOW, 10).await.unwrap();
    assert_eq!((source.outbox, source.move_tasks), (Vec::new(), vec![ended]));
    assert_eq!(source.first_page.messages, [message(1)]);
    assert_eq!(source.row.stored, 1);
    let there = scene.store.restore(target, NOW, 10).await.unwrap();
    assert_eq!(there.arrived, [(QUEUE, 0)].into());
    assert_eq!(there.first_page.messages, [arrived]);
    let kept = scene.store.contents((100..103).map(BodyId).collect()).await.unwrap();
    assert_eq!(kept, [plain("0"), plain("1"), None]);
    assert_eq!(scene.store.acquire().await.unwrap().busy, [].into());
}

/// The source does not know yet that the first two entries have arrived. The target was purged in
/// between.
async fn what_a_deleted_queue_had_on_its_way_is_reclaimed_unless_it_has_arrived<T: Subject>() {
    let scene = scene::<T>().await;
    let (source, target) = (entry(QUEUE.0, "q"), entry(50, "target"));
    for created in [&source, &target] {
        scene.catalog(CatalogRecord::Created(created.clone())).await;
    }
    let left: Vec<Record> = (0..4).map(|n| Record::Left(leaving(n))).collect();
    scene.records((0..5).map(sent).chain(left).collect()).await;
    let arrived = |number| Record::Arrived { from: QUEUE, number, message: message(number) };
    scene.append(Change::Queue(target.id, vec![arrived(0)])).await.unwrap();
    let next = QueueId(60);
    let purged = Arc::new(CatalogEntry { generation: next, ..CatalogEntry::clone(&target) });
    scene.catalog(CatalogRecord::Purged { entry: purged, old: target.id }).await;
    scene.append(Change::Queue(next, vec![arrived(1)])).await.unwrap();
    scene.catalog(CatalogRecord::Deleted(source)).await;
    scene.contents_are_gone(102..105).await;
    scene.contents_are_gone(100..101).await;
    let kept = scene.store.contents(vec![BodyId(101)]).await.unwrap();
    assert_eq!(kept, [plain("1")]);
    assert_eq!(scene.store.acquire().await.unwrap().busy, [].into());
}

async fn remembered_sends_are_kept_as_long_as_they_count<T: Subject>() {
    let scene = scene::<T>().await;
    let until = |number: u64| NOW + Duration::from_secs(10 * number);
    let remembered = |number: u64| RememberedSend {
        digest: u128::from(number) << 100,
        until: until(number),
        message_id: [7; 16],
        sequence: Sequence(number),
    };
    let record = |number: u64| Record::Sent {
        message: message(number),
        content: content("x"),
        remembered: Some(remembered(number)),
    };
    scene.records((1..=5).map(record).collect()).await;
    scene.records((1..=5).map(deleted).collect()).await;
    let known = async |now| scene.store.restore(QUEUE, now, 10).await.unwrap().remembered_sends;
    assert_eq!(known(NOW).await, (1..=5).map(remembered).collect::<Vec<_>>());
    assert_eq!(known(until(3)).await, [remembered(4), remembered(5)]);
    let later = Append::new(until(4), Change::Queue(QUEUE, vec![record(9)]));
    scene.store.append(scene.acquired.epoch, later).await.unwrap();
    assert_eq!(known(until(4)).await, [remembered(5), remembered(9)]);
}

async fn a_record_that_removes_what_is_not_stored_is_rejected<T: Subject>() {
    let scene = scene::<T>().await;
    scene.records(vec![sent(0)]).await;
    let outcome = scene.append(Change::Queue(QUEUE, vec![deleted(0), deleted(1)])).await;
    assert!(matches!(outcome, Err(AppendError::Rejected(_))), "{outcome:?}");
    assert_eq!(scene.all().await, [message(0)]);
    scene.records(vec![sent(1)]).await;
    assert_eq!(scene.store.failure(), None);
}

async fn settings_are_kept<T: Subject>() {
    let scene = scene::<T>().await;
    assert_eq!(scene.store.setting("color").await, Ok(None));
    for value in [b"blue".to_vec(), b"red".to_vec()] {
        scene.append(Change::Setting("color", value.clone())).await.unwrap();
        assert_eq!(scene.store.setting("color").await, Ok(Some(value)));
    }
}

fn entity(id: &str, name: &str) -> EntityRecord {
    EntityRecord {
        account: AccountId::DEFAULT,
        unique_id: id.to_owned(),
        path: "/".to_owned(),
        name: name.to_owned(),
        created_at: NOW,
        tags: BTreeMap::from([("team".to_owned(), "ants".to_owned())]),
        policies: BTreeMap::from([("p".to_owned(), "{ }".to_owned())]),
    }
}

fn user(id: &str, name: &str) -> Identity {
    Identity::User(UserRecord(entity(id, name)))
}

fn role(id: &str, name: &str) -> Identity {
    Identity::Role(RoleRecord {
        entity: entity(id, name),
        description: Some("for tests".to_owned()),
        max_session_seconds: 3600,
        trust_policy: "{}".to_owned(),
        trusted_ids: BTreeMap::new(),
    })
}

fn access_key(id: &str, user: &str) -> Identity {
    Identity::AccessKey(AccessKeyRecord {
        id: id.to_owned(),
        account: AccountId::DEFAULT,
        user: Some(user.to_owned()),
        is_active: true,
        created_at: NOW,
        sealed_secret: vec![1, 2, 3],
    })
}

async fn identities(store: &impl Store) -> BTreeMap<IdentityKey, Identity> {
    let identities = store.identities().await.unwrap();
    identities.into_iter().map(|identity| (identity.key(), identity)).collect()
}

fn by_key<const N: usize>(identities: [Identity; N]) -> BTreeMap<IdentityKey, Identity> {
    identities.map(|identity| (identity.key(), identity)).into()
}

async fn identities_are_kept_under_their_keys<T: Subject>() {
    let scene = scene::<T>().await;
    assert!(identities(&*scene.store).await.is_empty());
    let account = Identity::Account(AccountRecord { id: AccountId::DEFAULT, created_at: NOW });
    let all = [account, user("AIDA1", "alice"), role("AROA1", "r"), access_key("AKIA1", "AIDA1")];
    let puts = all.clone().map(IdentityChange::Put).to_vec();
    scene.append(Change::Identities(puts)).await.unwrap();
    assert_eq!(identities(&*scene.store).await, by_key(all));
}

async fn changes_of_identities_happen_together<T: Subject>() {
    let scene = scene::<T>().await;
    let first = vec![
        IdentityChange::Put(user("AIDA1", "alice")),
        IdentityChange::Put(access_key("AKIA1", "AIDA1")),
    ];
    scene.append(Change::Identities(first)).await.unwrap();
    // In order: what is put after it was removed is there.
    let second = vec![
        IdentityChange::Put(user("AIDA1", "renamed")),
        IdentityChange::Remove(IdentityKey::AccessKey("AKIA1".to_owned())),
        IdentityChange::Remove(IdentityKey::AccessKey("AKIA9".to_owned())),
        IdentityChange::Remove(IdentityKey::Role("AROA1".to_owned())),
        IdentityChange::Put(role("AROA1", "r")),
    ];
    scene.append(Change::Identities(second)).await.unwrap();
    let expected = by_key([user("AIDA1", "renamed"), role("AROA1", "r")]);
    assert_eq!(identities(&*scene.store).await, expected);
    // A deposed owner changes nobody.
    scene.store.acquire().await.unwrap();
    let third = vec![IdentityChange::Put(user("AIDA2", "mallory"))];
    assert_eq!(scene.append(Change::Identities(third)).await, Err(AppendError::Fenced));
    assert_eq!(identities(&*scene.store).await, expected);
}

async fn identities_survive_closing_and_opening<T: Subject>() {
    if !T::SURVIVES {
        return;
    }
    let scene = scene::<T>().await;
    let all = [user("AIDA1", "alice"), access_key("AKIA1", "AIDA1")];
    let puts = all.clone().map(IdentityChange::Put).to_vec();
    scene.append(Change::Identities(puts)).await.unwrap();
    scene.store.close();
    drop(scene.store);
    let store = T::open(scene.directory.path());
    assert_eq!(identities(&store).await, by_key(all));
}

async fn contents_are_kept_as_they_were_sealed<T: Subject>() {
    let scene = scene::<T>().await;
    let change = Change::Queue(QUEUE, (0..4).map(sent).collect());
    let append = Append { sealed: vec![seal(0), seal(2)], ..Append::new(NOW, change) };
    scene.store.append(scene.acquired.epoch, append).await.unwrap();
    let kept = scene.store.contents((100..104).map(BodyId).collect()).await.unwrap();
    for number in [0, 2] {
        let expected = content(&number.to_string());
        assert_eq!(opened(100 + number, kept[number as usize].as_ref()), *expected);
    }
    assert_eq!([&kept[1], &kept[3]], [&plain("1"), &plain("3")]);
    let change = Change::Seal(vec![seal(1), seal(999)]);
    scene.append(change).await.unwrap();
    let kept = scene.store.contents(vec![BodyId(101), message(999).body]).await.unwrap();
    assert_eq!(opened(101, kept[0].as_ref()), *content("1"));
    assert_eq!(kept[1], None, "what is gone does not come back");
}

async fn a_closed_store_rejects_appends<T: Subject>() {
    let scene = scene::<T>().await;
    scene.store.close();
    let outcome = scene.append(Change::Queue(QUEUE, vec![sent(0)])).await;
    assert!(matches!(outcome, Err(AppendError::Rejected(_))), "{outcome:?}");
}

async fn everything_acknowledged_survives_closing_and_opening<T: Subject>() {
    if !T::SURVIVES {
        return;
    }
    let scene = scene::<T>().await;
    let later = NOW + Duration::from_secs(30);
    let queue = entry(QUEUE.0, "q");
    scene.catalog(CatalogRecord::Created(queue.clone())).await;
    scene.records(vec![sent(0), sent(1), sent(2), received(0, 1, later), deleted(2)]).await;
    scene.append(Change::Setting("color", b"blue".to_vec())).await.unwrap();
    let before = scene.store.restore(QUEUE, NOW, 10).await.unwrap();
    let epoch = scene.acquired.epoch;
    scene.store.close();
    drop(scene.store);
    let store = T::open(scene.directory.path());
    let acquired = store.acquire().await.unwrap();
    assert!(acquired.epoch > epoch);
    assert_eq!(acquired.catalog, [CatalogEntry::clone(&queue)]);
    assert_eq!(acquired.latest, NOW);
    assert!(acquired.next_body > BodyId(102), "nor is that of a deleted content");
    let after = store.restore(QUEUE, NOW, 10).await.unwrap();
    assert_eq!(
        (after.row, after.in_flight, after.first_page),
        (before.row, before.in_flight, before.first_page)
    );
    assert_eq!(store.setting("color").await, Ok(Some(b"blue".to_vec())));
    let contents = store.contents(vec![BodyId(100), BodyId(101), BodyId(102)]).await.unwrap();
    assert_eq!(contents, [plain("0"), plain("1"), None]);
}

#[tokio::test]
async fn sqlite_keeps_nothing_of_a_plain_content_that_was_sealed() {
    let scene = scene::<Sqlite>().await;
    let body = |number: u64| format!("the plain body {number} {}", "x".repeat(1000));
    let records = (0..200).map(|number| match sent(number) {
        Record::Sent { message, remembered, .. } => {
            Record::Sent { message, content: content(&body(number)), remembered }
        }
        other => other,
    });
    scene.records(records.collect()).await;
    let (mut from, mut found) = (BodyId(0), 0);
    loop {
        let (contents, next) = scene.store.plain_contents(from, BodyId(250)).await.unwrap();
        found += contents.len();
        let sealed = contents
            .iter()
            .map(|(body, content)| (*body, data_key().seal(*body, content, [9; 12])));
        scene.append(Change::Seal(sealed.collect())).await.unwrap();
        let Some(next) = next else { break };
        from = next;
    }
    assert_eq!(found, 150, "those below the limit");
    let (rest, _) = scene.store.plain_contents(BodyId(0), BodyId(250)).await.unwrap();
    assert_eq!(rest, [], "what is sealed is not found again");
    let kept = scene.store.contents(vec![BodyId(249), BodyId(250)]).await.unwrap();
    assert_eq!(opened(249, kept[0].as_ref()).body, body(149));
    assert_eq!(kept[1], Some(StoredContent::Plain(content(&body(150)))));
    scene.store.close();
    let copy = scene.directory.path().join("copy");
    backup(scene.directory.path(), &copy, |_| ()).unwrap();
    let held = |directory: &Path| {
        let database = std::fs::read(directory.join("formiga.db")).unwrap();
        let holds = |number: &u64| {
            let text = format!("the plain body {number} ");
            database.windows(text.len()).any(|part| part == text.as_bytes())
        };
        (0..200).filter(holds).collect::<Vec<u64>>()
    };
    // SQLite leaves what was on the first page of a table in it when it splits it. That was before
    // anything was sealed; a copy does not have it.
    let left = held(scene.directory.path());
    assert!(left.iter().all(|number| *number < 4 || *number >= 150), "{left:?}");
    assert_eq!(held(&copy), (150..200).collect::<Vec<u64>>());
}

#[tokio::test]
async fn sqlite_rejects_one_bad_append_of_a_group_and_commits_its_neighbors() {
    let scene = scene::<Sqlite>().await;
    scene.records(vec![sent(0)]).await;
    // The same message twice violates a key; its neighbors arrive while the first group syncs.
    let outcomes =
        [sent(1), sent(0), sent(2)].map(|record| scene.append(Change::Queue(QUEUE, vec![record])));
    let [first, twice, last] = outcomes;
    assert_eq!(first.await, Ok(()));
    assert!(matches!(twice.await, Err(AppendError::Rejected(_))));
    assert_eq!(last.await, Ok(()));
    assert_eq!(scene.all().await, [message(0), message(1), message(2)]);
    let row = scene.store.restore(QUEUE, NOW, 10).await.unwrap().row;
    assert_eq!(row.stored, 3, "the rejected append left no trace in the row");
}

#[tokio::test]
async fn sqlite_that_is_full_rejects_what_does_not_fit_and_keeps_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { pages_max: Some(200), ..SqliteOptions::default() };
    let store = SqliteStore::open(directory.path(), options).unwrap();
    let epoch = store.acquire().await.unwrap().epoch;
    let send = |number| {
        let record = Record::Sent {
            message: message(number),
            content: content(&"x".repeat(20_000)),
            remembered: None,
        };
        store.append(epoch, Append::new(NOW, Change::Queue(QUEUE, vec![record])))
    };
    let mut stored = 0;
    let full = loop {
        match send(stored).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1000, "the store has a limit");
    };
    assert!(matches!(full, AppendError::Rejected(_)), "{full:?}");
    assert_eq!(store.failure(), None);
    let page = store.page(QUEUE, Position::FIRST, 1000).await.unwrap();
    assert_eq!(page.messages.len() as u64, stored);
    // Deleting makes room, and the store goes on by itself.
    let delete = |number| {
        let change = Change::Queue(QUEUE, vec![deleted(number)]);
        store.append(epoch, Append::new(NOW, change))
    };
    delete(0).await.unwrap();
    delete(1).await.unwrap();
    send(stored).await.unwrap();
}

#[tokio::test]
async fn a_second_store_on_one_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let second = SqliteStore::open(directory.path(), SqliteOptions::default());
    let sentence = second.err().unwrap().to_string();
    assert!(sentence.ends_with("is in use by another Formiga server"), "{sentence}");
}

#[tokio::test]
async fn a_closed_store_leaves_its_directory_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let closed = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    closed.close();
    assert!(SqliteStore::open(directory.path(), SqliteOptions::default()).is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("formiga.db");
    let garbage = b"this is not a database, but it is long enough to be looked at".repeat(100);
    std::fs::write(&path, &garbage).unwrap();
    let refused = SqliteStore::open(directory.path(), SqliteOptions::default());
    let sentence = refused.err().unwrap().to_string();
    assert!(sentence.contains("formiga.db"), "{sentence}");
    assert_eq!(std::fs::read(&path).unwrap(), garbage);
}
