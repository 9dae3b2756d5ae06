//! `RemovePermission`

use formiga_engine::catalog::CatalogChange;
use formiga_wire::sqs::RemovePermissionInput;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Removes the statement with the given label from the queue's access policy, whether it came from
/// AddPermission or with the policy.
pub(crate) async fn remove_permission(
    ctx: &Context,
    input: RemovePermissionInput,
) -> Result<(), ApiError> {
    let queue = ctx.find(Action::RemovePermission, input.queue_url.as_deref())?;
    let label = input.label.filter(|label| !label.is_empty());
    let label = label.ok_or_else(|| error::missing("Label"))?;
    ctx.change(&queue, CatalogChange::RemovePermission(label)).await
}
