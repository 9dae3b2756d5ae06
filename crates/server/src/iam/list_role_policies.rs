//! `ListRolePolicies`

use formiga_wire::iam::{ListRolePoliciesInput, PolicyNamesOutput};

use super::checks::ROLE_NAME;
use super::pages::{self, Page};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Lists the names of a role's policies.
pub(super) fn list_role_policies(
    ctx: &Context,
    input: &ListRolePoliciesInput,
) -> Result<PolicyNamesOutput, ApiError> {
    let account = ctx.manage()?;
    let (marker, max_items) = (input.marker.as_deref(), input.max_items);
    let name = input.role_name.as_deref();
    pages::check(("roleName", name, ROLE_NAME), true, marker, max_items)?;
    let found = account.find("ListRolePolicies", Kind::Role, name.unwrap_or_default())?;
    let page = Page::parse(marker, max_items)?;
    let names = found.record.policies.keys().filter(|name| **name > page.after);
    let (names, marker) = page.cut(names, |name| name.as_str());
    let policy_names = names.into_iter().cloned().collect();
    Ok(PolicyNamesOutput { policy_names, is_truncated: marker.is_some(), marker })
}
