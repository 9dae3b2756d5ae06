//! `TagQueue`

use formiga_engine::catalog::CatalogChange;
use formiga_wire::sqs::TagQueueInput;

use crate::authorization::{Action, Conditions};
use crate::context::Context;
use crate::error::{self, ApiError};

/// Adds tags, or replaces those with the same keys.
pub(crate) async fn tag_queue(ctx: &Context, input: TagQueueInput) -> Result<(), ApiError> {
    let queue = ctx.find_with(input.queue_url.as_deref(), |key, queue| {
        ctx.authorize_with(Action::TagQueue, key, queue, |conditions| {
            add_request_tags(conditions, input.tags.as_ref().into_iter().flatten());
        })
    })?;
    let tags = input.tags.filter(|tags| !tags.is_empty()).ok_or_else(|| error::missing("Tags"))?;
    ctx.change(&queue, CatalogChange::Tag(tags)).await
}

/// What a request wants to tag a queue with, for conditions to compare.
pub(super) fn add_request_tags<'a>(
    conditions: &mut Conditions,
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    for (key, value) in tags {
        conditions.add(&format!("aws:RequestTag/{key}"), value);
        conditions.add("aws:TagKeys", key);
    }
}
