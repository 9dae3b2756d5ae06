//! `UpdateAccessKey`

use formiga_store::{AccessKeyRecord, Identity, IdentityChange};
use formiga_wire::iam::UpdateAccessKeyInput;

use super::checks::{ACCESS_KEY_ID, Checks, NAME};
use super::managed::{no_such_key, still};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::State;

/// Turns an access key of a user off or on. What is signed with one that is off is refused, and so
/// are the sessions that began with it.
pub(super) async fn update_access_key(
    ctx: &Context,
    input: UpdateAccessKeyInput,
) -> Result<(), ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    checks.optional("userName", input.user_name.as_deref(), NAME);
    let id = checks.required("accessKeyId", input.access_key_id.as_deref(), ACCESS_KEY_ID);
    let is_active = checks.status(input.status.as_deref());
    checks.done()?;
    let found = account.find_user("UpdateAccessKey", input.user_name.as_deref())?;
    let id = id.to_owned();
    let change = move |state: &State| {
        let user = &still(state, &found)?.record;
        let mut keys = state.keys_of(user.account, Some(&user.unique_id));
        let key = keys.find(|key| key.record.id == id).ok_or_else(|| no_such_key(&id))?;
        let changed = AccessKeyRecord { is_active, ..key.record.clone() };
        Ok((vec![IdentityChange::Put(Identity::AccessKey(changed))], ()))
    };
    account.change(change).await
}
