//! [`Sealer`]: encrypts what is sent before a queue's task sees it, and decrypts what was read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::message::MessageContent;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{BodyId, NewMessage};
use formiga_engine::time::Timestamp;
use formiga_store::{DataKey, DataKeyName, SealedContent, StoreKeys, StoredContent};
use formiga_wire::error::ErrorKind;

use crate::clock::Clock;
use crate::random::Random;

/// Seals and opens contents. What is sealed is decided when it is sent: by the attributes that the
/// queue has then.
pub(crate) struct Sealer {
    keys: StoreKeys,
    /// Whether contents are sealed where no KMS is asked for: what is kept in memory only need not be.
    at_rest: bool,
    random: Arc<Random>,
    clock: Arc<dyn Clock>,
    current: Mutex<HashMap<QueueId, Current>>,
}

/// The data key that a queue uses for now.
struct Current {
    key: Arc<DataKey>,
    until: Timestamp,
    /// How many contents it may seal yet.
    left: u32,
}

/// Random nonces are safe for this many contents under one key: NIST SP 800-38D allows 2^32.
const CONTENTS_OF_KEY_MAX: u32 = 1 << 30;

/// Of how many queues the current data key is remembered. Another one costs little.
const CURRENT_MAX: usize = 10_000;

/// Why a queue's KMS key could not be used, as its callers are told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct KmsRefusal {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

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
        random: Arc<Random>,
        clock: Arc<dyn Clock>,
    ) -> Sealer {
        Sealer { keys, at_rest, random, clock, current: Mutex::default() }
    }

    /// Seals the contents of messages that are sent to a queue, if it wants that.
    pub(crate) fn seal(
        &self,
        entry: &CatalogEntry,
        messages: &[NewMessage],
    ) -> Result<Vec<(BodyId, Vec<u8>)>, KmsRefusal> {
        let key = match sealed_by(&entry.attributes) {
            SealedBy::Nothing => return Ok(Vec::new()),
            SealedBy::Store if !self.at_rest => return Ok(Vec::new()),
            SealedBy::Store => self.current(entry),
            SealedBy::Kms(key) => return Err(no_kms(key)),
        };
        let seal =
            |new: &NewMessage| (new.body, key.seal(new.body, &new.content, self.random.bytes()));
        Ok(messages.iter().map(seal).collect())
    }

    /// The data key of the queue's current reuse period.
    fn current(&self, entry: &CatalogEntry) -> Arc<DataKey> {
        let now = self.clock.now();
        let mut current = self.current.lock().expect("no one panics with the lock");
        if let Some(current) = current.get_mut(&entry.id)
            && current.until > now
            && current.left > 0
        {
            current.left -= 1;
            return current.key.clone();
        }
        if current.len() >= CURRENT_MAX {
            current.retain(|_, current| current.until > now);
        }
        if current.len() >= CURRENT_MAX {
            current.clear();
        }
        let key = Arc::new(self.new_data_key());
        // A batch has at most ten messages.
        let left = CONTENTS_OF_KEY_MAX / 10;
        let until = now + entry.attributes.kms_data_key_reuse_period;
        current.insert(entry.id, Current { key: key.clone(), until, left });
        key
    }

    /// A data key that nobody else uses.
    pub(crate) fn new_data_key(&self) -> DataKey {
        self.keys.new_data_key(self.random.bytes())
    }

    /// Opens contents that were read. What is damaged is logged and missing, as in the store.
    pub(crate) fn open(
        &self,
        bodies: &[BodyId],
        stored: Vec<Option<StoredContent>>,
    ) -> Vec<Option<Arc<MessageContent>>> {
        let open = |(body, stored): (&BodyId, Option<StoredContent>)| match stored? {
            StoredContent::Plain(content) => Some(content),
            StoredContent::Sealed(sealed) => self.open_sealed(*body, &sealed),
        };
        bodies.iter().zip(stored).map(open).collect()
    }

    fn open_sealed(&self, body: BodyId, sealed: &SealedContent) -> Option<Arc<MessageContent>> {
        let DataKeyName::Derived { store_key, salt } = *sealed.key() else {
            tracing::error!(body = body.0, "a message cannot be delivered: a KMS has its key");
            return None;
        };
        let Some(key) = self.keys.data_key(store_key, salt) else {
            tracing::error!(body = body.0, store_key, "a message's store key is missing");
            return None;
        };
        match key.open(body, sealed) {
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
