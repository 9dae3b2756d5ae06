//! What the actions that begin a session have in common.

use formiga_auth::credentials::{IdKind, id};
use formiga_auth::session_token::{SessionGrant, SessionOf, SessionTooLarge};
use formiga_auth::time::Timestamp;
use formiga_wire::sts::Credentials;

use crate::authorization::Access;

/// Begins a session of so many seconds, and tells how much of the largest token its own is, in
/// percent. Nothing is stored: the token says it all.
pub(super) fn begin(
    access: &Access,
    account: &str,
    of: SessionOf,
    seconds: i64,
    policy: Option<String>,
) -> Result<(Credentials, usize), SessionTooLarge> {
    let issued_at = access.now.as_secs();
    let expires_at = issued_at + seconds;
    let grant = SessionGrant {
        access_key_id: id(IdKind::TemporaryKey, &access.identities.random().bytes()),
        account: account.to_owned(),
        of,
        issued_at,
        expires_at,
        policy,
        tags: std::collections::BTreeMap::new(),
    };
    let (session_token, secret) = access.identities.issue(&grant)?;
    let percent =
        (session_token.len() * 100).div_ceil(formiga_auth::session_token::SESSION_TOKEN_BYTES_MAX);
    let credentials = Credentials {
        access_key_id: grant.access_key_id,
        secret_access_key: secret.reveal().to_owned(),
        session_token,
        expiration: Timestamp::from_millis(0).plus_secs(expires_at).to_string(),
    };
    Ok((credentials, percent))
}
