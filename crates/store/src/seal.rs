//! Encryption of messages' contents: [`DataKey`] seals, [`StoreKeys`] know the data keys.
//!
//! A content is sealed under a data key of its queue's, which is used for a limited time. Its name is
//! part of what is sealed, so contents keep their keys wherever they move, and no table of keys has
//! to be kept, or cleaned of those that nobody needs any more:
//!
//! - With SSE-SQS the data key is derived from a store key and a random salt, and the salt is its name.
//!   Store keys are few; they are kept sealed under the master key.
//! - With SSE-KMS the name is the data key itself, as the KMS encrypted it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::{Buf, BufMut};
use formiga_engine::message::MessageContent;
use formiga_engine::queue::BodyId;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::master_key::{MasterKeys, NonceBytes, UnsealError, derive, sealed_under};
use crate::records::{self, DecodeError};

/// A content as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredContent {
    /// As it was sent, of a queue without encryption.
    Plain(Arc<MessageContent>),
    /// Encrypted.
    Sealed(SealedContent),
}

/// An encrypted content, and the name of the data key that opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedContent {
    bytes: Vec<u8>,
    key: DataKeyName,
    /// Where the nonce begins.
    header_len: usize,
}

/// Tells data keys apart, and how to get one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DataKeyName {
    /// Derived from a store key.
    Derived {
        /// The number of the store key.
        store_key: u32,
        /// What makes it another key than all others.
        salt: [u8; 16],
    },
    /// Encrypted by a KMS, which alone can decrypt it.
    Wrapped(Arc<[u8]>),
}

/// A key that seals the contents of one queue for some time.
pub struct DataKey {
    name: DataKeyName,
    cipher: LessSafeKey,
}

/// What the data keys of SSE-SQS are derived from: the last of them is in use, the others still
/// open. Each master key that takes over begins a new one.
pub struct StoreKeys(BTreeMap<u32, StoreKey>);

struct StoreKey {
    secret: Zeroizing<[u8; 32]>,
    sealed: Vec<u8>,
}

/// Layout: version, name of the data key, nonce, ciphertext, tag.
pub(crate) const SEALED_VERSION: u8 = 3;

const DERIVED: u8 = 1;
const WRAPPED: u8 = 2;

/// The largest data key that a KMS may return encrypted; those of AWS have less than 200 bytes.
pub const WRAPPED_KEY_BYTES_MAX: usize = 6144;

impl DataKey {
    /// A data key of unpredictable bytes, whose name is what a KMS made of them.
    pub fn wrapped(plain: &[u8; 32], wrapped: Arc<[u8]>) -> DataKey {
        DataKey::new(plain, DataKeyName::Wrapped(wrapped))
    }

    fn new(plain: &[u8; 32], name: DataKeyName) -> DataKey {
        let key = UnboundKey::new(&AES_256_GCM, plain).expect("32 bytes");
        DataKey { name, cipher: LessSafeKey::new(key) }
    }

    /// Encrypts the content of `body`: it opens for no other. The nonce must be new.
    pub fn seal(&self, body: BodyId, content: &MessageContent, nonce: NonceBytes) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256 + usize::try_from(content.size()).unwrap_or(0));
        bytes.put_u8(SEALED_VERSION);
        match &self.name {
            DataKeyName::Derived { store_key, salt } => {
                bytes.put_u8(DERIVED);
                bytes.put_u32(*store_key);
                bytes.put_slice(salt);
            }
            DataKeyName::Wrapped(wrapped) => {
                bytes.put_u8(WRAPPED);
                bytes.put_u16(u16::try_from(wrapped.len()).expect("a data key is short"));
                bytes.put_slice(wrapped);
            }
        }
        let data = associated_data(&bytes, body);
        bytes.put_slice(&nonce);
        let text = bytes.len();
        records::put_content(&mut bytes, content);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag =
            self.cipher.seal_in_place_separate_tag(nonce, Aad::from(data), &mut bytes[text..]);
        bytes.put_slice(tag.expect("a message is at most 1 MiB").as_ref());
        bytes
    }

    /// Decrypts the content of `body`.
    pub fn open(
        &self,
        body: BodyId,
        sealed: &SealedContent,
    ) -> Result<MessageContent, DecodeError> {
        let damaged = DecodeError::Damaged { what: "sealed message content" };
        let (header, rest) = sealed.bytes.split_at(sealed.header_len);
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(damaged.clone())?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).expect("its length is right");
        let mut text = text.to_vec();
        let data = Aad::from(associated_data(header, body));
        let plain = self.cipher.open_in_place(nonce, data, &mut text).map_err(|_| damaged)?;
        records::decode_content(plain)
    }
}

/// Contents are bound to their place and to the name of their key.
fn associated_data(header: &[u8], body: BodyId) -> Vec<u8> {
    let mut data = Vec::with_capacity(header.len() + 8);
    data.put_slice(header);
    data.put_u64(body.0);
    data
}

impl SealedContent {
    /// Reads the name of the key; the rest is read when it is opened.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<SealedContent, DecodeError> {
        let (key, rest) = parse_name(&bytes)?;
        let header_len = bytes.len() - rest;
        Ok(SealedContent { bytes, key, header_len })
    }

    /// The name of the key that opens it.
    pub fn key(&self) -> &DataKeyName {
        &self.key
    }
}

