//! `TagQueue`

use formiga_engine::catalog::CatalogChange;
use formiga_wire::sqs::TagQueueInput;

use crate::context::Context;
use crate::error::{self, ApiError};

/// Adds tags, or replaces those with the same keys.
pub(crate) async fn tag_queue(ctx: &Context, input: TagQueueInput) -> Result<(), ApiError> {
    let queue = ctx.find(input.queue_url.as_deref())?;
    let tags = input.tags.filter(|tags| !tags.is_empty()).ok_or_else(|| error::missing("Tags"))?;
    ctx.change(&queue, CatalogChange::Tag(tags)).await
}
