//! [`TokenKey`]: makes the tokens of sessions, and tells its own from others.
//!
//! A token says all there is to know about its session, so nothing is stored for it: a version, the
//! number of the key, a nonce, the session as JSON, and an HMAC of all that. Who holds it can read it;
//! nobody else can make one. The session's secret key is not in it, but derived from the nonce.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::credentials::SecretKey;
use crate::sigv4::SignatureError;
use crate::time::Timestamp;

/// Tokens travel in headers and URLs.
pub const SESSION_TOKEN_BYTES_MAX: usize = 2048;

/// What a token says about its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionGrant {
    /// The temporary access key id that the token belongs to.
    pub access_key_id: String,
    /// The account of the session.
    pub account: String,
    /// Whose session it is.
    pub of: SessionOf,
    /// When it began, in seconds since the epoch: `aws:TokenIssueTime`.
    pub issued_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// What the session is narrowed down with: a policy document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The session's tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Whose session a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionOf {
    /// The root of the account, by GetSessionToken.
    Root {
        /// The long-term key it was asked for with. The session ends with it.
        parent_access_key_id: String,
    },
    /// A user, by GetSessionToken.
    User {
        /// `AIDA` and more.
        unique_id: String,
        /// The long-term key it was asked for with. The session ends with it.
        parent_access_key_id: String,
    },
    /// Who assumed a role.
    Role {
        /// `AROA` and more.
        unique_id: String,
        /// The name of the session.
        session_name: String,
    },
}

impl SessionGrant {
    /// Whether the session is still on. To be asked once the signature is verified, so that only who
    /// holds the secret learns that the session was a good one.
    pub fn check_expiry(&self, now: Timestamp) -> Result<(), SignatureError> {
        if now.as_secs() < self.expires_at { Ok(()) } else { Err(SignatureError::ExpiredToken) }
    }
}

/// A token that would be longer than [`SESSION_TOKEN_BYTES_MAX`]: its policy or tags are too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTooLarge {
    /// How large it is, in percent of what is allowed.
    pub percent: usize,
}

/// A secret that tokens are made with. It is never printed, and its memory is cleared when it is
/// dropped.
#[derive(Clone)]
pub struct TokenKey {
    number: u32,
    secret: [u8; 32],
}

impl Drop for TokenKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, ..)", self.number)
    }
}

const VERSION: u8 = 1;
const NONCE: usize = 16;
const TAG: usize = 32;
const NUMBER: usize = 4;

impl TokenKey {
    /// A key from 32 secret random bytes. Its number stands in its tokens, so that older keys can be
    /// kept as long as tokens made with them are good.
    pub fn new(number: u32, secret: [u8; 32]) -> TokenKey {
        TokenKey { number, secret }
    }

    /// Makes the token of a session and its secret key, with 16 random bytes that were not used
    /// before.
    pub fn issue(
        &self,
        grant: &SessionGrant,
        nonce: &[u8; NONCE],
    ) -> Result<(String, SecretKey), SessionTooLarge> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(nonce);
        bytes.extend(serde_json::to_vec(grant).expect("texts and numbers are JSON"));
        let tag = self.tag(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        let token = STANDARD.encode(bytes);
        if token.len() > SESSION_TOKEN_BYTES_MAX {
            let percent = (token.len() * 100).div_ceil(SESSION_TOKEN_BYTES_MAX);
            return Err(SessionTooLarge { percent });
        }
        Ok((token, self.secret_key(grant, nonce)))
    }

    /// What `token` says, and the secret key that its requests are signed with, if one of `keys` made
    /// it for this access key id. Whether the session is still on is asked by
    /// [`SessionGrant::check_expiry`].
    pub fn open(
        keys: &[TokenKey],
        token: &str,
        access_key_id: &str,
    ) -> Result<(SessionGrant, SecretKey), SignatureError> {
        let opened = TokenKey::read(keys, token);
        let ours = opened.filter(|(grant, _)| grant.access_key_id == access_key_id);
        ours.ok_or(SignatureError::InvalidClientTokenId)
    }

