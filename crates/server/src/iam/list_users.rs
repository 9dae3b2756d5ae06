//! `ListUsers`

use formiga_wire::iam::{ListUsersInput, ListUsersOutput};

use super::answers;
use super::checks::{Checks, PATH_PREFIX};
use super::pages::Page;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Lists the users of the account, in the order of their names.
pub(super) fn list_users(
    ctx: &Context,
    input: &ListUsersInput,
) -> Result<ListUsersOutput, ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    let prefix = checks.optional("pathPrefix", input.path_prefix.as_deref(), PATH_PREFIX);
    let prefix = prefix.unwrap_or("/");
    checks.page(input.marker.as_deref(), input.max_items);
    checks.done()?;
    account.authorize("ListUsers", &account.arn(Kind::User, prefix, ""))?;
    let page = Page::parse(input.marker.as_deref(), input.max_items)?;
    let state = account.identities().read();
    let following = state.entities(Kind::User, account.account, &page.after);
    let following = following.filter(|user| user.record.path.starts_with(prefix));
    let (found, marker) = page.cut(following, |user| &user.record.name);
    let users = found.into_iter().map(|user| answers::user(user)).collect();
    Ok(ListUsersOutput { users, is_truncated: marker.is_some(), marker })
}
