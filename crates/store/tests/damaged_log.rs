//! A write-ahead log that a disk spoilt after it was synced: it is never silence that acknowledged
//! messages end in.

use std::fs;
use std::path::Path;

use formiga_engine::time::Timestamp;
use formiga_store::{
    Append, Change, Durability, OpenError, SqliteOptions, SqliteStore, Store, check,
};

const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

/// The directory of a server that was killed after five commits, each synced before the next.
async fn killed(directory: &Path) {
    let kept = directory.join("kept");
    let path = directory.join("data");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let epoch = store.acquire().await.unwrap().epoch;
    for name in NAMES {
        let change = Change::Setting(name, vec![7; 3000]);
        store.append(epoch, Append::new(Timestamp::EPOCH, change)).await.unwrap();
    }
    fs::create_dir(&kept).unwrap();
    for file in ["format", "formiga.db", "formiga.db-wal"] {
        fs::copy(path.join(file), kept.join(file)).unwrap();
    }
    store.close();
}

fn flip_a_bit_in_the_middle(log: &Path) {
    let mut bytes = fs::read(log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(log, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_log_is_refused_and_left_alone_until_it_is_told_to_go_on() {
    let directory = tempfile::tempdir().unwrap();
    killed(directory.path()).await;
    let path = directory.path().join("kept");
    let log = path.join("formiga.db-wal");
    flip_a_bit_in_the_middle(&log);
    let before = fs::read(&log).unwrap();

    let refused = SqliteStore::open(&path, SqliteOptions::default()).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::DamagedLog { .. }), "{refused}");
    assert!(refused.to_string().contains("formiga.db-wal was damaged on the disk"), "{refused}");
    let refused = check(&path, None, |_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::DamagedLog { .. }), "{refused}");
    assert_eq!(fs::read(&log).unwrap(), before);

    let options = SqliteOptions { durability: Durability::Os, ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    assert_eq!(store.setting("five").await.unwrap(), None, "behind the damage");
    store.close();
    SqliteStore::open(&path, SqliteOptions::default()).unwrap().close();
}

#[tokio::test]
async fn a_log_that_was_only_cut_off_is_read_as_far_as_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    killed(directory.path()).await;
    let path = directory.path().join("kept");
    let log = path.join("formiga.db-wal");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 100]).unwrap();
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    assert_eq!(store.setting("four").await.unwrap(), Some(vec![7; 3000]));
    assert_eq!(store.setting("five").await.unwrap(), None);
    store.close();
}
