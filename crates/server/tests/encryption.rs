//! Encryption at rest: what lies in the data directory, and under which keys it opens.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
}

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::{CatalogEntry, CatalogRecord};
use formiga_engine::message::{MessageAttributes, MessageContent, md5};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{BodyId, Position, Record, Sequence, StoredMessage};
use formiga_engine::time::Timestamp;
use formiga_server::Server;
use formiga_server::clock::{Clock, SystemClock};
use formiga_server::config::Config;
use formiga_store::{Append, Change, Epoch, SqliteOptions, SqliteStore, Store};
use serde_json::{Value, json};

use common::http::{Connection, eventually};
use common::scene::{Scene, messages};

/// Whether a file in the directory, or below it, holds these bytes.
fn holds(directory: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        fs::read(&path).unwrap_or_default().windows(bytes.len()).any(|part| part == bytes)
    })
}

fn formiga(arguments: &[&str], directories: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_formiga"));
    command.args(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORMIGA_")) {
        command.env_remove(name);
    }
    for (flag, path) in directories {
        command.arg(flag).arg(path);
    }
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

fn write_key(path: &Path, byte: u8) -> PathBuf {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.unwrap(), STANDARD.encode([byte; 32]).as_bytes()).unwrap();
    path.to_owned()
}

async fn refusal(config: &Config) -> String {
    Server::start(config).await.err().expect("it does not start").to_string()
}

async fn receive_all(config: &Config) -> Vec<String> {
    let server = Server::start(config).await.unwrap();
    let mut connection = Connection::open(server.address()).await;
    let mut bodies = Vec::new();
    loop {
        let input =
            json!({ "QueueUrl": "q", "MaxNumberOfMessages": 10, "VisibilityTimeout": 3600 });
        let received = messages(&connection.call("AmazonSQS.ReceiveMessage", &input).await.ok());
        if received.is_empty() {
            break;
        }
        bodies.extend(received.into_iter().map(|message| message.body));
    }
    drop(connection);
    server.stop().await;
    bodies.sort();
    bodies
}

const BODY: &str = "known-body-of-a-message";
const VALUE: &str = "known-value-of-an-attribute";
const DEDUPLICATION_ID: &str = "known-deduplication-id";

async fn send_known(scene: &Scene, url: &str, extra: Value) {
    let mut input = json!({
        "QueueUrl": url,
        "MessageBody": BODY,
        "MessageAttributes": {
            "known-name-of-an-attribute": { "DataType": "String", "StringValue": VALUE },
        },
    });
    input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    scene.call("SendMessage", input).await.ok();
}

#[tokio::test]
async fn the_data_directory_holds_nothing_of_what_messages_carry() {
    let scene = Scene::durable().await;
    let dead_arn = "arn:aws:sqs:us-east-1:000000000000:dead";
    scene.create_queue("dead", json!({})).await;
    let redrive = json!({ "deadLetterTargetArn": dead_arn, "maxReceiveCount": 1 }).to_string();
    let jobs = scene.create_queue("jobs", json!({ "RedrivePolicy": redrive })).await;
    let fifo = scene.create_queue("f.fifo", json!({ "FifoQueue": "true" })).await;
    for url in [&scene.url, &jobs] {
        send_known(&scene, url, json!({})).await;
    }
    let ids =
        json!({ "MessageGroupId": "known-group-id", "MessageDeduplicationId": DEDUPLICATION_ID });
    send_known(&scene, &fifo, ids).await;
    // The second receive makes it a dead letter, whose content moves as it is.
    for _ in 0..2 {
        let input = json!({ "QueueUrl": jobs, "VisibilityTimeout": 0 });
        scene.call("ReceiveMessage", input).await.ok();
    }
    let dead = json!({ "QueueUrl": scene.url.replace("/q", "/dead"), "WaitTimeSeconds": 5 });
    let received = messages(&scene.call("ReceiveMessage", dead).await.ok());
    assert_eq!(received[0].body, BODY);

    // Where nothing is to be encrypted, what is looked for is found.
    let off = json!({ "SqsManagedSseEnabled": "false" });
    let plain = scene.create_queue("plain", off).await;
    let input = json!({ "QueueUrl": plain, "MessageBody": "a-body-in-the-clear" });
    scene.call("SendMessage", input).await.ok();

    let (server, config, directory) = scene.into_parts();
    let directory = directory.unwrap();
    let body_md5 = md5(BODY.as_bytes());
    let hex: String = body_md5.iter().map(|byte| format!("{byte:02x}")).collect();
    let texts = [
        BODY,
        VALUE,
        "known-name-of-an-attribute",
        "known-group-id",
        DEDUPLICATION_ID,
        hex.as_str(),
    ];
    let known = || texts.iter().map(|text| text.as_bytes()).chain([&body_md5[..]]);
    let copy = directory.path().join("copy");
    let copied = formiga(&["backup"], &[("--data-dir", &config.data_dir), ("--to", &copy)]);
    assert!(copied.status.success(), "{}", told(&copied));
    let look = |place: &Path| {
        assert!(holds(place, b"a-body-in-the-clear"), "{} is read", place.display());
        for bytes in known() {
            let text = String::from_utf8_lossy(bytes);
            assert!(!holds(place, bytes), "{text:?} is in {}", place.display());
        }
    };
    look(&config.data_dir);
    look(&copy);
    server.stop().await;
    look(&config.data_dir);
}

