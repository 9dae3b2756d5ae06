//! [`Identities`]: accounts, users, roles and access keys, in memory as they are in the store.
//!
//! They are few and asked with every request, so all of them are held; IAM's quotas bound them. A
//! change is decided and stored before anybody sees it, one after the other.

mod principal;
mod seal;
mod state;

use std::sync::{Arc, RwLock, RwLockReadGuard};

use formiga_auth::credentials::{AccessKeyId, SecretKey};
use formiga_auth::session_token::{SessionGrant, SessionTooLarge, TokenKey};
use formiga_auth::sigv4::SignatureError;
use formiga_auth::time::Timestamp;
use formiga_store::{
    AccessKeyRecord, Append, AppendError, Change, Epoch, Identity, IdentityChange, Store,
};
use formiga_wire::error::ErrorKind;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::clock::Clock;
use crate::error::ApiError;
use crate::keys::{Declared, KeysError};
use crate::random::Random;

pub(crate) use principal::{Principal, SessionFacts};
pub(crate) use seal::{Seal, reseal};
pub(crate) use state::{Entity, Kind, State};

/// Who there is, and how that changes.
pub(crate) struct Identities {
    state: RwLock<State>,
    /// Held by the one change that is under way.
    changing: Arc<Mutex<()>>,
    seal: Seal,
    token_keys: Vec<TokenKey>,
    store: Arc<dyn Store>,
    epoch: Epoch,
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
}

/// What identities rest on.
pub(crate) struct IdentityParts {
    pub(crate) seal: Seal,
    /// Whether policies may name users and roles who do not exist.
    pub(crate) accepts_unknown_principals: bool,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) epoch: Epoch,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<Random>,
}

/// With what a request has to be signed, and by whom it is then.
pub(crate) struct Signer {
    pub(crate) secret: SecretKey,
    whose: Whose,
}

enum Whose {
    Known(Arc<Principal>),
    Session(Box<SessionGrant>),
}

impl Identities {
    /// Reads who is stored, beside those who are declared.
    pub(crate) async fn load(
        parts: IdentityParts,
        declared: Declared,
    ) -> Result<Identities, KeysError> {
        let IdentityParts {
            seal,
            accepts_unknown_principals: accepts,
            store,
            epoch,
            clock,
            random,
        } = parts;
        let stored = store.identities().await.map_err(|error| KeysError(error.to_string()))?;
        // What an older master key sealed is sealed anew, so that the older one can go.
        let resealed = resealed(&stored, &seal, &random);
        let state = State::restore(declared, stored, accepts, &seal)?;
        let token_keys = seal.token_keys();
        let identities = Identities {
            state: RwLock::new(state),
            changing: Arc::default(),
            seal,
            token_keys,
            store,
            epoch,
            clock,
            random,
        };
        let appended = identities.append(&resealed).await;
        appended.map_err(|error| KeysError(error.to_string()))?;
        Ok(identities)
    }

    /// Who there is at the moment.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("no one panics with the lock")
    }

    /// Where ids and secrets come from.
    pub(crate) fn random(&self) -> &Random {
        &self.random
    }

    /// The time at which something is made.
    pub(crate) fn now(&self) -> formiga_engine::time::Timestamp {
        self.clock.now()
    }

    /// A secret as it is stored.
    pub(crate) fn seal(&self, access_key_id: &str, secret: &SecretKey) -> Vec<u8> {
        self.seal.seal(access_key_id, secret, &self.random)
    }

    /// Changes what `decide` tells of who there is. When this returns, the change is durable and in
    /// effect, or did not happen. A caller who hangs up does not tear the two apart.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Identities>,
        request_id: Uuid,
        decide: impl FnOnce(&State) -> Result<(Vec<IdentityChange>, T), ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let alone = self.changing.clone().lock_owned().await;
        let identities = self.clone();
        let change = tokio::spawn(async move {
            let _alone = alone;
            let decided = decide(&identities.read());
            let (changes, answer) = decided?;
            identities.append(&changes).await.map_err(|error| unchanged(&error, request_id))?;
            let mut state = identities.state.write().expect("no one panics with the lock");
            for change in changes {
                state.absorb(change, &identities.seal);
            }
            Ok(answer)
        });
        change.await.expect("a change of identities does not panic")
    }

    async fn append(&self, changes: &[IdentityChange]) -> Result<(), AppendError> {
        if changes.is_empty() {
            return Ok(());
        }
        let change = Change::Identities(changes.to_vec());
        self.store.append(self.epoch, Append::new(self.clock.now(), change)).await
    }

    /// With what a request has to be signed that names this key and token.
    pub(crate) fn signer(&self, access_key_id: &str, token: Option<&str>) -> Option<Signer> {
        let is_temporary = AccessKeyId::parse(access_key_id).is_ok_and(|id| id.is_temporary());
        match token {
            // A session's key is good with its token only, and no other key has one.
            Some(token) if is_temporary => {
                let opened = TokenKey::open(&self.token_keys, token, access_key_id);
                let (grant, secret) = opened.ok()?;
                Some(Signer { secret, whose: Whose::Session(Box::new(grant)) })
            }
            Some(_) => None,
            None => {
                let (secret, principal) = self.read().signer(access_key_id)?;
                Some(Signer { secret, whose: Whose::Known(principal) })
            }
        }
    }

    /// Who sent a request that was signed as it had to be. Only who holds a session's secret learns
    /// whether it has expired, or is over because its user, its role or its key is gone.
    pub(crate) fn principal(
        &self,
        signer: Signer,
        now: Timestamp,
    ) -> Result<Arc<Principal>, SignatureError> {
        match signer.whose {
            Whose::Known(principal) => Ok(principal),
            Whose::Session(grant) => {
                grant.check_expiry(now)?;
                let principal = self.read().session(&grant);
                principal.map(Arc::new).ok_or(SignatureError::InvalidClientTokenId)
            }
        }
    }

    /// The token and the secret key of a session.
    pub(crate) fn issue(
        &self,
        grant: &SessionGrant,
    ) -> Result<(String, SecretKey), SessionTooLarge> {
        let key = self.token_keys.first().expect("there is a key for tokens");
        key.issue(grant, &self.random.bytes())
    }
}

fn resealed(stored: &[Identity], seal: &Seal, random: &Random) -> Vec<IdentityChange> {
    let anew = |identity: &Identity| {
        let Identity::AccessKey(key) = identity else { return None };
        let sealed_secret = seal.reseal(&key.id, &key.sealed_secret, random)?;
        let key = AccessKeyRecord { sealed_secret, ..key.clone() };
        Some(IdentityChange::Put(Identity::AccessKey(key)))
    };
    stored.iter().filter_map(anew).collect()
}

/// A change was not acknowledged. The detail stays in the log.
fn unchanged(error: &AppendError, request_id: Uuid) -> ApiError {
    tracing::error!(%request_id, %error, "a change of users or roles failed");
    match error {
        AppendError::Rejected(_) | AppendError::Fenced => ApiError::new(
            ErrorKind::ServiceUnavailable,
            "The service cannot take the request right now. Nothing was changed; please try again.",
        ),
        AppendError::Unknown(_) => ApiError::new(
            ErrorKind::InternalFailure,
            "The request failed because of a fault in the service. Please try again.",
        ),
    }
}

#[cfg(test)]
mod tests;
