//! `UntagQueue`

use formiga_engine::catalog::CatalogChange;
use formiga_engine::tags::TagRefusal;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::UntagQueueInput;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::ApiError;

/// Removes the tags with the given keys. Keys that no tag has are ignored.
pub(crate) async fn untag_queue(ctx: &Context, input: UntagQueueInput) -> Result<(), ApiError> {
    let queue = ctx.find_with(input.queue_url.as_deref(), |key, queue| {
        ctx.authorize_with(Action::UntagQueue, key, queue, |conditions| {
            for key in input.tag_keys.iter().flatten() {
                conditions.add("aws:TagKeys", key);
            }
        })
    })?;
    let keys = input.tag_keys.unwrap_or_default();
    if keys.is_empty() {
        let message = TagRefusal::KeyLength.to_string();
        return Err(ApiError::new(ErrorKind::InvalidParameterValue, message));
    }
    ctx.change(&queue, CatalogChange::Untag(keys)).await
}
