//! `GetUser`

use formiga_wire::iam::{GetUserInput, UserOutput};

use super::answers;
use super::checks::{Checks, NAME};
use crate::context::Context;
use crate::error::ApiError;

/// Tells about a user; without a name, about the one who calls.
pub(super) fn get_user(ctx: &Context, input: &GetUserInput) -> Result<UserOutput, ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    checks.optional("userName", input.user_name.as_deref(), NAME);
    checks.done()?;
    let found = account.find_user("GetUser", input.user_name.as_deref())?;
    let mut user = answers::user(&found);
    user.tags = answers::tags(&found);
    Ok(UserOutput { user })
}
