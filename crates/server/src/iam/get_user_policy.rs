//! `GetUserPolicy`

use formiga_wire::iam::{GetUserPolicyInput, GetUserPolicyOutput};

use super::policies::{self, Named};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Tells a policy of a user, as it was sent.
pub(super) fn get_user_policy(
    ctx: &Context,
    input: GetUserPolicyInput,
) -> Result<GetUserPolicyOutput, ApiError> {
    let named = Named { kind: Kind::User, of: input.user_name, policy: input.policy_name };
    let (user_name, policy_name, policy_document) =
        policies::get(&ctx.manage()?, "GetUserPolicy", &named)?;
    Ok(GetUserPolicyOutput { user_name, policy_name, policy_document })
}