#[tokio::test]
async fn a_wrong_or_missing_key_does_not_start_and_harms_nothing() {
    let scene = Scene::durable().await;
    scene.send("hello").await;
    let (server, mut config, directory) = scene.into_parts();
    let directory = directory.unwrap();
    server.stop().await;
    let database = fs::read(config.data_dir.join("formiga.db")).unwrap();

    config.master_key_file = Some(write_key(&directory.path().join("other"), 7));
    let sentence = refusal(&config).await;
    assert!(sentence.contains("sealed under the master key"), "{sentence}");
    config.master_key_file = Some(directory.path().join("nowhere"));
    let sentence = refusal(&config).await;
    assert!(sentence.contains("nowhere"), "{sentence}");
    assert!(!directory.path().join("nowhere").exists(), "no other key is made");
    config.master_key_file = None;
    fs::rename(config.data_dir.join("master-key"), directory.path().join("away")).unwrap();
    let sentence = refusal(&config).await;
    assert!(sentence.contains("--master-key-file"), "{sentence}");

    assert_eq!(fs::read(config.data_dir.join("formiga.db")).unwrap(), database);
    config.master_key_file = Some(directory.path().join("away"));
    assert_eq!(receive_all(&config).await, ["hello"]);
}

#[tokio::test]
async fn another_master_key_takes_over() {
    let scene = Scene::configured(|config| {
        let key = config.data_dir.with_file_name("old");
        config.master_key_file = Some(write_key(&key, 1));
    });
    let scene = scene.await;
    scene.send("before").await;
    let (server, mut config, directory) = scene.into_parts();
    let directory = directory.unwrap();
    server.stop().await;

    let old = config.master_key_file.replace(write_key(&directory.path().join("new"), 2));
    config.older_master_key_file.extend(old.clone());
    let server = Server::start(&config).await.unwrap();
    let mut connection = Connection::open(server.address()).await;
    let input = json!({ "QueueUrl": "q", "MessageBody": "after" });
    connection.call("AmazonSQS.SendMessage", &input).await.ok();
    server.stop().await;

    config.older_master_key_file.clear();
    assert_eq!(receive_all(&config).await, ["after", "before"], "the old key is not needed");
    config.master_key_file = old;
    let sentence = refusal(&config).await;
    assert!(sentence.contains("sealed under the master key"), "{sentence}");
}

#[tokio::test]
async fn a_backup_is_restored_with_the_key_that_was_kept_apart() {
    let scene = Scene::configured(|config| {
        let key = config.data_dir.with_file_name("key");
        config.master_key_file = Some(write_key(&key, 1));
    });
    let scene = scene.await;
    scene.send("hello").await;
    let (server, mut config, directory) = scene.into_parts();
    let directory = directory.unwrap();
    let copy = directory.path().join("copy");
    let copied = formiga(&["backup"], &[("--data-dir", &config.data_dir), ("--to", &copy)]);
    assert!(told(&copied).contains("cannot be used without it"), "{}", told(&copied));
    server.stop().await;
    config.data_dir = copy;
    let key = config.master_key_file.take();
    assert!(refusal(&config).await.contains("--master-key-file"));
    config.master_key_file = key;
    assert_eq!(receive_all(&config).await, ["hello"]);
}

