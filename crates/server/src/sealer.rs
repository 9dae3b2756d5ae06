//! [`Sealer`]: encrypts what is sent before a queue's task sees it, and decrypts what was read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::message::MessageContent;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{BodyId, NewMessage};
use formiga_engine::time::Timestamp;
use formiga_store::{DataKey, DataKeyName, SealedContent, StoreKeys, StoredContent};
use formiga_wire::error::ErrorKind;

use crate::clock::Clock;
use crate::kms::{Kms, KmsRefusal};
use crate::random::Random;

/// Seals and opens contents. What is sealed is decided when it is sent: by the attributes that the
/// queue has then.
///
/// Whatever has to wait for a KMS is done by the handlers of requests, never by a queue's task.
pub(crate) struct Sealer {
    keys: StoreKeys,
    /// Whether contents are sealed where no KMS is asked for: what is kept in memory only need not be.
    at_rest: bool,
    kms: Option<Arc<dyn Kms>>,
    random: Arc<Random>,
    clock: Arc<dyn Clock>,
    current: Mutex<HashMap<QueueId, Current>>,
    /// Data keys that the KMS decrypted or refused to, and until when that holds.
    decrypted: Mutex<HashMap<Arc<[u8]>, Decrypted>>,
    /// Who asks the KMS for a queue's data key: others that need the same one wait.
    asking: Mutex<HashMap<QueueId, Arc<tokio::sync::Mutex<()>>>>,
}

/// A data key that a KMS has to do with, or why there is none.
type KmsKey = Result<Arc<DataKey>, KmsRefusal>;

/// What a KMS answered about a data key, and until when that holds.
type Decrypted = (KmsKey, Timestamp);

/// The data key that a queue uses for now.
struct Current {
    /// The KMS key that encrypts it.
    kms_key: Option<String>,
    /// Or why there is none: it is not asked for again at once.
    key: KmsKey,
    until: Timestamp,
    /// For how many sends it may be used yet.
    left: u32,
}

/// How long a KMS that refused is not asked again.
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// How many data keys that a KMS decrypted are remembered.
const DECRYPTED_MAX: usize = 10_000;

/// Random nonces are safe for this many contents under one key: NIST SP 800-38D allows 2^32.
const CONTENTS_OF_KEY_MAX: u32 = 1 << 30;

/// Of how many queues the current data key is remembered. Another one costs little.
const CURRENT_MAX: usize = 10_000;

/// The key that AWS manages for SQS in every account; here it is the server's own.
const MANAGED_KEY: &str = "alias/aws/sqs";

/// What seals the contents of a queue.
enum SealedBy<'a> {
    Nothing,
    Store,
    Kms(&'a str),
}

fn sealed_by(attributes: &QueueAttributes) -> SealedBy<'_> {
    match attributes.kms_master_key_id.as_deref() {
        Some(key) if key == MANAGED_KEY || key.ends_with(":alias/aws/sqs") => SealedBy::Store,
        Some(key) => SealedBy::Kms(key),
        None if attributes.sqs_managed_sse_enabled => SealedBy::Store,
        None => SealedBy::Nothing,
    }
}

impl Sealer {
    pub(crate) fn new(
        keys: StoreKeys,
        at_rest: bool,
        kms: Option<Arc<dyn Kms>>,
        random: Arc<Random>,
        clock: Arc<dyn Clock>,
    ) -> Sealer {
        Sealer {
            keys,
            at_rest,
            kms,
            random,
            clock,
            current: Mutex::default(),
            decrypted: Mutex::default(),
            asking: Mutex::default(),
        }
    }

    /// Seals the contents of messages that are sent to a queue, if it wants that.
    pub(crate) async fn seal(
        &self,
        entry: &CatalogEntry,
        messages: &[NewMessage],
    ) -> Result<Vec<(BodyId, Vec<u8>)>, KmsRefusal> {
        let key = match sealed_by(&entry.attributes) {
            SealedBy::Nothing => return Ok(Vec::new()),
            SealedBy::Store if !self.at_rest => return Ok(Vec::new()),
            SealedBy::Store => self.of_store(entry),
            SealedBy::Kms(key) => self.of_kms(entry, key).await?,
        };
        let seal =
            |new: &NewMessage| (new.body, key.seal(new.body, &new.content, self.random.bytes()));
        Ok(messages.iter().map(seal).collect())
    }

