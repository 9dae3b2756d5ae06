//! `check` finds what does not fit together, and `backup` copies what a store is using.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use formiga_engine::attributes::{FifoAttributes, QueueAttributes};
use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::{MessageAttributes, MessageContent, md5};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{
    BodyId, MoveTask, MoveTaskStatus, Moved, OutboxEntry, Position, Receives, Record,
    RememberedSend, Sequence, StoredMessage,
};
use formiga_engine::time::Timestamp;
use formiga_store::{
    AccessKeyRecord, Append, BackupError, Change, CheckReport, EntityRecord, Identity,
    IdentityChange, OpenError, SqliteOptions, SqliteStore, Store, UserRecord, backup, check,
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const QUEUE: QueueId = QueueId(7);

fn message(number: u64, delay: Duration) -> StoredMessage {
    let position = Position { available_at: NOW + delay, sequence: Sequence(number) };
    StoredMessage {
        position,
        sent_at: NOW,
        body: BodyId(1 + number),
        size: 4,
        group: None,
        moved: None,
        receives: None,
    }
}

fn sent(number: u64, delay: Duration) -> Record {
    let body = format!("{number:04}");
    let content = Arc::new(MessageContent {
        message_id: [0; 16],
        body_md5: md5(body.as_bytes()),
        body,
        attributes: MessageAttributes::default(),
        trace_header: None,
        group_id: None,
        deduplication_id: None,
        sender_id: String::new(),
    });
    Record::Sent { message: message(number, delay), content, remembered: None }
}

/// The FIFO queue `jobs.fifo` and its dead-letter queue.
const JOBS: QueueId = QueueId(10);
const DEAD: QueueId = QueueId(11);

/// What is sent to `JOBS`: its bodies lie behind those of `QUEUE`.
fn job(number: u64) -> StoredMessage {
    StoredMessage { body: BodyId(1001 + number), ..message(number, Duration::ZERO) }
}

fn sent_job(number: u64) -> Record {
    let Record::Sent { content, .. } = sent(number, Duration::ZERO) else { unreachable!() };
    let until = NOW + Duration::from_secs(300);
    let (digest, sequence) = (u128::from(number), Sequence(number));
    let remembered = Some(RememberedSend { digest, until, message_id: [0; 16], sequence });
    Record::Sent { message: job(number), content, remembered }
}

fn leaving(number: u64, to: QueueId, message: StoredMessage) -> OutboxEntry {
    let moved = Arc::new(Moved::default());
    OutboxEntry { to, number, message, moved, as_new: false }
}

/// What `JOBS` sent to `DEAD`, there. The clock was set back meanwhile.
fn arrived(number: u64, message: &StoredMessage) -> StoredMessage {
    let available_at = Timestamp::from_millis(NOW.as_millis() - 1);
    let position = Position { available_at, sequence: Sequence(number) };
    StoredMessage { position, moved: Some(Arc::new(Moved::default())), ..message.clone() }
}

fn task(id: u8, status: MoveTaskStatus) -> Record {
    let (id, moved) = ([id; 16], u64::from(status == MoveTaskStatus::Running));
    let task =
        MoveTask { id, started_at: NOW, destination: None, rate: None, status, moved, to_move: 3 };
    Record::MoveTask(task)
}

fn entry() -> Arc<CatalogEntry> {
    queue(QUEUE, "q")
}

fn queue(id: QueueId, name: &str) -> Arc<CatalogEntry> {
    let fifo = name.ends_with(".fifo").then(FifoAttributes::default);
    Arc::new(CatalogEntry {
        id,
        generation: id,
        key: QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("us-east-1").unwrap(),
            name: QueueName::parse(name).unwrap(),
        },
        attributes: QueueAttributes { fifo, ..QueueAttributes::default() },
        tags: BTreeMap::new(),
        created_at: NOW,
        modified_at: NOW,
        purged_at: None,
        kept_from: Timestamp::EPOCH,
    })
}

async fn append(store: &SqliteStore, change: Change) {
    append_at(NOW, store, change).await;
}

async fn append_at(at: Timestamp, store: &SqliteStore, change: Change) {
    let epoch = store.acquire().await.unwrap().epoch;
    store.append(epoch, Append::new(at, change)).await.unwrap();
}

