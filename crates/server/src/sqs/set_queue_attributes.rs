//! `SetQueueAttributes`

use formiga_engine::catalog::CatalogChange;
use formiga_wire::sqs::SetQueueAttributesInput;

use super::attributes;
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Sets all of the attributes, or none; they count from the next request on.
pub(crate) async fn set_queue_attributes(
    ctx: &Context,
    input: SetQueueAttributesInput,
) -> Result<(), ApiError> {
    let queue = ctx.find(Action::SetQueueAttributes, input.queue_url.as_deref())?;
    let given = input.attributes.filter(|attributes| !attributes.is_empty());
    let given = given.ok_or_else(|| error::missing("Attributes"))?;
    let changes = attributes::parse_names(given)?;
    attributes::check_policy(ctx, &queue.entry().key, &changes)?;
    ctx.change(&queue, CatalogChange::SetAttributes(changes)).await
}