    /// Whether messages of the queue may be received: its KMS key has to be usable, whatever is at
    /// hand already. Asked before anything is received, so that nothing is in flight in vain.
    pub(crate) async fn allow_receive(&self, entry: &CatalogEntry) -> Result<(), KmsRefusal> {
        match (sealed_by(&entry.attributes), &self.kms) {
            // Without any KMS nothing was ever sealed by one.
            (SealedBy::Kms(key), Some(_)) => self.of_kms(entry, key).await.map(drop),
            _ => Ok(()),
        }
    }

    /// The data key of the queue's current reuse period.
    fn of_store(&self, entry: &CatalogEntry) -> Arc<DataKey> {
        if let Some(Ok(key)) = self.current(entry, None) {
            return key;
        }
        let key = Arc::new(self.new_data_key());
        let period = entry.attributes.kms_data_key_reuse_period;
        self.set_current(entry, None, Ok(key.clone()), period);
        key
    }

    async fn of_kms(&self, entry: &CatalogEntry, name: &str) -> KmsKey {
        let Some(kms) = &self.kms else { return Err(no_kms(name)) };
        if let Some(key) = self.current(entry, Some(name)) {
            return key;
        }
        let turn = self.turn(entry);
        let _turn = turn.lock().await;
        if let Some(key) = self.current(entry, Some(name)) {
            return key; // Somebody else has asked meanwhile.
        }
        let period = entry.attributes.kms_data_key_reuse_period;
        match kms.generate(name.to_owned()).await {
            Ok((plain, wrapped)) => {
                let key = Arc::new(DataKey::wrapped(&plain, wrapped.clone()));
                self.set_known(wrapped, Ok(key.clone()), period);
                self.set_current(entry, Some(name), Ok(key.clone()), period);
                Ok(key)
            }
            Err(refusal) => {
                self.set_current(entry, Some(name), Err(refusal.clone()), REFUSED_FOR);
                Err(refusal)
            }
        }
    }

    fn current(&self, entry: &CatalogEntry, kms_key: Option<&str>) -> Option<KmsKey> {
        let now = self.clock.now();
        let mut current = self.current.lock().expect("no one panics with the lock");
        let current = current.get_mut(&entry.id)?;
        let is_usable = current.kms_key.as_deref() == kms_key && current.until > now;
        if !is_usable || current.left == 0 {
            return None;
        }
        current.left -= 1;
        Some(current.key.clone())
    }

    fn set_current(
        &self,
        entry: &CatalogEntry,
        kms_key: Option<&str>,
        key: KmsKey,
        period: Duration,
    ) {
        let now = self.clock.now();
        let mut current = self.current.lock().expect("no one panics with the lock");
        if current.len() >= CURRENT_MAX {
            current.retain(|_, current| current.until > now);
        }
        if current.len() >= CURRENT_MAX {
            current.clear();
        }
        // A batch has at most ten messages.
        let left = CONTENTS_OF_KEY_MAX / 10;
        let kms_key = kms_key.map(str::to_owned);
        current.insert(entry.id, Current { kms_key, key, until: now + period, left });
    }

    /// What the KMS answered about a data key, if that is not too long ago.
    fn known(&self, wrapped: &[u8]) -> Option<KmsKey> {
        let now = self.clock.now();
        let decrypted = self.decrypted.lock().expect("no one panics with the lock");
        decrypted.get(wrapped).filter(|(_, until)| *until > now).map(|(key, _)| key.clone())
    }

    fn set_known(&self, wrapped: Arc<[u8]>, key: KmsKey, period: Duration) {
        let now = self.clock.now();
        let mut decrypted = self.decrypted.lock().expect("no one panics with the lock");
        if decrypted.len() >= DECRYPTED_MAX {
            decrypted.retain(|_, (_, until)| *until > now);
        }
        if decrypted.len() >= DECRYPTED_MAX {
            decrypted.clear();
        }
        decrypted.insert(wrapped, (key, now + period));
    }

    /// Held by who asks the KMS for a queue.
    fn turn(&self, entry: &CatalogEntry) -> Arc<tokio::sync::Mutex<()>> {
        let mut asking = self.asking.lock().expect("no one panics with the lock");
        asking.retain(|_, turn| Arc::strong_count(turn) > 1);
        asking.entry(entry.id).or_default().clone()
    }

    /// A data key that nobody else uses.
    pub(crate) fn new_data_key(&self) -> DataKey {
        self.keys.new_data_key(self.random.bytes())
    }