/// A store with one queue of 100 messages, some of them delayed, one received, one deleted.
async fn filled(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path, SqliteOptions::default()).unwrap();
    append(&store, Change::Catalog(CatalogRecord::Created(entry()))).await;
    let mut records: Vec<_> =
        (0..100).map(|number| sent(number, Duration::from_secs(number % 3))).collect();
    let receives = Receives {
        count: 1,
        first_at: NOW,
        last_at: NOW,
        visible_at: NOW + Duration::from_secs(9),
    };
    let position = message(0, Duration::ZERO).position;
    records.push(Record::Received { position, receives });
    records.push(Record::Deleted { message: message(3, Duration::ZERO) });
    append(&store, Change::Queue(QUEUE, records)).await;
    store
}

/// Two FIFO queues, between which messages move both ways.
async fn moving(path: &Path) {
    let store = SqliteStore::open(path, SqliteOptions::default()).unwrap();
    for entry in [queue(JOBS, "jobs.fifo"), queue(DEAD, "dead.fifo")] {
        append(&store, Change::Catalog(CatalogRecord::Created(entry))).await;
    }
    let mut records: Vec<_> = (0..10).map(sent_job).collect();
    let entries: Vec<_> = (0..4).map(|number| leaving(number, DEAD, job(3 + number))).collect();
    records.extend(entries.iter().cloned().map(Record::Left));
    append(&store, Change::Queue(JOBS, records)).await;
    // Of the four that left the first three arrived, and one of these was deleted since. Only
    // of the first does the source know. The last came back.
    let here: Vec<_> = (0..3).map(|number| arrived(number, &job(3 + number))).collect();
    let numbered = here.iter().zip(0..);
    let mut records: Vec<_> = numbered
        .map(|(message, number)| Record::Arrived { from: JOBS, number, message: message.clone() })
        .collect();
    records.push(Record::Deleted { message: here[1].clone() });
    append(&store, Change::Queue(DEAD, records)).await;
    let records =
        vec![Record::HandedOver(entries[0].clone()), Record::CameBack(entries[3].clone())];
    append(&store, Change::Queue(JOBS, records)).await;
    let records = vec![
        task(1, MoveTaskStatus::Completed),
        task(2, MoveTaskStatus::Cancelled),
        Record::Left(leaving(0, JOBS, here[0].clone())),
        task(3, MoveTaskStatus::Running),
    ];
    append(&store, Change::Queue(DEAD, records)).await;
    store.close();
}

fn checked(path: &Path) -> CheckReport {
    check(path, None, |_| ()).unwrap()
}

#[tokio::test]
async fn a_sound_directory_has_no_problems() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path()).await;
    assert!(matches!(check(directory.path(), None, |_| ()), Err(OpenError::InUse(_))));
    store.close();
    let report = checked(directory.path());
    assert_eq!(report, CheckReport { queues: 1, messages: 99, ..CheckReport::default() });
}

#[tokio::test]
async fn each_thing_that_does_not_fit_is_told() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await.close();
    each_is_told(
        directory.path(),
        &[
            (
                "DELETE FROM content WHERE body = 6",
                "message 5 of generation 7: its content 6 is missing",
            ),
            (
                "DELETE FROM message WHERE sequence = 5",
                "its row counts 99 messages, but there are 98",
            ),
            ("DELETE FROM message WHERE sequence = 5", "1 contents belong to no message"),
            (
                "DELETE FROM message WHERE sequence = 0",
                "message 0 of generation 7 was received, but is not stored",
            ),
            ("UPDATE content SET content = x'0102' WHERE body = 6", "a message content is damaged"),
            ("UPDATE message SET message = x'09' WHERE sequence = 5", "has layout version 9"),
            ("UPDATE receive SET receives = x'01'", "a receive is damaged"),
            ("DELETE FROM queue", "its row counts 0 messages, but there are 99"),
            (
                "UPDATE message SET available_at = available_at + 1000 WHERE sequence = 5",
                "are miscounted",
            ),
            ("DELETE FROM catalog", "there are messages of generation 7, which no queue has"),
            ("UPDATE catalog SET entry = x'02'", "a catalog entry is damaged"),
            (
                "INSERT INTO leftover VALUES (7)",
                "its messages are about to be removed as left behind",
            ),
            ("DELETE FROM setting WHERE name = 'next_queue'", "would be given out again"),
            ("INSERT INTO catalog SELECT 8, entry FROM catalog", "two queues have this name"),
            (
                "UPDATE setting SET value = x'00' WHERE name = 'latest'",
                "the setting latest has not 8 bytes",
            ),
        ],
    );
}

