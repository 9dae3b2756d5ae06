//! `DeleteUserPolicy`

use formiga_wire::iam::DeleteUserPolicyInput;

use super::policies::{self, Named};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Deletes a policy of a user.
pub(super) async fn delete_user_policy(
    ctx: &Context,
    input: DeleteUserPolicyInput,
) -> Result<(), ApiError> {
    let named = Named { kind: Kind::User, of: input.user_name, policy: input.policy_name };
    policies::delete(&ctx.manage()?, "DeleteUserPolicy", named).await
}
