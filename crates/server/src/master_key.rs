//! Where the master key comes from, and whether it is that of the data.
//!
//! The key is in a file that only its owner may read, in the environment, or with the data, encrypted by
//! a KMS. The store keeps a check value sealed under it, so that another key is noticed before anything is read or written with it.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use formiga_engine::time::Timestamp;
use formiga_store::{
    Append, AppendError, Change, Epoch, MasterKey, MasterKeyId, MasterKeys, ReadError, Store,
    UnsealError, sealed_under,
};
use zeroize::Zeroizing;

use crate::config::{AuthMode, Config, MasterKeyTexts, StoreKind};
use crate::kms::{Kms, KmsRefusal};
use crate::private_file::{Unread, read_private, write_private};
use crate::random::Random;

/// Why there is no master key to work with, in one sentence without any secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MasterKeyError(String);

/// The setting that shows under which key the data are sealed.
const CHECK: &str = "master_key_check";
const CHECK_PURPOSE: &str = "check";
const CHECK_TEXT: &[u8] = b"this is the key";

/// Reads the master keys, and makes the first one for data that have none. Data that are sealed
/// under another key are refused and left as they are.
pub(crate) async fn load(
    config: &Config,
    store: &dyn Store,
    kms: Option<&dyn Kms>,
    random: &Random,
) -> Result<MasterKeys, MasterKeyError> {
    let read = store.setting(CHECK).await;
    let check = read.map_err(|ReadError(why)| MasterKeyError(why))?;
    let expected =
        check.as_deref().map(sealed_under).transpose().map_err(|e| damaged(config, e))?;
    let older = older(config)?;
    let (current, place) = match (&config.master_key_kms, kms) {
        (Some(name), Some(kms)) => {
            let is_at_hand = expected.is_none_or(|key| older.iter().any(|older| older.id() == key));
            of_kms(&config.data_dir.join(KMS_FILE), name, kms, is_at_hand).await?
        }
        _ => current(config, expected, random)?,
    };
    let keys = MasterKeys::new(current, older);
    let Some(check) = check else { return Ok(keys) };
    match keys.open(CHECK_PURPOSE, b"", &check) {
        Ok(_) => Ok(keys),
        Err(UnsealError::UnknownKey(expected)) => Err(MasterKeyError(format!(
            "the data in {data} are sealed under the master key {expected}, but {place} holds {given}; give the key \
             {expected}, or name its file with --older-master-key-file if {given} is to take its place",
            data = config.data_dir.display(),
            given = keys.current().id(),
        ))),
        Err(error) => Err(damaged(config, error)),
    }
}

/// The key by which to read a data directory that no server uses, if it is at hand.
pub(crate) fn to_read(
    data_dir: &Path,
    file: Option<&Path>,
    texts: &MasterKeyTexts,
) -> Result<Option<MasterKeys>, MasterKeyError> {
    let alone = |key| Some(MasterKeys::new(key, Vec::new()));
    if let Some(text) = &texts.current {
        return parse(text, "FORMIGA_MASTER_KEY").map(alone);
    }
    let known = [data_dir.join(MASTER_KEY_FILE), beside(data_dir)?];
    let file = file.or_else(|| known.iter().map(PathBuf::as_path).find(|path| path.exists()));
    file.map_or(Ok(None), |path| read(path).map(alone))
}

/// Notes under which key data are sealed that had none. For data with an older one see
/// [`replace_check`].
pub(crate) async fn keep_check(
    store: &dyn Store,
    epoch: Epoch,
    at: Timestamp,
    keys: &MasterKeys,
    random: &Random,
) -> Result<(), AppendError> {
    match store.setting(CHECK).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => replace_check(store, epoch, at, keys, random).await,
        Err(error) => Err(AppendError::Rejected(error.to_string())),
    }
}