/// A user with a key, and a role.
async fn somebody(directory: &Path) {
    let store = SqliteStore::open(directory, SqliteOptions::default()).unwrap();
    let epoch = store.acquire().await.unwrap().epoch;
    let entity = |id: &str, name: &str| EntityRecord {
        account: AccountId::DEFAULT,
        unique_id: id.to_owned(),
        path: "/".to_owned(),
        name: name.to_owned(),
        created_at: NOW,
        tags: BTreeMap::new(),
        policies: BTreeMap::new(),
    };
    let identities = [
        Identity::User(UserRecord(entity("AIDA1", "alice"))),
        Identity::User(UserRecord(entity("AIDA2", "bob"))),
        Identity::AccessKey(AccessKeyRecord {
            id: "AKIA1".to_owned(),
            account: AccountId::DEFAULT,
            user: Some("AIDA1".to_owned()),
            is_active: true,
            created_at: NOW,
            sealed_secret: Vec::new(),
        }),
    ];
    let changes = identities.map(IdentityChange::Put).to_vec();
    store.append(epoch, Append::new(NOW, Change::Identities(changes))).await.unwrap();
}

#[tokio::test]
async fn each_user_and_key_that_does_not_fit_is_told() {
    let directory = tempfile::tempdir().unwrap();
    somebody(directory.path()).await;
    assert_eq!(checked(directory.path()), CheckReport::default());
    each_is_told(
        directory.path(),
        &[
            (
                "UPDATE identity SET identity = x'0107' WHERE key = 'key/AKIA1'",
                "key/AKIA1: a user, role or access key is damaged",
            ),
            (
                "UPDATE identity SET identity = x'09' WHERE key = 'key/AKIA1'",
                "has layout version 9",
            ),
            (
                "DELETE FROM identity WHERE key = 'user/AIDA1'",
                "key/AKIA1: it is of the user AIDA1, who does not exist",
            ),
            (
                "UPDATE identity SET key = 'user/AIDA3' WHERE key = 'user/AIDA2'",
                "user/AIDA3: what is stored there says that it is user/AIDA2",
            ),
            (
                "INSERT INTO identity SELECT 'user/AIDA3', identity FROM identity WHERE key = 'user/AIDA1'",
                "has two users called alice",
            ),
        ],
    );
}

#[tokio::test]
async fn a_directory_of_a_version_without_users_is_sound() {
    let directory = tempfile::tempdir().unwrap();
    somebody(directory.path()).await;
    let connection = rusqlite::Connection::open(directory.path().join("formiga.db")).unwrap();
    connection.execute_batch("DROP TABLE identity").unwrap();
    drop(connection);
    assert_eq!(checked(directory.path()), CheckReport::default());
}

#[tokio::test]
async fn a_backup_holds_who_there_is() {
    let directory = tempfile::tempdir().unwrap();
    somebody(directory.path()).await;
    let to = directory.path().join("copy");
    backup(directory.path(), &to, |_| {}).unwrap();
    let copy = SqliteStore::open(&to, SqliteOptions::default()).unwrap();
    assert_eq!(copy.identities().await.unwrap().len(), 3);
}

/// The damage is done to a copy of what lies in `directory`, and is to be told with these words.
fn each_is_told(directory: &Path, damages: &[(&str, &str)]) {
    let path = directory.join("formiga.db");
    let sound = std::fs::read(&path).unwrap();
    for (damage, told) in damages {
        std::fs::write(&path, &sound).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(damage).unwrap();
        drop(connection);
        let report = checked(directory);
        let found = report.problems.iter().any(|problem| problem.contains(told));
        assert!(found, "{damage}: {:?}", report.problems);
    }
}

#[tokio::test]
async fn what_moves_between_queues_is_sound() {
    let directory = tempfile::tempdir().unwrap();
    moving(directory.path()).await;
    let report = checked(directory.path());
    assert_eq!(report, CheckReport { queues: 2, messages: 8, ..CheckReport::default() });
}

