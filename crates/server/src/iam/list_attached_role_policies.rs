//! `ListAttachedRolePolicies`

use formiga_wire::iam::{ListAttachedRolePoliciesInput, ListAttachedRolePoliciesOutput};

use super::checks::ROLE_NAME;
use super::pages;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Lists nothing for a role that exists: there are no managed policies here. Tools ask before they delete.
pub(super) fn list_attached_role_policies(
    ctx: &Context,
    input: &ListAttachedRolePoliciesInput,
) -> Result<ListAttachedRolePoliciesOutput, ApiError> {
    let account = ctx.manage()?;
    let name = input.role_name.as_deref();
    pages::check(("roleName", name, ROLE_NAME), true, input.marker.as_deref(), input.max_items)?;
    account.find("ListAttachedRolePolicies", Kind::Role, name.unwrap_or_default())?;
    Ok(ListAttachedRolePoliciesOutput::default())
}
