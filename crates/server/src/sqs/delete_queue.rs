//! `DeleteQueue`

use formiga_wire::sqs::DeleteQueueInput;

use crate::context::{Context, queue_does_not_exist};
use crate::error::{self, ApiError};

/// Deletes a queue with everything in it, at once.
pub(crate) async fn delete_queue(ctx: &Context, input: DeleteQueueInput) -> Result<(), ApiError> {
    let queue = ctx.find(input.queue_url.as_deref())?;
    let deleted = ctx.queues.delete(queue.entry().key.clone()).await;
    match deleted.map_err(|cause| error::unanswered(&cause, ctx.request_id))? {
        true => Ok(()),
        false => Err(queue_does_not_exist()),
    }
}
