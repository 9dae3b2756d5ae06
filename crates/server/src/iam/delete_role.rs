//! `DeleteRole`

use formiga_wire::error::ErrorKind;
use formiga_wire::iam::DeleteRoleInput;

use super::checks::{Checks, ROLE_NAME};
use super::managed::still;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::{Kind, State};

/// Deletes a role that has no policies any more. The role's sessions end with it.
pub(super) async fn delete_role(ctx: &Context, input: DeleteRoleInput) -> Result<(), ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    let name = checks.required("roleName", input.role_name.as_deref(), ROLE_NAME);
    checks.done()?;
    let found = account.find("DeleteRole", Kind::Role, name)?;
    let change = move |state: &State| {
        let role = still(state, &found)?;
        if !role.record.policies.is_empty() {
            let message = "Cannot delete entity, must delete policies first.";
            return Err(ApiError::new(ErrorKind::DeleteConflict, message));
        }
        Ok((vec![role.removal()], ()))
    };
    account.change(change).await
}
