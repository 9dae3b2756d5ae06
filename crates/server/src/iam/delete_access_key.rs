//! `DeleteAccessKey`

use formiga_store::{IdentityChange, IdentityKey};
use formiga_wire::iam::DeleteAccessKeyInput;

use super::checks::{ACCESS_KEY_ID, Checks, NAME};
use super::managed::{no_such_key, still};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::State;

/// Deletes an access key of a user. The sessions that began with it end with it.
pub(super) async fn delete_access_key(
    ctx: &Context,
    input: DeleteAccessKeyInput,
) -> Result<(), ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    checks.optional("userName", input.user_name.as_deref(), NAME);
    let id = checks.required("accessKeyId", input.access_key_id.as_deref(), ACCESS_KEY_ID);
    checks.done()?;
    let found = account.find_user("DeleteAccessKey", input.user_name.as_deref())?;
    let id = id.to_owned();
    let change = move |state: &State| {
        let user = &still(state, &found)?.record;
        let mut keys = state.keys_of(user.account, Some(&user.unique_id));
        keys.find(|key| key.record.id == id).ok_or_else(|| no_such_key(&id))?;
        Ok((vec![IdentityChange::Remove(IdentityKey::AccessKey(id))], ()))
    };
    account.change(change).await
}
