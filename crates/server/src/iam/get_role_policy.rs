//! `GetRolePolicy`

use formiga_wire::iam::{GetRolePolicyInput, GetRolePolicyOutput};

use super::policies::{self, Named};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Tells a policy of a role, as it was sent.
pub(super) fn get_role_policy(
    ctx: &Context,
    input: GetRolePolicyInput,
) -> Result<GetRolePolicyOutput, ApiError> {
    let named = Named { kind: Kind::Role, of: input.role_name, policy: input.policy_name };
    let (role_name, policy_name, policy_document) =
        policies::get(&ctx.manage()?, "GetRolePolicy", &named)?;
    Ok(GetRolePolicyOutput { role_name, policy_name, policy_document })
}
