//! The space of a SQLite store: it is given back, and the WAL stays short.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::{MessageAttributes, MessageContent, md5};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{BodyId, Position, Record, Sequence, StoredMessage};
use formiga_engine::time::Timestamp;
use formiga_store::{Append, Change, Epoch, SqliteOptions, SqliteStore, Store, Ticket};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const QUEUE: QueueId = QueueId(7);

struct Scene {
    directory: tempfile::TempDir,
    store: SqliteStore,
    epoch: Epoch,
}

async fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let epoch = store.acquire().await.unwrap().epoch;
    Scene { directory, store, epoch }
}

fn message(number: u64) -> StoredMessage {
    let position = Position { available_at: NOW, sequence: Sequence(number) };
    StoredMessage {
        position,
        sent_at: NOW,
        body: BodyId(1 + number),
        size: 5,
        group: None,
        moved: None,
        receives: None,
    }
}

fn sent(number: u64, body_bytes: usize) -> Record {
    let content = Arc::new(MessageContent {
        message_id: [0; 16],
        body: "x".repeat(body_bytes),
        body_md5: md5(b""),
        attributes: MessageAttributes::default(),
        trace_header: None,
        group_id: None,
        deduplication_id: None,
        sender_id: String::new(),
    });
    Record::Sent { message: message(number), content, remembered: None }
}

impl Scene {
    fn append(&self, change: Change) -> Ticket {
        self.store.append(self.epoch, Append::new(NOW, change))
    }

    fn file(&self, name: &str) -> u64 {
        std::fs::metadata(self.directory.path().join(name)).map_or(0, |file| file.len())
    }
}

fn entry(generation: QueueId) -> Arc<CatalogEntry> {
    Arc::new(CatalogEntry {
        id: QUEUE,
        generation,
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

const MEBIBYTE: u64 = 1 << 20;

#[tokio::test]
async fn a_purge_gives_the_space_back() {
    let scene = scene().await;
    scene.append(Change::Catalog(CatalogRecord::Created(entry(QUEUE)))).await.unwrap();
    for batch in 0..60 {
        let records = (0..100).map(|number| sent(100 * batch + number, 10_000)).collect();
        scene.append(Change::Queue(QUEUE, records)).await.unwrap();
    }
    let purged = CatalogRecord::Purged { entry: entry(QueueId(8)), old: QUEUE };
    scene.append(Change::Catalog(purged)).await.unwrap();
    while scene.file("formiga.db") > 20 * MEBIBYTE {
        tokio::task::yield_now().await;
    }
    scene.store.close();
    let reopened = SqliteStore::open(scene.directory.path(), SqliteOptions::default()).unwrap();
    let epoch = reopened.acquire().await.unwrap().epoch;
    let change = Change::Queue(QueueId(8), vec![sent(6000, 10)]);
    reopened.append(epoch, Append::new(NOW, change)).await.unwrap();
}

/// Appends follow each other without a pause, so that no checkpoint ever sees the end of the WAL.
#[tokio::test]
async fn the_wal_stays_short_under_load_without_a_pause() {
    let scene = scene().await;
    let (mut under_way, mut longest) = (std::collections::VecDeque::new(), 0);
    for batch in 0..120 {
        let records = (0..100).map(|number| sent(100 * batch + number, 20_000)).collect();
        under_way.push_back(scene.append(Change::Queue(QUEUE, records)));
        if under_way.len() == 4 {
            under_way.pop_front().unwrap().await.unwrap();
        }
        longest = longest.max(scene.file("formiga.db-wal"));
    }
    for ticket in under_way {
        ticket.await.unwrap();
    }
    assert!(longest > 0 && longest < 120 * MEBIBYTE, "{longest} bytes for 240 MB");
}

#[tokio::test]
async fn a_directory_whose_database_is_missing_is_refused() {
    let scene = scene().await;
    let path = scene.directory.path().to_owned();
    scene.store.close();
    let database = path.join("formiga.db");
    std::fs::rename(&database, path.join("elsewhere")).unwrap();
    let sentence = refusal(&path);
    assert!(sentence.contains("formiga.db") && sentence.contains("missing"), "{sentence}");
    assert!(!database.exists(), "nothing takes its place");
    std::fs::write(&database, b"").unwrap();
    let sentence = refusal(&path);
    assert!(sentence.contains("formiga.db"), "{sentence}");
    assert_eq!(std::fs::read(&database).unwrap(), b"", "an emptied database is left alone");
    std::fs::rename(path.join("elsewhere"), &database).unwrap();
    assert!(SqliteStore::open(&path, SqliteOptions::default()).is_ok());
}

fn refusal(path: &Path) -> String {
    SqliteStore::open(path, SqliteOptions::default()).err().expect("it is refused").to_string()
}

#[tokio::test]
async fn a_closed_store_leaves_no_wal() {
    for _ in 0..20 {
        let scene = scene().await;
        scene.append(Change::Queue(QUEUE, vec![sent(0, 10)])).await.unwrap();
        scene.store.page(QUEUE, Position::FIRST, 1).await.unwrap();
        scene.store.close();
        assert_eq!(scene.file("formiga.db-wal"), 0);
    }
}
