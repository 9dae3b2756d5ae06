//! [`Seal`]: secrets as they are stored, and the keys of session tokens.

use std::sync::Arc;

use formiga_auth::credentials::SecretKey;
use formiga_auth::session_token::TokenKey;
use formiga_store::MasterKeys;

use crate::random::Random;

/// Seals secrets of access keys under the master key, and derives from it what tokens are made with.
pub(crate) struct Seal(Arc<MasterKeys>);

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
    use super::*;

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