/// Notes that everything is sealed under the current key: from now on older ones are not needed.
pub(crate) async fn replace_check(
    store: &dyn Store,
    epoch: Epoch,
    at: Timestamp,
    keys: &MasterKeys,
    random: &Random,
) -> Result<(), AppendError> {
    let sealed = keys.seal(CHECK_PURPOSE, b"", CHECK_TEXT, random.bytes());
    store.append(epoch, Append::new(at, Change::Setting(CHECK, sealed))).await
}

fn damaged(config: &Config, error: UnsealError) -> MasterKeyError {
    let data = config.data_dir.display();
    MasterKeyError(format!("the check value of the master key in {data} cannot be used: {error}"))
}

/// The current key, and where it is.
fn current(
    config: &Config,
    expected: Option<MasterKeyId>,
    random: &Random,
) -> Result<(MasterKey, String), MasterKeyError> {
    if let Some(text) = &config.master_keys.current {
        let place = "FORMIGA_MASTER_KEY".to_owned();
        return Ok((parse(text, &place)?, place));
    }
    if config.store == StoreKind::Memory && config.master_key_file.is_none() {
        // What is gone with the process needs no key that outlives it.
        return Ok((MasterKey::new(Zeroizing::new(random.bytes())), "this process".to_owned()));
    }
    let path = file(config)?;
    let place = path.display().to_string();
    let key = match (read_private(&path), expected) {
        (Ok(text), _) => parse(&Zeroizing::new(text), &place)?,
        (Err(Unread::Missing), None) => make(&path, random)?,
        (Err(Unread::Missing), Some(expected)) => {
            return Err(MasterKeyError(format!(
                "the data in {data} are sealed under the master key {expected}, and there is no {place}; put that key \
                 there, or name it with --master-key-file or FORMIGA_MASTER_KEY",
                data = config.data_dir.display(),
            )));
        }
        (Err(Unread::Because(why)), _) => return Err(MasterKeyError(why)),
    };
    Ok((key, place))
}

/// The file with the master key as a KMS encrypted it, in the data directory.
const KMS_FILE: &str = "master-key.kms";

/// The current key, decrypted by the KMS; made with it if there is none, and if what the data are
/// sealed under so far, if anything, is at hand.
async fn of_kms(
    path: &Path,
    name: &str,
    kms: &dyn Kms,
    may_be_made: bool,
) -> Result<(MasterKey, String), MasterKeyError> {
    let place = path.display().to_string();
    let refused = |what: &str| {
        let start = format!("the master key cannot be {what} by the KMS");
        move |refusal: KmsRefusal| MasterKeyError(format!("{start}: {refusal}"))
    };
    match read_private(path) {
        Ok(text) => {
            let wrapped = STANDARD.decode(text.trim());
            let wrapped = wrapped.map_err(|_| MasterKeyError(format!("{place} is damaged")))?;
            let plain = kms.decrypt(wrapped.into()).await.map_err(refused("decrypted"))?;
            Ok((MasterKey::new(plain), place))
        }
        Err(Unread::Missing) if may_be_made => {
            let made = kms.generate(name.to_owned()).await.map_err(refused("made"))?;
            let (plain, wrapped) = made;
            let text = format!("{}\n", STANDARD.encode(&wrapped));
            write_private(path, &text).map_err(|error| {
                MasterKeyError(format!("the master key cannot be written to {place}: {error}"))
            })?;
            let key = MasterKey::new(plain);
            tracing::info!(path = %place, id = %key.id(), "a master key was made with the KMS, and is kept as it encrypted it");
            Ok((key, place))
        }
        Err(Unread::Missing) => Err(MasterKeyError(format!(
            "the data are sealed under a master key, and there is no {place}; put it back, or name the file of the key that \
             the KMS's is to replace with --older-master-key-file"
        ))),
        Err(Unread::Because(why)) => Err(MasterKeyError(why)),
    }
}

/// The name of the key's file where nobody is checked, in the data directory.
pub(crate) const MASTER_KEY_FILE: &str = "master-key";

