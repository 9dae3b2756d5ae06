//! `DeleteRolePolicy`

use formiga_wire::iam::DeleteRolePolicyInput;

use super::policies::{self, Named};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Deletes a policy of a role.
pub(super) async fn delete_role_policy(
    ctx: &Context,
    input: DeleteRolePolicyInput,
) -> Result<(), ApiError> {
    let named = Named { kind: Kind::Role, of: input.role_name, policy: input.policy_name };
    policies::delete(&ctx.manage()?, "DeleteRolePolicy", named).await
}
