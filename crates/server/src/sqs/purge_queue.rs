//! `PurgeQueue`

use formiga_engine::catalog::CatalogChange;
use formiga_wire::sqs::PurgeQueueInput;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::ApiError;

/// Removes every message that the queue holds at this moment, in whichever state, and none that is
/// sent later. Takes the same time however many there are.
pub(crate) async fn purge_queue(ctx: &Context, input: PurgeQueueInput) -> Result<(), ApiError> {
    let queue = ctx.find(Action::PurgeQueue, input.queue_url.as_deref())?;
    ctx.change(&queue, CatalogChange::Purge).await
}