/// The name, and how many bytes follow it.
fn parse_name(bytes: &[u8]) -> Result<(DataKeyName, usize), DecodeError> {
    records::decode_start("sealed message content", SEALED_VERSION, bytes, |bytes| {
        let key = match bytes.try_get_u8()? {
            DERIVED => {
                let store_key = bytes.try_get_u32()?;
                let mut salt = [0; 16];
                bytes.try_copy_to_slice(&mut salt)?;
                DataKeyName::Derived { store_key, salt }
            }
            WRAPPED => {
                let length = usize::from(bytes.try_get_u16()?);
                let wrapped = bytes.split_off(..length).ok_or(records::Damaged)?;
                DataKeyName::Wrapped(wrapped.into())
            }
            _ => return Err(records::Damaged),
        };
        Ok((key, bytes.len()))
    })
}

impl StoreKeys {
    /// The first store key, of unpredictable bytes.
    pub fn first(secret: Zeroizing<[u8; 32]>, master: &MasterKeys, nonce: NonceBytes) -> StoreKeys {
        let mut keys = StoreKeys(BTreeMap::new());
        keys.add(1, secret, master, nonce);
        keys
    }

    fn add(
        &mut self,
        number: u32,
        secret: Zeroizing<[u8; 32]>,
        master: &MasterKeys,
        nonce: NonceBytes,
    ) {
        let sealed = master.seal(PURPOSE, &number.to_be_bytes(), &*secret, nonce);
        self.0.insert(number, StoreKey { secret, sealed });
    }

    /// Reads what [`StoreKeys::encode`] wrote.
    pub fn decode(bytes: &[u8], master: &MasterKeys) -> Result<StoreKeys, UnsealError> {
        let mut keys = BTreeMap::new();
        for (number, sealed) in parse_store_keys(bytes).ok_or(UnsealError::Damaged)? {
            let plain = master.open(PURPOSE, &number.to_be_bytes(), &sealed)?;
            let mut secret = Zeroizing::new([0; 32]);
            if plain.len() != secret.len() {
                return Err(UnsealError::Damaged);
            }
            secret.copy_from_slice(&plain);
            keys.insert(number, StoreKey { secret, sealed });
        }
        if keys.is_empty() { Err(UnsealError::Damaged) } else { Ok(StoreKeys(keys)) }
    }

    /// As it is kept: every key sealed under the master key.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![STORE_KEYS_VERSION];
        bytes.put_u32(u32::try_from(self.0.len()).expect("store keys are few"));
        for (number, key) in &self.0 {
            bytes.put_u32(*number);
            bytes.put_u32(u32::try_from(key.sealed.len()).expect("a sealed key is short"));
            bytes.put_slice(&key.sealed);
        }
        bytes
    }

    /// Seals everything that an older master key sealed under the current one, and begins a new
    /// store key, so that who had the older master key can read nothing that is sent from now on.
    /// Tells whether there was anything to do.
    pub fn rotate(
        &mut self,
        secret: Zeroizing<[u8; 32]>,
        master: &MasterKeys,
        mut nonce: impl FnMut() -> NonceBytes,
    ) -> Result<bool, UnsealError> {
        let mut rotated = false;
        for (number, key) in &mut self.0 {
            let resealed = master.reseal(PURPOSE, &number.to_be_bytes(), &key.sealed, nonce())?;
            if let Some(sealed) = resealed {
                key.sealed = sealed;
                rotated = true;
            }
        }
        if rotated {
            self.add(self.last() + 1, secret, master, nonce());
        }
        Ok(rotated)
    }

    fn last(&self) -> u32 {
        *self.0.keys().next_back().expect("there is a store key")
    }

    /// A new data key, made of a salt that was never used.
    pub fn new_data_key(&self, salt: [u8; 16]) -> DataKey {
        self.data_key(self.last(), salt).expect("the last store key is there")
    }

    /// The data key that has this name; `None` without its store key.
    pub fn data_key(&self, store_key: u32, salt: [u8; 16]) -> Option<DataKey> {
        let secret = &self.0.get(&store_key)?.secret;
        let plain = derive(secret, &[b"content/", &salt]);
        Some(DataKey::new(&plain, DataKeyName::Derived { store_key, salt }))
    }

    /// A key of the store's own that stays the same whatever the master key is.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let first = self.0.values().next().expect("there is a store key");
        derive(&first.secret, &[b"key/", purpose.as_bytes()])
    }
}

const PURPOSE: &str = "store key";
const STORE_KEYS_VERSION: u8 = 1;

fn parse_store_keys(bytes: &[u8]) -> Option<Vec<(u32, Vec<u8>)>> {
    let mut bytes = bytes.strip_prefix(&[STORE_KEYS_VERSION])?;
    let mut keys = Vec::new();
    for _ in 0..bytes.try_get_u32().ok()? {
        let number = bytes.try_get_u32().ok()?;
        let length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
        let sealed = bytes.split_off(..length)?.to_vec();
        sealed_under(&sealed).ok()?;
        keys.push((number, sealed));
    }
    bytes.is_empty().then_some(keys)
}

impl fmt::Debug for SealedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedContent({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({:?})", self.name)
    }
}

impl fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreKeys({:?})", self.0.keys())
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
