//! `ListQueueTags`

use formiga_wire::sqs::{ListQueueTagsInput, ListQueueTagsOutput};

use crate::authorization::Action;
use crate::context::Context;
use crate::error::ApiError;

/// Answers the queue's tags.
pub(crate) fn list_queue_tags(
    ctx: &Context,
    input: &ListQueueTagsInput,
) -> Result<ListQueueTagsOutput, ApiError> {
    let queue = ctx.find(Action::ListQueueTags, input.queue_url.as_deref())?;
    Ok(ListQueueTagsOutput { tags: queue.entry().tags.clone() })
}
