//! [`MasterKeys`]: what secrets are sealed under before they are stored.
//!
//! Nothing is encrypted with a master key itself: for each purpose another key is derived from it,
//! so what was sealed for one purpose opens for no other.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// The master key that seals, and older ones that still open.
#[derive(Debug)]
pub struct MasterKeys {
    current: MasterKey,
    older: Vec<MasterKey>,
}

/// 32 secret bytes. They are never printed, and overwritten when they are no longer needed.
pub struct MasterKey {
    secret: Zeroizing<[u8; 32]>,
    id: MasterKeyId,
}

/// Tells master keys apart without telling anything about their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MasterKeyId(pub [u8; 8]);

/// Unpredictable bytes that are used once.
pub type NonceBytes = [u8; NONCE_LEN];

/// Why sealed bytes cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// They are sealed under a key that is not at hand.
    #[error("it is sealed under the master key {0}, which was not given")]
    UnknownKey(MasterKeyId),
    /// Their layout is none that this version knows.
    #[error("it is sealed in a way that this version of Formiga does not know")]
    UnknownLayout,
    /// They are not what was sealed, or were sealed for something else.
    #[error("it is damaged, or was sealed for something else")]
    Damaged,
}

/// The version of the layout: version, id of the master key, nonce, ciphertext, tag.
const VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + 8 + NONCE_LEN;

impl MasterKeys {
    /// Seals under `current`, and opens what any of them sealed.
    pub fn new(current: MasterKey, older: Vec<MasterKey>) -> MasterKeys {
        MasterKeys { current, older }
    }

    /// The key that seals.
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Every key, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// Encrypts `plain`, so that only who has the key, and names the same purpose and associated
    /// data, can read it, and nobody can change it unnoticed. The nonce must never have been used.
    pub fn seal(
        &self,
        purpose: &str,
        associated_data: &[u8],
        plain: &[u8],
        nonce: NonceBytes,
    ) -> Vec<u8> {
        let key = self.current.cipher(purpose);
        let mut sealed = Vec::with_capacity(HEADER_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.current.id.0);
        sealed.extend_from_slice(&nonce);
        let mut text = Zeroizing::new(plain.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated_data), &mut text);
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(tag.expect("what is sealed here is short").as_ref());
        sealed
    }

    /// Decrypts what [`MasterKeys::seal`] returned for the same purpose and associated data.
    pub fn open(
        &self,
        purpose: &str,
        associated_data: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let id = sealed_under(sealed)?;
        let key = self.all().find(|key| key.id == id).ok_or(UnsealError::UnknownKey(id))?;
        let (header, text) = sealed.split_at_checked(HEADER_LEN).ok_or(UnsealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(&header[1 + 8..]).expect("12 bytes");
        let mut plain = Zeroizing::new(text.to_vec());
        let opened =
            key.cipher(purpose).open_in_place(nonce, Aad::from(associated_data), &mut plain);
        let length = opened.map_err(|_| UnsealError::Damaged)?.len();
        plain.truncate(length);
        Ok(plain)
    }

    /// The same under the current key, if an older one sealed it.
    pub fn reseal(
        &self,
        purpose: &str,
        associated_data: &[u8],
        sealed: &[u8],
        nonce: NonceBytes,
    ) -> Result<Option<Vec<u8>>, UnsealError> {
        if sealed_under(sealed)? == self.current.id {
            return Ok(None);
        }
        let plain = self.open(purpose, associated_data, sealed)?;
        Ok(Some(self.seal(purpose, associated_data, &plain, nonce)))
    }
}

/// Under which master key it was sealed.
pub fn sealed_under(sealed: &[u8]) -> Result<MasterKeyId, UnsealError> {
    match sealed {
        [VERSION, rest @ ..] => {
            rest.first_chunk().map(|id| MasterKeyId(*id)).ok_or(UnsealError::Damaged)
        }
        [] => Err(UnsealError::Damaged),
        [..] => Err(UnsealError::UnknownLayout),
    }
}

