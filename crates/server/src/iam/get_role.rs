//! `GetRole`

use formiga_wire::iam::{GetRoleInput, Role, RoleLastUsed, RoleOutput};

use super::answers;
use super::checks::{Checks, ROLE_NAME};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Tells about a role.
pub(super) fn get_role(ctx: &Context, input: &GetRoleInput) -> Result<RoleOutput, ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    let name = checks.required("roleName", input.role_name.as_deref(), ROLE_NAME);
    checks.done()?;
    let found = account.find("GetRole", Kind::Role, name)?;
    let role = answers::role(&found).expect("a role was looked for");
    let max = found.role.as_ref().map(|role| role.record.max_session_seconds.into());
    let tags = answers::tags(&found);
    let role_last_used = Some(RoleLastUsed {});
    Ok(RoleOutput { role: Role { tags, max_session_duration: max, role_last_used, ..role } })
}
