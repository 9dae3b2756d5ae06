//! `DeleteMessageBatch`

use formiga_wire::sqs::{
    DeleteMessageBatchInput, DeleteMessageBatchOutput, DeleteMessageBatchResultEntry,
};

use super::batch;
use super::delete_message::parse_handle;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Deletes up to ten messages; a bad handle does not hold up the others.
pub(crate) async fn delete_message_batch(
    ctx: &Context,
    input: DeleteMessageBatchInput,
) -> Result<DeleteMessageBatchOutput, ApiError> {
    let queue = ctx.find(input.queue_url.as_deref())?;
    let entry = "DeleteMessageBatchRequestEntry";
    let entries = batch::parse(input.entries, entry, |entry| entry.id.as_deref())?;
    let (mut positions, mut successful, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let id = entry.id.unwrap_or_default();
        match parse_handle(ctx, &queue, entry.receipt_handle.as_deref()) {
            Ok(position) => {
                positions.push(position);
                successful.push(DeleteMessageBatchResultEntry { id });
            }
            Err(refusal) => failed.push(batch::failed(id, refusal)),
        }
    }
    if !positions.is_empty() {
        let deleted = queue.delete(positions).await;
        deleted.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    }
    Ok(DeleteMessageBatchOutput { successful, failed })
}