impl MasterKey {
    /// A key of unpredictable bytes.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> MasterKey {
        let fingerprint = derive(&secret, &[b"fingerprint"]);
        let id = MasterKeyId(*fingerprint.first_chunk().expect("32 bytes"));
        MasterKey { secret, id }
    }

    /// What may be told about the key.
    pub fn id(&self) -> MasterKeyId {
        self.id
    }

    /// A key of its own for a purpose; from it nothing follows about the master key or about the
    /// keys for other purposes.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.secret, &[b"key/", purpose.as_bytes()])
    }

    fn cipher(&self, purpose: &str) -> LessSafeKey {
        let key = derive(&self.secret, &[b"seal/", purpose.as_bytes()]);
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes"))
    }
}

/// HKDF with SHA-256, as RFC 5869 describes it.
pub(crate) fn derive(secret: &[u8; 32], info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = Salt::new(HKDF_SHA256, b"formiga master key").extract(secret);
    let expanded = extracted.expand(info, ThirtyTwoBytes).expect("32 bytes are few");
    expanded.fill(&mut *key).expect("32 bytes");
    key
}

struct ThirtyTwoBytes;

impl KeyType for ThirtyTwoBytes {
    fn len(&self) -> usize {
        32
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::new(Zeroizing::new([byte; 32]))
    }

    fn keys(current: u8, older: &[u8]) -> MasterKeys {
        MasterKeys::new(key(current), older.iter().map(|byte| key(*byte)).collect())
    }

    #[test]
    fn what_was_sealed_opens_for_the_same_purpose_and_data_only() {
        let keys = keys(1, &[]);
        let sealed = keys.seal("purpose", b"data", b"secret", [7; 12]);
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        assert_eq!(*keys.open("purpose", b"data", &sealed).unwrap(), b"secret");
        assert_eq!(keys.open("other", b"data", &sealed), Err(UnsealError::Damaged));
        assert_eq!(keys.open("purpose", b"other", &sealed), Err(UnsealError::Damaged));
    }

    #[test]
    fn no_changed_bit_and_no_cut_goes_unnoticed() {
        let keys = keys(1, &[]);
        let sealed = keys.seal("purpose", b"", b"secret", [7; 12]);
        for place in 0..sealed.len() {
            assert!(keys.open("purpose", b"", &sealed[..place]).is_err(), "cut at {place}");
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[place] ^= 1 << bit;
                assert!(keys.open("purpose", b"", &changed).is_err(), "bit {bit} of {place}");
            }
        }
    }

    #[test]
    fn an_older_key_opens_and_the_current_one_seals_anew() {
        let sealed = keys(1, &[]).seal("purpose", b"", b"secret", [7; 12]);
        assert_eq!(
            keys(2, &[]).open("purpose", b"", &sealed),
            Err(UnsealError::UnknownKey(key(1).id()))
        );
        let both = keys(2, &[1]);
        assert_eq!(*both.open("purpose", b"", &sealed).unwrap(), b"secret");
        let anew = both.reseal("purpose", b"", &sealed, [8; 12]).unwrap().unwrap();
        assert_eq!(*keys(2, &[]).open("purpose", b"", &anew).unwrap(), b"secret");
        assert_eq!(both.reseal("purpose", b"", &anew, [9; 12]), Ok(None));
    }

    #[test]
    fn keys_for_different_purposes_have_nothing_in_common() {
        let key = key(1);
        assert_ne!(key.derive("a"), key.derive("b"));
        assert_eq!(key.derive("a"), super::tests::key(1).derive("a"));
        assert_ne!(key.derive("a"), super::tests::key(2).derive("a"));
        assert_ne!(key.derive("fingerprint")[..8], key.id().0);
    }

    #[test]
    fn a_key_is_printed_as_its_id() {
        let printed = format!("{:?}", keys(0xAB, &[]));
        assert!(printed.contains(&key(0xAB).id().to_string()), "{printed}");
        assert!(!printed.contains("171") && !printed.contains("abab"), "{printed}");
    }
}