    /// Opens contents that were read. What is damaged is logged and missing, as in the store; what the
    /// KMS does not decrypt now is still there.
    pub(crate) async fn open(
        &self,
        entry: &CatalogEntry,
        bodies: &[BodyId],
        stored: &[Option<StoredContent>],
    ) -> Vec<Result<Option<Arc<MessageContent>>, KmsRefusal>> {
        let mut keys = HashMap::new();
        for stored in stored.iter().flatten() {
            if let StoredContent::Sealed(sealed) = stored
                && let DataKeyName::Wrapped(wrapped) = sealed.key()
                && !keys.contains_key(wrapped)
            {
                keys.insert(wrapped.clone(), self.decrypt(entry, wrapped).await);
            }
        }
        let known = |wrapped: &[u8]| keys.get(wrapped).and_then(|key| key.clone().ok());
        let opened = self.open_with(bodies, stored, known);
        let refusal = |stored: &Option<StoredContent>| match stored {
            Some(StoredContent::Sealed(sealed)) => match sealed.key() {
                DataKeyName::Wrapped(wrapped) => keys.get(wrapped)?.clone().err(),
                DataKeyName::Derived { .. } => None,
            },
            _ => None,
        };
        let pairs = opened.into_iter().zip(stored);
        pairs.map(|(opened, stored)| refusal(stored).map_or(Ok(opened), Err)).collect()
    }

    /// The data key of a message, decrypted by the KMS. Who needs one of the same queue waits, so
    /// that it is asked once, and not again at once if it refuses.
    async fn decrypt(&self, entry: &CatalogEntry, wrapped: &Arc<[u8]>) -> KmsKey {
        if let Some(key) = self.known(wrapped) {
            return key;
        }
        let Some(kms) = &self.kms else { return Err(no_kms("of a message")) };
        let turn = self.turn(entry);
        let _turn = turn.lock().await;
        if let Some(key) = self.known(wrapped) {
            return key; // Somebody else has asked meanwhile.
        }
        let decrypted = kms.decrypt(wrapped.clone()).await;
        let key = decrypted.map(|plain| Arc::new(DataKey::wrapped(&plain, wrapped.clone())));
        let period = match key {
            Ok(_) => entry.attributes.kms_data_key_reuse_period,
            Err(_) => REFUSED_FOR,
        };
        self.set_known(wrapped.clone(), key.clone(), period);
        key
    }

    /// Opens what needs no KMS, or no more.
    pub(crate) fn open_now(
        &self,
        bodies: &[BodyId],
        stored: &[Option<StoredContent>],
    ) -> Vec<Option<Arc<MessageContent>>> {
        self.open_with(bodies, stored, |wrapped| self.known(wrapped)?.ok())
    }

    fn open_with(
        &self,
        bodies: &[BodyId],
        stored: &[Option<StoredContent>],
        decrypted: impl Fn(&[u8]) -> Option<Arc<DataKey>>,
    ) -> Vec<Option<Arc<MessageContent>>> {
        let open = |(body, stored): (&BodyId, &Option<StoredContent>)| match stored.as_ref()? {
            StoredContent::Plain(content) => Some(content.clone()),
            StoredContent::Sealed(sealed) => self.open_sealed(*body, sealed, &decrypted),
        };
        bodies.iter().zip(stored).map(open).collect()
    }

    fn open_sealed(
        &self,
        body: BodyId,
        sealed: &SealedContent,
        decrypted: impl Fn(&[u8]) -> Option<Arc<DataKey>>,
    ) -> Option<Arc<MessageContent>> {
        let opened = match sealed.key() {
            DataKeyName::Wrapped(wrapped) => decrypted(wrapped)?.open(body, sealed),
            DataKeyName::Derived { store_key, salt } => {
                let Some(key) = self.keys.data_key(*store_key, *salt) else {
                    tracing::error!(body = body.0, store_key, "a message's store key is missing");
                    return None;
                };
                key.open(body, sealed)
            }
        };
        match opened {
            Ok(content) => Some(Arc::new(content)),
            Err(error) => {
                tracing::error!(body = body.0, %error, "a message cannot be delivered");
                None
            }
        }
    }
}

/// Without a KMS no key of one exists.
fn no_kms(key: &str) -> KmsRefusal {
    KmsRefusal {
        kind: ErrorKind::KmsNotFound,
        message: format!("The KMS key {key} does not exist: this server has no KMS endpoint."),
    }
}

#[cfg(test)]
#[path = "sealer_tests.rs"]
pub(crate) mod tests;
