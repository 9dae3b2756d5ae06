//! [`AccessKeyId`] and [`SecretKey`]: what a request is signed with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize;

/// The public half of a pair of keys: 16 to 128 letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessKeyId(String);

/// The text is not an access key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAccessKeyId;

/// Whose keys they are, or what an id is the id of. Their first four letters tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `AKIA`: a user's key, good until it is deleted.
    LongTermKey,
    /// `ASIA`: the key of a session, good only with its token.
    TemporaryKey,
    /// `AIDA`: a user.
    User,
    /// `AROA`: a role.
    Role,
}

impl IdKind {
    fn prefix(self) -> &'static str {
        match self {
            IdKind::LongTermKey => "AKIA",
            IdKind::TemporaryKey => "ASIA",
            IdKind::User => "AIDA",
            IdKind::Role => "AROA",
        }
    }

    /// How many characters follow the prefix.
    fn characters(self) -> usize {
        match self {
            IdKind::LongTermKey | IdKind::TemporaryKey => 16,
            IdKind::User | IdKind::Role => 17,
        }
    }
}

/// A new id of this kind, made of random bytes. The bytes decide alone, so equal bytes are equal ids.
pub fn id(kind: IdKind, random: &[u8; 17]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    let letters = random.iter().map(letter).take(kind.characters());
    kind.prefix().chars().chain(letters).collect()
}

impl AccessKeyId {
    /// Parses an access key id.
    pub fn parse(text: &str) -> Result<AccessKeyId, InvalidAccessKeyId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (16..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(AccessKeyId(text.to_owned()))
        } else {
            Err(InvalidAccessKeyId)
        }
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key is a session's, and good only with its token.
    pub fn is_temporary(&self) -> bool {
        self.0.starts_with(IdKind::TemporaryKey.prefix())
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret half of a pair of keys. It is never printed, and its memory is cleared when it is
/// dropped.
#[derive(Clone)]
pub struct SecretKey(String);

impl SecretKey {
    /// A secret that somebody chose.
    pub fn new(secret: String) -> SecretKey {
        SecretKey(secret)
    }

    /// 40 characters that stand for 30 random bytes, as AWS makes them.
    pub fn from_random(random: &[u8; 30]) -> SecretKey {
        SecretKey(STANDARD.encode(random))
    }

    /// The secret, to sign with or to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_lengths_of_aws() {
        for (kind, prefix, length) in [
            (IdKind::LongTermKey, "AKIA", 20),
            (IdKind::TemporaryKey, "ASIA", 20),
            (IdKind::User, "AIDA", 21),
            (IdKind::Role, "AROA", 21),
        ] {
            let id = id(kind, &std::array::from_fn(|index| (index as u8).wrapping_mul(31)));
            assert!(id.starts_with(prefix) && id.len() == length, "{id}");
            let allowed = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
            assert!(id.chars().all(allowed), "{id}");
            let is_temporary = AccessKeyId::parse(&id).unwrap().is_temporary();
            assert_eq!(is_temporary, kind == IdKind::TemporaryKey);
        }
    }

    #[test]
    fn an_access_key_id_has_16_to_128_word_characters() {
        for text in ["AKIAIOSFODNN7EXAMPLE", &"a".repeat(16), &"_".repeat(128)] {
            assert!(AccessKeyId::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "AKIDEXAMPLE", &"a".repeat(129), "wJalrXUtnFEMI/K7MDENG", "AKIAIOSFODNN7EXÄMPLE"]
        {
            assert_eq!(AccessKeyId::parse(text), Err(InvalidAccessKeyId), "{text}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = SecretKey::from_random(&[7; 30]);
        assert_eq!(secret.reveal().len(), 40);
        assert_eq!(format!("{secret:?}"), "SecretKey(..)");
    }
}
