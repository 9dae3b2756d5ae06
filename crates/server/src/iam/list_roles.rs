//! `ListRoles`

use formiga_wire::iam::{ListRolesInput, ListRolesOutput, Role};

use super::answers;
use super::checks::{Checks, PATH_PREFIX};
use super::pages::Page;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Lists the roles of the account, in the order of their names.
pub(super) fn list_roles(
    ctx: &Context,
    input: &ListRolesInput,
) -> Result<ListRolesOutput, ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    let prefix = checks.optional("pathPrefix", input.path_prefix.as_deref(), PATH_PREFIX);
    let prefix = prefix.unwrap_or("/");
    checks.page(input.marker.as_deref(), input.max_items);
    checks.done()?;
    account.authorize("ListRoles", &account.arn(Kind::Role, prefix, ""))?;
    let page = Page::parse(input.marker.as_deref(), input.max_items)?;
    let state = account.identities().read();
    let following = state.entities(Kind::Role, account.account, &page.after);
    let following = following.filter(|role| role.record.path.starts_with(prefix));
    let (found, marker) = page.cut(following, |role| &role.record.name);
    let tell = |role: &std::sync::Arc<crate::identities::Entity>| {
        let max = role.role.as_ref()?.record.max_session_seconds;
        Some(Role { max_session_duration: Some(max.into()), ..answers::role(role)? })
    };
    let roles = found.into_iter().filter_map(tell).collect();
    Ok(ListRolesOutput { roles, is_truncated: marker.is_some(), marker })
}
