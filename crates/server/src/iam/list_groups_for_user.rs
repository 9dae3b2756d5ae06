//! `ListGroupsForUser`

use formiga_wire::iam::{ListGroupsForUserInput, ListGroupsForUserOutput};

use super::checks::NAME;
use super::pages;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::Kind;

/// Lists nothing for a user who exists: there are no groups here. Tools ask before they delete.
pub(super) fn list_groups_for_user(
    ctx: &Context,
    input: &ListGroupsForUserInput,
) -> Result<ListGroupsForUserOutput, ApiError> {
    let account = ctx.manage()?;
    let name = input.user_name.as_deref();
    pages::check(("userName", name, NAME), true, input.marker.as_deref(), input.max_items)?;
    account.find("ListGroupsForUser", Kind::User, name.unwrap_or_default())?;
    Ok(ListGroupsForUserOutput::default())
}
