//! `CreateAccessKey`

use formiga_auth::credentials::{IdKind, SecretKey, id};
use formiga_store::{AccessKeyRecord, Identity, IdentityChange};
use formiga_wire::error::ErrorKind;
use formiga_wire::iam::{AccessKey, CreateAccessKeyInput, CreateAccessKeyOutput};

use super::answers;
use super::checks::{Checks, NAME};
use super::managed::still;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::State;
use crate::keys::KEYS_OF_USER_MAX;

/// Makes an access key for a user, who may have two. Its secret is told this once.
pub(super) async fn create_access_key(
    ctx: &Context,
    input: CreateAccessKeyInput,
) -> Result<CreateAccessKeyOutput, ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    checks.optional("userName", input.user_name.as_deref(), NAME);
    checks.done()?;
    let found = account.find_user("CreateAccessKey", input.user_name.as_deref())?;
    let identities = account.identities().clone();
    let change = move |state: &State| {
        let user = &still(state, &found)?.record;
        if state.keys_of(user.account, Some(&user.unique_id)).count() >= KEYS_OF_USER_MAX {
            let message = format!("Cannot exceed quota for AccessKeysPerUser: {KEYS_OF_USER_MAX}");
            return Err(ApiError::new(ErrorKind::LimitExceeded, message));
        }
        let access_key_id = id(IdKind::LongTermKey, &identities.random().bytes());
        let secret = SecretKey::from_random(&identities.random().bytes());
        let record = AccessKeyRecord {
            account: user.account,
            user: Some(user.unique_id.clone()),
            is_active: true,
            created_at: identities.now(),
            sealed_secret: identities.seal(&access_key_id, &secret),
            id: access_key_id.clone(),
        };
        let access_key = AccessKey {
            user_name: user.name.clone(),
            access_key_id,
            status: answers::status(true),
            secret_access_key: secret.reveal().to_owned(),
            create_date: answers::time(record.created_at),
        };
        Ok((vec![IdentityChange::Put(Identity::AccessKey(record))], access_key))
    };
    let access_key = account.change(change).await?;
    Ok(CreateAccessKeyOutput { access_key })
}
