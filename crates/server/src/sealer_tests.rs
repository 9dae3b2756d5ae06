use std::time::Duration;

use formiga_engine::message::MessageAttributes;
use formiga_engine::names::{AccountId, QueueKey, QueueName, Region};
use formiga_store::{MasterKey, MasterKeys};
use zeroize::Zeroizing;

use super::*;
use crate::clock::SystemClock;

/// A sealer whose keys everybody knows.
pub(crate) fn sealer(clock: Arc<dyn Clock>) -> Sealer {
    let master = MasterKeys::new(MasterKey::new(Zeroizing::new([1; 32])), Vec::new());
    let keys = StoreKeys::first(Zeroizing::new([2; 32]), &master, [3; 12]);
    Sealer::new(keys, true, Arc::new(Random::new()), clock)
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
    fn seal(&self) -> Vec<u8> {
        self.sealer.seal(&self.entry, &[message(5)]).unwrap().remove(0).1
    }
}

#[test]
fn a_queue_has_a_data_key_of_its_own_for_each_reuse_period() {
    let mut scene = scene();
    let first = scene.seal();
    scene.clock.advance(Duration::from_secs(299));
    let second = scene.seal();
    assert_eq!(parts(&first).0, parts(&second).0);
    assert_ne!(parts(&first).1, parts(&second).1, "no nonce is used twice");
    scene.clock.advance(Duration::from_secs(1));
    let third = scene.seal();
    assert_ne!(parts(&third).0, parts(&first).0);
    scene.entry.id = QueueId(8);
    assert_ne!(parts(&scene.seal()).0, parts(&third).0);
}

#[test]
fn a_queue_without_encryption_keeps_its_contents_as_they_are() {
    let mut scene = scene();
    scene.entry.attributes.sqs_managed_sse_enabled = false;
    assert_eq!(scene.sealer.seal(&scene.entry, &[message(5)]), Ok(Vec::new()));
}

#[test]
fn the_key_that_aws_manages_is_the_servers_own_and_others_do_not_exist_without_a_kms() {
    let mut scene = scene();
    scene.entry.attributes.sqs_managed_sse_enabled = false;
    scene.entry.attributes.kms_master_key_id = Some("alias/aws/sqs".to_owned());
    assert_eq!(scene.sealer.seal(&scene.entry, &[message(5)]).unwrap().len(), 1);
    scene.entry.attributes.kms_master_key_id = Some("alias/mine".to_owned());
    let refusal = scene.sealer.seal(&scene.entry, &[message(5)]).unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::KmsNotFound);
    assert!(refusal.message.contains("alias/mine"));
}

#[test]
fn the_number_of_remembered_data_keys_is_bounded() {
    let mut scene = scene();
    for queue in 0..2 * CURRENT_MAX as u64 {
        scene.entry.id = QueueId(queue);
        scene.seal();
    }
    assert!(scene.sealer.current.lock().unwrap().len() <= CURRENT_MAX);
}
