use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use formiga_engine::message::MessageAttributes;
use formiga_engine::names::{AccountId, QueueKey, QueueName, Region};
use formiga_engine::queue::{Position, Record, Sequence, StoredMessage};
use formiga_store::{Append, Change, MasterKey, MasterKeys, MemoryStore, Store};
use zeroize::Zeroizing;

use super::*;
use crate::clock::SystemClock;
use crate::kms::{Answer, NewDataKey, PlainDataKey};

/// A sealer whose keys everybody knows.
pub(crate) fn sealer(clock: Arc<dyn Clock>) -> Sealer {
    let master = MasterKeys::new(MasterKey::new(Zeroizing::new([1; 32])), Vec::new());
    let keys = StoreKeys::first(Zeroizing::new([2; 32]), &master, [3; 12]);
    Sealer::new(keys, true, None, Arc::new(Random::new()), clock)
}

struct Scene {
    clock: Arc<SystemClock>,
    sealer: Sealer,
    entry: CatalogEntry,
}

fn scene() -> Scene {
    let clock = Arc::new(SystemClock::new(Duration::ZERO, None));
    let entry = CatalogEntry {
        id: QueueId(7),
        key: QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("us-east-1").unwrap(),
            name: QueueName::parse("q").unwrap(),
        },
        attributes: QueueAttributes::default(),
        tags: Default::default(),
        created_at: Timestamp::EPOCH,
        modified_at: Timestamp::EPOCH,
        generation: QueueId(7),
        kept_from: Timestamp::EPOCH,
        purged_at: None,
    };
    Scene { sealer: sealer(clock.clone()), clock, entry }
}

fn message(body: u64) -> NewMessage {
    let content = MessageContent {
        message_id: [0; 16],
        body: "a body".to_owned(),
        body_md5: [0; 16],
        attributes: MessageAttributes::default(),
        trace_header: None,
        group_id: None,
        deduplication_id: None,
        sender_id: String::new(),
    };
    NewMessage { content: Arc::new(content), body: BodyId(body), delay: None }
}

/// Where the name of the key and the nonce are.
fn parts(sealed: &[u8]) -> (&[u8], &[u8]) {
    (&sealed[1..22], &sealed[22..34])
}

impl Scene {
    async fn seal(&self) -> Vec<u8> {
        self.try_seal().await.unwrap().remove(0).1
    }

    async fn try_seal(&self) -> Result<Vec<(BodyId, Vec<u8>)>, KmsRefusal> {
        self.sealer.seal(&self.entry, &[message(5)]).await
    }

    fn use_key(&mut self, key: &str) {
        self.entry.attributes.sqs_managed_sse_enabled = false;
        self.entry.attributes.kms_master_key_id = Some(key.to_owned());
    }
}

/// A KMS that has every key, until it refuses.
#[derive(Default)]
pub(crate) struct FakeKms {
    asked: AtomicUsize,
    pub(crate) refuses: AtomicBool,
}

impl FakeKms {
    fn answer<T>(&self, answer: T) -> Result<T, KmsRefusal> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let message = "it is disabled".to_owned();
        match self.refuses.load(Ordering::Relaxed) {
            true => Err(KmsRefusal { kind: ErrorKind::KmsDisabled, message }),
            false => Ok(answer),
        }
    }
}

impl Kms for FakeKms {
    fn generate(&self, key: String) -> Answer<NewDataKey> {
        let number = self.asked.load(Ordering::Relaxed);
        let wrapped = format!("{key} {number}").into_bytes();
        let answer = self.answer((plain_key(&wrapped), wrapped.into()));
        Box::pin(async {
            tokio::task::yield_now().await;
            answer
        })
    }

    fn decrypt(&self, wrapped: Arc<[u8]>) -> Answer<PlainDataKey> {
        let answer = self.answer(plain_key(&wrapped));
        Box::pin(async {
            tokio::task::yield_now().await;
            answer
        })
    }
}

fn plain_key(wrapped: &[u8]) -> PlainDataKey {
    let mut key = Zeroizing::new([0; 32]);
    key[..wrapped.len()].copy_from_slice(wrapped);
    key
}

fn scene_with_kms() -> (Scene, Arc<FakeKms>) {
    let mut scene = scene();
    let kms = Arc::new(FakeKms::default());
    scene.sealer.kms = Some(kms.clone());
    scene.use_key("alias/mine");
    (scene, kms)
}

/// What the store would read.
async fn stored(sealed: Vec<u8>) -> Vec<Option<StoredContent>> {
    let store = MemoryStore::new();
    let epoch = store.acquire().await.unwrap().epoch;
    let position = Position { available_at: Timestamp::EPOCH, sequence: Sequence(0) };
    let message = StoredMessage {
        position,
        sent_at: Timestamp::EPOCH,
        body: BodyId(5),
        size: 6,
        group: None,
        moved: None,
        receives: None,
    };
    let record = Record::Sent { message, content: self::message(5).content, remembered: None };
    let change = Change::Queue(QueueId(7), vec![record]);
    let append =
        Append { sealed: vec![(BodyId(5), sealed)], ..Append::new(Timestamp::EPOCH, change) };
    store.append(epoch, append).await.unwrap();
    store.contents(vec![BodyId(5)]).await.unwrap()
}