/// Which file has the key. Where callers are checked it must not lie with the data: whoever gets the
/// one, by a backup or a stolen disk, is not to get the other as well.
fn file(config: &Config) -> Result<PathBuf, MasterKeyError> {
    let inside = config.data_dir.join(MASTER_KEY_FILE);
    let beside = beside(&config.data_dir)?;
    match (&config.master_key_file, config.auth) {
        (Some(path), AuthMode::Off) => Ok(path.clone()),
        (Some(path), AuthMode::Required) if is_inside(path, &config.data_dir) => {
            Err(MasterKeyError(format!(
                "the master key {} would lie in the data directory, where with --auth required it protects nothing; move it \
                 elsewhere, such as to {}",
                path.display(),
                beside.display()
            )))
        }
        (Some(path), AuthMode::Required) => Ok(path.clone()),
        (None, AuthMode::Off) if !inside.exists() && beside.exists() => Ok(beside),
        (None, AuthMode::Off) => Ok(inside),
        (None, AuthMode::Required) if inside.exists() => Err(MasterKeyError(format!(
            "the master key {} lies in the data directory, where with --auth required it protects nothing; move it to {}",
            inside.display(),
            beside.display()
        ))),
        (None, AuthMode::Required) => Ok(beside),
    }
}

/// `formiga-data.master-key` for `formiga-data`.
fn beside(data_dir: &Path) -> Result<PathBuf, MasterKeyError> {
    let unnamed = || {
        let data = data_dir.display();
        MasterKeyError(format!("say with --master-key-file where the master key of {data} is"))
    };
    let absolute = std::path::absolute(data_dir).map_err(|_| unnamed())?;
    let mut name = absolute.file_name().ok_or_else(unnamed)?.to_owned();
    name.push(".");
    name.push(MASTER_KEY_FILE);
    Ok(data_dir.components().as_path().with_file_name(name))
}

/// Also by way of symbolic links, and before the file is there.
fn is_inside(path: &Path, directory: &Path) -> bool {
    let real = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let known = absolute.ancestors().find_map(|known| {
            let rest = absolute.strip_prefix(known).expect("an ancestor is a prefix");
            Some(known.canonicalize().ok()?.join(rest))
        });
        known.unwrap_or(absolute)
    };
    real(path).starts_with(real(directory))
}

fn older(config: &Config) -> Result<Vec<MasterKey>, MasterKeyError> {
    let mut keys = Vec::new();
    for path in &config.older_master_key_file {
        keys.push(read(path)?);
    }
    for text in config.master_keys.older.iter().flat_map(|texts| texts.split(',')) {
        keys.push(parse(text, "FORMIGA_OLDER_MASTER_KEY")?);
    }
    Ok(keys)
}

/// Reads a key that has to be there.
fn read(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let place = path.display().to_string();
    match read_private(path) {
        Ok(text) => parse(&Zeroizing::new(text), &place),
        Err(Unread::Missing) => Err(MasterKeyError(format!("there is no {place}"))),
        Err(Unread::Because(why)) => Err(MasterKeyError(why)),
    }
}

fn parse(text: &str, place: &str) -> Result<MasterKey, MasterKeyError> {
    let mut bytes = Zeroizing::new([0; 33]); // One more tells a longer key.
    match STANDARD.decode_slice(text.trim(), &mut *bytes) {
        Ok(32) => {
            let mut secret = Zeroizing::new([0; 32]);
            secret.copy_from_slice(&bytes[..32]);
            Ok(MasterKey::new(secret))
        }
        _ => Err(MasterKeyError(format!("{place} has to hold a master key: 32 bytes in base64"))),
    }
}

/// Makes a key, and keeps it before anything is sealed under it.
fn make(path: &Path, random: &Random) -> Result<MasterKey, MasterKeyError> {
    let secret = Zeroizing::new(random.bytes::<32>());
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(*secret)));
    write_private(path, &text).map_err(|error| {
        let path = path.display();
        MasterKeyError(format!("the master key cannot be written to {path}: {error}"))
    })?;
    let key = MasterKey::new(secret);
    tracing::info!(path = %path.display(), id = %key.id(), "a master key was made; keep a copy of it apart from the data");
    Ok(key)
}

#[cfg(test)]
#[path = "master_key_tests.rs"]
mod tests;
