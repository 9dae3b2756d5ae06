//! `check` finds what does not fit together, and `backup` copies what a store is using.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::{MessageAttributes, MessageContent, md5};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{BodyId, Position, Receives, Record, Sequence, StoredMessage};
use formiga_engine::time::Timestamp;
use formiga_store::{
    Append, BackupError, Change, CheckReport, OpenError, SqliteOptions, SqliteStore, Store, backup,
    check,
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

fn entry() -> Arc<CatalogEntry> {
    Arc::new(CatalogEntry {
        id: QUEUE,
        generation: QUEUE,
        key: QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("us-east-1").unwrap(),
            name: QueueName::parse("q").unwrap(),
        },
        attributes: QueueAttributes::default(),
        tags: BTreeMap::new(),
        created_at: NOW,
        modified_at: NOW,
        purged_at: None,
        kept_from: Timestamp::EPOCH,
    })
}

async fn append(store: &SqliteStore, change: Change) {
    let epoch = store.acquire().await.unwrap().epoch;
    store.append(epoch, Append::new(NOW, change)).await.unwrap();
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

fn checked(path: &Path) -> CheckReport {
    check(path, |_| ()).unwrap()
}

#[tokio::test]
async fn a_sound_directory_has_no_problems() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path()).await;
    assert!(matches!(check(directory.path(), |_| ()), Err(OpenError::InUse(_))));
    store.close();
    let report = checked(directory.path());
    assert_eq!(report, CheckReport { queues: 1, messages: 99, ..CheckReport::default() });
}

#[tokio::test]
async fn each_thing_that_does_not_fit_is_told() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await.close();
    let sound = std::fs::read(directory.path().join("formiga.db")).unwrap();
    for (damage, told) in [
        (
            "DELETE FROM content WHERE body = 6",
            "message 5 of generation 7: its content 6 is missing",
        ),
        ("DELETE FROM message WHERE sequence = 5", "its row counts 99 messages, but there are 98"),
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
        ("INSERT INTO leftover VALUES (7)", "its messages are about to be removed as left behind"),
        ("DELETE FROM setting WHERE name = 'next_queue'", "would be given out again"),
        ("INSERT INTO catalog SELECT 8, entry FROM catalog", "two queues have this name"),
    ] {
        let path = directory.path().join("formiga.db");
        std::fs::write(&path, &sound).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute(damage, ()).unwrap();
        drop(connection);
        let report = checked(directory.path());
        let found = report.problems.iter().any(|problem| problem.contains(told));
        assert!(found, "{damage}: {:?}", report.problems);
    }
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
    assert!(check(directory.path(), |_| ()).is_err());
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
