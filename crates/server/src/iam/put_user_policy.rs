//! `PutUserPolicy`

use formiga_wire::iam::PutUserPolicyInput;

use super::policies::{self, Named};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Sets a policy of a user, in place of one that has the same name. It counts from the next request on.
pub(super) async fn put_user_policy(
    ctx: &Context,
    input: PutUserPolicyInput,
) -> Result<(), ApiError> {
    let named = Named { kind: Kind::User, of: input.user_name, policy: input.policy_name };
    policies::put(&ctx.manage()?, "PutUserPolicy", named, input.policy_document).await
}
