//! The keys of the contents: loaded, made at the first start, sealed anew when the master key
//! changes; and the contents that earlier versions kept plain, which are sealed in the background.

use std::sync::Arc;
use std::time::Duration;

use formiga_engine::message::MessageContent;
use formiga_engine::queue::BodyId;
use formiga_engine::time::Timestamp;
use formiga_store::{
    Append, AppendError, Change, Epoch, MasterKeys, ReadError, STORE_KEYS, Store, StoreKeys,
    UnsealError,
};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::identities::reseal;
use crate::master_key::replace_check;
use crate::random::Random;
use crate::sealer::Sealer;

/// Why the keys of the contents cannot be used, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum StoreKeysError {
    /// They do not open.
    #[error("the keys of the messages cannot be used: {0}")]
    Unseal(#[from] UnsealError),
    /// They cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// They cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// The setting that tells below which body contents may be plain that should not be.
const PLAIN_UNTIL: &str = "plain_until";

/// Who writes to the store when it starts.
pub(crate) struct Owner<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) epoch: Epoch,
    pub(crate) now: Timestamp,
    pub(crate) random: &'a Random,
}

impl Owner<'_> {
    async fn set(&self, name: &'static str, value: Vec<u8>) -> Result<(), AppendError> {
        let append = Append::new(self.now, Change::Setting(name, value));
        self.store.append(self.epoch, append).await
    }
}

/// The keys of the store. Of a store without any, contents below `next_body` are plain.
pub(crate) async fn load(
    owner: &Owner<'_>,
    master: &MasterKeys,
    next_body: BodyId,
) -> Result<StoreKeys, StoreKeysError> {
    let Owner { random, .. } = owner;
    let secret = || Zeroizing::new(random.bytes());
    let Some(kept) = owner.store.setting(STORE_KEYS).await? else {
        let keys = StoreKeys::first(secret(), master, random.bytes());
        owner.set(PLAIN_UNTIL, next_body.0.to_be_bytes().to_vec()).await?;
        owner.set(STORE_KEYS, keys.encode()).await?;
        return Ok(keys);
    };
    let mut keys = StoreKeys::decode(&kept, master)?;
    if keys.rotate(secret(), master, || random.bytes())? {
        owner.set(STORE_KEYS, keys.encode()).await?;
    }
    Ok(keys)
}

/// Seals anew what else an older master key sealed, the secrets of access keys, and notes that
/// nothing is left that only an older one opens.
pub(crate) async fn finish_rotation(
    owner: &Owner<'_>,
    master: &MasterKeys,
) -> Result<(), StoreKeysError> {
    let Owner { store, epoch, now, random } = owner;
    if master.all().count() == 1 {
        return Ok(());
    }
    let changes = reseal(store.identities().await?, master, random)?;
    if !changes.is_empty() {
        store.append(*epoch, Append::new(*now, Change::Identities(changes))).await?;
    }
    replace_check(*store, *epoch, *now, master, random).await?;
    let id = master.current().id();
    tracing::info!(%id, "everything is sealed under the current master key; older ones may go");
    Ok(())
}

/// Between two slices others write.
const REST: Duration = Duration::from_millis(10);

/// While there is little space, sealing waits.
const REST_WHEN_FULL: Duration = Duration::from_secs(10);

/// Seals what earlier versions kept plain, a little at a time, and goes on where it was when the
/// server stopped.
pub(crate) async fn seal_plain_contents(
    store: Arc<dyn Store>,
    epoch: Epoch,
    clock: Arc<dyn Clock>,
    sealer: Arc<Sealer>,
    random: Arc<Random>,
    mut stopping: watch::Receiver<bool>,
) {
    let seal = async {
        let until = store.setting(PLAIN_UNTIL).await?;
        let until = until.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        let (mut from, mut sealed) = (BodyId(0), 0);
        while from.0 < until {
            if store.full().is_some() {
                clock.sleep_until(clock.now() + REST_WHEN_FULL).await;
                continue;
            }
            let (plain, next) = store.plain_contents(from, BodyId(until)).await?;
            if !plain.is_empty() {
                sealed += plain.len();
                let key = sealer.new_data_key();
                let seal = |(body, content): &(BodyId, Arc<MessageContent>)| {
                    (*body, key.seal(*body, content, random.bytes()))
                };
                let change = Change::Seal(plain.iter().map(seal).collect());
                store.append(epoch, Append::new(clock.now(), change)).await?;
                clock.sleep_until(clock.now() + REST).await;
            }
            from = next.unwrap_or(BodyId(until));
        }
        if until > 0 {
            let change = Change::Setting(PLAIN_UNTIL, 0_u64.to_be_bytes().to_vec());
            store.append(epoch, Append::new(clock.now(), change)).await?;
            tracing::info!(sealed, "the messages of an earlier version are sealed");
        }
        Ok::<(), StoreKeysError>(())
    };
    tokio::select! {
        sealed = seal => if let Err(error) = sealed {
            tracing::warn!(%error, "messages of an earlier version stay plain until the next start");
        },
        Ok(()) = stopping.changed() => {}
    }
}