#[tokio::test]
async fn a_queue_has_a_data_key_of_its_own_for_each_reuse_period() {
    let mut scene = scene();
    let first = scene.seal().await;
    scene.clock.advance(Duration::from_secs(299));
    let second = scene.seal().await;
    assert_eq!(parts(&first).0, parts(&second).0);
    assert_ne!(parts(&first).1, parts(&second).1, "no nonce is used twice");
    scene.clock.advance(Duration::from_secs(1));
    let third = scene.seal().await;
    assert_ne!(parts(&third).0, parts(&first).0);
    scene.entry.id = QueueId(8);
    assert_ne!(parts(&scene.seal().await).0, parts(&third).0);
}

#[tokio::test]
async fn a_queue_without_encryption_keeps_its_contents_as_they_are() {
    let mut scene = scene();
    scene.entry.attributes.sqs_managed_sse_enabled = false;
    assert_eq!(scene.try_seal().await, Ok(Vec::new()));
}

#[tokio::test]
async fn the_key_that_aws_manages_is_the_servers_own_and_others_do_not_exist_without_a_kms() {
    let mut scene = scene();
    scene.use_key("alias/aws/sqs");
    assert_eq!(scene.try_seal().await.unwrap().len(), 1);
    scene.use_key("alias/mine");
    let refusal = scene.try_seal().await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::KmsNotFound);
    assert!(refusal.message.contains("alias/mine"));
}

#[tokio::test]
async fn the_number_of_remembered_data_keys_is_bounded() {
    let mut scene = scene();
    for queue in 0..2 * CURRENT_MAX as u64 {
        scene.entry.id = QueueId(queue);
        scene.seal().await;
    }
    assert!(scene.sealer.current.lock().unwrap().len() <= CURRENT_MAX);
}

#[tokio::test]
async fn a_kms_is_asked_once_in_a_reuse_period_and_for_each_key() {
    let (mut scene, kms) = scene_with_kms();
    let asked = || kms.asked.load(Ordering::Relaxed);
    let (first, second) = tokio::join!(scene.seal(), scene.seal());
    assert_ne!(first, second);
    scene.sealer.allow_receive(&scene.entry).await.unwrap();
    assert_eq!(asked(), 1, "who needs the same key waits for it");
    scene.clock.advance(Duration::from_secs(300));
    scene.seal().await;
    assert_eq!(asked(), 2);
    scene.use_key("alias/other");
    scene.seal().await;
    assert_eq!(asked(), 3, "another key is not replaced by the one before");
    scene.entry.attributes.kms_master_key_id = None;
    scene.entry.attributes.sqs_managed_sse_enabled = true;
    scene.seal().await;
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn a_kms_that_refuses_is_told_and_asked_again_after_a_second() {
    let (scene, kms) = scene_with_kms();
    kms.refuses.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(scene.try_seal().await.unwrap_err().kind, ErrorKind::KmsDisabled);
        let refused = scene.sealer.allow_receive(&scene.entry).await;
        assert_eq!(refused.unwrap_err().kind, ErrorKind::KmsDisabled);
    }
    assert_eq!(kms.asked.load(Ordering::Relaxed), 1);
    kms.refuses.store(false, Ordering::Relaxed);
    scene.clock.advance(Duration::from_secs(1));
    assert!(scene.try_seal().await.is_ok());
}

#[tokio::test]
async fn what_a_kms_has_the_key_of_opens_only_while_it_decrypts() {
    let (scene, kms) = scene_with_kms();
    let sealed = stored(scene.seal().await).await;
    let (bodies, expected) = ([BodyId(5)], Some(message(5).content));
    let open = async || scene.sealer.open(&scene.entry, &bodies, &sealed).await.remove(0);
    assert_eq!(open().await, Ok(expected.clone()), "the key that sealed is at hand");
    scene.clock.advance(Duration::from_secs(300));
    assert_eq!(scene.sealer.open_now(&bodies, &sealed), [None]);
    kms.refuses.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(open().await.unwrap_err().kind, ErrorKind::KmsDisabled);
    }
    kms.refuses.store(false, Ordering::Relaxed);
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(open().await, Ok(expected.clone()));
    assert_eq!(scene.sealer.open_now(&bodies, &sealed)[0], expected);
    let asked = kms.asked.load(Ordering::Relaxed);
    assert_eq!(asked, 3, "it is decrypted once in a period, and refused once in a second");
}

#[tokio::test]
async fn who_needs_the_same_data_key_decrypted_waits_for_it() {
    let (scene, kms) = scene_with_kms();
    let sealed = stored(scene.seal().await).await;
    scene.clock.advance(Duration::from_secs(300));
    let bodies = [BodyId(5)];
    let open = || scene.sealer.open(&scene.entry, &bodies, &sealed);
    let (first, second) = tokio::join!(open(), open());
    assert!(first[0].is_ok() && first == second);
    assert_eq!(kms.asked.load(Ordering::Relaxed), 2, "one to seal, one to open");
}

#[tokio::test]
async fn what_needs_no_kms_opens_beside_what_it_refuses() {
    let (mut scene, kms) = scene_with_kms();
    let refused = stored(scene.seal().await).await.remove(0);
    scene.use_key("alias/aws/sqs");
    let own = stored(scene.seal().await).await.remove(0);
    scene.clock.advance(Duration::from_secs(300));
    kms.refuses.store(true, Ordering::Relaxed);
    let stored = [refused, own, None];
    let opened = scene.sealer.open(&scene.entry, &[BodyId(5); 3], &stored).await;
    assert_eq!(opened[0].clone().unwrap_err().kind, ErrorKind::KmsDisabled);
    assert_eq!(opened[1], Ok(Some(message(5).content)));
    assert_eq!(opened[2], Ok(None), "it was deleted meanwhile");
}
