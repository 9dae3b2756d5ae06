//! `AddPermission`

use formiga_engine::catalog::CatalogChange;
use formiga_engine::permission::Permission;
use formiga_wire::sqs::AddPermissionInput;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Adds a statement to the queue's access policy that allows accounts to use actions.
pub(crate) async fn add_permission(
    ctx: &Context,
    input: AddPermissionInput,
) -> Result<(), ApiError> {
    let queue = ctx.find(Action::AddPermission, input.queue_url.as_deref())?;
    let label = input.label.filter(|label| !label.is_empty());
    let label = label.ok_or_else(|| error::missing("Label"))?;
    let actions = input.actions.filter(|actions| !actions.is_empty());
    let actions = actions.ok_or_else(|| error::missing("Actions"))?;
    let accounts = input.aws_account_ids.unwrap_or_default();
    let permission = Permission::parse(&label, &accounts, &actions).map_err(error::attribute)?;
    ctx.change(&queue, CatalogChange::AddPermission(permission)).await
}