#[tokio::test]
async fn each_move_that_does_not_fit_is_told() {
    let directory = tempfile::tempdir().unwrap();
    moving(directory.path()).await;
    each_is_told(
        directory.path(),
        &[
            (
                "UPDATE outbox SET entry = x'01' WHERE queue = 10",
                "entry 1 of the outbox of generation 10: a outbox entry is damaged",
            ),
            (
                "UPDATE outbox SET queue = 12 WHERE queue = 10",
                "entry 1 of the outbox of generation 12 is in no queue's outbox",
            ),
            (
                "UPDATE outbox SET number = 4 WHERE number = 2",
                "entry 4 of the outbox of generation 10: its number would be given out again",
            ),
            (
                "DELETE FROM queue WHERE queue = 10",
                "entry 1 of the outbox of generation 10: its message has a sequence that was \
                 never given out",
            ),
            (
                "DELETE FROM content WHERE body = 1004",
                "entry 0 of the outbox of generation 11: its content 1004 is missing",
            ),
            (
                "DELETE FROM arrived",
                "entry 1 of the outbox of generation 10: its content 1005 is missing",
            ),
            (
                "DELETE FROM arrived",
                "entry 2 of the outbox of generation 10: its content 1006 belongs to another \
                 message too",
            ),
            (
                "DELETE FROM outbox WHERE queue = 11",
                "1 contents belong to no message, the first is 1004",
            ),
            (
                "UPDATE arrived SET queue = 12",
                "messages arrived in generation 12, which no queue has",
            ),
            (
                "UPDATE arrived SET number = 4",
                "entry 4 of the outbox of generation 10 has arrived in generation 11, but was \
                 never made",
            ),
            (
                "UPDATE move_task SET queue = 12",
                "there are message move tasks of generation 12, which no queue has",
            ),
            (
                "DELETE FROM move_task WHERE place = 1",
                "a message move task of generation 11 is missing",
            ),
            (
                "UPDATE move_task SET task = x'01' WHERE place = 1",
                "message move task 1 of generation 11: a message move task is damaged",
            ),
            (
                "UPDATE move_task SET running = 0",
                "message move task 2 of generation 11: it is kept as running though it ended, \
                 or the other way round",
            ),
            (
                "UPDATE move_task SET place = 3 WHERE place = 2;
                 UPDATE move_task SET place = 2 WHERE place = 0;
                 UPDATE move_task SET place = 0 WHERE place = 3",
                "message move task 0 of generation 11: it is running, though it is not the latest",
            ),
            (
                // How many were moved lies before how many there were.
                "UPDATE move_task SET task = CAST(substr(task, 1, length(task) - 16) ||
                     x'0000000000000004' || substr(task, -8) AS BLOB) WHERE place = 2",
                "message move task 2 of generation 11: it has moved more messages than there were",
            ),
        ],
    );
}

#[tokio::test]
async fn each_message_of_a_fifo_queue_in_a_wrong_place_is_told() {
    let directory = tempfile::tempdir().unwrap();
    moving(directory.path()).await;
    each_is_told(
        directory.path(),
        &[
            (
                "UPDATE message SET available_at = available_at - 1 WHERE sequence = 8",
                "message 0 of generation 10: it lies behind a message that was accepted later",
            ),
            (
                "UPDATE message SET available_at = available_at + 1 WHERE sequence = 9",
                "message 9 of generation 10: it lies behind the latest place of its queue",
            ),
            (
                // The first sequence lies before the last place and the next move.
                "UPDATE queue SET row = CAST(substr(row, 1, length(row) - 24) ||
                     x'0000000000000001' || substr(row, -16) AS BLOB) WHERE queue = 10",
                "message 0 of generation 10: it is stored, though the queue was purged since",
            ),
            (
                // The body lies behind the version and the time of the sending.
                "UPDATE message SET message = CAST(substr(message, 1, 9) || x'00000000000003E9' ||
                     substr(message, 18) AS BLOB) WHERE queue = 10 AND sequence = 9",
                "message 9 of generation 10: its content 1001 belongs to another message too",
            ),
            (
                "UPDATE remembered_send SET queue = 12",
                "the send that generation 12 remembers until 1700000300000 is of no queue",
            ),
            (
                "UPDATE remembered_send SET digest = x'00' WHERE digest = zeroblob(16)",
                "the send that generation 10 remembers until 1700000300000 has a digest that is \
                 not one",
            ),
            (
                "UPDATE remembered_send SET send = x'01'",
                "the send that generation 10 remembers until 1700000300000: a remembered send is \
                 damaged",
            ),
            (
                "UPDATE remembered_send SET send = CAST(substr(send, 1, 17) || x'000000000000000A'
                     AS BLOB) WHERE digest = zeroblob(16)",
                "the send that generation 10 remembers until 1700000300000 has a sequence that \
                 was never given out",
            ),
        ],
    );
}

