//! `ListInstanceProfilesForRole`

use formiga_wire::iam::{ListInstanceProfilesForRoleInput, ListInstanceProfilesForRoleOutput};

use super::checks::ROLE_NAME;
use super::pages;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Lists nothing for a role that exists: there are no instance profiles here. Tools ask before they delete.
pub(super) fn list_instance_profiles_for_role(
    ctx: &Context,
    input: &ListInstanceProfilesForRoleInput,
) -> Result<ListInstanceProfilesForRoleOutput, ApiError> {
    let account = ctx.manage()?;
    let name = input.role_name.as_deref();
    pages::check(("roleName", name, ROLE_NAME), true, input.marker.as_deref(), input.max_items)?;
    account.find("ListInstanceProfilesForRole", Kind::Role, name.unwrap_or_default())?;
    Ok(ListInstanceProfilesForRoleOutput::default())
}
