//! `DeleteMessageBatch`

use formiga_wire::sqs::{
    DeleteMessageBatchInput, DeleteMessageBatchOutput, DeleteMessageBatchResultEntry,
};

use super::batch;
use super::delete_message::{parse_handle, refused};
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Deletes up to ten messages; a bad handle does not hold up the others.
pub(crate) async fn delete_message_batch(
    ctx: &Context,
    input: DeleteMessageBatchInput,
) -> Result<DeleteMessageBatchOutput, ApiError> {
    let queue = ctx.find(Action::DeleteMessage, input.queue_url.as_deref())?;
    let entry = "DeleteMessageBatchRequestEntry";
    let entries = batch::parse(input.entries, entry, |entry| entry.id.as_deref())?;
    let (mut handles, mut accepted) = (Vec::new(), Vec::new());
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match parse_handle(ctx, &queue, entry.receipt_handle.as_deref()) {
            Ok(handle) => {
                handles.push(handle);
                accepted.push(entry);
            }
            Err(refusal) => failed.push(batch::failed(entry.id.unwrap_or_default(), refusal)),
        }
    }
    let outcomes = match handles.is_empty() {
        true => Vec::new(),
        false => {
            let deleted = queue.delete(handles).await;
            deleted.map_err(|cause| error::unanswered(&cause, ctx.request_id))?
        }
    };
    for (entry, outcome) in accepted.into_iter().zip(outcomes) {
        let id = entry.id.unwrap_or_default();
        match outcome {
            Ok(()) => successful.push(DeleteMessageBatchResultEntry { id }),
            Err(refusal) => {
                let handle = entry.receipt_handle.unwrap_or_default();
                failed.push(batch::failed(id, refused(refusal, &handle)));
            }
        }
    }
    Ok(DeleteMessageBatchOutput { successful, failed })
}
