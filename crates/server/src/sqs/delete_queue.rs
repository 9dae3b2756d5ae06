//! `DeleteQueue`

use formiga_engine::catalog::CatalogChange;
use formiga_wire::sqs::DeleteQueueInput;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::ApiError;

/// Deletes a queue with everything in it, at once.
pub(crate) async fn delete_queue(ctx: &Context, input: DeleteQueueInput) -> Result<(), ApiError> {
    let queue = ctx.find(Action::DeleteQueue, input.queue_url.as_deref())?;
    ctx.change(&queue, CatalogChange::Delete).await
}
