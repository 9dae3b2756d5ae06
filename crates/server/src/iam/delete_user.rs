//! `DeleteUser`

use formiga_wire::error::ErrorKind;
use formiga_wire::iam::DeleteUserInput;

use super::checks::{Checks, NAME};
use super::managed::still;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::{Kind, State};

/// Deletes a user who has neither policies nor keys any more. The user's sessions end with it.
pub(super) async fn delete_user(ctx: &Context, input: DeleteUserInput) -> Result<(), ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    let name = checks.required("userName", input.user_name.as_deref(), NAME);
    checks.done()?;
    let found = account.find("DeleteUser", Kind::User, name)?;
    let change = move |state: &State| {
        let user = still(state, &found)?;
        let conflict = |message: &str| Err(ApiError::new(ErrorKind::DeleteConflict, message));
        if !user.record.policies.is_empty() {
            return conflict("Cannot delete entity, must delete policies first.");
        }
        if state.keys_of(user.record.account, Some(&user.record.unique_id)).next().is_some() {
            return conflict("Cannot delete entity, must delete access keys first.");
        }
        Ok((vec![user.removal()], ()))
    };
    account.change(change).await
}
