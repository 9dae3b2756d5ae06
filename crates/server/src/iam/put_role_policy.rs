//! `PutRolePolicy`

use formiga_wire::iam::PutRolePolicyInput;

use super::policies::{self, Named};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Sets a policy of a role, in place of one that has the same name. It counts from the next request on.
pub(super) async fn put_role_policy(
    ctx: &Context,
    input: PutRolePolicyInput,
) -> Result<(), ApiError> {
    let named = Named { kind: Kind::Role, of: input.role_name, policy: input.policy_name };
    policies::put(&ctx.manage()?, "PutRolePolicy", named, input.policy_document).await
}