    fn read(keys: &[TokenKey], token: &str) -> Option<(SessionGrant, SecretKey)> {
        if token.len() > SESSION_TOKEN_BYTES_MAX {
            return None;
        }
        let bytes = STANDARD.decode(token).ok()?;
        let (sealed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        let (version, rest) = sealed.split_first()?;
        let (number, rest) = rest.split_first_chunk::<NUMBER>()?;
        let (nonce, json) = rest.split_first_chunk::<NONCE>()?;
        let key = keys.iter().find(|key| key.number == u32::from_be_bytes(*number))?;
        key.tag(sealed).verify_slice(tag).ok().filter(|()| *version == VERSION)?;
        let grant: SessionGrant = serde_json::from_slice(json).ok()?;
        let secret = key.secret_key(&grant, nonce);
        Some((grant, secret))
    }

    fn tag(&self, sealed: &[u8]) -> Hmac<Sha256> {
        self.keyed(b"session token").chain_update(sealed)
    }

    fn secret_key(&self, grant: &SessionGrant, nonce: &[u8; NONCE]) -> SecretKey {
        let mac = self.keyed(b"session secret").chain_update(nonce);
        let mut bytes: [u8; 32] =
            mac.chain_update(&grant.access_key_id).finalize().into_bytes().into();
        let (random, _) = bytes.split_first_chunk::<30>().expect("32 bytes are more than 30");
        let secret = SecretKey::from_random(random);
        bytes.zeroize();
        secret
    }

    /// An HMAC under a key that serves one purpose alone.
    fn keyed(&self, purpose: &[u8]) -> Hmac<Sha256> {
        let new = |key: &[u8]| {
            Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length")
        };
        let mut derived: [u8; 32] =
            new(&self.secret).chain_update(purpose).finalize().into_bytes().into();
        let keyed = new(&derived);
        derived.zeroize();
        keyed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE_OF_TESTS: [u8; 16] = [9; 16];
    const ID: &str = "ASIAEXAMPLE234567ABC";

    fn key(number: u32) -> TokenKey {
        TokenKey::new(number, [number as u8; 32])
    }

    fn grant() -> SessionGrant {
        SessionGrant {
            access_key_id: ID.to_owned(),
            account: "111111111111".to_owned(),
            of: SessionOf::Role {
                unique_id: "AROAEXAMPLE2345672345".to_owned(),
                session_name: "s".to_owned(),
            },
            issued_at: 1_768_478_400,
            expires_at: 1_768_482_000,
            policy: Some(r#"{"Statement":[]}"#.to_owned()),
            tags: BTreeMap::from([("Team".to_owned(), "ants".to_owned())]),
        }
    }

    #[test]
    fn a_token_says_what_it_was_made_of() {
        let keys = [key(1), key(2)];
        for of in [
            grant().of,
            SessionOf::Root { parent_access_key_id: "AKIAEXAMPLE234567ABC".to_owned() },
            SessionOf::User {
                unique_id: "AIDAEXAMPLE2345672345".to_owned(),
                parent_access_key_id: "AKIAEXAMPLE234567ABC".to_owned(),
            },
        ] {
            let grant = SessionGrant { of, policy: None, tags: BTreeMap::new(), ..grant() };
            let (token, secret) = keys[1].issue(&grant, &NONCE_OF_TESTS).unwrap();
            let (opened, derived) = TokenKey::open(&keys, &token, ID).unwrap();
            assert_eq!(opened, grant);
            assert_eq!(derived.reveal(), secret.reveal());
            assert_eq!(secret.reveal().len(), 40);
            assert!(
                !STANDARD
                    .decode(&token)
                    .unwrap()
                    .windows(40)
                    .any(|it| it == secret.reveal().as_bytes())
            );
        }
    }

    #[test]
    fn a_token_that_was_changed_is_nobodys() {
        let keys = [key(1)];
        let (token, _) = keys[0].issue(&grant(), &NONCE_OF_TESTS).unwrap();
        let invalid = Some(SignatureError::InvalidClientTokenId);
        let bytes = STANDARD.decode(&token).unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let changed = STANDARD.encode(changed);
            assert_eq!(TokenKey::open(&keys, &changed, ID).err(), invalid, "byte {index}");
            let cut = STANDARD.encode(&bytes[..index]);
            assert_eq!(TokenKey::open(&keys, &cut, ID).err(), invalid, "{index} bytes");
        }
        assert_eq!(TokenKey::open(&[key(2)], &token, ID).err(), invalid, "an unknown key");
        let stranger = TokenKey::new(1, [7; 32]);
        assert_eq!(TokenKey::open(&[stranger], &token, ID).err(), invalid, "another secret");
        assert_eq!(TokenKey::open(&keys, &token, "ASIAOTHER").err(), invalid, "another access key");
        for token in ["", "x", "é", &"A".repeat(2049)] {
            assert_eq!(TokenKey::open(&keys, token, ID).err(), invalid);
        }
    }

    #[test]
    fn a_token_of_another_version_is_not_read() {
        let (token, _) = key(1).issue(&grant(), &NONCE_OF_TESTS).unwrap();
        let mut bytes = STANDARD.decode(token).unwrap();
        bytes.truncate(bytes.len() - TAG);
        bytes[0] = VERSION + 1;
        let tag = key(1).tag(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        assert!(TokenKey::open(&[key(1)], &STANDARD.encode(bytes), ID).is_err());
    }

    #[test]
    fn every_session_has_a_secret_of_its_own() {
        let secret = |key: &TokenKey, id: &str, nonce: u8| {
            let grant = SessionGrant { access_key_id: id.to_owned(), ..grant() };
            key.issue(&grant, &[nonce; 16]).unwrap().1.reveal().to_owned()
        };
        let all = [
            secret(&key(1), ID, 1),
            secret(&key(1), ID, 2),
            secret(&key(1), "ASIAOTHER", 1),
            secret(&key(2), ID, 1),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(format!("{:?}", key(3)), "TokenKey(3, ..)");
    }

    #[test]
    fn a_session_ends() {
        let at = |seconds: u64| grant().check_expiry(Timestamp::from_millis(seconds * 1000));
        assert_eq!(at(1_768_481_999), Ok(()));
        assert_eq!(at(1_768_482_000), Err(SignatureError::ExpiredToken));
    }

    #[test]
    fn a_token_fits_into_a_url() {
        let policy = Some("x".repeat(2048));
        let error = key(1).issue(&SessionGrant { policy, ..grant() }, &NONCE_OF_TESTS);
        assert!(error.is_err_and(|SessionTooLarge { percent }| percent > 100));
        let policy = Some("x".repeat(1000));
        let (token, _) =
            key(1).issue(&SessionGrant { policy, ..grant() }, &NONCE_OF_TESTS).unwrap();
        assert!(TokenKey::open(&[key(1)], &token, ID).is_ok());
    }
}
