//! [`Seal`]: secrets as they are stored, and the keys of session tokens.

use std::sync::Arc;

use formiga_auth::credentials::SecretKey;
use formiga_auth::session_token::TokenKey;
use formiga_store::{Identity, IdentityChange, MasterKeys, UnsealError};

use crate::random::Random;

/// Seals secrets of access keys under the master key, and derives from it what tokens are made with.
pub(crate) struct Seal(Arc<MasterKeys>);

/// The access keys whose secrets an older master key sealed, sealed under the current one.
pub(crate) fn reseal(
    identities: Vec<Identity>,
    master: &MasterKeys,
    random: &Random,
) -> Result<Vec<IdentityChange>, UnsealError> {
    let mut changes = Vec::new();
    for identity in identities {
        let Identity::AccessKey(mut key) = identity else { continue };
        let id = key.id.as_bytes();
        if let Some(sealed) = master.reseal(ACCESS_KEY, id, &key.sealed_secret, random.bytes())? {
            key.sealed_secret = sealed;
            changes.push(IdentityChange::Put(Identity::AccessKey(key)));
        }
    }
    Ok(changes)
}

const ACCESS_KEY: &str = "access key";
const SESSION_TOKEN: &str = "session token";

impl Seal {
    pub(crate) fn new(keys: Arc<MasterKeys>) -> Seal {
        Seal(keys)
    }

    /// The secret of the access key with this id; sealed for another one it is no good.
    pub(super) fn seal(&self, access_key_id: &str, secret: &SecretKey, random: &Random) -> Vec<u8> {
        let secret = secret.reveal().as_bytes();
        self.0.seal(ACCESS_KEY, access_key_id.as_bytes(), secret, random.bytes())
    }

    pub(super) fn open(&self, access_key_id: &str, sealed: &[u8]) -> Option<SecretKey> {
        let secret = self.0.open(ACCESS_KEY, access_key_id.as_bytes(), sealed).ok()?;
        String::from_utf8(secret.to_vec()).ok().map(SecretKey::new)
    }

    /// A secret under the current master key, if an older one sealed it.
    pub(super) fn reseal(
        &self,
        access_key_id: &str,
        sealed: &[u8],
        random: &Random,
    ) -> Option<Vec<u8>> {
        let id = access_key_id.as_bytes();
        self.0.reseal(ACCESS_KEY, id, sealed, random.bytes()).ok().flatten()
    }

    /// A key for tokens from each master key: while an older one is given, so are its sessions good.
    pub(super) fn token_keys(&self) -> Vec<TokenKey> {
        let of = |key: &formiga_store::MasterKey| {
            let [a, b, c, d, ..] = key.id().0;
            TokenKey::new(u32::from_be_bytes([a, b, c, d]), *key.derive(SESSION_TOKEN))
        };
        self.0.all().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use formiga_engine::names::AccountId;
    use formiga_engine::time::Timestamp;
    use formiga_store::{AccessKeyRecord, MasterKey};
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn secrets_are_sealed_anew_under_the_next_master_key() {
        let master = |bytes: &[u8]| {
            let mut keys = bytes.iter().map(|byte| MasterKey::new(Zeroizing::new([*byte; 32])));
            Arc::new(MasterKeys::new(keys.next().unwrap(), keys.collect()))
        };
        let random = Random::new();
        let secret = SecretKey::new("secret of alice".to_owned());
        let key = Identity::AccessKey(AccessKeyRecord {
            id: "AKIAALICE00000000001".to_owned(),
            account: AccountId::DEFAULT,
            user: None,
            is_active: true,
            created_at: Timestamp::EPOCH,
            sealed_secret: Seal::new(master(&[1])).seal("AKIAALICE00000000001", &secret, &random),
        });
        let mut changes = reseal(vec![key], &master(&[2, 1]), &random).unwrap();
        let Some(IdentityChange::Put(Identity::AccessKey(key))) = changes.pop() else {
            panic!("the key changes")
        };
        let opened = Seal::new(master(&[2])).open(&key.id, &key.sealed_secret);
        assert_eq!(opened.unwrap().reveal(), "secret of alice");
        let again = reseal(vec![Identity::AccessKey(key)], &master(&[2, 1]), &random);
        assert_eq!(again.unwrap().len(), 0);
    }

    #[test]
    fn a_secret_opens_for_its_own_key_only() {
        let seal = super::super::tests::seal(1);
        let secret = SecretKey::new("secret of alice".to_owned());
        let sealed = seal.seal("AKIAALICE00000000001", &secret, &Random::new());
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        let open = |seal: &Seal, id: &str| seal.open(id, &sealed).map(|it| it.reveal().to_owned());
        assert_eq!(open(&seal, "AKIAALICE00000000001").as_deref(), Some("secret of alice"));
        assert_eq!(open(&seal, "AKIABOB0000000000001"), None);
        assert_eq!(open(&super::super::tests::seal(2), "AKIAALICE00000000001"), None);
    }
}
