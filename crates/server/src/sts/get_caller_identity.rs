//! `GetCallerIdentity`

use formiga_wire::sts::GetCallerIdentityOutput;

use crate::context::Context;
use crate::error::{self, ApiError};

/// Tells who calls. No policy is asked: whoever signs knows it already. Where nobody is checked, the
/// caller is the root of the account that the access key names.
pub(super) fn get_caller_identity(ctx: &Context) -> Result<GetCallerIdentityOutput, ApiError> {
    let account = ctx.caller.account.to_string();
    let Some(access) = &ctx.access else {
        let arn = format!("arn:aws:iam::{account}:root");
        return Ok(GetCallerIdentityOutput { arn, user_id: account.clone(), account });
    };
    let caller = &access.principal.caller;
    let arn = caller.arn().ok_or_else(error::unsigned)?;
    Ok(GetCallerIdentityOutput { arn, user_id: caller.user_id(), account })
}