#[tokio::test]
async fn a_check_reads_what_is_sealed_if_it_has_the_key() {
    let scene = Scene::durable().await;
    scene.send("hello").await;
    let (server, config, directory) = scene.into_parts();
    let directory = directory.unwrap();
    server.stop().await;
    let data = [("--data-dir", config.data_dir.as_path())];
    let checked = formiga(&["check", "--json"], &data);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&report["sound"], &report["sealed"]), (&json!(true), &json!(0)));

    // A byte of the content is another one; SQLite does not notice.
    let path = config.data_dir.join("formiga.db");
    let database = fs::read(&path).unwrap();
    let changed = change_sealed_content(&database);
    fs::write(&path, &changed).unwrap();
    let checked = formiga(&["check"], &data);
    assert_eq!(checked.status.code(), Some(1), "{}", told(&checked));
    assert!(told(&checked).contains("sealed message content is damaged"), "{}", told(&checked));

    fs::write(&path, &database).unwrap();
    let away = directory.path().join("away");
    fs::rename(config.data_dir.join("master-key"), &away).unwrap();
    let checked = formiga(&["check"], &data);
    let sentence = "the contents of 1 message are sealed under keys that are not at hand";
    assert!(checked.status.success() && told(&checked).contains(sentence), "{}", told(&checked));
    let named = formiga(&["check"], &[data[0], ("--master-key-file", &away)]);
    assert!(named.status.success() && !told(&named).contains("sealed"), "{}", told(&named));
    let other = write_key(&directory.path().join("other"), 9);
    let wrong = formiga(&["check"], &[data[0], ("--master-key-file", &other)]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(told(&wrong).contains("which was not given"), "{}", told(&wrong));
}

/// Changes the last byte of the one sealed content: version 3, a derived key, store key 1.
fn change_sealed_content(database: &[u8]) -> Vec<u8> {
    let start = [3, 1, 0, 0, 0, 1];
    let places: Vec<usize> =
        (0..database.len() - 6).filter(|place| database[*place..*place + 6] == start).collect();
    assert_eq!(places.len(), 1, "one content is sealed");
    let mut changed = database.to_vec();
    changed[places[0] + 40] ^= 1;
    changed
}

/// A data directory as versions without encryption left it.
async fn write_plain(data_dir: &Path, bodies: u64) {
    let store = SqliteStore::open(data_dir, SqliteOptions::default()).unwrap();
    let epoch = store.acquire().await.unwrap().epoch;
    let now = Timestamp::from_millis(1_700_000_000_000);
    let entry = Arc::new(CatalogEntry {
        id: QueueId(1),
        key: QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("us-east-1").unwrap(),
            name: QueueName::parse("q").unwrap(),
        },
        attributes: QueueAttributes {
            message_retention_period: std::time::Duration::from_secs(1_209_600),
            ..QueueAttributes::default()
        },
        tags: Default::default(),
        created_at: now,
        modified_at: now,
        generation: QueueId(1),
        kept_from: Timestamp::EPOCH,
        purged_at: None,
    });
    append(&store, epoch, Change::Catalog(CatalogRecord::Created(entry))).await;
    let sent_at = SystemClock::new(std::time::Duration::ZERO, None).now();
    let record = |number: u64| {
        let body = format!("plain-body-{number:05}-{}", "x".repeat(600));
        let message = StoredMessage {
            position: Position { available_at: sent_at, sequence: Sequence(number) },
            sent_at,
            body: BodyId(number + 1),
            size: u32::try_from(body.len()).unwrap(),
            group: None,
            moved: None,
            receives: None,
        };
        let content = Arc::new(MessageContent {
            message_id: md5(&number.to_be_bytes()),
            body_md5: md5(body.as_bytes()),
            body,
            attributes: MessageAttributes::default(),
            trace_header: None,
            group_id: None,
            deduplication_id: None,
            sender_id: "000000000000".to_owned(),
        });
        Record::Sent { message, content, remembered: None }
    };
    append(&store, epoch, Change::Queue(QueueId(1), (0..bodies).map(record).collect())).await;
    store.close();
}

async fn append(store: &SqliteStore, epoch: Epoch, change: Change) {
    let at = Timestamp::from_millis(1_700_000_000_000);
    store.append(epoch, Append::new(at, change)).await.unwrap();
}