/// What is still to be removed is no problem, and what is wrong with it is told.
#[tokio::test]
async fn what_a_queue_left_behind_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    moving(directory.path()).await;
    let path = directory.path().join("formiga.db");
    let leave = "DELETE FROM catalog WHERE queue = 10; DELETE FROM queue WHERE queue = 10;
                 DELETE FROM outbox WHERE queue = 10; INSERT INTO leftover VALUES (10);
                 DELETE FROM content WHERE body = 1001";
    rusqlite::Connection::open(&path).unwrap().execute_batch(leave).unwrap();
    let report = checked(directory.path());
    let sound = CheckReport { queues: 1, messages: 1, left_behind: 7, ..CheckReport::default() };
    assert_eq!(report, sound);
    each_is_told(
        directory.path(),
        &[
            (
                "UPDATE message SET message = x'09' WHERE queue = 10 AND sequence = 9",
                "message 9 of generation 10: a message has layout version 9",
            ),
            (
                // With the content of a message that stays.
                "UPDATE message SET message = CAST(substr(message, 1, 9) || x'00000000000003EE' ||
                     substr(message, 18) AS BLOB) WHERE queue = 10 AND sequence = 9",
                "its content 1006 belongs to another message too",
            ),
            (
                "UPDATE remembered_send SET send = x'01'",
                "the send that generation 10 remembers until 1700000300000: a remembered send is \
                 damaged",
            ),
            (
                "INSERT INTO leftover VALUES (12)",
                "generation 12, which is about to be removed, would be given out again",
            ),
        ],
    );
}

/// A delay that was over when a later message was sent is counted no more, also when that message
/// is gone; and a message that left and came back is not counted again.
#[tokio::test]
async fn delays_that_are_over_need_not_be_counted() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    append(&store, Change::Catalog(CatalogRecord::Created(entry()))).await;
    let second = Duration::from_secs(1);
    let came_back = leaving(0, DEAD, message(0, second));
    let records = vec![
        sent(0, second),
        sent(1, second),
        Record::Left(came_back.clone()),
        Record::CameBack(came_back),
    ];
    append_at(NOW + second, &store, Change::Queue(QUEUE, records)).await;
    store.close();
    let sound = CheckReport { queues: 1, messages: 2, ..CheckReport::default() };
    assert_eq!(checked(directory.path()), sound);

    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let Record::Sent { message, content, remembered } = sent(2, Duration::ZERO) else {
        unreachable!()
    };
    let later = NOW + Duration::from_secs(10);
    let position = Position { available_at: later, ..message.position };
    let message = StoredMessage { position, sent_at: later, ..message };
    let sent = Record::Sent { message: message.clone(), content, remembered };
    let records = vec![sent, Record::Deleted { message }];
    append_at(later, &store, Change::Queue(QUEUE, records)).await;
    store.close();
    assert_eq!(checked(directory.path()), sound);
}

#[tokio::test]
async fn a_flipped_byte_of_a_body_is_found() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await.close();
    let path = directory.path().join("formiga.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // Wherever it is: a page may hold remains of what was moved to another one.
    let found: Vec<usize> =
        (0..bytes.len() - 4).filter(|&at| &bytes[at..at + 4] == b"0042").collect();
    found.iter().for_each(|&at| bytes[at] ^= 1);
    std::fs::write(&path, bytes).unwrap();
    let report = checked(directory.path());
    assert!(report.problems[0].contains("does not have the MD5"), "{:?}", report.problems);
}

#[tokio::test]
async fn what_is_no_data_directory_is_not_checked_and_not_made_one() {
    let directory = tempfile::tempdir().unwrap();
    assert!(check(directory.path(), None, |_| ()).is_err());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_backup_of_a_store_in_use_is_a_data_directory_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (data, copy) = (directory.path().join("data"), directory.path().join("copy"));
    let store = filled(&data).await;
    let done = backup(&data, &copy, |_| ()).unwrap();
    assert!(done.written > 0 && done.written <= done.all);
    // What comes later is not in the copy, and the store goes on.
    append(&store, Change::Queue(QUEUE, vec![sent(100, Duration::ZERO)])).await;
    assert_eq!(checked(&copy), CheckReport { queues: 1, messages: 99, ..CheckReport::default() });
    let restored = SqliteStore::open(&copy, SqliteOptions::default()).unwrap();
    let page = restored.page(QUEUE, Position::FIRST, 1000).await.unwrap();
    assert_eq!(page.messages.len(), 99);
    restored.close();
    let database = std::fs::read(copy.join("formiga.db")).unwrap();
    assert_eq!(database[18..20], [2, 2], "it writes ahead, like any other");
    let again = backup(&data, &copy, |_| ());
    assert!(matches!(again, Err(BackupError::Exists(_))), "{again:?}");
    store.close();
    let other = directory.path().join("other");
    backup(&data, &other, |_| ()).unwrap();
    assert_eq!(checked(&other).messages, 100);
}

#[tokio::test]
async fn a_backup_of_nothing_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    assert!(backup(&directory.path().join("missing"), &copy, |_| ()).is_err());
    assert!(!copy.exists());
}