#[tokio::test]
async fn what_is_sealed_takes_the_place_of_what_was_plain() {
    let directory = tempfile::tempdir().unwrap();
    write_plain(directory.path(), 3).await;
    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let epoch = store.acquire().await.unwrap().epoch;
    // Larger than the plain one, so it is written beside that.
    append(&store, epoch, Change::Seal(vec![(BodyId(2), vec![7; 1500])])).await;
    store.close();
    assert!(!holds(directory.path(), b"plain-body-00001"), "it is overwritten");
    assert!(holds(directory.path(), b"plain-body-00002"), "the others are as they were");
}

#[tokio::test]
async fn what_an_earlier_version_kept_plain_is_sealed_in_the_background() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::defaults();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir = directory.path().join("data");
    write_plain(&config.data_dir, 300).await;
    assert!(holds(&config.data_dir, b"plain-body-00299"));
    let server = Server::start(&config).await.unwrap();
    // Meanwhile it is served, and what comes is sealed at once.
    let mut connection = Connection::open(server.address()).await;
    let input = json!({ "QueueUrl": "q", "MessageBody": "plain-body-of-later" });
    connection.call("AmazonSQS.SendMessage", &input).await.ok();
    // A copy holds what counts, and nothing of what was there before.
    let copy = directory.path().join("copy");
    eventually("nothing plain is left", async || {
        formiga_store::backup(&config.data_dir, &copy, |_| ()).unwrap();
        let is_sealed = !holds(&copy, b"plain-body-");
        fs::remove_dir_all(&copy).unwrap();
        tokio::task::yield_now().await;
        is_sealed
    })
    .await;
    drop(connection);
    server.stop().await;
    let checked = formiga(&["check"], &[("--data-dir", &config.data_dir)]);
    assert!(told(&checked).contains("301 messages were read"), "{}", told(&checked));
    assert!(checked.status.success(), "{}", told(&checked));
    let bodies = receive_all(&config).await;
    assert_eq!(bodies.len(), 301);
    assert!(bodies[299].starts_with("plain-body-00299-xxx"));
}

#[tokio::test]
async fn a_queue_with_a_kms_key_of_a_server_without_a_kms_refuses_sends_and_loses_nothing() {
    let scene = Scene::durable().await;
    scene.send("before").await;
    let attributes = json!({ "KmsMasterKeyId": "alias/mine" });
    scene.on_queue("SetQueueAttributes", json!({ "Attributes": attributes })).await.ok();
    assert_eq!(scene.attributes().await["KmsMasterKeyId"], "alias/mine");
    let answer = scene.on_queue("SendMessage", json!({ "MessageBody": "after" })).await;
    assert_eq!(answer.status, 400);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("com.amazonaws.sqs#KmsNotFound"), "{text}");
    let received = scene.receive_one(30).await;
    assert_eq!(received.body, "before");
    scene.delete(&received.handle).await.ok();
    // The key that AWS manages in every account is there.
    let attributes = json!({ "KmsMasterKeyId": "alias/aws/sqs" });
    scene.on_queue("SetQueueAttributes", json!({ "Attributes": attributes })).await.ok();
    scene.send("after").await;
    assert_eq!(scene.receive_bodies().await, ["after"]);
}

#[tokio::test]
async fn a_repeated_send_is_recognized_across_a_restart() {
    let scene = Scene::durable().await;
    let url = scene.create_queue("f.fifo", json!({ "FifoQueue": "true" })).await;
    let send = json!({
        "MessageBody": "hello", "MessageGroupId": "g", "MessageDeduplicationId": DEDUPLICATION_ID,
    });
    let mut input = send.clone();
    input["QueueUrl"] = json!(url);
    let first = scene.call("SendMessage", input.clone()).await.ok();
    let scene = scene.restarted().await;
    input["QueueUrl"] = json!("f.fifo");
    let second = scene.call("SendMessage", input).await.ok();
    assert_eq!(first["MessageId"], second["MessageId"]);
}

#[tokio::test]
async fn a_key_file_stays_as_its_owner_made_it() {
    let scene = Scene::durable().await;
    let (server, config, directory) = scene.into_parts();
    let path = config.data_dir.join("master-key");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    server.stop().await;
    Server::start(&config).await.unwrap().stop().await;
    assert_eq!(fs::read(&path).unwrap(), before);
    drop(directory);
}
